"""Pieces that were joined in a chain, each like the next one, whose ends are unlike each other.

Of grains that lie a little differently each, a window's piece of one is like that of the next.
Where there are many of them, as where there is nothing but crystals, the chain goes around, and
what it holds adds up to rings without a spot.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

# Mean likeness of the pieces of one crystal at least: it is 0.7 to 0.9 where there are enough
# electrons to see spots at all.
_ALIKE = 0.7
# Times that a chain is halved at most: its sixteenths are alike, or no crystal seen at angles.
_HALVINGS = 4
# Pieces of the shortest chain whose ends can be unlike.
_SHORTEST = 3


def parts_of_chain(
    patterns: NDArray[np.floating], strengths: NDArray[np.floating]
) -> list[NDArray[np.intp]]:
    """Part the pieces of one component until those of each part are alike.

    Parameters
    ----------
    patterns
        Without what all patterns share, rows of unit norm but for their noise, ``(n, n_pixels)``.
    strengths
        By which they count, ``(n,)``.

    Returns
    -------
    list of numpy.ndarray
        Indices of each part; one part where all pieces are alike, none of those that are not alike
        however they are parted.

    Examples
    --------
    >>> angles = np.deg2rad([0, 30, 100, 130])
    >>> patterns = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    >>> [part.tolist() for part in parts_of_chain(patterns, np.ones(4))]
    [[2, 3], [0, 1]]
    >>> [part.tolist() for part in parts_of_chain(patterns[:2], np.ones(2))]
    [[0, 1]]
    """
    return _parts(patterns, strengths / strengths.sum(), np.arange(len(patterns)), _HALVINGS)


def _parts(
    patterns: NDArray[np.floating],
    weights: NDArray[np.floating],
    chosen: NDArray[np.intp],
    halvings: int,
) -> list[NDArray[np.intp]]:
    own = weights[chosen] / weights[chosen].sum()
    mean = own @ patterns[chosen]
    itself = float((own**2).sum())
    alone = float((own**2) @ (patterns[chosen] ** 2).sum(axis=1))
    # Mean likeness of two different pieces: the norm of each holds its noise.
    alike = (float(mean @ mean) - alone) / (1 - itself) if itself < 1 else 1.0
    if alike >= _ALIKE:
        return [chosen]
    if not halvings or len(chosen) < _SHORTEST:
        return []
    scaled = np.sqrt(own)[:, None] * (patterns[chosen] - mean)
    # Begun anywhere, but always there.
    begin = np.random.default_rng(0).normal(size=min(scaled.shape))
    upper = svds(scaled.astype(np.float64), k=1, v0=begin)[0][:, 0] > 0
    halves = chosen[upper], chosen[~upper]
    return [part for half in halves for part in _parts(patterns, weights, half, halvings - 1)]
