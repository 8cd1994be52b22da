"""From the sums of one pass to the state of a scan."""

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.beam import (
    beam_is_seen,
    estimate_beam_center,
    estimate_beam_radius,
    estimate_disk_radius,
)
from hs_nmfcluster.scan.condition.condition import Condition
from hs_nmfcluster.scan.condition.course import find_course
from hs_nmfcluster.scan.condition.ellipse import Ellipse, fit_ellipse
from hs_nmfcluster.scan.condition.frames import find_frames
from hs_nmfcluster.scan.condition.gain import find_gain
from hs_nmfcluster.scan.condition.pixels import find_pixels
from hs_nmfcluster.scan.condition.reflections import fit_reflections
from hs_nmfcluster.scan.condition.registered import registered_mean, typical_mean
from hs_nmfcluster.scan.condition.sightings import binned_mask, see_beam
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.filling import filled
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
    dark = look.mean[pixels.bad].sum()
    dark_noise = float(np.sqrt(look.variance[pixels.bad].sum()))
    frames = find_frames(look.frames, look.scan_shape, float(dark), dark_noise)
    blocks, hidden = look.blocks, pixels.hidden
    layout = blocks.layout
    center = estimate_beam_center(look.mean, hidden)
    # With a stop, what is brightest may be the halo around it.
    seen = beam_is_seen(look.mean, hidden) and not pixels.stop.any()
    sightings = see_beam(
        blocks, hidden, center, _width(look, hidden), hidden=not seen, unit=_unit(look, hidden)
    )
    course = find_course(sightings.centers, sightings.places, sightings.weights, layout)

    binning, coarse = layout.binning, binned_mask(hidden, blocks)
    mean, unknown = registered_mean(sightings, coarse, course, binning)
    # In pixels of the sums, which are those of the detector unless it is large.
    middle = estimate_beam_center(mean, unknown)
    beam = estimate_beam_radius(mean, Detector(layout.binned_shape, middle), unknown)
    error = np.sqrt(look.variance / max(look.n_positions, 1))
    typical, untold = typical_mean(sightings, coarse, course, binning, _unit(look, hidden))
    centers = np.array(middle) + course.at(sightings.places) / binning
    halo = fit_ellipse(typical, untold, middle, scale, beam)
    spots = fit_reflections(sightings, coarse, centers, scale, beam, halo)
    told = [one for one in (halo, spots) if one is not None]
    ellipse = min(told, key=lambda one: one.strength_error, default=None)
    return Condition(
        n_positions=look.n_positions,
        dose=float(look.mean[~pixels.bad].mean()) if not pixels.bad.all() else np.nan,
        center=(
            middle[0] * binning + (binning - 1) / 2,
            middle[1] * binning + (binning - 1) / 2,
        ),
        mean_pattern=filled(mean, unknown),
        pixels=pixels,
        frames=frames,
        scale=scale,
        course=course,
        ellipse=ellipse,
        gain=find_gain(look.mean, error, pixels.bad, blocks, _radius(look, middle, ellipse)),
    )


def _radius(
    look: Survey, center: tuple[float, float], ellipse: Ellipse | None
) -> NDArray[np.float64]:
    """Distance of each pixel from the beam in pixels, without the distortion if there is one."""
    y, x = np.indices(look.mean.shape)
    offsets = np.stack([x - center[0], y - center[1]]).reshape(2, -1)
    if ellipse is not None and ellipse.certain:
        offsets = ellipse.matrix @ offsets
    return np.asarray(np.hypot(*offsets).reshape(look.mean.shape))


def _width(look: Survey, bad: NDArray[np.bool_]) -> float:
    """Radius of the beam in pixels within a block of positions, as it may move over the scan."""
    chosen = np.linspace(0, len(look.blocks.sums) - 1, min(len(look.blocks.sums), 3)).astype(int)
    coarse = binned_mask(bad, look.blocks)
    radii = []
    for pattern in look.blocks.sums[chosen]:
        detector = Detector(look.blocks.layout.binned_shape, estimate_beam_center(pattern, coarse))
        radii.append(estimate_disk_radius(pattern, detector, coarse))
    return max(float(np.median(radii)), 1.0) * look.blocks.layout.binning


def _unit(look: Survey, bad: NDArray[np.bool_]) -> float:
    """Estimate what one electron counts: variance over mean where the specimen varies least."""
    mean, variance = look.mean, look.variance
    usable = ~bad & (mean > 0) & (variance > 0)
    if not usable.any():
        return 1.0
    return float(np.percentile(variance[usable] / mean[usable], 5))
