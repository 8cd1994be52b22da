"""Share of the scattered intensity that each group, and that spots, take."""

from math import hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.crystal_maps import find_crystals
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.segments import what_stands_out
from hs_nmfcluster.materials.spots import find_spots
from hs_nmfcluster.scan.local_maps import LocalMaps, Maps

# What is not known of the share in spots, over it: weak spots between the apertures, and what a
# factorization leaves of them in the pattern of the matrix.
_UNKNOWN = 0.1
# What an image shows of its crystal is not taken for less than this share of it.
_LEAST_SHOWN = 0.3
# Least height of a crystal in the image of its kind, as a share of the highest.
_MIN_HEIGHT = 0.15


class Shares(NamedTuple):
    """Shares of the scattered intensity; fields as of `Crystallinity`."""

    shares: NDArray[np.float64]
    crystalline: NDArray[np.float64]
    mean_shares: NDArray[np.float64]
    mean_crystalline: float
    crystalline_error: float
    crystalline_members: NDArray[np.intp]


def measure_shares(groups: GroupArrays, maps: Maps) -> Shares:
    """Share the scattered intensity at each position between the groups.

    What lies in spots is read off the images of the crystals, and only where these stand out: the
    floor of a map, which is not negative, is no crystal, nor is what other crystals leave in the
    image of one. Spots that the edge of the ring cuts have no position, but intensity.

    Parameters
    ----------
    groups
        The groups.
    maps
        Map of each component, ``(n, *scan_shape)``.
    """
    maps, ring = LocalMaps.known(maps), groups.detector.ring(*groups.limits)
    intensity = ring_intensity(groups.components, ring)
    of_groups = np.stack([maps.added(members, intensity[members]) for members in groups.members])
    total = of_groups.sum(axis=0)
    in_spots, variance = np.zeros(total.shape), 0.0
    crystals = find_crystals(groups, maps)
    cut = {group: _with_cut_spots(groups, group) for group in set(groups.labels[crystals.leaders])}
    for number, leader in enumerate(crystals.leaders):
        image, error = what_stands_out(
            crystals.image(number, maps), _MIN_HEIGHT, crystals.own_image(number, maps)
        )
        factor = cut[groups.labels[leader]] / max(crystals.shown[number], _LEAST_SHOWN)
        in_spots += factor * image
        variance += (factor * error) ** 2
    safe = np.where(total > 0, total, np.nan)
    whole = float(np.nansum(total)) or np.nan
    share = float(np.nansum(np.where(total > 0, in_spots, 0.0)) / whole)
    return Shares(
        of_groups / safe,
        np.clip(in_spots / safe, 0.0, 1.0),
        np.nansum(of_groups, axis=tuple(range(1, of_groups.ndim))) / whole,
        share,
        hypot(variance**0.5 / whole, _UNKNOWN * share),
        np.array([groups.crystals[members].sum() for members in groups.members], dtype=np.intp),
    )


def _with_cut_spots(groups: GroupArrays, group: int) -> float:
    """Intensity in all spots of a group, over that in those which no edge of the ring cuts."""
    found = [
        find_spots(groups.averages[group], groups.detector, radial_range=groups.limits, cut=cut)
        for cut in (False, True)
    ]
    whole, every = (float(np.maximum(spots.intensity, 0.0).sum()) for spots in found)
    return max(every / whole, 1.0) if whole > 0 else 1.0


def ring_intensity(patterns: NDArray[np.floating], ring: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intensity that each component contributes to the ring for a unit of its map, ``(n,)``.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    ring
        Pixels that count, ``(n_v, n_u)``.

    Examples
    --------
    >>> ring_intensity(np.ones((1, 2, 2)), np.eye(2, dtype=bool))
    array([2.])
    """
    # One by one: no copy of thousands of patterns.
    return np.array([np.nansum(pattern[ring], dtype=np.float64) for pattern in patterns])
