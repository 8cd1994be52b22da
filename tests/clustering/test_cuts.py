"""What a cut leaves, the tree of the groups, and the tree of some components."""

import numpy as np
from scipy.cluster.hierarchy import is_valid_linkage

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import agglomerate
from hs_nmfcluster.clustering.alignable import RotatablePatterns
from hs_nmfcluster.clustering.similarity import pairwise


class TestCondensed:
    def test_is_the_tree_of_the_groups(self):
        linkage = np.array([[0, 3, 0.1, 2], [1, 2, 0.2, 2], [4, 5, 0.5, 3], [6, 7, 0.9, 5]])
        condensed = cuts.condensed(linkage, np.array([True, True, False, False]))
        # Groups: {0, 3}, {1, 2}, {4}.
        np.testing.assert_array_equal(condensed, [[2, 0, 0.5, 2], [1, 3, 0.9, 3]])

    def test_one_group_has_no_merge(self):
        assert cuts.condensed(np.array([[0, 1, 0.1, 2.0]]), np.array([True])).shape == (0, 4)

    def test_nothing_kept_is_the_tree(self):
        linkage = np.array([[0, 3, 0.1, 2], [1, 2, 0.2, 2], [4, 5, 0.5, 4.0]])
        np.testing.assert_array_equal(cuts.condensed(linkage, np.zeros(3, dtype=bool)), linkage)


def test_leaf_order():
    linkage = np.array([[0, 3, 0.1, 2], [1, 2, 0.2, 2], [5, 4, 0.5, 4.0]])
    assert cuts.leaf_order(linkage).tolist() == [1, 2, 0, 3]


class TestRestricted:
    def test_displacements_are_those_of_the_whole(self):
        rng = np.random.default_rng(0)
        patterns = rng.random((14, 5, 36)) ** 3
        items = RotatablePatterns(patterns)
        linkage, shifts = agglomerate(items, pairwise(items)[0])
        kept = np.arange(13) < 10
        chosen = np.array([0, 2, 3, 7, 8, 9, 13])
        own_linkage, own_shifts, merges = cuts.restricted(linkage, shifts, chosen)
        assert is_valid_linkage(own_linkage)
        whole = cuts.displacements(linkage, shifts, kept)[:, 0]
        own = cuts.displacements(own_linkage, own_shifts, kept[merges])[:, 0]
        groups = cuts.members(own_linkage, kept[merges])
        expected = [np.intersect1d(group, chosen) for group in cuts.members(linkage, kept)]
        expected = sorted((g for g in expected if g.size), key=lambda group: group[0])
        assert [chosen[group].tolist() for group in groups] == [g.tolist() for g in expected]
        for group in groups:
            turned = whole[chosen[group]] - whole[chosen[group[0]]]
            np.testing.assert_allclose((own[group] - turned + 180) % 360, 180, atol=1e-9)

    def test_all_are_the_tree(self):
        linkage = np.array([[0, 3, 0.1, 2], [1, 2, 0.2, 2], [5, 4, 0.5, 4.0]])
        shifts = np.array([[10.0], [20.0], [-30.0]])
        for found, expected in zip(
            cuts.restricted(linkage, shifts, np.arange(4)), (linkage, shifts, range(3)), strict=True
        ):
            np.testing.assert_array_equal(found, expected)

    def test_one_component(self):
        linkage = np.array([[0, 1, 0.1, 2.0]])
        own, moves, merges = cuts.restricted(linkage, np.zeros((1, 1)), np.array([1]))
        assert (own.shape, moves.shape, merges.shape) == ((0, 4), (0, 1), (0,))
