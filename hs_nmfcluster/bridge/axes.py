"""From HyperSpy's axes to plain geometry, and from plain arrays back to calibrated signals."""

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from hyperspy.signals import LazySignal1D, LazySignal2D, Signal1D, Signal2D
from numpy.typing import NDArray

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.factorization.constraints import ScanAxes
from hs_nmfcluster.scan.detector import Detector, estimate_beam_center
from hs_nmfcluster.scan.units import PixelSize

Axis = dict[str, Any]


def axis_units(axis: Any) -> str:
    """Return the unit of a HyperSpy axis as text, ``"px"`` where it has none."""
    units = str(axis.units)
    return "px" if units in ("", "<undefined>", "None", "[]") else units


def calibrated_center(signal: BaseSignal) -> tuple[float, float] | None:
    """Pixel ``(x, y)`` where both signal axes are zero, None unless inside the detector.

    The first pixel itself does not count: there lies the zero of every axis that nobody has
    calibrated.
    """
    x, y = signal.axes_manager.signal_axes[:2]
    if x.scale == 0 or y.scale == 0:
        return None
    center = tuple(-axis.offset / axis.scale for axis in (x, y))
    inside = all(0 < c < axis.size - 1 for c, axis in zip(center, (x, y), strict=True))
    return (float(center[0]), float(center[1])) if inside else None


def find_center(
    signal: BaseSignal,
    center: Sequence[float] | None,
    mean_pattern: NDArray | None = None,
) -> tuple[tuple[float, float], str]:
    """Beam centre in pixels and how it was found.

    Parameters
    ----------
    signal
        Signal with two signal axes.
    center
        ``(x, y)`` given by the user, which overrides everything.
    mean_pattern
        ``(n_v, n_u)``, from which the centre is estimated where the axes do not tell; made
        from the signal if not given.

    Raises
    ------
    TypeError, ValueError
        If `center` is not a pair of finite numbers on the detector.
    """
    if center is not None:
        return _check_center(center, signal.axes_manager.signal_shape), "given"
    from_axes = calibrated_center(signal)
    if from_axes is not None:
        return from_axes, "zero of the calibrated axes"
    if mean_pattern is None:
        mean_pattern = signal.get_mean_pattern(show_progressbar=False).data
    return estimate_beam_center(mean_pattern), "estimated from the mean pattern"


def _check_center(center: Sequence[float], shape: Sequence[int]) -> tuple[float, float]:
    values = np.asarray(center, dtype=object).ravel()
    try:
        x, y = (float(value) for value in values)
    except (TypeError, ValueError):
        raise TypeError(f"`center` must be two numbers (x, y) in pixels, got {center!r}.") from None
    if not (0 <= x <= shape[0] - 1 and 0 <= y <= shape[1] - 1):
        raise ValueError(
            f"`center` = ({x:g}, {y:g}) lies outside the detector: x must be within 0 … "
            f"{shape[0] - 1} and y within 0 … {shape[1] - 1} pixels."
        )
    return x, y


def detector_of(signal: BaseSignal, center: tuple[float, float]) -> Detector:
    """Geometry of a signal's detector around a centre in pixels.

    Where the two axes are in different units, or their scale is not usable, radii are in pixels.
    """
    x, y = signal.axes_manager.signal_axes[:2]
    shape = (y.size, x.size)
    usable = all(np.isfinite(a.scale) and a.scale != 0 for a in (x, y))
    if not usable or axis_units(x) != axis_units(y):
        return Detector(shape, center)
    return Detector(shape, center, (abs(x.scale), abs(y.scale)), axis_units(x))


def pixel_size(plane: Sequence[Any]) -> PixelSize:
    """Pixel size for a figure, from the one or two signal axes of an image or profile."""
    x, y = plane[0], plane[-1]
    usable = all(np.isfinite(a.scale) and a.scale != 0 for a in (x, y))
    if not usable or axis_units(x) != axis_units(y):
        return PixelSize()
    return PixelSize(x.scale, y.scale, axis_units(x))


def scan_shape(signal: BaseSignal) -> tuple[int, ...]:
    """Shape of the scan in array order."""
    return tuple(int(n) for n in signal.axes_manager.navigation_shape[::-1])


def scan_axes(signal: BaseSignal) -> ScanAxes:
    """Calibration of the last two scan axes, or the only one: those that a map is drawn along."""
    return _scan_axes(_array_order(signal.axes_manager.navigation_axes))


def map_axes(maps: BaseSignal) -> ScanAxes:
    """Do the same for the maps of components, whose first axis is no scan axis."""
    return _scan_axes(maps.axes_manager._axes[1:])


def _scan_axes(scan: Sequence[Any]) -> ScanAxes:
    resolved = scan[-2:]
    steps = tuple(abs(float(axis.scale)) for axis in resolved)
    units = tuple(axis_units(axis) for axis in resolved)
    return ScanAxes(tuple(int(axis.size) for axis in scan), steps, units)


def _component_axis(size: int) -> Axis:
    return {"name": "component", "size": size, "navigate": True}


def axis_dict(axis: Any, *, navigate: bool) -> Axis:
    """Calibration of a HyperSpy axis in the form from which signals are made."""
    return {
        "name": str(axis.name) if str(axis.name) != "<undefined>" else "",
        "size": axis.size,
        "scale": axis.scale,
        "offset": axis.offset,
        "units": axis.units,
        "navigate": navigate,
    }


def _array_order(axes: Sequence[Any]) -> list[Any]:
    return list(axes)[::-1]


def signal_axes(signal: BaseSignal, center: tuple[float, float] | None = None) -> list[Axis]:
    """Detector axes in array order; their zero moved to `center` if one is given."""
    axes = [axis_dict(a, navigate=False) for a in _array_order(signal.axes_manager.signal_axes)]
    if center is not None:
        for axis, position in zip(axes, center[::-1], strict=True):
            axis["offset"] = -position * axis["scale"]
    return axes


def diffraction_signal(data: NDArray | da.Array, axes: Sequence[Axis], title: str) -> BaseSignal:
    """Signal of patterns, of the class that HyperSpy hands out for ``nmf_diffraction``."""
    plain = LazySignal2D if isinstance(data, da.Array) else Signal2D
    signal = plain(data, axes=list(axes), metadata={"General": {"title": title}})
    signal.set_signal_type("nmf_diffraction")
    return signal


def pattern_stack(
    source: BaseSignal, patterns: NDArray, center: tuple[float, float], title: str
) -> BaseSignal:
    """Signal of the patterns ``(k, n_v, n_u)`` of components, centred on the beam."""
    axes = [_component_axis(len(patterns)), *signal_axes(source, center)]
    return diffraction_signal(patterns, axes, title)


def map_stack(source: BaseSignal, maps: NDArray | da.Array, title: str) -> BaseSignal:
    """Signal of the maps ``(k, *scan_shape)``: Signal2D, or Signal1D of a one-dimensional scan."""
    scan = _array_order(source.axes_manager.navigation_axes)
    n_signal = min(len(scan), 2)
    axes = [_component_axis(len(maps))]
    axes += [axis_dict(a, navigate=i < len(scan) - n_signal) for i, a in enumerate(scan)]
    signal_class = Signal2D if n_signal == 2 else Signal1D
    if isinstance(maps, da.Array):
        signal_class = LazySignal2D if n_signal == 2 else LazySignal1D
    return signal_class(maps, axes=axes, metadata={"General": {"title": title}})


def scan_image(source: BaseSignal, image: NDArray, title: str) -> BaseSignal:
    """Signal of one number a position, ``scan_shape``."""
    single = map_stack(source, image[None], title)
    return single.inav[0] if image.ndim < 3 else single.inav[..., 0]


def polar_stack(source: BaseSignal, data: Any, grid: PolarGrid) -> BaseSignal:
    """Signal of polar patterns ``(…, r, phi)``, with the navigation axes of `source`."""
    plane = [
        _regular_axis("r", grid.radii, grid.detector.units),
        _regular_axis("phi", grid.angles, "°"),
    ]
    navigation = [
        axis_dict(a, navigate=True) for a in _array_order(source.axes_manager.navigation_axes)
    ]
    signal_class = Signal2D if isinstance(data, np.ndarray) else LazySignal2D
    title = source.metadata.General.title
    return signal_class(data, axes=[*navigation, *plane], metadata={"General": {"title": title}})


def _regular_axis(name: str, values: NDArray, units: str) -> Axis:
    scale = float(values[1] - values[0]) if len(values) > 1 else 1.0
    return {
        "name": name,
        "size": len(values),
        "scale": scale,
        "offset": float(values[0]),
        "units": units,
        "navigate": False,
    }
