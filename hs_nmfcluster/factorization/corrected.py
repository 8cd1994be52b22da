"""What is put right about a scan before it is factorized."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.axes import Scan
from hs_nmfcluster.scan.beam import estimate_beam_center
from hs_nmfcluster.scan.condition.inspection import inspect
from hs_nmfcluster.scan.corrections import NOTHING, Corrections
from hs_nmfcluster.scan.detector import Detector, as_distortion
from hs_nmfcluster.scan.mending import Mending, mend, unusable_pixels
from hs_nmfcluster.scan.survey import Survey

#: What is to be corrected: what is found in the scan, what is given, or nothing.
Wanted: TypeAlias = Literal["auto"] | Corrections | None


# Of fewer patterns nothing is corrected unasked.
_LEAST_POSITIONS = 64


@dataclass(frozen=True, eq=False)
class Corrected:
    """A scan as it is put right.

    Parameters
    ----------
    corrections
        What is corrected.
    mending
        How.
    look
        Look at the corrected patterns.
    mean
        Their mean, NaN where pixels are missing.
    detector
        Geometry around the beam.
    center_from
        How the beam was found.
    shown
        Where the patterns show the beam, ``(x, y)`` in pixels; None where they show none.
    """

    corrections: Corrections
    mending: Mending
    look: Survey
    mean: NDArray[np.float64]
    detector: Detector
    center_from: str
    shown: tuple[float, float] | None


def correct(
    scan: Scan,
    wanted: Wanted,
    left_out: NDArray[np.bool_] | None,
    center: tuple[float, float] | None,
    look: Survey,
    look_again: Callable[[Mending], Survey],
) -> Corrected:
    """Find out what is to be corrected, and how.

    Parameters
    ----------
    scan
        The scan.
    wanted
        What is to be corrected.
    left_out
        Positions that are left out all the same, or None.
    center
        Beam centre ``(x, y)`` as given, or None.
    look
        Look at the patterns as they are.
    look_again
        Takes the same look at the corrected ones.
    """
    axes, shape = scan.detector, look.mean.shape
    corrections, beam = (NOTHING if wanted is None else wanted), None
    if corrections == "auto" and not _tells_enough(look):
        corrections = NOTHING
    if corrections == "auto":
        found = inspect(look, axes.around((0.0, 0.0)).scale)
        corrections, beam = found.corrections, found.center
        if axes.distortion is not None:
            # It was measured beforehand, on what was chosen for it.
            corrections = replace(corrections, distortion=None)
    unusable = unusable_pixels(corrections, shape)
    if beam is None or corrections.gain is not None:
        beam = estimate_beam_center(_divided(look.mean, corrections.gain, unusable), unusable)
    middle, center_from = axes.find_center(center, look.mean, beam)
    mending = mend(corrections, left_out, look.scan_shape, shape, middle)
    if mending.placement is not None or corrections.left_out is not None:
        # What was counted stays so when it is divided.
        look = replace(look_again(mending), whole=look.whole)
    mean = np.where(mending.missing, np.nan, look.mean)
    distortion = mending.distortion or axes.distortion
    detector = replace(axes.around(middle), distortion=as_distortion(distortion))
    nowhere = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    shown = None if tuple(beam) == nowhere else beam
    return Corrected(corrections, mending, look, mean, detector, center_from, shown)


def _tells_enough(look: Survey) -> bool:
    """Whether there are so many patterns, and of counts, that faults stand out of them."""
    return look.n_positions >= _LEAST_POSITIONS and bool(look.mean.sum() > 0)


def _divided(
    mean: NDArray[np.float64], response: NDArray[np.float64] | None, unusable: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return mean if response is None else mean / np.where(unusable, 1.0, response)
