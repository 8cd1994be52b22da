"""Components that return turned in the plane, against patterns turned by known angles."""

import numpy as np
import pytest

from hs_nmfcluster.factorization.stability import pattern_stability, rotated_stability
from hs_nmfcluster.scan.detector import Detector

CENTER = (31.5, 32.0)
DETECTOR = Detector((65, 64), center=CENTER)
RADII = (12.0, 18.0, 25.0)


def pattern(radius, angle, order=2):
    """Reflections of one lattice spacing on a halo, at an angle in degrees."""
    y, x = np.mgrid[:65, :64] - np.array([CENTER[1], CENTER[0]])[:, None, None]
    image = 0.2 * np.exp(-(((np.hypot(x, y) - 15) / 6) ** 2))
    for phi in np.deg2rad(angle + np.arange(order) * 360 / order):
        spot = np.hypot(x - radius * np.cos(phi), y - radius * np.sin(phi))
        image += np.exp(-((spot / 2) ** 2))
    return image


def restart(*angles):
    return np.array([pattern(r, angle) for r, angle in zip(RADII, angles, strict=True)])


class TestRotatedStability:
    def test_turned_components_return(self):
        patterns, others = restart(0, 20, 50), [restart(33, 100, 71), restart(90, 62, 5)]
        found = rotated_stability(patterns, others, DETECTOR)
        np.testing.assert_allclose(found, 1, atol=0.03)
        as_they_lie = pattern_stability(patterns.reshape(3, -1), np.array(others).reshape(2, 3, -1))
        assert as_they_lie.max() < 0.7

    def test_another_spacing_is_no_rotation(self):
        other = restart(0, 20, 50)
        other[1] = pattern(21.5, 20)
        found = rotated_stability(restart(30, 0, 10), [other], DETECTOR)
        np.testing.assert_allclose(found[[0, 2]], 1, atol=0.03)
        assert found[1] < 0.8

    def test_not_below_what_returns_as_it_lies(self):
        patterns, other = restart(0, 20, 50), restart(0, 23, 110)
        found = rotated_stability(patterns, [other], DETECTOR)
        lies = pattern_stability(patterns.reshape(3, -1), other.reshape(1, 3, -1))
        assert (found >= lies - 0.02).all()

    def test_order_of_components_does_not_matter(self):
        patterns, other = restart(0, 20, 50), restart(33, 100, 71)
        found, shuffled = (
            rotated_stability(patterns, [S], DETECTOR) for S in (other, other[[2, 0, 1]])
        )
        np.testing.assert_allclose(found, shuffled)

    def test_masked_pixels_do_not_count(self):
        mask = np.hypot(*(np.mgrid[:65, :64] - 32)) < 6
        patterns, other = restart(0, 20, 50), restart(33, 100, 71)
        patterns[:, mask] = other[:, mask] = np.nan
        np.testing.assert_allclose(rotated_stability(patterns, [other], DETECTOR), 1, atol=0.03)

    def test_no_other_restart(self):
        assert np.isnan(rotated_stability(restart(0, 1, 2), [], DETECTOR)).all()

    def test_flat_component(self):
        flat = np.ones((1, 65, 64))
        assert rotated_stability(flat, [flat], DETECTOR) == pytest.approx(0)
