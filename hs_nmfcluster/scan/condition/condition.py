"""The state of a scan: all that was found, how sure it is, and what follows from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.condition.course import BeamCourse
from hs_nmfcluster.scan.condition.ellipse import Ellipse
from hs_nmfcluster.scan.condition.frames import FrameDefects
from hs_nmfcluster.scan.condition.gain import GainPattern
from hs_nmfcluster.scan.condition.pixels import PixelDefects
from hs_nmfcluster.scan.corrections import Corrections


@dataclass(frozen=True, eq=False)
class Condition:
    """The state of a scan.

    Parameters
    ----------
    n_positions
        Positions that were looked at; of a large scan not all of them.
    dose
        Mean value of a good pixel, per position.
    center
        Direct beam ``(x, y)`` in pixels, on average over the scan and found without the bad
        pixels.
    mean_pattern
        Mean over the good positions with the beam brought back to `center`, ``(n_v, n_u)``; bad
        pixels are filled from their neighbours.
    pixels, frames
        Pixels and patterns that are not used.
    scale
        Unit per pixel along ``(x, y)``, in which the ellipse is one.
    course
        How the beam moved over the scan.
    ellipse
        How the detector's circles are distorted; None where nothing round is to be seen.
    gain
        Response of the pixels; None where counting statistics hide it.
    """

    n_positions: int
    dose: float
    center: tuple[float, float]
    mean_pattern: NDArray[np.float64]
    pixels: PixelDefects
    frames: FrameDefects
    scale: tuple[float, float]
    course: BeamCourse
    ellipse: Ellipse | None
    gain: GainPattern | None

    @property
    def corrections(self) -> Corrections:
        """What is done about it: nothing but what is certain."""
        scan_shape = self.frames.left_out.shape
        return Corrections(
            bad_pixels=_unless_empty(self.pixels.bad),
            left_out=_unless_empty(self.frames.left_out),
            shifts=self.course.shifts(scan_shape) if self.course.worth_correcting else None,
            distortion=self.ellipse.matrix if self.ellipse and self.ellipse.certain else None,
            gain=self.gain.response if self.gain and self.gain.certain else None,
        )


def _unless_empty(flags: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return flags if flags.any() else None
