"""From the sums of one pass to the state of a scan."""

import numpy as np

from hs_nmfcluster.scan.beam import estimate_beam_center
from hs_nmfcluster.scan.condition.condition import Condition
from hs_nmfcluster.scan.condition.course import BeamCourse
from hs_nmfcluster.scan.condition.frames import find_frames
from hs_nmfcluster.scan.condition.pixels import find_pixels
from hs_nmfcluster.scan.survey import Survey


def inspect(look: Survey, scale: tuple[float, float] = (1.0, 1.0)) -> Condition:
    """Find what is wrong with a scan.

    Parameters
    ----------
    look
        Sums over the scan, or a part of it that is meant to stand for all.
    scale
        Unit per pixel along ``(x, y)``: in these units rings are round if nothing is distorted,
        and in them the matrix of :class:`~hs_nmfcluster.scan.corrections.Corrections` is.

    Returns
    -------
    Condition
        Only what stands above the noise of the data themselves counts as found.
    """
    pixels = find_pixels(look)
    frames = find_frames(look.frames, look.scan_shape)
    return Condition(
        n_positions=look.n_positions,
        dose=float(look.mean[~pixels.bad].mean()) if not pixels.bad.all() else np.nan,
        center=estimate_beam_center(look.mean, pixels.hidden),
        mean_pattern=look.mean,
        pixels=pixels,
        frames=frames,
        scale=scale,
        course=BeamCourse("still", 0.0, 0.0, 0.0),
        ellipse=None,
        gain=None,
    )
