"""How many singular values of a neighbourhood stand above the noise."""

import numpy as np
from numpy.typing import NDArray

# Values of the bulk that its edge is extrapolated from: a share of all, but so many at the least.
_SHARE, _LEAST = 1 / 16, 16
# The largest of them are left out: they may be those that are looked for.
_LEFT_OUT = 1 / 4
# A value stands out when it lies by more than this above the edge: in units of the scatter about
# the line, and of what the bulk falls by from its first value to the edge's own extrapolation.
_SIGMAS, _STEPS = 3.0, 0.5


def count_above_bulk(squared_values: NDArray[np.floating]) -> int:
    """Count the singular values that stand above the bulk that noise and speckle make.

    Near its edge the density of every such bulk ends like a square root, so that its j-th largest
    eigenvalue lies by a constant times j^(2/3) below the edge (Johnstone, Ann. Stat. 29, 295, 2001,
    for the white noise of Marchenko and Pastur). The edge is extrapolated from the values below
    those that have been found above it, until no more are found. No level of noise has to be known,
    and speckle, which is far above counting noise, is bulk like it.

    Parameters
    ----------
    squared_values
        Eigenvalues of XXᵀ, all of them, largest first.

    Returns
    -------
    int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((400, 2000))
    >>> noise += 100 * np.outer(rng.random(400), rng.random(2000) / 40)
    >>> count_above_bulk(np.linalg.eigvalsh(noise @ noise.T)[::-1])
    1
    """
    values = np.asarray(squared_values, dtype=np.float64)
    width = max(int(_SHARE * len(values)), _LEAST)
    places = np.arange(1, width + 1) ** (2 / 3)
    design = np.column_stack([np.ones(width), -places])[int(_LEFT_OUT * width) :]
    found = 0
    while found + width <= len(values):
        bulk = values[found + int(_LEFT_OUT * width) : found + width]
        (edge, fall), *_ = np.linalg.lstsq(design, bulk, rcond=None)
        scatter = float(np.std(bulk - design @ (edge, fall)))
        above = int((values > edge + max(_SIGMAS * scatter, _STEPS * fall)).sum())
        if above <= found:
            break
        found = above
    return found
