"""Starts against scikit-learn's, and the compressed iterations against the whole problem."""

import threading

import numpy as np
import pytest
from scans import counts
from scipy.optimize import nnls
from sklearn.decomposition._nmf import _initialize_nmf

from hs_nmfcluster.factorization.compression import compress
from hs_nmfcluster.factorization.exploration import explore, svd_start, turned_start
from hs_nmfcluster.factorization.matrix import ScanMatrix
from hs_nmfcluster.factorization.updates import hals_rows, normalise

SHAPE = (8, 10, 9, 11)


def scan(k=5, level=20.0):
    """Counts, among them pixels that were never hit."""
    data = counts(SHAPE, k=k, level=level, seed=3)
    data[..., :2, :3] = 0
    return data


@pytest.fixture(scope="module")
def data():
    return scan()


@pytest.fixture(scope="module")
def compression(data):
    return compress(ScanMatrix.from_array(data), 8)


def error(X, S):
    """‖X − C S‖² with the best non-negative C, a position at a time."""
    return sum(nnls(S.T, row)[1] ** 2 for row in X)


class TestSvdStart:
    @pytest.mark.parametrize("k", [1, 2, 5])
    def test_as_scikit_learn_up_to_the_filling(self, data, compression, k):
        X = data.reshape(80, 99).astype(float)
        theirs = _initialize_nmf(X, k, init="nndsvd", random_state=0)[1]
        found = svd_start(compression, k)
        kept = theirs > 1e-4 * theirs.max()
        for mine, their, used in zip(found, theirs, kept, strict=True):
            ratio = mine[used] / their[used]
            np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-2)

    def test_no_zeros_that_could_not_grow(self, compression):
        found = svd_start(compression, 5)
        assert (found > 0).all()
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)

    def test_more_components_than_the_rank(self):
        rng = np.random.default_rng(0)
        X = rng.random((30, 1, 1, 2)) @ rng.random((2, 20))
        found = svd_start(compress(ScanMatrix.from_array(X), 6), 6)
        assert found.shape == (6, 20)
        assert np.isfinite(found).all()


class TestTurnedStart:
    def test_repeats(self, compression):
        np.testing.assert_array_equal(
            turned_start(compression, 5, 1, 2), turned_start(compression, 5, 1, 2)
        )

    @pytest.mark.parametrize("other", [(1, 3), (2, 2)])
    def test_streams_and_seeds_are_unlike(self, compression, other):
        one, another = turned_start(compression, 5, 1, 2), turned_start(compression, 5, *other)
        assert np.abs(one[1:] @ another[1:].T - np.eye(4)).max() > 0.2

    @pytest.mark.parametrize("k", [1, 2, 8])
    def test_form(self, compression, k):
        found = turned_start(compression, k, 0, 1)
        assert found.shape == (k, 99)
        assert (found > 0).all()
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)

    @pytest.mark.parametrize("start", [svd_start, lambda c, k: turned_start(c, k, 0, 1)])
    def test_pixels_never_hit_are_not_left_to_rounding(self, data, start):
        """Their singular vectors are zero up to rounding, which changes with the chunks."""
        rows = np.random.default_rng(0).permutation(80)
        shuffled = data.reshape(80, 1, 9, 11)[rows]
        one = start(compress(ScanMatrix.from_array(data), 5), 5)
        another = start(compress(ScanMatrix.from_array(shuffled), 5), 5)
        np.testing.assert_allclose(one, another, atol=1e-9)


class TestExplore:
    def test_error_never_rises(self, data, compression):
        X = compression.scores @ compression.basis
        errors = [
            error(X, explore(compression, [start], tolerance=0.0, max_iterations=n)[0])
            for start in [lambda: turned_start(compression, 4, 0, 1)]
            for n in (1, 2, 3, 5, 10, 30)
        ]
        assert (np.diff(errors) <= 1e-9 * errors[0]).all()

    def test_not_behind_hals_on_the_reconstructed_data(self, compression):
        """Plain sweeps on B Q itself, written out; extrapolation must not do worse."""
        X = compression.scores @ compression.basis
        S, C = svd_start(compression, 4), None
        for _ in range(6):
            C = hals_rows(S @ X.T, S @ S.T, C)
            S = hals_rows(C @ X, C @ C.T, S)
            C *= np.linalg.norm(S, axis=1, keepdims=True)
            S = normalise(S)
        (found,) = explore(
            compression, [lambda: svd_start(compression, 4)], tolerance=0.0, max_iterations=6
        )
        assert error(X, found) <= error(X, S) * (1 + 1e-9)

    def test_limit_is_a_stationary_point(self, compression):
        """There the patterns are the non-negative least-squares solution for their maps."""
        X = compression.scores @ compression.basis
        (S,) = explore(
            compression, [lambda: svd_start(compression, 2)], tolerance=0.0, max_iterations=2000
        )
        C = np.array([nnls(S.T, row)[0] for row in X])
        best = np.array([nnls(C, column)[0] for column in X.T]).T
        np.testing.assert_allclose(best, S, atol=1e-4)

    def test_tolerance(self, compression):
        X = compression.scores @ compression.basis

        def at(tolerance):
            start = [lambda: turned_start(compression, 5, 0, 2)]
            return error(X, explore(compression, start, tolerance=tolerance)[0])

        assert at(1e-6) < at(1e-1)
        limit = at(0.0)
        assert at(1e-6) == pytest.approx(limit, rel=1e-2)

    def test_results_in_the_order_of_the_starts(self, compression):
        starts = [
            lambda k=k, stream=stream: turned_start(compression, k, 0, stream)
            for k in (2, 5)
            for stream in (1, 2, 3)
        ]
        together = explore(compression, starts, tolerance=1e-4)
        for start, found in zip(starts, together, strict=True):
            np.testing.assert_array_equal(found, explore(compression, [start], tolerance=1e-4)[0])

    def test_dead_component(self, compression):
        start = svd_start(compression, 3)
        start[1] = 0
        (found,) = explore(compression, [lambda: start], tolerance=1e-4)
        assert np.isfinite(found).all()

    def test_leaves_no_threads(self, compression):
        before = threading.active_count()
        explore(compression, [lambda: svd_start(compression, 2)], tolerance=1e-2)
        assert threading.active_count() == before
