import numpy as np
import pytest

from hs_nmfcluster.factorization.updates import als_maps, als_patterns


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class TestMaps:
    def test_clipped_least_squares(self, rng):
        X, S = rng.normal(size=(8, 12)), rng.random((2, 3, 12))
        found = als_maps(X @ S.transpose(0, 2, 1), S @ S.transpose(0, 2, 1))
        for restart in range(2):
            expected = np.linalg.lstsq(S[restart].T, X.T)[0].T
            np.testing.assert_allclose(found[restart], np.maximum(expected, 0), atol=1e-12)

    def test_equal_patterns_share(self):
        S = np.array([[[1.0, 0.0], [1.0, 0.0]]])
        X = np.array([[4.0, 0.0]])
        found = als_maps(X @ S.transpose(0, 2, 1), S @ S.transpose(0, 2, 1))
        np.testing.assert_allclose(found, [[[2.0, 2.0]]])

    def test_zero_pattern(self):
        S = np.array([[[1.0, 0.0], [0.0, 0.0]]])
        found = als_maps(np.array([[[3.0, 0.0]]]), S @ S.transpose(0, 2, 1))
        np.testing.assert_allclose(found, [[[3.0, 0.0]]])


class TestPatterns:
    def test_clipped_normalised_least_squares(self, rng):
        X, C = rng.normal(size=(12, 7)), rng.random((2, 12, 3))
        found = als_patterns(C.transpose(0, 2, 1) @ X, C.transpose(0, 2, 1) @ C)
        for restart in range(2):
            expected = np.maximum(np.linalg.lstsq(C[restart], X)[0], 0)
            expected /= np.linalg.norm(expected, axis=1, keepdims=True)
            np.testing.assert_allclose(found[restart], expected, atol=1e-12)

    def test_dead_component_is_zero(self):
        C = np.array([[[1.0, 0.0], [2.0, 0.0]]])
        X = np.array([[1.0, 2.0], [2.0, 4.0]])
        found = als_patterns(C.transpose(0, 2, 1) @ X, C.transpose(0, 2, 1) @ C)
        np.testing.assert_allclose(found[0, 0], np.array([1, 2]) / np.sqrt(5))
        assert (found[0, 1] == 0).all()

    def test_all_dead(self):
        found = als_patterns(np.zeros((1, 2, 4)), np.zeros((1, 2, 2)))
        assert (found == 0).all()
