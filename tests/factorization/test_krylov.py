"""The subspace of the compression, a block further than it was multiplied."""

import numpy as np
import pytest

from hs_nmfcluster.factorization.krylov import _continued, _left, _orthonormal


def square_matrix(n, rank, seed=0):
    factor = np.random.default_rng(seed).normal(size=(n, rank))
    return factor @ factor.T


class TestContinued:
    @pytest.fixture
    def tridiagonal(self):
        """Blocks of 4 of which each is coupled to the next one only, as in the iteration."""
        A = square_matrix(12, 12)
        A[:4, 8:] = A[8:, :4] = 0
        return A + 10 * np.eye(12)

    def test_known_parts_are_kept(self, tridiagonal):
        found = _continued(tridiagonal[:8, :8], tridiagonal[8:, 4:8])
        np.testing.assert_array_equal(found[:8], tridiagonal[:8])
        np.testing.assert_array_equal(found, found.T)

    def test_bounds_the_whole_from_below(self, tridiagonal):
        found = _continued(tridiagonal[:8, :8], tridiagonal[8:, 4:8])
        assert np.linalg.eigvalsh(tridiagonal - found).min() > -1e-10
        assert np.linalg.eigvalsh(found).min() > -1e-10

    def test_nearer_than_without(self, tridiagonal):
        exact = np.linalg.eigvalsh(tridiagonal)[::-1][:4]
        without = np.linalg.eigvalsh(tridiagonal[:8, :8])[::-1][:4]
        found = np.linalg.eigvalsh(_continued(tridiagonal[:8, :8], tridiagonal[8:, 4:8]))[::-1][:4]
        assert (without < found).all()
        assert (found <= exact).all()

    def test_exact_where_nothing_else_is_left(self):
        """Of rank 5, all of which the first 6 of 9 columns hold."""
        A = square_matrix(9, 5)
        np.testing.assert_allclose(_continued(A[:6, :6], A[6:, :6]), A, rtol=1e-6, atol=1e-6)

    def test_no_next_block(self):
        A = square_matrix(6, 6)
        np.testing.assert_array_equal(_continued(A, np.empty((0, 3))), A)


class TestOrthonormal:
    @staticmethod
    def split(n, known, seed=0):
        """Orthonormal vectors that are known already, and all that there are beside them."""
        whole = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
        return whole[:known], whole[known:]

    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("weakest", [1.0, 1e-4, 1e-6])
    def test_what_is_left_of_the_space(self, seed, weakest):
        """More rows than dimensions left, of which the first 14 hardly show the last one.

        Of the others rounding is left, which is large enough to be taken for something.
        """
        basis, outside = self.split(34, 20, seed)
        rng = np.random.default_rng(seed + 100)
        parts = rng.normal(size=(20, 14))
        parts[13] = rng.normal(size=13) @ parts[:13] + weakest * parts[13]
        block = rng.normal(size=(20, 20)) @ basis + 1e-3 * parts @ outside
        found = _orthonormal(block, basis, block @ basis.T, 0.0)
        assert found.shape == (14, 34)
        np.testing.assert_allclose(found @ found.T, np.eye(14), atol=1e-11)
        np.testing.assert_allclose(found @ basis.T, 0, atol=1e-11)

    def test_nothing_new(self):
        basis, _ = self.split(30, 8)
        block = np.random.default_rng(1).normal(size=(5, 8)) @ basis
        assert _orthonormal(block, basis, block @ basis.T, 0.0).shape == (0, 30)


class TestLeft:
    def test_geometric_series(self):
        ratio = 0.6
        changes = ratio ** np.arange(60)
        assert _left(changes[3], changes[2]) == pytest.approx(changes[4:].sum())

    @pytest.mark.parametrize("before", [np.inf, 0.0, 1e-9, 1.0])
    def test_slow_where_nothing_is_known(self, before):
        assert _left(1.0, before) == pytest.approx(9.0)

    def test_never_trusts_a_sudden_fall(self):
        assert _left(1.0, 1e6) == pytest.approx(1.0)

    def test_nothing_changes(self):
        assert _left(0.0, 1.0) == 0.0
