"""How reproducibly components return in other restarts, as they lie or turned in the plane."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hs_nmfcluster.clustering.alignable import RotatablePatterns
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.scan.detector import Detector

# Degrees of a bin are 360 over this: reflections are wider, and single degrees take three times
# as long to compare.
_AZIMUTHAL_BINS = 180


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


def rotated_stability(
    patterns: NDArray[np.floating], others: Iterable[NDArray[np.floating]], detector: Detector
) -> NDArray[np.float64]:
    """Mean similarity of each pattern to its counterpart in every other restart, rotated onto it.

    Similarity is that of the clustering: the highest correlation over all in-plane rotations.
    Where many crystals of a kind lie at all angles, restarts need not find the same angles. Then
    components return as a kind, though not as they lie: this figure is high, and
    :func:`pattern_stability` is not.

    Parameters
    ----------
    patterns
        ``(k, n_v, n_u)`` of the restart in question; NaN where masked.
    others
        The same of each other restart.
    detector
        Geometry, with the centre of rotation.

    Returns
    -------
    numpy.ndarray
        ``(k,)``, at most 1; NaN without another restart.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> patterns = np.zeros((2, 21, 21))
    >>> patterns[0, 10, 15] = patterns[1, 10, 18] = 1
    >>> turned = patterns.swapaxes(1, 2)
    >>> rotated_stability(patterns, [turned], Detector((21, 21), center=(10, 10))).round(2).tolist()
    [1.0, 1.0]
    """
    k = len(patterns)
    grid = PolarGrid.covering(detector, n_azimuthal=_AZIMUTHAL_BINS)
    # Single precision halves the time, and changes similarities by some 1e-6.
    first = grid.transform(np.asarray(patterns, dtype=np.float32))
    found = []
    for other in others:
        turned = grid.transform(np.asarray(other, dtype=np.float32))
        stack = RotatablePatterns(np.concatenate([first, turned]))
        found.append(stack.compare(slice(k), slice(k, 2 * k))[0])
    return matched(found, k)


def _standardised(patterns: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    centred = patterns - patterns.mean(axis=1, keepdims=True, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    flat = norms <= 1e-12 * np.linalg.norm(patterns, axis=1, keepdims=True)
    return np.divide(centred, norms, out=np.zeros_like(centred), where=~flat)
