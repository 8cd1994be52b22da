"""Masks as users give them, in HyperSpy's convention (True = left out), to plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.detector import Detector, estimate_beam_radius

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    Mask: TypeAlias = BaseSignal | NDArray[np.bool_]


def navigation_mask_array(signal: "BaseSignal", mask: "Mask | None") -> NDArray[np.bool_] | None:
    """Navigation mask in array order, or None.

    Raises
    ------
    TypeError, ValueError
        If the mask is neither a signal nor an array of bool, is of another shape than the scan,
        or leaves nothing.
    """
    shape = signal.axes_manager.navigation_shape
    return None if mask is None else _as_array(mask, shape, "navigation_mask", "navigation_shape")


def signal_mask_array(signal: "BaseSignal", mask: "Mask") -> NDArray[np.bool_]:
    """Detector mask in array order ``(n_v, n_u)``.

    Raises
    ------
    TypeError, ValueError
        As :func:`navigation_mask_array`.
    """
    return _as_array(mask, signal.axes_manager.signal_shape, "signal_mask", "signal_shape")


def _as_array(
    mask: "Mask", hyperspy_shape: Sequence[int], name: str, shape_name: str
) -> NDArray[np.bool_]:
    from hyperspy.signal import BaseSignal

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


@dataclass(frozen=True)
class DetectorMask:
    """A detector mask and how it came about.

    Parameters
    ----------
    array
        ``(n_v, n_u)``, True = left out.
    description
        In words, with the radii in pixels and in the signal's unit.
    """

    array: NDArray[np.bool_]
    description: str


def default_detector_mask(mean_pattern: NDArray, detector: Detector) -> DetectorMask:
    """Leave out the direct beam and the corners beyond the inscribed circle, as the paper does.

    Parameters
    ----------
    mean_pattern
        ``(n_v, n_u)``.
    detector
        Geometry around the beam's centre.

    Returns
    -------
    DetectorMask
        One that leaves out nothing, where all signal lies in what would be left out.
    """
    inner = estimate_beam_radius(mean_pattern, detector)
    outer = detector.inscribed_radius
    inside = detector.ring(inner, outer) if inner else detector.ring(0, outer)
    if inner:
        inside &= detector.radius() > inner
    if not (np.where(inside, mean_pattern, 0) > 0).any():
        nothing = np.zeros(detector.shape, dtype=bool)
        return DetectorMask(nothing, "none: all signal lies in the direct beam or in the corners")
    described = f"r ≤ {_both(inner, detector)} (direct beam) and " if inner else ""
    return DetectorMask(~inside, f"{described}r > {_both(outer, detector)} (corners) left out")


def bright_field_radius(mean_pattern: NDArray, detector: Detector) -> float:
    """Radius of a virtual bright field: the direct beam, or a tenth of the circle without one."""
    return estimate_beam_radius(mean_pattern, detector) or detector.inscribed_radius / 10


def _both(radius: float, detector: Detector) -> str:
    in_pixels = f"{radius / detector.pixel:.1f} px"
    return in_pixels if detector.units == "px" else f"{in_pixels} = {radius:.4g} {detector.units}"
