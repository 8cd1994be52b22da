"""Radial profiles of groups with their rings of spots."""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.style import (
    COLUMN_WIDTH,
    FONT_SIZE,
    LINE_WIDTH,
    SMALL_FONT_SIZE,
    group_color,
    tidy,
)
from hs_nmfcluster.scan.units import format_units
from hs_nmfcluster.words import group_name

Mark = tuple[float, str]
# Inches: the figure and its panels; what a slanted label takes along the axis.
_WIDTH, _ROW_HEIGHT, _MARGINS = 1.35 * COLUMN_WIDTH, 1.15, 0.75
_LABEL_STEP, _AXIS_WIDTH = 0.125, _WIDTH - _MARGINS


def plot_spacings(
    radii: ArrayLike,
    mean: ArrayLike,
    maximum: ArrayLike,
    background: ArrayLike | None = None,
    *,
    marks: Sequence[Sequence[Mark]] | None = None,
    halos: Sequence[float | None] | None = None,
    matrix: Collection[int] = (),
    shown: Sequence[int] | None = None,
    units: str = "px",
) -> Figure:
    """Draw the azimuthal maximum and mean of each group's pattern over the radius.

    Spots raise the maximum above the mean; a halo raises both.

    Parameters
    ----------
    radii
        Shape ``(n_radial,)``, in `units`.
    mean, maximum, background
        Shape ``(n_groups, n_radial)``.
    marks
        For each group the radius and label of each ring of spots.
    halos
        For each group the radius of its halo, None where there is none to be marked.
    matrix
        Numbers of the groups that hold no crystal, which are grey.
    shown
        Numbers of the groups that are drawn; all by default.
    units
        Unit of the radii.

    Returns
    -------
    matplotlib.figure.Figure
        A panel "profile 0", ... for each group.

    Raises
    ------
    ValueError
        If shapes or lengths do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting.spacings import plot_spacings
    >>> fig = plot_spacings(np.arange(9.0), np.ones((2, 9)), np.full((2, 9), 2.0))
    """
    r = np.asarray(radii, dtype=float)
    profiles = [_checked(mean, "mean", r), _checked(maximum, "maximum", r)]
    number = len(profiles[0])
    profiles.append(
        _checked(np.full_like(profiles[0], np.nan) if background is None else background, "", r)
    )
    for name, given in (("marks", marks), ("halos", halos)):
        if given is not None and len(given) != number:
            raise ValueError(f"{name}: {len(given)} given for {number} groups.")
    drawn = range(number) if shown is None else shown
    figure = new_figure(_WIDTH, _ROW_HEIGHT * len(drawn) + 0.65)
    axes = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
    for group, ax in zip(drawn, axes, strict=True):
        ax.set_label(f"profile {group}")
        color = group_color(group, matrix)
        _draw(ax, r, *(values[group] for values in profiles), color=color)
        tidy(ax, y=f"Group {group_name(group)}")
        _annotate(
            ax,
            marks[group] if marks is not None else [],
            halos[group] if halos is not None else None,
            color,
        )
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
        loc="outside upper right",
        handlelength=1.2,
        ncols=3,
    )
    figure.supylabel("Intensity (maximum = 1)", fontsize=FONT_SIZE)
    tidy(axes[-1], x=f"Radius ({format_units(units)})", y=axes[-1].get_ylabel())
    return figure


def _checked(values: ArrayLike, name: str, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=float)
    if array.ndim != 2 or array.shape[1] != radii.size or not len(array):
        raise ValueError(
            f"{name} has shape {array.shape}; it must be (n_groups, {radii.size}) as radii say."
        )
    return array


def _draw(
    ax: Axes,
    r: NDArray[np.float64],
    mean: NDArray[np.float64],
    maximum: NDArray[np.float64],
    background: NDArray[np.float64],
    *,
    color: str,
) -> None:
    top = np.nanmax(maximum) if np.isfinite(maximum).any() else 1.0
    scale = 1.0 / top if top > 0 else 1.0
    ax.fill_between(r, scale * mean, scale * maximum, color=color, alpha=0.2, linewidth=0)
    ax.plot(r, scale * maximum, color=color, linewidth=LINE_WIDTH, label="maximum over φ")
    ax.plot(r, scale * mean, color="black", linewidth=LINE_WIDTH, label="mean")
    if np.isfinite(background).any():
        ax.plot(r, scale * background, color="0.5", linewidth=0.8, ls=":", label="background")
    shown = r[np.isfinite(maximum)] if np.isfinite(maximum).any() else r
    ax.set_xlim(shown.min(), shown.max() if shown.max() > shown.min() else shown.min() + 1.0)
    ax.set_ylim(0, 1.75)
    ax.set_yticks([0, 1])


def _annotate(ax: Axes, marks: Sequence[Mark], halo: float | None, color: str) -> None:
    left, right = ax.get_xlim()
    places = spread([radius for radius, _ in marks], _LABEL_STEP * (right - left) / _AXIS_WIDTH)
    for (radius, label), place in zip(sorted(marks), places, strict=True):
        ax.plot([radius, radius, place], [0.0, 1.04, 1.15], color="0.7", linewidth=0.6, zorder=0)
        ax.text(
            place,
            1.17,
            label,
            fontsize=SMALL_FONT_SIZE - 1,
            rotation=45,
            ha="left",
            va="bottom",
            rotation_mode="anchor",
            color=color,
        )
    if halo is not None:
        ax.plot([halo, halo], [0.0, 1.09], color="0.7", linewidth=0.6, linestyle="--", zorder=0)
        ax.text(halo, 1.12, "halo", fontsize=SMALL_FONT_SIZE, ha="center", va="bottom")


def spread(places: Sequence[float], step: float) -> list[float]:
    """Move places as little as possible so that they are at least a step apart.

    Parameters
    ----------
    places
        In any order.
    step
        Least distance.

    Returns
    -------
    list of float
        In ascending order.

    Examples
    --------
    >>> spread([5.0, 1.0, 1.0], 1.0)
    [0.5, 1.5, 5.0]
    """
    steps = step * np.arange(len(places))
    if not len(places):
        return []
    moved: list[float] = (isotonic_regression(np.sort(places) - steps).x + steps).tolist()
    return moved
