"""Pixels that do not say how many electrons came: dead, hot, noisy, in lines, saturated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm

from hs_nmfcluster.scan.condition.lines import find_gaps, find_lines, find_no_electrons
from hs_nmfcluster.scan.condition.neighbours import around, farther, trimmed_mean
from hs_nmfcluster.scan.condition.sharpness import least_spread
from hs_nmfcluster.scan.condition.stop import find_stop
from hs_nmfcluster.scan.filling import filled
from hs_nmfcluster.scan.noise import MAD_TO_SIGMA
from hs_nmfcluster.scan.survey import Survey

# Expected number of false findings on a whole detector.
_FALSE = 1e-3
# Share of the height of a natural peak, however sharp, that is on the safe side of its neighbours'.
_SAFE = 0.7
# The same for the pixels at the edge of a large disk.
_EDGE = 0.2
# A dead pixel counts less than this share of what all but one of its neighbours do.
_DEAD = 0.5
# Electrons that are expected in a pixel that never changes, over those that would do if it were
# sure that they come; and what the pixels beside a saturated one count at least, over it.
_SOME, _FLANK = 1.3, 0.1
# A noisy pixel varies so many times more than it should, and that so many standard deviations.
_NOISY, _SURELY_NOISY = 2.0, 8.0
# Values beyond the largest that chance would bring, were it not cut off, and counts from which on
# a variance means something.
_CUT_OFF, _ENOUGH = 30.0, 30.0
# Side of the squares within which pixels are like each other.
_SQUARE = 16


@dataclass(frozen=True, eq=False)
class PixelDefects:
    """Pixels that are not used, ``(n_v, n_u)`` each, True = such a one.

    Parameters
    ----------
    dead
        Never count anything, or much less than their neighbours.
    hot
        Count more than electrons can bring beside what their neighbours count.
    noisy
        Vary more than electrons, or the specimen, can make them.
    lines
        Rows and columns, or halves of them: gaps between chips, their bright edges, metadata.
    stop
        Behind a beam stop.
    saturated
        Cut off at the largest value that there can be.
    """

    dead: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    noisy: NDArray[np.bool_]
    lines: NDArray[np.bool_]
    stop: NDArray[np.bool_]
    saturated: NDArray[np.bool_]

    @property
    def bad(self) -> NDArray[np.bool_]:
        """All of them."""
        return self.hidden | self.saturated

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Those of which nothing is known; of saturated ones it is that they are bright."""
        return self.dead | self.hot | self.noisy | self.lines | self.stop


def find_pixels(look: Survey) -> PixelDefects:
    """Find the pixels that do not say how many electrons came.

    Parameters
    ----------
    look
        Sums over a scan.
    """
    mean, variance = look.mean, look.variance
    if not variance.any():
        return PixelDefects(*np.zeros((6, *mean.shape), bool))
    invalid = look.invalid > 0
    error = np.sqrt(variance / max(look.n_positions, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(mean > 0, variance / mean, 0.0)
    no_electrons = find_no_electrons(size, invalid)
    constant = _constant(look, no_electrons)
    saturated = _saturated(look, constant)
    lines = find_gaps(constant) | no_electrons
    stop = find_stop(filled(mean, lines), error, lines)
    lines |= find_lines(mean, error, constant | invalid | stop | lines)
    known = constant | lines | stop | invalid
    hot = np.zeros(mean.shape, bool)
    dead = np.zeros(mean.shape, bool)
    spread = least_spread(look.blocks, known)
    # Defects side by side hide each other until the first of them is known.
    for _ in range(4):
        brighter, darker = _unlike_neighbours(mean, variance, look.n_positions, known, spread)
        # Of what is cut off it is known that it is bright.
        brighter, darker = brighter & ~saturated, darker & ~saturated
        if not (brighter | darker).any():
            break
        hot, dead = hot | brighter, dead | darker
        known = known | brighter | darker
        spread = least_spread(look.blocks, known)
    noisy = _noisy(variance, mean, look.n_positions, known, spread) & ~saturated
    level = filled(mean, known)
    constant &= ~(lines | stop)
    return PixelDefects(
        dead=dead | (constant & (mean <= level)),
        hot=hot | (constant & (mean > level)),
        noisy=noisy,
        lines=lines & ~stop,
        stop=stop,
        saturated=saturated & ~(lines | stop),
    )


def _constant(look: Survey, unlike: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that never change, where their neighbours' counts would have made them.

    Of a pixel that counts electrons, and lets expect n of them in the whole scan, none is seen with
    a probability of exp(-n).
    """
    constant = look.minimum == look.maximum
    if constant.all() or look.n_positions < 3:
        return np.zeros(constant.shape, bool)
    varying = np.where(constant | unlike, 0.0, 1.0)
    # Variance over mean is the size of a count in whatever unit; both are additive.
    counts = varying * np.where(constant, 0.0, _counts(look.mean, look.variance, look.n_positions))
    expected, missing = np.zeros(constant.shape), constant.copy()
    for window in (5, 11, 21, 41):
        share = ndimage.uniform_filter(varying, window, mode="nearest")
        value = ndimage.uniform_filter(counts, window, mode="nearest")
        now = missing & (share > 0.2)
        expected[now] = value[now] / share[now]
        missing &= ~now
    # Not all of them, as the light may end here; and what is cut off in the middle of the beam
    # does not change either.
    cut_off = (look.minimum == look.maximum.max()) & (
        _second_highest(around(look.mean, unlike)) > (_FLANK * look.mean)
    )
    certain = expected > _SOME * np.log(constant.size / _FALSE)
    return np.asarray(constant & certain & ~cut_off)


def _counts(
    mean: NDArray[np.float64], variance: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    """Independent counts that would show the scatter which the values show."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, n * np.maximum(mean, 0.0) ** 2 / variance, 0.0)


def _unlike_neighbours(
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    n: int,
    known: NDArray[np.bool_],
    spread: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Hot and dead pixels by their mean.

    A pixel is one if it stands out from its neighbours by more than the noise, by more than pixels
    around there usually do, be it for their gain or for the texture of the image, and if what it
    shows is sharper than electrons draw: a spot brings something to the pixels beside it.
    """
    ordered = around(mean, known)
    beside, number = trimmed_mean(ordered)
    noise = trimmed_mean(around(variance, known))[0] / n
    background = farther(mean, known)
    scale = np.sqrt(noise * (1 + 1 / np.maximum(number, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = (mean - beside) / scale
        # Counts are skew; their square roots are not.
        size = noise * n / np.maximum(beside, 1e-300)
        unskewed = (
            2
            * (
                np.sqrt(np.maximum(mean, 0) * n / size + 0.375)
                - np.sqrt(np.maximum(beside, 0) * n / size + 0.375)
            )
            / np.sqrt(1 + 1 / np.maximum(number, 1))
        )
        score = np.where((beside > 0) & (np.abs(unskewed) < np.abs(plain)), unskewed, plain)
    # Where nothing ever changes there is no noise to judge by.
    tested = ~known & (number >= 3) & np.isfinite(score) & (scale > 0)
    score = np.where(tested, score, np.nan)
    score = score / np.maximum(_usual(score), 1.0)
    certain = -norm.ppf(_FALSE / max(tested.sum(), 1))

    height = mean - background
    # At the border a spot that is cut brings nothing to most neighbours, and so beside a gap.
    second = _second_highest(ordered)
    elevation = np.where(number < 6, second, beside)
    for border in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        elevation[border] = _highest(ordered)[border]
    elevation -= background
    uncertain = np.sqrt(noise * (1 / np.maximum(number, 1) + 1.5 / 16))
    with np.errstate(invalid="ignore"):
        sharper = elevation + 2.5 * uncertain < min(_SAFE * spread, _EDGE) * height
        # On a slope only what stands above its upper end is told from it.
        peak = mean > second + 3 * scale
        hot = tested & (score > certain) & sharper & peak
        # The least neighbour may be dead itself.
        dead = tested & (score < -certain) & (mean < _DEAD * ordered[1])
    return np.asarray(hot), np.asarray(dead)


def _highest(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    number = np.isfinite(ordered).sum(axis=0)
    return np.take_along_axis(ordered, np.maximum(number - 1, 0)[None], axis=0)[0]


def _second_highest(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Highest but one of the neighbours, as the highest may be a defect itself."""
    number = np.isfinite(ordered).sum(axis=0)
    return np.take_along_axis(ordered, np.maximum(number - 2, 0)[None], axis=0)[0]


def _usual(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Robust spread of scores within squares, smoothly from one to the next."""
    n_v, n_u = score.shape
    rows, columns = -(-n_v // _SQUARE), -(-n_u // _SQUARE)
    padded = np.full((rows * _SQUARE, columns * _SQUARE), np.nan)
    padded[:n_v, :n_u] = np.abs(score)
    blocks = padded.reshape(rows, _SQUARE, columns, _SQUARE).transpose(0, 2, 1, 3)
    squares = blocks.reshape(rows, columns, -1)
    enough = np.isfinite(squares).sum(axis=-1) >= 8
    everywhere = float(np.nanmedian(padded)) if np.isfinite(padded).any() else 1.0
    middle = np.full((rows, columns), everywhere)
    middle[enough] = np.nanmedian(squares[enough], axis=-1)
    middle = ndimage.maximum_filter(middle, 2, mode="nearest")
    grown = np.repeat(np.repeat(middle, _SQUARE, axis=0), _SQUARE, axis=1)[:n_v, :n_u]
    return np.asarray(MAD_TO_SIGMA * grown)


def _noisy(
    variance: NDArray[np.float64],
    mean: NDArray[np.float64],
    n: int,
    known: NDArray[np.bool_],
    spread: float,
) -> NDArray[np.bool_]:
    """Pixels whose variance is more than twice that of all but one neighbour, beyond chance.

    Where a spot comes and goes, its neighbours' variance does so as well, by the square.
    """
    if n < 16:
        return np.zeros(mean.shape, bool)
    ordered = around(variance, known)
    beside, number = trimmed_mean(ordered)
    background = farther(variance, known)
    counts = _counts(trimmed_mean(around(mean, known))[0], beside, n)
    relative = np.sqrt(3.0 / n + 1.0 / np.maximum(counts, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (variance - beside) / (beside * relative)
    # Neighbouring positions see the same atoms, so that there are fewer than n.
    usual = np.maximum(_usual(np.where(known, np.nan, score)), 1.0)
    second = _second_highest(ordered)
    height, elevation = variance - background, beside - background
    with np.errstate(invalid="ignore", divide="ignore"):
        sure = score > _SURELY_NOISY * usual
        natural = min(_SAFE * spread**2, _EDGE)
        sharper = elevation + usual * relative * beside < natural * height
        found = sure & sharper & (variance > _NOISY * second) & (counts > _ENOUGH)
    # Beside a gap the neighbours are on one side, on which the flank of a spot may fall.
    return np.asarray(found & ~known & (number >= 6))


def _saturated(look: Survey, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels whose values would go on beyond the largest that occurs anywhere.

    The tail of what is not cut off falls at least as fast as that of a normal distribution of the
    pixel's own mean and variance: of k values at the top, so and so many would lie beyond.
    """
    none = np.zeros(look.maximum.shape, bool)
    usable = ~known
    if not look.whole or not usable.any() or (look.minimum == look.maximum).all():
        return none
    top = look.maximum[usable].max()
    if top <= 0:
        return none
    at_top = usable & (look.maximum == top)
    variance = np.maximum(look.variance, 1e-12)
    beyond = look.at_maximum * np.exp(-np.maximum(top - look.mean, 0.0) / variance)
    beyond = np.where(look.minimum == look.maximum, look.at_maximum, beyond)
    if beyond[at_top].sum() < _CUT_OFF:
        return none
    return np.asarray(at_top & (beyond > 1.0))
