"""Similarities of components: the paper's Figs. 6a, b, d, e, S1 and S2."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import colormap
from hs_nmfcluster.plotting.style import (
    COLUMN_WIDTH,
    DISTANCE_CMAP,
    FONT_SIZE,
    PAGE_WIDTH,
    SIMILARITY_CMAP,
    SMALL_FONT_SIZE,
    checked_groups,
    component_labels,
    escape,
    figure_of,
    group_color,
    tidy,
)

_ALL_SIDES = ("left", "right", "top", "bottom")
# Correlations come out of float32 data: 1 may be a little more than 1.
_ROUNDING = 1e-4
_CELL = 0.9


def plot_similarity(
    matrices: Mapping[str, ArrayLike],
    *,
    distances: Collection[str] = (),
    labels: Sequence[str] | None = None,
    groups: Sequence[int] | None = None,
) -> Figure:
    """Draw one or several similarity matrices as heat maps.

    Parameters
    ----------
    matrices
        Square matrices by name, all ``(k, k)``; the name is written above. Similarities lie in
        [-1, 1] and share one colour bar.
    distances
        Names of those that are distances (0 = equal): they get a sequential scale and a colour bar
        of their own.
    labels
        One for each component; default 0, 1, ...
    groups
        Group of each component: colours the labels.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each matrix, labelled with its name, then the colour bars.

    Raises
    ------
    ValueError
        If there is no matrix, their shapes differ or are not square, a similarity is outside
        [-1, 1], or a name in `distances` is none of `matrices`.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_similarity
    >>> similar = np.array([[1.0, 0.3], [0.3, 1.0]])
    >>> fig = plot_similarity({"Cosine": similar, "Other": 1 - similar}, distances=["Other"])
    """
    checked = _checked_matrices(matrices, distances)
    number = len(next(iter(checked.values())))
    names = component_labels(labels, number)
    group_of = checked_groups(groups, number)
    columns = min(len(checked), 2)
    rows = -(-len(checked) // columns)
    width = PAGE_WIDTH if columns == 2 else COLUMN_WIDTH
    figure = new_figure(width, rows * (3.05 if columns == 2 else 3.0), compress=True)
    grid = figure.add_gridspec(rows, columns)
    similarity_norm = Normalize(-1.0, 1.0)
    panels = []
    for index, (name, matrix) in enumerate(checked.items()):
        ax = figure.add_subplot(grid[divmod(index, columns)], label=name)
        panels.append(ax)
        if name in distances:
            top = float(np.nanmax(matrix, initial=0.0))
            norm, cmap = Normalize(0.0, top or 1.0), DISTANCE_CMAP
            _color_bar(figure, [ax], norm, cmap, "Distance")
        else:
            norm, cmap = similarity_norm, SIMILARITY_CMAP
        ax.imshow(
            np.ma.masked_invalid(matrix),
            cmap=colormap(cmap),
            norm=norm,
            origin="upper",
            interpolation="nearest",
        )
        tidy(ax, x="Component", y="Component", spines=_ALL_SIDES)
        ax.set_title(escape(name), fontsize=FONT_SIZE, loc="left")
        _label_components(ax, names, group_of)
    if len(distances) < len(checked):
        # At the side it would lie on the bar of a distance, which stands there beside its panel.
        location = "bottom" if distances else "right"
        _color_bar(figure, panels, similarity_norm, SIMILARITY_CMAP, "Similarity", location)
    return figure


def _checked_matrices(
    matrices: Mapping[str, ArrayLike], distances: Collection[str]
) -> dict[str, NDArray[np.float64]]:
    if not matrices:
        raise ValueError("matrices is empty; at least one is needed.")
    unknown = set(distances) - set(matrices)
    if unknown:
        raise ValueError(f"distances names {sorted(unknown)}; matrices are {list(matrices)}.")
    checked = {name: np.asarray(matrix, dtype=float) for name, matrix in matrices.items()}
    number = len(next(iter(checked.values())))
    for name, matrix in checked.items():
        if matrix.shape != (number, number):
            raise ValueError(
                f"matrices[{name!r}] has shape {matrix.shape}; it must be {(number, number)}."
            )
        if name not in distances and np.nanmax(np.abs(matrix), initial=0.0) > 1 + _ROUNDING:
            raise ValueError(
                f"matrices[{name!r}] has values outside [-1, 1]; if these are distances, name it "
                "in distances."
            )
    return checked


def _color_bar(
    figure: Figure,
    axes: list[Axes],
    norm: Normalize,
    cmap: str,
    label: str,
    location: str = "right",
) -> None:
    bar = figure.colorbar(
        ScalarMappable(norm, colormap(cmap)),
        ax=axes,
        aspect=30,
        pad=0.02,
        fraction=0.06,
        location=location,
    )
    tidy(bar.ax)
    bar.outline.set_linewidth(0.6)
    bar.set_label(label, fontsize=FONT_SIZE)


def _label_components(
    ax: Axes, names: Sequence[str], groups: Sequence[int] | None, room: float = 170.0
) -> None:
    # Many labels stand upright, as lines of text of 7 points in a panel of so many.
    upright = len(names) > 0.06 * room or max(len(name) for name in names) > 3
    step = int(np.ceil(len(names) * 7.0 / room))
    shown = range(0, len(names), step)
    ax.set_xticks(shown, [names[index] for index in shown])
    ax.set_yticks(shown, [names[index] for index in shown])
    ax.tick_params(labelsize=SMALL_FONT_SIZE - upright, length=1.5)
    ax.tick_params(axis="x", rotation=90.0 * upright)
    if groups is not None:
        for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
            for index, text in zip(shown, ticks, strict=True):
                text.set_color(group_color(groups[index]))
                text.set_fontweight("bold")


def plot_scatter_tableau(
    vectors: ArrayLike,
    *,
    labels: Sequence[str] | None = None,
    quantity: str = "intensity",
    max_points: int = 2000,
) -> Figure:
    """Draw every vector against every other (paper's Fig. S1), with the correlation coefficients.

    Below the diagonal are the scatter plots, each from the smallest to the largest value of its
    two vectors; above it the correlation coefficients as colours.

    Parameters
    ----------
    vectors
        Shape ``(k, ...)``: patterns or maps; elements that are NaN in any of them are left out.
    labels
        One for each vector; default 0, 1, ...
    quantity
        What the values are, for the axis labels.
    max_points
        So many points, evenly chosen, are drawn in each plot. The coefficients use all of them.

    Returns
    -------
    matplotlib.figure.Figure
        Panel "tableau" and its colour bar.

    Raises
    ------
    ValueError
        If no element is finite in all vectors, or `max_points` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_scatter_tableau
    >>> fig = plot_scatter_tableau(np.random.default_rng(0).random((3, 50)))
    """
    rows = np.asarray(vectors, dtype=float)
    rows = rows.reshape(len(rows), -1)
    rows = rows[:, np.isfinite(rows).all(axis=0)]
    if not rows.size:
        raise ValueError("vectors have no element that is finite in all of them.")
    if max_points < 1:
        raise ValueError(f"max_points is {max_points}; it must be at least 1.")
    number = len(rows)
    names = component_labels(labels, number)
    size = float(np.clip(0.33 * number, COLUMN_WIDTH, PAGE_WIDTH) - 1.15)
    figure = new_figure(size + 1.15, size + 0.4, compress=True)
    ax = figure.add_subplot(label="tableau")
    upper = np.ma.masked_array(_correlation(rows), mask=np.tri(number, dtype=bool))
    ax.imshow(upper, cmap=SIMILARITY_CMAP, norm=Normalize(-1, 1), interpolation="nearest")
    x, y = _scatter_points(rows, max_points)
    ax.plot(x, y, "o", color="0.15", markersize=0.7, markeredgewidth=0, rasterized=True)
    _rule_cells(ax, len(names))
    _label_components(ax, names, None, room=72.0 * size)
    inside = f" (in a cell: {escape(quantity)}, min. to max.)"
    tidy(ax, x="Component" + inside, y="Component" + inside, spines=_ALL_SIDES)
    ax.tick_params(length=0)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_fontsize(SMALL_FONT_SIZE)
    _color_bar(figure_of(ax), [ax], Normalize(-1, 1), SIMILARITY_CMAP, "Correlation coefficient")
    return figure


def _correlation(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's coefficients; NaN for a constant row, which has none."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    floor = 1e-12 * np.linalg.norm(rows, axis=1)
    norms = np.where(norms > floor, norms, np.nan)
    return (centred / norms[:, np.newaxis]) @ (centred / norms[:, np.newaxis]).T


def _scatter_points(
    rows: NDArray[np.float64], max_points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of the points of all cells below the diagonal; cell (i, j) is centred there."""
    low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    relative = (rows - low) / np.where(high > low, high - low, 1.0)
    chosen = np.linspace(0, rows.shape[1] - 1, min(max_points, rows.shape[1])).round().astype(int)
    offset = _CELL * (relative[:, chosen] - 0.5)
    row, column = np.tril_indices(len(rows), -1)
    return (column[:, np.newaxis] + offset[column]).ravel(), (
        row[:, np.newaxis] - offset[row]
    ).ravel()


def _rule_cells(ax: Axes, number: int) -> None:
    edges = np.arange(number - 1) + 0.5
    limits = (-0.5, number - 0.5)
    ax.hlines(edges, *limits, color="0.8", linewidth=0.4)
    ax.vlines(edges, *limits, color="0.8", linewidth=0.4)
    ax.set(xlim=limits, ylim=limits[::-1])
