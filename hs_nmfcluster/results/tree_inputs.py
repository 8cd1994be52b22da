"""What patterns and maps must be before they are clustered."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import detector_axes, detector_of, set_distortion
from hs_nmfcluster.bridge.checks import check_patterns
from hs_nmfcluster.clustering.averages import on_detector
from hs_nmfcluster.materials.centering import own_centers
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.local_maps import LocalMaps


def checked_patterns(signal: BaseSignal) -> BaseSignal:
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


def checked_maps(signal: BaseSignal, n: int, *, whole: bool) -> BaseSignal:
    """Return maps, in memory if they are needed whole.

    Lazy maps are those that would take a large part of the memory; most of them is zero.

    Raises
    ------
    ValueError
        If they are not `n` maps, or one is infinite or NaN everywhere.
    """
    signal = _in_memory(signal) if whole else signal
    if signal.data.ndim < 2 or len(signal.data) != n:
        raise ValueError(
            f"`maps` must have one map for each of the {n} patterns along its first axis, got an "
            f"array of shape {signal.data.shape}."
        )
    maps = LocalMaps.known(signal.data)
    if maps.left_out.all():
        raise ValueError("The maps are NaN everywhere.")
    _check_values("map", (one.values for one in maps))
    return signal


def center_of(patterns: BaseSignal, center: Sequence[float] | None) -> tuple[float, float]:
    """Direct beam ``(x, y)`` in pixels, as given or where both axes are zero.

    Raises
    ------
    ValueError
        If it is neither given nor known, or lies outside the detector.
    """
    detector = detector_axes(patterns)
    if center is not None:
        return detector.check_center(center)
    if detector.zero is None:
        raise ValueError(
            "The zero of the signal axes lies outside the detector, so the centre is unknown: "
            "give `center=(x, y)` in pixels."
        )
    return detector.zero


def straightened(signal: BaseSignal, center: Sequence[float] | None) -> tuple[BaseSignal, Detector]:
    """Return patterns around one centre and without distortion, and the geometry they are then in.

    Parameters
    ----------
    signal
        What :func:`checked_patterns` returned.
    center
        As of :func:`center_of`.
    """
    detector = detector_of(signal, center_of(signal, center))
    centers = own_centers(signal.data, detector)
    if detector.distortion is None and centers is None:
        return signal, detector
    straight, patterns = detector.undistorted, signal.data
    if centers is None:
        seen = on_detector(patterns, detector, straight)
    else:
        around = (replace(detector, center=(float(x), float(y))) for x, y in centers)
        moved = zip(patterns, around, strict=True)
        seen = np.concatenate([on_detector(one[None], at, straight) for one, at in moved])
    found = signal._deepcopy_with_new_data(seen)
    set_distortion(found, None)
    return found, straight


def _in_memory(signal: BaseSignal) -> BaseSignal:
    if not signal._lazy:
        return signal
    signal = signal.deepcopy()
    signal.compute(show_progressbar=False)
    return signal


def _check_values(name: str, data: Iterable[NDArray]) -> None:
    for index, values in enumerate(data):
        if np.isinf(values).any():
            raise ValueError(
                f"The {name} {index} holds infinite values; NaN marks what to leave out."
            )
        if np.isnan(values).all():
            raise ValueError(f"The {name} {index} is NaN everywhere.")
