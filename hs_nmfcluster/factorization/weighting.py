"""Counting statistics: every pixel and position in units of its expected noise.

Counts scatter by the square root of what is expected. What is expected of pixel j at position i is
nearly a_i b_j, with the mean a_i of the position and b_j of the pixel in units of the scan's, so
that X_ij / √(a_i b_j) scatters alike everywhere (Keenan & Kotula, Surf. Interface Anal. 36, 203,
2004).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.updates import normalise
from hs_nmfcluster.scan.survey import Survey


@dataclass(frozen=True)
class Weighting:
    """How the data are weighted, and why.

    Parameters
    ----------
    pixels
        Square root of the expected counts of each kept pixel, of mean square 1; None weighs all
        alike.
    reason
        In words.
    """

    pixels: NDArray[np.float64] | None
    reason: str

    @property
    def described(self) -> dict[str, Any]:
        """What is to be remembered of it."""
        name = None if self.pixels is None else "poisson"
        return {"weighting": name, "weighting_reason": self.reason}


def choose_weighting(
    asked: str | None,
    look: Survey,
    kept: NDArray[np.bool_],
    *,
    in_tiles: bool,
    noise: NDArray[np.float64] | None = None,
) -> Weighting:
    """Decide whether to weigh by counting statistics.

    Parameters
    ----------
    asked
        ``"poisson"``, None or ``"auto"``.
    look
        First look at the scan.
    kept
        Pixels that are not masked, ``(n_v, n_u)``.
    in_tiles
        Whether neighbourhoods are factorized.
    noise
        Variance of counts over their mean, of each pixel, ``(n_v, n_u)``; None where it is 1.
    """
    if asked is None:
        return Weighting(None, "none asked for")
    if asked == "auto":
        if not in_tiles:
            return Weighting(None, "the paper's procedure weighs all pixels alike")
        if look.negative[kept].any():
            return Weighting(None, "the data hold negative values, which are no counts")
    mean = look.mean[kept]
    least = mean[mean > 0].min(initial=np.inf)
    if not np.isfinite(least):
        return Weighting(None, "no pixel has a positive mean")
    expected = np.maximum(mean, least)
    # In units in which counts have the variance of their mean.
    scale = expected.mean()
    expected = expected if noise is None else expected * noise[kept]
    reason = "asked for" if asked == "poisson" else "the data are not negative, as counts are"
    return Weighting(np.sqrt(expected / scale), reason)


def position_weights(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of the mean of each row, ``(n,)``; 1 of one without a count, which says nothing.

    Parameters
    ----------
    means
        Over the kept pixels.
    """
    return np.sqrt(np.where(means > 0, means, 1.0))


def weigh(x: NDArray[np.float64], pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh rows in place, and return what the positions were divided by, ``(n,)``."""
    positions = position_weights(x.mean(axis=1))
    x /= positions[:, None]
    x /= pixels
    return positions


@dataclass(frozen=True)
class Weigh:
    """Weighs rows in place: what is done to them before a weighted factorization sees them."""

    pixels: NDArray[np.float64]

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weigh some rows."""
        weigh(x, self.pixels)
        return x


def unweighted(patterns: NDArray[np.floating], pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Patterns of weighted data as those of the data, of unit norm.

    Parameters
    ----------
    patterns
        ``(…, n_pixels)``.
    pixels
        As of a `Weighting`.
    """
    return normalise(patterns * pixels)
