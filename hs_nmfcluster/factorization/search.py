"""Compress, explore, polish: all restarts of all ranks in a handful of passes over the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.compression import Compression, compress
from hs_nmfcluster.factorization.constraints import FREE
from hs_nmfcluster.factorization.descent import refine
from hs_nmfcluster.factorization.exploration import explore
from hs_nmfcluster.factorization.iteration import evaluate, iterate
from hs_nmfcluster.factorization.rounding import best_first, rounding_of
from hs_nmfcluster.factorization.runs import Run
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.updates import SOLVERS, Solver

# Restarts of each rank that are refined and polished on the data. A second one, which doubles the
# work, lowered the MSE by less than stopping a little later does, which recovers nothing more.
FINALISTS = 1
# Under constraints: how far all starts go on before the best are chosen, and to how many times the
# tolerance these are polished. What is left to be gained then is in components of noise, those
# that limited maps leave: they lie outside of the compressed data.
_EXPLORING_TOLERANCE, _POLISHING = 1e-4, 10


@dataclass(frozen=True)
class Search:
    """What a search over ranks and restarts came to.

    Parameters
    ----------
    runs
        For each rank, one run a restart; those polished have a history of several passes, all
        others the true MSE of the patterns that the compressed problem led to.
    compression
        The compressed scan.
    solver
        The rule of polishing.
    """

    runs: dict[int, list[Run]]
    compression: Compression
    solver: Solver


def search(matrix: ScanMatrix, ranks: Sequence[int], settings: Settings, job: Job) -> Search:
    """Find the best factorizations of each rank.

    Parameters
    ----------
    matrix
        The scan.
    ranks
        Numbers of components, each at most the smaller side of the matrix.
    settings
        Its tolerance ends polishing, which takes so many iterations at most. Constraints are
        taken up from what was found without them.
    job
        Makes the passes.

    Returns
    -------
    Search
    """
    compression = compress(
        matrix, max(ranks), seed=settings.seed, job=job, start=_overview(settings)
    )
    runs = _start(compression, ranks, settings, job)
    solver = SOLVERS["hals"]._replace(ridge=settings.ridge)
    square, constraints = compression.square, settings.constraints
    job.expect(min(settings.max_iterations, 10) + 2)
    evaluate(
        matrix, [run for rank in ranks for run in runs[rank]], square, solver, job, constraints
    )
    rounding = rounding_of(square / matrix.size)
    finalists = [run for rank in ranks for run in _best(runs[rank], rounding)]
    _refine(compression, finalists, settings, job)
    if constraints is not FREE:
        settings = replace(settings, tolerance=_POLISHING * settings.tolerance)
    iterate(matrix, finalists, square, solver, settings, job)
    return Search(runs, compression, solver)


def _overview(settings: Settings) -> NDArray[np.float64] | None:
    """Where the compression of the data begins, weighted as these are."""
    if settings.overview is None or settings.pixel_weights is None:
        return settings.overview
    return settings.overview * settings.pixel_weights


def _start(
    compression: Compression, ranks: Sequence[int], settings: Settings, job: Job
) -> dict[int, list[Run]]:
    """Explore without constraints, and take these up roughly from all starts."""
    found: list[Any] = job.once("exploration", lambda: explore(compression, ranks, settings))
    if settings.constraints is not FREE:
        free = [patterns for of_rank in found for patterns in of_rank]
        rough = max(settings.tolerance, _EXPLORING_TOLERANCE)

        def constrained() -> list[NDArray[np.float64]]:
            return refine(compression, free, settings.constraints, tolerance=rough)

        bound = iter(job.once("constraining", constrained))
        found = [np.array([next(bound) for _ in of_rank]) for of_rank in found]
    return {
        rank: [Run(patterns, stream) for stream, patterns in enumerate(of_rank)]
        for rank, of_rank in zip(ranks, found, strict=True)
    }


def _refine(
    compression: Compression, finalists: Sequence[Run], settings: Settings, job: Job
) -> None:
    """Take the finalists as far as the compressed problem goes."""
    starts = [run.patterns for run in finalists]

    def refined() -> list[NDArray[np.float64]]:
        return refine(compression, starts, settings.constraints, tolerance=settings.tolerance)

    # Without a name, so that nothing holds on to them when the runs have gone further.
    for run, patterns in zip(finalists, job.once("refinement", refined), strict=True):
        run.patterns = patterns


def _best(runs: Sequence[Run], rounding: float) -> list[Run]:
    order = best_first([run.best_mse for run in runs], rounding)
    return [runs[i] for i in order[:FINALISTS]]
