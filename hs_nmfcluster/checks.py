"""What a scan and the arguments must be before any long work starts."""

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.survey import NOWHERE, Survey

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def check_patterns(signal: "BaseSignal") -> None:
    """Refuse a signal whose elements are not real two-dimensional patterns.

    Raises
    ------
    TypeError
        Complex, boolean or non-numeric data.
    ValueError
        Ragged or empty data, a signal dimension other than 2, detector axes that are not the
        last two of the array, non-uniform axes.
    """
    manager = signal.axes_manager
    if signal.ragged:
        raise ValueError("The signal is ragged; patterns must all be of one shape.")
    if manager.signal_dimension != 2:
        raise ValueError(
            f"The signal dimension is {manager.signal_dimension}, it must be 2 (patterns). "
            "Use `transpose` or `as_signal2D` to say which two axes are the detector's."
        )
    if manager.signal_indices_in_array != (signal.data.ndim - 1, signal.data.ndim - 2):
        raise ValueError(
            "The detector's axes are not the last two of the data array. Put them there with "
            "`s.transpose(signal_axes=s.axes_manager.signal_axes)`."
        )
    if signal.data.size == 0:
        raise ValueError(f"The signal is empty: its data are of shape {signal.data.shape}.")
    if signal.data.dtype.kind not in "iuf":
        raise TypeError(
            f"The data are of dtype {signal.data.dtype}; they must be real numbers (integer or "
            "float), for instance `s.change_dtype('uint16')`, or `abs(s)` of complex data."
        )
    for axis in manager._axes:
        if not axis.is_uniform:
            raise ValueError(
                f"The axis {axis.name!s} is not uniform; convert it first with "
                "`convert_to_uniform_axis` or `interpolate_on_axis`."
            )


def check_scan(signal: "BaseSignal") -> None:
    """Refuse a signal that is not a scan of real two-dimensional patterns.

    Raises
    ------
    TypeError, ValueError
        As :func:`check_patterns`; ValueError without a navigation axis.
    """
    check_patterns(signal)
    if signal.axes_manager.navigation_dimension == 0:
        raise ValueError(
            "The signal has no navigation axis: it is a single pattern, not a scan of patterns."
        )


def check_whole_number(name: str, value: object, minimum: int = 1) -> int:
    """Return an argument that must be a whole number of at least `minimum`.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"`{name}` must be a whole number ≥ {minimum}, got {value!r}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be ≥ {minimum}, got {value}.")
    return int(value)


def check_choice(name: str, value: object, allowed: Sequence[object]) -> None:
    """Refuse an argument that is not one of those allowed.

    Raises
    ------
    ValueError
        Naming the argument, what was given and what is allowed.
    """
    if not any(value is choice or value == choice for choice in allowed):
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, allowed))}, got {value!r}.")


def check_not_negative(name: str, value: object) -> float:
    """Return an argument that must be a finite number, zero or above.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    return _finite_number(name, value, "≥ 0", operator.ge)


def check_positive(name: str, value: object) -> float:
    """Return an argument that must be a finite number above zero.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    return _finite_number(name, value, "> 0", operator.gt)


def _finite_number(
    name: str, value: object, allowed: str, compare: Callable[[Any, Any], Any]
) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"`{name}` must be a number {allowed}, got {value!r}.")
    if not (np.isfinite(value) and compare(value, 0)):
        raise ValueError(f"`{name}` must be finite and {allowed}, got {value}.")
    return float(value)


def check_ring(inner: object, outer: object) -> None:
    """Refuse radii that are not numbers with 0 ≤ inner < outer.

    Raises
    ------
    TypeError, ValueError
        Naming what was given and what is allowed.
    """
    for name, value in (("inner", inner), ("outer", outer)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise TypeError(f"`{name}` must be a number, in the signal's unit, got {value!r}.")
    if not (0 <= inner < outer):  # type: ignore[operator]
        raise ValueError(f"The radii must be 0 ≤ inner < outer, got {inner} and {outer}.")


def check_factorization(value: object) -> None:
    """Refuse what is not the result of a decomposition.

    Raises
    ------
    TypeError
        Naming what was given.
    """
    from hs_nmfcluster.factorization.result import Factorization

    if not isinstance(value, Factorization):
        raise TypeError(
            "`factorization` must be the result of `decompose_als_nmf`, not "
            f"{type(value).__name__}."
        )


def check_values(look: Survey, mask: NDArray[np.bool_], scan_shape: tuple[int, ...]) -> None:
    """Refuse data that cannot be factorized.

    Parameters
    ----------
    look
        Survey of the scan.
    mask
        Detector mask ``(n_v, n_u)``, True = left out.
    scan_shape
        In array order, to say where NaN was found.

    Raises
    ------
    ValueError
        NaN or infinite values among the kept pixels; no positive value; none left by the masks.
    """
    firsts = np.where(mask, NOWHERE, look.first_invalid)
    if firsts.min() < NOWHERE:
        position = np.unravel_index(firsts.min(), scan_shape)[::-1]
        row, column = np.unravel_index(np.argmin(firsts), mask.shape)
        raise ValueError(
            f"The data hold {look.invalid[~mask].sum()} NaN or infinite values in "
            f"{np.sum(firsts < NOWHERE)} pixels, first at position "
            f"{tuple(int(i) for i in position)}, pixel (x, y) = ({column}, {row}). Leave them "
            "out with `signal_mask` or `navigation_mask`, or replace them, for instance with "
            "`s.map(np.nan_to_num)`."
        )
    if not (look.maximum > 0).any():
        where = "" if look.n_positions == np.prod(scan_shape) else " that `navigation_mask` keeps"
        raise ValueError(
            f"The data{where} hold no positive value (the largest is {look.maximum.max():g}): "
            "there is nothing that non-negative components could describe."
        )
    if not (look.maximum[~mask] > 0).any():
        raise ValueError(
            "No signal is left after masking: all positive values lie in pixels that "
            "`signal_mask` leaves out."
        )


class TooManyComponentsError(ValueError):
    """More components asked for than the data allow, which is `allowed`."""

    def __init__(self, message: str, allowed: int) -> None:
        super().__init__(message)
        self.allowed = allowed


def check_rank(name: str, n_components: int, n_positions: int, n_pixels: int) -> None:
    """Refuse more components than the scan has positions or pixels.

    Raises
    ------
    TooManyComponentsError
        Naming the argument and what the data allow.
    """
    allowed = min(n_positions, n_pixels)
    if n_components > allowed:
        raise TooManyComponentsError(
            f"`{name}` = {n_components} is more than the data allow: at most {allowed} "
            f"({n_positions} positions × {n_pixels} pixels are left by the masks).",
            allowed,
        )
