"""The scale of a detector, from rings of known spacing in the mean pattern."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.crystals import Candidate, Cell, reflections_of
from hs_nmfcluster.materials.rings import Halo, find_halo
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.noise import robust_sigma

# Bins of a profile for each pixel, and over how many it is smoothed to look for rings.
_BINS, _SMOOTHING = 2, 1.5
# A ring stands out by so many standard deviations of the profile's noise, and by this share of its
# range.
_STANDS_OUT, _LEAST = 6.0, 0.002
# A ring lies where it should within this share; axes that are calibrated are off by no more than
# that one.
_NEAR, _OFF = 0.015, 0.3
# Reflections of a phase that are weaker than this share of the strongest show no ring.
_WEAK = 0.02
# Spacings in nm below which no ring is looked for.
_SMALLEST = 0.05

#: What rings are of: a spacing in nm, several, or a phase.
Known = float | Iterable[float] | Cell | str | PathLike[str] | Mapping[str, Candidate]


@dataclass(frozen=True, eq=False)
class ScaleFit:
    """The scale that brings rings to where they should be.

    Parameters
    ----------
    factor, error
        1/nm in the unit of the profile, and its relative standard uncertainty.
    d
        Spacings in nm of the rings that were used, ``(n,)``.
    radii, sigma
        Where they are seen, in the unit of the profile, and how sure that is.
    """

    factor: float
    error: float
    d: NDArray[np.float64]
    radii: NDArray[np.float64]
    sigma: NDArray[np.float64]


def known_spacings(ring: Known) -> NDArray[np.float64]:
    """Spacings in nm that rings are expected of, the largest first.

    Raises
    ------
    TypeError, ValueError
        If they are neither positive numbers nor a phase.

    Examples
    --------
    >>> known_spacings(0.2338), known_spacings(Cell(a=0.4078, space_group="Fm-3m"))[:2].round(4)
    (array([0.2338]), array([0.2354, 0.2039]))
    """
    if isinstance(ring, Mapping):
        if len(ring) != 1:
            raise ValueError(f"`ring` must be one phase, got {len(ring)}.")
        ((name, candidate),) = ring.items()
        return _of_phase(name, candidate)
    if isinstance(ring, Cell | str | PathLike):
        return _of_phase("ring", ring)
    try:
        d = np.atleast_1d(np.asarray(ring, dtype=np.float64))
    except (TypeError, ValueError):
        raise TypeError(
            f"`ring` must be a spacing in nm, several, or a phase, got {ring!r}."
        ) from None
    if d.ndim != 1 or not d.size or not (np.isfinite(d) & (d > 0)).all():
        raise ValueError(f"`ring` must be spacings in nm above zero, got {ring!r}.")
    return np.sort(d)[::-1]


def _of_phase(name: str, candidate: Candidate) -> NDArray[np.float64]:
    found = reflections_of(name, candidate, _SMALLEST)
    strong = ~found.forbidden & ~(found.intensity < _WEAK)
    return np.asarray(found.d[strong])


def mean_profile(
    pattern: NDArray[np.floating], detector: Detector
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Radii and the mean around each, out to the inscribed circle.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``, NaN where not measured.
    detector
        Geometry.
    """
    number = max(_BINS * int(detector.inscribed_radius / detector.finest), 8)
    polar = PolarGrid.covering(detector, n_radial=number)
    around = polar.transform(np.asarray(pattern, dtype=np.float64))
    seen = np.isfinite(around)
    # Of half of a ring the mean may be that of a few spots.
    enough = seen.mean(axis=1) > 0.5
    sums = np.where(seen, around, 0.0).sum(axis=1)
    return polar.radii, np.where(enough, sums / np.maximum(seen.sum(axis=1), 1), np.nan)


def find_profile_rings(
    radii: NDArray[np.float64], profile: NDArray[np.float64], inner: float
) -> list[tuple[Halo, float]]:
    """Rings and halos of a profile, each with how far it stands out.

    Parameters
    ----------
    radii, profile
        From :func:`mean_profile`.
    inner
        Radius of the direct beam.
    """
    used = np.isfinite(profile) & (radii > inner)
    r, values = radii[used], profile[used]
    if values.size < 16:
        return []
    smooth = ndimage.gaussian_filter1d(values, _SMOOTHING)
    rough = np.diff(values, 2)
    noise = robust_sigma(rough, 0.0) / np.sqrt(6)
    lowest = max(_STANDS_OUT * noise / _SMOOTHING, _LEAST * float(np.ptp(smooth)))
    peaks, of = scipy.signal.find_peaks(smooth, prominence=lowest)
    widths = scipy.signal.peak_widths(smooth, peaks, rel_height=0.5)[0]
    found = []
    for peak, width, prominence in zip(peaks, widths, of["prominences"], strict=True):
        reach = int(np.ceil(max(1.5 * width, 4.0)))
        near = slice(max(peak - reach, 0), peak + reach + 1)
        fitted = find_halo(r[near], values[near])
        if fitted is not None and abs(fitted.radius - r[peak]) < width * (r[1] - r[0]):
            found.append((fitted, float(prominence)))
    return found


def fit_scale(
    found: list[tuple[Halo, float]], d: NDArray[np.float64], near: float | None
) -> ScaleFit | None:
    """Find the scale at which rings lie where known spacings put them.

    Parameters
    ----------
    found
        From :func:`find_profile_rings`.
    d
        Known spacings in nm.
    near
        1/nm in the unit of the profile, as far as it is known beforehand.

    Returns
    -------
    ScaleFit
        None where no ring fits.
    """
    if not found:
        return None
    radii = np.array([ring.radius for ring, _ in found])
    sigma = np.array([ring.sigma for ring, _ in found])
    height = np.sqrt([prominence for _, prominence in found])
    g = 1 / d
    best: tuple[float, float] | None = None
    for factor in np.unique(np.outer(g, 1 / radii)):
        if near is not None and abs(factor / near - 1) > _OFF:
            continue
        _, _, score = _matched(factor, radii, g, height)
        if near is not None:
            # A single spacing is that of the nearest ring; of several the pattern decides.
            score -= (2.0 if len(g) == 1 else 0.05) * abs(np.log(factor / near))
        if best is None or score > best[1]:
            best = float(factor), score
    if best is None:
        return None
    factor = best[0]
    for _ in range(5):
        which, of, _ = _matched(factor, radii, g, height)
        weights = (radii[which] / sigma[which]) ** 2
        own = g[of] / radii[which]
        factor = float(np.average(own, weights=weights))
    scatter = weights @ (own / factor - 1) ** 2 / max(len(own) - 1, 1) / weights.sum()
    error = float(np.sqrt(max(1 / weights.sum(), scatter)))
    return ScaleFit(factor, error, 1 / g[of], radii[which], sigma[which])


def _matched(
    factor: float, radii: NDArray[np.float64], g: NDArray[np.float64], height: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], float]:
    """Rings near a known one, which that is, and how much of all rings that explains.

    Known rings that should be seen and are not count against it.
    """
    of = np.abs(np.log(factor * radii[:, None] / g)).argmin(axis=1)
    off = np.abs(factor * radii / g[of] - 1)
    which = np.flatnonzero(off < _NEAR)
    closeness = 1 - 0.5 * off[which] / _NEAR
    inside = (g > factor * radii.min() * (1 - _NEAR)) & (g < factor * radii.max() * (1 + _NEAR))
    missed = inside.sum() - len(np.unique(of[which]))
    score = float((height[which] * closeness).sum() / height.sum())
    return which, of[which], score / (1 + 0.2 * max(missed, 0))
