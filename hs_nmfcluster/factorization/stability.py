"""How reproducibly each component returns in other restarts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def pattern_stability(
    patterns: NDArray[np.float64],
    others: Sequence[NDArray[np.floating[Any]]] | NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Mean correlation of each pattern with its counterpart in every other restart.

    Counterparts are matched one to one (Hungarian method) so that the summed correlation is
    largest. 1 = found again by every restart, 0 = by none.

    Parameters
    ----------
    patterns
        ``(k, n_pixels)`` of the restart in question.
    others
        The same of each other restart.

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
    rows = _standardised(patterns)
    return matched([rows @ _standardised(other).T for other in others], len(patterns))


def matched(similarities: Sequence[NDArray[np.floating[Any]]], k: int) -> NDArray[np.float64]:
    """Mean similarity of each of k components to its counterpart in every other restart.

    Parameters
    ----------
    similarities
        For each other restart, ``(k, k)``: its components along the second axis.
    k
        Number of components.

    Returns
    -------
    numpy.ndarray
        ``(k,)``; NaN without another restart.

    Examples
    --------
    >>> import numpy as np
    >>> matched([np.array([[0.1, 0.9], [0.8, 0.7]])], 2).tolist()
    [0.9, 0.8]
    """
    if not len(similarities):
        return np.full(k, np.nan)
    found = np.zeros(k)
    for similarity in similarities:
        mine, theirs = linear_sum_assignment(-similarity)
        found[mine] += similarity[mine, theirs]
    return found / len(similarities)


def _standardised(patterns: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    centred = patterns - patterns.mean(axis=1, keepdims=True, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    flat = norms <= 1e-12 * np.linalg.norm(patterns, axis=1, keepdims=True)
    return np.divide(centred, norms, out=np.zeros_like(centred), where=~flat)
