"""Choices of constraints bound to one scan, ready to be applied between the steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.constraints.band_limit import BandLimit
from hs_nmfcluster.factorization.constraints.choices import (
    Constraint,
    MapResolution,
    SmoothPatterns,
    describe,
)
from hs_nmfcluster.factorization.constraints.holes import HoleFilling, halo_level
from hs_nmfcluster.scan.axes import ScanAxes
from hs_nmfcluster.scan.beam import estimate_disk_radius
from hs_nmfcluster.scan.detector import Detector


@dataclass(frozen=True)
class Constraints:
    """Constraints bound to one scan, to be applied between the steps of a factorization.

    Parameters
    ----------
    maps
        The limit of the maps, None where there is none.
    patterns
        The filling of holes in the patterns, None where they are free.
    """

    maps: BandLimit | None = None
    patterns: HoleFilling | None = None

    def fill(self, patterns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fill the holes of patterns ``(k, n_pixels)``, unless they are free."""
        return patterns if self.patterns is None else self.patterns(patterns)


#: No constraint: the factorization of the 2024 paper.
FREE = Constraints()


def check_scan_axes(constraints: Sequence[Constraint], scan: ScanAxes) -> bool:
    """Refuse a limit of the maps that says nothing on this scan, before the data are read.

    Returns
    -------
    bool
        Whether there is such a limit.

    Raises
    ------
    ValueError
        If the scan axes are not calibrated in one unit, or the limit has no effect on such steps
        or leaves nothing.
    """
    limits = [constraint for constraint in constraints if isinstance(constraint, MapResolution)]
    for constraint in limits:
        limit_maps(constraint, scan, None)
    return bool(limits)


def bind(
    constraints: Sequence[Constraint],
    scan: ScanAxes,
    positions: NDArray[np.int64],
    mean_pattern: NDArray[np.float64],
    left_out: NDArray[np.bool_],
    detector: Detector,
) -> tuple[Constraints, dict[str, Any] | None]:
    """Bind constraints to a scan.

    Parameters
    ----------
    constraints
        Checked choices.
    scan
        Of the scan.
    positions
        Flat indices of the positions kept.
    mean_pattern
        ``(n_v, n_u)``.
    left_out
        Detector mask, True = left out.
    detector
        Geometry around the direct beam.

    Returns
    -------
    Constraints, dict
        Ready for use, and what is to be remembered of them, with the radius that was measured.

    Raises
    ------
    ValueError
        As :func:`check_scan_axes`; if there is no direct beam to take a spot's radius from.
    """
    bound = FREE
    resolved: list[Constraint] = []
    for constraint in constraints:
        if isinstance(constraint, MapResolution):
            bound = replace(bound, maps=limit_maps(constraint, scan, positions))
        else:
            filling = hole_filling(constraint, mean_pattern, left_out, detector)
            constraint = SmoothPatterns(filling.radius)
            bound = replace(bound, patterns=filling)
        resolved.append(constraint)
    return bound, describe(resolved)


def hole_filling(
    constraint: SmoothPatterns,
    mean_pattern: NDArray[np.float64],
    left_out: NDArray[np.bool_],
    detector: Detector,
) -> HoleFilling:
    """Bind a constraint of the patterns; the other arguments as for :func:`bind`.

    Raises
    ------
    ValueError
        If there is no direct beam to take a spot's radius from, or a spot is as large as a
        pattern.
    """
    radius = constraint.spot_radius or estimate_disk_radius(mean_pattern, detector)
    if not radius:
        raise ValueError(
            "The mean pattern shows no direct beam to take the radius of a spot from; give it as "
            f"`SmoothPatterns(spot_radius=...)` in {detector.units}."
        )
    if radius >= detector.inscribed_radius:
        raise ValueError(
            f"`spot_radius` = {radius:g} {detector.units} is as large as the pattern: it must be "
            f"below {detector.inscribed_radius:.4g} {detector.units}."
        )
    level = halo_level(mean_pattern, ~left_out, detector.radius() / detector.pixel)
    return HoleFilling(~left_out, level, radius, detector.scale)


def limit_maps(
    constraint: MapResolution, scan: ScanAxes, positions: NDArray[np.int64] | None
) -> BandLimit:
    """Bind a constraint of the maps to the positions kept, all where these are None.

    Raises
    ------
    ValueError
        As :func:`check_scan_axes`.
    """
    if "px" in scan.units or len(set(scan.units)) > 1:
        raise ValueError(
            f"`MapResolution(limit={constraint.limit:g})` needs scan axes that are calibrated in "
            f"one unit, these are in {' and '.join(scan.units)}. Set `scale` and `units` of "
            "`s.axes_manager.navigation_axes`."
        )
    return BandLimit.of_scan(scan.shape, scan.steps, constraint.limit, positions)
