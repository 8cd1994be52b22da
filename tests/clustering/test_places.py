"""Components that describe one crystal, and the tree that keeps crystals and matrix apart."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import is_valid_linkage

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.alignable import RotatablePatterns
from hs_nmfcluster.clustering.apart import agglomerate_apart
from hs_nmfcluster.clustering.places import find_hosts
from hs_nmfcluster.clustering.relative import relative_distances
from hs_nmfcluster.clustering.similarity import pairwise
from hs_nmfcluster.clustering.suggestion import suggest
from hs_nmfcluster.clustering.tree import Plan

Y, X = np.mgrid[:30, :30]


def disc(x, y, radius=3.0, inner=0.0):
    r = np.hypot(X - x, Y - y)
    return ((r <= radius) & (r >= inner)).astype(float)


def net(seed, weights_seed=0, turn=0):
    """Spots with opposites in directions by one seed, with heights by another."""
    rng, heights = np.random.default_rng(seed), np.random.default_rng(weights_seed)
    pattern = np.zeros((14, 180))
    for _ in range(7):
        r, phi = rng.integers(1, 13), rng.integers(90)
        pattern[r, [phi, phi + 90]] = heights.uniform(0.3, 1.0)
    return np.roll(pattern, turn, axis=1)


class TestFindHosts:
    def test_middle_and_rim_of_one_crystal(self):
        patterns = np.stack([net(1), net(1, 5), net(2)])
        maps = np.stack([5 * disc(10, 10), disc(10, 10, 4, 2), disc(20, 20)])
        assert find_hosts(patterns, maps).tolist() == [-1, 0, -1]

    def test_the_stronger_is_the_host_wherever_it_stands(self):
        patterns = np.stack([net(1, 5), net(2), net(1)])
        maps = np.stack([disc(10, 10, 4, 2), disc(20, 20), 5 * disc(10, 10)])
        assert find_hosts(patterns, maps).tolist() == [2, -1, -1]

    def test_another_crystal_at_the_same_place(self):
        patterns = np.stack([net(1), net(1, turn=31), net(2)])
        maps = np.stack([5 * disc(10, 10), disc(10, 10), disc(11, 10)])
        assert find_hosts(patterns, maps).tolist() == [-1, -1, -1]

    def test_the_same_orientation_elsewhere(self):
        patterns = np.stack([net(1), net(1, 5)])
        maps = np.stack([5 * disc(10, 10), disc(18, 18)])
        assert find_hosts(patterns, maps).tolist() == [-1, -1]

    def test_a_little_of_another_crystal_is_none(self):
        patterns = np.stack([net(1), net(1, 5)])
        maps = np.stack([5 * disc(10, 10) + 0.6 * disc(20, 20), disc(20, 20)])
        assert find_hosts(patterns, maps).tolist() == [-1, -1]

    def test_rims_of_several_crystals(self):
        rims = disc(10, 10, 4, 2) + disc(20, 20, 4, 2)
        patterns = np.stack([net(1), net(2), net(3), net(4)])
        maps = np.stack([5 * disc(10, 10), 5 * disc(20, 20), rims, rims + disc(5, 25)])
        assert find_hosts(patterns, maps)[2] in (0, 1)
        maps[2] = 2 * disc(10, 20) + disc(20, 20, 4, 2)
        assert find_hosts(patterns, maps)[2] == -1

    def test_positions_that_are_not_measured(self):
        patterns = np.stack([net(1), net(1, 5)])
        maps = np.stack([5 * disc(10, 10), disc(10, 10, 4, 2)])
        maps[:, :, 20:] = np.nan
        assert find_hosts(patterns, maps).tolist() == [-1, 0]

    @pytest.mark.parametrize("n", [0, 1])
    def test_nothing_to_compare(self, n):
        assert find_hosts(np.ones((n, 4, 9)), np.ones((n, 5, 5))).tolist() == [-1] * n


class TestAgglomerateApart:
    CRYSTALLINE = np.array([False, True, True, False, True, True, True, False])
    HOSTS = np.array([-1, -1, -1, -1, -1, 2, 2, -1])
    KINDS = (None, 1, 1, None, 2, 1, 1, None)

    @pytest.fixture
    def patterns(self):
        rng = np.random.default_rng(0)
        halos = np.exp(-np.square(np.arange(14) - np.arange(4, 12)[:, None]) / 9)
        patterns = 0.02 * rng.normal(size=(8, 14, 180)) + 0.2 * halos[..., None]
        for k, kind in enumerate(self.KINDS):
            if kind is not None:
                patterns[k] += net(kind, turn=17 * k if self.HOSTS[k] < 0 else 34)
        return patterns

    def merged(self, patterns, crystalline, hosts):
        similarity, _ = pairwise(RotatablePatterns(patterns))
        found, compared = agglomerate_apart(
            lambda some: RotatablePatterns(patterns[some]),
            patterns.mean(axis=-1),
            crystalline,
            hosts,
            Plan.of(8, 0, 1, None),
        )
        np.testing.assert_array_equal(compared.similarity, similarity)
        assert found.linkage.shape == (7, 4)
        assert found.shifts.shape == (7, 1)
        assert is_valid_linkage(found.linkage)
        return found, relative_distances(patterns, similarity)

    def test_crystals_join_crystals(self, patterns):
        merges, _ = self.merged(patterns, self.CRYSTALLINE, self.HOSTS)
        groups = cuts.members(merges.linkage, np.arange(7) < 6)
        assert [g.tolist() for g in groups] == [[0, 3, 7], [1, 2, 4, 5, 6]]
        assert merges.linkage[-1, 2] == merges.linkage[:, 2].max()

    def test_parts_stay_with_their_crystal(self, patterns):
        merges, relative = self.merged(patterns, self.CRYSTALLINE, self.HOSTS)
        thresholds = cuts.thresholds(merges.linkage, self.CRYSTALLINE, self.HOSTS)
        finest = cuts.members(merges.linkage, thresholds <= 1e-12)
        assert [g.tolist() for g in finest] == [[0, 3, 7], [1], [2, 5, 6], [4]]
        cut = suggest(merges.linkage, relative, self.CRYSTALLINE, self.HOSTS)
        groups = cuts.members(merges.linkage, thresholds <= cut.distance)
        assert [g.tolist() for g in groups] == [[0, 3, 7], [1, 2, 5, 6], [4]]
        assert cut.n_groups == 3

    def test_rotations_are_those_of_the_patterns(self, patterns):
        merges, _ = self.merged(patterns, self.CRYSTALLINE, self.HOSTS)
        kept = cuts.thresholds(merges.linkage, self.CRYSTALLINE, self.HOSTS) <= 0.5
        turned = cuts.displacements(merges.linkage, merges.shifts, kept)[:, 0]
        assert (turned[2] - 2 * 17 + 90) % 180 - 90 == pytest.approx(0, abs=1.5)
        np.testing.assert_array_equal(turned[[5, 6]], turned[2])

    def test_no_matrix(self, patterns):
        merges, relative = self.merged(patterns, np.ones(8, dtype=bool), self.HOSTS)
        thresholds = cuts.thresholds(merges.linkage, None, self.HOSTS)
        cut = suggest(merges.linkage, relative, None, self.HOSTS)
        assert len(cuts.members(merges.linkage, thresholds <= cut.distance)) == cut.n_groups

    def test_one_crystal_in_parts(self, patterns):
        crystalline = np.isin(np.arange(8), [2, 5, 6])
        merges, relative = self.merged(patterns, crystalline, self.HOSTS)
        assert suggest(merges.linkage, relative, crystalline, self.HOSTS).n_groups == 2
