"""The answer in words: on a good analysis, on matrix alone, after a cut by hand."""

from copy import copy

import numpy as np
import pytest

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.plotting.style import MATRIX_COLOR, group_color
from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.answer import answer, unsure_components
from hs_nmfcluster.report.explorable import explorable
from hs_nmfcluster.report.summary import in_words
from hs_nmfcluster.simulation import linear_mixture


@pytest.fixture(scope="module")
def specimen():
    """The true components of three families, of two crystals each."""
    signal, truth = linear_mixture(
        (40, 40), (64, 64), n_particles=6, angles_per_family=2, pixel_size=0.3, seed=3
    )
    patterns, maps = signal.inav[:7, 0], signal.inav[:7, 0].T
    patterns.data = truth.patterns
    maps = maps.__class__(truth.maps)
    for axis in maps.axes_manager.signal_axes:
        axis.scale, axis.units = 1.5, "nm"
    return patterns, maps, truth


@pytest.fixture(scope="module")
def tree(specimen):
    return ClusterTree.from_patterns(*specimen[:2], radial_range=(2, 8))


class TestAnswer:
    def test_of_a_clear_case(self, tree):
        groups = tree.cut()
        sizes = groups.particle_sizes()
        assert answer(groups, sizes).startswith("3 families of crystals (6 particles, ")
        assert answer(groups).startswith("3 families of crystals, matrix; cut clear")

    def test_a_single_component_without_particles_is_no_family(self, specimen):
        patterns, maps, _ = specimen
        few, faint = patterns.inav[:6], maps.inav[:, :6].deepcopy()
        faint.data[5] = np.random.default_rng(0).random(faint.data.shape[1:])
        groups = ClusterTree.from_patterns(few, faint, radial_range=(2, 8)).cut()
        said = answer(groups, groups.particle_sizes())
        assert said.startswith("2 families of crystals (4 particles, ")
        assert said.endswith("; not counted, as without particles: iii")

    def test_a_family_of_several_is_counted_without_particles(self, specimen):
        patterns, maps, _ = specimen
        faint = maps.deepcopy()
        faint.data[5:7] = np.random.default_rng(0).random((2, *faint.data.shape[1:]))
        groups = ClusterTree.from_patterns(patterns, faint, radial_range=(2, 8)).cut()
        assert answer(groups, groups.particle_sizes()).startswith("3 families of crystals (4 ")

    def test_of_a_cut_by_hand(self, tree):
        assert "; cut by hand" in answer(tree.cut(n_groups=2))
        assert answer(tree.cut(n_groups=2)).startswith("1 family of crystals, matrix")

    def test_of_matrix_alone(self, specimen):
        patterns, maps, truth = specimen
        halos = patterns.deepcopy()
        rng = np.random.default_rng(0)
        halos.data = rng.poisson(1e6 * truth.patterns[:1], (7, 64, 64)).astype(float)
        groups = ClusterTree.from_patterns(halos, maps, radial_range=(2, 8)).cut()
        assert answer(groups) == "No crystals: matrix only"
        assert in_words(Findings(groups=groups)).splitlines()[1].startswith("  i: matrix, 7")

    def test_names_what_is_not_sure(self, tree):
        evidence = tree.evidence
        tree.evidence = type(evidence)(
            evidence.significance, evidence.crystalline, np.arange(7) == 4
        )
        try:
            assert unsure_components(tree.cut()) == [4]
            assert answer(tree.cut()).endswith("not sure about: component 4")
        finally:
            tree.evidence = evidence


class TestSummary:
    def test_a_line_for_each_group(self, tree):
        lines = tree.cut().summary().splitlines()
        assert lines[1].startswith("  i: 2 components (1, 2), 0.0")
        assert "2 particles" in lines[1]
        assert lines[4].startswith("  iv: matrix, 1 component (0)")

    def test_without_maps(self, specimen):
        groups = ClusterTree.from_patterns(specimen[0], radial_range=(2, 8)).cut()
        assert groups.summary().startswith("3 families of crystals, matrix; cut clear")

    def test_serious_cautions_are_part_of_it(self, tree):
        said = tree.cut().summary()
        assert "!" not in said
        noise = tree.relative.noise.copy()
        tree.relative.noise[:] = 0.9
        del tree._suggested
        try:
            assert "\n! Cut not clear: " in tree.cut().summary()
        finally:
            tree.relative.noise[:] = noise
            del tree._suggested

    def test_groups_by_name(self, tree):
        groups = tree.cut()
        np.testing.assert_array_equal(groups["ii"], groups[1])
        np.testing.assert_array_equal(groups["ii"].pattern.data, groups.patterns.data[1])
        np.testing.assert_array_equal(groups["ii"].map.data, groups.maps.data[1])
        assert groups["i"].particles == groups.particle_sizes()["i"].particles
        assert len(groups["i"].particles) == 2
        assert groups["iv"].is_matrix
        assert [groups[name].color for name in ("i", "iv")] == [group_color(0), MATRIX_COLOR]
        with pytest.raises(KeyError, match="only i, ii, iii, iv"):
            groups["v"]


class TestMatrix:
    @staticmethod
    def leaves(figure):
        return [int(text.get_text()) for text in figure.axes[0].get_yticklabels()]

    def test_is_last_in_every_tree_at_every_cut(self, tree):
        assert not tree.crystalline[0]
        for groups in (tree.cut(), tree.cut(n_groups=1)):
            orders = [
                self.leaves(groups.plot_dendrogram(kind)) for kind in ("distance", "sequence")
            ]
            orders.append(explorable(Findings(groups=groups))["tree"]["order"])
            assert orders == [[1, 2, 3, 4, 5, 6, 0]] * 3
        assert self.leaves(tree.explore().figure) == orders[0]

    def test_inversions_of_the_report_are_those_of_the_figure(self, tree):
        turned_over = copy(tree)
        turned_over.linkage = tree.linkage.copy()
        turned_over.linkage[-1, 2] = turned_over.linkage[-2, 2] / 2
        groups = turned_over.cut(n_groups=3)
        marked = [text.get_label() for text in groups.plot_dendrogram().axes[0].texts]
        drawn = explorable(Findings(groups=groups))["tree"]["inverted"]
        assert drawn == [len(tree) - 2]
        assert drawn == [int(text.split()[1]) for text in marked if text.startswith("inversion")]

    def test_stands_first_in_a_plain_tree(self, specimen):
        plain = ClusterTree.from_patterns(*specimen[:2], radial_range=(2, 8), crystals_first=False)
        assert self.leaves(plain.cut().plot_dendrogram())[0] == 0
