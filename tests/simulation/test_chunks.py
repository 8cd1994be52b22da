"""Data made position by position."""

import numpy as np
import pytest

from hs_nmfcluster.simulation import chunks


class TestPositionGenerator:
    def test_positions_seeds_and_streams_differ(self):
        draws = {
            tuple(chunks.position_generator(*key).integers(0, 2**60, 4))
            for key in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0, "specimen"), (0, 0, "structure")]
        }
        assert len(draws) == 6


class TestPoissonCounts:
    def test_mean_equals_variance(self):
        rates = np.array([0.5, 3.0, 40.0, 5000.0])
        n = 4000
        counts = chunks.poisson_counts(
            np.broadcast_to(rates, (n, 1, 4)).copy(), np.arange(n), seed=5
        )[:, 0]
        # Standard errors of mean and variance of n Poisson draws.
        np.testing.assert_array_less(np.abs(counts.mean(axis=0) - rates), 4 * np.sqrt(rates / n))
        error = np.sqrt((rates + 2 * rates**2) / n)
        np.testing.assert_array_less(np.abs(counts.var(axis=0) - rates), 4 * error)

    def test_neighbours_are_independent(self):
        n = 4000
        counts = chunks.poisson_counts(np.full((n, 1, 1), 50.0), np.arange(n), seed=2).ravel()
        assert abs(np.corrcoef(counts[1:], counts[:-1])[0, 1]) < 4 / np.sqrt(n)


class TestCountDtype:
    @pytest.mark.parametrize(("largest", "name"), [(60000, "uint16"), (65000, "uint32")])
    def test_counts_fit(self, largest, name):
        assert chunks.count_dtype(largest) == name


class TestDataByPosition:
    def make(self, positions):
        return np.broadcast_to(positions[:, None, None], (len(positions), 2, 3))

    @pytest.mark.parametrize("scan_shape", [(7,), (4, 5), (2, 3, 4)])
    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_lazy_equals_eager(self, scan_shape, size):
        arguments = (self.make, scan_shape, (2, 3), np.dtype(np.int64))
        eager = chunks.data_by_position(*arguments, positions_at_once=3)
        lazy = chunks.data_by_position(*arguments, lazy=True, chunks=size)
        expected = np.arange(np.prod(scan_shape)).reshape(scan_shape)
        np.testing.assert_array_equal(eager[..., 1, 2], expected)
        np.testing.assert_array_equal(lazy.compute(), eager)
        assert lazy.chunksize[-2:] == (2, 3)

    def test_nothing_is_made_before_it_is_needed(self):
        def never(positions):
            raise AssertionError(positions)

        lazy = chunks.data_by_position(
            never, (2000, 1600), (128, 128), np.dtype(np.uint16), lazy=True
        )
        assert lazy.nbytes > 1e11
        assert np.prod(lazy.chunksize) * 2 <= 2**25
