"""A series of scans: how the particles of each group change from one to the next."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.style import PAGE_WIDTH, SMALL_FONT_SIZE, escape, group_color, tidy
from hs_nmfcluster.scan.units import format_units
from hs_nmfcluster.words import group_name


def plot_series(
    names: Sequence[str], densities: ArrayLike, diameters: ArrayLike, *, units: str = "px"
) -> Figure:
    """Draw number densities and mean diameters of each group against the scans.

    Parameters
    ----------
    names
        Names of the scans, in their order.
    densities, diameters
        ``(n_groups, n_scans, 2)``: values and their errors; NaN where not known. Groups without
        particles in any scan are left out.
    units
        Of the diameters.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "density" and "diameter".

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_series
    >>> fig = plot_series(["1 min", "10 min"], np.ones((3, 2, 2)), np.ones((3, 2, 2)))
    """
    shape = np.shape(densities)
    if shape != np.shape(diameters) or len(shape) != 3 or shape[1:] != (len(names), 2):
        raise ValueError(
            f"densities and diameters have the shapes {shape} and {np.shape(diameters)}; both "
            f"must be (n_groups, {len(names)}, 2)."
        )
    unit = format_units(units)
    labels = f"Particles per {unit}²", f"Mean diameter ({unit})"
    figure = new_figure(PAGE_WIDTH, 2.8)
    panels = figure.subplots(1, 2)
    shown = [group for group in range(shape[0]) if np.asarray(densities)[group, :, 0].any()]
    for ax, name, values, label in zip(
        panels, ("density", "diameter"), (densities, diameters), labels, strict=True
    ):
        ax.set_label(name)
        for place, group in enumerate(shown):
            # Beside each other, so that error bars do not hide one another.
            aside = 0.3 * ((place + 0.5) / len(shown) - 0.5)
            height, error = np.asarray(values, dtype=float)[group].T
            ax.errorbar(
                np.arange(len(names)) + aside,
                height,
                error,
                color=group_color(group),
                marker="o",
                markersize=4,
                linewidth=1.0,
                capsize=2,
                label=group_name(group),
            )
        ax.set_xticks(range(len(names)), [escape(name) for name in names])
        ax.set_xlim(-0.5, len(names) - 0.5)
        if max(map(len, names)) * len(names) > 40:
            ax.tick_params(axis="x", rotation=30)
        tidy(ax, y=label)
    panels[0].set_ylim(bottom=0)
    panels[1].set_ylim(_limits(np.asarray(diameters, dtype=float)[shown]))
    if not np.isfinite(np.asarray(diameters, dtype=float)[shown]).any():
        panels[1].text(
            0.5,
            0.5,
            "No whole particles: no diameters",
            fontsize=SMALL_FONT_SIZE,
            ha="center",
            transform=panels[1].transAxes,
        )
    if shown:
        panels[0].legend(fontsize=SMALL_FONT_SIZE, frameon=False)
    return figure


def _limits(diameters: NDArray[np.float64]) -> tuple[float, float]:
    """Choose an axis that shows all diameters and errors, and a few per cent as little."""
    errors = np.where(np.isfinite(diameters[..., 1]), diameters[..., 1], 0.0)
    low = np.nanmin(diameters[..., 0] - errors, initial=np.inf)
    high = np.nanmax(diameters[..., 0] + errors, initial=0.0)
    if not high > 0:
        return 0.0, 1.0
    room = max(high - low, 0.2 * high)
    middle = (low + high) / 2
    return max(middle - 0.6 * room, 0.0), middle + 0.6 * room
