"""Restarts inside the compressed problem: no data, so every start of every rank is affordable."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.scheduling import side_by_side
from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.descent import descend
from hs_nmfcluster.factorization.sampling import sample
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.updates import hals_rows, normalise

Matrix = NDArray[np.float64]

# How far all starts descend before the best of them go on to the tolerance asked for: far enough
# to tell them apart, at a fraction of the work.
_EXPLORING_TOLERANCE = 1e-4
_GOING_ON = 2
# Sweeps by which patterns are found on all pixels: what they lack comes with the next step.
_SWEEPS = 3
# Pixels that no electron hit have singular vectors of rounding, whose sign depends on the chunks.
_ROUNDING = 1e-10
# Vectors that a random start is turned among at the least, where there are as many.
_LEAST_ROTATED = 6


def explore(
    compression: Compression, ranks: Sequence[int], settings: Settings
) -> list[NDArray[np.float32]]:
    """Search from many starts at every rank, on a sample of the compressed problem.

    Parameters
    ----------
    compression
        X ≈ B Q.
    ranks
        Numbers of components, ascending.
    settings
        Of each rank one start is from the singular vectors, the others are random. Only the best
        few descend to the tolerance; the others stop where these can be told.

    Returns
    -------
    list of numpy.ndarray
        For each rank the patterns of all starts, ``(restarts, k, n_pixels)``, rows of unit norm,
        in float32: nothing more exact is known of what a sample has shaped.
        Their error on X is not known here: that on the sample is another quantity and is not
        handed out.
    """
    seed, tolerance = settings.seed, settings.tolerance
    part = sample(compression, max(ranks), seed=seed)
    rough = max(tolerance, _EXPLORING_TOLERANCE)

    def search(rank: int) -> Matrix:
        starts = [turned_start(part, rank, seed, stream) for stream in range(1, settings.restarts)]
        found = descend(part, np.array([svd_start(part, rank), *starts]), tolerance=rough)
        best = np.argsort(found.errors, kind="stable")[:_GOING_ON]
        found.patterns[best] = descend(part, found.patterns[best], tolerance=tolerance).patterns
        return found.patterns

    # The longest first: the last one to end should be a short one.
    on_sample = side_by_side(search, ranks[::-1])[::-1]
    places = _places(ranks, settings.restarts, compression.basis.shape[1])

    def spread(start: tuple[NDArray[np.float32], Matrix]) -> None:
        place, patterns = start
        place[...] = _on_all_pixels(compression, part, patterns)

    side_by_side(spread, zip(chain(*places), chain(*on_sample), strict=True))
    return places


def _places(ranks: Sequence[int], restarts: int, n_pixels: int) -> list[NDArray[np.float32]]:
    """Room for the patterns of each rank, all in one array: the next pass needs no copy of them."""
    whole = np.empty((restarts * sum(ranks), n_pixels), np.float32)
    edges = restarts * np.cumsum(ranks)[:-1]
    parts = np.split(whole, edges)
    return [part.reshape(restarts, -1, n_pixels) for part in parts]


def refine(
    compression: Compression, patterns: Sequence[NDArray[Any]], *, tolerance: float
) -> list[Matrix]:
    """Descend from some patterns ``(k, n_pixels)`` each, on the whole compressed problem.

    Parameters
    ----------
    compression
        X ≈ B Q.
    patterns
        One array a run, of any numbers of components.
    tolerance
        See :func:`~hs_nmfcluster.factorization.descent.descend`.
    """

    def go_on(start: NDArray[Any]) -> Matrix:
        exact = start.astype(np.float64, copy=False)
        return descend(compression, exact[None], tolerance=tolerance).patterns[0]

    return side_by_side(go_on, patterns)


def _on_all_pixels(compression: Compression, part: Compression, patterns: Matrix) -> Matrix:
    """Find patterns on all pixels, by way of the maps, from those ``(k, n)`` on a sample."""
    overlaps = (patterns @ part.basis.T) @ compression.scores.T
    maps = hals_rows(overlaps, patterns @ patterns.T, sweeps=_SWEEPS)
    target = (maps @ compression.scores) @ compression.basis
    return normalise(hals_rows(target, maps @ maps.T, sweeps=_SWEEPS))


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
