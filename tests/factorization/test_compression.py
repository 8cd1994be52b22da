"""The PCA curve against a full singular value decomposition."""

import warnings

import dask
import dask.array as da
import numpy as np
import pytest
from scans import Watcher, counts
from sklearn.decomposition import NMF

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.compression import compress


def with_singular_values(values, n_rows, n_columns, seed=0):
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.normal(size=(n_rows, len(values))))[0]
    right = np.linalg.qr(rng.normal(size=(n_columns, len(values))))[0]
    return (left * values) @ right.T


def poisson(level, *shape):
    return np.random.default_rng(1).poisson(level, shape).astype(float)


def mixture(n_rows, n_columns, k):
    rng = np.random.default_rng(2)
    return rng.random((n_rows, k)) @ rng.random((k, n_columns))


INDEX = np.arange(1, 301)
# Matrix, and the largest number of components asked for.
SPECTRA = {
    "noise": (poisson(20.0, 300, 400), 20),
    "few counts": (poisson(0.1, 600, 400), 30),
    "much noise, few components": (poisson(3.0, 900, 700), 3),
    "components in noise": (50 * mixture(500, 400, 8) + poisson(1.0, 500, 400), 25),
    "mean and noise": (with_singular_values(np.append(300, 1 - INDEX / 600), 400, 500), 10),
    "fewer components than asked for": (
        with_singular_values(np.append([8, 6, 5, 3, 1.3], np.sqrt(1 - INDEX / 301)), 400, 500),
        10,
    ),
    "slow decay": (with_singular_values(INDEX**-0.25, 300, 400), 20),
    "faster decay": (with_singular_values(INDEX**-0.5, 500, 300), 30),
    "all equal": (with_singular_values(np.ones(300), 300, 320), 10),
    "exponential": (with_singular_values(np.exp(-INDEX / 10), 300, 300), 20),
    "as many as possible": (mixture(30, 40, 40), 30),
    "one component": (poisson(5.0, 60, 50), 1),
    "more pixels than positions": (poisson(5.0, 12, 500), 10),
    "more positions than pixels": (poisson(5.0, 500, 12), 10),
}
# Matrices whose residual vanishes within the components asked for.
DEFICIENT = {
    "rank 3": (mixture(100, 90, 3), 10),
    "rank 1": (mixture(50, 40, 1), 5),
    "constant": (np.full((20, 30), 5.0), 5),
    "constant, as many as possible": (np.full((20, 30), 5.0), 20),
    "2 × 4": (mixture(2, 4, 4), 2),
    "one position": (mixture(1, 7, 1), 1),
    "one pixel": (mixture(7, 1, 1), 1),
    "identity": (np.eye(40)[:, :30], 30),
    "empty pixels and positions": (np.pad(mixture(20, 15, 4), 3), 8),
}


def matrix_of(X):
    return ScanMatrix.from_array(X.reshape(len(X), 1, -1))


def full_curve(X, rank):
    squares = np.linalg.svd(X, compute_uv=False) ** 2
    return np.array([squares[k:].sum() for k in range(1, rank + 1)]) / X.size


def curve(compression, rank):
    return np.array([compression.pca_mse(k) for k in range(1, rank + 1)])


class TestPcaCurve:
    @pytest.mark.parametrize("name", SPECTRA)
    def test_within_a_hundredth_per_cent_of_the_full_decomposition(self, name):
        X, rank = SPECTRA[name]
        exact = full_curve(X, rank)
        rounding = 1e-12 * (X**2).mean()
        found = curve(compress(matrix_of(X), rank), rank)
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=rounding)
        assert (found >= exact - rounding).all()

    @pytest.mark.parametrize("name", DEFICIENT)
    def test_nothing_left(self, name):
        X, rank = DEFICIENT[name]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = compress(matrix_of(X), rank)
        np.testing.assert_allclose(
            curve(found, rank), full_curve(X, rank), rtol=1e-4, atol=1e-13 * (X**2).mean()
        )
        np.testing.assert_allclose(
            found.scores @ found.basis, X, rtol=0, atol=1e-7 * np.abs(X).max()
        )

    @pytest.mark.parametrize("name", ["noise", "components in noise", "few counts"])
    def test_no_factorization_lies_below(self, name):
        X, _ = SPECTRA[name]
        found = compress(matrix_of(X), 6)
        for k in (1, 3, 6):
            nmf = NMF(k, init="nndsvda", max_iter=60, tol=1e-3)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                W = nmf.fit_transform(X)
            mse = ((X - W @ nmf.components_) ** 2).mean()
            assert found.pca_mse(k) <= mse + 1e-13 * (X**2).mean()

    def test_does_not_rise(self):
        X, rank = SPECTRA["slow decay"]
        assert (np.diff(curve(compress(matrix_of(X), rank), rank)) <= 0).all()

    def test_integers_and_their_square(self):
        data = counts().astype(">u2")
        found = compress(ScanMatrix.from_array(data), 3)
        assert found.square == (data.astype(float) ** 2).sum()
        assert found.size == data.size

    def test_single_precision_far_from_zero(self):
        """Sums of squares in single precision would be off by more than this MSE."""
        X = (1e3 + mixture(200, 150, 3) + 1e-1 * poisson(1.0, 200, 150)).astype("f4")
        found = curve(compress(matrix_of(X), 5), 5)
        np.testing.assert_allclose(found, full_curve(X.astype(float), 5), rtol=1e-4)


class TestSubspace:
    @pytest.mark.parametrize("name", [*SPECTRA, *DEFICIENT])
    def test_basis_is_orthonormal(self, name):
        X, rank = (SPECTRA | DEFICIENT)[name]
        found = compress(matrix_of(X), rank)
        np.testing.assert_allclose(found.basis @ found.basis.T, np.eye(len(found.basis)), atol=1e-9)
        np.testing.assert_allclose(
            found.scores, X @ found.basis.T, atol=1e-10 * np.linalg.norm(X, 2)
        )

    def test_leading_singular_vectors(self):
        X = with_singular_values(0.8**INDEX, 300, 320)
        found = compress(matrix_of(X), 6)
        _, values, vectors = np.linalg.svd(X)
        overlap = np.abs(np.sum(found.basis[:6] * vectors[:6], axis=1))
        np.testing.assert_allclose(overlap, 1, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(found.scores[:, :6], axis=0), values[:6])
        assert ((found.basis[:6] ** 3).sum(axis=1) > 0).all()

    @pytest.mark.parametrize("name", ["noise", "slow decay", "components in noise"])
    def test_kept_are_several_times_the_rank(self, name):
        X, rank = SPECTRA[name]
        assert 2 * rank <= len(compress(matrix_of(X), rank).basis) <= 5 * rank


class TestVeryManyPositions:
    @pytest.fixture(scope="class")
    @classmethod
    def found(cls):
        data = counts((250, 240, 4, 6), k=3, level=10.0)
        return compress(ScanMatrix.from_array(data), 4)

    def test_scores_are_of_a_sample(self, found):
        assert not found.complete
        assert len(found.scores) < 40_000

    def test_sums_over_it_are_those_over_all(self, found):
        gram = found.scores.T @ found.scores
        leading = found.squared_singular_values[:4]
        np.testing.assert_allclose(np.diag(gram)[:4], leading, rtol=0.03)
        correlations = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
        np.testing.assert_allclose(correlations, np.eye(len(gram)), atol=0.05)


class TestRepeats:
    @pytest.mark.parametrize("chunks", [(1, 1, 20, 18), (12, 3, 4, 5), (5, 4, 20, 7)])
    @pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
    def test_whatever_the_chunks_and_the_scheduler(self, chunks, scheduler):
        data = counts((12, 10, 20, 18), k=6, level=5.0)
        eager = compress(ScanMatrix.from_array(data), 8, seed=3)
        with dask.config.set(scheduler=scheduler):
            lazy = compress(ScanMatrix.from_array(da.from_array(data, chunks=chunks)), 8, seed=3)
        np.testing.assert_allclose(curve(lazy, 8), curve(eager, 8), rtol=1e-12)
        np.testing.assert_allclose(lazy.basis, eager.basis, atol=1e-9)
        np.testing.assert_allclose(lazy.scores, eager.scores, atol=1e-9 * eager.scores.max())


class TestPasses:
    @pytest.mark.parametrize("name", SPECTRA)
    def test_at_most_fourteen(self, name):
        X, rank = SPECTRA[name]
        job = Job()
        compress(matrix_of(X), rank, job=job)
        assert job.passes <= 14

    def test_each_is_counted_and_told(self):
        reads, job = [], Job(Watcher())

        def read(block):
            reads.append(block.shape)
            return block

        X, rank = SPECTRA["components in noise"]
        source = da.from_array(X.reshape(500, 20, 20), chunks=(100, 20, 20))
        counted = source.map_blocks(read, dtype=X.dtype, meta=np.empty((0, 0, 0)))
        with dask.config.set(scheduler="synchronous"):
            compress(ScanMatrix.from_array(counted), rank, job=job)
        assert len(reads) == 5 * job.passes
        assert job.progress.passes == pytest.approx(job.passes)


def of_neighbours(X, number=10):
    """Sums of so many rows that follow each other."""
    return np.add.reduceat(X, np.arange(0, len(X), number), axis=0)


class TestStart:
    """Compression that begins with what is known of a scan."""

    @pytest.mark.parametrize("name", SPECTRA)
    def test_within_a_hundredth_per_cent_of_the_full_decomposition(self, name):
        X, rank = SPECTRA[name]
        found = curve(compress(matrix_of(X), rank, start=of_neighbours(X)), rank)
        np.testing.assert_allclose(
            found, full_curve(X, rank), rtol=1e-4, atol=1e-12 * (X**2).mean()
        )

    @pytest.mark.parametrize("rank", [1, 3, 25])
    def test_nothing_left(self, rank):
        X = mixture(500, 400, rank)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = compress(matrix_of(X), 10, start=of_neighbours(X))
        np.testing.assert_allclose(
            curve(found, 10), full_curve(X, 10), rtol=1e-4, atol=1e-13 * (X**2).mean()
        )
        assert len(found.basis) <= max(rank, 50)

    def test_takes_a_pass_less(self):
        X = mixture(480, 300, 6) + poisson(1.0, 480, 300) / 10
        jobs = [Job(), Job()]
        for job, start in zip(jobs, (None, of_neighbours(X)), strict=True):
            compress(matrix_of(X), 6, job=job, start=start)
        assert jobs[1].passes < jobs[0].passes

    def test_finds_what_the_start_does_not_hold(self):
        """Neighbours of opposite contrast cancel in every sum of them."""
        rng = np.random.default_rng(5)
        first, second = rng.random((2, 400))
        contrast = np.repeat(rng.uniform(1, 2, 240), 2)
        contrast[1::2] *= -1
        X = 5 + first * np.repeat(rng.random(48), 10)[:, None] + contrast[:, None] * second
        found = compress(matrix_of(X), 3, start=of_neighbours(X))
        np.testing.assert_allclose(curve(found, 3)[2], 0, atol=1e-12 * (X**2).mean())
        np.testing.assert_allclose(curve(found, 3)[:2], full_curve(X, 3)[:2], rtol=1e-4)
