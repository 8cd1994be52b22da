"""Data without noise and of a low rank: rounding decides nothing, whatever the chunks."""

import dask.array as da
import numpy as np
import pytest
from scans import counts
from sklearn.decomposition import NMF, PCA

from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.compression import compress
from hs_nmfcluster.factorization.constraints import Constraints
from hs_nmfcluster.factorization.constraints.band_limit import BandLimit
from hs_nmfcluster.factorization.fit import fit
from hs_nmfcluster.factorization.rank_curves import rank_curves
from hs_nmfcluster.factorization.settings import Settings

SHAPE, RANK = (8, 9, 10, 11), 4
# Chunks along the scan, and into how many blocks they divide it.
CHUNKS = {(3, 4): 9, ((1, 7), (8, 1)): 4}
SINGLE = {(1, 1): 72}
SETTINGS = Settings(restarts=4, seed=1)


def exact(rank=RANK, shape=SHAPE, offset=0.0):
    """Mixtures of a few patterns without noise."""
    rng = np.random.default_rng(3)
    positions, pixels = int(np.prod(shape[:2])), int(np.prod(shape[2:]))
    maps = rng.random((positions, rank)) * (rng.random((positions, rank)) < 0.6)
    patterns = rng.random((rank, pixels)) * (rng.random((rank, pixels)) < 0.5)
    return (100 * maps @ patterns + offset).reshape(shape)


def denoised(dtype="f4"):
    """Counts of which a PCA has left the leading components, negatives and all."""
    X = counts(SHAPE, k=RANK, level=20.0, seed=5).reshape(-1, 110).astype(float)
    pca = PCA(RANK).fit(X)
    return pca.inverse_transform(pca.transform(X)).astype(dtype).reshape(SHAPE)


SCANS = {
    "exact": exact,
    "on a constant": lambda: exact(RANK - 1, offset=1.0),
    "denoised, single precision": denoised,
    "denoised, double precision": lambda: denoised("f8"),
    "denoised and clipped": lambda: np.maximum(denoised(), 0),
}


def assert_same(found, expected, tolerance=2e-5):
    for one, other in ((found.maps, expected.maps), (found.patterns, expected.patterns)):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * other.max())
    negligible = 1e-12 * expected.mean_square
    np.testing.assert_allclose(found.mse, expected.mse, rtol=1e-3, atol=negligible)
    np.testing.assert_allclose(found.restart_mse, expected.restart_mse, rtol=1e-3, atol=negligible)
    assert (found.passes, found.best) == (expected.passes, expected.best)


@pytest.mark.slow
class TestChunks:
    @pytest.mark.parametrize("k", [RANK - 1, RANK, RANK + 1, RANK + 3, RANK + 6])
    @pytest.mark.parametrize("name", SCANS)
    def test_say_nothing(self, name, k, block_numbers):
        data = SCANS[name]()
        expected = fit(ScanMatrix.from_array(data), k, SETTINGS)
        # 300 are allowed.
        assert expected.passes <= 110
        # Each block costs in each pass.
        for chunks, number in (CHUNKS | SINGLE if k == RANK else CHUNKS).items():
            lazy = ScanMatrix.from_array(da.from_array(data, chunks=(*chunks, -1, -1)))
            assert block_numbers[-1] == number
            # The more components beyond the rank, the closer to singular are the systems.
            assert_same(fit(lazy, k, SETTINGS), expected, 2e-5 if k <= RANK + 3 else 1e-3)

    @pytest.mark.parametrize("k", [1, 2, 4])
    @pytest.mark.parametrize("data", [exact(1), np.full(SHAPE, 5.0)], ids=["rank 1", "constant"])
    def test_say_nothing_of_one_component(self, data, k, block_numbers):
        expected = fit(ScanMatrix.from_array(data), k, SETTINGS)
        assert expected.mse < 1e-14 * expected.mean_square
        for chunks, number in (CHUNKS | SINGLE).items():
            lazy = ScanMatrix.from_array(da.from_array(data, chunks=(*chunks, -1, -1)))
            assert block_numbers[-1] == number
            assert_same(fit(lazy, k, SETTINGS), expected)

    @pytest.mark.parametrize("k", [RANK - 1, RANK])
    def test_say_nothing_to_the_paper_s_procedure(self, k, block_numbers):
        data = denoised()
        expected = fit(ScanMatrix.from_array(data), k, SETTINGS, compressed=False)
        lazy = ScanMatrix.from_array(da.from_array(data, chunks=(3, 4, -1, -1)))
        assert block_numbers[-1] == 9
        assert_same(fit(lazy, k, SETTINGS, compressed=False), expected)

    @pytest.mark.parametrize("k", [RANK + 3])
    def test_say_nothing_of_a_scan_with_very_many_positions(self, k, block_numbers):
        data = exact(shape=(190, 180, 5, 6))
        expected = fit(ScanMatrix.from_array(data), k, SETTINGS)
        lazy = ScanMatrix.from_array(da.from_array(data, chunks=(40, 35, -1, -1)))
        assert block_numbers[-1] == 30
        assert_same(fit(lazy, k, SETTINGS), expected)

    @pytest.mark.parametrize("k", [RANK, RANK + 3])
    def test_say_nothing_under_constraints(self, k, block_numbers):
        data = exact()
        band = BandLimit.of_scan(SHAPE[:2], (1.0, 1.0), 3.0)
        settings = Settings(restarts=3, seed=1, constraints=Constraints(maps=band))
        expected = fit(ScanMatrix.from_array(data), k, settings)
        lazy = ScanMatrix.from_array(da.from_array(data, chunks=(3, 4, -1, -1)))
        assert block_numbers[-1] == 9
        assert_same(fit(lazy, k, settings), expected, tolerance=1e-3)

    def test_say_nothing_of_a_study(self, block_numbers):
        data, ranks = denoised(), np.array([2, 4, 7])
        expected = rank_curves(ScanMatrix.from_array(data), ranks, SETTINGS)
        lazy = ScanMatrix.from_array(da.from_array(data, chunks=(2, 3, -1, -1)))
        assert block_numbers[-1] == 12
        found = rank_curves(lazy, ranks, SETTINGS)
        negligible = 1e-12 * float((data.astype(float) ** 2).mean())
        np.testing.assert_allclose(found.nmf_mse, expected.nmf_mse, rtol=1e-3, atol=negligible)
        np.testing.assert_allclose(found.stability, expected.stability, atol=1e-4)
        assert found.passes == expected.passes


class TestRank:
    @pytest.mark.parametrize("name", [name for name in SCANS if "clipped" not in name])
    def test_no_vectors_of_rounding(self, name):
        X = SCANS[name]().reshape(72, 110).astype(float)
        found = compress(ScanMatrix.from_array(X.reshape(SHAPE)), 12)
        squares = np.linalg.svd(X, compute_uv=False) ** 2
        assert len(found.basis) == np.sum(squares > 1e-11 * squares.sum())
        assert found.pca_mse(12) <= 1e-11 * (X**2).mean()

    def test_vectors_of_noise_stay(self):
        found = compress(ScanMatrix.from_array(counts(SHAPE, k=2)), 6)
        assert len(found.basis) >= 12


class TestQuality:
    @pytest.mark.parametrize("k", [RANK, RANK + 1, RANK + 3, RANK + 6])
    def test_as_good_as_scikit_learn(self, k):
        data = exact()
        X = data.reshape(72, 110)
        found = fit(ScanMatrix.from_array(data), k, SETTINGS)
        nmf = NMF(k, init="random", tol=1e-6, max_iter=2000, random_state=0)
        theirs = ((X - nmf.fit_transform(X) @ nmf.components_) ** 2).mean()
        assert found.mse <= max(theirs, 1e-8 * (X**2).mean())

    def test_more_components_than_the_rank_describe_what_the_rank_cannot(self):
        """A square's corners span three dimensions, and no three patterns reach all of them."""
        corners = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1.0]])
        data = np.repeat(corners, 6, axis=0).reshape(4, 6, 2, 2)
        few, enough = (fit(ScanMatrix.from_array(data), k, SETTINGS).mse for k in (3, 4))
        assert few > 0.01
        assert enough < 1e-5
