"""The descent in the compressed problem under constraints."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.scheduling import side_by_side
from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.constraints import Constraints
from hs_nmfcluster.factorization.updates import SOLVERS, normalise
from hs_nmfcluster.factorization.whole_maps import solve_limited

Matrix = NDArray[np.float64]

# Extrapolation, as in the free search: share of the last step, its growth, its decay.
_SHARE, _SHARE_GROWTH, _SHARE_DECAY = 0.5, 1.05, 1.5
# Steps in succession without a better error after which a run stops. A constraint between the
# steps may raise the error for a while.
_PATIENCE = 4


def refine(
    compression: Compression,
    starts: Sequence[NDArray[Any]],
    constraints: Constraints,
    *,
    tolerance: float,
    max_iterations: int = 200,
) -> list[Matrix]:
    """Converge from some patterns on B Q under constraints, side by side.

    Parameters
    ----------
    compression
        X ≈ B Q.
    starts
        Patterns ``(k, n_pixels)``, one array a run.
    constraints
        Bound to the scan. Of a scan with so many positions that the compressed one is a sample,
        the maps are not whole: their limit then waits until the data are visited.
    tolerance
        A run stops when it has not become better by this share of the MSE that a PCA of the same
        rank leaves, for some steps.
    max_iterations
        Steps after which it is stopped all the same.

    Returns
    -------
    list of numpy.ndarray
        Patterns, rows of unit norm.
    """
    if not compression.complete:
        constraints = replace(constraints, maps=None)
    scores = np.ascontiguousarray(compression.scores.T)
    resolved = scores if constraints.maps is None else constraints.maps.fit(scores)

    def converge(start: NDArray[Any]) -> Matrix:
        exact = start.astype(np.float64, copy=False)
        return _converge(compression, resolved, exact, constraints, tolerance, max_iterations)

    return side_by_side(converge, starts)


def _converge(
    compression: Compression,
    resolved: Matrix,
    patterns: Matrix,
    constraints: Constraints,
    tolerance: float,
    max_iterations: int,
) -> Matrix:
    """Alternate for C and S as the free search does, with each constraint between the steps."""
    B, Q = compression.scores, compression.basis
    scores = np.ascontiguousarray(B.T)
    band, solver = constraints.maps, SOLVERS["hals"]
    square = float(np.einsum("ij,ij->", B, B))
    enough = tolerance * compression.pca_mse(len(patterns)) * compression.size
    share, largest = _SHARE, 1.0
    patterns = ahead = best = normalise(constraints.fill(patterns))
    maps, error, least, waited = None, np.inf, np.inf, 0
    for _ in range(max_iterations):
        gram, projected = ahead @ ahead.T, ahead @ Q.T
        target = projected @ resolved
        if band is None:
            maps = solver.solve(target, gram, maps)
        else:
            maps = solve_limited(target, gram, solver, band, maps)
        map_gram = maps @ maps.T
        overlap = np.sum((projected @ scores) * maps)
        found = square + float(np.sum(gram * map_gram) - 2 * overlap)
        if found > error and ahead is not patterns:
            largest = share = share / _SHARE_DECAY
            ahead = patterns
            continue
        waited = 0 if least - found > enough else waited + 1
        if found < least:
            least, best = found, patterns
        if waited == _PATIENCE:
            break
        error = found
        unscaled = constraints.fill(solver.solve((maps @ B) @ Q, map_gram, ahead))
        maps *= np.linalg.norm(unscaled, axis=1, keepdims=True)
        last, patterns = patterns, normalise(unscaled)
        ahead = normalise(np.maximum(patterns + share * (patterns - last), 0.0))
        share, largest = min(_SHARE_GROWTH * share, largest), min(1.01 * largest, 1.0)
    return best
