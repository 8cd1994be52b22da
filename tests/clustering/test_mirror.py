"""Crystals upside down: patterns mirrored and rotated by known angles."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.clustering.agglomeration import agglomerate
from hs_nmfcluster.clustering.mirror import (
    MirrorablePatterns,
    mirror_images,
    orientations,
)
from hs_nmfcluster.clustering.similarity import pairwise
from hs_nmfcluster.scan.detector import Detector

CENTER = (31.3, 30.6)
# Spots of a lopsided net: r, phi, height; with its opposites, but no mirror image of itself.
NET = [(8, 0, 1.0), (11, 38, 0.8), (16, 75, 0.5), (20, 130, 0.7), (24, 163, 0.4)]


def polar(degrees, mirrored=False, n_phi=360):
    pattern = np.zeros((30, n_phi))
    for r, phi, height in NET:
        for opposite in (0, 180):
            angle = (-(phi + opposite) if mirrored else phi + opposite) + degrees
            pattern[r, round(angle * n_phi / 360) % n_phi] = height
    return gaussian_filter(pattern, (1, 2), mode=("nearest", "wrap"))


def pattern(degrees, mirrored=False):
    y, x = np.mgrid[:63, :64]
    image = np.zeros((63, 64))
    for r, phi, height in NET:
        for opposite in (0, 180):
            angle = np.deg2rad((-(phi + opposite) if mirrored else phi + opposite) + degrees)
            dx = x - CENTER[0] - r * np.cos(angle)
            dy = y - CENTER[1] - r * np.sin(angle)
            image += height * np.exp(-(dx**2 + dy**2) / 3)
    return image


CASES = [(0, False), (50, True), (-70, True), (20, False), (135, True), (100, False)]


def away(found, expected, period=180):
    return np.abs((np.asarray(found) - expected + period / 2) % period - period / 2)


class TestMirrorablePatterns:
    def test_similarity_of_mirror_images(self):
        patterns = np.stack([polar(*case) for case in CASES])
        similarity, shifts = pairwise(MirrorablePatterns(patterns))
        assert similarity.min() > 0.99
        flips = np.array([flip for _, flip in CASES])
        np.testing.assert_array_equal(shifts[..., 1] > 0, flips[:, None] != flips[None, :])

    def test_one_s_own_mirror_image_is_not_mirrored(self):
        rng = np.random.default_rng(0)
        symmetric = polar(0) + polar(0, mirrored=True)
        patterns = np.stack([np.roll(symmetric, 40 * k, axis=1) for k in range(5)])
        patterns += 0.01 * rng.normal(size=patterns.shape)
        assert not pairwise(MirrorablePatterns(patterns))[1][..., 1].any()

    def test_merging_adds_up(self):
        patterns = np.stack([polar(*case) for case in CASES])
        linkage, shifts = agglomerate(
            MirrorablePatterns(patterns), pairwise(MirrorablePatterns(patterns))[0]
        )
        assert linkage[:, 2].max() < 0.01
        degrees, mirrored = orientations(linkage, shifts, np.ones(5, dtype=bool))
        np.testing.assert_array_equal(mirrored, [flip for _, flip in CASES])
        assert away(degrees, [angle for angle, _ in CASES]).max() < 1.5


class TestMirrorImages:
    def test_about_a_center_between_pixels(self):
        found = mirror_images(pattern(25)[None], Detector((63, 64), CENTER))[0]
        measured = np.isfinite(found)
        assert measured.mean() > 0.95
        expected = pattern(-25, mirrored=True)
        assert np.abs(found - expected)[measured].max() < 0.15


@pytest.fixture(scope="module")
def signal():
    rng = np.random.default_rng(0)
    patterns = np.stack([pattern(*case) for case in CASES])
    return NMFDiffraction2D(patterns + 0.005 * rng.random(patterns.shape))


@pytest.fixture(scope="module")
def groups(signal):
    return ClusterTree.from_patterns(signal, center=CENTER, mirror=True).cut(n_groups=1)


class TestTree:
    def test_without_mirror_they_are_two_kinds(self, signal):
        tree = ClusterTree.from_patterns(signal, center=CENTER)
        assert tree.mirrored is None
        assert [g.tolist() for g in tree.cut(n_groups=2)] == [[0, 3, 5], [1, 2, 4]]
        assert not tree.cut().mirrored.any()

    def test_groups_know_who_is_upside_down(self, groups):
        np.testing.assert_array_equal(groups.mirrored, [flip for _, flip in CASES])
        assert away(groups.rotations, [angle for angle, _ in CASES]).max() < 1.5

    def test_pairs(self, groups):
        tree = groups.tree
        np.testing.assert_array_equal(tree.mirrored, tree.mirrored.T)
        assert away(tree.rotations[0], [angle for angle, _ in CASES]).max() < 1.5
        assert away(tree.rotations[:, 0], [a if f else -a for a, f in CASES]).max() < 1.5

    def test_averages_lie_as_the_first_one(self, groups):
        found = groups.patterns.data[0]
        assert np.corrcoef(found.ravel(), pattern(0).ravel())[0, 1] > 0.97

    def test_a_member_that_is_upside_down_first(self, signal):
        order = [1, 0, 3, 2]
        chosen = NMFDiffraction2D(signal.data[order])
        groups = ClusterTree.from_patterns(chosen, center=CENTER, mirror=True).cut(n_groups=1)
        found = groups.patterns.data[0]
        assert np.corrcoef(found.ravel(), pattern(50, True).ravel())[0, 1] > 0.97
        np.testing.assert_array_equal(groups.mirrored, [False, True, True, False])

    def test_save(self, groups, tmp_path):
        groups.tree.save(tmp_path / "tree.hspy")
        loaded = hs_nmfcluster.load(tmp_path / "tree.hspy")
        np.testing.assert_array_equal(loaded.mirrored, groups.tree.mirrored)
        again = loaded.cut(n_groups=1)
        np.testing.assert_array_equal(again.mirrored, groups.mirrored)
        np.testing.assert_allclose(again.rotations, groups.rotations)
        np.testing.assert_array_equal(loaded.crystalline, groups.tree.crystalline)
        np.testing.assert_array_equal(
            loaded.evidence.significance, groups.tree.evidence.significance
        )
