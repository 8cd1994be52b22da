"""Which patterns of a group carry the spots that their average shows."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.materials.spots import Spots, find_spots, radial_median, smoothed
from hs_nmfcluster.scan.detector import Detector

# A pattern with less than this share of its intensity in spots is called amorphous: so much leaks
# from one component of a factorization into another.
SMALLEST_SHARE = 0.01


def shares_in_spots(
    patterns: NDArray[np.floating],
    rotations: NDArray[np.floating],
    spots: Spots,
    detector: Detector,
) -> NDArray[np.float64]:
    """Share of each pattern's intensity that lies where its group's average has spots.

    No spot is looked for in the single patterns, so that noise does not hide them.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    rotations
        ``(n,)`` degrees: pattern k is the average rotated by so much.
    spots
        Spots of the average.
    detector
        Geometry.

    Returns
    -------
    numpy.ndarray
        ``(n,)``; may be below zero.
    """
    # A spot's sum over its height in the smoothed average, not known for any one pattern.
    shares = np.zeros(len(patterns))
    for k, (pattern, rotation) in enumerate(zip(patterns, rotations, strict=True)):
        azimuth = np.deg2rad(spots.azimuth + rotation)
        x = detector.center[0] + spots.radius * np.cos(azimuth) / detector.scale[0]
        y = detector.center[1] + spots.radius * np.sin(azimuth) / detector.scale[1]
        excess = smoothed(pattern - radial_median(pattern, detector))
        heights = ndimage.map_coordinates(np.nan_to_num(excess), [y, x], order=1)
        total = np.nansum(pattern)
        shares[k] = (heights * spots.area).sum() / total if total > 0 else 0.0
    return shares


def carried_by_most(shares: NDArray[np.floating]) -> bool:
    """Whether more than half of the patterns have a share of at least `SMALLEST_SHARE`.

    Examples
    --------
    >>> carried_by_most(np.array([0.0, 0.5, 0.0, 0.4])), carried_by_most(np.array([0.5]))
    (False, True)
    """
    return bool((shares >= SMALLEST_SHARE).sum() > shares.size / 2)


def own_spot_shares(
    patterns: NDArray[np.floating], detector: Detector, radial_range: tuple[float, float]
) -> NDArray[np.float64]:
    """Share of each pattern's intensity that lies in spots of its own, ``(n,)``.

    0 for a pattern with a single spot, or with less than 5 % of its intensity in spots: so much
    noise and what leaks from other components may make up.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    detector
        Geometry.
    radial_range
        ``(inner, outer)`` in the detector's units.
    """
    shares = np.zeros(len(patterns))
    ring = detector.ring(*radial_range)
    for k, pattern in enumerate(patterns):
        spots = find_spots(pattern, detector, radial_range=radial_range)
        total = np.nansum(pattern[ring])
        if len(spots) > 1 and total > 0:
            shares[k] = spots.intensity.sum() / total
    return np.where(shares >= 5 * SMALLEST_SHARE, shares, 0.0)
