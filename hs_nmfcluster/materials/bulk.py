"""What chance alone makes of a random texture: noise, or the speckle of something amorphous.

The brightness of speckle, averaged over as many independent grains as a pattern holds, follows a
gamma law between the exponential one of a single grain and the Gaussian one of many. Its shape is
read from three quantiles of the texture itself, which a few bright places do not move.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

# Shapes between which the law is looked for. The largest is a Gaussian for all that matters here.
_SHAPES = np.geomspace(0.4, 400.0, 60)
# Where the tail leaves the range of floating point.
_SMALLEST = 1e-290


@dataclass(frozen=True)
class GammaLaw:
    """Gamma laws by three of their quantiles.

    Parameters
    ----------
    levels
        Shares of the texture that lie below each quantile, in rising order.

    Examples
    --------
    >>> law = GammaLaw((0.25, 0.5, 0.75))
    >>> round(law.shape([0.288, 0.693, 1.386]), 1), round(law.shape([-0.67, 0.0, 0.67]))
    (1.0, 400)
    """

    levels: tuple[float, float, float]

    @cached_property
    def _skewness(self) -> NDArray[np.float64]:
        lower, middle, upper = special.gammaincinv(_SHAPES, np.array(self.levels)[:, None])
        return np.asarray((upper - middle) / (middle - lower))

    def shape(self, quantiles: ArrayLike) -> float:
        """Shape of the law whose outer quantiles lie as unevenly about the middle one.

        Parameters
        ----------
        quantiles
            Of the texture, at the three levels.
        """
        lower, middle, upper = np.asarray(quantiles, dtype=np.float64)
        if middle <= lower:
            return float(_SHAPES[0])
        skewness = (upper - middle) / (middle - lower)
        return float(np.interp(skewness, self._skewness[::-1], _SHAPES[::-1]))

    def log_chance_above(self, heights: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
        """Logarithm of the chance that one value of a texture lies above some heights.

        Parameters
        ----------
        heights
            From the middle quantile, in units of its distance to the upper one.
        shape
            Of the law.

        Examples
        --------
        >>> law = GammaLaw((0.25, 0.5, 0.75))
        >>> np.exp(law.log_chance_above(np.array([1.0, 9.0]), 1.0)).round(6).tolist()
        [0.25, 0.000977]
        """
        middle, upper = special.gammaincinv(shape, self.levels[1:])
        x = np.maximum(middle + heights * (upper - middle), 0.0)
        chance = special.gammaincc(shape, x)
        safe = np.maximum(x, 1.0)
        far = (shape - 1) * np.log(safe) - safe - special.gammaln(shape)
        return np.where(chance > _SMALLEST, np.log(np.maximum(chance, _SMALLEST)), far)


def log_chance_of_peaks(log_expected: NDArray[np.float64]) -> float:
    """Logarithm of the chance of peaks as many and as high as those found.

    By chance a Poisson number of peaks lies above the height of each; the most surprising of all
    is taken.

    Parameters
    ----------
    log_expected
        For the highest peak, the second highest and so on, the logarithm of how many peaks are
        expected above its height.

    Examples
    --------
    >>> round(log_chance_of_peaks(np.log([0.2, 0.3, 0.001])), 2)
    -22.52
    """
    ranks = np.arange(1, len(log_expected) + 1)
    if not ranks.size:
        return 0.0
    # P(N >= j) of a Poisson number; its first term where that number is next to nothing.
    rare = ranks * log_expected - special.gammaln(ranks + 1)
    common = special.gammainc(ranks, np.exp(np.clip(log_expected, -50.0, 50.0)))
    log_chance = np.where(log_expected < -7.0, rare, np.log(np.maximum(common, _SMALLEST)))
    return float(min(log_chance.min(), 0.0))
