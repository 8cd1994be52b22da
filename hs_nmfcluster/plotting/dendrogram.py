"""Dendrograms that show inversions as they are: the paper's Figs. 7 and S3."""

from collections.abc import Collection, Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from hs_nmfcluster.plotting.choices import Kind, Scaling
from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.group_images import GroupImages
from hs_nmfcluster.plotting.panels import scale_width
from hs_nmfcluster.plotting.style import (
    COLUMN_WIDTH,
    FONT_SIZE,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    checked_groups,
    component_labels,
    escape,
    figure_of,
    group_color,
    tidy,
)
from hs_nmfcluster.plotting.tree_layout import TreeLayout, tree_layout
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize
from hs_nmfcluster.words import group_name

_BRANCH_COLOR = "0.15"
_LEAF_HEIGHT = 0.155
_INSET_HEIGHT = 0.95


def plot_dendrogram(
    linkage: ArrayLike,
    *,
    kind: Kind = "distance",
    groups: Sequence[int] | None = None,
    cut: float | None = None,
    labels: Sequence[str] | None = None,
    leaf_label: str = "Component",
    distance_label: str = "Pseudo-distance (1 − cross-correlation)",
    patterns: ArrayLike | None = None,
    maps: ArrayLike | None = None,
    aligned_maps: ArrayLike | None = None,
    pattern_pixel: PixelSize = UNCALIBRATED,
    map_pixel: PixelSize = UNCALIBRATED,
    matrix: Collection[int] = (),
    last: ArrayLike | None = None,
    scaling: Scaling = "weak",
    ax: Axes | None = None,
) -> Figure:
    """Draw a tree of components, leaves at the left, in the order in which they were merged.

    Distances may fall from a merge to the next one (an inversion). Such a branch runs backwards
    and a small arrow points at it.

    Parameters
    ----------
    linkage
        SciPy's layout, shape ``(k - 1, 4)``, in the order of the merges, inversions as they are.
    kind
        Horizontal axis: number of the merge (``"sequence"``, paper's Fig. 7a) or its distance
        (``"distance"``, Fig. 7b).
    groups
        Group of each of the k components (0, 1, ...; -1 none): colours branches and labels.
    cut
        Where to draw the cut, in units of the horizontal axis. Merge number ``i`` (from 1) lies at
        ``i`` on the axis of the sequence, so ``k - n_groups + 0.5`` leaves ``n_groups``.
    labels
        One for each component; default 0, 1, ...
    leaf_label
        What they are.
    distance_label
        Label of the axis of ``kind="distance"``.
    patterns, maps, aligned_maps
        For each group its pattern, map and shift-corrected map (first axis: group); what is given
        is drawn at the side, in the order of the tree. Needs `groups`.
    pattern_pixel, map_pixel
        Pixel sizes of these.
    matrix
        Numbers of the groups that hold no crystal, which are grey.
    last
        ``(k,)`` of bool: components that are drawn below the others of a branch; by default those
        of the matrix. The tree is the same.
    scaling
        Intensity scale of these, see `plot_components`; each image has its own.
    ax
        Where to draw; default a new figure. Not together with patterns or maps.

    Returns
    -------
    matplotlib.figure.Figure
        Panel "dendrogram", then for each group "pattern 0", "sum of maps 0", "shift-corrected 0"
        as far as given, then the colour bars.

    Raises
    ------
    ValueError
        If `linkage` is no tree, lengths do not fit, or `ax` or missing `groups` meet images.

    Examples
    --------
    >>> from hs_nmfcluster.plotting import plot_dendrogram
    >>> fig = plot_dendrogram([[0, 1, 0.1, 2], [2, 3, 0.4, 3]], groups=[0, 0, 1], cut=0.2)
    """
    number = len(np.atleast_1d(linkage)) + 1
    names = component_labels(labels, number)
    group_of = checked_groups(groups, number)
    if last is None and group_of is not None:
        last = [group in matrix for group in group_of]
    layout = tree_layout(linkage, kind, last)
    images = GroupImages.from_arrays(
        patterns,
        maps,
        aligned_maps,
        pattern_pixel=pattern_pixel,
        map_pixel=map_pixel,
        scaling=scaling,
        matrix=matrix,
    )
    if images.number:
        if ax is not None:
            raise ValueError("ax is given with patterns or maps; these need a figure of their own.")
        ax = _with_insets(layout, group_of, images)
    elif ax is None:
        height = max(1.6, _LEAF_HEIGHT * layout.number + 0.6)
        ax = new_figure(COLUMN_WIDTH, height).add_subplot(label="dendrogram")
    _draw_branches(ax, layout, group_of, matrix)
    marked = kind == "distance" and bool(layout.inverted)
    x_label = distance_label if kind == "distance" else "Agglomerative sequence (number of merge)"
    x_label += "\nArrows: joined nearer than what they hold" if marked else ""
    tidy(ax, x=x_label, y=leaf_label, spines=("bottom",))
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=kind == "sequence"))
    _set_limits(ax, layout, cut)
    _label_leaves(ax, layout, names, group_of, matrix)
    if marked:
        _mark_inversions(ax, layout)
    if group_of is not None:
        _mark_groups(ax, layout, group_of, matrix)
    if cut is not None:
        _draw_cut(ax, cut)
    return figure_of(ax)


def _common_group(leaves: Sequence[int], groups: Sequence[int] | None) -> int | None:
    """Group that all `leaves` belong to, or None."""
    if groups is None:
        return None
    found = {groups[leaf] for leaf in leaves}
    return found.pop() if len(found) == 1 else None


def _draw_branches(
    ax: Axes, layout: TreeLayout, groups: Sequence[int] | None, matrix: Collection[int]
) -> None:
    node_groups = [_common_group(leaves, groups) for leaves in layout.leaves]
    colors = [
        _BRANCH_COLOR if group is None else group_color(group, matrix) for group in node_groups
    ]
    for merge, (upper, lower) in enumerate(layout.children):
        x, y = layout.corners(merge)
        corners = np.column_stack([x, y])
        bracket = LineCollection(
            [corners[:2], corners[1:3], corners[2:]],
            colors=[colors[upper], colors[layout.number + merge], colors[lower]],
            linewidths=1.1,
            capstyle="projecting",
            label=f"merge {merge}",
            zorder=3 if merge in layout.inverted else 2,
        )
        ax.add_collection(bracket, autolim=False)
        if merge in layout.inverted:
            # A merge that runs backwards crosses branches of its own: it is drawn as a bridge.
            ends = y[1] + 0.15, y[2] - 0.15
            ax.vlines(x[1], *ends, color="white", linewidth=3.5, zorder=2.5, label="bridge")


def _set_limits(ax: Axes, layout: TreeLayout, cut: float | None) -> None:
    # Identical components merge at a distance of rounding: an axis of that length has no ticks.
    right = max(float(layout.x.max()), 0.01, cut or 0.0)
    left = min(0.0, float(layout.x.min()))
    ax.set_xlim(left - 0.01 * (right - left), right + 0.05 * (right - left))
    ax.set_ylim(layout.number - 0.4, -0.6)


def _label_leaves(
    ax: Axes,
    layout: TreeLayout,
    names: Sequence[str],
    groups: Sequence[int] | None,
    matrix: Collection[int],
) -> None:
    ax.set_yticks(range(layout.number), [names[leaf] for leaf in layout.order])
    ax.tick_params(axis="y", length=0, pad=2)
    if groups is not None:
        for text, leaf in zip(ax.get_yticklabels(), layout.order, strict=True):
            text.set_color(group_color(groups[leaf], matrix))
            text.set_fontweight("bold")


def _mark_inversions(ax: Axes, layout: TreeLayout) -> None:
    for merge in layout.inverted:
        x, y = layout.corners(merge)
        # Near the left edge the labels of the leaves are in the way.
        side = 1.0 if x[1] < 0.06 * layout.x.max() else -1.0
        arrow = ax.annotate(
            "",
            xy=(x[1], y[1]),
            xytext=(9.0 * side, 9.0),
            textcoords="offset points",
            arrowprops={
                "arrowstyle": "-|>,head_width=0.22,head_length=0.4",
                "color": "black",
                "linewidth": 0.9,
                "shrinkA": 0.0,
                "shrinkB": 1.5,
            },
            zorder=5,
        )
        arrow.set_label(f"inversion {merge}")


def _mark_groups(
    ax: Axes, layout: TreeLayout, groups: Sequence[int], matrix: Collection[int]
) -> None:
    """Draw a bar with the group's name at the right of every run of leaves of one group."""
    start = 0
    for group, run in groupby(groups[leaf] for leaf in layout.order):
        stop = start + len(list(run))
        if group >= 0:
            ax.plot(
                [1.015, 1.015],
                [start - 0.35, stop - 0.65],
                transform=ax.get_yaxis_transform(),
                color=group_color(group, matrix),
                linewidth=2.5,
                solid_capstyle="butt",
                clip_on=False,
                scalex=False,
                scaley=False,
                label=f"group {group}",
            )
            ax.text(
                1.035,
                (start + stop - 1) / 2,
                group_name(group),
                transform=ax.get_yaxis_transform(),
                color=group_color(group, matrix),
                fontsize=FONT_SIZE,
                fontweight="bold",
                va="center",
            )
        start = stop


def _draw_cut(ax: Axes, cut: float) -> None:
    ax.axvline(cut, color="0.35", linestyle=(0, (4, 2)), linewidth=0.8, zorder=1, label="cut")
    ax.annotate(
        escape(f"cut {cut:.3g}"),
        (cut, 1.0),
        (0.0, 1.0),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        fontsize=SMALL_FONT_SIZE,
        color="0.35",
        ha="center",
        va="bottom",
    )


def _with_insets(layout: TreeLayout, groups: Sequence[int] | None, images: GroupImages) -> Axes:
    """Draw the images of the groups at the right; return the axes left for the tree."""
    if groups is None:
        raise ValueError("groups is not given; patterns and maps need it.")
    if max(groups) + 1 > images.number:
        raise ValueError(f"patterns or maps hold {images.number} groups, not {max(groups) + 1}.")
    shown = [group for group in dict.fromkeys(groups[leaf] for leaf in layout.order) if group >= 0]
    height = max(
        len(shown) * (_INSET_HEIGHT + 0.35 * images.has_profiles) + 0.25,
        2.6,
        _LEAF_HEIGHT * layout.number + 0.6,
    )
    row_height = height / len(shown)
    scales = scale_width(images.note)
    panel = min(row_height, 1.2, (0.62 * PAGE_WIDTH - scales) / sum(images.widths))
    widths = [*(panel * width for width in images.widths), scales]
    inset_width = sum(widths)
    figure = new_figure(PAGE_WIDTH, height)
    halves = figure.add_gridspec(1, 2, width_ratios=[PAGE_WIDTH - inset_width, inset_width])
    ax = figure.add_subplot(halves[0], label="dendrogram")
    grid = halves[1].subgridspec(len(shown), len(widths), width_ratios=widths)
    for row, group in enumerate(shown):
        axes = [figure.add_subplot(grid[row, column]) for column in range(len(images.widths))]
        images.draw(group, axes, first=row == 0)
    images.draw_scales(figure, grid[:, -1])
    return ax
