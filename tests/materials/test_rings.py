"""Rings of spots, by closed forms: their radii, their uncertainties, what parts and joins them."""

import numpy as np
import pytest
from materials.spotted import DETECTOR, groups_of, pattern_of

from hs_nmfcluster.materials.rings import Ring, find_rings
from hs_nmfcluster.materials.spacings import GroupRings, Profiles, measure_rings
from hs_nmfcluster.materials.spots import Spots, find_spots
from hs_nmfcluster.results.spacings import LatticeSpacings


def spots_at(radii, sigmas):
    n = len(radii)
    return Spots(np.array(radii, float), np.zeros(n), np.array(sigmas, float), *np.ones((2, n)))


class TestFindRings:
    def test_radius_is_weighted_by_what_is_known_best(self):
        (ring,) = find_rings(spots_at([10.0, 10.3], [0.1, 0.3]), gap=0.5)
        assert ring.radius == pytest.approx((10.0 / 0.01 + 10.3 / 0.09) / (1 / 0.01 + 1 / 0.09))

    def test_sigma_of_spots_that_agree_falls_with_their_number(self):
        (ring,) = find_rings(spots_at([10.0] * 4, [0.1] * 4), gap=0.5)
        assert ring.sigma == pytest.approx(0.1 / 2)

    def test_sigma_of_spots_that_scatter_is_their_standard_error(self):
        radii = np.array([9.8, 10.2, 9.9, 10.1])
        (ring,) = find_rings(spots_at(radii, [0.1] * 4), gap=0.5)
        assert ring.sigma == pytest.approx(radii.std(ddof=1) / 2)

    def test_sigma_of_two_lines_covers_both(self):
        radii = np.array([10.0, 10.01, 10.3, 10.31])
        (ring,) = find_rings(spots_at(radii, [0.02] * 4), gap=0.5)
        assert ring.sigma == pytest.approx(radii.std(ddof=1))
        assert np.abs(radii - ring.radius).max() < ring.sigma


class TestSpacing:
    @pytest.mark.parametrize("camera_error", [0.0, 0.02])
    def test_sigma_follows_from_the_radius(self, camera_error):
        flat = np.ones((1, 3))
        profiles = Profiles(np.array([3.0, 4.0, 5.0]), flat, flat, flat)
        rings = (GroupRings((Ring(4.0, 0.04, 2, 0.1),)),)
        (spacing,) = LatticeSpacings(rings, profiles, "1/nm", 1.0, camera_error)[0]
        assert spacing.d == pytest.approx(0.25)
        assert spacing.sigma == pytest.approx(0.25 * np.hypot(0.01, camera_error))


class TestSpots:
    def test_sigma_is_the_scatter_of_the_fits(self):
        """Over many scans of the same spots, radii scatter by what is said of each."""
        rng = np.random.default_rng(0)
        places = [(12.3, angle) for angle in (0, 90, 180, 270)]
        true = pattern_of(places, halo=1.0)
        pulls = []
        for _ in range(60):
            noisy = true + rng.normal(scale=0.1, size=true.shape)
            spots = find_spots(noisy, DETECTOR, radial_range=(8.0, 20.0), threshold=3.0)
            near = np.abs(spots.radius - 12.3) < 1
            pulls += list((spots.radius[near] - 12.3) / spots.sigma[near])
        assert len(pulls) > 200
        assert 0.6 < np.std(pulls) < 1.5


class TestMeasureRings:
    def test_radii_a_pixel_apart_are_two_rings(self):
        places = [(12.0, 0), (12.0, 180), (13.2, 90), (13.2, 270)]
        (found,), _ = measure_rings(groups_of(pattern_of(places)))
        assert [ring.n_spots for ring in found.rings] == [2, 2]
        assert [ring.radius for ring in found.rings] == pytest.approx([12.0, 13.2], abs=0.1)

    def test_a_single_spot_is_no_ring(self):
        places = [(12.0, 0), (12.0, 180), (20.0, 45)]
        (found,), _ = measure_rings(groups_of(pattern_of(places)))
        assert [round(ring.radius) for ring in found.rings] == [12]
        (both,), _ = measure_rings(groups_of(pattern_of(places)), min_spots=1)
        assert [round(ring.radius) for ring in both.rings] == [12, 20]
