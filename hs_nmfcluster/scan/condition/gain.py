"""The response of the pixels, as far as counting statistics let it be seen."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.blocks import Blocks
from hs_nmfcluster.scan.filling import filled
from hs_nmfcluster.scan.noise import MAD_TO_SIGMA

# A spread of responses is one if it is so many times its uncertainty, and so large at least.
_CERTAIN, _MATTERS = 6.0, 0.005
# How much less than the spread the error must be.
_HELPS = 0.7
# Responses that are so many spreads off are the image's.
_IMAGE = 5.0
# Pixels on either side that a pixel is compared with, and how many pixels are needed.
_REACH, _LEAST = 3, 500
# Mean over its uncertainty from which on counts are distributed evenly to both sides.
_COUNTS = 10.0
# Share by which spots or the beam are brighter than their ring, where nothing is compared.
_SPOT = 0.6


@dataclass(frozen=True, eq=False)
class GainPattern:
    """Response of each pixel relative to its neighbours'.

    Parameters
    ----------
    response
        ``(n_v, n_u)``, mean 1.
    spread
        Standard deviation of the responses, without the noise of counting.
    error
        Standard uncertainty of the response of a typical pixel.
    significance
        How sure it is that responses differ at all, in standard deviations.
    """

    response: NDArray[np.float64]
    spread: float
    error: float
    significance: float

    @property
    def certain(self) -> bool:
        """Whether dividing by it does more good than harm."""
        sure = self.significance > _CERTAIN and self.spread > _MATTERS
        return sure and self.error < _HELPS * self.spread


def find_gain(
    mean: NDArray[np.float64],
    error: NDArray[np.float64],
    bad: NDArray[np.bool_],
    blocks: Blocks,
    radius: NDArray[np.float64],
) -> GainPattern | None:
    """Find how differently pixels respond.

    What is common to both halves of a scan, differs from pixel to pixel, and does so
    independently, is the camera's; an image is smooth over some pixels, and once it is divided by
    the mean of rings, over many.

    Parameters
    ----------
    mean, error
        Mean pattern and its standard uncertainty, ``(n_v, n_u)``.
    bad
        Pixels to leave out.
    blocks
        Sums of neighbouring patterns.
    radius
        Distance from the beam in pixels, undistorted, ``(n_v, n_u)``.

    Returns
    -------
    GainPattern
        None where patterns are too large to be summed pixel by pixel, or hold too few electrons.
    """
    if blocks.layout.binning > 1 or len(blocks.sums) < 4:
        return None
    first = blocks.places[:, 1] < np.median(blocks.places[:, 1])
    if not first.any() or first.all():
        return None
    halves = [blocks.sums[part].sum(axis=0) for part in (first, ~first)]
    usable = ~bad & (mean > _COUNTS * error) & np.logical_and(*(half > 0 for half in halves))
    if usable.sum() < _LEAST:
        return None
    one, other = (_deviation(half, usable, radius) for half in halves)
    whole = _deviation(mean, usable, radius)
    usable &= (np.abs(one) < _SPOT) & (np.abs(other) < _SPOT)
    if usable.sum() < _LEAST:
        return None
    common = _sigma(one[usable] + other[usable]) / 2
    noise = _sigma(one[usable] - other[usable]) / 2
    # Responses of neighbours are in the difference from these, too.
    variance = (common**2 - noise**2) / (1 + float((_kernel() ** 2).sum()))
    uncertain = np.sqrt(2.7 / usable.sum()) * (common**2 + noise**2)
    flat = np.ones(mean.shape)
    beside = max(_of_neighbours(one, other, usable, axis) for axis in (0, 1))
    # Texture of the image, of which neighbours share about half, passes for response.
    texture = max(2 * beside, 0.0)
    variance -= texture
    if variance <= 0 or texture > variance:
        return GainPattern(flat, 0.0, noise, 0.0)
    spread = float(np.sqrt(variance))
    # As far as it stands above the noise, of counts and of the image.
    noise = float(np.hypot(noise, np.sqrt(texture)))
    belief = variance / (variance + noise**2)
    alike = usable & (np.abs(whole) < _IMAGE * np.hypot(spread, noise))
    response = np.where(alike, 1 + belief * whole, 1.0)
    significance = float(variance / uncertain)
    return GainPattern(response / response.mean(), spread, noise, significance)


def _deviation(
    image: NDArray[np.float64], usable: NDArray[np.bool_], radius: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Relative difference of each pixel from what the ring and the pixels around it let expect."""
    ring = np.round(radius).astype(np.int64)
    order = np.argsort(ring[usable], kind="stable")
    rings, starts = np.unique(ring[usable][order], return_index=True)
    parts = np.split(image[usable][order], starts[1:])
    level = np.interp(radius, rings, [np.median(part) for part in parts])
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(usable & (level > 0), image / level, np.nan)
    good = np.abs(relative - 1) < _SPOT
    smooth = filled(np.where(good, relative, 1.0), ~good)
    expected = ndimage.convolve(smooth, _kernel(), mode="nearest")
    return np.where(good, relative / np.maximum(expected, 1e-3) - 1, np.inf)


@cache
def _kernel() -> NDArray[np.float64]:
    """Weights of the pixels around one in the value there of a parabola through them."""
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1].reshape(2, -1).astype(float)
    beside = (x != 0) | (y != 0)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    weights = np.zeros(x.size)
    weights[beside] = np.linalg.pinv(terms[beside])[0]
    side = 2 * _REACH + 1
    return weights.reshape(side, side)


def _of_neighbours(
    one: NDArray[np.float64], other: NDArray[np.float64], usable: NDArray[np.bool_], axis: int
) -> float:
    """Robust covariance of a pixel in one half with its neighbour along an axis in the other."""
    both = usable & np.roll(usable, 1, axis=axis)
    here, beside = one[both], np.roll(other, 1, axis=axis)[both]
    return (_sigma(here + beside) ** 2 - _sigma(here - beside) ** 2) / 4


def _sigma(values: NDArray[np.float64]) -> float:
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))
