"""Alternating descent on B Q, free or under constraints."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.scheduling import side_by_side
from hs_nmfcluster.factorization.compression import Compression, SmallProblem
from hs_nmfcluster.factorization.constraints import FREE, Constraints
from hs_nmfcluster.factorization.rounding import SUMS, rounding_of
from hs_nmfcluster.factorization.updates import SOLVERS, hals_rows, normalise
from hs_nmfcluster.factorization.whole_maps import solve_limited

Matrix = NDArray[np.float64]

# Extrapolation: share of the last step to begin with, its growth, its decay after a step too far.
_SHARE, _SHARE_GROWTH, _SHARE_DECAY = 0.5, 1.05, 1.5
# Steps in succession without a better error after which a run under constraints stops: what they do
# between the steps may raise the error for a while.
_PATIENCE = 4


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
    problem: SmallProblem, patterns: Matrix, *, tolerance: float, max_iterations: int = 200
) -> Descended:
    """Alternate non-negative least squares for C and S, with S extrapolated.

    Each S goes on by a share of its last step before C is solved for it, which halves the
    iterations (Ang & Gillis, Neural Comput. 31, 417, 2019). Where the error rises, the next step
    is a plain one and the share is reduced from then on (O'Donoghue & Candès, Found. Comput.
    Math. 15, 715, 2015).

    Parameters
    ----------
    problem
        X ≈ B Q.
    patterns
        Starts, ``(runs, k, n_pixels)``.
    tolerance
        A run stops when its error falls by less than this share of that which a PCA of the same
        rank leaves on X, or by what is rounding beside ‖X‖². Runs do not influence each other.
    max_iterations
        Iterations after which a run is stopped all the same.

    Returns
    -------
    Descended
    """
    B, Q = problem.scores, problem.basis
    scores = np.ascontiguousarray(B.T)
    square = float(np.sum((scores @ B) * (Q @ Q.T)))
    rounding = SUMS * square
    enough = _enough(problem, patterns.shape[1], tolerance)

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
        rises = errors > last + rounding
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


def refine(
    compression: Compression,
    starts: Sequence[NDArray[Any]],
    constraints: Constraints = FREE,
    *,
    tolerance: float,
) -> list[Matrix]:
    """Descend from some patterns on the whole compressed problem, side by side.

    Parameters
    ----------
    compression
        X ≈ B Q.
    starts
        Patterns ``(k, n_pixels)``, one array a run, of any numbers of components.
    constraints
        Bound to the scan. Of a scan with so many positions that the compressed one is a sample,
        the maps are not whole: their limit then waits until the data are visited.
    tolerance
        See :func:`descend`; under constraints a run stops when it has not become better by this
        share for some steps.

    Returns
    -------
    list of numpy.ndarray
        Patterns, rows of unit norm.
    """
    if constraints is FREE:

        def go_on(start: NDArray[Any]) -> Matrix:
            return descend(compression, _exact(start)[None], tolerance=tolerance).patterns[0]

        return side_by_side(go_on, starts)
    if not compression.complete:
        constraints = replace(constraints, maps=None)
    scores = np.ascontiguousarray(compression.scores.T)
    resolved = scores if constraints.maps is None else constraints.maps.fit(scores)

    def go_on_constrained(start: NDArray[Any]) -> Matrix:
        exact = _exact(start)
        return _descend_constrained(compression, resolved, exact, constraints, tolerance)

    return side_by_side(go_on_constrained, starts)


def _exact(start: NDArray[Any]) -> Matrix:
    return start.astype(np.float64, copy=False)


def _descend_constrained(
    compression: Compression,
    resolved: Matrix,
    patterns: Matrix,
    constraints: Constraints,
    tolerance: float,
    max_iterations: int = 200,
) -> Matrix:
    """Do as :func:`descend` for one run, with each constraint between the steps.

    What the constraints do between the steps may raise the error. So after a step too far the run
    goes back, it has patience, and the best patterns are kept, not the last.
    """
    B, Q = compression.scores, compression.basis
    scores = np.ascontiguousarray(B.T)
    band, solver = constraints.maps, SOLVERS["hals"]
    square = float(np.einsum("ij,ij->", B, B))
    enough = _enough(compression, len(patterns), tolerance)
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
        if found > error + SUMS * square and ahead is not patterns:
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


def _enough(problem: SmallProblem, n_components: int, tolerance: float) -> float:
    """Square by which a step has to lower the error, or the run stops."""
    share = tolerance * problem.pca_mse(n_components) * problem.size
    return max(share, rounding_of(problem.square))


def _transposed(stack: Matrix) -> Matrix:
    return np.swapaxes(stack, -1, -2)
