"""Masks as users give them (True = left out) to plain arrays.

Signals have their axes; a bare array is in the order of the data, rows first.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import detector_axes
from hs_nmfcluster.bridge.checks import check_scan
from hs_nmfcluster.bridge.corrections import corrections_of
from hs_nmfcluster.factorization.preparation import Selection
from hs_nmfcluster.scan.arguments import check_rank, check_ring
from hs_nmfcluster.scan.masks import DetectorMask

Mask: TypeAlias = BaseSignal | NDArray[np.bool_]
#: What is left out of the detector: found in the mean pattern, given, or both together.
Automatic: TypeAlias = Literal["auto", "beam", "corners"]
Radii: TypeAlias = tuple[float | None, float | None]
SignalMask: TypeAlias = Mask | Automatic | Radii | Sequence[Mask | Automatic | Radii] | None

_PARTS: dict[str, frozenset[str]] = {
    "auto": frozenset(("beam", "corners")),
    "beam": frozenset(("beam",)),
    "corners": frozenset(("corners",)),
}
_ALLOWED = (
    'must be "auto", "beam", "corners", radii (inner, outer), None, a mask, or several of these in '
    "a list"
)


def select(
    signal: BaseSignal,
    n_components: int,
    *,
    asked_by: str,
    navigation_mask: Mask | None,
    signal_mask: SignalMask,
    center: Sequence[float] | None,
    corrections: Any = None,
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
    given, automatic, ring = _detector_masks(signal, signal_mask)
    where = None if center is None else detector_axes(signal).check_center(center)
    manager = signal.axes_manager
    n_positions = manager.navigation_size if left_out is None else int((~left_out).sum())
    n_pixels = manager.signal_size if given is None else int((~given.array).sum())
    check_rank(asked_by, n_components, n_positions, n_pixels)
    wanted = corrections_of(signal, corrections)
    return Selection(left_out, given, where, automatic, ring, wanted)


def _detector_masks(
    signal: BaseSignal, wanted: SignalMask
) -> tuple[DetectorMask | None, frozenset[str], tuple[float, float] | None]:
    """Masks that were given, as one, which ones are to be found, and the ring that is kept."""
    several = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    several = [wanted] if _are_radii(wanted) else several
    found: frozenset[str] = frozenset()
    arrays, ring = [], None
    for one in several:
        if _are_radii(one):
            ring = (one[0] or 0.0, np.inf if one[1] is None else one[1])
            check_ring(*ring)
            missing = zip(("beam", "corners"), one, strict=True)
            found |= {name for name, radius in missing if radius is None}
            continue
        if isinstance(one, str):
            if one not in _PARTS:
                raise ValueError(f"`signal_mask` {_ALLOWED}, got {one!r}.")
            found |= _PARTS[one]
        elif one is not None:
            arrays.append(signal_mask_array(signal, one))
    if not arrays:
        return None, found, ring
    together = np.logical_or.reduce(arrays)
    if together.all():
        raise ValueError("`signal_mask` leaves nothing: its masks together leave all pixels out.")
    return DetectorMask(together, f"{int(together.sum())} given pixels left out"), found, ring


def _are_radii(value: Any) -> TypeGuard[Radii]:
    if not isinstance(value, tuple) or len(value) != 2 or value == (None, None):
        return False
    return all(one is None or isinstance(one, int | float | np.number) for one in value)


def navigation_mask_array(signal: BaseSignal, mask: Mask | None) -> NDArray[np.bool_] | None:
    """Navigation mask in array order, or None.

    Raises
    ------
    TypeError, ValueError
        If the mask is neither a signal nor an array of bool, is of another shape than the scan,
        or leaves nothing.
    """
    if mask is None:
        return None
    shape = signal.axes_manager.navigation_shape
    return _as_array(mask, shape, "navigation_mask", "navigation_shape")


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
    shape = tuple(hyperspy_shape)[::-1]
    allowed = (
        f"a HyperSpy signal of bool with {shape_name} {tuple(hyperspy_shape)}, or a NumPy array of "
        f"bool of shape {shape}, in the order of `s.data` (rows, columns)"
    )
    if isinstance(mask, BaseSignal):
        array = np.asarray(mask.data)
    elif isinstance(mask, np.ndarray):
        array = mask
    else:
        raise TypeError(f"`{name}` must be {allowed}, not {type(mask).__name__}.")
    if array.shape != shape:
        hint = "; `mask.T` has that shape" if array.shape[::-1] == shape else ""
        raise ValueError(f"`{name}` has shape {array.shape}, it must be {allowed}{hint}.")
    if array.dtype != bool:
        raise TypeError(f"`{name}` must be of dtype bool (True = left out), not {array.dtype}.")
    if array.all():
        raise ValueError(f"`{name}` leaves nothing: every element is True, which means left out.")
    return array
