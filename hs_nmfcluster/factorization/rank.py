"""How many components: the error of every number of them, beside PCA, noise and stability."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.iteration import Run
from hs_nmfcluster.factorization.job import Job
from hs_nmfcluster.factorization.matrix import ScanMatrix
from hs_nmfcluster.factorization.search import search
from hs_nmfcluster.factorization.stability import pattern_stability

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal
    from matplotlib.figure import Figure

# Polishing passes of a study: with those of the compression and the survey at most 25 in all.
_POLISHING_PASSES = 10
# NMF has left PCA where its error exceeds PCA's by this share of what the ranks span.
_LEFT_PCA = 0.02
# A component that describes something lowers the error by this much more than one of the last
# few, which describe noise.
_STANDS_OUT, _LAST = 1.5, 5
# Components returning with less than this correlation are not reproducible.
_STABLE = 0.8


@dataclass(frozen=True)
class RankCurves:
    """Numbers of a study of the number of components.

    Parameters
    ----------
    ranks
        Numbers of components, ascending, ``(n,)``.
    nmf_mse
        True MSE of every restart, ``(n, restarts)``.
    pca_mse
        MSE of an uncentred PCA, ``(n,)``.
    stability
        Mean correlation of the best restart's patterns with their counterparts in the other
        restarts, ``(n,)``.
    patterns
        Patterns of the best restart of each rank, ``(k, n_pixels)``.
    passes
        Passes over the data.
    """

    ranks: NDArray[np.int64]
    nmf_mse: NDArray[np.float64]
    pca_mse: NDArray[np.float64]
    stability: NDArray[np.float64]
    patterns: list[NDArray[np.float64]]
    passes: int


def rank_curves(
    matrix: ScanMatrix,
    ranks: NDArray[np.int64],
    *,
    restarts: int,
    tolerance: float,
    seed: int,
    job: Job | None = None,
) -> RankCurves:
    """Factorize a scan at every rank, all in the same passes over the data.

    Parameters
    ----------
    matrix
        The scan.
    ranks
        Numbers of components, ascending.
    restarts
        Starts of each rank.
    tolerance
        As in :func:`~hs_nmfcluster.factorization.fit.fit`.
    seed
        The same seed gives the same result.
    job
        Makes the passes; by default one that nobody watches and that keeps nothing.

    Returns
    -------
    RankCurves
    """
    job = Job() if job is None else job
    found = search(
        matrix,
        [int(rank) for rank in ranks],
        restarts=restarts,
        tolerance=tolerance,
        max_iterations=_POLISHING_PASSES,
        seed=seed,
        job=job,
    )
    runs = [found.runs[int(rank)] for rank in ranks]
    best = [min(of_rank, key=lambda run: run.best_mse) for of_rank in runs]
    return RankCurves(
        ranks=ranks,
        nmf_mse=np.array([[run.best_mse for run in of_rank] for of_rank in runs]),
        pca_mse=np.array([found.compression.pca_mse(int(rank)) for rank in ranks]),
        stability=np.array([_stability(b, r) for b, r in zip(best, runs, strict=True)]),
        patterns=[run.best_patterns.astype(np.float64) for run in best],
        passes=job.passes,
    )


def _stability(best: Run, runs: list[Run]) -> float:
    others = np.array([run.best_patterns for run in runs if run is not best], dtype=np.float64)
    return float(np.mean(pattern_stability(best.best_patterns.astype(np.float64), others)))


@dataclass(frozen=True)
class Suggestion:
    """A range for the number of components, and why."""

    low: int
    high: int
    reasons: tuple[str, ...]


def suggest(
    ranks: NDArray[np.int64],
    nmf_mse: NDArray[np.float64],
    pca_mse: NDArray[np.float64],
    noise_mse: float,
    stability: NDArray[np.float64],
) -> Suggestion:
    """Say from where on there are enough components, and up to where they are reproducible.

    The paper takes *sufficiently many* and leaves the rest to clustering, so there is no one
    number. The lower end is where the error levels off: beyond it a component lowers it no more
    than the last few do, which describe noise. Where that cannot be told, it is where the data
    are described down to the noise, or where NMF leaves PCA because it begins to fit noise. The
    upper end is the last rank at which components still return in other restarts.

    Parameters
    ----------
    ranks, nmf_mse, pca_mse, stability
        As in :class:`RankCurves`; `nmf_mse` of the best restart, ``(n,)``.
    noise_mse
        MSE of a perfect model, NaN if not known.

    Returns
    -------
    Suggestion

    Examples
    --------
    >>> import numpy as np
    >>> ranks = np.array([2, 4, 6, 8])
    >>> nmf, pca = np.array([9.0, 5.0, 4.9, 4.8]), np.array([9.0, 5.0, 4.7, 4.4])
    >>> found = suggest(ranks, nmf, pca, 5.0, np.array([1.0, 1.0, 0.9, 0.6]))
    >>> found.low, found.high
    (4, 6)
    """
    reasons = []
    candidates = []
    elbow = _levels_off(ranks, nmf_mse)
    if elbow is not None:
        reasons.append(f"beyond {ranks[elbow]} the error falls no faster than by fitting noise")
    span = max(float(nmf_mse.max() - pca_mse.min()), np.finfo(float).tiny)
    left = np.flatnonzero((nmf_mse - pca_mse) / span > _LEFT_PCA)
    if left.size:
        candidates.append(max(int(left[0]) - 1, 0))
        where = "beyond" if left[0] else "at or before"
        reasons.append(f"NMF leaves PCA {where} {ranks[candidates[-1]]} components")
    below = np.flatnonzero(nmf_mse <= noise_mse)
    if below.size:
        candidates.append(int(below[0]))
        reasons.append(f"with {ranks[below[0]]} the error is down to counting noise")
    if not candidates and elbow is None:
        reasons.append(
            f"up to {ranks[-1]} components the error neither leaves PCA nor reaches the noise: "
            "try more"
        )
    low = min(candidates, default=len(ranks) - 1) if elbow is None else elbow
    if np.isnan(stability).all():
        reasons.append("with a single restart nothing is known of stability")
        return Suggestion(int(ranks[low]), int(ranks[-1]), tuple(reasons))
    stable = np.flatnonzero(stability[low:] >= _STABLE)
    high = low + int(stable[-1]) if stable.size else low
    if stable.size and high < len(ranks) - 1:
        reasons.append(f"beyond {ranks[high]} components return in other restarts no longer")
    elif not stable.size:
        reasons.append("components hardly return in other restarts from there on")
    return Suggestion(int(ranks[low]), int(ranks[high]), tuple(reasons))


def _levels_off(ranks: NDArray[np.int64], nmf_mse: NDArray[np.float64]) -> int | None:
    """Index of the last rank whose component stands out, None if that cannot be told."""
    gains = -np.diff(nmf_mse) / np.diff(ranks)
    if len(gains) <= _LAST:
        return None
    usual = float(np.median(gains[-_LAST:]))
    outstanding = np.flatnonzero(gains > max(_STANDS_OUT * usual, 0.0))
    if not outstanding.size or outstanding[-1] >= len(gains) - _LAST:
        return None
    return int(outstanding[-1]) + 1


@dataclass(eq=False, repr=False)
class RankStudy:
    """Result of :meth:`~hs_nmfcluster.signals.NMFDiffraction2D.estimate_number_of_components`.

    Parameters
    ----------
    ranks
        Numbers of components studied, ``(n,)``.
    nmf_mse
        MSE of every restart on the data, ``(n, restarts)``.
    pca_mse
        MSE of an uncentred PCA (nothing subtracted, as in NMF), ``(n,)``. No NMF can be below.
    noise_mse
        MSE that a perfect model of counted data would have, which is the mean count (variance =
        mean); NaN where the data are not counts (negative values).
    stability
        How well the best restart's components return in the other restarts, ``(n,)``: mean
        correlation of patterns matched one to one.
    patterns
        For each rank the patterns of the best restart, `NMFDiffraction2D` ``(k | x, y)``.
    suggestion
        A range, with the reasons in words.
    passes
        Passes over the data that it took.
    settings
        Every argument and what was derived from it.
    """

    ranks: NDArray[np.int64]
    nmf_mse: NDArray[np.float64]
    pca_mse: NDArray[np.float64]
    noise_mse: float
    stability: NDArray[np.float64]
    patterns: list["BaseSignal"]
    suggestion: Suggestion
    passes: int
    settings: dict[str, Any]

    @property
    def suggested(self) -> tuple[int, int]:
        """Range of sensible numbers of components, ``(low, high)``."""
        return self.suggestion.low, self.suggestion.high

    def __repr__(self) -> str:
        low, high = self.suggested
        reasons = "; ".join(self.suggestion.reasons)
        return (
            f"<RankStudy: {self.ranks[0]} … {self.ranks[-1]} components, "
            f"{self.nmf_mse.shape[1]} restarts each, {self.passes} data passes; "
            f"suggested {low} … {high}: {reasons}>"
        )

    def plot(self) -> "Figure":
        """Draw the errors of NMF and PCA against the number of components (Fig. 4a).

        Returns
        -------
        matplotlib.figure.Figure
        """
        from hs_nmfcluster.plotting import plot_rank_curves

        return plot_rank_curves(
            self.ranks,
            self.nmf_mse,
            self.pca_mse,
            noise_mse=self.noise_mse,
            stability=self.stability,
            suggested=self.suggested,
        )

    def plot_patterns(self, number: int = 5) -> "Figure":
        """Draw the leading patterns at each number of components (Fig. 4b).

        Parameters
        ----------
        number
            Patterns a rank.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from hs_nmfcluster import axes
        from hs_nmfcluster.plotting import plot_rank_patterns

        return plot_rank_patterns(
            self.ranks,
            [stack.data[:number] for stack in self.patterns],
            pattern_pixel=axes.pixel_size(self.patterns[0].axes_manager.signal_axes),
        )
