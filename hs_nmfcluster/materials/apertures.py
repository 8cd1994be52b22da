"""Intensity in the spots of a pattern: what an aperture around each sums up above its ring."""

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.detector import Detector


def ring_means(
    pattern: NDArray[np.floating], free: NDArray[np.bool_], detector: Detector
) -> NDArray[np.float64]:
    """Mean around each ring of pixels that spots leave free, at each pixel's radius.

    A median says nothing of sums where most pixels hold no electron; a mean does.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``, NaN where not measured.
    free
        Pixels outside all spots, ``(n_v, n_u)``.
    detector
        Its geometry.

    Examples
    --------
    >>> import numpy as np
    >>> detector = Detector((5, 5), center=(2.0, 2.0))
    >>> pattern = np.eye(5)
    >>> float(ring_means(pattern, pattern == 0, detector).max())
    0.0
    """
    used = free & np.isfinite(pattern)
    if not used.any():
        return np.zeros(pattern.shape)
    radius = detector.radius() / detector.pixel
    bins = np.floor(radius).astype(np.intp)
    share = radius - bins
    # A pixel between two rings belongs to both, by its distance from each.
    size = int(bins.max()) + 2
    places = np.concatenate([bins[used], bins[used] + 1])
    weights = np.concatenate([1 - share[used], share[used]])
    total = np.bincount(places, weights, size)
    sums = np.bincount(places, weights * np.tile(pattern[used], 2), size)
    known = total > 0
    means = np.interp(np.arange(size), np.flatnonzero(known), sums[known] / total[known])
    return np.asarray((1 - share) * means[bins] + share * means[bins + 1])


def without_rings(
    pattern: NDArray[np.floating], kept: NDArray[np.bool_], detector: Detector
) -> NDArray[np.float64]:
    """Kept pixels of a pattern less the means of their rings: what its spots are, ``(n_pixels,)``.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``.
    kept
        Pixels that count, ``(n_v, n_u)``.
    detector
        Its geometry.

    Examples
    --------
    >>> rings = Detector((5, 5), (2, 2)).radius()
    >>> float(abs(without_rings(rings, rings < 9, Detector((5, 5), (2, 2)))).max()) < 0.5
    True
    """
    return np.asarray((pattern - ring_means(pattern, kept, detector))[kept])


def nearest_spot(
    x: NDArray[np.floating], y: NDArray[np.floating], reach: float, shape: tuple[int, int]
) -> NDArray[np.intp]:
    """Find the spot whose aperture holds each pixel, -1 where none does.

    Where apertures overlap, a pixel belongs to the nearer spot.

    Parameters
    ----------
    x, y
        Columns and rows of the spots, ``(n,)``.
    reach
        Radius of the apertures in pixels.
    shape
        Of the detector.

    Examples
    --------
    >>> nearest_spot(np.array([1.0, 4.0]), np.array([0.0, 0.0]), 1.0, (1, 6))
    array([[0, 0, 0, 1, 1, 1]])
    """
    owner = np.full(shape, -1, dtype=np.intp)
    closest = np.full(shape, reach)
    for number, (column, row) in enumerate(zip(x, y, strict=True)):
        rows = slice(max(int(np.ceil(row - reach)), 0), max(int(row + reach) + 1, 0))
        columns = slice(max(int(np.ceil(column - reach)), 0), max(int(column + reach) + 1, 0))
        v, u = np.ogrid[rows, columns]
        away = np.hypot(u - column, v - row)[: shape[0] - rows.start, : shape[1] - columns.start]
        window = closest[rows, columns]
        nearer = away <= window
        owner[rows, columns][nearer] = number
        window[nearer] = away[nearer]
    return owner


def aperture_sums(
    pattern: NDArray[np.floating],
    owner: NDArray[np.intp],
    n_spots: int,
    detector: Detector,
) -> NDArray[np.float64]:
    """Intensity in the aperture of each spot above the mean of its ring, ``(n_spots,)``.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``, NaN where not measured.
    owner
        From `nearest_spot`.
    n_spots
        Number of spots.
    detector
        Geometry.

    Examples
    --------
    >>> import numpy as np
    >>> pattern = np.ones((9, 9))
    >>> pattern[4, 7] = 5
    >>> owner = nearest_spot(np.array([7.0]), np.array([4.0]), 1.0, (9, 9))
    >>> aperture_sums(pattern, owner, 1, Detector((9, 9), (4.0, 4.0))).round(6)
    array([4.])
    """
    excess = np.nan_to_num(pattern - ring_means(pattern, owner < 0, detector))
    inside = owner >= 0
    return np.asarray(np.bincount(owner[inside], excess[inside], n_spots), dtype=np.float64)
