"""Which axes of a signal are the scan's and which the detector's, and how positions follow."""

import re
from typing import Any

import dask.array as da
import numpy as np
from hyperspy.signals import LazySignal2D, Signal2D

from hs_nmfcluster.bridge import axes
from hs_nmfcluster.scan import arguments as checks
from hs_nmfcluster.scan.units import inverse_nm_per, nm_per
from hs_nmfcluster.words import times

# Fields beside those of a scan and a detector, such as one colour.
_FOUR = 4
_OF_DETECTOR = re.compile(r"^(det|cam|[qk]_?[xyuv]?\d?$)", re.IGNORECASE)
# With which any energy would do: only whether there is an angle is asked.
_ANY_ENERGY = 100.0
_HINT = "`skip_frames` leaves out frames at the beginning, `flyback` those after each line"


def with_scan_axes(signal: Any, *, series: bool = False) -> tuple[Any, str]:
    """Say which axes are the detector's, where the file says that all are of one pattern.

    Parameters
    ----------
    signal
        As it was read.
    series
        Whether three axes are a series of patterns too.

    Returns
    -------
    signal
        The same if it has a scan already, or too few axes.
    said : str
        What was taken for the detector's; empty if the file said it.
    """
    manager = signal.axes_manager
    least = _FOUR - 1 if series else _FOUR
    if manager.navigation_dimension or signal.data.ndim < least or signal.ragged:
        return signal, ""
    all_axes = [axes.axis_dict(axis, navigate=False) for axis in manager._axes]
    data = signal.data
    if all(map(_is_of_detector, all_axes[:2])) and not any(map(_is_of_detector, all_axes[-2:])):
        # Written column by column, as from Fortran or MATLAB.
        data, all_axes = data.T, all_axes[::-1]
    for index in range(data.ndim - 3, -1, -1):
        if data.ndim > _FOUR and data.shape[index] == 1:
            data = data.reshape(data.shape[:index] + data.shape[index + 1 :])
            del all_axes[index]
    for axis in all_axes[:-2]:
        axis["navigate"] = True
    detector, scan = times(data.shape[:-3:-1]), times(data.shape[-3::-1])
    said = (
        f"The file does not say which axes are the scan's: the last two ({detector}) are taken for "
        f"the detector's, the others ({scan}) for the scan's."
    )
    return _remade(signal, data, all_axes), said


def _is_of_detector(axis: axes.AxisDict) -> bool:
    angle = inverse_nm_per(str(axis["units"]), _ANY_ENERGY) is not None
    return angle or bool(_OF_DETECTOR.match(str(axis["name"])))


def is_swapped(signal: Any) -> bool:
    """Whether units tell that the patterns are maps and the scan is a detector."""
    scan = [str(axis.units) for axis in signal.axes_manager.navigation_axes]
    pattern = [str(axis.units) for axis in signal.axes_manager.signal_axes]
    return (
        len(scan) == len(pattern) == 2
        and all(inverse_nm_per(units, _ANY_ENERGY) is not None for units in scan)
        and all(nm_per(units) is not None for units in pattern)
    )


def transposed(signal: Any) -> Any:
    """Take the scan for the detector and the detector for the scan.

    Raises
    ------
    ValueError
        If the scan has other than two axes.
    """
    if signal.axes_manager.navigation_dimension != 2:
        raise ValueError(
            "`transpose` swaps two axes of the scan with two of the detector; this scan has "
            f"{signal.axes_manager.navigation_dimension}."
        )
    scan, pattern = (
        [axes.axis_dict(axis, navigate=navigate) for axis in own[::-1]]
        for own, navigate in (
            (signal.axes_manager.navigation_axes, False),
            (signal.axes_manager.signal_axes, True),
        )
    )
    return _remade(signal, signal.data.transpose(2, 3, 0, 1), [*pattern, *scan])


def with_scan_shape(
    signal: Any, scan_shape: tuple[int, int] | None, skip_frames: int, flyback: int
) -> Any:
    """Give a series of patterns the shape of the scan, without frames that belong to no position.

    Parameters
    ----------
    signal
        A scan of any shape, of which the patterns are taken one by one.
    scan_shape
        ``(n_x, n_y)``; None leaves the shape as it is, or makes a series if frames are left out.
    skip_frames
        Frames before the first position.
    flyback
        Frames after each line.

    Raises
    ------
    TypeError, ValueError
        If these are no numbers of frames, or the file has not as many.
    """
    skip = checks.check_whole_number("skip_frames", skip_frames, 0)
    extra = checks.check_whole_number("flyback", flyback, 0)
    if scan_shape is None and extra:
        raise ValueError("`flyback` needs `scan_shape`: how long a line is.")
    if scan_shape is None and not skip:
        return signal
    frames = signal.data.reshape((-1, *signal.data.shape[-2:]))
    number = len(frames)
    if scan_shape is None:
        if skip >= number:
            raise ValueError(f"`skip_frames` = {skip} leaves none of {number} frames.")
        return _remade(signal, frames[skip:], _scan_axes(("frame", number - skip), signal))
    n_x, n_y = (checks.check_whole_number("scan_shape", n) for n in scan_shape)
    needed = skip + n_y * (n_x + extra)
    # Nothing need come after the last line.
    if not (number == needed or ((skip or extra) and number >= needed - extra)):
        raise ValueError(
            f"`scan_shape` = ({n_x}, {n_y}) takes {needed} frames, the file has {number}."
            + (f" {_HINT}." if number > needed else "")
        )
    if number < needed:
        stack = da.concatenate if isinstance(frames, da.Array) else np.concatenate
        frames = stack([frames, frames[: needed - number]])
    lines = frames[skip:needed].reshape((n_y, n_x + extra, *frames.shape[1:]))
    return _remade(signal, lines[:, :n_x], _scan_axes(("y", n_y), ("x", n_x), signal))


def _scan_axes(*named: Any) -> list[axes.AxisDict]:
    *scan, signal = named
    return [
        *({"name": name, "size": n, "navigate": True} for name, n in scan),
        *axes.signal_axes(signal),
    ]


def _remade(signal: Any, data: Any, all_axes: list[axes.AxisDict]) -> Any:
    """Signal of other data or axes that still knows where it comes from."""
    kind = LazySignal2D if isinstance(data, da.Array) else Signal2D
    for axis in all_axes:
        if not np.isfinite(axis.get("scale", 1.0)):
            axis["scale"] = 1.0
    made = kind(data, axes=all_axes, metadata=signal.metadata.as_dictionary())
    made.original_metadata.add_dictionary(signal.original_metadata.as_dictionary())
    made.tmp_parameters = signal.tmp_parameters
    return made
