"""How unnatural patterns and maps are: drops, and what no probe resolves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.constraints.band_limit import BandLimit
from hs_nmfcluster.factorization.constraints.holes import HoleFilling


@dataclass(frozen=True)
class Drops:
    """Holes in patterns, one number a pattern, ``(k,)`` each.

    Parameters
    ----------
    share
        Intensity missing in the holes, as a share of the pattern's. Noise makes small holes too:
        a sixth (radius of two pixels) to a third (four) of its standard deviation in every pixel.
    depth
        Depth of the deepest hole that is as large as a spot, as a share of what its rim promises:
        1 where nothing is left. NaN for a pattern that is zero.
    """

    share: NDArray[np.float64]
    depth: NDArray[np.float64]


def unnatural_drops(patterns: NDArray[np.float64], filling: HoleFilling) -> Drops:
    """Say how much is missing in the holes of patterns.

    Parameters
    ----------
    patterns
        ``(k, n_pixels)`` of the kept pixels.
    filling
        What fills holes in them.

    Returns
    -------
    Drops

    Examples
    --------
    >>> import numpy as np
    >>> kept = np.ones((9, 9), bool)
    >>> pattern = np.ones((9, 9))
    >>> pattern[4, 4] = 0.5
    >>> drops = unnatural_drops(pattern.reshape(1, -1), HoleFilling(kept, np.ones((9, 9)), 1.0))
    >>> round(float(drops.share[0]) * 80.5, 6), round(float(drops.depth[0]), 6)
    (0.5, 0.1)
    """
    filled = filling(patterns)
    missing = filled - patterns
    total = patterns.sum(axis=1)
    share = np.divide(missing.sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
    missing_near, promised_near = filling.around(missing), filling.around(filled)
    depth = np.full(len(patterns), np.nan)
    for k in np.flatnonzero(total > 0):
        # Where a pattern is all but dark, any noise is a deep hole.
        bright = promised_near[k] >= np.median(promised_near[k])
        bright &= promised_near[k] > 0
        depth[k] = (missing_near[k][bright] / promised_near[k][bright]).max()
    return Drops(share, depth)


def unresolved_power(maps: NDArray[np.float64], band: BandLimit) -> NDArray[np.float64]:
    """Share of each map's variance that lies beyond the resolution.

    Parameters
    ----------
    maps
        ``(k, n_positions)`` of the kept positions.
    band
        What the probe resolves.

    Returns
    -------
    numpy.ndarray
        ``(k,)``, 0 where a map is constant. White noise has the share of the band that is beyond.

    Examples
    --------
    >>> import numpy as np
    >>> band = BandLimit.of_scan((64,), (1.0,), 4.0)
    >>> x = np.arange(64) + 0.5
    >>> maps = np.stack([1 + np.cos(np.pi * 8 * x / 64), 1 + np.cos(np.pi * 48 * x / 64)])
    >>> unresolved_power(maps, band).round(6).tolist()
    [0.0, 1.0]
    """
    variance = ((maps - maps.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    beyond = ((maps - band.fit(maps)) ** 2).sum(axis=1)
    varied = variance > 1e-20 * (maps**2).sum(axis=1)
    return np.divide(beyond, variance, out=np.zeros(len(maps)), where=varied)
