"""Patterns without holes that are narrower than the direct beam: no unnatural drops."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Steps (rows, columns) of the segments along which holes are sought.
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
# Intensities of the halo below this share of its largest do not tell its shape.
_FAINT = 1e-3

Operation = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def fill_holes(
    patterns: NDArray[np.float64],
    radius: float,
    scale: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.float64]:
    """Fill what is lower than its surroundings on both sides along every direction.

    A grey-level closing by a line segment raises whatever is shorter than the segment and lower
    than both of its ends. The smallest of the closings along eight directions is taken, which is
    a closing again (Ronse & Heijmans, CVGIP Image Underst. 54, 74, 1991): only
    what is short in *every* direction is filled, to the level of its lowest rim. Slopes, the
    valleys between the rings of a halo and the gap between two close spots are open along one
    direction and stay, as does everything upward. By a disc, all of these would be raised.

    Parameters
    ----------
    patterns
        ``(k, n_v, n_u)``; NaN = masked, which no hole is part of.
    radius
        Half the length of the segments: the radius of the largest hole that is filled.
    scale
        Size of a pixel along ``(x, y)`` in the unit of `radius`.

    Returns
    -------
    numpy.ndarray
        Nowhere smaller than `patterns`; NaN where these are.

    Examples
    --------
    >>> import numpy as np
    >>> pattern = np.ones((1, 5, 5))
    >>> pattern[0, 2, 2] = 0
    >>> bool((fill_holes(pattern, radius=1) == 1).all())
    True
    """
    masked = np.isnan(patterns)
    raised = np.full(patterns.shape, np.inf)
    for step, number in _segments(radius, scale):
        highest = _along(np.maximum, np.where(masked, -np.inf, patterns), step, number, -np.inf)
        lowest = _along(np.minimum, np.where(masked, np.inf, highest), step, number, np.inf)
        raised = np.minimum(raised, lowest)
    return np.where(masked, np.nan, raised)


def _segments(radius: float, scale: tuple[float, float]) -> Iterator[tuple[tuple[int, int], int]]:
    """Directions, and the number of steps along each that cover the radius."""
    for rows, columns in _DIRECTIONS:
        length = np.hypot(rows * scale[1], columns * scale[0])
        yield (rows, columns), max(1, int(np.ceil(radius / length - 1e-9)))


def _along(
    operation: Operation,
    images: NDArray[np.float64],
    step: tuple[int, int],
    number: int,
    outside: float,
) -> NDArray[np.float64]:
    """Extreme over the segment from -number to +number steps around every pixel."""
    rows, columns = step
    if columns < 0:
        mirrored = _along(operation, images[..., ::-1], (rows, -columns), number, outside)
        return mirrored[..., ::-1]
    margins = ((0, 0), (number * rows,) * 2, (number * columns,) * 2)
    found = np.pad(images, margins, constant_values=outside)
    width = 1
    # Each operation doubles the segment that has been covered.
    while width < 2 * number + 1:
        shift = min(width, 2 * number + 1 - width)
        n_v, n_u = found.shape[1] - shift * rows, found.shape[2] - shift * columns
        ahead = found[:, shift * rows :, shift * columns :]
        found = operation(found[:, :n_v, :n_u], ahead)
        width += shift
    return found


def halo_level(
    mean_pattern: NDArray[np.float64], kept: NDArray[np.bool_], radius: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Smooth shape of the halo: the median around each ring of the mean pattern.

    Parameters
    ----------
    mean_pattern
        ``(n_v, n_u)``.
    kept
        Pixels that are not masked.
    radius
        Distance from the direct beam in pixels, ``(n_v, n_u)``.

    Returns
    -------
    numpy.ndarray
        ``(n_v, n_u)``, positive; 1 where the mean pattern shows no halo.
    """
    ring = np.round(radius).astype(int)
    rings = np.unique(ring[kept])
    medians = [float(np.median(mean_pattern[kept & (ring == number)])) for number in rings]
    level = np.interp(radius, rings, medians)
    highest = max(medians)
    return np.maximum(level, _FAINT * highest) if highest > 0 else np.ones(level.shape)


@dataclass(frozen=True)
class HoleFilling:
    """The filling of holes in the patterns of one scan.

    Parameters
    ----------
    kept
        Pixels that are not masked, ``(n_v, n_u)``.
    level
        Shape of the halo, from :func:`halo_level`. Holes are filled in the patterns divided by
        it: on the flank of a narrow ring, the ring itself would open a hole to its low side.
    radius, scale
        As for :func:`fill_holes`.
    """

    kept: NDArray[np.bool_]
    level: NDArray[np.float64]
    radius: float
    scale: tuple[float, float] = (1.0, 1.0)

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fill the holes of patterns ``(k, n_pixels)`` of the kept pixels."""
        level = self.level[self.kept]
        patterns = np.full((len(rows), *self.kept.shape), np.nan)
        patterns[:, self.kept] = rows / level
        filled = fill_holes(patterns, self.radius, self.scale)[:, self.kept] * level
        # Division and multiplication leave rounding, also where there is nothing to fill.
        return np.maximum(filled, rows)

    def around(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of each pattern ``(k, n_pixels)`` over the disk of the radius around each pixel."""
        patterns = np.zeros((len(rows), *self.kept.shape))
        patterns[:, self.kept] = rows
        sums = ndimage.convolve(patterns, self._disk()[None], mode="constant")
        return sums[:, self.kept]

    def _disk(self) -> NDArray[np.float64]:
        reach = [int(self.radius / size) for size in self.scale[::-1]]
        y, x = (np.arange(-n, n + 1) * s for n, s in zip(reach, self.scale[::-1], strict=True))
        disk = np.hypot(y[:, None], x[None, :]) <= self.radius * (1 + 1e-9)
        return disk.astype(np.float64)
