"""From groups to their rings of spots."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.members import SMALLEST_SHARE, carried_by_most, shares_in_spots
from hs_nmfcluster.materials.rings import Ring, centered, find_halo, find_rings
from hs_nmfcluster.materials.spots import Spots, find_spots, radial_median
from hs_nmfcluster.results.spacings import (
    GroupRings,
    LatticeSpacings,
    Profiles,
)
from hs_nmfcluster.scan.arguments import (
    check_positive,
    check_relative_error,
    check_ring,
    check_whole_number,
)
from hs_nmfcluster.scan.detector import Detector, estimate_beam_radius
from hs_nmfcluster.scan.units import inverse_nm_per

if TYPE_CHECKING:
    from hs_nmfcluster.clustering.polar import PolarGrid
    from hs_nmfcluster.results.groups import Groups

# Pixels between neighbours in radius from which on they are on different rings.
_GAP = 0.5
# Pixels by which the beam centre may be wrong.
_OFF_CENTER = 1.5


def lattice_spacings(
    groups: "Groups",
    *,
    background: int | None,
    radial_range: tuple[float, float] | None,
    threshold: float,
    min_spots: int,
    min_intensity: float,
    camera_error: float,
    beam_energy: float | None,
) -> LatticeSpacings:
    """Measure the rings of spots of each group; see `Groups.lattice_spacings`."""
    threshold = check_positive("threshold", threshold)
    min_spots = check_whole_number("min_spots", min_spots)
    min_intensity = check_relative_error("min_intensity", min_intensity)
    camera_error = check_relative_error("camera_error", camera_error)
    detector = groups.tree.grid.detector
    limits = radii_of_interest(groups, radial_range)
    patterns = groups.patterns.data
    backgrounds = [radial_median(pattern, detector) for pattern in patterns]
    if background is not None:
        halo = backgrounds[_check_group(background, len(groups))]
        backgrounds = [scaled_background(own, halo) for own in backgrounds]
    profiles = radial_profiles(patterns, np.stack(backgrounds), groups.tree.grid)
    found = []
    for number, members in enumerate(groups):
        spots = find_spots(
            patterns[number],
            detector,
            background=backgrounds[number],
            radial_range=limits,
            threshold=threshold,
        )
        rings, spots = _rings(spots, detector, min_spots, min_intensity)
        components, rotations = groups.tree.patterns.data[members], groups.rotations[members]
        shares = shares_in_spots(components, rotations, spots, detector)
        if rings and carried_by_most(shares):
            found.append(GroupRings(_relative(rings, patterns[number])))
            continue
        inside = (profiles.radii >= limits[0]) & (profiles.radii <= limits[1])
        halo_found = find_halo(profiles.radii[inside], profiles.mean[number, inside])
        exceptions = tuple(int(k) for k in members[shares >= SMALLEST_SHARE])
        found.append(GroupRings((), halo_found, exceptions))
    per_nm = inverse_nm_per(detector.units, beam_energy)
    return LatticeSpacings(tuple(found), profiles, detector.units, per_nm, camera_error)


def radii_of_interest(
    groups: "Groups", radial_range: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Radii between which spots are looked for: by default those that were compared.

    The direct beam is left out where no mask did so.

    Raises
    ------
    TypeError, ValueError
        If the radii are not numbers with 0 ≤ inner < outer.
    """
    if radial_range is not None:
        inner, outer = radial_range
        check_ring(inner, outer)
        return float(inner), float(outer)
    grid = groups.tree.grid
    inner, outer = (float(r) for r in (grid.radii[0], grid.radii[-1]))
    total = np.nansum(groups.patterns.data, axis=0)
    column, row = (round(c) for c in grid.detector.center)
    if np.isfinite(groups.patterns.data[:, row, column]).any():
        inner = max(inner, estimate_beam_radius(total, grid.detector))
    return inner, outer + grid.radial_step / 2


def scaled_background(own: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Background `other`, scaled by least squares to `own`.

    Examples
    --------
    >>> scaled_background(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    array([2., 4.])
    """
    measured = np.isfinite(own) & np.isfinite(other)
    power = float((other[measured] ** 2).sum())
    return other * (float((own * other)[measured].sum()) / power) if power > 0 else 0.0 * other


def radial_profiles(
    patterns: NDArray[np.floating], backgrounds: NDArray[np.floating], grid: "PolarGrid"
) -> Profiles:
    """Mean and maximum over the azimuth of each pattern, and the mean of its background.

    Parameters
    ----------
    patterns, backgrounds
        ``(n, n_v, n_u)``, NaN where not measured.
    grid
        Bins of r and phi.
    """
    polar = grid.transform(patterns)
    empty = np.isnan(polar).all(axis=-1)
    filled = np.where(empty[..., None], 0.0, polar)
    mean = np.where(empty, np.nan, np.nanmean(filled, axis=-1))
    maximum = np.where(empty, np.nan, np.nanmax(filled, axis=-1))
    level = grid.transform(np.where(np.isnan(patterns), 0.0, backgrounds))
    return Profiles(grid.radii, mean, maximum, np.where(empty, np.nan, np.nanmean(level, axis=-1)))


def _rings(
    spots: Spots, detector: Detector, min_spots: int, min_intensity: float
) -> tuple[tuple[Ring, ...], Spots]:
    """Rings that are not too weak, and the spots on them."""
    middle = centered(spots, _OFF_CENTER * detector.pixel)
    rings = find_rings(middle, _GAP * detector.pixel, min_spots)
    strongest = max((ring.intensity for ring in rings), default=0.0)
    rings = tuple(ring for ring in rings if ring.intensity >= min_intensity * strongest)
    if not rings:
        return (), spots
    distances = np.abs(middle.radius[:, None] - [ring.radius for ring in rings])
    return rings, spots[distances.min(axis=1) <= 2 * _GAP * detector.pixel]


def _relative(rings: tuple[Ring, ...], pattern: NDArray[np.floating]) -> tuple[Ring, ...]:
    total = float(np.nansum(pattern))
    return tuple(
        Ring(ring.radius, ring.sigma, ring.n_spots, ring.intensity / total) for ring in rings
    )


def _check_group(group: object, n_groups: int) -> int:
    number = check_whole_number("background", group, minimum=0)
    if number >= n_groups:
        raise ValueError(f"`background` must be a group from 0 to {n_groups - 1}, got {number}.")
    return number
