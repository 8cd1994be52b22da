"""Alternating descent on B Q: all restarts of a rank in the same matrix products."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.updates import hals_rows, normalise

Matrix = NDArray[np.float64]

# Extrapolation: share of the last step to begin with, its growth, its decay after a step too far.
_SHARE, _SHARE_GROWTH, _SHARE_DECAY = 0.5, 1.05, 1.5


class Descended(NamedTuple):
    """Where the runs of a batch came to.

    Parameters
    ----------
    patterns
        S, ``(runs, k, n_pixels)``, rows of unit norm.
    errors
        ``‖B Q − C S‖²`` with the maps found for them, ``(runs,)``.
    """

    patterns: Matrix
    errors: Matrix


def descend(
    compression: Compression, patterns: Matrix, *, tolerance: float, max_iterations: int = 200
) -> Descended:
    """Alternate non-negative least squares for C and S, with S extrapolated.

    Each S goes on by a share of its last step before C is solved for it, which halves the
    iterations (Ang & Gillis, Neural Comput. 31, 417, 2019). Where the error rises, the next step
    is a plain one and the share is reduced from then on (O'Donoghue & Candès, Found. Comput.
    Math. 15, 715, 2015).

    Parameters
    ----------
    compression
        X ≈ B Q.
    patterns
        Starts, ``(runs, k, n_pixels)``.
    tolerance
        A run stops when its error falls by less than this share of that which a PCA of the same
        rank leaves on X. Runs do not influence each other.
    max_iterations
        Iterations after which a run is stopped all the same.

    Returns
    -------
    Descended
    """
    B, Q = compression.scores, compression.basis
    scores = np.ascontiguousarray(B.T)
    square = float(np.sum((scores @ B) * (Q @ Q.T)))
    enough = tolerance * compression.pca_mse(patterns.shape[1]) * compression.size

    number = len(patterns)
    result = Descended(patterns.copy(), np.zeros(number))
    live, last = np.arange(number), np.full(number, np.inf)
    share, largest = np.full(number, _SHARE), np.ones(number)
    ahead, maps = patterns, None
    for iteration in range(1, max_iterations + 1):
        gram, target = ahead @ _transposed(ahead), (ahead @ Q.T) @ scores
        maps = hals_rows(target, gram, maps)
        map_gram = maps @ _transposed(maps)
        overlaps = np.einsum("rkn,rkn->r", target, maps)
        errors = square + np.sum(gram * map_gram, axis=(1, 2)) - 2 * overlaps
        rises = errors > last
        done = ~rises & (last - errors <= enough) | (iteration == max_iterations)
        if done.any():
            result.patterns[live[done]], result.errors[live[done]] = ahead[done], errors[done]
            state = (live, patterns, ahead, maps, map_gram, errors, rises, share, largest)
            live, patterns, ahead, maps, map_gram, errors, rises, share, largest = (
                values[~done] for values in state
            )
        if not live.size:
            break
        unscaled = hals_rows((maps @ B) @ Q, map_gram, ahead)
        maps *= np.linalg.norm(unscaled, axis=-1, keepdims=True)
        before, patterns, last = patterns, normalise(unscaled), errors
        share = np.where(rises, share / _SHARE_DECAY, share)
        step = np.where(rises, 0.0, share)[:, None, None]
        ahead = normalise(np.maximum(patterns + step * (patterns - before), 0.0))
        largest = np.where(rises, share, np.minimum(1.01 * largest, 1.0))
        share = np.where(rises, share, np.minimum(_SHARE_GROWTH * share, largest))
    return result


def _transposed(stack: Matrix) -> Matrix:
    return np.swapaxes(stack, -1, -2)
