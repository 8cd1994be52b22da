"""Some positions and pixels of a compressed scan that stand for all."""

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.random_numbers import uniform
from hs_nmfcluster.factorization.compression import Compression, SmallProblem

Matrix = NDArray[np.float64]

# Positions and pixels drawn for each component, and at the least. With half as many, single
# searches for ten components took a wrong turn (5 % in MSE) that none takes with these.
_POSITIONS, _LEAST_POSITIONS = 30, 900
_PIXELS, _LEAST_PIXELS = 40, 1200
# Streams of random numbers apart from those of restarts and compression.
_STREAM = 2**49


def sample(compression: Compression, n_components: int, *, seed: int) -> SmallProblem:
    """Draw positions and pixels with the probability that what they show matters.

    A share in proportion to the leverage, which is large where few positions or pixels carry a
    singular vector, so that rare patterns and small spots are not missed (Mahoney & Drineas,
    PNAS 106, 697, 2009); another share evenly. Each is weighted by the inverse square root of
    its probability, so that squares summed over the sample are unbiased.

    Parameters
    ----------
    compression
        X ≈ B Q.
    n_components
        Largest number of components that the sample is to tell apart; its size grows with it,
        not with the scan's.
    seed
        The same seed draws the same sample.

    Returns
    -------
    SmallProblem
        B and Q of the sample; all else is that of the scan. Scans that are small are taken whole.
    """
    rows = _weights(compression.scores.T, max(_POSITIONS * n_components, _LEAST_POSITIONS), seed)
    columns = _weights(
        compression.basis, max(_PIXELS * n_components, _LEAST_PIXELS), (seed + 1) % 2**64
    )
    kept, chosen = np.flatnonzero(rows), np.flatnonzero(columns)
    return SmallProblem(
        scores=compression.scores[kept] * rows[kept, None],
        basis=np.ascontiguousarray(compression.basis[:, chosen] * columns[chosen]),
        squared_singular_values=compression.squared_singular_values,
        square=compression.square,
        size=compression.size,
    )


def _weights(vectors: Matrix, number: int, seed: int) -> Matrix:
    """Weight of each of the vectors' entries in the sample, 0 for those that are not in it."""
    n = vectors.shape[1]
    squares = vectors**2
    sums = squares.sum(axis=1, keepdims=True)
    leverage = np.divide(squares, sums, out=np.zeros_like(squares), where=sums > 0).mean(axis=0)
    probability = np.minimum(number * (leverage + 1 / n) / 2, 1.0)
    # Systematic: as many from each stretch of the scan as its probabilities add up to.
    passed = np.floor(np.cumsum(probability) + uniform(seed, _STREAM, np.arange(1), 1)[0, 0])
    drawn = np.diff(passed, prepend=0.0) > 0
    return np.divide(drawn, np.sqrt(probability))
