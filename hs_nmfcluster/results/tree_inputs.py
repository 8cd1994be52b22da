"""What patterns and maps must be before they are clustered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import calibrated_center, find_center
from hs_nmfcluster.bridge.checks import check_patterns
from hs_nmfcluster.clustering.alignable import (
    Alignable,
    FixedRows,
    Metric,
    RotatablePatterns,
    ShiftableMaps,
)
from hs_nmfcluster.clustering.polar import PolarGrid

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

By = Literal["patterns", "maps"]


def checked_patterns(signal: "BaseSignal") -> "BaseSignal":
    """Return patterns in memory along one navigation axis, named ``component`` if it has no name.

    Raises
    ------
    TypeError, ValueError
        If they are not real patterns, fewer than two, infinite, or one is NaN everywhere.
    """
    check_patterns(signal)
    signal = _in_memory(signal)
    if signal.axes_manager.navigation_dimension != 1:
        signal = signal.deepcopy()
        signal.data = signal.data.reshape(-1, *signal.data.shape[-2:])
        axes = [{"name": "component", "size": len(signal.data), "navigate": True}]
        axes += [a.get_axis_dictionary() for a in signal.axes_manager._axes[-2:]]
        signal = type(signal)(signal.data, axes=axes, metadata=signal.metadata.as_dictionary())
    if len(signal.data) < 2:
        raise ValueError(f"At least 2 patterns are needed to cluster them, got {len(signal.data)}.")
    _check_values("pattern", signal.data)
    return signal


def checked_maps(signal: "BaseSignal", n: int) -> "BaseSignal":
    """Return maps in memory.

    Raises
    ------
    ValueError
        If they are not `n` maps, or one is infinite or NaN everywhere.
    """
    signal = _in_memory(signal)
    if signal.data.ndim < 2 or len(signal.data) != n:
        raise ValueError(
            f"`maps` must have one map for each of the {n} patterns along its first axis, got an "
            f"array of shape {signal.data.shape}."
        )
    _check_values("map", signal.data)
    return signal


def center_of(patterns: "BaseSignal", center: Sequence[float] | None) -> tuple[float, float]:
    """Direct beam ``(x, y)`` in pixels, as given or where both axes are zero.

    Raises
    ------
    ValueError
        If it is neither given nor known, or lies outside the detector.
    """
    if center is None and calibrated_center(patterns) is None:
        raise ValueError(
            "The zero of the signal axes lies outside the detector, so the centre is unknown: "
            "give `center=(x, y)` in pixels."
        )
    return find_center(patterns, center)[0]


def items_to_cluster(data: NDArray, by: By, metric: Metric, grid: PolarGrid) -> Alignable:
    """Return what agglomeration works on.

    Parameters
    ----------
    data
        Patterns ``(n, n_v, n_u)`` or maps ``(n, *scan_shape)``.
    by, metric
        Which of them, and how they are compared.
    grid
        Bins for the cross-correlation of patterns; the other metrics take the pixels in its
        range of radii.

    Raises
    ------
    ValueError
        If a pattern has no measured pixel in the radial range, or no pixel is measured in all.
    """
    if metric == "cross_correlation":
        return ShiftableMaps(data) if by == "maps" else _rotatable(data, grid)
    rows = data[:, grid.pixels] if by == "patterns" else data.reshape(len(data), -1)
    measured = ~np.isnan(rows).any(axis=0)
    if not measured.any():
        raise ValueError(
            f'`metric="{metric}"` needs pixels or positions that were measured in all {by}.'
        )
    return FixedRows(rows[:, measured], metric)


def _rotatable(patterns: NDArray, grid: PolarGrid) -> RotatablePatterns:
    polar = grid.transform(patterns)
    empty = np.isnan(polar).all(axis=(1, 2))
    if empty.any():
        raise ValueError(
            f"Pattern {empty.argmax()} has no measured pixel between r = {grid.radii[0]:g} and "
            f"{grid.radii[-1]:g} {grid.detector.units}."
        )
    return RotatablePatterns(polar)


def _in_memory(signal: "BaseSignal") -> "BaseSignal":
    if not signal._lazy:
        return signal
    signal = signal.deepcopy()
    signal.compute(show_progressbar=False)
    return signal


def _check_values(name: str, data: NDArray) -> None:
    for index, values in enumerate(data):
        if np.isinf(values).any():
            raise ValueError(
                f"The {name} {index} holds infinite values; NaN marks what to leave out."
            )
        if np.isnan(values).all():
            raise ValueError(f"The {name} {index} is NaN everywhere.")
