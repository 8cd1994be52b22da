"""Where each crystal scatters: dark-field images of the model of a factorization, unmixed.

A factorization with more components than crystals splits crystals: into a core and a rim, into
halves, into the same crystal twice. And the map of a component is not negative, so that its
floor never averages to zero. Both are mended by asking not what the map of a component is, but
what the model, all components together, holds in the spots of each crystal above their rings:
parts of one crystal, which have the same spots, add up; and where the floor of a crystal's map
adds spots to a position without a crystal, the matrix has holes at these spots.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.apertures import ring_means
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.spots import Spots, find_spots, owner_of_pixels
from hs_nmfcluster.scan.local_maps import LocalMaps, Maps

# A component with more than this share of its spots in the apertures of a stronger one is a part
# of the same crystal, or of one like it at the same angle.
_SAME_CRYSTAL = 0.5
# What a component adds to an image is left out below this share of the image's height.
_NEGLIGIBLE = 0.003
# Directions in which apertures cannot tell crystals apart are left out below this share.
_SINGULAR = 0.05


@dataclass(frozen=True)
class CrystalMaps:
    """Images of crystals, each a kind of crystal at one angle.

    Attributes
    ----------
    leaders
        Strongest component of each, ``(n,)``.
    parts
        All components of each, its leader first.
    weights
        What each component adds to each image for a unit of its map, ``(n_components, n)``:
        intensity in the crystal's spots above their rings.
    shown
        Share of each crystal's intensity that its image shows, ``(n,)``; the rest is in the images
        of others that its apertures hardly tell it from.
    """

    leaders: NDArray[np.intp]
    parts: tuple[tuple[int, ...], ...]
    weights: NDArray[np.float64]
    shown: NDArray[np.float64]

    def __len__(self) -> int:
        return self.leaders.size

    def image(self, number: int, maps: Maps) -> NDArray[np.float64]:
        """Intensity in the spots of one crystal at each position, ``scan_shape``.

        Parameters
        ----------
        number
            Of the crystal.
        maps
            Map of each component, ``(n_components, *scan_shape)``.
        """
        weights, maps = self.weights[:, number], LocalMaps.known(maps)
        adds = np.abs(weights) * maps.peaks
        used = np.flatnonzero(adds > _NEGLIGIBLE * adds[self.leaders[number]])
        return maps.added(used, weights[used])

    def own_image(self, number: int, maps: Maps) -> NDArray[np.float64]:
        """Say what the components of one crystal add to its image, ``scan_shape``.

        The rest is what apertures of others let through.

        Parameters
        ----------
        number
            Of the crystal.
        maps
            Map of each component, ``(n_components, *scan_shape)``.
        """
        parts = np.array(self.parts[number])
        return LocalMaps.known(maps).added(parts, self.weights[parts, number])

    def strongest(self, number: int, maps: Maps, place: tuple[int, int]) -> tuple[int, float]:
        """Component of one crystal that adds the most to its image at a row and column.

        And what all components of the crystal add there: the rest is what apertures of others let
        through.

        Parameters
        ----------
        number
            Of the crystal.
        maps
            Map of each component, ``(n_components, n_y, n_x)``.
        place
            Row and column.
        """
        parts = np.array(self.parts[number])
        adds = self.weights[parts, number] * LocalMaps.known(maps).there(parts, place)
        return int(parts[np.nan_to_num(adds).argmax()]), float(np.nansum(adds))


def find_crystals(groups: GroupArrays, maps: Maps) -> CrystalMaps:
    """Sort the components that are crystals by the crystals that they are parts of.

    Parameters
    ----------
    groups
        The groups.
    maps
        Map of each component, ``(n, *scan_shape)``.
    """
    spots = {int(k): _spots_of(groups, int(k)) for k in np.flatnonzero(groups.crystals)}
    crystals = [k for k, found in spots.items() if len(found)]
    inside, beyond_chance = _in_apertures(groups, spots, crystals)
    own = np.array([beyond_chance[k, j] for j, k in enumerate(crystals)])
    norms = LocalMaps.known(maps).norms[crystals]
    left = [int(j) for j in np.argsort(-own * norms, kind="stable") if own[j] > 0]
    parts: list[list[int]] = []
    while left:
        first = left[0]
        same = [
            j
            for j in left
            if j == first or beyond_chance[crystals[j], first] > _SAME_CRYSTAL * own[j]
        ]
        # What is left of a part of a crystal, or of several, is no crystal of its own.
        if groups.whole[crystals[first]]:
            parts.append(same)
        left = [j for j in left if j not in same]
    leaders = np.array([same[0] for same in parts], dtype=np.intp)
    members = np.array(crystals, dtype=np.intp)
    return CrystalMaps(
        members[leaders],
        tuple(tuple(crystals[j] for j in same) for same in parts),
        *_unmixed(inside[:, leaders], members[leaders]),
    )


def _spots_of(groups: GroupArrays, component: int) -> Spots:
    """Spots of a component; those of its group where it is too weak to show its own."""
    spots = groups.own_spots[component]
    if len(spots) > 1:
        return spots
    group = int(groups.labels[component])
    average = find_spots(groups.averages[group], groups.detector, radial_range=groups.limits)
    return average.turned(float(groups.rotations[component]))


def _in_apertures(
    groups: GroupArrays, spots: dict[int, Spots], crystals: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intensity of each component in the spots of each crystal, ``(n_components, n)``.

    Above the mean of the rings, of which the component's own spots are no part; and above what is
    there whichever way the component is turned. Apertures of many spots on a coarse detector cover
    half of their rings, and so half of any crystal's spots.
    """
    detector, ring = groups.detector, groups.detector.ring(*groups.limits)
    owners = {k: owner_of_pixels(spots[k], detector) for k in crystals}
    apertures = [np.flatnonzero((owners[k] >= 0) & ring) for k in crystals]
    inside, beyond_chance = np.zeros((2, len(groups.components), len(crystals)))
    for k, pattern in enumerate(groups.components):
        free = ring & (owners[k] < 0) if k in owners else ring
        excess = np.nan_to_num(pattern - ring_means(pattern, free, detector))
        turned = excess - ring_means(excess, ring & np.isfinite(pattern), detector)
        inside[k] = [excess.ravel()[pixels].sum() for pixels in apertures]
        beyond_chance[k] = [turned.ravel()[pixels].sum() for pixels in apertures]
    return inside, beyond_chance


def _unmixed(
    inside: NDArray[np.float64], leaders: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights with which no crystal shows in the image of another that shares spots with it.

    And how much of each its own image shows then.
    """
    own = inside[leaders]
    unmixed = inside @ np.linalg.pinv(own, rcond=_SINGULAR)
    return unmixed * np.diagonal(own), np.diagonal(unmixed[leaders])
