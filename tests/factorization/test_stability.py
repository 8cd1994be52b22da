import numpy as np
import pytest

from hs_nmfcluster.factorization.stability import matched, pattern_stability


class TestStability:
    def test_same_patterns_in_any_order(self):
        patterns = np.random.default_rng(0).random((4, 30))
        others = np.stack([patterns[::-1], patterns[[2, 0, 3, 1]] * 5])
        np.testing.assert_allclose(pattern_stability(patterns, others), 1)

    def test_one_pattern_not_found_again(self):
        rng = np.random.default_rng(1)
        patterns = rng.random((3, 2000))
        other = patterns.copy()
        other[1] = rng.random(2000)
        np.testing.assert_allclose(pattern_stability(patterns, other[None]), [1, 0, 1], atol=0.1)

    def test_each_counterpart_is_used_once(self):
        patterns = np.array([[1.0, 0, 0, 0], [1.0, 0.1, 0, 0]])
        other = np.array([[1.0, 0, 0, 0], [0, 0, 0, 1.0]])
        found = pattern_stability(patterns, other[None])
        assert found.max() > 0.9
        assert found.min() < 0

    def test_flat_pattern(self):
        found = pattern_stability(np.ones((1, 5)), np.ones((2, 1, 5)))
        assert np.isfinite(found).all()

    def test_no_other_restart(self):
        assert np.isnan(pattern_stability(np.ones((2, 5)), np.empty((0, 2, 5)))).all()

    def test_mean_over_restarts(self):
        patterns = np.eye(3, 40)
        others = np.stack([patterns, np.roll(patterns, 20, axis=1)])
        expected = (1 + np.corrcoef(patterns[0], others[1, 0])[0, 1]) / 2
        assert pattern_stability(patterns, others)[0] == pytest.approx(expected)


class TestMatched:
    def test_one_to_one_so_that_the_sum_is_largest(self):
        greedy = np.array([[1.0, 0.9], [0.9, 0.0]])
        np.testing.assert_allclose(matched([greedy], 2), [0.9, 0.9])

    def test_mean_over_restarts(self):
        np.testing.assert_allclose(matched([np.eye(2), np.full((2, 2), 0.5)], 2), [0.75, 0.75])

    def test_no_other_restart(self):
        assert np.isnan(matched([], 3)).all()
