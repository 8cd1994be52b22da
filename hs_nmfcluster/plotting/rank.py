"""How many components: errors and stability at each number, the paper's Fig. 4a."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.style import (
    COLUMN_WIDTH,
    FONT_SIZE,
    LINE_WIDTH,
    SMALL_FONT_SIZE,
    escape,
    group_color,
    tidy,
)

_NMF_COLOR = group_color(0)
_PCA_COLOR = "0.2"
_NOISE_COLOR = group_color(3)
_SUGGESTED_COLOR = "0.9"


def plot_rank_curves(
    ranks: ArrayLike,
    nmf_mse: ArrayLike,
    pca_mse: ArrayLike,
    *,
    noise_mse: float = np.nan,
    stability: ArrayLike | None = None,
    rotated_stability: ArrayLike | None = None,
    suggested: tuple[int, int] | None = None,
    intensity_units: str = "counts",
) -> Figure:
    """Draw the errors of NMF and PCA against the number of components, as the paper's Fig. 4a.

    Parameters
    ----------
    ranks
        Numbers of components, ascending, ``(n,)``.
    nmf_mse
        MSE of every restart, ``(n, restarts)``: a dot each, a line through the best ones. NaN
        is left out.
    pca_mse
        MSE of a PCA, ``(n,)``: filled squares.
    noise_mse
        MSE of a perfect model, a dashed line; NaN draws none.
    stability
        How well components return in other restarts, ``(n,)``, in a panel below; none if None
        or NaN throughout.
    rotated_stability
        The same if patterns may be turned onto their counterparts, ``(n,)``, in the same panel.
    suggested
        Range of numbers of components to shade, ``(low, high)``.
    intensity_units
        Unit of the data; the MSE has its square.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "errors" and, if there is any, "stability".

    Raises
    ------
    ValueError
        If shapes do not fit, or the range is not ``low <= high``.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_rank_curves
    >>> fig = plot_rank_curves([2, 4], [[5.0, 5.1], [4.0, 4.2]], [5.0, 3.8], stability=[1, 0.9])
    >>> [ax.get_label() for ax in fig.axes]
    ['errors', 'stability']
    """
    numbers, nmf, pca = _checked_curves(ranks, nmf_mse, pca_mse)
    stable = None if stability is None else _checked_curve("stability", stability, numbers.size)
    turned = (
        None
        if rotated_stability is None
        else _checked_curve("rotated_stability", rotated_stability, numbers.size)
    )
    if suggested is not None and not suggested[0] <= suggested[1]:
        raise ValueError(f"suggested is {suggested}; it must be (low, high) with low <= high.")
    has_stability = stable is not None and bool(np.isfinite(stable).any())
    figure, errors, below = _curve_panels(has_stability=has_stability)
    if suggested is not None:
        for ax in figure.axes:
            _shade(ax, suggested)
    _draw_errors(errors, numbers, nmf, pca, noise_mse)
    tidy(errors, x="" if has_stability else "Number of components")
    errors.set_ylabel(f"MSE ({escape(intensity_units)}²)", fontsize=FONT_SIZE)
    if below is not None and stable is not None:
        _draw_stability(below, numbers, stable, turned)
        errors.tick_params(labelbottom=False)
    # On white: the key of the shaded range would not be seen on the range itself.
    errors.legend(fontsize=SMALL_FONT_SIZE, framealpha=1.0, edgecolor="none")
    errors.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    # Also a single number of components needs an axis of some length.
    errors.set_xlim(numbers.min() - 0.7, numbers.max() + 0.7)
    return figure


def _checked_curves(
    ranks: ArrayLike, nmf_mse: ArrayLike, pca_mse: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    numbers, nmf = np.asarray(ranks, dtype=float).ravel(), np.asarray(nmf_mse, dtype=float)
    if not numbers.size:
        raise ValueError("ranks is empty; at least one number of components must be given.")
    if nmf.ndim != 2 or len(nmf) != numbers.size:
        raise ValueError(
            f"nmf_mse has shape {nmf.shape}; it must be (n, restarts), n = {numbers.size}."
        )
    return numbers, nmf, _checked_curve("pca_mse", pca_mse, numbers.size)


def _checked_curve(name: str, values: ArrayLike, number: int) -> NDArray[np.float64]:
    curve = np.asarray(values, dtype=float)
    if curve.shape != (number,):
        raise ValueError(f"{name} has shape {curve.shape}; it must be ({number},).")
    return curve


def _curve_panels(*, has_stability: bool) -> tuple[Figure, Axes, Axes | None]:
    if not has_stability:
        figure = new_figure(COLUMN_WIDTH, 2.6)
        return figure, figure.add_subplot(label="errors"), None
    figure = new_figure(COLUMN_WIDTH, 3.6)
    grid = figure.add_gridspec(2, 1, height_ratios=[3, 1])
    errors = figure.add_subplot(grid[0], label="errors")
    return figure, errors, figure.add_subplot(grid[1], sharex=errors, label="stability")


def _shade(ax: Axes, suggested: tuple[int, int]) -> None:
    low, high = suggested
    name = f"{low}" if low == high else f"{low} to {high}"
    ax.axvspan(
        low - 0.5, high + 0.5, color=_SUGGESTED_COLOR, linewidth=0, label=f"suggested: {name}"
    )


def _draw_errors(
    ax: Axes,
    ranks: NDArray[np.float64],
    nmf: NDArray[np.float64],
    pca: NDArray[np.float64],
    noise_mse: float,
) -> None:
    restarts = np.broadcast_to(ranks[:, None], nmf.shape)
    ax.plot(
        restarts[np.isfinite(nmf)],
        nmf[np.isfinite(nmf)],
        color=_NMF_COLOR,
        linestyle="",
        marker="o",
        markersize=3.0,
        markeredgewidth=0,
        alpha=0.5,
        label="NMF, every restart",
    )
    best = np.fmin.reduce(nmf, axis=1)
    ax.plot(ranks, best, color=_NMF_COLOR, linewidth=LINE_WIDTH, label="NMF, best")
    ax.plot(
        ranks,
        pca,
        color=_PCA_COLOR,
        linewidth=LINE_WIDTH,
        marker="s",
        markersize=3.0,
        label="PCA",
    )
    if np.isfinite(noise_mse):
        ax.axhline(
            noise_mse,
            color=_NOISE_COLOR,
            linewidth=LINE_WIDTH,
            linestyle="--",
            label="counting noise",
        )
    drawn = np.concatenate([nmf.ravel(), pca])
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size and drawn.max() > 10.0 * drawn.min() > 0.0:
        ax.set_yscale("log")


def _draw_stability(
    ax: Axes,
    ranks: NDArray[np.float64],
    stability: NDArray[np.float64],
    turned: NDArray[np.float64] | None,
) -> None:
    curves = [(stability, "-", "o", "as they lie")]
    if turned is not None:
        curves.append((turned, "--", "s", "turned"))
    drawn = [
        ax.plot(
            ranks,
            values,
            color=_NMF_COLOR,
            linewidth=LINE_WIDTH,
            linestyle=line,
            marker=marker,
            markersize=3.0,
            label=name,
        )[0]
        for values, line, marker, name in curves
    ]
    tidy(ax, x="Number of components", y="Stability")
    ax.set_ylim(min(0.0, *(float(np.nanmin(curve[0])) for curve in curves)), 1.05)
    if turned is not None:
        ax.legend(handles=drawn, fontsize=SMALL_FONT_SIZE, framealpha=1.0, edgecolor="none")
