"""Which numbers of components are sensible, and why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# NMF has left PCA where its error exceeds PCA's by this share of what the ranks span.
_LEFT_PCA = 0.02
# A component that describes something lowers the error by this much more than one of the last
# few, which describe noise.
_STANDS_OUT, _LAST = 1.5, 5
# Components returning with less than this correlation are not reproducible: a mark of this search,
# measured on true and on surplus components (benchmarks/validation/stability.py).
_STABLE = 0.8


@dataclass(frozen=True)
class Suggestion:
    """A range for the number of components, and why.

    Attributes
    ----------
    low, high
        The range.
    reasons
        Why, in words.
    """

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
        As in :class:`~hs_nmfcluster.factorization.rank_curves.RankCurves`; `nmf_mse` of the best
        restart, ``(n,)``.
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
