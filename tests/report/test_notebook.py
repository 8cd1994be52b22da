"""What a notebook shows of answers, and the explorer of groups."""

import numpy as np
import pytest

from hs_nmfcluster.words import group_name


class TestExplore:
    def test_says_what_is_at_a_particle(self, groups, scan):
        sizes = groups.particle_sizes()
        particle = next(p for group in sizes for p in group.particles)
        row, column = round(particle.y / sizes.pixel.y), round(particle.x / sizes.pixel.x)
        explorer = groups.explore(scan).go_to(row, column)
        says = explorer.figure.get_suptitle()
        assert f"component {particle.component}, " in says
        assert f"group {group_name(groups.labels[particle.component])};" in says
        assert f"particle of {particle.diameter:.1f}"[:14] in says
        titles = [ax.get_title() for ax in explorer.figure.axes if ax.images][1:]
        assert titles[:2] == ["Measured", "Components, added up"]
        measured = next(ax for ax in explorer.figure.axes if ax.get_title() == "Measured")
        np.testing.assert_array_equal(measured.images[0].get_array(), scan.data[row, column])
        analysed = np.isfinite(groups.tree.patterns.data[0])
        assert measured.images[0].norm.vmax <= scan.data[row, column][analysed].max()

    def test_unknown_group_is_refused(self, groups):
        with pytest.raises(IndexError, match="no group 7, only 0 to 2"):
            groups[7]

    def test_another_scan_is_refused(self, groups, scan):
        with pytest.raises(ValueError, match="`signal` must be the scan"):
            groups.explore(scan.inav[:5])

    def test_line_is_refused(self, scan):
        line = scan.inav[:, 2]
        nmf = line.decompose_als_nmf(
            3, restarts=1, random_state=0, print_info=False, show_progressbar=False
        )
        with pytest.raises(ValueError, match="two axes"):
            line.hierarchical_cluster(nmf).cut().explore()

    def test_hyperspys_navigator_takes_the_map_of_a_group(self, groups, scan):
        scan.plot(navigator=groups["i"].map)
        shown = scan._plot.navigator_plot.ax.images[0].get_array()
        np.testing.assert_allclose(shown, groups.maps.data[0])
        scan._plot.close()


class TestCards:
    @pytest.mark.parametrize(
        "answer", ["lattice_spacings", "particle_sizes", "orientation_map", "crystallinity"]
    )
    def test_line_for_each_group_and_figure(self, groups, answer):
        html = getattr(groups, answer)()._repr_html_()
        for number in range(len(groups)):
            assert f"Group {group_name(number)}<" in html
        assert html.count("<img ") == 1

    def test_group(self, groups):
        html = groups["i"]._repr_html_()
        assert html.count("<img ") == 2
        assert groups["i"].color in html
        assert repr(groups["i"]).startswith("<Group i: ")
