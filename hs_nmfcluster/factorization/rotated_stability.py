"""How reproducibly components return in other restarts if they may be turned in the plane."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.alignable import RotatablePatterns
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.factorization.stability import matched
from hs_nmfcluster.scan.detector import Detector

# Degrees of a bin are 360 over this: reflections are wider, and single degrees take three times
# as long to compare.
_AZIMUTHAL_BINS = 180


def rotated_stability(
    patterns: NDArray[np.floating], others: Iterable[NDArray[np.floating]], detector: Detector
) -> NDArray[np.float64]:
    """Mean similarity of each pattern to its counterpart in every other restart, rotated onto it.

    Similarity is that of the clustering: the highest correlation over all in-plane rotations.
    Where many crystals of a kind lie at all angles, restarts need not find the same angles. Then
    components return as a kind, though not as they lie: this figure is high, and
    :func:`~hs_nmfcluster.factorization.stability.pattern_stability` is not.

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
