import numpy as np
import pytest
from scipy.stats import kstest

from hs_nmfcluster.engine.random_numbers import draw_seed, uniform


class TestUniform:
    def test_is_uniform(self):
        values = uniform(0, 0, np.arange(4000), 5)
        assert values.shape == (4000, 5)
        assert kstest(values.ravel(), "uniform").pvalue > 0.01

    def test_rows_in_any_order(self):
        whole = uniform(3, 2, np.arange(50), 4)
        order = np.random.default_rng(0).permutation(50)[:20]
        np.testing.assert_array_equal(uniform(3, 2, order, 4), whole[order])

    def test_streams_and_seeds_are_unlike(self):
        draws = [uniform(s, r, np.arange(500), 3).ravel() for s in (0, 1) for r in (0, 1)]
        correlation = np.corrcoef(draws)
        assert np.abs(correlation[~np.eye(4, dtype=bool)]).max() < 0.1

    def test_columns_are_unlike(self):
        correlation = np.corrcoef(uniform(0, 0, np.arange(2000), 4).T)
        assert np.abs(correlation[~np.eye(4, dtype=bool)]).max() < 0.1

    def test_large_seeds_and_positions(self):
        values = uniform(2**63, 2**40, np.array([10**12, 10**12 + 1]), 2)
        assert len(np.unique(values)) == 4


class TestDrawSeed:
    def test_integer_is_itself(self):
        assert draw_seed(5) == draw_seed(np.int32(5)) == 5

    def test_generator_advances(self):
        rng = np.random.default_rng(0)
        assert draw_seed(rng) != draw_seed(rng)
        assert draw_seed(np.random.default_rng(1)) == draw_seed(np.random.default_rng(1))

    def test_none_is_fresh(self):
        assert len({draw_seed(None) for _ in range(5)}) > 1

    @pytest.mark.parametrize("bad", [1.5, "1", True, [1]])
    def test_wrong_type(self, bad):
        with pytest.raises(TypeError, match="`random_state`"):
            draw_seed(bad)

    @pytest.mark.parametrize("bad", [-1, 2**64, 10**30])
    def test_out_of_range(self, bad):
        with pytest.raises(ValueError, match="`random_state`"):
            draw_seed(bad)
