"""Elliptical distortion from the spots of crystals, against what was done to them."""

import numpy as np
import pytest

from hs_nmfcluster.scan.condition.ellipse import Ellipse, stretch
from hs_nmfcluster.scan.condition.reflections import fit_reflections
from hs_nmfcluster.scan.condition.sightings import Sightings

PIXELS, MIDDLE = 96, np.array([47.2, 48.6])
NOTHING = np.zeros((PIXELS, PIXELS), bool)


def blocks_of(nets, ellipse=0.0, axis=0.0, moved=0.0, counts=60.0, seed=0):
    """Patterns of blocks that each show one net of spots above an even background of 50 counts.

    A net is the angle of its first axis, the lengths of both in pixels, and the angle between.
    """
    rng = np.random.default_rng(seed)
    y, x = np.indices((PIXELS, PIXELS))
    distorted = stretch(1 + ellipse, axis)
    centers = MIDDLE + moved * rng.uniform(-1, 1, (len(nets), 2))
    patterns = []
    for (turn, first, second, between), center in zip(nets, centers, strict=True):
        angles = np.deg2rad([turn, turn + between])
        axes = np.array([first, second])[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
        pattern = np.full((PIXELS, PIXELS), 50.0)
        for h, k in np.ndindex(5, 5):
            u, v = distorted @ (np.array([h - 2, k - 2]) @ axes)
            if 10 < np.hypot(u, v) < 44:
                off = np.hypot(x - center[0] - u, y - center[1] - v)
                pattern += counts * rng.uniform(0.5, 1) * np.exp(-(off**2) / 2)
        patterns.append(rng.poisson(4 * pattern))
    n = len(nets)
    places = np.stack([np.zeros(n), np.arange(n)], axis=1)
    return Sightings(np.array(patterns, float), centers, places, np.full(n, 4.0)), centers


def fitted(nets, scale=(1.0, 1.0), halo=None, **more):
    sightings, centers = blocks_of(nets, **more)
    return fit_reflections(sightings, NOTHING, centers, scale, 4.0, halo)


def turned(net, n, seed=0):
    return [(angle, *net) for angle in np.random.default_rng(seed).uniform(0, 360, n)]


SQUARE, HEXAGON, OBLIQUE = (16.0, 16.0, 90.0), (19.0, 19.0, 60.0), (15.0, 21.0, 80.0)


class TestManyCrystals:
    @pytest.mark.parametrize(("strength", "axis"), [(0.02, 30.0), (0.06, 110.0), (0.01, 80.0)])
    def test_tell_the_ellipse(self, strength, axis):
        nets = turned(SQUARE, 12) + turned(OBLIQUE, 12, seed=1)
        found = fitted(nets, ellipse=strength, axis=axis)
        assert found.certain
        assert found.strength == pytest.approx(strength, abs=0.002)
        assert abs((found.axis - axis + 90) % 180 - 90) < 4

    def test_that_is_none(self):
        found = fitted(turned(SQUARE, 12) + turned(HEXAGON, 12, seed=1))
        assert not found.certain
        assert found.strength < 3 * found.strength_error

    def test_wherever_the_beam_was(self):
        found = fitted(turned(HEXAGON, 20), ellipse=0.03, axis=60.0, moved=4.0)
        assert found.strength == pytest.approx(0.03, abs=0.002)

    def test_in_pixels_that_are_not_square(self):
        # What is round in the unit of the axes is longer along x by a tenth in pixels.
        found = fitted(turned(SQUARE, 20), ellipse=0.1, axis=0.0, scale=(1.0, 1.1))
        assert found.strength == pytest.approx(0, abs=0.003)

    def test_near_what_the_halo_says(self):
        nets = turned(SQUARE, 20)
        halo = Ellipse(0.018, 33.0, 0.003, 5.0)
        found = fitted(nets, halo=halo, ellipse=0.02, axis=30.0)
        assert found.strength == pytest.approx(0.02, abs=0.0015)
        assert found.strength_error < halo.strength_error

    def test_uncertainty_is_that_of_the_result(self):
        pulls = []
        for seed in range(12):
            found = fitted(turned(SQUARE, 16, seed=seed), ellipse=0.02, axis=30.0, seed=seed)
            off = found.vector - np.log(1.02) * np.array([np.cos(np.pi / 3), np.sin(np.pi / 3)])
            pulls.extend(off / found.strength_error)
        assert 0.2 < np.std(pulls) < 1.8


class TestFewCrystals:
    """An ellipse could make a single net more regular than it is."""

    @pytest.mark.parametrize("net", [(16.0, 16.6, 90.0), (19.0, 19.3, 61.0), OBLIQUE, SQUARE])
    def test_of_one_orientation_tell_none(self, net):
        found = fitted([(17.0, *net)] * 20)
        assert found is None or not found.certain

    def test_of_two_orientations_tell_none(self):
        found = fitted([(17.0, *OBLIQUE)] * 12 + [(85.0, 18.0, 18.4, 89.0)] * 12)
        assert found is None or not found.certain

    def test_without_any(self):
        assert fitted([(0.0, 200.0, 200.0, 90.0)] * 20) is None


def test_bad_pixels_are_no_spots():
    sightings, centers = blocks_of(turned(SQUARE, 20), ellipse=0.02, axis=30.0)
    bad = np.random.default_rng(1).random(NOTHING.shape) < 0.01
    sightings.patterns[:, bad] = 1e5 * np.random.default_rng(2).random((20, bad.sum()))
    found = fit_reflections(sightings, bad, centers, (1.0, 1.0), 4.0)
    assert found.strength == pytest.approx(0.02, abs=0.002)
