"""What is wrong with a scan: bad pixels, the ellipse, the course of the beam."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import add_color_bar, draw_image, drawable_maps
from hs_nmfcluster.plotting.style import PAGE_WIDTH, PATTERN_CMAP, SMALL_FONT_SIZE, outline
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize

_COURSE_CMAP = "RdBu_r"
_BAD = ListedColormap(["none", "#ff2fa0"])


def plot_condition(
    mean_pattern: ArrayLike,
    bad: ArrayLike,
    shifts: ArrayLike,
    left_out: ArrayLike,
    *,
    center: tuple[float, float],
    ellipse: tuple[float, float] | None = None,
    pattern_pixel: PixelSize = UNCALIBRATED,
    map_pixel: PixelSize = UNCALIBRATED,
) -> Figure:
    """Draw the mean pattern with what is bad in it, and where the beam was over the scan.

    Parameters
    ----------
    mean_pattern
        Shape ``(n_v, n_u)``.
    bad
        Pixels that are left out, of the same shape, True = bad.
    shifts
        Offsets of the beam ``(x, y)`` in pixels, ``(*scan_shape, 2)``.
    left_out
        Positions that are left out, ``scan_shape``; grey.
    center
        Beam ``(x, y)`` in pixels.
    ellipse
        Ratio of the axes minus 1, and direction of the long one in degrees, of what should be a
        circle. None draws none.
    pattern_pixel, map_pixel
        Pixel sizes of the detector and of the scan.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "mean pattern", "bad pixels", "offset along x" and "offset along y" with their
        colour bars.

    Raises
    ------
    ValueError
        If `mean_pattern` is not two-dimensional, or `bad` not of its shape.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting.condition import plot_condition
    >>> fig = plot_condition(np.ones((8, 8)), np.eye(8) > 0, np.zeros((3, 4, 2)),
    ...     np.zeros((3, 4), bool), center=(3.5, 3.5), ellipse=(0.02, 30.0))
    """
    pattern, flags = np.asarray(mean_pattern, dtype=float), np.asarray(bad, dtype=bool)
    if pattern.ndim != 2 or flags.shape != pattern.shape:
        raise ValueError(
            f"mean_pattern must be (n_v, n_u) and bad of its shape, got {pattern.shape} and "
            f"{flags.shape}."
        )
    offsets = np.moveaxis(np.asarray(shifts, dtype=float), -1, 0).copy()
    offsets[:, np.asarray(left_out, dtype=bool)] = np.nan
    maps = drawable_maps(offsets, map_pixel, "shifts")
    aspect = pattern.shape[1] / (pattern.shape[0] * pattern_pixel.aspect)
    width = float(np.clip(maps.width, 0.5, 2.0))
    widths = [aspect, 0.05, aspect, width, width, 0.05]
    height = float(np.clip((PAGE_WIDTH - 1.6) / sum(widths), 1.2, 2.6))
    figure = new_figure(PAGE_WIDTH, height + 0.45)
    axes = figure.subplots(1, 6, width_ratios=widths)
    _draw_pattern(axes[0], axes[1], pattern, center, ellipse, pattern_pixel)
    _draw_bad(axes[2], pattern, flags, pattern_pixel)
    largest = max(float(np.nanmax(np.abs(maps.values), initial=0.0)), 0.1)
    norm = Normalize(-largest, largest)
    for ax, values, name in zip(axes[3:5], maps.values, "xy", strict=True):
        ax.set_label(f"offset along {name}")
        if maps.are_images:
            draw_image(ax, values, cmap=_COURSE_CMAP, norm=norm, pixel=maps.pixel)
        else:
            ax.plot(values)
            ax.set_ylim(-largest, largest)
        ax.set_xlabel(f"Beam along {name}", fontsize=SMALL_FONT_SIZE)
    add_color_bar(axes[5], norm, _COURSE_CMAP, "Offset (px)", relative=False)
    return figure


def _draw_pattern(
    ax: Axes,
    bar: Axes,
    pattern: NDArray[np.float64],
    center: tuple[float, float],
    ellipse: tuple[float, float] | None,
    pixel: PixelSize,
) -> None:
    norm = _log_norm(pattern)
    draw_image(ax, np.maximum(pattern, norm.vmin or 0.0), cmap=PATTERN_CMAP, norm=norm, pixel=pixel)
    ax.set_label("mean pattern")
    ax.set_xlabel("Mean pattern", fontsize=SMALL_FONT_SIZE)
    add_color_bar(bar, norm, PATTERN_CMAP, "", relative=False)
    if ellipse is None:
        return
    strength, axis = ellipse
    radius = 0.7 * min(pattern.shape)
    # So little cannot be seen: it is drawn five times as strong.
    long, short = radius * (1 + 5 * strength / 2), radius * (1 - 5 * strength / 2)
    shape = Ellipse(center, long, short, angle=axis, fill=False, edgecolor="white", linewidth=1.0)
    outline(shape, width=2.0)
    ax.add_patch(shape)
    ax.set_xlabel(f"Ellipse of {100 * strength:.1f} %, × 5", fontsize=SMALL_FONT_SIZE)


def _draw_bad(
    ax: Axes, pattern: NDArray[np.float64], bad: NDArray[np.bool_], pixel: PixelSize
) -> None:
    norm = _log_norm(pattern)
    draw_image(ax, np.maximum(pattern, norm.vmin or 0.0), cmap="gray", norm=norm, pixel=pixel)
    ax.imshow(
        bad,
        cmap=_BAD,
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=ax.get_images()[0].get_extent(),
        aspect=ax.get_aspect(),
    )
    ax.set_label("bad pixels")
    ax.set_xlabel(f"{bad.sum()} pixels left out", fontsize=SMALL_FONT_SIZE)


def _log_norm(pattern: NDArray[np.float64]) -> LogNorm:
    positive = pattern[np.isfinite(pattern) & (pattern > 0)]
    if not positive.size:
        return LogNorm(0.1, 1.0, clip=True)
    low, high = np.percentile(positive, (1.0, 100.0))
    return LogNorm(low if low < 0.9 * high else 0.1 * high, high, clip=True)
