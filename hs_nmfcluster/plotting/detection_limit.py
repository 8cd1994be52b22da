"""Which synthetic particles were found: recall against diameter, and found against true ones."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.style import PAGE_WIDTH, SMALL_FONT_SIZE, group_color, tidy
from hs_nmfcluster.scan.units import format_units

#: Name; diameter, lower limit, share, upper limit and number of particles of each size; diameters
#: ``(n,)`` and recall of the fit between its limits ``(3, n)``; diameter of half recall between its
#: limits.
RecallCurve: TypeAlias = tuple[
    str,
    Sequence[tuple[float, float, float, float, int]],
    NDArray[np.floating],
    NDArray[np.floating],
    tuple[float, float, float],
]


def plot_detection_limit(
    curves: Sequence[RecallCurve],
    diameters: NDArray[np.floating],
    found_diameters: NDArray[np.floating],
    *,
    units: str = "px",
) -> Figure:
    """Draw recall against diameter, and diameters as they were found against the true ones.

    Parameters
    ----------
    curves
        One for each fraction.
    diameters, found_diameters
        Of all particles, ``(n,)``; the latter NaN where not known.
    units
        Of the diameters.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "recall" and "diameters".

    Examples
    --------
    >>> import numpy as np
    >>> sizes = np.array([2.0, 4.0])
    >>> points = [(2.0, 0.0, 0.1, 0.3, 10), (4.0, 0.7, 0.9, 1.0, 10)]
    >>> recall = np.array([[0.0, 0.7], [0.1, 0.9], [0.2, 1.0]])
    >>> curve = ("", points, sizes, recall, (2.5, 3.0, 3.5))
    >>> figure = plot_detection_limit([curve], sizes, sizes, units="nm")
    """
    figure = new_figure(PAGE_WIDTH, 2.6)
    grid = figure.add_gridspec(1, 2, width_ratios=[3, 2])
    ax = figure.add_subplot(grid[0], label="recall")
    for number, curve in enumerate(curves):
        _draw_recall(ax, curve, group_color(number))
    ax.axhline(0.5, color="0.7", linewidth=0.6, linestyle=":")
    ax.set_ylim(-0.03, 1.03)
    _logarithmic(ax, diameters)
    tidy(ax, x=f"Diameter ({format_units(units)})", y="Share found")
    if any(name for name, *_ in curves):
        ax.legend(
            fontsize=SMALL_FONT_SIZE,
            frameon=False,
            title="Electrons taken",
            title_fontsize=SMALL_FONT_SIZE,
        )
    right = figure.add_subplot(grid[1], label="diameters")
    ends = [diameters.min(), diameters.max()]
    right.plot(ends, ends, color="0.7", linewidth=0.6)
    right.plot(diameters, found_diameters, "o", markersize=2.5, color="0.3", alpha=0.6)
    _logarithmic(right, diameters, "xy")
    tidy(right, x=f"Diameter ({format_units(units)})", y=f"As found ({format_units(units)})")
    return figure


def _draw_recall(ax: Axes, curve: RecallCurve, color: str) -> None:
    name, points, sizes, recall, (low, half, high) = curve
    at, lower, share, upper, numbers = np.array(points).T
    error = np.clip([share - lower, upper - share], 0.0, None)
    ax.errorbar(at, share, error, fmt="none", ecolor=color, elinewidth=0.6, alpha=0.6)
    ax.scatter(at, share, s=6 + 2 * numbers, color=color, linewidths=0, zorder=3)
    ax.fill_between(sizes, recall[0], recall[2], color=color, alpha=0.12, linewidth=0)
    ax.plot(sizes, recall[1], color=color, linewidth=1.2, label=name or None)
    ax.plot([low, high], [0.5, 0.5], color=color, linewidth=3, alpha=0.4, solid_capstyle="butt")
    ax.plot(half, 0.5, "|", color=color, markersize=8)


def _logarithmic(ax: Axes, diameters: NDArray[np.floating], axes: str = "x") -> None:
    steps = np.array([1, 1.5, 2, 3, 4, 5, 6, 8])
    ticks = (10.0 ** np.arange(-3, 7)[:, None] * steps).ravel()
    low, high = 0.9 * diameters.min(), 1.1 * diameters.max()
    shown = ticks[(ticks >= low) & (ticks <= high)]
    labels = [f"{tick:g}" for tick in shown]
    for which in axes:
        ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
        axis = ax.xaxis if which == "x" else ax.yaxis
        axis.set_ticks(shown, labels)
        axis.set_minor_locator(NullLocator())
