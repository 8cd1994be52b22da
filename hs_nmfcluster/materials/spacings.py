"""Rings of spots in the patterns of groups, and their radial profiles."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.rings import Halo, Ring, centered, find_halo, find_rings
from hs_nmfcluster.materials.spots import (
    SMALLEST_SHARE,
    Spots,
    carried_by_most,
    find_spots,
    radial_median,
    shares_in_spots,
)
from hs_nmfcluster.scan.arguments import (
    check_positive,
    check_relative_error,
    check_ring,
    check_whole_number,
)
from hs_nmfcluster.scan.detector import Detector

# Pixels between neighbours in radius from which on they are on different rings.
_GAP = 0.5
# Pixels by which neighbours and interpolation move spots and their mates alike: no number of spots
# averages it.
_ALIKE = 0.025
# Pixels by which the beam centre may be wrong.
_OFF_CENTER = 1.5


@dataclass(frozen=True)
class GroupRings:
    """What one group's pattern shows.

    Attributes
    ----------
    rings
        Rings of spots from the innermost one, their intensity as a share of the pattern's. Empty
        where most components of the group show no spots.
    halo
        Maximum of a group without spots, None with spots or without a maximum.
    exceptions
        Components that show spots in a group without.
    spots
        Those on the rings, around the middle of their opposite pairs; None without rings.
    """

    rings: tuple[Ring, ...]
    halo: Halo | None = None
    exceptions: tuple[int, ...] = ()
    spots: Spots | None = None


@dataclass(frozen=True)
class Profiles:
    """Radial profiles of the groups' rotation-corrected patterns.

    Attributes
    ----------
    radii
        ``(n_radial,)`` in the unit of the pattern's axes.
    mean, maximum, background
        ``(n_groups, n_radial)``: mean and maximum over the azimuth, and what was subtracted.
    """

    radii: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    background: NDArray[np.float64]


def measure_rings(
    groups: GroupArrays,
    *,
    background: int | None = None,
    radial_range: tuple[float, float] | None = None,
    threshold: float = 6.0,
    min_spots: int = 2,
    min_intensity: float = 0.02,
) -> tuple[tuple[GroupRings, ...], Profiles]:
    """Measure the rings of spots of each group, and radial profiles.

    Parameters
    ----------
    groups
        The groups.
    background, radial_range, threshold, min_spots, min_intensity
        As in `Groups.lattice_spacings`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.
    """
    threshold = check_positive("threshold", threshold)
    min_spots = check_whole_number("min_spots", min_spots)
    min_intensity = check_relative_error("min_intensity", min_intensity)
    detector, patterns = groups.detector, groups.averages
    limits = groups.limits
    if radial_range is not None:
        check_ring(*radial_range)
        limits = float(radial_range[0]), float(radial_range[1])
    backgrounds = [radial_median(pattern, detector) for pattern in patterns]
    if background is not None:
        halo = backgrounds[_check_group(background, len(patterns))]
        backgrounds = [scaled_background(own, halo) for own in backgrounds]
    profiles = radial_profiles(patterns, np.stack(backgrounds), groups.grid)
    found = []
    for number, members in enumerate(groups.members):
        spots = find_spots(
            patterns[number],
            detector,
            background=backgrounds[number],
            radial_range=limits,
            threshold=threshold,
        )
        rings, spots = _rings(spots, detector, min_spots, min_intensity)
        components, rotations = groups.components[members], groups.rotations[members]
        shares = shares_in_spots(components, rotations, spots, detector)
        if rings and carried_by_most(shares) and not groups.is_matrix(number):
            on_rings = centered(spots, _OFF_CENTER * detector.pixel)
            found.append(GroupRings(_relative(rings, patterns[number]), spots=on_rings))
            continue
        inside = (profiles.radii >= limits[0]) & (profiles.radii <= limits[1])
        halo_found = find_halo(profiles.radii[inside], profiles.mean[number, inside])
        shows = (shares >= SMALLEST_SHARE) & (not groups.is_matrix(number))
        exceptions = tuple(int(k) for k in members[shows])
        found.append(GroupRings((), halo_found, exceptions))
    return tuple(found), profiles


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
    patterns: NDArray[np.floating], backgrounds: NDArray[np.floating], grid: PolarGrid
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
    rings = tuple(
        replace(ring, sigma=float(np.hypot(ring.sigma, _ALIKE * detector.pixel))) for ring in rings
    )
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
