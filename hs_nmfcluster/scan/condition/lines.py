"""Rows and columns of bad pixels: gaps between chips, their bright edges, metadata."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.filling import filled
from hs_nmfcluster.scan.noise import MAD_TO_SIGMA

# A line is bad if so large a share of its pixels are.
_MOSTLY = 0.6
# Of a line, and of its halves, so much must be dead, in bands of so many lines at most: a beam
# stop darkens half of many lines.
_DEAD, _WIDE = (0.8, 0.6, 0.6), (6, 2, 2)
# A line is unlike its neighbours if its ratio to them is so many standard deviations from 1, and
# so many times farther from it than that of other lines.
_CERTAIN, _UNLIKE = 8.0, 6.0
# No line of an image is so far off the two on either side along most of its length.
_NEVER = 0.5
# Blur in pixels that gives the level of the image.
_LEVEL = 4.0
# Lines whose ratios are compared.
_NEARBY = 9
# Level over noise from which on a ratio has no bias.
_CLEAR = 10.0
# Lines at the border of which it is known on one side only what should be there, and the factor by
# which what one electron counts must be off in them.
_BORDER, _FACTOR = 8, 3.0


def find_gaps(constant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the rows and columns, or halves of them, that are dead, in bands of a few at most.

    Parameters
    ----------
    constant
        Pixels that never change though they should.
    """
    return np.asarray(_dead_columns(constant) | _dead_columns(constant.T).T)


def _dead_columns(constant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found = np.zeros(constant.shape, bool)
    for rows, share, most in zip(_halves(len(constant)), _DEAD, _WIDE, strict=False):
        dead = constant[rows].mean(axis=0) > share
        # What is wider is no gap but the arm of a beam stop.
        wide = ndimage.binary_opening(dead, np.ones(most + 1))
        found[rows, dead & ~wide] = True
    return found


def _halves(n: int) -> list[slice]:
    """All of a line, and its halves if it is long."""
    half = slice(0, n // 2), slice(n // 2, n)
    return [slice(0, n), *(half if n >= 32 else ())]


def find_no_electrons(size: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find rows and columns at the border that hold something else than electrons.

    Parameters
    ----------
    size
        Variance over mean of each pixel, which for electrons is what one of them counts.
    bad
        Pixels known as bad.
    """
    return np.asarray(_at_border(size, bad) | _at_border(size.T, bad.T).T)


def find_lines(
    mean: NDArray[np.float64], error: NDArray[np.float64], bad: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Find rows and columns, whole or halves of them, that do not belong to the image.

    No image is as straight as a line of pixels from edge to edge: its ratio to the lines beside
    it, taken as the median over the line, is 1.

    Parameters
    ----------
    mean, error
        Mean pattern and its standard uncertainty, ``(n_v, n_u)``.
    bad
        Pixels known as bad.

    Returns
    -------
    numpy.ndarray
        ``(n_v, n_u)``, True = in such a line.
    """
    return np.asarray(_along(mean, error, bad) | _along(mean.T, error.T, bad.T).T)


def _along(
    mean: NDArray[np.float64], error: NDArray[np.float64], bad: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Find columns."""
    found = np.zeros(mean.shape, bool)
    # Halves first: a line of which one half is dark, as behind the arm of a stop, is half a line.
    for rows in reversed(_halves(len(mean))):
        for _ in range(3):
            unlike = _unlike_neighbours(mean[rows], error[rows], bad[rows] | found[rows])
            if not unlike.any():
                break
            found[rows, unlike] = True
    return found


def _unlike_neighbours(
    mean: NDArray[np.float64], error: NDArray[np.float64], bad: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Columns whose pixels differ from those of the two good columns on either side."""
    n_u = mean.shape[1]
    unlike = np.zeros(n_u, bool)
    usable = np.flatnonzero(bad.mean(axis=0) < 1 - _MOSTLY)
    if len(usable) < 8:
        return unlike
    values = np.where(bad, np.nan, mean)[:, usable]
    # Where the level is told by more than the pixels compared, these are not chosen by their noise.
    level = ndimage.gaussian_filter(filled(mean, bad), _LEVEL, mode="nearest")[:, usable]
    ratio, spread, extreme = _ratios(values, level, error[:, usable])
    known = np.isfinite(ratio)
    if known.sum() < 8:
        return unlike
    # Where an image is curved, lines near each other are off alike.
    ratio[known] -= ndimage.median_filter(ratio[known], _NEARBY, mode="nearest")
    others = MAD_TO_SIGMA * np.median(np.abs(ratio[known]))
    usual = min(_UNLIKE * others, _NEVER)
    limit = np.maximum(_CERTAIN * np.maximum(spread, np.nanmedian(spread)), usual)
    with np.errstate(invalid="ignore"):
        strange = known & extreme & (np.abs(ratio) > limit) & (np.abs(ratio) > 0.05)
    # Of neighbours that accuse each other the stranger one is it.
    peak = ndimage.maximum_filter1d(np.where(known, np.abs(ratio), 0), 5, mode="constant")
    unlike[usable[strange & (np.abs(ratio) >= 0.8 * peak)]] = True
    return unlike


def _ratios(
    values: NDArray[np.float64], level: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Ratio of columns to those beside them, less 1, its error, and whether it is an extreme.

    Parameters
    ----------
    values
        ``(n_v, n)``, NaN where bad.
    level, error
        Of the image around each pixel, and the uncertainty of the pixel.

    Returns
    -------
    ratio, spread
        ``(n,)``, NaN where there is too little to compare.
    extreme
        Whether a column is beyond both of those two columns away: at the edge of a row of disks it
        is between them.
    """
    n_v, n = values.shape
    ratio, spread = np.full((2, n), np.nan)
    extreme = np.zeros(n, bool)
    left, right, own = values[:, :-4], values[:, 4:], values[:, 2:-2]
    level, error = level[:, 2:-2], error[:, 2:-2]
    expected = np.median([left, values[:, 1:-3], values[:, 3:-1], right], axis=0)
    # Only where there is something to compare.
    seen = level > error
    unit = np.where(seen, np.where(expected > _CLEAR * error, expected, level), np.nan)
    quotients = (own - expected) / unit
    quotients[~np.isfinite(quotients)] = np.nan
    number = np.isfinite(quotients).sum(axis=0)
    told = (seen.sum(axis=0) >= max(0.3 * n_v, 8)) & (number >= 8)
    middle = _medians(quotients)
    farther = np.stack([_medians((own - other) / unit) for other in (left, right)])
    low, high = farther.min(axis=0), farther.max(axis=0)
    beyond = np.where(middle > 0, low > 0.5 * middle, high < 0.5 * middle)
    deviation = MAD_TO_SIGMA * _medians(np.abs(quotients - middle))
    ratio[2:-2] = np.where(told, middle, np.nan)
    spread[2:-2] = np.where(told, 1.25 * deviation / np.sqrt(np.maximum(number, 1)), np.nan)
    extreme[2:-2] = told & beyond
    return ratio, spread, extreme


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each column without its NaN; NaN where there is nothing else."""
    # Sorted once: NaN come last.
    values = np.sort(values, axis=0)
    number = (~np.isnan(values)).sum(axis=0)
    columns = np.arange(values.shape[1])
    lower, upper = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, len(values) - 1)
    return (values[lower, columns] + values[upper, columns]) / 2


def _at_border(size: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Columns at the border that do not count electrons, be the image there what it may.

    On one side of these there is nothing to compare them with, but what an electron counts is the
    same everywhere.
    """
    flags = np.zeros(size.shape, bool)
    known = np.where(bad | (size <= 0), np.nan, size)
    seen = np.isfinite(known).sum(axis=0) >= 8
    if seen.sum() < 4 * _BORDER:
        return flags
    level = np.full(size.shape[1], np.nan)
    level[seen] = np.log(np.nanmedian(known[:, seen], axis=0))
    inside = level[_BORDER:-_BORDER]
    usual = np.nanmedian(inside)
    spread = MAD_TO_SIGMA * np.nanmedian(np.abs(inside - usual))
    with np.errstate(invalid="ignore"):
        strange = np.abs(level - usual) > np.log(_FACTOR) + _UNLIKE * spread
    for columns in (np.arange(_BORDER), size.shape[1] - 1 - np.arange(_BORDER)):
        # Those that follow the outermost one without a gap, and end with a step: what belongs to
        # the image changes little by little.
        number = int(np.logical_and.accumulate(strange[columns]).sum())
        if 0 < number < _BORDER:
            step = abs(level[columns[number]] - level[columns[number - 1]])
            flags[:, columns[:number]] = step > np.log(_FACTOR)
    return flags
