"""The error of every number of components, beside PCA and stability, in the same passes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.rounding import best_first, rounding_of
from hs_nmfcluster.factorization.runs import Patterns
from hs_nmfcluster.factorization.search import search
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.stability import pattern_stability
from hs_nmfcluster.factorization.weighting import Weigh, unweighted

# Polishing passes of a study: with the survey, 13 of the compression and that for the errors of all
# starts 25 at most.
_POLISHING_PASSES = 10


@dataclass(frozen=True)
class RankCurves:
    """Numbers of a study of the number of components.

    Parameters
    ----------
    ranks
        Numbers of components, ascending, ``(n,)``.
    nmf_mse
        True MSE of every restart, ``(n, restarts)``; of weighted data in units of their noise, as
        that of PCA.
    pca_mse
        MSE of an uncentred PCA, ``(n,)``.
    stability
        Mean correlation of the best restart's patterns with their counterparts in the other
        restarts, ``(n,)``.
    patterns
        Patterns of the best restart of each rank, ``(k, n_pixels)``.
    others
        Those of all other restarts of each rank.
    above_noise
        Singular values that stand above the noise; 0 where too few are known to tell.
    passes
        Passes over the data.
    """

    ranks: NDArray[np.int64]
    nmf_mse: NDArray[np.float64]
    pca_mse: NDArray[np.float64]
    stability: NDArray[np.float64]
    patterns: list[NDArray[np.float64]]
    others: list[list[Patterns]]
    above_noise: int
    passes: int


def rank_curves(
    matrix: ScanMatrix, ranks: NDArray[np.int64], settings: Settings, job: Job | None = None
) -> RankCurves:
    """Factorize a scan at every rank, all in the same passes over the data.

    Parameters
    ----------
    matrix
        The scan.
    ranks
        Numbers of components, ascending.
    settings
        Restarts, tolerance, seed and constraints. Polishing takes ten passes at most.
    job
        Makes the passes; by default one that nobody watches and that keeps nothing.

    Returns
    -------
    RankCurves
    """
    job = Job() if job is None else job
    settings = replace(settings, max_iterations=_POLISHING_PASSES)
    weights = settings.pixel_weights
    searched = matrix if weights is None else matrix.changed(Weigh(weights))
    found = search(searched, [int(rank) for rank in ranks], settings, job)
    runs = [found.runs[int(rank)] for rank in ranks]
    rounding = rounding_of(found.compression.square / matrix.size)
    best = [of_rank[best_first([run.best_mse for run in of_rank], rounding)[0]] for of_rank in runs]
    patterns = [run.best_patterns.astype(np.float64, copy=False) for run in best]
    others = [
        [run.best_patterns for run in of_rank if run is not first]
        for of_rank, first in zip(runs, best, strict=True)
    ]
    if weights is not None:
        patterns = [unweighted(S, weights) for S in patterns]
        others = [[unweighted(S, weights).astype(S.dtype) for S in some] for some in others]
    stability = [np.mean(pattern_stability(S, o)) for S, o in zip(patterns, others, strict=True)]
    return RankCurves(
        ranks=ranks,
        nmf_mse=np.array([[run.best_mse for run in of_rank] for of_rank in runs]),
        pca_mse=np.array([found.compression.pca_mse(int(rank)) for rank in ranks]),
        stability=np.array(stability),
        patterns=patterns,
        others=others,
        above_noise=found.compression.above_noise(int(ranks[-1])),
        passes=job.passes,
    )
