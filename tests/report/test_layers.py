"""The strongest components at each position, against sorting all of them."""

import dask.array as da
import numpy as np
import pytest

from hs_nmfcluster.report.layers import DEPTH, NOBODY, strongest
from hs_nmfcluster.report.packing import BRIGHTEST, NOT_MEASURED, POWER, in_bytes
from hs_nmfcluster.scan.binning import round_edges


def maps(scan, n=9, seed=0):
    """Windows of noise."""
    rng = np.random.default_rng(seed)
    found = np.zeros((n, *scan))
    for one in found:
        window = tuple(slice(*sorted(rng.choice(size + 1, 2, replace=False))) for size in scan)
        one[window] = rng.random(one[window].shape)
    return found


def by_sorting(values, step):
    rows, columns = (-(-n // step) for n in values.shape[1:])
    padded = np.zeros((len(values), rows * step, columns * step))
    padded[:, : values.shape[1], : values.shape[2]] = values
    small = padded.reshape(len(values), rows, step, columns, step).mean(axis=(2, 4))
    return small, np.argsort(-small, axis=0, kind="stable")[:DEPTH]


class TestStrongest:
    @pytest.mark.parametrize("longest", [100, 8, 5])
    @pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
    def test_as_by_sorting(self, longest, lazy):
        values = maps((13, 17))
        found = strongest(da.from_array(values, chunks=(4, 13, 17)) if lazy else values, longest)
        small, order = by_sorting(values, found.step)
        assert max(found.components.shape[1:]) <= longest
        there = np.take_along_axis(small, order, axis=0) > 0
        np.testing.assert_array_equal(found.components[there], order[there])
        assert (found.components[~there] == NOBODY).all()
        np.testing.assert_allclose(found.peaks, small.max(axis=(1, 2)))
        heights = small / small.max(axis=(1, 2), keepdims=True)
        expected = np.take_along_axis(heights, order, axis=0)[there]
        np.testing.assert_allclose(found.heights[there], 255 * expected, atol=0.5)

    def test_other_axes_are_summed(self):
        values = maps((3, 6, 7))
        found, summed = strongest(values, 50), strongest(values.sum(axis=1), 50)
        np.testing.assert_array_equal(found.components, summed.components)

    def test_line(self):
        found = strongest(maps((20,)), 50)
        assert found.components.shape == (DEPTH, 1, 20)

    def test_masked_positions(self):
        values = maps((6, 7))
        values[:, 2, 3] = np.nan
        assert (strongest(values, 50).components[:, 2, 3] == NOBODY).all()


def test_bytes_give_intensities_back():
    images = np.random.default_rng(0).exponential(3.0, (2, 8, 9))
    images[0, 1, 2] = np.nan
    scaled, brightest = in_bytes(images)
    assert scaled[0, 1, 2] == NOT_MEASURED
    shares = (scaled / BRIGHTEST) ** (1 / POWER) * brightest[:, None, None]
    known = np.isfinite(images)
    np.testing.assert_allclose(shares[known], images[known], atol=0.01 * brightest.max())


@pytest.mark.parametrize("values", [[7.0, 7.0], [1.0], [3.1, 12.7, 5.5], [1e-3, 2e-3]])
def test_edges_hold_all_values(values):
    edges = round_edges(np.array(values))
    assert edges[0] <= min(values)
    assert max(values) <= edges[-1]
    np.testing.assert_allclose(np.diff(edges), edges[1] - edges[0])
    assert len(edges) < 80
