"""Masks as users give them, in HyperSpy's convention (True = left out), to plain arrays."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import detector_axes
from hs_nmfcluster.bridge.checks import check_scan
from hs_nmfcluster.factorization.preparation import Selection
from hs_nmfcluster.scan.arguments import check_rank
from hs_nmfcluster.scan.masks import DetectorMask

Mask: TypeAlias = BaseSignal | NDArray[np.bool_]


def select(
    signal: BaseSignal,
    n_components: int,
    *,
    asked_by: str,
    navigation_mask: Mask | None,
    signal_mask: Mask | Literal["auto"] | None,
    center: Sequence[float] | None,
) -> Selection:
    """Check all of a selection that can be wrong before the data are read.

    Errors call the number of components what `asked_by` says.

    Raises
    ------
    TypeError, ValueError
        Naming the argument or what is wrong with the signal.
    """
    check_scan(signal)
    left_out = navigation_mask_array(signal, navigation_mask)
    if isinstance(signal_mask, str) and signal_mask != "auto":
        raise ValueError(f'`signal_mask` must be "auto", None or a mask, got {signal_mask!r}.')
    given = None if isinstance(signal_mask, str) else _given_mask(signal, signal_mask)
    where = None if center is None else detector_axes(signal).check_center(center)
    manager = signal.axes_manager
    n_positions = manager.navigation_size if left_out is None else int((~left_out).sum())
    n_pixels = manager.signal_size if given is None else int((~given.array).sum())
    check_rank(asked_by, n_components, n_positions, n_pixels)
    return Selection(left_out, given, where)


def _given_mask(signal: BaseSignal, mask: Mask | None) -> DetectorMask:
    if mask is None:
        shape = signal.axes_manager.signal_shape[::-1]
        return DetectorMask(np.zeros(shape, dtype=bool), "none")
    return DetectorMask(signal_mask_array(signal, mask), "given")


def navigation_mask_array(signal: BaseSignal, mask: Mask | None) -> NDArray[np.bool_] | None:
    """Navigation mask in array order, or None.

    Raises
    ------
    TypeError, ValueError
        If the mask is neither a signal nor an array of bool, is of another shape than the scan,
        or leaves nothing.
    """
    shape = signal.axes_manager.navigation_shape
    return None if mask is None else _as_array(mask, shape, "navigation_mask", "navigation_shape")


def signal_mask_array(signal: BaseSignal, mask: Mask) -> NDArray[np.bool_]:
    """Detector mask in array order ``(n_v, n_u)``.

    Raises
    ------
    TypeError, ValueError
        As :func:`navigation_mask_array`.
    """
    return _as_array(mask, signal.axes_manager.signal_shape, "signal_mask", "signal_shape")


def _as_array(
    mask: Mask, hyperspy_shape: Sequence[int], name: str, shape_name: str
) -> NDArray[np.bool_]:
    allowed = f"a HyperSpy signal or a NumPy array of bool with {shape_name} {hyperspy_shape}"
    if isinstance(mask, BaseSignal):
        array = np.asarray(mask.data)
        right_shape = array.shape == tuple(hyperspy_shape)[::-1]
        given = array.shape[::-1]
    elif isinstance(mask, np.ndarray):
        # HyperSpy takes the axes of a bare array in its own order, x first.
        array, given = mask.T, mask.shape
        right_shape = mask.shape == tuple(hyperspy_shape)
    else:
        raise TypeError(f"`{name}` must be {allowed}, not {type(mask).__name__}.")
    if not right_shape:
        raise ValueError(
            f"`{name}` has shape {given} in HyperSpy's order (x, y), it must be {allowed}. "
            "An array in array order (y, x) is to be transposed: `mask.T`."
        )
    if array.dtype != bool:
        raise TypeError(f"`{name}` must be of dtype bool (True = left out), not {array.dtype}.")
    if array.all():
        raise ValueError(f"`{name}` leaves nothing: every element is True, which means left out.")
    return array
