"""Which numbers of components are sensible, and why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# NMF has left PCA where its error exceeds PCA's by this share of what the ranks span.
_LEFT_PCA = 0.02
# Components returning with less than this correlation are not reproducible: a mark of this search,
# measured on true and on surplus components (benchmarks/validation/stability.py).
_STABLE = 0.8
# With so many times as many components as stand above the noise the answer is still the same
# (benchmarks/validation/defaults.py); more of them have not been tried.
_TRIED = 2


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
    above_noise: int = 0,
) -> Suggestion:
    """Say from where on there are enough components, and up to where they are reproducible.

    The paper takes *sufficiently many* and leaves the rest to clustering, so there is no one
    number. The lower end is how many singular values of the data stand above the bulk that noise
    makes. Where that cannot be told, it is where the data are described down to the noise, or where
    NMF leaves PCA because it begins to fit noise. The upper end is the last rank at which
    components still return in other restarts, and not above twice the lower one.

    Parameters
    ----------
    ranks, nmf_mse, pca_mse, stability
        As in :class:`~hs_nmfcluster.factorization.rank_curves.RankCurves`; `nmf_mse` of the best
        restart, ``(n,)``.
    noise_mse
        MSE of a perfect model, NaN if not known.
    above_noise
        Singular values that stand above the noise, 0 if not known.

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
    if above_noise:
        said = "component stands" if above_noise == 1 else "components stand"
        reasons.append(f"{above_noise} {said} above the noise")
        if above_noise > ranks[-1]:
            reasons[-1] += ": try more"
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
    if not candidates and not above_noise:
        reasons.append(
            f"up to {ranks[-1]} components the error neither leaves PCA nor reaches the noise: "
            "try more"
        )
    last = len(ranks) - 1
    low = min(candidates, default=last)
    if above_noise:
        low = min(int(np.searchsorted(ranks, above_noise)), last)
        last = max(int(np.searchsorted(ranks, _TRIED * above_noise, side="right")) - 1, low)
    if np.isnan(stability).all():
        reasons.append("with a single restart nothing is known of stability")
        return Suggestion(int(ranks[low]), int(ranks[last]), tuple(reasons))
    stable = np.flatnonzero(stability[low : last + 1] >= _STABLE)
    high = low + int(stable[-1]) if stable.size else low
    if stable.size and high < last:
        reasons.append(f"beyond {ranks[high]} components return in other restarts no longer")
    elif not stable.size:
        reasons.append("components hardly return in other restarts from there on")
    return Suggestion(int(ranks[low]), int(ranks[high]), tuple(reasons))
