"""The factorization of a scan: the paper's procedure, or its fast equivalent."""

from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine import scheduling
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization import tasks
from hs_nmfcluster.factorization.constraints import Constraints
from hs_nmfcluster.factorization.iteration import iterate, random_runs
from hs_nmfcluster.factorization.rounding import SUMS, best_first, rounding_of
from hs_nmfcluster.factorization.runs import Run, Stack
from hs_nmfcluster.factorization.search import search
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.updates import SOLVERS, Solver
from hs_nmfcluster.factorization.weighting import Weigh, unweighted
from hs_nmfcluster.factorization.whole_maps import whole_maps


@dataclass(frozen=True)
class Fit:
    """The best restart, sorted, and what the others came to.

    Parameters
    ----------
    patterns
        S, ``(k, n_pixels)``, rows of unit l2 norm, largest map first.
    maps
        C, ``(n_positions, k)``; left on a cluster, a dask array ``(*scan_shape, k)`` with NaN at
        masked positions.
    residual
        Squared residual of each position summed over its pixels, ``(n_positions,)`` or likewise.
    mse
        ``‖X − C S‖² / (n_positions n_pixels)``, exact to 1e-9 of itself: where products would
        cancel, from the residual itself.
    restart_patterns
        Best patterns of every restart, ``(restarts, k, n_pixels)``.
    restart_mse
        Smallest MSE of every restart, ``(restarts,)``.
    history
        MSE after each iteration, one list a restart.
    converged
        Which restarts reached the tolerance.
    best
        Index of the best restart.
    mean_square
        ``‖X‖² / (n_positions n_pixels)``.
    pca_mse
        MSE of an (uncentred) PCA of the same rank; NaN where the data were not compressed.
    passes
        Passes over the data.
    """

    patterns: NDArray[np.float64]
    maps: NDArray[np.float64] | da.Array
    residual: NDArray[np.float64] | da.Array
    mse: float
    restart_patterns: NDArray[np.float64]
    restart_mse: NDArray[np.float64]
    history: list[list[float]]
    converged: NDArray[np.bool_]
    best: int
    mean_square: float
    pca_mse: float
    passes: int


def fit(
    matrix: ScanMatrix,
    n_components: int,
    settings: Settings | None = None,
    *,
    solver: str = "als",
    compressed: bool = True,
    job: Job | None = None,
) -> Fit:
    """Factorize X ≈ C S by the steps 1 to 8 of Kimoto et al. (2024).

    Parameters
    ----------
    matrix
        The scan, positions × pixels.
    n_components
        k.
    settings
        Restarts, tolerance and all else; by default those of `Settings`. Each pass over the data
        advances all restarts that have not converged.
    solver
        Name of the update rule, where the data are not compressed.
    compressed
        Search in the compressed problem and polish on the data, which takes a handful of
        passes; otherwise the paper's procedure, a pass an iteration.
    job
        Makes the passes; by default one that nobody watches and that keeps nothing.

    Returns
    -------
    Fit

    Notes
    -----
    The best iterate of each restart is kept, not the last: ALS with clipping is not monotone.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.engine.matrix import ScanMatrix
    >>> rng = np.random.default_rng(0)
    >>> scan = (rng.random((30, 2)) @ rng.random((2, 20))).reshape(30, 4, 5)
    >>> fit(ScanMatrix.from_array(scan), 2, Settings(restarts=2, tolerance=1e-9)).mse < 1e-4
    True
    """
    settings = Settings() if settings is None else settings
    job = Job() if job is None else job
    weights = settings.pixel_weights
    searched = matrix if weights is None else matrix.changed(Weigh(weights))
    if compressed:
        found = search(searched, [n_components], settings, job)
        runs, square, rule = found.runs[n_components], found.compression.square, found.solver
        pca_mse = found.compression.pca_mse(n_components)
    else:
        rule, pca_mse = SOLVERS[solver]._replace(ridge=settings.ridge), np.nan
        runs, square = random_runs(searched, n_components, rule, settings, job)
        iterate(searched, runs, square, rule, settings, job)
    return finish(matrix, runs, square, rule, pca_mse=pca_mse, job=job, settings=settings)


def finish(
    matrix: ScanMatrix,
    runs: list[Run],
    square: float,
    solver: Solver,
    *,
    pca_mse: float,
    job: Job,
    settings: Settings,
) -> Fit:
    """Compute maps and residual of the best run in one pass, and sort by the maps' norm.

    Of weighted data patterns, maps, residual and MSE are those of the data as they are, while
    errors of restarts and their history are of what was searched.
    """
    weights = settings.pixel_weights
    restart_mse = np.array([run.best_mse for run in runs])
    best = int(best_first(restart_mse, rounding_of(square / matrix.size))[0])
    patterns = runs[best].best_patterns.astype(np.float64)
    job.expect(1)
    stack = Stack.of([patterns])
    restart_patterns = np.stack([run.best_patterns for run in runs], dtype=np.float64)
    if weights is None:
        rows, sums, shares = _rows(matrix, stack, solver, settings.constraints, job)
    else:
        rows, sums, shares, square = _weighted_rows(matrix, stack, solver, weights, job)
        patterns = unweighted(patterns, weights)
        restart_patterns, pca_mse = unweighted(restart_patterns, weights), np.nan
    used = shares > SUMS
    job.say("maps of the best restart")
    # A copy, so that nothing holds on to all columns.
    maps, residual = rows[..., :-1], rows[..., -1].copy()
    order = np.argsort(-sums[:-1], kind="stable")
    maps, patterns = maps[..., order], patterns[order]
    if not used.all():
        # A component that nothing in the scan uses has no pattern: its start says nothing.
        patterns[~used[order]] = 0.0
        maps = maps * used[order]
    return Fit(
        patterns=patterns,
        maps=maps,
        residual=residual,
        mse=float(sums[-1] / matrix.size),
        restart_patterns=restart_patterns,
        restart_mse=restart_mse,
        history=[run.history for run in runs],
        converged=np.array([run.converged for run in runs]),
        best=best,
        mean_square=square / matrix.size,
        pca_mse=pca_mse,
        passes=job.passes,
    )


def _rows(
    matrix: ScanMatrix, stack: Stack, solver: Solver, constraints: Constraints, job: Job
) -> tuple[NDArray[np.float64] | da.Array, NDArray[np.float64], NDArray[np.float64]]:
    """Compute maps and, in a last column, residuals; their sums; and the most that each map holds.

    The sums are those of the maps' squares and of the residual.
    Maps that are large stay on the workers of a cluster that computed them, unless they are
    limited and therefore needed whole.
    """
    columns = len(stack.patterns) + 1
    large = scheduling.leaves_on_cluster(8 * matrix.n_positions * columns)
    if matrix.is_lazy and constraints.maps is None and large:
        left = job.collect_on_cluster(matrix, tasks.maps_and_residual, columns, stack, solver)
        squares = da.nansum(left**2, axis=tuple(range(left.ndim - 1)))
        sums, residual, shares = dask.compute(squares, da.nansum(left[..., -1]), _shares(left))
        sums[-1] = residual
        return left, sums, shares
    rows = job.once("maps", lambda: _final_maps(matrix, stack, solver, constraints, job))
    sums = np.einsum("nk,nk->k", rows, rows)
    sums[-1] = rows[:, -1].sum()
    return rows, sums, _shares(rows)


def _weighted_rows(
    matrix: ScanMatrix, stack: Stack, solver: Solver, weights: NDArray[np.float64], job: Job
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Do as :func:`_rows` by weighted data, and give ‖X‖² of the data as they are."""
    found = job.once(
        "maps",
        lambda: job.collect(matrix, tasks.weighted_maps_and_residual, stack, solver, weights),
    )
    rows = found[:, :-1]
    sums = np.einsum("nk,nk->k", rows, rows)
    sums[-1] = rows[:, -1].sum()
    return rows, sums, _shares(rows), float(found[:, -1].sum())


def _shares(rows: NDArray[np.float64] | da.Array) -> Any:
    """Largest share that each component has of what is at a position, ``(k,)``."""
    squares = rows[..., :-1] ** 2
    whole = np.maximum(squares.sum(axis=-1) + rows[..., -1], np.finfo(float).tiny)
    return np.nanmax(squares / whole[..., None], axis=tuple(range(rows.ndim - 1)))


def _final_maps(
    matrix: ScanMatrix, stack: Stack, solver: Solver, constraints: Constraints, job: Job
) -> NDArray[np.float64]:
    if constraints.maps is None:
        return job.collect(matrix, tasks.maps_and_residual, stack, solver)
    found = whole_maps(matrix, stack, solver, constraints.maps, job)
    (maps,), (products,) = found.maps, found.products
    residual = tasks.squared_residual(maps, products, stack.grams[0], found.squares)
    if tasks.cancelled(residual, found.squares).any():
        residual = job.collect(
            matrix, tasks.residual_of_whole_maps, maps, stack.patterns, matrix.positions
        )
    return np.column_stack([maps.T, residual])
