"""From HyperSpy's axes to plain geometry, and from plain arrays back to calibrated signals."""

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from hyperspy.signals import LazySignal1D, LazySignal2D, Signal1D, Signal2D
from numpy.typing import NDArray

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.scan.axes import Axis, DetectorAxes, Scan, ScanAxes
from hs_nmfcluster.scan.detector import Detector, Distortion, as_distortion
from hs_nmfcluster.scan.units import PixelSize, canonical, electron_wavelength

AxisDict = dict[str, Any]

# What the metadata say of the illumination: energy in keV, convergence semi-angle in mrad.
_ILLUMINATION = tuple(
    f"Acquisition_instrument.TEM.{name}" for name in ("beam_energy", "convergence_angle")
)
# Where in the metadata the elliptical distortion of patterns is noted.
_DISTORTION = "Acquisition_instrument.TEM.Detector.distortion"
# Sides of a pixel that are drawn as they are.
_LONGEST_PIXEL = 50.0


def axis_units(axis: Any) -> str:
    """Return the unit of a HyperSpy axis in its one spelling, ``"px"`` where it has none."""
    return canonical(str(axis.units))


def _axis(axis: Any) -> Axis:
    return Axis(int(axis.size), float(axis.scale), float(axis.offset), axis_units(axis))


def detector_axes(signal: BaseSignal) -> DetectorAxes:
    """Calibration of a signal's two signal axes."""
    x, y = signal.axes_manager.signal_axes[:2]
    return DetectorAxes(
        _axis(x), _axis(y), as_distortion(signal.metadata.get_item(_DISTORTION, None))
    )


def set_distortion(signal: BaseSignal, distortion: Distortion | None) -> None:
    """Note in a signal's metadata how its patterns are distorted."""
    if distortion is not None:
        signal.metadata.set_item(_DISTORTION, np.array(distortion))
    elif signal.metadata.has_item(_DISTORTION):
        del signal.metadata.Acquisition_instrument.TEM.Detector.distortion


def scan_of(signal: BaseSignal) -> Scan:
    """Take the data and the geometry out of a signal."""
    metadata = signal.metadata
    return Scan(
        signal.data,
        scan_axes(signal),
        detector_axes(signal),
        metadata.General.title,
        file_of(signal),
    )


def file_of(signal: BaseSignal) -> str:
    """Name of the file that a signal was loaded from, without its folder; empty if of none."""
    known = signal.tmp_parameters
    name = known.get_item("filename", "")
    if name:
        return f"{name}{known.get_item('extension', '')}"
    return str(signal.metadata.get_item("General.original_filename", ""))


def find_center(
    signal: BaseSignal, center: Sequence[float] | None, mean_pattern: NDArray | None = None
) -> tuple[tuple[float, float], str]:
    """Beam centre in pixels and how it was found.

    Parameters
    ----------
    signal
        Signal with two signal axes.
    center, mean_pattern
        As of :meth:`~hs_nmfcluster.scan.axes.DetectorAxes.find_center`; the mean pattern is made
        from the signal where it is needed and not given.
    """
    detector = detector_axes(signal)
    if center is None and detector.zero is None and mean_pattern is None:
        mean_pattern = signal.get_mean_pattern(show_progressbar=False).data
    return detector.find_center(center, np.empty(0) if mean_pattern is None else mean_pattern)


def detector_of(signal: BaseSignal, center: tuple[float, float]) -> Detector:
    """Geometry of a signal's detector around a centre in pixels."""
    return detector_axes(signal).around(center)


def pixel_size(plane: Sequence[Any]) -> PixelSize:
    """Pixel size for a figure, from the one or two signal axes of an image or profile."""
    x, y = plane[0], plane[-1]
    usable = all(np.isfinite(a.scale) and a.scale != 0 for a in (x, y))
    if not usable or axis_units(x) != axis_units(y):
        return PixelSize()
    # No pixel is that long: one of the two was never calibrated.
    if not 1 / _LONGEST_PIXEL < abs(x.scale / y.scale) < _LONGEST_PIXEL:
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


def _component_axis(size: int) -> AxisDict:
    return {"name": "component", "size": size, "navigate": True}


def axis_dict(axis: Any, *, navigate: bool) -> AxisDict:
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


def signal_axes(signal: BaseSignal, center: tuple[float, float] | None = None) -> list[AxisDict]:
    """Detector axes in array order; their zero moved to `center` if one is given."""
    axes = [axis_dict(a, navigate=False) for a in _array_order(signal.axes_manager.signal_axes)]
    if center is not None:
        for axis, position in zip(axes, center[::-1], strict=True):
            axis["offset"] = -position * axis["scale"]
    return axes


def diffraction_signal(
    data: NDArray | da.Array, axes: Sequence[AxisDict], title: str
) -> BaseSignal:
    """Signal of patterns, of the class that HyperSpy hands out for ``nmf_diffraction``."""
    plain = LazySignal2D if isinstance(data, da.Array) else Signal2D
    signal = plain(data, axes=list(axes), metadata={"General": {"title": title}})
    signal.set_signal_type("nmf_diffraction")
    return signal


def with_data(signal: BaseSignal, data: NDArray | da.Array, title: str) -> BaseSignal:
    """Scan of the same axes with other data of the same shape."""
    scan = [axis_dict(a, navigate=True) for a in _array_order(signal.axes_manager.navigation_axes)]
    found = diffraction_signal(data, [*scan, *signal_axes(signal)], title)
    set_distortion(found, detector_axes(signal).distortion)
    return found


def pattern_stack(
    source: BaseSignal,
    patterns: NDArray,
    center: tuple[float, float],
    title: str,
    distortion: Distortion | None = None,
) -> BaseSignal:
    """Signal of the patterns ``(k, n_v, n_u)`` of components, centred on the beam."""
    axes = [_component_axis(len(patterns)), *signal_axes(source, center)]
    stack = diffraction_signal(patterns, axes, title)
    set_distortion(stack, distortion)
    _tell_illumination(stack, [source])
    return stack


def aperture(signal: BaseSignal) -> float | None:
    """Radius of the aperture that forms the probe in 1/nm, None where metadata do not tell it."""
    energy, angle = (signal.metadata.get_item(item, None) for item in _ILLUMINATION)
    if not all(isinstance(one, (int, float)) and one > 0 for one in (energy, angle)):
        return None
    return 1e-3 * angle / electron_wavelength(energy)


def _tell_illumination(stack: BaseSignal, sources: Sequence[BaseSignal]) -> None:
    """Note of the illumination what all sources say alike."""
    for item in _ILLUMINATION:
        first, *others = (source.metadata.get_item(item, None) for source in sources)
        if first is not None and all(np.array_equal(first, other) for other in others):
            stack.metadata.set_item(item, first)


def frame_stack(
    patterns: NDArray, detector: Detector, title: str, sources: Sequence[BaseSignal]
) -> BaseSignal:
    """Signal of patterns ``(k, n_v, n_u)`` of several scans, on a detector that none of them has.

    Of the illumination it knows what all of them had in common.
    """
    axes: list[AxisDict] = [_component_axis(len(patterns))]
    geometry = zip("yx", detector.shape, detector.scale[::-1], detector.center[::-1], strict=True)
    axes += [
        {
            "name": name,
            "size": size,
            "scale": scale,
            "offset": -middle * scale,
            "units": detector.units,
            "navigate": False,
        }
        for name, size, scale, middle in geometry
    ]
    stack = diffraction_signal(patterns, axes, title)
    _tell_illumination(stack, sources)
    return stack


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


def _regular_axis(name: str, values: NDArray, units: str) -> AxisDict:
    scale = float(values[1] - values[0]) if len(values) > 1 else 1.0
    return {
        "name": name,
        "size": len(values),
        "scale": scale,
        "offset": float(values[0]),
        "units": units,
        "navigate": False,
    }
