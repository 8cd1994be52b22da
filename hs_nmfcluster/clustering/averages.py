"""Averages over a group: patterns after rotation, maps after shift."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.clustering.correlation import translated
from hs_nmfcluster.scan.detector import Detector

# Share of an interpolated value that must come from measured pixels.
_HALF = 0.5 - 1e-6


def rotated_average(
    patterns: NDArray, angles: NDArray[np.floating], detector: Detector
) -> NDArray[np.float64]:
    """Mean of patterns after each has been rotated about the beam.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    angles
        ``(n,)`` degrees to rotate each by, from +x towards +y.
    detector
        Centre and scale. Angles are true angles also where the pixels are not square.

    Returns
    -------
    numpy.ndarray
        ``(n_v, n_u)``; NaN where none was measured.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.averages import rotated_average
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> pattern = np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, 0]])
    >>> rotated_average(pattern[None], [90], Detector((3, 3), center=(1, 1)))[2].round(9).tolist()
    [0.0, 1.0, 0.0]
    """
    moved = (_rotated(*one, detector) for one in zip(patterns, angles, strict=True))
    return _mean(moved, detector.shape)


def aligned_average(maps: NDArray, shifts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean of maps after each has been shifted, seen in the mean of their frames.

    Where a map does not reach it is taken for its own mean.

    Parameters
    ----------
    maps
        ``(n, *scan_shape)``, NaN where not measured.
    shifts
        ``(n, n_scan_axes)`` scan pixels that bring each map onto the others. The whole-pixel part
        of their mean is not applied.

    Returns
    -------
    numpy.ndarray
        ``scan_shape``; NaN where none was measured.
    """
    moves = shifts - np.round(shifts.sum(axis=0) / max(len(shifts), 1))
    # Each around its own mean: where a strong map ends, no edge is to be seen.
    levels = [float(np.nanmean(scan, dtype=np.float64)) for scan in maps]
    moved = (_shifted(*one) for one in zip(maps, levels, moves, strict=True))
    return _mean(moved, maps.shape[1:]) + (np.mean(levels) if levels else np.nan)


def on_detector(patterns: NDArray, source: Detector, target: Detector) -> NDArray[np.float64]:
    """Patterns as another detector sees them, ``(n, *target.shape)``.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    source, target
        Both in one unit. Intensities are those of a pixel of the source.

    Returns
    -------
    numpy.ndarray
        NaN where the source has not measured.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.averages import on_detector
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> moved = on_detector(np.eye(3)[None], Detector((3, 3), (1, 1)), Detector((2, 2), (0, 0)))
    >>> moved[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if source == target:
        return np.array(patterns, dtype=np.float64)
    seen = np.empty((len(patterns), *target.shape))
    for pattern, place in zip(patterns, seen, strict=True):
        values, weights = _rotated(pattern, 0.0, source, target)
        place[:] = np.where(weights > 0, values, np.nan)
    return seen


def _mean(
    moved: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Weighted mean of values with their weights, of which only one is held at a time."""
    sums = total = np.zeros(shape)
    for values, weights in moved:
        sums, total = sums + values * weights, total + weights
    return sums / np.where(total > 0, total, np.nan)


def _rotated(
    pattern: NDArray, angle: float, detector: Detector, target: Detector | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pattern rotated about the beam, seen by a detector, and 1 where it is measured, else 0."""
    target = detector if target is None else target
    measured = ~np.isnan(pattern)
    values = np.where(measured, pattern, 0).astype(np.float64)
    if angle == 0 and target == detector:
        return values, measured.astype(np.float64)
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    # In units of length the inverse rotation (y first) leads from where a value goes to where it
    # comes from; the geometry converts from pixels and back.
    to_pixels = np.linalg.inv(detector.matrix[::-1, ::-1])
    to_lengths = target.matrix[::-1, ::-1]
    matrix = to_pixels @ np.array([[cosine, -sine], [sine, cosine]]) @ to_lengths
    offset = np.array(detector.center[::-1]) - matrix @ np.array(target.center[::-1])
    seen = {"output_shape": target.shape, "order": 1, "mode": "grid-constant"}

    def turn(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return ndimage.affine_transform(image, matrix, offset, **seen)

    weights = turn(measured.astype(np.float64))
    known = weights >= _HALF
    return np.where(known, turn(values) / np.where(known, weights, 1), 0), known.astype(np.float64)


def _shifted(
    scan: NDArray, level: float, shift: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Map less its mean, shifted, and 1 where it is measured, else 0."""
    measured = ~np.isnan(scan)
    values = translated(np.where(measured, scan - level, 0.0), shift)
    weights = ndimage.shift(measured.astype(np.float64), shift, order=1, mode="grid-constant")
    known = weights >= _HALF
    return np.where(known, values, 0), known.astype(np.float64)
