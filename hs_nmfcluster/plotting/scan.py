"""The scan before any analysis: the paper's Fig. 3a and b."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import (
    DrawableMaps,
    add_color_bar,
    draw_image,
    draw_profile,
    drawable_maps,
)
from hs_nmfcluster.plotting.style import (
    FONT_SIZE,
    PAGE_WIDTH,
    PATTERN_CMAP,
    SMALL_FONT_SIZE,
    escape,
    outline,
    power_of_ten,
)
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize, format_units

_SCAN_CMAP = "gray"
_TITLE: dict[str, Any] = {"fontsize": FONT_SIZE, "loc": "left"}
# Red, green, blue and opacity: a blue that neither image has.
_VEIL = (0.35, 0.6, 0.9, 0.6)


def plot_scan(
    virtual_image: ArrayLike,
    mean_pattern: ArrayLike,
    *,
    map_pixel: PixelSize = UNCALIBRATED,
    pattern_pixel: PixelSize = UNCALIBRATED,
    center: tuple[float, float] | None = None,
    inner: float | None = None,
    outer: float | None = None,
    positions_left_out: NDArray[np.bool_] | None = None,
    pixels_left_out: NDArray[np.bool_] | None = None,
    intensity_units: str = "counts",
) -> Figure:
    """Draw a virtual image beside the mean pattern on a log scale, with what is analysed of it.

    Parameters
    ----------
    virtual_image
        Virtual bright-field image, shape ``scan_shape``; a one-dimensional scan is drawn as a
        profile, of more than two axes the leading ones are summed.
    mean_pattern
        Mean diffraction pattern, shape ``(n_v, n_u)``.
    map_pixel, pattern_pixel
        Pixel sizes of the scan and of the detector.
    center
        Beam centre ``(x, y)`` in pixels; needed for the rings.
    inner, outer
        Radii of the virtual detector in the units of `pattern_pixel`: pixels with ``inner <= r <=
        outer`` make the virtual image. None draws no ring.
    positions_left_out, pixels_left_out
        What masks leave out, ``scan_shape`` and ``(n_v, n_u)``: shaded.
    intensity_units
        Unit of the intensity, for the colour bars.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "virtual image" and "mean pattern", each followed by its colour bar.

    Raises
    ------
    ValueError
        If `mean_pattern` is not two-dimensional, or a radius is given without `center`.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_scan
    >>> fig = plot_scan(np.ones((3, 4)), np.ones((8, 8)), center=(3.5, 3.5), inner=1, outer=3.5)
    """
    pattern = np.asarray(mean_pattern, dtype=float)
    if pattern.ndim != 2:
        raise ValueError(f"mean_pattern has shape {pattern.shape}; it must be (n_v, n_u).")
    if center is None and (inner is not None or outer is not None):
        raise ValueError("center is not given; the rings of inner and outer need it.")
    image = drawable_maps(np.asarray(virtual_image)[np.newaxis], map_pixel, "virtual_image")
    units = escape(intensity_units)

    pattern_width = pattern.shape[1] / (pattern.shape[0] * pattern_pixel.aspect)
    widths = [image.width, 0.06, pattern_width, 0.06]
    height = float(np.clip((PAGE_WIDTH - 1.8) / sum(widths), 1.7, 3.2))
    figure = new_figure(PAGE_WIDTH, height + 0.25)
    axes = figure.subplots(1, 4, width_ratios=widths)
    _draw_virtual_image(axes[0], axes[1], image, units)
    low, high = _log_range(pattern)
    norm = LogNorm(low, high, clip=True)
    # Pixels without counts have no logarithm: they get the darkest colour, only NaN is masked.
    visible = np.maximum(pattern, low)
    draw_image(axes[2], visible, cmap=PATTERN_CMAP, norm=norm, pixel=pattern_pixel)
    axes[2].set_label("mean pattern")
    label = f"Mean intensity ({units})"
    add_color_bar(axes[3], norm, PATTERN_CMAP, label, relative=False)
    if center is not None:
        _draw_rings(axes[2], center, (inner, outer), pattern_pixel)
    axes[0].set_title(_virtual(inner, outer, format_units(pattern_pixel.units)), **_TITLE)
    axes[2].set_title("Mean pattern", **_TITLE)
    if positions_left_out is not None and positions_left_out.ndim == 2:
        _shade(axes[0], positions_left_out)
    if pixels_left_out is not None:
        _shade(axes[2], pixels_left_out)
    return figure


def _shade(ax: Axes, left_out: NDArray[np.bool_]) -> None:
    """Lay a veil over what is left out, through which it can still be seen, and say so."""
    if not left_out.any():
        return
    veil = np.zeros((*left_out.shape, 4))
    veil[left_out] = _VEIL
    shown = ax.images[0]
    ax.imshow(veil, extent=shown.get_extent(), aspect=ax.get_aspect(), interpolation="nearest")
    lines = [text for text in (ax.get_xlabel(), "Shaded: left out of the analysis") if text]
    ax.set_xlabel("\n".join(lines), fontsize=SMALL_FONT_SIZE)


def _draw_virtual_image(ax: Axes, bar: Axes, image: DrawableMaps, units: str) -> None:
    ax.set_label("virtual image")
    factor, power = power_of_ten(image.values[0])
    values = image.values[0] / factor
    label = f"Intensity ({power}{units})" + (f", {image.note}" if image.note else "")
    if not image.are_images:
        bar.remove()
        draw_profile(ax, values, image.pixel)
        ax.set_ylabel(label, fontsize=SMALL_FONT_SIZE)
        return
    # Bright-field contrast is a few per cent of the direct beam: zero would hide it.
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0.1, 99.9)) if finite.size else (0.0, 1.0)
    norm = Normalize(low, high if high > low else low + 1.0)
    draw_image(ax, values, cmap=_SCAN_CMAP, norm=norm, pixel=image.pixel)
    add_color_bar(bar, norm, _SCAN_CMAP, label, relative=False)


def _log_range(pattern: NDArray[np.float64]) -> tuple[float, float]:
    positive = pattern[np.isfinite(pattern) & (pattern > 0)]
    if not positive.size:
        return 0.1, 1.0
    low, high = float(np.percentile(positive, 1.0)), float(positive.max())
    return (low if low < 0.9 * high else 0.1 * high), high


def _draw_rings(
    ax: Axes,
    center: tuple[float, float],
    radii: tuple[float | None, float | None],
    pixel: PixelSize,
) -> None:
    for radius in radii:
        if radius is not None:
            ring = Ellipse(
                center,
                2 * radius / abs(pixel.x),
                2 * radius / abs(pixel.y),
                fill=False,
                edgecolor="white",
                linestyle=":",
                linewidth=1.0,
            )
            outline(ring, width=2.0)
            ax.add_patch(ring)
    if any(radius is not None for radius in radii):
        ax.set_xlabel("Dotted: the virtual detector", fontsize=SMALL_FONT_SIZE)


def _virtual(inner: float | None, outer: float | None, units: str) -> str:
    if inner is None:
        return "Virtual image" if outer is None else f"Bright field, r ≤ {outer:.3g} {units}"
    if outer is None:
        return f"Virtual image, r ≥ {inner:.3g} {units}"
    return f"Virtual image, {inner:.3g} ≤ r ≤ {outer:.3g} {units}"
