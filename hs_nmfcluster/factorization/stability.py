"""How reproducibly each component returns in other restarts."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def pattern_stability(
    patterns: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean correlation of each pattern with its counterpart in every other restart.

    Counterparts are matched one to one (Hungarian method) so that the summed correlation is
    largest. 1 = found again by every restart, 0 = by none.

    Parameters
    ----------
    patterns
        ``(k, n_pixels)`` of the restart in question.
    others
        ``(restarts, k, n_pixels)`` of the other restarts.

    Returns
    -------
    numpy.ndarray
        ``(k,)``; NaN without another restart.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[1.0, 0, 0, 2], [0, 3, 1, 0]])
    >>> pattern_stability(a, a[None, ::-1]).round(6).tolist()
    [1.0, 1.0]
    """
    if len(others) == 0:
        return np.full(len(patterns), np.nan)
    rows = _standardised(patterns)
    found = np.zeros(len(patterns))
    for other in others:
        correlation = rows @ _standardised(other).T
        mine, theirs = linear_sum_assignment(-correlation)
        found[mine] += correlation[mine, theirs]
    return found / len(others)


def _standardised(patterns: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = patterns - patterns.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    flat = norms <= 1e-12 * np.linalg.norm(patterns, axis=1, keepdims=True)
    return np.divide(centred, norms, out=np.zeros_like(centred), where=~flat)
