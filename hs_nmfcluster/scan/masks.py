"""Which pixels of the detector are left out, and why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.beam import estimate_beam_radius
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.units import format_units


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
    if detector.units == "px":
        return in_pixels
    return f"{in_pixels} = {radius:.4g} {format_units(detector.units)}"
