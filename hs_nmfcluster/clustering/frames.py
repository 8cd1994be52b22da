"""Patterns of several scans in one frame: one unit, one range of radii, one set of bins."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.units import inverse_nm_per

# Relative difference of scales, or pixels between centres, that is none.
_SAME = 1e-6


def in_one_unit(
    detectors: Sequence[Detector], names: Sequence[str], beam_energy: float | None = None
) -> list[Detector]:
    """Detectors in the unit of all, or in 1/nm where they have several.

    Parameters
    ----------
    detectors
        Geometry of each scan's patterns.
    names
        Of the scans, for what there is to say.
    beam_energy
        In kV, to convert scattering angles.

    Raises
    ------
    ValueError
        If units differ and one of them is not understood as a reciprocal length.

    Examples
    --------
    >>> one = Detector((5, 5), (2, 2), scale=(0.1, 0.1), units="1/nm")
    >>> other = Detector((5, 5), (2, 2), scale=(0.01, 0.01), units="1/Å")
    >>> [round(d.scale[0], 3) for d in in_one_unit([one, other], ["a", "b"])]
    [0.1, 0.1]
    """
    if len({detector.units for detector in detectors}) == 1:
        return list(detectors)
    factors = [inverse_nm_per(detector.units, beam_energy) for detector in detectors]
    converted = []
    for detector, name, factor in zip(detectors, names, factors, strict=True):
        if factor is None:
            energy = ", or give `beam_energy`" if "rad" in detector.units else ""
            others = sorted({d.units for d in detectors} - {detector.units})
            raise ValueError(
                f"The patterns of {name!r} are in {detector.units!r}, those of other scans in "
                f"{', '.join(map(repr, others))}: they cannot be compared. Calibrate its detector "
                f"axes in 1/nm before the decomposition{energy}."
            )
        scale = (detector.scale[0] * factor, detector.scale[1] * factor)
        converted.append(replace(detector, scale=scale, units="1/nm"))
    return converted


def measured_range(patterns: NDArray[np.floating], detector: Detector) -> tuple[float, float]:
    """Radii between which patterns ``(n, n_v, n_u)`` are measured, at most the inscribed circle."""
    radii = detector.radius()[~np.isnan(patterns).all(axis=0)]
    inner = float(radii.min()) - detector.pixel / 2
    # The pixel next to a centre between four pixels leaves nothing out.
    inner = 0.0 if inner < detector.pixel else inner
    return inner, min(float(radii.max()), detector.inscribed_radius)


def common_grids(
    detectors: Sequence[Detector],
    ranges: Sequence[tuple[float, float]],
    *,
    n_radial: int | None = None,
    n_azimuthal: int = 360,
    radial_range: tuple[float, float] | None = None,
) -> tuple[list[PolarGrid], PolarGrid]:
    """Make the same bins around each scan's centre, and around that of a detector for all.

    Parameters
    ----------
    detectors
        In one unit.
    ranges
        Radii between which each scan is measured.
    n_radial, n_azimuthal, radial_range
        As of `PolarGrid.covering`; by default from the radius where all scans are measured to that
        where the first of them ends, in bins of the coarsest pixel.

    Raises
    ------
    TypeError, ValueError
        As `PolarGrid.covering`; if the scans have no radius in common.
    """
    if radial_range is None:
        radial_range = max(inner for inner, _ in ranges), min(outer for _, outer in ranges)
        if radial_range[0] >= radial_range[1]:
            units = detectors[0].units
            given = "; ".join(f"{inner:.3g} to {outer:.3g}" for inner, outer in ranges)
            raise ValueError(
                f"The scans are measured at radii of {given} {units}, which have none in common."
            )
    if n_radial is None:
        coarsest = max(detector.finest for detector in detectors)
        n_radial = max(1, round((radial_range[1] - radial_range[0]) / coarsest))
    bins: dict[str, Any] = {
        "n_radial": n_radial,
        "n_azimuthal": n_azimuthal,
        "radial_range": radial_range,
    }
    frame = _common_detector(detectors, radial_range[1])
    return [PolarGrid.covering(d, **bins) for d in detectors], PolarGrid.covering(frame, **bins)


def _common_detector(detectors: Sequence[Detector], outer: float) -> Detector:
    """Take the detector of all, or else one of the finest pixels around its middle."""
    first = detectors[0]
    if all(_alike(first, other) for other in detectors[1:]):
        return first.undistorted
    finest = min(detector.finest for detector in detectors)
    reach = int(np.ceil(outer / finest))
    size = 2 * reach + 1
    return Detector((size, size), (float(reach),) * 2, (finest,) * 2, first.units)


def _alike(one: Detector, other: Detector) -> bool:
    return (
        one.shape == other.shape
        and bool(np.allclose(one.matrix, other.matrix, rtol=_SAME, atol=_SAME * one.pixel))
        and bool(np.allclose(one.center, other.center, rtol=0, atol=_SAME))
    )
