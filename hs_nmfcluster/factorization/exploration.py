"""Restarts inside the compressed problem: no data, so every start of every rank is affordable."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from dask.system import CPU_COUNT
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.updates import hals_rows, normalise

Matrix = NDArray[np.float64]

# Pixels that no electron hit have singular vectors of rounding, whose sign depends on the chunks.
_ROUNDING = 1e-10
# Vectors that a random start is turned among at the least, where there are as many.
_LEAST_ROTATED = 6
# Extrapolation: share of the last step to begin with, its growth, its decay after a step too far.
_SHARE, _SHARE_GROWTH, _SHARE_DECAY = 0.5, 1.05, 1.5


def explore(
    compression: Compression,
    starts: Iterable[Callable[[], Matrix]],
    *,
    tolerance: float,
    max_iterations: int = 200,
) -> list[Matrix]:
    """Converge every start on B Q, side by side on the processor's cores.

    Parameters
    ----------
    compression
        X ≈ B Q.
    starts
        Functions that make the first patterns of each run, ``(k, n_pixels)``.
    tolerance
        A run stops when its error on B Q falls by less than this share of the MSE that a PCA of
        the same rank leaves on X.
    max_iterations
        Iterations after which a run is stopped all the same.

    Returns
    -------
    list of numpy.ndarray
        Patterns of each start, rows of unit norm. Their error on X is not known here: the
        compressed error is another quantity and is not handed out.
    """

    def converge(start: Callable[[], Matrix]) -> Matrix:
        return _converge(compression, start(), tolerance, max_iterations)

    # Each run is a chain of small products: one thread a run is faster than many on each.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(CPU_COUNT) as pool:
        return list(pool.map(converge, starts))


def svd_start(compression: Compression, n_components: int) -> Matrix:
    """Start from the leading singular vectors: NNDSVDa.

    Of each pair of singular vectors the positive or the negative parts are taken, whichever
    carry more; zeros are filled by the mean, so that they can grow (Boutsidis & Gallopoulos,
    Pattern Recognit. 41, 1350, 2008).

    Parameters
    ----------
    compression
        X ≈ B Q.
    n_components
        k, at most q.
    """
    return _nonnegative_parts(*_singular_vectors(compression, n_components))


def turned_start(compression: Compression, n_components: int, seed: int, stream: int) -> Matrix:
    """Random start: the same from the singular vectors after a random rotation among them.

    The rotation leaves the first vector, which is all but the mean pattern. Such starts are as
    diverse as random numbers, and their Gram matrices are well conditioned, which starts that
    are mixtures of patterns are not: those took ten times the iterations to a larger MSE.

    Parameters
    ----------
    compression, n_components
        As in :func:`svd_start`.
    seed, stream
        Choose the rotation; one stream a restart.
    """
    # Of two vectors a rotation could only change the sign of one: it is among a few at least.
    left, right = _singular_vectors(compression, max(n_components, _LEAST_ROTATED))
    draws = np.random.default_rng([seed, stream]).standard_normal((len(right) - 1,) * 2)
    rotation = np.linalg.qr(draws)[0][: n_components - 1]
    return _nonnegative_parts(
        np.concatenate([left[:1], rotation @ left[1:]]),
        np.concatenate([right[:1], rotation @ right[1:]]),
    )


def _singular_vectors(compression: Compression, n_components: int) -> tuple[Matrix, Matrix]:
    scores = compression.scores[:, :n_components].T
    norms = np.linalg.norm(scores, axis=1, keepdims=True)
    left = np.divide(scores, norms, out=np.zeros_like(scores), where=norms > 0)
    return left, compression.basis[:n_components]


def _nonnegative_parts(left: Matrix, right: Matrix) -> Matrix:
    patterns = []
    for u, v in zip(left, right, strict=True):
        positive, negative = np.maximum(v, 0), np.maximum(-v, 0)
        weight = np.linalg.norm(np.maximum(u, 0)) * np.linalg.norm(positive)
        other = np.linalg.norm(np.maximum(-u, 0)) * np.linalg.norm(negative)
        patterns.append(positive if weight >= other else negative)
    stack = np.array(patterns)
    return normalise(np.where(stack > _ROUNDING * stack.max(), stack, stack.mean()))


def _converge(
    compression: Compression, patterns: Matrix, tolerance: float, max_iterations: int
) -> Matrix:
    """Alternate non-negative least squares for C and S, with S extrapolated.

    Each S goes on by a share of its last step before C is solved for it; where the error rises,
    the step is taken back and the share reduced (Ang & Gillis, Neural Comput. 31, 417, 2019).
    Halves the iterations.
    """
    B, Q = compression.scores, compression.basis
    scores = np.ascontiguousarray(B.T)
    square = float(np.einsum("ij,ij->", B, B))
    enough = tolerance * compression.pca_mse(len(patterns)) * compression.size
    share, largest = _SHARE, 1.0
    ahead, maps, error = patterns, None, np.inf
    for _ in range(max_iterations):
        gram, target = ahead @ ahead.T, (ahead @ Q.T) @ scores
        maps = hals_rows(target, gram, maps)
        map_gram = maps @ maps.T
        found = square + float(np.sum(gram * map_gram) - 2 * np.sum(target * maps))
        if found > error and ahead is not patterns:
            largest = share = share / _SHARE_DECAY
            ahead = patterns
            continue
        if error - found <= enough:
            break
        error = found
        unscaled = hals_rows((maps @ B) @ Q, map_gram, ahead)
        maps *= np.linalg.norm(unscaled, axis=1, keepdims=True)
        last, patterns = patterns, normalise(unscaled)
        ahead = normalise(np.maximum(patterns + share * (patterns - last), 0.0))
        share, largest = min(_SHARE_GROWTH * share, largest), min(1.01 * largest, 1.0)
    return patterns
