"""In-plane angles in cyclic colours."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import annotate, draw_image, draw_profile, drawable_maps
from hs_nmfcluster.plotting.style import (
    MAP_CMAP,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    frame,
    group_color,
    tidy,
)
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize
from hs_nmfcluster.words import group_name

_EMPTY = "#1a1a1a"
# Of the circle in OKLab that the angles run through: its middle, its radius, and by how much it is
# tilted, so that green is lighter than red.
_LIGHTNESS, _CHROMA, _TILT = 0.72, 0.12, 0.15
# From OKLab to the cube roots of cone responses, and from these cubed to linear sRGB (Ottosson).
_TO_CONES = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_TO_LINEAR = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


def plot_orientation(
    angle_maps: ArrayLike,
    symmetry: Sequence[int],
    *,
    map_pixel: PixelSize = UNCALIBRATED,
    shown: Sequence[int] | None = None,
) -> Figure:
    """Draw the in-plane angles of each group, with a colour wheel.

    The wheel is read like a direction in the pattern: to the right is 0°, angles grow clockwise as
    they do in an image whose rows run downwards. An m-fold pattern repeats its colours m times.

    Parameters
    ----------
    angle_maps
        Shape ``(n_groups, *scan_shape)`` in degrees; NaN where there is no crystal.
    symmetry
        Order of the rotation axis of each group; groups with 0 have no angle and are not drawn.
    map_pixel
        Pixel size of the scan.
    shown
        Numbers of the groups that are drawn, as far as they have angles; all by default.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "angles 1", "wheel 1", ... for each group with an angle.

    Raises
    ------
    ValueError
        If lengths do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting.orientation import plot_orientation
    >>> fig = plot_orientation(np.full((1, 5, 6), 30.0), [4])
    """
    values = np.asarray(angle_maps, dtype=float)
    if len(values) != len(symmetry):
        raise ValueError(f"symmetry: {len(symmetry)} given for {len(values)} groups.")
    # Angles of frames cannot be added: the first frame of each position with an angle is shown.
    while values.ndim > 3:
        values = _first_frame(values)
    chosen = range(len(symmetry)) if shown is None else shown
    drawn = [group for group in chosen if symmetry[group]]
    maps = drawable_maps(values, map_pixel, "angle_maps")
    columns = min(max(len(drawn), 1), 4)
    rows = -(-len(drawn) // columns)
    width = PAGE_WIDTH / max(columns, 2)
    height = min(width / max(maps.width, 0.5), 4.0) if maps.are_images else 2.0
    figure = new_figure(width * columns, rows * (height + 1.4) if drawn else 0.6)
    if not drawn:
        ax = figure.add_subplot(label="no angles")
        ax.text(0.5, 0.5, "no group has spots", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return figure
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[height, 1.3] * rows)
    for place, group in enumerate(drawn):
        row, column = divmod(place, columns)
        ax = figure.add_subplot(grid[2 * row, column], label=f"angles {group}")
        period = 360.0 / symmetry[group]
        if maps.are_images:
            _draw_angles(ax, maps.values[group], period, maps.pixel, scale_bar=place == 0)
            annotate(ax, group_name(group))
            frame(ax, group_color(group))
        else:
            draw_profile(ax, maps.values[group], maps.pixel, color=group_color(group))
            tidy(ax, x=ax.get_xlabel(), y="Angle (°)")
            # A crystal may be as small as one position, and most have one at 0°, on the frame.
            ax.lines[0].set(marker=".", clip_on=False)
            length = max(maps.values[group].size - 1, 1) * abs(maps.pixel.x)
            ax.set(xlim=(0, length), ylim=(0, period))
        wheel = figure.add_subplot(
            grid[2 * row + 1, column], projection="polar", label=f"wheel {group}"
        )
        if isinstance(wheel, PolarAxes):
            _draw_wheel(wheel, period)
    return figure


@cache
def angle_colormap() -> Colormap:
    """Cyclic colours in which equal angles look equally different.

    A circle around grey in the perceptual space OKLab. It is tilted along its red-green axis:
    who does not see red and green apart still sees every angle in another colour, by its
    lightness.

    Examples
    --------
    >>> angle_colormap().N
    360
    """
    hue = np.deg2rad(np.arange(360))
    lab = np.stack(
        [
            _LIGHTNESS - _TILT * np.cos(hue),
            _CHROMA * np.cos(hue),
            _CHROMA * np.sin(hue),
        ]
    )
    linear = np.clip(np.array(_TO_LINEAR) @ (np.array(_TO_CONES) @ lab) ** 3, 0.0, 1.0)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return ListedColormap(rgb.T, name="angle").with_extremes(bad=_EMPTY)


def _first_frame(values: NDArray[np.float64]) -> NDArray[np.float64]:
    first = values[:, 0]
    for index in range(1, values.shape[1]):
        first = np.where(np.isnan(first), values[:, index], first)
    return first


def _draw_angles(
    ax: Axes, angles: NDArray[np.float64], period: float, pixel: PixelSize, *, scale_bar: bool
) -> None:
    norm = Normalize(0, period)
    image = draw_image(ax, angles, cmap=MAP_CMAP, norm=norm, pixel=pixel, scale_bar=scale_bar)
    image.set_cmap(angle_colormap())


def _draw_wheel(ax: PolarAxes, period: float) -> None:
    angles = np.linspace(0, 360, 721)
    middles = (angles[:-1] + angles[1:]) / 2
    ax.pcolormesh(
        np.deg2rad(angles),
        [0.55, 1.0],
        (middles % period)[np.newaxis],
        cmap=angle_colormap(),
        norm=Normalize(0, period),
        rasterized=True,
    )
    ax.set_theta_zero_location("E")
    ax.set_theta_direction(-1)
    ax.set_ylim(0, 1)
    ax.set_yticks([])
    ax.grid(False)
    ax.spines["polar"].set_visible(False)
    ticks = np.arange(0, 360, 45 if period in (180, 90, 360) else 30)
    shown = ticks[ticks < period]
    ax.set_xticks(np.deg2rad(shown), [f"{tick:g}°" for tick in shown])
    ax.tick_params(labelsize=SMALL_FONT_SIZE, pad=-2)
    ax.text(
        0.5,
        0.5,
        f"mod\n{period:g}°",
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize=SMALL_FONT_SIZE,
    )
