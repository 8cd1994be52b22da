"""Single panels: an image with its intensity scale, scale bar and label; the map of any scan."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.image import AxesImage
from matplotlib.transforms import blended_transform_factory
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Scaling
from hs_nmfcluster.plotting.style import (
    FONT_SIZE,
    LINE_WIDTH,
    MAP_CMAP,
    MASKED_COLOR,
    PATTERN_CMAP,
    SMALL_FONT_SIZE,
    escape,
    figure_of,
    outline,
    tidy,
)
from hs_nmfcluster.scan.binning import binned
from hs_nmfcluster.scan.units import PixelSize, format_units

# Intensity to this power is what the colours are proportional to.
_WEAK_POWER = 0.45
# Few pixels may be brighter than the brightest colour, so that a hot one does not darken the rest.
_BRIGHTEST_PERCENTILE = 99.9
_BAR_SHARE = 0.4
# Of the longer side of an image.
_MOST_PIXELS = 640
# Inches that an intensity scale takes with its numbers and label; a line more in the label.
_SCALE_WIDTH = 0.82
_NOTE_WIDTH = 0.14


def intensity_norm(images: ArrayLike, scaling: Scaling = "weak") -> Normalize:
    """Scale from intensity to colour, for all of `images` together, from zero up.

    NaN and infinite values do not count; images without a positive value get the scale 0 to 1.
    """
    if scaling not in ("weak", "linear"):
        raise ValueError(f"scaling is {scaling!r}; it must be 'weak' or 'linear'.")
    values = np.asarray(images, dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    top = float(np.percentile(values, _BRIGHTEST_PERCENTILE)) if values.size else 1.0
    if scaling == "linear":
        return Normalize(0.0, top, clip=True)
    return PowerNorm(_WEAK_POWER, 0.0, top, clip=True)


def colormap(name: str) -> Colormap:
    """Colour map `name` in which masked pixels are grey."""
    return mpl.colormaps[name].with_extremes(bad=MASKED_COLOR)


def draw_image(
    ax: Axes,
    image: ArrayLike,
    *,
    cmap: str,
    norm: Normalize,
    pixel: PixelSize,
    scale_bar: bool = True,
) -> AxesImage:
    """Draw `image` without ticks, row 0 at the top, pixels in the ratio of their sizes."""
    values = np.asarray(image, dtype=float)
    rows, columns = values.shape[:2]
    # A figure has no more pixels than that; of those of the image it would show one in several.
    step = 1 if values.ndim > 2 else -(-max(rows, columns) // _MOST_PIXELS)
    if step > 1:
        padding = [(0, -n % step) for n in values.shape]
        values = binned(np.pad(values, padding, constant_values=np.nan), step)
    drawn = ax.imshow(
        np.ma.masked_invalid(values),
        cmap=colormap(cmap),
        norm=norm,
        origin="upper",
        aspect=pixel.aspect,
        interpolation="nearest",
        extent=(-0.5, step * values.shape[1] - 0.5, step * values.shape[0] - 0.5, -0.5),
    )
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    bare(ax)
    if scale_bar:
        add_scale_bar(ax, pixel, columns)
    return drawn


def bare(ax: Axes) -> None:
    """Take ticks, grid and border off."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def round_length(longest: float) -> float:
    """Largest of 1, 2, 5, 10, ... (times a power of ten) that does not exceed `longest`."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(step for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9)))


def add_scale_bar(ax: Axes, pixel: PixelSize, columns: int) -> None:
    """Draw a bar of round length with its unit at the lower left; nothing if not calibrated."""
    if not pixel.calibrated:
        return
    size = abs(pixel.x)
    length = round_length(_BAR_SHARE * columns * size)
    start = -0.5 + 0.06 * columns
    place = blended_transform_factory(ax.transData, ax.transAxes)
    (bar,) = ax.plot(
        [start, start + length / size],
        [0.07, 0.07],
        color="white",
        linewidth=2.0,
        solid_capstyle="butt",
        transform=place,
        label="scale bar",
        scalex=False,
        scaley=False,
    )
    outline(bar, width=3.0)
    text = ax.text(
        start,
        0.11,
        f"{length:g} {format_units(pixel.units)}",
        color="white",
        fontsize=SMALL_FONT_SIZE,
        transform=place,
    )
    outline(text)


def annotate(ax: Axes, label: str) -> None:
    """Write `label` into the upper left corner of an image."""
    text = ax.text(
        0.05,
        0.96,
        label,
        color="white",
        fontsize=FONT_SIZE,
        fontweight="bold",
        ha="left",
        va="top",
        transform=ax.transAxes,
    )
    outline(text)


def add_color_bar(
    ax: Axes, norm: Normalize, cmap: str, label: str, *, relative: bool = True
) -> None:
    """Draw the intensity scale into `ax`; `relative` in fractions of the brightest colour."""
    bar = figure_of(ax).colorbar(ScalarMappable(norm, colormap(cmap)), cax=ax)
    tidy(ax)
    bar.outline.set_linewidth(0.6)
    if relative:
        fractions = (0.0, 0.1, 0.5, 1.0) if isinstance(norm, PowerNorm) else (0.0, 0.5, 1.0)
        bar.set_ticks([fraction * float(norm.vmax or 1.0) for fraction in fractions])
        bar.set_ticklabels([f"{fraction:g}" for fraction in fractions])
        bar.minorticks_off()
    bar.set_label(label, fontsize=SMALL_FONT_SIZE)


def scale_width(note: str = "") -> float:
    """Width in inches that `add_intensity_scales` needs."""
    return _SCALE_WIDTH + (_NOTE_WIDTH if note else 0.0)


def add_intensity_scales(
    figure: Figure,
    place: SubplotSpec,
    pattern_norm: Normalize | None,
    map_norm: Normalize | None,
    note: str = "",
) -> None:
    """Draw the intensity scales of patterns and maps, above each other, into `place` of a grid."""
    note = f"\n{note}" if note else ""
    scales = [
        ("pattern scale", pattern_norm, PATTERN_CMAP, "Pattern"),
        ("map scale", map_norm, MAP_CMAP, "Map"),
    ]
    shown = [scale for scale in scales if scale[1] is not None]
    for index, (label, norm, cmap, quantity) in enumerate(shown):
        if norm is not None:
            ax = figure.add_subplot(
                place.subgridspec(len(shown), 1, hspace=0.2)[index], label=label
            )
            below = note if quantity == "Map" else ""
            how = "\nlow ones raised" if isinstance(norm, PowerNorm) else ""
            add_color_bar(ax, norm, cmap, f"{quantity} (rel. units){how}{below}")


@dataclass(frozen=True)
class DrawableMaps:
    """Maps of a scan of any dimension as images or profiles.

    Parameters
    ----------
    values
        Shape ``(n, rows, columns)``, or ``(n, positions)`` for profiles.
    note
        What was done to get there; empty if nothing.
    pixel
        Pixel size of an image; of a profile, its `x` is the step.
    """

    values: NDArray[np.float64]
    note: str
    pixel: PixelSize

    @property
    def are_images(self) -> bool:
        """Whether the maps are images, not profiles."""
        return self.values.ndim == 3

    @property
    def width(self) -> float:
        """Width of a panel over its height."""
        if not self.are_images:
            return 1.3
        _, rows, columns = self.values.shape
        return float(np.clip(columns / (rows * self.pixel.aspect), 0.3, 4.0))


def drawable_maps(maps: ArrayLike, pixel: PixelSize, name: str = "maps") -> DrawableMaps:
    """Sum maps over all but their last two scan axes; those of one row or column are profiles."""
    values = np.asarray(maps, dtype=float)
    if values.ndim < 2:
        raise ValueError(f"{name} has shape {values.shape}; it must be (n, *scan_shape).")
    summed = values.shape[1:-2]
    note = f"sum over {' × '.join(map(str, summed))} frames" if summed else ""
    if summed:
        frames = tuple(range(1, 1 + len(summed)))
        # Positions that no frame measured stay unmeasured.
        measured = np.isfinite(values).any(axis=frames)
        values = np.where(measured, np.nansum(values, axis=frames), np.nan)
    if values.ndim == 3 and values.shape[1] == 1:
        values = values[:, 0]
    elif values.ndim == 3 and values.shape[2] == 1:
        values, pixel = values[:, :, 0], PixelSize(pixel.y, pixel.y, pixel.units)
    return DrawableMaps(values, note, pixel)


def draw_map(
    ax: Axes,
    maps: DrawableMaps,
    index: int,
    norm: Normalize,
    *,
    scale_bar: bool = True,
    color: str = "black",
) -> None:
    """Draw map `index` as an image, or as a profile in `color`."""
    values = maps.values[index]
    if maps.are_images:
        draw_image(ax, values, cmap=MAP_CMAP, norm=norm, pixel=maps.pixel, scale_bar=scale_bar)
        return
    draw_profile(ax, values, maps.pixel, color=color)
    brightest = float(norm.vmax or 1.0)
    ax.set_yticks([0.0, brightest], ["0", "1"])
    ax.set_ylabel("Map (rel. units)", fontsize=SMALL_FONT_SIZE, labelpad=1.0)
    # An outlier may be brighter than the brightest colour, but a curve is drawn whole.
    ax.set_ylim(0.0, 1.05 * max(brightest, float(np.nanmax(values, initial=0.0))))


def draw_profile(
    ax: Axes,
    values: NDArray[np.float64],
    pixel: PixelSize,
    *,
    color: str = "black",
    label: str = "",
) -> None:
    """Draw `values` along a one-dimensional scan."""
    position = np.arange(values.size) * abs(pixel.x)
    marker = "." if values.size < 20 else ""
    ax.plot(position, values, color=color, linewidth=LINE_WIDTH, marker=marker, label=escape(label))
    tidy(ax, x=f"Position ({format_units(pixel.units)})")
