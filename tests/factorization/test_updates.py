import numpy as np
import pytest
from scipy.optimize import nnls

from hs_nmfcluster.factorization.updates import als_rows, hals_rows, normalise


@pytest.fixture
def problem():
    """``A Y ≈ B`` with its normal equations."""
    rng = np.random.default_rng(0)
    A, B = rng.random((12, 3)), rng.normal(size=(12, 40))
    return A, B, A.T @ B, A.T @ A


class TestAls:
    def test_clipped_least_squares(self, problem):
        A, B, target, gram = problem
        expected = np.maximum(np.linalg.lstsq(A, B)[0], 0)
        np.testing.assert_allclose(als_rows(target, gram), expected, atol=1e-12)

    def test_equal_components_share(self):
        A, B = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[4.0], [0.0]])
        np.testing.assert_allclose(als_rows(A.T @ B, A.T @ A), [[2.0], [2.0]])

    def test_dead_component(self):
        A, B = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[3.0], [0.0]])
        np.testing.assert_allclose(als_rows(A.T @ B, A.T @ A), [[3.0], [0.0]])

    def test_all_dead(self):
        assert (als_rows(np.zeros((2, 4)), np.zeros((2, 2))) == 0).all()


class TestHals:
    def test_tends_to_non_negative_least_squares(self, problem):
        A, B, target, gram = problem
        expected = np.stack([nnls(A, b)[0] for b in B.T], axis=1)
        rows = None
        for _ in range(60):
            rows = hals_rows(target, gram, rows)
        np.testing.assert_allclose(rows, expected, atol=1e-8)

    def test_error_never_rises(self, problem):
        A, B, target, gram = problem
        rows = np.random.default_rng(1).random((3, 40))
        errors = [((B - A @ rows) ** 2).sum()]
        for _ in range(10):
            rows = hals_rows(target, gram, rows)
            errors.append(((B - A @ rows) ** 2).sum())
        assert (np.diff(errors) <= 1e-9).all()
        assert (rows >= 0).all()

    def test_start_is_not_changed(self, problem):
        *_, target, gram = problem
        start = np.ones((3, 40))
        hals_rows(target, gram, start)
        assert (start == 1).all()

    def test_dead_component(self):
        gram, target = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[3.0], [0.0]])
        np.testing.assert_allclose(hals_rows(target, gram), [[3.0], [0.0]])

    def test_row_that_nothing_is_known_of_stays(self):
        gram, target = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[3.0], [0.0]])
        found = hals_rows(target, gram, np.array([[1.0], [2.0]]))
        np.testing.assert_allclose(found, [[3.0], [2.0]])

    def test_stack_as_one_by_one(self):
        rng = np.random.default_rng(2)
        A, B = rng.random((5, 12, 3)), rng.normal(size=(5, 12, 40))
        A[1, :, 2] = 0
        targets, grams = np.swapaxes(A, 1, 2) @ B, np.swapaxes(A, 1, 2) @ A
        starts = rng.random((5, 3, 40))
        for stack, single in (
            (hals_rows(targets, grams), map(hals_rows, targets, grams)),
            (hals_rows(targets, grams, starts), map(hals_rows, targets, grams, starts)),
        ):
            np.testing.assert_allclose(stack, list(single), atol=1e-12)


class TestNormalise:
    def test_unit_norm(self):
        rows = np.random.default_rng(0).random((4, 9)) * [[1], [1e-3], [1e6], [3]]
        found = normalise(rows)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
        np.testing.assert_allclose(found[2] * np.linalg.norm(rows[2]), rows[2])

    def test_dead_rows_are_zero(self):
        found = normalise(np.array([[1.0, 2.0], [0.0, 0.0], [1e-14, 0.0]]))
        assert (found[1:] == 0).all()
        assert (normalise(np.zeros((2, 3))) == 0).all()

    def test_stack_as_one_by_one(self):
        stack = np.random.default_rng(0).random((3, 4, 9))
        stack[1, 2] = 0
        np.testing.assert_array_equal(normalise(stack), [normalise(rows) for rows in stack])
