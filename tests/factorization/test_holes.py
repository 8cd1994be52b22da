"""Holes of patterns are filled, and nothing else is changed."""

import numpy as np
import pytest

from hs_nmfcluster.factorization.constraints.holes import HoleFilling, fill_holes, halo_level

SHAPE = (48, 60)
Y, X = np.indices(SHAPE)


def spot(x: float, y: float, radius: float = 2.0) -> np.ndarray:
    return 1 / (1 + np.exp(4 * (np.hypot(X - x, Y - y) - radius)))


def halo(center: tuple[float, float] = (29.5, 23.5)) -> np.ndarray:
    r = np.hypot(X - center[0], Y - center[1])
    return np.exp(-((r - 13) ** 2) / 8) + 0.5 * np.exp(-r / 8)


class TestFillHoles:
    def test_a_hole_is_filled_to_its_rim(self):
        pattern = (1 - 0.7 * spot(20, 30))[None]
        filled = fill_holes(pattern, radius=4)
        assert np.abs(filled - 1).max() < 0.01

    def test_a_wider_hole_stays(self):
        pattern = (1 - 0.7 * spot(20, 30, radius=9))[None]
        assert np.abs(fill_holes(pattern, radius=4) - pattern).max() < 0.02

    def test_spots_stay(self):
        pattern = (0.1 + spot(20, 30) + 2 * spot(40, 12))[None]
        assert np.allclose(fill_holes(pattern, radius=4), pattern, atol=1e-12)

    def test_the_gap_between_two_close_spots_stays(self):
        pattern = (0.1 + spot(20, 30) + spot(26, 30))[None]
        assert pattern[0, 30, 23] < 0.2
        assert np.allclose(fill_holes(pattern, radius=4), pattern, atol=1e-3)

    @pytest.mark.parametrize("angle", [0, 20, 45, 77])
    def test_slopes_and_valleys_stay(self, angle):
        along = np.cos(np.deg2rad(angle)) * X + np.sin(np.deg2rad(angle)) * Y
        slope, valley = along / 60 + 1, np.abs(along - along.mean()) / 60 + 1
        inside = (slice(8, -8),) * 2
        assert np.allclose(fill_holes(slope[None], 4)[0][inside], slope[inside])
        # The segments follow a valley to within a pixel or two.
        assert np.abs(fill_holes(valley[None], 4)[0] - valley)[inside].max() <= 2 / 60

    def test_is_a_closing(self):
        rng = np.random.default_rng(0)
        noise = rng.random((3, *SHAPE))
        filled = fill_holes(noise, 3)
        assert (filled >= noise).all()
        assert np.array_equal(fill_holes(filled, 3), filled)
        assert (fill_holes(noise + 0.2 * spot(9, 9), 3) >= filled).all()

    def test_hardly_raises_noise(self):
        noise = np.random.default_rng(0).standard_normal((2, *SHAPE))
        # By the closing with a disc of this radius, it would be raised by one.
        assert (fill_holes(noise, 2) - noise).mean() < 0.25

    def test_masked_pixels(self):
        pattern = (1 - 0.7 * spot(20, 30))[None]
        pattern[0, :, 21:25] = np.nan
        filled = fill_holes(pattern, 4)
        assert np.array_equal(np.isnan(filled), np.isnan(pattern))
        # Cut by the mask, it is still no deeper than what is beyond.
        assert np.nanmin(filled) > 0.95

    def test_pixels_that_are_no_squares(self):
        narrow = (1 - 0.7 * (np.hypot((X - 30) * 0.5, Y - 20) < 3))[None]
        assert np.allclose(fill_holes(narrow, 3.6, scale=(0.5, 1.0)), 1)
        assert fill_holes(narrow, 3.6, scale=(1.0, 1.0)).min() < 0.5


class TestHoleFilling:
    def filling(self, radius: float = 4.0) -> HoleFilling:
        r = np.hypot(X - 29.5, Y - 23.5)
        kept = (r > 4) & (r < 23)
        return HoleFilling(kept, halo_level(halo(), kept, r), radius)

    def test_level_follows_the_rings(self):
        filling = self.filling()
        assert np.allclose(filling.level[filling.kept], halo()[filling.kept], atol=0.1)

    def test_level_without_a_halo(self):
        kept = np.ones(SHAPE, bool)
        assert (halo_level(np.zeros(SHAPE), kept, np.hypot(X - 30, Y - 24)) == 1).all()

    @pytest.mark.parametrize("place", [(16.5, 23.5), (29.5, 10.5), (38.7, 32.7), (29.5, 5.5)])
    def test_drops_in_a_narrow_ring_are_filled(self, place):
        filling = self.filling()
        whole = halo()[filling.kept][None]
        dropped = whole * (1 - 0.8 * spot(*place)[filling.kept])
        left = np.linalg.norm(filling(dropped) - whole) / np.linalg.norm(dropped - whole)
        assert left < 0.3
        assert np.linalg.norm(filling(whole) - whole) < 0.02 * np.linalg.norm(whole)

    def test_a_crystal_on_a_halo_stays(self):
        filling = self.filling()
        crystal = (halo() + spot(16, 20) + 0.3 * spot(43, 27))[filling.kept][None]
        assert np.linalg.norm(filling(crystal) - crystal) < 0.02 * np.linalg.norm(crystal)
