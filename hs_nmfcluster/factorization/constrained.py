"""The steps of a factorization under constraints: what takes the place of the free ones.

Where maps are limited they are needed whole, not row by row. In memory that costs nothing; on the
data it takes one pass for ``S Xᵀ``, from which the maps follow, and one for ``Cᵀ X``.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from dask.system import CPU_COUNT
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hs_nmfcluster.factorization.band_limit import BandLimit
from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.constraints import Constraints
from hs_nmfcluster.factorization.updates import SOLVERS, Solver, normalise

Matrix = NDArray[np.float64]

# Extrapolation, as in the free search: share of the last step, its growth, its decay.
_SHARE, _SHARE_GROWTH, _SHARE_DECAY = 0.5, 1.05, 1.5


def solve_maps(
    target: Matrix, gram: Matrix, solver: Solver, band: BandLimit, maps: Matrix | None = None
) -> Matrix:
    """Solve for non-negative maps within a band, in whole.

    Among maps within the band, the least-squares problem for X is that for X made to lie within
    it. So the band comes first, which spares the noise beyond it the rectification by the sign;
    what the sign brings back is removed by projections in turn.

    Parameters
    ----------
    target
        ``S Xᵀ``, ``(k, n_positions)``.
    gram
        ``S Sᵀ``.
    solver
        The update rule.
    band
        Limit of the maps.
    maps
        Where to start.

    Returns
    -------
    numpy.ndarray
        Cᵀ, ``(k, n_positions)``.
    """
    return band.limit(solver.solve(band.fit(target), gram, maps))


def explore(
    compression: Compression,
    starts: Iterable[Callable[[], Matrix]],
    constraints: Constraints,
    *,
    tolerance: float,
    max_iterations: int = 200,
) -> list[Matrix]:
    """Converge every start on B Q under constraints; else as the free search.

    Parameters
    ----------
    compression, starts, tolerance, max_iterations
        As :func:`~hs_nmfcluster.factorization.exploration.explore`.
    constraints
        Bound to the scan.

    Returns
    -------
    list of numpy.ndarray
        Patterns of each start, rows of unit norm.
    """

    def converge(start: Callable[[], Matrix]) -> Matrix:
        return _converge(compression, start(), constraints, tolerance, max_iterations)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(CPU_COUNT) as pool:
        return list(pool.map(converge, starts))


def fill(patterns: Matrix, constraints: Constraints | None) -> Matrix:
    """Fill the holes of patterns, where that is asked for."""
    if constraints is None or constraints.patterns is None:
        return patterns
    return constraints.patterns(patterns)


def _converge(
    compression: Compression,
    patterns: Matrix,
    constraints: Constraints,
    tolerance: float,
    max_iterations: int,
) -> Matrix:
    """Alternate for C and S as the free search does, with each constraint between the steps."""
    B, Q = compression.scores, compression.basis
    scores = np.ascontiguousarray(B.T)
    band, solver = constraints.maps, SOLVERS["hals"]
    resolved = scores if band is None else band.fit(scores)
    square = float(np.einsum("ij,ij->", B, B))
    enough = tolerance * compression.pca_mse(len(patterns)) * compression.size
    share, largest = _SHARE, 1.0
    ahead, maps, error = fill(patterns, constraints), None, np.inf
    patterns = ahead = normalise(ahead)
    for _ in range(max_iterations):
        gram, projected = ahead @ ahead.T, ahead @ Q.T
        maps = solver.solve(projected @ resolved, gram, maps)
        maps = maps if band is None else band.limit(maps)
        map_gram = maps @ maps.T
        overlap = np.sum((projected @ scores) * maps)
        found = square + float(np.sum(gram * map_gram) - 2 * overlap)
        if found > error and ahead is not patterns:
            largest = share = share / _SHARE_DECAY
            ahead = patterns
            continue
        if error - found <= enough:
            break
        error = found
        unscaled = fill(solver.solve((maps @ B) @ Q, map_gram, ahead), constraints)
        maps *= np.linalg.norm(unscaled, axis=1, keepdims=True)
        last, patterns = patterns, normalise(unscaled)
        ahead = normalise(np.maximum(patterns + share * (patterns - last), 0.0))
        share, largest = min(_SHARE_GROWTH * share, largest), min(1.01 * largest, 1.0)
    return patterns
