"""What is known to be wrong with a scan, and how its patterns are put right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Corrections:
    """What is done to the patterns of a scan whenever they are read; None where nothing is.

    Parameters
    ----------
    bad_pixels
        Pixels that are not used, ``(n_v, n_u)``, True = bad: dead, hot and noisy ones, gaps and
        their bright edges, a beam stop, rows that hold no electrons.
    left_out
        Positions that are not used, ``scan_shape``, True = left out: blank, repeated and
        flyback frames.
    shifts
        How far the beam lies from where it is on average, ``(*scan_shape, 2)`` as (x, y) in
        pixels; patterns are moved back by it.
    distortion
        Matrix ``(2, 2)`` of determinant 1 that takes offsets (x, y) from the beam as measured to
        undistorted ones.
    gain
        Relative response of each pixel, ``(n_v, n_u)`` with mean 1; patterns are divided by it.
    """

    bad_pixels: NDArray[np.bool_] | None = None
    left_out: NDArray[np.bool_] | None = None
    shifts: NDArray[np.float64] | None = None
    distortion: NDArray[np.float64] | None = None
    gain: NDArray[np.float64] | None = None
