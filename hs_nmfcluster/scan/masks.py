"""Which pixels of the detector are left out, and why."""

from collections.abc import Collection
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

    def __or__(self, other: "DetectorMask") -> "DetectorMask":
        """Leave out what either leaves out."""
        if not other.array.any():
            return self
        if not self.array.any():
            return other
        return DetectorMask(self.array | other.array, f"{self.description}; {other.description}")


def default_detector_mask(
    mean_pattern: NDArray, detector: Detector, parts: Collection[str] = ("beam", "corners")
) -> DetectorMask:
    """Leave out the direct beam and the corners beyond the inscribed circle, as the paper does.

    Parameters
    ----------
    mean_pattern
        ``(n_v, n_u)``.
    detector
        Geometry around the beam's centre.
    parts
        Which of both to leave out.

    Returns
    -------
    DetectorMask
        One that leaves out nothing, where all signal lies in what would be left out.
    """
    inner = estimate_beam_radius(mean_pattern, detector) if "beam" in parts else 0.0
    outer = detector.inscribed_radius if "corners" in parts else np.inf
    inside = detector.ring(inner, outer) if inner else detector.ring(0, outer)
    if inner:
        inside &= detector.radius() > inner
    if not (np.where(inside, mean_pattern, 0) > 0).any():
        nothing = np.zeros(detector.shape, dtype=bool)
        return DetectorMask(nothing, "none: all signal lies in the direct beam or in the corners")
    described = [f"r ≤ {_both(inner, detector)} (direct beam)"] if inner else []
    if "corners" in parts:
        described.append(f"r > {_both(outer, detector)} (corners)")
    if not described:
        return DetectorMask(~inside, "none: there is no direct beam to be seen")
    return DetectorMask(~inside, f"{' and '.join(described)} left out")


def ring_mask(detector: Detector, inner: float, outer: float) -> DetectorMask:
    """Leave out what lies within one radius or beyond another, in the detector's unit."""
    beyond = [f"r < {_both(inner, detector)}"] if inner > 0 else []
    beyond += [f"r > {_both(outer, detector)}"] if np.isfinite(outer) else []
    return DetectorMask(~detector.ring(inner, outer), f"{' and '.join(beyond)} left out")


def bright_field_radius(mean_pattern: NDArray, detector: Detector) -> float:
    """Radius of a virtual bright field: the direct beam, or a tenth of the circle without one."""
    return estimate_beam_radius(mean_pattern, detector) or detector.inscribed_radius / 10


def _both(radius: float, detector: Detector) -> str:
    in_pixels = f"{radius / detector.pixel:.1f} px"
    if detector.units == "px":
        return in_pixels
    return f"{in_pixels} = {radius:.4g} {format_units(detector.units)}"
