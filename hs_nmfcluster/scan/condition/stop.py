"""The shadow of a beam stop."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.beam import center_of_symmetry

# Shares of the brightness around it below which a shadow is looked for, one after the other: the
# less light is in it, the better it is told from what is naturally dark, as between beam and halo.
_DARK = (0.02, 0.05, 0.1, 0.15)
# Side of the square in which something bright must be around a shadow, over the detector's.
_REACH = 0.4
# Standard uncertainties of a pixel by which it is darker than its surroundings.
_CERTAIN = 4.0
# Share of the detector that a stop hides at least and at most.
_LEAST, _MOST = 0.003, 0.4
# Pixels that the shadow's edge may be blurred over, and the share of the brightness all around the
# beam, at its distance from it, that a pixel of the edge has less than.
_BLUR, _FULL = 2, 0.9
# Pixels in which the brightness rises at the edge of a shadow, by a factor of at least so much,
# along at least this share of the edge.
_EDGE, _RISE, _SHARP = 3, 3.0, 0.6


def find_stop(
    mean: NDArray[np.float64], error: NDArray[np.float64], lines: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Find a dark region with a sharp edge that comes in from the border of the detector.

    Parameters
    ----------
    mean
        Mean pattern in which bad lines are filled, ``(n_v, n_u)``.
    error
        Its standard uncertainty.
    lines
        These; no edge is looked for beside them.

    Returns
    -------
    numpy.ndarray
        ``(n_v, n_u)``, True = in the shadow or its blurred edge.
    """
    nothing = np.zeros(mean.shape, bool)
    smooth = ndimage.median_filter(np.maximum(mean, 0.0), 3, mode="nearest")
    if min(mean.shape) < 16 or not smooth.any():
        return nothing
    size = max(int(_REACH * min(mean.shape)), 5)
    # It is dark beyond the border, so that what falls off towards it is no shadow.
    padded = ndimage.grey_closing(np.pad(smooth, size), (size, size))
    envelope = padded[size:-size, size:-size]
    surely = envelope - smooth > _CERTAIN * ndimage.median_filter(error, 3, mode="nearest")
    for share in _DARK:
        dark = ndimage.binary_opening((smooth < share * envelope) & surely, np.ones((3, 3)))
        labels, _ = ndimage.label(dark)
        sizes = np.bincount(labels.ravel())[1:]
        for label in 1 + np.flatnonzero(sizes >= _LEAST * mean.size):
            region = labels == label
            if _is_stop(region, smooth, lines):
                grown = ndimage.binary_dilation(region, np.ones((3, 3)), iterations=_BLUR)
                # The point about which all else is symmetric is behind it.
                center = center_of_symmetry(smooth, grown | lines)
                if center is not None and grown[round(center[1]), round(center[0])]:
                    return region | (grown & _dimmed(mean, grown | lines, center))
    return nothing


def _dimmed(
    mean: NDArray[np.float64], unknown: NDArray[np.bool_], center: tuple[float, float]
) -> NDArray[np.bool_]:
    """Pixels that are darker than those that are known at the same distance from the beam."""
    y, x = np.indices(mean.shape)
    ring = np.hypot(x - center[0], y - center[1]).round().astype(np.int64)
    known = np.flatnonzero(np.bincount(ring[~unknown], minlength=ring.max() + 1))
    level = np.full(ring.max() + 1, np.inf)
    level[known] = ndimage.median(mean[~unknown], ring[~unknown], known)
    return np.asarray(mean < _FULL * level[ring])


def _is_stop(
    region: NDArray[np.bool_], smooth: NDArray[np.float64], lines: NDArray[np.bool_]
) -> bool:
    border = region[[0, -1]].any() or region[:, [0, -1]].any()
    if not border or region.mean() > _MOST:
        return False
    # Dark between the disks of a crystal is a net, with the disks as its holes.
    padded = np.pad(region, 1)
    if ndimage.binary_fill_holes(padded).sum() > 1.1 * padded.sum():
        return False
    outside = ndimage.binary_dilation(region, np.ones((3, 3)), iterations=_EDGE) & ~region
    inside = region & ~ndimage.binary_erosion(region, np.ones((3, 3)), border_value=1)
    beyond = ndimage.maximum_filter(np.where(outside, smooth, 0.0), 2 * _EDGE + 1, mode="nearest")
    inside &= ~ndimage.binary_dilation(lines, np.ones((3, 3)))
    if not inside.any():
        return False
    deep = ndimage.minimum_filter(smooth, 3, mode="nearest")
    rises = beyond[inside] > _RISE * deep[inside]
    return bool(rises.mean() > _SHARP)
