"""Compress, explore, polish: all restarts of all ranks in a handful of passes over the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization import constrained
from hs_nmfcluster.factorization.compression import Compression, compress
from hs_nmfcluster.factorization.constraints import FREE, Constraints
from hs_nmfcluster.factorization.exploration import explore, refine
from hs_nmfcluster.factorization.iteration import evaluate, iterate
from hs_nmfcluster.factorization.runs import Patterns, Run
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.updates import SOLVERS, Solver

# Restarts of each rank that are refined and polished on the data. A second one, which doubles the
# work, lowered the MSE by 0.017 % at most (three studies of the simulated metallic glass).
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
    tolerance, constraints = settings.tolerance, settings.constraints
    compression = compress(matrix, max(ranks), seed=settings.seed, job=job)
    found = job.once("exploration", lambda: explore(compression, ranks, settings))
    if constraints is not FREE:
        free = [patterns for of_rank in found for patterns in of_rank]
        rough = max(tolerance, _EXPLORING_TOLERANCE)
        bound = iter(
            job.once("constraining", lambda: _refine(compression, free, rough, constraints))
        )
        found = [np.array([next(bound) for _ in of_rank]) for of_rank in found]
    runs = {
        rank: [Run(patterns, stream) for stream, patterns in enumerate(of_rank)]
        for rank, of_rank in zip(ranks, found, strict=True)
    }
    solver = SOLVERS["hals"]._replace(ridge=settings.ridge)
    job.expect(min(settings.max_iterations, 10) + 2)
    all_runs = [run for rank in ranks for run in runs[rank]]
    evaluate(matrix, all_runs, compression.square, solver, job, constraints)
    finalists = [run for rank in ranks for run in _best(runs[rank])]
    starts = [run.patterns for run in finalists]
    # Without a name, so that nothing holds on to them when the runs have gone further.
    for run, patterns in zip(
        finalists,
        job.once("refinement", lambda: _refine(compression, starts, tolerance, constraints)),
        strict=True,
    ):
        run.patterns = patterns
    if constraints is not FREE:
        settings = replace(settings, tolerance=_POLISHING * tolerance)
    iterate(matrix, finalists, compression.square, solver, settings, job)
    return Search(runs, compression, solver)


def _refine(
    compression: Compression,
    starts: Sequence[Patterns],
    tolerance: float,
    constraints: Constraints,
) -> list[NDArray[np.float64]]:
    if constraints is FREE:
        return refine(compression, starts, tolerance=tolerance)
    return constrained.refine(compression, starts, constraints, tolerance=tolerance)


def _best(runs: Sequence[Run]) -> list[Run]:
    order = np.argsort([run.best_mse for run in runs], kind="stable")
    return [runs[i] for i in order[:FINALISTS]]
