"""Rings that spots lie on, and the halo of what has no spots."""

from dataclasses import dataclass, replace
from math import hypot

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import ndimage, optimize

from hs_nmfcluster.materials.spots import Spots

# Over so many bins of the radius a halo's profile is smoothed before its maximum is looked for.
_HALO_SMOOTHING = 1.5
# Scatter of the spots of a ring over what their fits let expect, beyond which they are no one line.
_BEYOND_FITS = 3.0
# A maximum that rises by less than this share of the profile's range is no halo.
_HALO_PROMINENCE = 0.02


@dataclass(frozen=True)
class Ring:
    """Spots at one distance from the centre.

    Attributes
    ----------
    radius, sigma
        Distance and its uncertainty, in the unit of the spots.
    n_spots
        Number of spots on it.
    intensity
        Their intensity above the background, summed.
    """

    radius: float
    sigma: float
    n_spots: int
    intensity: float


@dataclass(frozen=True)
class Halo:
    """Broad ring of an amorphous pattern.

    Attributes
    ----------
    radius, sigma
        Where its maximum lies, and the uncertainty of the fit.
    width
        Full width at half maximum.
    """

    radius: float
    sigma: float
    width: float


def find_rings(spots: Spots, gap: float, min_spots: int = 2) -> tuple[Ring, ...]:
    """Sort spots into rings.

    The radius of a ring is the weighted mean of its spots; its uncertainty is the larger one of
    what the fits of the spots say and what their scatter says. Where spots lie more than three
    times as far apart as their fits say, they are of two lines at least, or the pattern is
    distorted: then it is their standard deviation, not that of their mean.

    Parameters
    ----------
    spots
        The spots.
    gap
        Neighbours in radius that lie farther apart belong to different rings.
    min_spots
        Rings of fewer spots are left out: a thin crystal shows a reflection and its opposite,
        a lone bright pixel is none.

    Returns
    -------
    tuple of Ring
        From the innermost one.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.materials.spots import Spots
    >>> spots = Spots(np.array([3.9, 4.1, 8.0]), np.zeros(3), np.full(3, 0.1), *np.ones((2, 3)))
    >>> find_rings(spots, gap=0.5)
    (Ring(radius=4.0, sigma=0.1, n_spots=2, intensity=2.0),)
    """
    spots = spots[np.argsort(spots.radius, kind="stable")]
    ends = np.flatnonzero(np.diff(spots.radius) > gap) + 1
    parts = np.split(np.arange(len(spots)), ends)
    return tuple(_ring(spots[part]) for part in parts if part.size >= min_spots)


def centered(spots: Spots, reach: float) -> Spots:
    """Spots around the middle of their opposite pairs, which the beam centre may have missed.

    Parameters
    ----------
    spots
        The spots.
    reach
        Largest distance of the middle of a pair from the centre. Larger ones are no pairs.

    Returns
    -------
    Spots
        In the same order; unmoved where there is no pair.

    Examples
    --------
    >>> import numpy as np
    >>> spots = Spots(np.array([-3.9, 4.1]), np.zeros(2), *np.ones((3, 2)))
    >>> centered(spots, reach=0.2).x
    array([-4.,  4.])
    """
    first, second = np.triu_indices(len(spots), 1)
    x, y = ((v[first] + v[second]) / 2 for v in (spots.x, spots.y))
    near = np.hypot(x, y) <= reach
    if not near.any():
        return spots
    return replace(spots, x=spots.x - np.median(x[near]), y=spots.y - np.median(y[near]))


def _ring(spots: Spots) -> Ring:
    n, weights = len(spots), spots.sigma**-2
    radius = np.average(spots.radius, weights=weights)
    internal = weights.sum() ** -0.5
    scatter = (weights @ (spots.radius - radius) ** 2 / max(n - 1, 1) / weights.sum()) ** 0.5
    # Of lines too close to be told apart their mean is none: each lies within the spots' spread.
    sigma = max(internal, scatter * n**0.5 if scatter > _BEYOND_FITS * internal else scatter)
    return Ring(
        round(float(radius), 9), round(float(sigma), 9), len(spots), float(spots.intensity.sum())
    )


def find_halo(radii: NDArray[np.floating], profile: NDArray[np.floating]) -> Halo | None:
    """Most prominent broad maximum of a radial profile, None if it has none.

    Parameters
    ----------
    radii
        ``(n_radial,)``, evenly spaced.
    profile
        Azimuthal mean there, NaN where not measured.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.linspace(1, 8, 100)
    >>> halo = find_halo(r, np.exp(-((r - 4.1) ** 2) / 0.6) + 0.1)
    >>> round(halo.radius, 3), round(halo.width, 2)
    (4.1, 1.29)
    >>> find_halo(r, np.exp(-r)) is None
    True
    """
    measured = np.isfinite(profile)
    r, values = radii[measured], profile[measured]
    if values.size < 8 or np.ptp(values) == 0:
        return None
    smooth = ndimage.gaussian_filter1d(values, _HALO_SMOOTHING)
    # `scipy.signal` takes long to load, which SciPy does when it is first used.
    peaks, found = scipy.signal.find_peaks(smooth, prominence=_HALO_PROMINENCE * np.ptp(smooth))
    if peaks.size == 0:
        return None
    best = found["prominences"].argmax()
    peak = peaks[best]
    widths = scipy.signal.peak_widths(smooth, peaks, rel_height=0.5)[0]
    reach = max(float(widths[best]), 2.0)
    near = np.abs(np.arange(r.size) - peak) <= reach
    return _fit_halo(r[near], values[near], float(r[peak]), reach * float(r[1] - r[0]))


def _fit_halo(
    r: NDArray[np.float64], values: NDArray[np.float64], peak: float, width: float
) -> Halo | None:
    """Gaussian on a straight background through the surroundings of a maximum."""

    def model(
        r: NDArray[np.float64],
        middle: float,
        width: float,
        height: float,
        level: float,
        slope: float,
    ) -> NDArray[np.float64]:
        bell = height * np.exp(-4 * np.log(2) * ((r - middle) / width) ** 2)
        return np.asarray(bell + level + slope * (r - peak))

    if r.size < 6:
        return None
    start = [peak, width, np.ptp(values), values.min(), 0.0]
    try:
        fitted, covariance = optimize.curve_fit(model, r, values, start)
    except RuntimeError:
        return None
    # Where the fit strays, the maximum itself still stands.
    if not r[0] <= fitted[0] <= r[-1]:
        return Halo(peak, float(r[1] - r[0]), width)
    step = float(r[1] - r[0])
    sigma = hypot(float(np.sqrt(covariance[0, 0])), 0.1 * step)
    return Halo(float(fitted[0]), sigma, abs(float(fitted[1])))
