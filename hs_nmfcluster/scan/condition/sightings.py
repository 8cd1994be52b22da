"""Where the beam was in each block of positions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.beam import windowed_centroid
from hs_nmfcluster.scan.blocks import Blocks
from hs_nmfcluster.scan.filling import filled

# Rounds of the comparison with the mean of all.
_ROUNDS = 4
# Blur in pixels under which patterns are compared where no beam is to be seen.
_BLUR = 2.0
# Electrons in the beam that make a sighting: with fewer of them, more lines are put together.
_ENOUGH = 400.0
# Lines of blocks that are left at least.
_LINES = 8


@dataclass(frozen=True, eq=False)
class Sightings:
    """Patterns of blocks, and where the beam was in them.

    Parameters
    ----------
    patterns
        Sums, ``(n, n_v, n_u)``, binned.
    centers
        Beam ``(x, y)`` in pixels of the detector, ``(n, 2)``; relative to each other only where
        the beam is hidden.
    places
        Mean ``(column, line)`` of the blocks.
    weights
        Their numbers of positions.
    """

    patterns: NDArray[np.float64]
    centers: NDArray[np.float64]
    places: NDArray[np.float64]
    weights: NDArray[np.float64]


def see_beam(
    blocks: Blocks,
    bad: NDArray[np.bool_],
    center: tuple[float, float],
    radius: float,
    *,
    hidden: bool,
    unit: float,
) -> Sightings:
    """Find where the beam was in each block of positions.

    Parameters
    ----------
    blocks
        Sums of neighbouring patterns.
    bad
        Pixels to leave out, ``(n_v, n_u)``.
    center
        Of the beam in pixels, roughly.
    radius
        Of the beam in pixels, roughly.
    hidden
        Whether the beam cannot be seen: then patterns are compared with the mean of all.
    unit
        What one electron counts.
    """
    binning = blocks.layout.binning
    coarse = binned_mask(bad, blocks)
    middle = (np.array(center) - (binning - 1) / 2) / binning
    width = max(radius / binning, 1.0)
    blocks = _summed_up(blocks, coarse, middle, width, unit)
    patterns = blocks.sums
    found = _against_mean(patterns, coarse) if hidden else _middles(patterns, coarse, width)
    centers = found * binning + (binning - 1) / 2
    known = np.isfinite(centers).all(axis=1)
    weights = blocks.n_positions.astype(float)
    patterns = patterns if known.all() else patterns[known]
    return Sightings(patterns, centers[known], blocks.places[known], weights[known])


def binned_mask(bad: NDArray[np.bool_], blocks: Blocks) -> NDArray[np.bool_]:
    """Pixels of a block's sum that a bad one contributes to."""
    if blocks.layout.binning == 1:
        return bad
    return blocks.layout.bin(bad.astype(float).ravel()).reshape(blocks.layout.binned_shape) > 0


def _summed_up(
    blocks: Blocks, bad: NDArray[np.bool_], middle: NDArray[np.float64], width: float, unit: float
) -> Blocks:
    """Put lines together until each block has enough electrons in the beam."""
    y, x = np.indices(bad.shape)
    near = (np.hypot(x - middle[0], y - middle[1]) < 2 * width) & ~bad
    near = near if near.any() else ~bad
    lines = blocks.places[:, 1]
    while len(np.unique(lines.round(3))) >= 2 * _LINES:
        electrons = blocks.sums[:, near].sum(axis=1) / unit
        if np.median(electrons) >= _ENOUGH:
            break
        blocks = _paired(blocks)
        lines = blocks.places[:, 1]
    return blocks


def _paired(blocks: Blocks) -> Blocks:
    """Add the blocks of every two lines."""
    columns, lines = blocks.places.round(3).T
    order = np.unique(lines, return_inverse=True)[1] // 2
    along = np.minimum(columns // blocks.layout.columns_each, blocks.layout.n_columns)
    _, group = np.unique(np.column_stack([order, along]), axis=0, return_inverse=True)
    number = group.max() + 1
    n = np.bincount(group, blocks.n_positions, number)
    sums = np.zeros((number, *blocks.sums.shape[1:]))
    np.add.at(sums, group, blocks.sums)
    places = np.stack(
        [np.bincount(group, p * blocks.n_positions, number) / n for p in blocks.places.T], axis=1
    )
    return Blocks(blocks.layout, sums, n.astype(np.int64), places)


def _middles(
    patterns: NDArray[np.float64], bad: NDArray[np.bool_], width: float
) -> NDArray[np.float64]:
    """Middle of the brightest spot as wide as the beam in each pattern, ``(n, 2)`` of (x, y)."""
    blur = max(width / 2, 0.7)
    shown = np.where(bad, 0.0, patterns) if bad.any() else patterns
    # To find the brightest pixel single precision is enough.
    smooth = ndimage.gaussian_filter(shown, (0, blur, blur), truncate=2.0, output=np.float32)
    brightest = np.unravel_index(smooth.reshape(len(smooth), -1).argmax(axis=1), bad.shape)
    rows, columns = (places.tolist() for places in brightest)
    middles = [
        _middle(one, bad, (x, y), width) for one, x, y in zip(patterns, columns, rows, strict=True)
    ]
    return np.array([(np.nan, np.nan) if one is None else one for one in middles])


def _middle(
    pattern: NDArray[np.float64], bad: NDArray[np.bool_], brightest: tuple[int, int], width: float
) -> tuple[float, float] | None:
    """Middle ``(x, y)`` of the spot around the brightest pixel, None where nothing is known."""
    reach = int(np.ceil(4 * width)) + 2
    x, y = brightest
    u, v = max(x - reach, 0), max(y - reach, 0)
    around = slice(v, y + reach + 1), slice(u, x + reach + 1)
    spot, unknown = pattern[around], bad[around]
    if (~unknown).sum() < 4 or spot.sum() <= 0:
        return None
    level = np.percentile(spot[~unknown], 20)
    found = windowed_centroid(spot - level, unknown, (x - u, y - v), width)
    return None if found is None else (found[0] + u, found[1] + v)


def _against_mean(patterns: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Offsets of patterns from their common mean, ``(x, y)``, by least squares on its slopes.

    In rounds, as the mean gets sharper when its patterns are brought together.
    """
    reach = int(np.ceil(2 * _BLUR))
    near_bad = ndimage.binary_dilation(bad, np.ones((3, 3)), iterations=reach)
    use = np.zeros(bad.shape, bool)
    use[reach:-reach, reach:-reach] = ~near_bad[reach:-reach, reach:-reach]
    if use.sum() < 50:
        return np.full((len(patterns), 2), np.nan)
    # All of them together are large, and what is smooth is exact enough in single precision.
    smooth, moved = np.empty((2, *patterns.shape), np.float32)
    for place, one in zip(smooth, patterns, strict=True):
        ndimage.gaussian_filter(filled(one, bad), _BLUR, mode="nearest", output=place)
    offsets = np.zeros((len(patterns), 2))
    for _ in range(_ROUNDS):
        for place, one, offset in zip(moved, smooth, offsets, strict=True):
            ndimage.shift(one, -offset[::-1], order=1, mode="nearest", output=place)
        mean = moved.mean(axis=0, dtype=np.float64)
        slope_y, slope_x = np.gradient(mean)
        # Counts of which a dark level was taken off may be negative.
        level = np.maximum(mean[use], 1e-12 + 0.01 * np.abs(mean[use]).mean())
        terms = np.stack([mean[use], slope_x[use], slope_y[use]], axis=1) / np.sqrt(level)[:, None]
        for i, one in enumerate(moved):
            fit = np.linalg.lstsq(terms, one[use] / np.sqrt(level), rcond=None)[0]
            if fit[0] > 0:
                offsets[i] -= fit[1:] / fit[0]
        offsets -= offsets.mean(axis=0)
    return offsets
