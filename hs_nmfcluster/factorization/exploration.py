"""Restarts inside the compressed problem: no data, so every start of every rank is affordable."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.scheduling import side_by_side
from hs_nmfcluster.factorization.compression import Compression, SmallProblem
from hs_nmfcluster.factorization.descent import descend
from hs_nmfcluster.factorization.rounding import best_first, rounding_of
from hs_nmfcluster.factorization.sampling import sample
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.starts import svd_start, turned_start
from hs_nmfcluster.factorization.updates import hals_rows, normalise

Matrix = NDArray[np.float64]

# How far all starts descend before the best of them go on to the tolerance asked for: far enough
# to tell them apart, at a fraction of the work.
_EXPLORING_TOLERANCE = 1e-4
_GOING_ON = 2
# Sweeps by which patterns are found on all pixels: what they lack comes with the next step.
_SWEEPS = 3


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
        best = best_first(found.errors, rounding_of(part.square))[:_GOING_ON]
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


def _on_all_pixels(compression: Compression, part: SmallProblem, patterns: Matrix) -> Matrix:
    """Find patterns on all pixels, by way of the maps, from those ``(k, n)`` on a sample."""
    overlaps = (patterns @ part.basis.T) @ compression.scores.T
    maps = hals_rows(overlaps, patterns @ patterns.T, sweeps=_SWEEPS)
    target = (maps @ compression.scores) @ compression.basis
    return normalise(hals_rows(target, maps @ maps.T, sweeps=_SWEEPS))
