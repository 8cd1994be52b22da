"""How many singular values stand above the noise."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import siegelslopes

from hs_nmfcluster.scan.noise import robust_sigma

# Values that the edge of the bulk is extrapolated from: a share of all, but so many at the least.
_SHARE, _LEAST = 1 / 12, 24
# A value stands out when it lies by more than this above the edge: in units of the scatter about
# the line, and of what the bulk falls by from its first value to the edge's own extrapolation.
_SIGMAS, _STEPS = 3.0, 0.5


def count_above_bulk(squared_values: NDArray[np.floating], number: int | None = None) -> int:
    """Count the singular values that stand above the bulk that noise and speckle make.

    Near its edge the density of every such bulk ends like a square root, so that its j-th largest
    eigenvalue lies by a constant times j^(2/3) below the edge (Johnstone, Ann. Stat. 29, 295, 2001,
    for the white noise of Marchenko and Pastur). The edge is extrapolated from the values below
    those that have been found above it, until no more are found, by repeated medians (Siegel,
    Biometrika 69, 242, 1982), which half of the values may be too large for. No level of noise has
    to be known, and speckle, which is far above counting noise, is bulk like it.

    Parameters
    ----------
    squared_values
        Eigenvalues of XXᵀ, largest first: all of them, or the leading ones.
    number
        How many there are in all.

    Returns
    -------
    int
        Where only some are given: so many at the least.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((400, 2000))
    >>> noise += 100 * np.outer(rng.random(400), rng.random(2000) / 40)
    >>> count_above_bulk(np.linalg.eigvalsh(noise @ noise.T)[::-1])
    1
    """
    values = np.asarray(squared_values, dtype=np.float64)
    width = _width(len(values) if number is None else number)
    found = 0
    while found + _LEAST <= len(values):
        bulk = values[found : found + width]
        places = np.arange(1, len(bulk) + 1) ** (2 / 3)
        slope, edge = siegelslopes(bulk, places)
        scatter = robust_sigma(bulk - edge - slope * places, 0.0)
        above = int((values > edge + max(_SIGMAS * scatter, -_STEPS * slope)).sum())
        if above <= found:
            break
        found = above
    return found


def _width(number: int) -> int:
    return max(int(_SHARE * number), _LEAST)
