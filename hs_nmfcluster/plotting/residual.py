"""What a factorization leaves of the scan."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import colormap, draw_image, draw_profile, drawable_maps
from hs_nmfcluster.plotting.style import (
    DIFFERENCE_CMAP,
    FONT_SIZE,
    MAP_CMAP,
    PAGE_WIDTH,
    PATTERN_CMAP,
    SMALL_FONT_SIZE,
    escape,
    figure_of,
    power_of_ten,
    tidy,
)
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize

# The scale of an excess reaches at least so far from 1, so that noise does not fill it.
_LEAST_EXCESS = 2.0
_BRIGHTEST_PERCENTILE = 99.9
# Mean square error over intensity in units of its median.
_EXCESS_LABEL = "Excess (median = 1)"
_EXCESS_TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
# Widths over height of all panels together from which on they take two rows; inches of one panel.
_WIDEST, _NARROWEST = 5.5, 1.15


def plot_residual(
    position_excess: ArrayLike,
    pattern_excess: ArrayLike,
    mean: ArrayLike,
    worst: ArrayLike,
    *,
    n_worst: int | None = None,
    map_pixel: PixelSize = UNCALIBRATED,
    pattern_pixel: PixelSize = UNCALIBRATED,
    intensity_units: str = "counts",
) -> Figure:
    """Draw where a scan and its patterns are not described, and the pattern that is left.

    Parameters
    ----------
    position_excess
        Mean square residual over intensity, relative to its median, ``scan_shape``.
    pattern_excess
        Likewise for every pixel, ``(n_v, n_u)``; NaN where masked.
    mean, worst
        Mean residual over all positions and over those described worst, ``(n_v, n_u)``.
    n_worst
        Number of those positions, for the heading.
    map_pixel, pattern_pixel
        Pixel sizes of scan and detector.
    intensity_units
        Unit of the residual.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "position excess", "pattern excess", "mean residual", "worst residual", each with
        its colour bar below.

    Raises
    ------
    ValueError
        If a pattern is not two-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_residual
    >>> fig = plot_residual(np.ones((4, 5)), np.ones((8, 8)), np.zeros((8, 8)), np.eye(8))
    """
    patterns = {
        "pattern excess": np.asarray(pattern_excess, dtype=float),
        "mean residual": np.asarray(mean, dtype=float),
        "worst residual": np.asarray(worst, dtype=float),
    }
    for name, image in patterns.items():
        if image.ndim != 2:
            raise ValueError(f"{name} has shape {image.shape}; it must be (n_v, n_u).")
    rows, columns = patterns["pattern excess"].shape
    scan = drawable_maps(np.asarray(position_excess, dtype=float)[np.newaxis], map_pixel)
    places = _Places.beside(scan.width, columns / (rows * pattern_pixel.aspect))

    ax = places.panel(0, "position excess", "a  Excess")
    if scan.are_images:
        norm = _excess_norm(scan.values[0])
        draw_image(ax, scan.values[0], cmap=MAP_CMAP, norm=norm, pixel=scan.pixel)
        _draw_scale(places.scale(0), norm, MAP_CMAP, _EXCESS_LABEL)
    else:
        draw_profile(ax, scan.values[0], scan.pixel)
        ax.set_ylabel(_EXCESS_LABEL, fontsize=SMALL_FONT_SIZE)
    number = "" if n_worst is None else f"{n_worst} "
    headings = ("b  Excess by pixel", "c  Mean residual", f"d  At {number}worst positions")
    for index, (name, values) in enumerate(patterns.items(), start=1):
        ax, image = places.panel(index, name, headings[index - 1]), values
        norm, cmap, label = _excess_norm(image), PATTERN_CMAP, _EXCESS_LABEL
        if name != "pattern excess":
            factor, power = power_of_ten(image)
            image = image / factor
            norm, cmap = _difference_norm(image), DIFFERENCE_CMAP
            label = f"Residual ({power}{escape(intensity_units)})"
        draw_image(ax, image, cmap=cmap, norm=norm, pixel=pattern_pixel, scale_bar=index == 1)
        _draw_scale(places.scale(index), norm, cmap, label)
    return places.figure


@dataclass(frozen=True)
class _Places:
    """Four panels with a scale below each, in a row or, if they are wide, in two."""

    figure: Figure
    grid: GridSpec
    columns: int

    @classmethod
    def beside(cls, scan_width: float, pattern_width: float) -> "_Places":
        widths = [scan_width, pattern_width, pattern_width, pattern_width]
        columns = 4 if sum(widths) < _WIDEST else 2
        if columns == 2:
            widths = [max(scan_width, pattern_width), pattern_width]
        height = min((PAGE_WIDTH - 0.5) / sum(widths), 2.6)
        rows = 4 // columns
        figure = new_figure(PAGE_WIDTH, rows * (height + 0.95), compress=True)
        grid = figure.add_gridspec(
            2 * rows,
            columns,
            width_ratios=[max(width, _NARROWEST / height) for width in widths],
            height_ratios=[height, 0.07] * rows,
            wspace=0.06,
            hspace=0.02,
        )
        return cls(figure, grid, columns)

    def panel(self, index: int, label: str, heading: str) -> Axes:
        row, column = divmod(index, self.columns)
        ax = self.figure.add_subplot(self.grid[2 * row, column], label=label)
        ax.set_title(heading, fontsize=FONT_SIZE, loc="left")
        return ax

    def scale(self, index: int) -> Axes:
        row, column = divmod(index, self.columns)
        return self.figure.add_subplot(self.grid[2 * row + 1, column], label=f"scale {index}")


def _excess_norm(values: NDArray[np.float64]) -> Normalize:
    finite = values[np.isfinite(values) & (values > 0)]
    top = float(np.percentile(finite, _BRIGHTEST_PERCENTILE)) if finite.size else 1.0
    return LogNorm(1 / _LEAST_EXCESS, max(top, _LEAST_EXCESS), clip=True)


def _difference_norm(values: NDArray[np.float64]) -> Normalize:
    finite = np.abs(values[np.isfinite(values)])
    top = float(np.percentile(finite, _BRIGHTEST_PERCENTILE)) if finite.size else 0.0
    return Normalize(-(top or 1.0), top or 1.0, clip=True)


def _draw_scale(ax: Axes, norm: Normalize, cmap: str, label: str) -> None:
    mappable = ScalarMappable(norm, colormap(cmap))
    bar = figure_of(ax).colorbar(mappable, cax=ax, orientation="horizontal")
    tidy(ax)
    bar.outline.set_linewidth(0.6)
    if isinstance(norm, LogNorm):
        shown = [tick for tick in _EXCESS_TICKS if tick <= float(norm.vmax or 1.0)]
        bar.set_ticks(shown[:2] + shown[2:][-2:])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(3, symmetric=True))
    bar.set_label(label, fontsize=SMALL_FONT_SIZE)
