"""Particles in the maps of groups, and their sizes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import annotate, draw_image, drawable_maps, intensity_norm
from hs_nmfcluster.plotting.style import FONT_SIZE, MAP_CMAP, PAGE_WIDTH, group_color, tidy
from hs_nmfcluster.scan.binning import round_edges
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize, format_units
from hs_nmfcluster.words import group_name

# x, y, long and short axis in the unit of the map, the long one's angle in degrees from x to y,
# whether the edge cuts it. Axes are NaN where the particle is too small to measure.
Outline = tuple[float, float, float, float, float, bool]


def plot_particles(
    maps: ArrayLike,
    outlines: Sequence[Sequence[Outline]],
    *,
    map_pixel: PixelSize = UNCALIBRATED,
    bins: int | Sequence[float] | None = None,
    shown: Sequence[int] | None = None,
    units: str = "px",
) -> Figure:
    """Draw each group's map with its particles outlined, and the histogram of diameters.

    Parameters
    ----------
    maps
        Shape ``(n_groups, n_y, n_x)``.
    outlines
        For each group its particles: x, y, long and short axis in the unit of `map_pixel` (NaN
        if not known), the angle of the long axis in degrees from x towards y, and whether the
        edge of the scan cuts them. Cut ones are dashed and not in the histogram.
    map_pixel
        Pixel size of the maps.
    bins
        Number of bins of the histogram, or their edges; by default some of a round width.
    shown
        Numbers of the groups that are drawn; all by default.
    units
        Unit of the diameters.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "particles 0", ... and, where there are whole particles, "histogram".

    Raises
    ------
    ValueError
        If shapes or lengths do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting.particles import plot_particles
    >>> fig = plot_particles(np.ones((1, 9, 9)), [[(4.0, 4.0, 3.0, 3.0, 0.0, False)]])
    """
    images = drawable_maps(maps, map_pixel)
    if len(outlines) != len(images.values):
        raise ValueError(f"outlines: {len(outlines)} given for {len(images.values)} groups.")
    drawn = range(len(outlines)) if shown is None else shown
    diameters = [_whole_diameters(group) for group in outlines]
    columns = int(np.clip(len(drawn), 2, 4))
    rows = -(-len(drawn) // columns)
    height = min(PAGE_WIDTH / columns / max(images.width, 0.5), 2.6)
    histogram = 1.8 if any(diameters) else 0.0
    figure = new_figure(PAGE_WIDTH, min(rows * height, 6.0) + histogram + 0.1)
    heights = [*[height] * rows, *([histogram] if histogram else [])]
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for place, group in enumerate(drawn):
        ax = figure.add_subplot(grid[divmod(place, columns)], label=f"particles {group}")
        draw_image(
            ax,
            images.values[group],
            cmap=MAP_CMAP,
            norm=intensity_norm(images.values[group]),
            pixel=map_pixel,
            scale_bar=place == 0,
        )
        annotate(ax, group_name(group))
        for outline in outlines[group]:
            _outline(ax, outline, map_pixel)
    if histogram:
        _draw_histogram(
            figure.add_subplot(grid[rows, :], label="histogram"), diameters, bins, units
        )
    else:
        figure.supxlabel("No whole particles: no diameters", fontsize=FONT_SIZE)
    return figure


def _whole_diameters(outlines: Sequence[Outline]) -> list[float]:
    """Diameters of the circles of the same area as the particles that no edge cuts."""
    whole = [float(np.sqrt(long * short)) for _, _, long, short, _, cut in outlines if not cut]
    return [diameter for diameter in whole if np.isfinite(diameter)]


def _outline(ax: Axes, outline: Outline, pixel: PixelSize) -> None:
    x, y, long, short, angle, cut = outline
    size = float(np.sqrt(abs(pixel.x * pixel.y)))
    width, height = (1.0, 1.0) if np.isnan(long) else (long / size, short / size)
    ax.add_patch(
        Ellipse(
            (x / abs(pixel.x), y / abs(pixel.y)),
            width,
            height,
            angle=0.0 if np.isnan(angle) else angle,
            fill=False,
            edgecolor="red" if not cut else "white",
            linestyle="--" if cut else "-",
            linewidth=0.9,
        )
    )


def _draw_histogram(
    ax: Axes, whole: Sequence[Sequence[float]], bins: int | Sequence[float] | None, units: str
) -> None:
    shown = [group for group, values in enumerate(whole) if values]
    tidy(ax, x=f"Diameter ({format_units(units)})", y="Particles")
    together = np.concatenate([whole[g] for g in shown])
    edges = round_edges(together) if bins is None else np.histogram_bin_edges(together, bins)
    ax.hist(
        [whole[g] for g in shown],
        bins=list(edges),
        stacked=True,
        color=[group_color(g) for g in shown],
        label=[group_name(g) for g in shown],
        edgecolor="white",
        linewidth=0.5,
    )
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(
        fontsize=7,
        frameon=False,
        title="Group",
        title_fontsize=7,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.05),
        ncols=-(-len(shown) // 8),
    )
