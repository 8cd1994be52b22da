import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from hs_nmfcluster.plotting import (
    composite_map,
    group_color,
    plot_dendrogram,
    plot_group_map,
    plot_groups,
)
from hs_nmfcluster.scan.units import PixelSize
from hs_nmfcluster.words import group_name

from .specimen import GROUPS, LINKAGE, maps, patterns


class TestPlotGroups:
    MEMBERS = ([0, 1], [2, 3], [4])

    def test_a_row_for_each_group(self, render) -> None:
        pixel = PixelSize(1, 1, "nm")
        figure = plot_groups(patterns(3), maps(3), maps(3), self.MEMBERS, map_pixel=pixel)
        labels = [ax.get_label() for ax in figure.axes]
        kinds = ("pattern", "sum of maps", "shift-corrected", "members")
        assert labels[:12] == [f"{kind} {group}" for group in range(3) for kind in kinds]
        assert labels[12:] == ["pattern scale", "map scale"]
        heading, text = figure.axes[3].texts
        assert heading.get_text() == "Group i"
        assert to_hex(heading.get_color()) == group_color(0)
        assert text.get_text() == "2 components:\n0, 1"
        assert figure.axes[11].texts[1].get_text() == "1 component:\n4"
        render(figure)

    def test_each_image_has_its_own_scale(self) -> None:
        scans = maps(2) * np.array([1, 50])[:, np.newaxis, np.newaxis]
        figure = plot_groups(patterns(2), scans)
        tops = [figure.axes[i].images[0].norm.vmax for i in (1, 3)]
        assert tops[1] > 20 * tops[0]

    def test_colours_are_those_of_the_dendrogram(self) -> None:
        tree = plot_dendrogram(LINKAGE, groups=GROUPS).axes[0]
        of_leaves = {
            GROUPS[int(text.get_text())]: to_hex(text.get_color())
            for text in tree.get_yticklabels()
        }
        figure = plot_groups(patterns(3))
        legend = plot_group_map(maps(3)).axes[0].get_legend()
        patches = [to_hex(patch.get_facecolor()) for patch in legend.get_patches()]
        for group in range(3):
            border = figure.axes[group].spines["left"].get_edgecolor()
            assert to_hex(border) == of_leaves[group] == patches[group] == group_color(group)

    def test_many_members_are_cut_short(self, render) -> None:
        figure = plot_groups(patterns(1), members=[range(200)])
        assert figure.axes[1].texts[1].get_text().endswith("[...]")
        render(figure)

    @pytest.mark.parametrize("kind", ["pdf", "svg"])
    def test_vector_formats(self, kind: str, tmp_path: Path) -> None:
        figure = plot_groups(patterns(2), maps(2), map_pixel=PixelSize(1, 1, "1/nm"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure.savefig(tmp_path / f"groups.{kind}")

    @pytest.mark.parametrize("scan_shape", [(9,), (3, 9, 8), (1, 9)])
    def test_other_scans(self, scan_shape: tuple[int, ...], render) -> None:
        render(plot_groups(patterns(2), maps(2, *scan_shape), maps(2, *scan_shape)))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"patterns": np.ones((3, 4))}, r"patterns has shape \(3, 4\)"),
            ({"patterns": np.ones((0, 4, 4))}, "no group"),
            ({"maps": maps(2)}, "different numbers of groups"),
            ({"members": [[0]]}, "members: 1 given for 3 groups"),
        ],
    )
    def test_bad_arguments(self, arguments: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            plot_groups(**({"patterns": patterns(3)} | arguments))


class TestCompositeMap:
    def test_pure_positions_have_the_colours_of_their_groups(self) -> None:
        scans = np.zeros((3, 2, 2))
        scans[0, 0, 0], scans[1, 0, 1], scans[2, 1, 0] = 3.0, 200.0, np.inf
        image = composite_map(scans)
        np.testing.assert_allclose(image[0, 0], to_rgb(group_color(0)))
        np.testing.assert_allclose(image[0, 1], to_rgb(group_color(1)))
        np.testing.assert_array_equal(image[1], 1.0)

    def test_rare_group_lies_over_the_widespread_one(self) -> None:
        scans = np.ones((2, 4, 4))
        scans[0, 1:] = scans[0, :, 1:] = 0.0
        image = composite_map(scans)
        np.testing.assert_allclose(image[0, 0], to_rgb(group_color(0)))
        np.testing.assert_allclose(image[3, 3], to_rgb(group_color(1)))

    def test_nan_counts_as_zero(self) -> None:
        scans = maps(2)
        scans[:, 0] = np.nan
        image = composite_map(scans)
        np.testing.assert_array_equal(image[0], 1.0)
        assert (image >= 0).all()
        assert (image <= 1).all()

    def test_wrong_shape(self) -> None:
        with pytest.raises(ValueError, match=r"maps has shape \(2, 3\)"):
            composite_map(np.ones((2, 3)))


class TestPlotGroupMap:
    def test_image_and_legend(self, render) -> None:
        figure = plot_group_map(maps(4), map_pixel=PixelSize(1.5, 1.5, "nm"))
        (ax,) = figure.axes
        np.testing.assert_array_equal(ax.images[0].get_array(), composite_map(maps(4)))
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names == [group_name(group) for group in range(4)]
        assert ax.texts[0].get_text() == "2 nm"
        render(figure)

    def test_profiles(self, render) -> None:
        figure = plot_group_map(maps(3, 9), map_pixel=PixelSize(2, 2, "nm"))
        (ax,) = figure.axes
        assert [line.get_color() for line in ax.lines] == [group_color(g) for g in range(3)]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Position (nm)", "Map (arb. units)")
        render(figure)

    def test_many_groups(self, render) -> None:
        render(plot_group_map(maps(14)))

    def test_given_axes(self) -> None:
        figure, ax = plt.subplots()
        assert plot_group_map(maps(2), ax=ax) is figure
