"""Radial profiles of groups with their rings of spots."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from .figures import new_figure
from .style import (
    COLUMN_WIDTH,
    LINE_WIDTH,
    SMALL_FONT_SIZE,
    format_units,
    group_color,
    group_name,
    tidy,
)

Mark = tuple[float, str]
_ROW_HEIGHT = 1.15


def plot_spacings(
    radii: ArrayLike,
    mean: ArrayLike,
    maximum: ArrayLike,
    background: ArrayLike | None = None,
    *,
    marks: Sequence[Sequence[Mark]] | None = None,
    halos: Sequence[float | None] | None = None,
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
    figure = new_figure(1.35 * COLUMN_WIDTH, _ROW_HEIGHT * number + 0.45)
    axes = figure.subplots(number, 1, sharex=True, squeeze=False)[:, 0]
    for group, ax in enumerate(axes):
        ax.set_label(f"profile {group}")
        _draw(ax, r, *(values[group] for values in profiles), group=group)
        _annotate(
            ax,
            marks[group] if marks is not None else [],
            halos[group] if halos is not None else None,
            group,
        )
    axes[0].legend(
        fontsize=SMALL_FONT_SIZE, frameon=False, loc="upper right", handlelength=1.2, ncols=3
    )
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
    group: int,
) -> None:
    color = group_color(group)
    top = np.nanmax(maximum) if np.isfinite(maximum).any() else 1.0
    scale = 1.0 / top if top > 0 else 1.0
    ax.fill_between(r, scale * mean, scale * maximum, color=color, alpha=0.2, linewidth=0)
    ax.plot(r, scale * maximum, color=color, linewidth=LINE_WIDTH, label="maximum over φ")
    ax.plot(r, scale * mean, color="black", linewidth=LINE_WIDTH, label="mean")
    if np.isfinite(background).any():
        ax.plot(r, scale * background, color="0.5", linewidth=0.8, ls=":", label="background")
    tidy(ax, y=f"Group {group_name(group)}")
    ax.set_ylim(0, 1.75)
    ax.set_yticks([0, 1])


def _annotate(ax: Axes, marks: Sequence[Mark], halo: float | None, group: int) -> None:
    for radius, label in marks:
        ax.axvline(radius, color="0.7", linewidth=0.6, zorder=0, ymax=0.62)
        ax.text(
            radius,
            1.12,
            label,
            fontsize=SMALL_FONT_SIZE - 1,
            rotation=45,
            ha="left",
            va="bottom",
            rotation_mode="anchor",
            color=group_color(group),
        )
    if halo is not None:
        ax.axvline(halo, color="0.7", linewidth=0.6, linestyle="--", zorder=0, ymax=0.62)
        ax.text(halo, 1.12, "halo", fontsize=SMALL_FONT_SIZE, ha="center", va="bottom")
