"""Where the beam lay in each component's pattern, where it moved and nothing was said of it."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.beam import center_of_symmetry
from hs_nmfcluster.scan.detector import Detector

# Pixels up to which a wrong centre does no harm, as the pairs of spots on a ring have their own and
# rotations are those of both spots of a pair; and from which on it is another's.
_GOOD, _FAR = 1.0, 7.5
# The same as a share of what the detector holds around the centre.
_NEAR = 0.25
# A centre is another one if that makes the pattern more symmetric by so many standard deviations.
_CERTAIN = 6.0
# Neighbours of a pixel that do not tell more than it does.
_ALIKE = 8
# Patterns that are looked at first, and the share of them that lies off if the beam has moved.
_FIRST, _MOVED = 64, 0.1


def own_centers(patterns: NDArray[np.floating], detector: Detector) -> NDArray[np.float64] | None:
    """Find the beam in each pattern by its symmetry: rings and Friedel pairs both have it.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    detector
        Geometry around the centre of all.

    Returns
    -------
    numpy.ndarray
        ``(n, 2)`` as (x, y) in pixels, the detector's own centre where nothing else is certain;
        None where that is so of nearly all patterns.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:41, :41]
    >>> def pair(cx, cy):
    ...     spots = ((cx - 9, cy - 4), (cx + 9, cy + 4), (cx + 5, cy - 8), (cx - 5, cy + 8))
    ...     return sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 4) for a, b in spots)
    >>> patterns = np.stack([pair(20, 20), pair(21.5, 19), pair(18, 20), pair(20, 22)])
    >>> own_centers(patterns, Detector((41, 41), (20.0, 20.0))).round(1).tolist()
    [[20.0, 20.0], [21.5, 19.0], [18.0, 20.0], [20.0, 22.0]]
    """
    first = np.unique(np.linspace(0, len(patterns) - 1, _FIRST).astype(np.intp))
    found = {int(k): _own_center(patterns[k], detector) for k in first}
    if sum(center != detector.center for center in found.values()) <= max(_MOVED * len(first), 1):
        return None
    return np.array(
        [
            found[k] if k in found else _own_center(pattern, detector)
            for k, pattern in enumerate(patterns)
        ]
    )


def _own_center(pattern: NDArray[np.floating], detector: Detector) -> tuple[float, float]:
    known = detector.center
    found = center_of_symmetry(np.nan_to_num(pattern), np.isnan(pattern))
    # On a small detector a single spot is near enough, and symmetric about itself.
    far = min(_FAR, _NEAR * detector.inscribed_radius / detector.pixel)
    if found is None or not _GOOD < np.hypot(found[0] - known[0], found[1] - known[1]) < far:
        return known
    before, after = (_symmetry(pattern, center) for center in (known, found))
    n = np.isfinite(pattern).sum() / (2 * _ALIKE)
    # Fisher's transform: the standard deviation of each is 1/√n.
    surer = (np.arctanh(after) - np.arctanh(before)) * np.sqrt(max(n - 3, 0) / 2)
    return found if surer > _CERTAIN else known


def _symmetry(pattern: NDArray[np.floating], center: tuple[float, float]) -> float:
    """Correlation of a pattern with itself turned by 180° about a centre."""
    image = np.sqrt(np.maximum(np.nan_to_num(pattern), 0.0))
    y, x = np.indices(pattern.shape)
    opposite = np.stack([2 * center[1] - y, 2 * center[0] - x])
    turned = ndimage.map_coordinates(image, opposite, order=1)
    measured = np.isfinite(pattern)
    both = measured & (ndimage.map_coordinates(1.0 * measured, opposite, order=1) > 1 - 1e-6)
    if both.sum() < _ALIKE or not (np.ptp(image[both]) > 0 and np.ptp(turned[both]) > 0):
        return 0.0
    return float(np.clip(np.corrcoef(image[both], turned[both])[0, 1], -1 + 1e-9, 1 - 1e-9))
