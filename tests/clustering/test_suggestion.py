"""The suggested cut: kinds of patterns under noise, halos and strays."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import agglomerate
from hs_nmfcluster.clustering.alignable import RotatablePatterns
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.relative import Relative, relative_distances
from hs_nmfcluster.clustering.separation import along_merges, separation
from hs_nmfcluster.clustering.similarity import pairwise, pattern_similarity
from hs_nmfcluster.clustering.suggestion import suggest
from hs_nmfcluster.scan.detector import Detector


def rotated(n_kinds, n=20, noise=0.25, seed=0, halo=0.0):
    """Patterns of so many kinds, in turn, each turned at random."""
    rng = np.random.default_rng(seed)
    kinds = rng.random((n_kinds, 12, 72)) ** 6
    rings = halo * np.exp(-np.square(np.arange(12) - 5) / 8)[:, None]
    return np.array(
        [
            np.roll(kinds[i % n_kinds], rng.integers(72), axis=1)
            + noise * rng.normal(size=(12, 72))
            + rings
            for i in range(n)
        ]
    )


def suggested(patterns, crystalline=None):
    similarity, _ = pairwise(RotatablePatterns(patterns))
    linkage = agglomerate(RotatablePatterns(patterns), similarity).linkage
    cut = suggest(linkage, relative_distances(patterns, similarity), crystalline)
    kept = cuts.thresholds(linkage, crystalline) <= cut.distance
    groups = cuts.members(linkage, kept)
    assert len(groups) == cut.n_groups
    return cut, groups


class TestRelativeDistances:
    def test_a_common_halo_changes_nothing(self):
        plain, under_halo = (rotated(3, noise=0.02, halo=h) for h in (0.0, 20.0))
        distances = [
            relative_distances(p, pattern_similarity(p)[0]).distances for p in (plain, under_halo)
        ]
        np.testing.assert_allclose(*distances, atol=0.08)
        assert 1 - pattern_similarity(under_halo)[0].min() < 0.1

    def test_noise_of_one_kind_is_no_distance(self):
        patterns = rotated(1, noise=0.1)
        similarity, _ = pattern_similarity(patterns)
        relative = relative_distances(patterns, similarity)
        assert 1 - np.median(similarity) > 0.1
        assert np.median(relative.distances) < 0.03

    @pytest.mark.parametrize("noise", [0.02, 0.1])
    def test_share_of_noise(self, noise):
        rng = np.random.default_rng(0)
        patterns = noise * rng.normal(size=(4, 12, 360))
        patterns[:, ::3, ::60] += 2.0
        along = np.square(patterns - patterns.mean(axis=-1, keepdims=True)).mean(axis=(1, 2))
        found = relative_distances(patterns, pattern_similarity(patterns)[0]).noise
        np.testing.assert_allclose(found, noise**2 / along, rtol=0.2)

    @pytest.mark.parametrize("counts", [0.5, 2.0])
    def test_share_of_noise_of_few_counts(self, counts):
        grid = PolarGrid.covering(Detector((81, 81), (40, 40)))
        y, x = np.mgrid[-40:41, -40:41]
        spots = [(x - 9) ** 2 + (y - 20) ** 2, (x + 25) ** 2 + (y - 5) ** 2]
        expected = counts * (0.05 + sum(np.exp(-r2 / 8) for r2 in spots))
        counted = np.random.default_rng(0).poisson(expected, (20, 81, 81)).astype(float)
        noisy, exact = (grid.transform(some) for some in (counted, expected[None]))
        powers = [
            np.square(some - some.mean(axis=-1, keepdims=True)).sum(axis=(1, 2)).mean()
            for some in (exact, noisy)
        ]
        found = relative_distances(noisy, pattern_similarity(noisy)[0]).noise
        assert found.mean() == pytest.approx(1 - powers[0] / powers[1], rel=0.25)

    def test_smooth_spots_on_nothing_are_no_counts(self):
        patterns = np.zeros((2, 30, 180))
        patterns[:, [8, 8, 20], [10, 100, 40]] = 1.0
        patterns = ndimage.gaussian_filter(patterns, (0, 1.5, 2.0))
        found = relative_distances(patterns, pattern_similarity(patterns)[0])
        assert found.noise.max() < 0.05

    def test_noise_alone_is_unlike(self):
        patterns = np.random.default_rng(0).normal(size=(6, 12, 72))
        distances = relative_distances(patterns, pattern_similarity(patterns)[0]).distances
        assert distances[np.triu_indices(6, 1)].min() > 0.5

    def test_flat_patterns(self):
        relative = relative_distances(np.ones((2, 4, 9)), np.eye(2))
        assert np.isfinite(relative.distances).all()


class TestSeparation:
    def test_agrees_with_scikit_learn(self):
        metrics = pytest.importorskip("sklearn.metrics")
        rng = np.random.default_rng(0)
        points = rng.normal(size=(30, 2)) + 4 * rng.integers(0, 3, (30, 1))
        distances = np.linalg.norm(points[:, None] - points, axis=-1)
        labels = rng.integers(0, 4, 30)
        found = separation(distances, labels)
        expected = metrics.silhouette_samples(distances, labels, metric="precomputed")
        larger = np.maximum(found.own, found.nearest)
        np.testing.assert_allclose(found.silhouettes * (larger + 0.05) / larger, expected)

    def test_along_merges_as_from_the_start(self):
        rng = np.random.default_rng(1)
        distances = np.abs(rng.normal(size=(9, 9)))
        distances += distances.T
        np.fill_diagonal(distances, 0)
        merges = np.array([[2, 5], [8, 1], [2, 8], [0, 3], [4, 0], [7, 6], [6, 2], [7, 4]])
        stops = np.array([0, 2, 3, 6, 7])
        for stop, found in zip(stops, along_merges(distances, merges, stops), strict=True):
            labels = np.arange(9)
            for first, second in merges[:stop]:
                labels[labels == labels[second]] = labels[first]
            labels = np.unique(labels, return_inverse=True)[1]
            expected = separation(distances, labels)
            np.testing.assert_allclose(found.silhouettes, expected.silhouettes)

    def test_one_group_has_no_neighbour(self):
        found = separation(np.ones((3, 3)) - np.eye(3), np.zeros(3, dtype=int))
        assert np.isinf(found.nearest).all()
        assert (found.neighbour == -1).all()
        np.testing.assert_array_equal(found.silhouettes, 0)


class TestSuggest:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("n_kinds", [2, 3, 4, 6])
    @pytest.mark.parametrize("halo", [0.0, 10.0])
    def test_finds_the_kinds(self, n_kinds, seed, halo):
        cut, groups = suggested(rotated(n_kinds, seed=seed, noise=0.1, halo=halo))
        assert cut.n_groups == n_kinds
        assert [set(group % n_kinds) for group in groups] == [{k} for k in range(n_kinds)]
        assert cut.clear
        assert not cut.border
        assert cut.score > max(score for _, score in filter(None, (cut.coarser, cut.finer)))

    @pytest.mark.parametrize("seed", range(5))
    def test_finds_the_kinds_at_two_counts(self, seed):
        rng = np.random.default_rng(seed)
        kinds = np.full((3, 24, 180), 0.04)
        for kind in kinds:
            for ring, place in rng.integers((2, 0), (22, 180), (8, 2)):
                kind[ring - 1 : ring + 1, np.arange(place, place + 5) % 180] = 2.0
        turned = [np.roll(kinds[i % 3], rng.integers(180), axis=1) for i in range(24)]
        cut, groups = suggested(rng.poisson(turned).astype(float))
        assert cut.n_groups == 3
        assert [set(group % 3) for group in groups] == [{0}, {1}, {2}]

    @pytest.mark.parametrize("seed", range(5))
    def test_one_kind_is_one_group(self, seed):
        cut, _ = suggested(rotated(1, noise=0.1, seed=seed))
        assert cut.n_groups == 1
        assert cut.coarser is None
        assert "alike" in cut.reason

    @pytest.mark.parametrize("seed", range(5))
    def test_noise_makes_no_groups(self, seed):
        cut, _ = suggested(np.random.default_rng(seed).normal(size=(20, 60, 72)))
        assert cut.n_groups == 20
        assert not cut.clear

    def test_strays_do_not_hide_the_kinds(self):
        patterns = rotated(3, n=17, noise=0.1)
        patterns[[4, 9]] = np.random.default_rng(9).random((2, 12, 72)) ** 6
        assert suggested(patterns)[0].n_groups == 5

    def test_one_crystal_of_each_kind(self):
        assert suggested(rotated(5, n=5, noise=0.1))[0].n_groups == 5

    def test_a_pattern_of_two_kinds_is_at_the_border(self):
        patterns = rotated(2, n=9, noise=0.02)
        patterns[8] = patterns[0] + patterns[1]
        assert suggested(patterns)[0].border == (8,)

    def test_a_pattern_of_noise_is_not_sure(self):
        patterns = rotated(2, n=9, noise=0.02)
        patterns[3] += 0.6 * np.random.default_rng(0).normal(size=(12, 72))
        assert 3 in suggested(patterns)[0].border

    def test_identical_patterns(self):
        cut, _ = suggested(np.repeat(rotated(1, n=1), 4, axis=0))
        assert cut.n_groups == 1
        assert cut.distance > 0

    @pytest.mark.parametrize(("kinds", "expected"), [([0, 0], 1), ([0, 1], 2), ([0, 1, 0], 2)])
    def test_few(self, kinds, expected):
        assert suggested(rotated(2, n=2, noise=0)[kinds])[0].n_groups == expected

    def test_as_many_as_are_not_all_compared(self):
        patterns = rotated(4, n=260, noise=0.1)
        assert suggested(patterns)[0].n_groups == 4


def blocks(sizes, own, between):
    """Distances within groups of so many, and between them (one number, or one for each pair)."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    between = np.broadcast_to(between, (len(sizes),) * 2)
    distances = np.where(labels[:, None] == labels, own, between[labels[:, None], labels])
    np.fill_diagonal(distances, 0.0)
    return distances


def cut_by(distances, noise=None):
    linkage = hierarchy.average(squareform(distances, checks=False))
    noise = np.zeros(len(distances)) if noise is None else noise
    return suggest(linkage, Relative(distances, noise))


class TestMarks:
    """What is called clear, on either side of each mark."""

    def test_groups_twice_as_far_apart_as_they_are_wide(self):
        cut = cut_by(blocks((4, 4), 0.2, 0.7))
        assert (cut.n_groups, cut.clear, cut.border) == (2, True, ())
        assert cut.score == pytest.approx(0.5 / 0.75)

    def test_groups_hardly_farther_apart_than_wide(self):
        cut = cut_by(blocks((4, 4), 0.3, 0.55))
        assert (cut.n_groups, cut.clear) == (1, False)

    def test_one_group_that_nothing_divides(self):
        cut = cut_by(blocks((4, 4), 0.3, 0.4))
        assert (cut.n_groups, cut.clear) == (1, True)

    def test_groups_as_near_as_tilted_crystals(self):
        cut = cut_by(blocks((4, 4), 0.02, 0.2))
        assert (cut.n_groups, cut.clear, cut.border) == (2, False, ())

    @pytest.mark.parametrize(("unsure", "clear"), [((0,), True), ((0, 6), False)])
    def test_components_nearly_as_far_from_their_own(self, unsure, clear):
        distances = blocks((6, 6), 0.1, 0.75)
        for one in unsure:
            to_all = np.where(np.arange(12) // 6 == one // 6, 0.3, 0.5)
            distances[one], distances[:, one] = to_all, to_all
        np.fill_diagonal(distances, 0.0)
        cut = cut_by(distances)
        assert (cut.n_groups, cut.border, cut.clear) == (2, unsure, clear)

    @pytest.mark.parametrize(("share", "border"), [(0.45, ()), (0.6, (3,))])
    def test_noisy_components(self, share, border):
        noise = np.where(np.arange(8) == 3, share, 0.0)
        assert cut_by(blocks((4, 4), 0.1, 0.8), noise).border == border

    def test_a_second_cut_as_good(self):
        between = np.array([[0, 0.4, 0.9], [0.4, 0, 0.9], [0.9, 0.9, 0]])
        cut = cut_by(blocks((4, 4, 4), 0.1, between))
        assert cut.n_groups == 3
        assert cut.score - cut.coarser[1] < 0.05
        assert not cut.clear

    @pytest.mark.parametrize(("apart", "clear"), [(0.35, False), (0.2, True)])
    def test_a_group_of_two_that_stand_apart_themselves(self, apart, clear):
        between = np.array([[0, apart, 1], [apart, 0, 1], [1, 1, 0]])
        cut = cut_by(blocks((4, 4, 4), 0.1, between))
        assert (cut.n_groups, cut.clear) == (2, clear)
        assert cut.score - cut.finer[1] > 0.05


class TestMatrix:
    LINKAGE = np.array(
        [[1, 4, 0.9, 2], [0, 2, 0.1, 2], [3, 6, 0.5, 3], [5, 7, 1.0, 5]], dtype=float
    )
    CRYSTALLINE = np.array([True, False, True, True, False])

    def test_stays_together_at_every_distance(self):
        found = cuts.thresholds(self.LINKAGE, self.CRYSTALLINE)
        np.testing.assert_array_equal(found, [0, 0.1, 0.5, 1.0])

    def test_is_one_group_beside_the_crystals(self):
        distances = np.ones((5, 5)) - np.eye(5)
        distances[0, 2] = distances[2, 0] = 0.05
        cut = suggest(self.LINKAGE, Relative(distances, np.zeros(5)), self.CRYSTALLINE)
        assert (cut.n_groups, cut.distance) == (3, pytest.approx(0.3))

    def test_one_family_and_the_matrix(self):
        distances = 0.01 * (np.ones((5, 5)) - np.eye(5))
        cut = suggest(self.LINKAGE, Relative(distances, np.zeros(5)), self.CRYSTALLINE)
        assert (cut.n_groups, cut.distance) == (2, pytest.approx(0.75))

    def test_nothing_else(self):
        relative = Relative(np.zeros((5, 5)), np.zeros(5))
        cut = suggest(self.LINKAGE, relative, np.zeros(5, dtype=bool))
        assert cut.n_groups == 1
        assert "matrix" in cut.reason

    def test_a_single_crystal(self):
        linkage = np.array([[0, 1, 0.2, 2], [2, 3, 1.0, 3]], dtype=float)
        relative = Relative(np.ones((3, 3)) - np.eye(3), np.zeros(3))
        cut = suggest(linkage, relative, np.array([False, False, True]))
        assert cut.n_groups == 2
