"""The mean pattern with the beam brought back to one place."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.condition.course import BeamCourse
from hs_nmfcluster.scan.condition.sightings import Sightings

# Parts along the lines' sequence.
_PARTS = 5
# Electrons in a typical pixel of the whole scan from which on parts of it have enough.
_COUNTS = 600.0


def typical_mean(
    sightings: Sightings,
    bad: NDArray[np.bool_],
    course: BeamCourse,
    binning: int,
    unit: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean pattern of what is everywhere: the median over parts of the scan.

    A crystal shows in few of them, so that its spots do not pass for the shape of a ring.

    Parameters
    ----------
    sightings, bad, course, binning
        As of :func:`registered_mean`.
    unit
        What one electron counts: where each part has few of them, it is the mean.

    Returns
    -------
    mean
        ``(n_v, n_u)``.
    bad
        Pixels of it of which nothing is known.
    """
    counts = np.median(sightings.patterns.sum(axis=0)[~bad]) / unit if not bad.all() else 0.0
    if counts < _COUNTS:
        return registered_mean(sightings, bad, course, binning)
    lines = np.argsort(np.argsort(sightings.places[:, 1], kind="stable"), kind="stable")
    part = lines * _PARTS // len(lines)
    column = np.unique(sightings.places[:, 0].round(), return_inverse=True)[1]
    parts = []
    for group in np.unique(np.column_stack([part, column]), axis=0):
        own = (part == group[0]) & (column == group[1])
        few = Sightings(
            sightings.patterns[own],
            sightings.centers[own],
            sightings.places[own],
            sightings.weights[own],
        )
        parts.append(registered_mean(few, bad, course, binning))
    unknown = np.any([one[1] for one in parts], axis=0)
    return np.median([one[0] for one in parts], axis=0), unknown


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
    positions = max(sightings.weights.sum(), 1.0)
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
