"""Pixels that do not say how many electrons came: dead, hot, noisy, in lines, saturated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.survey import Survey


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
        return self.dead | self.hot | self.noisy | self.lines | self.stop | self.saturated


def find_pixels(look: Survey) -> PixelDefects:
    """Find the pixels that do not say how many electrons came."""
    none = np.zeros(look.mean.shape, bool)
    return PixelDefects(_dead(look), none, none, none, none, none)


def _dead(look: Survey) -> NDArray[np.bool_]:
    """Pixels of a constant value where the neighbours let expect many electrons."""
    constant = look.minimum == look.maximum
    window = 7
    valid = ndimage.uniform_filter(np.where(constant, 0.0, 1.0), window, mode="nearest")
    light = ndimage.uniform_filter(np.where(constant, 0.0, look.total), window, mode="nearest")
    expected = light / np.maximum(valid, 1 / window**2)
    return np.asarray(constant & (expected > 25.0))
