import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from scipy.cluster.hierarchy import dendrogram, linkage

from hs_nmfcluster.plotting import group_color, plot_dendrogram
from hs_nmfcluster.plotting.tree_layout import tree_layout
from hs_nmfcluster.scan.units import PixelSize

from .specimen import GROUPS, LINKAGE, maps, patterns


def merges(ax: plt.Axes) -> dict[int, LineCollection]:
    """Brackets drawn, by number of the merge."""
    return {
        int(lines.get_label().split()[1]): lines
        for lines in ax.collections
        if lines.get_label().startswith("merge")
    }


def random_linkage(number: int, seed: int) -> np.ndarray:
    """A tree of random shape with random distances, so with many inversions."""
    rng = np.random.default_rng(seed)
    nodes, rows = dict.fromkeys(range(number), 1), []
    while len(nodes) > 1:
        pair = rng.choice(list(nodes), 2, replace=False)
        size = sum(nodes.pop(node) for node in pair)
        nodes[number + len(rows)] = size
        rows.append([*pair, rng.uniform(0.1, 1), size])
    return np.array(rows)


class TestTreeLayout:
    def test_agrees_with_scipy_without_inversions(self) -> None:
        points = np.random.default_rng(0).normal(size=(15, 3))
        merged = linkage(points, "average")
        layout = tree_layout(merged)
        theirs = dendrogram(merged, no_plot=True)
        mine = {
            (round(x, 9), abs(np.ptp(y)) > 0)
            for x, y in map(layout.corners, range(14))
            for x in x[1:2]
        }
        assert {(round(d[1], 9), True) for d in theirs["dcoord"]} == mine
        assert layout.inverted == []
        for merge, (upper, lower) in enumerate(layout.children):
            assert layout.y[15 + merge] == (layout.y[upper] + layout.y[lower]) / 2

    @pytest.mark.parametrize("seed", range(5))
    def test_every_subtree_is_contiguous_and_branches_stay_within(self, seed: int) -> None:
        layout = tree_layout(random_linkage(30, seed))
        assert sorted(layout.order) == list(range(30))
        for node, leaves in enumerate(layout.leaves):
            places = np.sort(layout.y[leaves])
            np.testing.assert_array_equal(np.diff(places), 1)
            assert places[0] <= layout.y[node] <= places[-1]

    @pytest.mark.parametrize("seed", range(5))
    def test_arms_run_backwards_clear_of_their_own_subtree(self, seed: int) -> None:
        layout = tree_layout(random_linkage(30, seed))
        number = layout.number
        for pair_merge, pair in enumerate(layout.children):
            end = layout.x[number + pair_merge]
            for node in pair:
                if node < number:
                    continue
                span = sorted([layout.x[node], end])
                below = [
                    m
                    for m in range(node - number)
                    if set(layout.leaves[number + m]) <= set(layout.leaves[node])
                ]
                for merge in below:
                    x, y = layout.corners(merge)
                    crosses = span[0] < x[1] < span[1] and y[1] <= layout.y[node] <= y[2]
                    assert not crosses

    def test_inversions(self) -> None:
        layout = tree_layout(LINKAGE)
        assert layout.inverted == [2]
        assert tree_layout(LINKAGE, "sequence").inverted == []
        assert layout.order == [0, 1, 5, 2, 3, 4]

    def test_what_is_last_is_below_at_every_merge_and_the_tree_the_same(self) -> None:
        last = np.isin(np.arange(6), [0, 1, 3])
        layout = tree_layout(LINKAGE, last=last)
        assert layout.order == [4, 2, 3, 5, 0, 1]
        np.testing.assert_array_equal(layout.x, tree_layout(LINKAGE).x)
        joined = [sorted(pair) for pair in layout.children.tolist()]
        assert joined == [sorted(pair) for pair in LINKAGE[:, :2].astype(int).tolist()]

    def test_last_of_another_length(self) -> None:
        with pytest.raises(ValueError, match=r"last has shape \(2,\); it must be \(6,\)"):
            tree_layout(LINKAGE, last=[True, False])

    def test_one_component(self) -> None:
        assert tree_layout(np.empty((0, 4))).order == [0]

    def test_long_chain(self) -> None:
        chain = [[0, 1, 0.1, 2]]
        chain += [[1998 + leaf, leaf, 0.1 * leaf, leaf + 1] for leaf in range(2, 2000)]
        assert tree_layout(chain).order == list(range(2000))

    @pytest.mark.parametrize(
        ("merged", "message"),
        [
            (np.ones((2, 3)), r"shape \(2, 3\)"),
            ([[0, 1, np.nan, 2]], "NaN"),
            ([[0, 1, 0.1, 2], [0, 3, 0.2, 3]], "no tree"),
            ([[0, 4, 0.1, 2], [1, 2, 0.2, 3]], "no tree"),
            ([[0, 0.5, 0.1, 2]], "no tree"),
        ],
    )
    def test_no_tree(self, merged: list, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            tree_layout(merged)


class TestPlotDendrogram:
    @pytest.mark.parametrize("kind", ["distance", "sequence"])
    def test_lines_lie_at_the_distances(self, kind: str, render) -> None:
        figure = plot_dendrogram(LINKAGE, kind=kind)
        (ax,) = figure.axes
        drawn = merges(ax)
        expected = LINKAGE[:, 2] if kind == "distance" else np.arange(1, 6)
        assert len(drawn) == 5
        nodes = np.concatenate([np.zeros(6), expected])
        for merge, lines in drawn.items():
            upper, across, lower = lines.get_segments()
            np.testing.assert_array_equal(across[:, 0], expected[merge])
            starts = sorted([upper[0, 0], lower[-1, 0]])
            assert starts == sorted(nodes[LINKAGE[merge, :2].astype(int)])
        render(figure)

    def test_axes_and_labels(self, render) -> None:
        figure = plot_dendrogram(LINKAGE, labels=list("abc$ef"))
        ax = figure.axes[0]
        assert ax.get_xlabel().splitlines() == [
            "Pseudo-distance (1 − cross-correlation)",
            "Arrows: joined nearer than what they hold",
        ]
        assert ax.get_ylabel() == "Component"
        assert [text.get_text() for text in ax.get_yticklabels()] == [
            "a",
            "b",
            "f",
            "c",
            r"\$",
            "e",
        ]
        sequence = plot_dendrogram(LINKAGE, kind="sequence").axes[0]
        assert sequence.get_xlabel() == "Agglomerative sequence (number of merge)"
        render(figure)

    def test_arrows_mark_the_inversions_only(self, render) -> None:
        figure = plot_dendrogram(LINKAGE)
        ax = figure.axes[0]
        arrows = [text for text in ax.texts if text.get_label().startswith("inversion")]
        assert [arrow.get_label() for arrow in arrows] == ["inversion 2"]
        assert arrows[0].xy[0] == LINKAGE[2, 2]
        grown = LINKAGE.copy()
        grown[2, 2] = 0.5
        assert not plot_dendrogram(grown).axes[0].texts
        assert not plot_dendrogram(LINKAGE, kind="sequence").axes[0].texts
        render(figure)

    def test_branches_have_the_colour_of_their_group(self) -> None:
        ax = plot_dendrogram(LINKAGE, groups=GROUPS).axes[0]
        drawn = merges(ax)
        assert [to_hex(c) for c in drawn[0].get_colors()] == [group_color(0)] * 3
        assert [to_hex(c) for c in drawn[1].get_colors()] == [group_color(1)] * 3
        mixed = [to_hex(c) for c in drawn[2].get_colors()]
        assert mixed == [group_color(0), "#262626", group_color(-1)]
        labels = [to_hex(text.get_color()) for text in ax.get_yticklabels()]
        assert labels == [group_color(GROUPS[leaf]) for leaf in (0, 1, 5, 2, 3, 4)]

    def test_groups_are_named_beside_their_leaves(self, render) -> None:
        figure = plot_dendrogram(LINKAGE, groups=GROUPS)
        ax = figure.axes[0]
        names = {text.get_text(): text.get_position()[1] for text in ax.texts if text.get_text()}
        assert names == {"i": 0.5, "ii": 3.5, "iii": 5.0}
        render(figure)

    def test_matrix_is_last(self) -> None:
        ax = plot_dendrogram(LINKAGE, groups=GROUPS, matrix=[0]).axes[0]
        order = [int(text.get_text()) for text in ax.get_yticklabels()]
        assert order == [2, 3, 4, 5, 0, 1]
        last = [False, False, True, True, False, False]
        ax = plot_dendrogram(LINKAGE, groups=GROUPS, matrix=[0], last=last).axes[0]
        assert [int(text.get_text()) for text in ax.get_yticklabels()] == [0, 1, 5, 4, 2, 3]

    def test_cut(self, render) -> None:
        figure = plot_dendrogram(LINKAGE, cut=0.5)
        ax = figure.axes[0]
        (line,) = ax.lines
        assert list(line.get_xdata()) == [0.5, 0.5]
        assert ax.texts[-1].get_text() == "cut 0.5"
        render(figure)

    @pytest.mark.parametrize("number", [1, 2, 40])
    def test_sizes(self, number: int, render) -> None:
        tree = random_linkage(number, 1).reshape(-1, 4)
        render(plot_dendrogram(tree, groups=[0] * number))

    def test_identical_components(self, render) -> None:
        render(plot_dendrogram([[0, 1, 0.0, 2]]))

    def test_given_axes(self) -> None:
        figure, ax = plt.subplots()
        assert plot_dendrogram(LINKAGE, ax=ax) is figure
        assert len(merges(ax)) == 5

    def test_unknown_kind(self) -> None:
        with pytest.raises(ValueError, match="kind is 'time'"):
            plot_dendrogram(LINKAGE, kind="time")  # type: ignore[arg-type]


class TestInsets:
    def test_a_row_for_each_group_in_the_order_of_the_tree(self, render) -> None:
        order = [2, 2, 1, 1, 0, 0]
        figure = plot_dendrogram(
            LINKAGE,
            groups=order,
            patterns=patterns(3),
            maps=maps(3),
            aligned_maps=maps(3),
            pattern_pixel=PixelSize(0.1, 0.1, "1/nm"),
            map_pixel=PixelSize(1, 1, "nm"),
        )
        labels = [ax.get_label() for ax in figure.axes[1:10]]
        kinds = ("pattern", "sum of maps", "shift-corrected")
        assert labels == [f"{kind} {group}" for group in (2, 0, 1) for kind in kinds]
        for ax in figure.axes[1:10]:
            group = int(ax.get_label()[-1])
            assert to_hex(ax.spines["top"].get_edgecolor()) == group_color(group)
        render(figure)

    @pytest.mark.parametrize("scan_shape", [(9,), (3, 9, 8)])
    def test_other_scans(self, scan_shape: tuple[int, ...], render) -> None:
        scans = maps(3, *scan_shape)
        figure = plot_dendrogram(LINKAGE, groups=GROUPS, patterns=patterns(3), maps=scans)
        render(figure)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"patterns": patterns(3)}, "groups is not given"),
            ({"patterns": patterns(2), "groups": GROUPS}, "hold 2 groups, not 3"),
            ({"patterns": patterns(3), "maps": maps(2), "groups": GROUPS}, "different numbers"),
            ({"groups": [0, 1]}, "groups: 2 given for 6"),
        ],
    )
    def test_bad_arguments(self, arguments: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            plot_dendrogram(LINKAGE, **arguments)

    def test_not_into_given_axes(self) -> None:
        _, ax = plt.subplots()
        with pytest.raises(ValueError, match="ax is given"):
            plot_dendrogram(LINKAGE, groups=GROUPS, patterns=patterns(3), ax=ax)
