"""Masks as users give them, in HyperSpy's convention (True = left out), to plain arrays."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

Mask: TypeAlias = BaseSignal | NDArray[np.bool_]


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
