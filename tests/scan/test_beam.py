"""The direct beam among bad pixels."""

import numpy as np
import pytest

from hs_nmfcluster.scan.beam import (
    beam_is_seen,
    center_of_symmetry,
    estimate_beam_center,
    estimate_beam_radius,
    estimate_disk_radius,
)
from hs_nmfcluster.scan.detector import Detector

SHAPE, CENTER = (96, 128), (60.3, 50.8)


def pattern(radius=2.0, noise=True):
    y, x = np.indices(SHAPE)
    distance = np.hypot(x - CENTER[0], y - CENTER[1])
    beam = 5000 / (1 + np.exp((distance - radius) / 0.4))
    expected = beam + 60 * np.exp(-(((distance - 25) / 6) ** 2)) + 10 * np.exp(-distance / 20)
    return np.random.default_rng(0).poisson(expected).astype(float) if noise else expected


def off(found):
    return np.hypot(*np.subtract(found, CENTER))


class TestBadPixels:
    def test_pair_and_lines_without_a_mask(self):
        for bad in (np.s_[20, 30:32], np.s_[20:22, 30], np.s_[:, 100], np.s_[10, :], np.s_[5, 7]):
            image = pattern()
            image[bad] = 3e5
            assert off(estimate_beam_center(image)) < 0.1

    @pytest.mark.parametrize("radius", [1.5, 4.0, 9.0])
    @pytest.mark.parametrize("width", [2, 4])
    def test_cross_of_chips_through_the_beam(self, radius, width):
        image = pattern(radius)
        gap = np.zeros(SHAPE, bool)
        gap[49 : 49 + width] = gap[:, 60 : 60 + width] = True
        edge = np.zeros(SHAPE, bool)
        edge[48 : 50 + width] = edge[:, 59 : 61 + width] = True
        image[edge] *= 2.5
        image[gap] = 0
        assert off(estimate_beam_center(image, edge)) < 0.3
        detector = Detector(SHAPE, CENTER)
        assert estimate_beam_radius(image, detector, edge) > radius

    def test_metadata_rows(self):
        image, bad = pattern(), np.zeros(SHAPE, bool)
        image[:3] = np.random.default_rng(1).uniform(0, 6e4, (3, SHAPE[1]))
        bad[:3] = True
        assert off(estimate_beam_center(image, bad)) < 0.1

    def test_stop_over_the_beam(self):
        y, x = np.indices(SHAPE)
        image = pattern()
        for radius in (6, 10, 14):
            stop = np.hypot(x - CENTER[0] - 2, y - CENTER[1] + 1) < radius
            stop |= (np.abs(x - 62) < radius / 2) & (y > CENTER[1])
            found = estimate_beam_center(np.where(stop, 0, image), stop)
            assert off(found) < 0.3
            found = estimate_beam_radius(np.where(stop, 0, image), Detector(SHAPE, CENTER), stop)
            assert radius - 4 < found < radius + 4

    def test_radius_is_that_of_the_whole_pattern(self):
        image, detector = pattern(5.0), Detector(SHAPE, CENTER)
        bad = np.random.default_rng(2).random(SHAPE) < 0.05
        spoilt = np.where(bad, 1e7, image)
        for estimate in (estimate_beam_radius, estimate_disk_radius):
            assert estimate(spoilt, detector, bad) == pytest.approx(
                estimate(image, detector), abs=1
            )

    def test_nothing_good_is_left(self):
        assert estimate_beam_center(pattern(), np.ones(SHAPE, bool)) == (63.5, 47.5)


class TestCenterOfSymmetry:
    def test_friedel_pairs(self):
        y, x = np.indices(SHAPE)
        image = np.zeros(SHAPE)
        for angle in (0.3, 1.2, 2.4):
            for sign in (-1, 1):
                u = CENTER[0] + sign * 30 * np.cos(angle)
                v = CENTER[1] + sign * 30 * np.sin(angle)
                image += np.exp(-((x - u) ** 2 + (y - v) ** 2) / 5)
        found = center_of_symmetry(image, np.zeros(SHAPE, bool))
        assert off(found) < 0.1

    def test_noise_is_not_symmetric(self):
        noise = np.random.default_rng(0).poisson(5, SHAPE)
        assert center_of_symmetry(noise, np.zeros(SHAPE, bool)) is None


def test_a_ring_around_a_hidden_beam_is_none():
    y, x = np.mgrid[:64, :64]
    radius = np.hypot(x - 31.5, y - 30.2)
    pattern = 50 + 400 * np.exp(-((radius - 12) ** 2) / 18)
    hidden = (np.abs(x - 31.5) < 3) | (np.abs(y - 30.5) < 3)
    assert not beam_is_seen(pattern, hidden)
    assert estimate_beam_center(pattern, hidden) == pytest.approx((31.5, 30.2), abs=0.1)
