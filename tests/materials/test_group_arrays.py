"""What counts as spots of a component, and where they are looked for."""

import numpy as np
import pytest
from materials.spotted import DETECTOR, groups_of, pattern_of

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.crystallinity import measure_shares
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.spots import carried_by_most, find_spots, own_spot_shares

PAIR = [(12.0, 0), (12.0, 180)]


def share_of(height):
    """Share in spots that is found and the true one, of a pattern with a halo."""
    rng = np.random.default_rng(1)
    halo = pattern_of([], halo=1.0) + 1e-4 * rng.normal(size=DETECTOR.shape)
    pattern = halo + pattern_of(PAIR, height=height)
    true = 2 * height * 2 * np.pi * 1.3**2 / pattern[DETECTOR.ring(4, 40)].sum()
    spots = find_spots(pattern, DETECTOR, radial_range=(4.0, 40.0))
    ring = DETECTOR.ring(4.0, 40.0)
    return own_spot_shares(pattern[None, ring], [spots])[0], true


class TestAmorphousLimit:
    def test_less_than_one_per_cent_is_amorphous(self):
        assert not carried_by_most(np.array([0.005, 0.009, 0.004]))
        assert carried_by_most(np.array([0.011, 0.02, 0.004]))

    def test_two_per_cent_of_its_own_are_noise_and_leaks(self):
        found, true = share_of(height=2.0)
        assert 0.01 < true < 0.05
        assert found == 0

    def test_a_tenth_is_a_crystal(self):
        found, true = share_of(height=10.0)
        assert true > 0.05
        assert found == pytest.approx(true, rel=0.15)


class TestLimits:
    def with_beam(self, *, masked):
        y, x = np.mgrid[-40:41, -40:41]
        pattern = pattern_of(PAIR, halo=0.5) + 1e3 * np.exp(-(x**2 + y**2) / 8)
        if masked:
            pattern[DETECTOR.radius() < 3] = np.nan
        stack = pattern[None]
        grid = PolarGrid.covering(DETECTOR)
        return GroupArrays((np.array([0]),), stack, np.zeros(1), stack, grid)

    def test_direct_beam_is_left_out_where_no_mask_did_so(self):
        assert self.with_beam(masked=False).limits[0] > 5

    def test_a_mask_is_enough(self):
        assert self.with_beam(masked=True).limits[0] < 1


class TestShares:
    def test_what_lies_outside_the_limits_does_not_count(self):
        """The second component has nine tenths of its intensity where nothing is compared."""
        first = pattern_of([], halo=1.0)
        second = first.copy()
        groups = groups_of(first, second)
        corner = np.s_[1, 0, 0]
        groups.components[corner] = 9 * np.nansum(first)
        shares = measure_shares(groups, np.ones((2, 3, 4)))
        np.testing.assert_allclose(shares.mean_shares, 0.5, rtol=1e-6)
