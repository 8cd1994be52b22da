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
# Blur in pixels that gives the level of the image.
_LEVEL = 4.0
# Level over the noise of a pixel at which columns at the border are compared.
_LIT = 5.0
# Lines at the border of which it is known on one side only what should be there, by which factor
# they must be off, and over how many lines a median is taken to say so.
_BORDER, _FACTOR, _SPAN = 8, 1.5, 33


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


def find_lines(
    mean: NDArray[np.float64], error: NDArray[np.float64], constant: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Find rows and columns, whole or halves of them, that do not belong to the image.

    No image is as straight as a line of pixels from edge to edge: its ratio to the lines beside
    it, taken as the median over the line, is 1.

    Parameters
    ----------
    mean, error
        Mean pattern and its standard uncertainty, ``(n_v, n_u)``.
    constant
        Pixels known as bad.

    Returns
    -------
    numpy.ndarray
        ``(n_v, n_u)``, True = in such a line.
    """
    found = _along(mean, error, constant)
    return np.asarray(found | _along(mean.T, error.T, constant.T).T)


def _along(
    mean: NDArray[np.float64], error: NDArray[np.float64], constant: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Find columns."""
    found = _at_border(mean, error, constant)
    for rows in _halves(len(mean)):
        for _ in range(3):
            unlike = _unlike_neighbours(mean[rows], error[rows], constant[rows] | found[rows])
            if not unlike.any():
                break
            found[rows, unlike] = True
    return found


def _unlike_neighbours(
    mean: NDArray[np.float64], error: NDArray[np.float64], bad: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Columns whose pixels differ from those of the two good columns on either side."""
    n_v, n_u = mean.shape
    unlike = np.zeros(n_u, bool)
    usable = np.flatnonzero(bad.mean(axis=0) < 1 - _MOSTLY)
    if len(usable) < 8:
        return unlike
    values = np.where(bad, np.nan, mean)[:, usable]
    # Where the level is told by more than the pixels compared, these are not chosen by their noise.
    level = ndimage.gaussian_filter(filled(mean, bad), _LEVEL, mode="nearest")[:, usable]
    ratio, spread = np.full(len(usable), np.nan), np.full(len(usable), np.nan)
    for i in range(len(usable)):
        beside = [j for j in (i - 2, i - 1, i + 1, i + 2) if 0 <= j < len(usable)]
        if len(beside) < 4:
            continue
        expected = np.median(values[:, beside], axis=1)
        # Only where there is something to compare.
        seen = level[:, i] > error[:, usable[i]]
        if seen.sum() < max(0.3 * n_v, 8):
            continue
        quotients = 1 + (values[seen, i] - expected[seen]) / level[seen, i]
        quotients = quotients[np.isfinite(quotients)]
        if len(quotients) < 8:
            continue
        ratio[i] = np.median(quotients) - 1
        deviation = MAD_TO_SIGMA * np.median(np.abs(quotients - 1 - ratio[i]))
        spread[i] = 1.25 * deviation / np.sqrt(len(quotients))
    known = np.isfinite(ratio)
    if known.sum() < 8:
        return unlike
    others = MAD_TO_SIGMA * np.median(np.abs(ratio[known]))
    limit = np.maximum(_CERTAIN * np.maximum(spread, np.nanmedian(spread)), _UNLIKE * others)
    with np.errstate(invalid="ignore"):
        strange = known & (np.abs(ratio) > limit) & (np.abs(ratio) > 0.05)
    # Of neighbours that accuse each other the stranger one is it.
    peak = ndimage.maximum_filter1d(np.where(known, np.abs(ratio), 0), 5, mode="constant")
    unlike[usable[strange & (np.abs(ratio) >= 0.5 * peak)]] = True
    return unlike


def _at_border(
    mean: NDArray[np.float64], error: NDArray[np.float64], found: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Columns at the border, on one side of which there is nothing to compare with."""
    flags = np.zeros(mean.shape, bool)
    n_u = mean.shape[1]
    if n_u < 2 * _SPAN:
        return flags
    for side in (slice(0, _SPAN), slice(n_u - _SPAN, n_u)):
        strip = np.where(found[:, side], np.nan, mean[:, side])
        strip = strip if side.start == 0 else strip[:, ::-1]
        farther_in = strip[:, _BORDER : 2 * _BORDER]
        seen = np.isfinite(farther_in).any(axis=1)
        inner = np.zeros(len(strip))
        inner[seen] = np.nanmedian(farther_in[seen], axis=1)
        # Of noise there is no logarithm.
        lit = inner > _LIT * np.median(error[:, side], axis=1)
        if lit.sum() < 8:
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            level = np.log(np.maximum(strip[lit, : 2 * _BORDER], 1e-12) / inner[lit, None])
        # What is smooth falls off from one column to the next as it does farther in.
        middle = np.nanmedian(level, axis=0)
        scatter = MAD_TO_SIGMA * np.nanmedian(np.abs(level - middle), axis=0)
        step = np.abs(np.diff(middle))
        usual = np.nanmedian(step[_BORDER:]) if step[_BORDER:].size else 0.0
        for number in range(_BORDER, 0, -1):
            outside, beside = slice(0, number), slice(number, _BORDER + number)
            jump = step[number - 1]
            strange = np.abs(middle[outside] - np.nanmedian(middle[beside])) > np.log(_FACTOR)
            rough = scatter[outside] > 3 * np.nanmedian(scatter[beside]) + 0.1
            if (strange | rough).all() and (jump > max(np.log(_FACTOR), 10 * usual) or rough.all()):
                columns = np.arange(number) if side.start == 0 else n_u - 1 - np.arange(number)
                flags[:, columns] = True
                break
    return flags
