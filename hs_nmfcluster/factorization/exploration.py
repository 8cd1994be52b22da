"""Restarts inside the compressed problem: no data, so every start of every rank is affordable."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.start import uniform
from hs_nmfcluster.factorization.updates import hals_rows, normalise

# Patterns averaged into each component of a random start: single ones are too noisy to begin
# with, the mean of many is the mean of the scan.
_STARTING_PATTERNS = 3
Matrix = NDArray[np.float32]


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
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(converge, starts))


def sample_start(compression: Compression, n_components: int, seed: int, stream: int) -> Matrix:
    """Random start: each pattern the mean of a few random patterns of the scan.

    Parameters
    ----------
    compression
        X ≈ B Q.
    n_components
        k.
    seed, stream
        Choose the random numbers; one stream a restart.
    """
    draws = uniform(seed, stream, np.arange(n_components), _STARTING_PATTERNS)
    chosen = (draws * len(compression.scores)).astype(int)
    patterns = compression.scores[chosen].mean(axis=1) @ compression.basis
    return normalise(np.maximum(patterns, 0.0))


def svd_start(compression: Compression, n_components: int) -> Matrix:
    """Start from the singular vectors: NNDSVDa (Boutsidis & Gallopoulos, Pattern Recognit. 41, 2008).

    Of each pair of singular vectors the positive or the negative parts are taken, whichever
    carry more; zeros are filled by the mean of the vectors, which lets them grow.
    """
    norms = np.linalg.norm(compression.scores[:, :n_components], axis=0)
    left = compression.scores[:, :n_components] / np.maximum(norms, np.finfo(np.float32).tiny)
    right = compression.basis[:n_components]
    patterns = []
    for u, v in zip(left.T, right, strict=True):
        positive = np.maximum(u, 0), np.maximum(v, 0)
        negative = np.maximum(-u, 0), np.maximum(-v, 0)
        weight = [np.linalg.norm(a) * np.linalg.norm(b) for a, b in (positive, negative)]
        patterns.append(positive[1] if weight[0] >= weight[1] else negative[1])
    stack = np.array(patterns, dtype=np.float32)
    return normalise(np.where(stack > 0, stack, stack.mean()))


def _converge(
    compression: Compression, patterns: Matrix, tolerance: float, max_iterations: int
) -> Matrix:
    B, Q = compression.scores, compression.basis
    floor = compression.pca_mse(len(patterns)) * compression.size
    square = float(np.einsum("ij,ij->", B, B, dtype=np.float64))
    scores = np.ascontiguousarray(B.T)
    maps, error = None, np.inf
    for _ in range(max_iterations):
        gram = patterns @ patterns.T
        target = (patterns @ Q.T) @ scores
        maps = hals_rows(target, gram, maps)
        map_gram = maps @ maps.T
        previous, error = error, square + float(
            np.sum(gram.astype(np.float64) * map_gram) - 2 * np.sum(target * maps, dtype=np.float64)
        )
        if previous - error < tolerance * floor:
            break
        patterns = hals_rows((maps @ B) @ Q, map_gram, patterns)
        norms = np.linalg.norm(patterns, axis=1, keepdims=True)
        patterns = normalise(patterns)
        maps *= norms
    return patterns
