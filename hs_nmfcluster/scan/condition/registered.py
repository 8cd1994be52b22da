"""The mean pattern with the beam brought back to one place."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.condition.course import BeamCourse
from hs_nmfcluster.scan.condition.sightings import Sightings


def registered_mean(
    sightings: Sightings, bad: NDArray[np.bool_], course: BeamCourse, binning: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Sum patterns that were moved back by what the beam had moved, over its positions.

    Parameters
    ----------
    sightings
        Patterns of blocks of positions.
    bad
        Pixels of these to leave out.
    course
        Of the beam, in pixels of the detector.
    binning
        Of these in a pixel of a pattern.

    Returns
    -------
    mean
        ``(n_v, n_u)``.
    bad
        Pixels of it of which nothing is known.
    """
    positions = sightings.weights.sum()
    if not course.moved:
        return sightings.patterns.sum(axis=0) / positions, bad
    good = np.where(bad, 0.0, 1.0)
    total, seen = np.zeros(bad.shape), np.zeros(bad.shape)
    offsets = course.at(sightings.places) / binning
    for pattern, offset, weight in zip(sightings.patterns, offsets, sightings.weights, strict=True):
        back = -offset[::-1]
        total += ndimage.shift(good * pattern, back, order=1, mode="constant")
        seen += weight * ndimage.shift(good, back, order=1, mode="constant")
    unknown = seen < 0.2 * positions
    return np.where(unknown, 0.0, total / np.maximum(seen, 1e-9)), unknown
