"""What is known beforehand of maps and patterns, as choices, and bound to one scan.

The constraints of Kimoto et al. (Sci. Rep. 15, 2025, 10.1038/s41598-025-23541-7): maps hold nothing
that the probe cannot resolve, patterns have no peaks downwards.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.band_limit import BandLimit
from hs_nmfcluster.factorization.holes import HoleFilling, halo_level
from hs_nmfcluster.scan.arguments import check_positive
from hs_nmfcluster.scan.detector import Detector, estimate_disk_radius


@dataclass(frozen=True)
class MapResolution:
    """Maps hold nothing finer than the probe resolves.

    A probe of convergence semi-angle α makes data whose spatial frequencies along the scan end at
    2 α / λ, whatever the specimen: the amplitude holds none beyond α / λ, and the intensity is its
    square. What a map holds beyond is noise. Such maps have to be seen whole: an iteration on the
    data takes two passes instead of one.

    Parameters
    ----------
    limit
        Smallest resolvable distance in the unit of the scan axes: λ / (2 α), which is nearly the
        full width at half maximum of a diffraction-limited probe, or that width itself. A scan
        whose steps are wider than about half of it holds nothing finer, and is refused.

    Raises
    ------
    TypeError, ValueError
        If `limit` is not a finite number above zero.

    Examples
    --------
    >>> MapResolution(2.0)
    MapResolution(limit=2.0)
    """

    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", check_positive("limit", self.limit))


@dataclass(frozen=True)
class SmoothPatterns:
    """Patterns have no holes narrower than the direct beam's own disk: no unnatural drops.

    Where a crystal has its spots, NMF leaves dark holes in the patterns of other components. No
    diffraction makes them. They are filled to their rim; spots, slopes and rings stay. Needs no
    extra pass.

    Parameters
    ----------
    spot_radius
        Radius of a spot, in the unit of the detector's axes. None takes the direct beam's, from
        the mean pattern.

    Raises
    ------
    TypeError, ValueError
        If `spot_radius` is neither None nor a finite number above zero.

    Examples
    --------
    >>> SmoothPatterns()
    SmoothPatterns(spot_radius=None)
    """

    spot_radius: float | None = None

    def __post_init__(self) -> None:
        if self.spot_radius is not None:
            radius = check_positive("spot_radius", self.spot_radius)
            object.__setattr__(self, "spot_radius", radius)


Constraint: TypeAlias = MapResolution | SmoothPatterns


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


@dataclass(frozen=True)
class ScanAxes:
    """Shape of a scan and the calibration of its last two axes, or of its only one.

    Parameters
    ----------
    shape
        In array order.
    steps
        Steps of the axes along which maps are resolved, in array order.
    units
        Their units.
    """

    shape: tuple[int, ...]
    steps: tuple[float, ...]
    units: tuple[str, ...]


def check_constraints(constraints: object) -> tuple[Constraint, ...]:
    """Return constraints as given, one or several or None, as a tuple.

    Raises
    ------
    TypeError, ValueError
        If there is something else among them, or two of a kind.

    Examples
    --------
    >>> check_constraints(MapResolution(2))
    (MapResolution(limit=2.0),)
    """
    if constraints is None:
        return ()
    one = isinstance(constraints, MapResolution | SmoothPatterns)
    chosen = (constraints,) if one else constraints
    allowed = "`MapResolution(...)`, `SmoothPatterns(...)` or a list of both"
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise TypeError(f"`constraints` must be {allowed}, got {constraints!r}.")
    for constraint in chosen:
        if not isinstance(constraint, MapResolution | SmoothPatterns):
            raise TypeError(f"`constraints` must be {allowed}; {constraint!r} is neither.")
    if len({type(constraint) for constraint in chosen}) < len(chosen):
        raise ValueError(f"`constraints` must be {allowed}, one of each kind; got {constraints!r}.")
    return tuple(chosen)


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


def describe(constraints: Sequence[Constraint]) -> dict[str, Any] | None:
    """Describe constraints by numbers under their names; None where there are none.

    Examples
    --------
    >>> describe([MapResolution(2)])
    {'MapResolution': {'limit': 2.0}}
    """
    return {type(c).__name__: asdict(c) for c in constraints} or None


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
