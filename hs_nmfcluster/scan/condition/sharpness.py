"""How sharp an image can be: not sharper than the direct beam."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm

from hs_nmfcluster.scan.blocks import Blocks

# Standard deviation in pixels of a beam so thin that it hardly shows in the pixels beside it:
# what is taken where no beam is to be seen.
_THINNEST = 0.4
# A beam is somewhat thinner than its second moment says, if it lies between pixels.
_THINNER = 0.75
# Blocks that are looked at, and pixels around the brightest one.
_MOST_BLOCKS, _NEAR = 16, 6
# Height of the beam over what is around it, at least.
_STANDS_OUT = 5.0
# Share of its height that no other spot of a pattern reaches.
_RIVAL = 0.3


def least_spread(blocks: Blocks, bad: NDArray[np.bool_]) -> float:
    """Find the share of its height that the sharpest spot brings to the pixels around it.

    Of the beam within a block of positions, as over the whole scan it may have moved.

    Parameters
    ----------
    blocks
        Sums of neighbouring patterns.
    bad
        Pixels not to be looked at, ``(n_v, n_u)``.
    """
    if blocks.layout.binning > 1:
        bad = blocks.layout.bin(bad.astype(float).ravel()).reshape(blocks.sums.shape[1:]) > 0
    chosen = np.linspace(0, len(blocks.sums) - 1, min(len(blocks.sums), _MOST_BLOCKS)).astype(int)
    widths = [width for i in chosen if (width := _beam_width(blocks.sums[i], bad)) is not None]
    # A beam that is to be seen is there all the time.
    seen = 2 * len(widths) > len(chosen)
    sigma = float(np.median(widths)) * blocks.layout.binning if seen else _THINNEST
    return spot_spread(max(_THINNER * sigma, _THINNEST))


def spot_spread(sigma: float) -> float:
    """Mean over the eight pixels around a Gaussian spot's middle one, over that one.

    Examples
    --------
    >>> round(spot_spread(0.5), 2), round(spot_spread(1.0), 2)
    (0.14, 0.51)
    """
    beside = norm.cdf(1.5 / sigma) - norm.cdf(0.5 / sigma)
    ratio = float(beside / (2 * norm.cdf(0.5 / sigma) - 1))
    return (ratio + ratio**2) / 2


def _beam_width(pattern: NDArray[np.float64], bad: NDArray[np.bool_]) -> float | None:
    """Give the standard deviation of the brightest spot in pixels; None where none stands out."""
    image = np.where(bad, 0.0, pattern)
    smooth = ndimage.gaussian_filter(image, 1.0, mode="nearest")
    v, u = np.unravel_index(np.argmax(smooth), smooth.shape)
    near = (
        slice(max(v - _NEAR, 0), v + _NEAR + 1),
        slice(max(u - _NEAR, 0), u + _NEAR + 1),
    )
    spot, good = image[near], ~bad[near]
    if good.mean() < 0.7:
        return None
    level = float(np.percentile(spot[good], 25))
    peak = float(spot.max()) - level
    if peak <= _STANDS_OUT * max(level, 0.0) or peak <= 0:
        return None
    # Where the beam is hidden the brightest spot is a crystal's, which has an opposite as bright.
    smooth[near] = -np.inf
    if smooth.max() - level > _RIVAL * peak:
        return None
    weight = np.where(good & (spot - level > 0.1 * peak), spot - level, 0.0)
    y, x = np.indices(spot.shape)
    total = weight.sum()
    spread = [
        (weight * (axis - (weight * axis).sum() / total) ** 2).sum() / total for axis in (x, y)
    ]
    return float(np.sqrt(max(min(spread) - 1 / 12, 0.0)))
