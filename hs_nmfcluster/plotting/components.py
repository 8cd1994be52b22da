"""Components of a factorization and how the fit converged: the paper's Figs. 5 and S9."""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Scaling
from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import (
    add_intensity_scales,
    annotate,
    draw_image,
    draw_map,
    drawable_maps,
    intensity_norm,
    scale_width,
)
from hs_nmfcluster.plotting.style import (
    COLUMN_WIDTH,
    PAGE_WIDTH,
    PATTERN_CMAP,
    SMALL_FONT_SIZE,
    checked_groups,
    component_labels,
    escape,
    figure_of,
    frame,
    group_color,
    tidy,
)
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize

# Inches between pairs.
_GAP = 0.07


def plot_components(
    patterns: ArrayLike,
    maps: ArrayLike | None = None,
    *,
    pattern_pixel: PixelSize = UNCALIBRATED,
    map_pixel: PixelSize = UNCALIBRATED,
    scaling: Scaling = "weak",
    labels: Sequence[str] | None = None,
    groups: Sequence[int] | None = None,
    matrix: Collection[int] = (),
    columns: int | None = None,
) -> Figure:
    """Draw pairs of pattern and map, as the paper's Fig. 5 (``scaling="linear"``: Fig. S9).

    All patterns share one intensity scale, all maps another.

    Parameters
    ----------
    patterns
        Shape ``(k, n_v, n_u)``; NaN where masked.
    maps
        Shape ``(k, *scan_shape)``; NaN where not measured. One-dimensional scans are drawn as
        profiles; of more than two scan axes the leading ones are summed, which the colour bar says.
    pattern_pixel, map_pixel
        Pixel sizes of detector and scan.
    scaling
        ``"weak"`` raises low intensities, ``"linear"`` does not.
    labels
        One for each pair; default 0, 1, ...
    groups
        Group of each component: its colour frames the pair. -1 is grey.
    matrix
        Numbers of the groups that hold no crystal, which are grey.
    columns
        Pairs in a row; default by number.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "pattern 0", "map 0", "pattern 1", ..., then the colour bars.

    Raises
    ------
    ValueError
        If shapes, lengths or `scaling` do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_components
    >>> fig = plot_components(np.ones((2, 8, 8)), np.ones((2, 5, 6)))
    >>> [ax.get_label() for ax in fig.axes[:2]]
    ['pattern 0', 'map 0']
    """
    images = np.asarray(patterns, dtype=float)
    if images.ndim != 3 or not len(images):
        raise ValueError(f"patterns has shape {images.shape}; it must be (k, n_v, n_u), k >= 1.")
    number = len(images)
    scans = None if maps is None else drawable_maps(maps, map_pixel)
    if scans is not None and len(scans.values) != number:
        raise ValueError(f"maps: {len(scans.values)} given for {number} patterns.")
    names = component_labels(labels, number)
    group_of = checked_groups(groups, number)
    norm = intensity_norm(images, scaling)
    map_norm = intensity_norm(np.zeros(1) if scans is None else scans.values, scaling)

    pattern_width = images.shape[2] / (images.shape[1] * pattern_pixel.aspect)
    pair = [pattern_width] if scans is None else [pattern_width, scans.width]
    columns = columns or _default_columns(number, sum(pair))
    note = scans.note if scans is not None else ""
    has_profiles = scans is not None and not scans.are_images
    figure, grid = _grid(number, columns, pair, scale_width(note), profiles=has_profiles)
    for index, name in enumerate(names):
        row, column = divmod(index, columns)
        start = column * (len(pair) + 1)
        ax = figure.add_subplot(grid[row, start], label=f"pattern {index}")
        draw_image(
            ax,
            images[index],
            cmap=PATTERN_CMAP,
            norm=norm,
            pixel=pattern_pixel,
            scale_bar=index == 0,
        )
        panels = [ax]
        if scans is not None:
            panels.append(figure.add_subplot(grid[row, start + 1], label=f"map {index}"))
            draw_map(panels[1], scans, index, map_norm, scale_bar=index == 0)
        annotate(ax, name)
        if group_of is not None:
            for panel in panels:
                frame(panel, group_color(group_of[index], matrix))
    images_of_maps = scans is not None and scans.are_images
    add_intensity_scales(figure, grid[:, -1], norm, map_norm if images_of_maps else None, note)
    return figure


def _default_columns(number: int, pair_width: float) -> int:
    # As many rows as make the figure about as high as wide, but no panel wider than a third.
    columns = round(np.sqrt(1.4 * number * 2.0 / pair_width))
    return int(np.clip(columns, min(number, 2), min(number, 8)))


def _grid(
    number: int, columns: int, pair: list[float], scales: float, *, profiles: bool
) -> tuple[Figure, GridSpec]:
    rows = -(-number // columns)
    fixed = columns * _GAP + scales
    height = min((PAGE_WIDTH - fixed) / (columns * sum(pair)), 1.9)
    widths = [*(height * width for width in pair), _GAP] * columns + [scales]
    width = columns * height * sum(pair) + fixed
    figure = new_figure(width, max(rows * (height + (0.4 if profiles else 0.06)), 2.2))
    return figure, figure.add_gridspec(rows, len(widths), width_ratios=widths)


def plot_convergence(
    history: Sequence[ArrayLike],
    *,
    best: int | None = None,
    intensity_units: str = "counts",
    ax: Axes | None = None,
) -> Figure:
    """Draw the MSE against the iteration for every restart, the best one highlighted.

    Parameters
    ----------
    history
        One sequence of MSEs for each restart, of any lengths; NaN is left out.
    best
        Restart to highlight; default the one that reaches the smallest MSE.
    intensity_units
        Unit of the data; the MSE has its square.
    ax
        Where to draw; default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        One panel, "convergence".

    Raises
    ------
    ValueError
        If there is no MSE in `history`, or `best` is none of its restarts.

    Examples
    --------
    >>> from hs_nmfcluster.plotting import plot_convergence
    >>> fig = plot_convergence([[9.0, 5.0, 4.5], [9.5, 4.0]])
    """
    curves = [np.asarray(curve, dtype=float).ravel() for curve in history]
    lowest = [float(np.fmin.reduce(curve, initial=np.inf)) for curve in curves]
    if not np.isfinite(lowest).any():
        raise ValueError("history holds no finite MSE.")
    best = int(np.argmin(lowest)) if best is None else best
    if not 0 <= best < len(curves):
        raise ValueError(f"best is {best}; it must be one of the {len(curves)} restarts.")
    if ax is None:
        ax = new_figure(COLUMN_WIDTH, 2.4).add_subplot(label="convergence")
    for index, curve in enumerate(curves):
        if index != best:
            _draw_curve(ax, curve, color="0.6", linewidth=0.7, label="other restarts")
    label = f"restart {best} (best)"
    _draw_curve(ax, curves[best], color=group_color(0), linewidth=1.6, label=label)
    reached = np.concatenate(curves)
    if np.nanmax(reached) > 10.0 * np.nanmin(reached) > 0.0:
        ax.set_yscale("log")
    else:
        ax.ticklabel_format(axis="y", useOffset=False)
    tidy(ax, x="Iteration", y=f"MSE ({escape(intensity_units)}²)")
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    handles, names = ax.get_legend_handles_labels()
    unique = dict(zip(reversed(names), reversed(handles), strict=True))
    ax.legend(unique.values(), unique.keys(), fontsize=SMALL_FONT_SIZE, frameon=False)
    return figure_of(ax)


def _draw_curve(
    ax: Axes, curve: NDArray[np.float64], *, color: str, linewidth: float, label: str
) -> None:
    iteration = np.arange(1, curve.size + 1)
    kept = np.isfinite(curve)
    ax.plot(
        iteration[kept],
        curve[kept],
        color=color,
        linewidth=linewidth,
        marker="." if kept.sum() == 1 else "",
        label=label,
    )
