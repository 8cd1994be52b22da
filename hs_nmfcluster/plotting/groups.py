"""Groups of components: what the insets of the paper's Fig. 7b show."""

from collections.abc import Collection, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Scaling
from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.group_images import GroupImages
from hs_nmfcluster.plotting.panels import (
    bare,
    draw_image,
    draw_profile,
    drawable_maps,
    intensity_norm,
    scale_width,
)
from hs_nmfcluster.plotting.style import (
    COLUMN_WIDTH,
    FONT_SIZE,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    figure_of,
    frame,
    group_color,
    tidy,
)
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize
from hs_nmfcluster.words import group_name

_TEXT_WIDTH = 1.35
_ROW_HEIGHT = 1.2
# Groups that the legend of a map names, in a column and in all; inches of a further column.
_NAMES_IN_COLUMN, _MOST_NAMED, _NAME_WIDTH = 10, 40, 0.55


def plot_groups(
    patterns: ArrayLike,
    maps: ArrayLike | None = None,
    aligned_maps: ArrayLike | None = None,
    members: Sequence[Sequence[int]] | None = None,
    *,
    pattern_pixel: PixelSize = UNCALIBRATED,
    map_pixel: PixelSize = UNCALIBRATED,
    scaling: Scaling = "weak",
    matrix: Collection[int] = (),
    shown: Sequence[int] | None = None,
) -> Figure:
    """Draw each group in a row: pattern, summed map, shift-corrected map and members.

    Every image has its own intensity scale, from zero to its maximum.

    Parameters
    ----------
    patterns
        Shape ``(n_groups, n_v, n_u)``; NaN where masked.
    maps, aligned_maps
        Shape ``(n_groups, *scan_shape)``.
    members
        Indices of the components of each group.
    pattern_pixel, map_pixel
        Pixel sizes of detector and scan.
    scaling
        Intensity scale, see `plot_components`.
    matrix
        Numbers of the groups that hold no crystal, which are grey.
    shown
        Numbers of the groups that are drawn; all by default.

    Returns
    -------
    matplotlib.figure.Figure
        For each group panels "pattern 0", "sum of maps 0", "shift-corrected 0", "members 0" as far
        as given, then the colour bars.

    Raises
    ------
    ValueError
        If shapes or lengths do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_groups
    >>> fig = plot_groups(np.ones((2, 8, 8)), np.ones((2, 5, 6)), members=[[0, 2], [1]])
    """
    images = GroupImages.from_arrays(
        patterns,
        maps,
        aligned_maps,
        pattern_pixel=pattern_pixel,
        map_pixel=map_pixel,
        scaling=scaling,
        matrix=matrix,
    )
    number = images.number
    if number == 0:
        raise ValueError("patterns holds no group.")
    if members is not None and len(members) != number:
        raise ValueError(f"members: {len(members)} given for {number} groups.")
    text = [] if members is None else [_TEXT_WIDTH]
    fixed = [*text, scale_width(images.note)]
    height = min(_ROW_HEIGHT, (PAGE_WIDTH - sum(fixed)) / sum(images.widths))
    widths = [*(height * width for width in images.widths), *fixed]
    row_height = height + (0.4 if images.has_profiles else 0.0)
    drawn = range(number) if shown is None else shown
    figure = new_figure(sum(widths), max(len(drawn) * row_height, 2.0) + 0.3)
    grid = figure.add_gridspec(len(drawn), len(widths), width_ratios=widths)
    for row, group in enumerate(drawn):
        axes = [figure.add_subplot(grid[row, i]) for i in range(len(images.widths))]
        images.draw(group, axes, first=row == 0)
        if members is not None:
            ax = figure.add_subplot(grid[row, len(axes)], label=f"members {group}")
            _write_members(ax, group, members[group], group_color(group, matrix))
    images.draw_scales(figure, grid[:, -1])
    return figure


def _write_members(ax: Axes, group: int, members: Sequence[int], color: str) -> None:
    bare(ax)
    heading = f"Group {group_name(group)}"
    ax.text(
        0.04,
        0.95,
        heading,
        color=color,
        fontsize=FONT_SIZE,
        fontweight="bold",
        va="top",
        transform=ax.transAxes,
    )
    noun = "component" if len(members) == 1 else "components"
    listed = fill(", ".join(str(int(member)) for member in members), 24, max_lines=5)
    ax.text(
        0.04,
        0.78,
        f"{len(members)} {noun}:\n{listed}",
        fontsize=SMALL_FONT_SIZE,
        va="top",
        transform=ax.transAxes,
    )


def composite_map(maps: ArrayLike, matrix: Collection[int] = ()) -> NDArray[np.float64]:
    """Mix the maps of all groups into one image, each in its group's colour.

    The groups are painted over each other, the most widespread one first, each the more opaque
    the nearer its map is to its maximum.

    Parameters
    ----------
    maps
        Shape ``(n_groups, n_y, n_x)``; NaN counts as zero.
    matrix
        Numbers of the groups that hold no crystal, which are grey.

    Returns
    -------
    NDArray
        Red, green, blue in [0, 1], shape ``(n_y, n_x, 3)``; white where no group is.

    Raises
    ------
    ValueError
        If `maps` is not three-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import composite_map
    >>> composite_map(np.zeros((2, 1, 1)))
    array([[[1., 1., 1.]]])
    """
    values = np.nan_to_num(np.asarray(maps, dtype=float), posinf=0.0, neginf=0.0)
    if values.ndim != 3:
        raise ValueError(f"maps has shape {values.shape}; it must be (n_groups, n_y, n_x).")
    weights = np.stack([intensity_norm(m, "linear")(m).filled(0.0) for m in values])
    colors = np.array([to_rgb(group_color(group, matrix)) for group in range(len(values))])
    image = np.ones((*values.shape[1:], 3))
    for group in np.argsort(-weights.mean(axis=(1, 2)), kind="stable"):
        opacity = weights[group][..., np.newaxis]
        image = (1.0 - opacity) * image + opacity * colors[group]
    return image


def plot_group_map(
    maps: ArrayLike,
    *,
    map_pixel: PixelSize = UNCALIBRATED,
    matrix: Collection[int] = (),
    legend: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """Draw `composite_map` with a legend of the groups.

    Parameters
    ----------
    maps
        Shape ``(n_groups, *scan_shape)``; of more than two scan axes the leading ones are summed.
        A one-dimensional scan is drawn as one profile for each group.
    map_pixel
        Pixel size of the scan.
    matrix
        Numbers of the groups that hold no crystal, which are grey.
    legend
        Say which colour is which group.
    ax
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        One panel, "group map".

    Raises
    ------
    ValueError
        If `maps` has no scan axis.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_group_map
    >>> fig = plot_group_map(np.random.default_rng(0).random((3, 5, 6)))
    """
    scans = drawable_maps(maps, map_pixel)
    columns = -(-min(len(scans.values), _MOST_NAMED) // _NAMES_IN_COLUMN)
    if ax is None:
        height = (COLUMN_WIDTH - 0.7) / min(scans.width, 2.0) if scans.are_images else 2.2
        width = COLUMN_WIDTH + (columns - 1) * _NAME_WIDTH
        ax = new_figure(width, float(np.clip(height, 1.2, 5.0))).add_subplot()
    ax.set_label("group map")
    groups = range(len(scans.values))
    colors = [group_color(group, matrix) for group in groups]
    if scans.are_images:
        image = composite_map(scans.values, matrix)
        norm = intensity_norm(scans.values)
        draw_image(ax, image, cmap="gray", norm=norm, pixel=scans.pixel)
        frame(ax, "0.6", 0.6)
    else:
        for group in groups:
            draw_profile(ax, scans.values[group], scans.pixel, color=colors[group])
        tidy(ax, x=ax.get_xlabel(), y="Map (arb. units)")
    if not legend:
        return figure_of(ax)
    handles = [
        Patch(color=colors[group], label=group_name(group)) for group in groups[:_MOST_NAMED]
    ]
    if len(groups) > _MOST_NAMED:
        handles.append(Patch(color="none", label="…"))
    ax.legend(
        handles=handles,
        ncols=columns,
        columnspacing=0.8,
        title="Group" + (f"\n{scans.note}" if scans.note else ""),
        title_fontsize=SMALL_FONT_SIZE,
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.02),
        borderaxespad=0.2,
        handlelength=1.0,
    )
    return figure_of(ax)
