"""What a particle looks like in a map: the profile of a disc, and that of a sphere."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

#: Full width at half maximum over standard deviation of a Gaussian.
FWHM = 2 * np.sqrt(2 * np.log(2))
# Full width of a diffraction-limited probe times the radius of its aperture (cycles per length).
_AIRY = 0.515
# Radii over width of the probe between which the profiles of spheres are tabulated.
_RADII = np.geomspace(0.35, 6.0, 14)
# Distances from the middle over the radius, there.
_DISTANCES = np.linspace(0.0, 3.0, 46)
_GRID = 64

#: Height at a distance from the middle over the radius, of a radius over the probe's width.
Profile = Callable[[NDArray[np.float64], float], NDArray[np.float64]]


def narrowest_probe(aperture: float) -> float:
    """Full width at half maximum of a probe that nothing but diffraction widens.

    Parameters
    ----------
    aperture
        Radius of the aperture that forms it, in cycles per length.

    Examples
    --------
    >>> round(narrowest_probe(0.254), 2)
    2.03
    """
    return _AIRY / aperture


def disc(distance: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Profile of a disc whose edge a probe blurs; half of its height is at its radius.

    Parameters
    ----------
    distance
        From the middle, over the radius.
    radius
        Over the full width of the probe at half maximum.

    Examples
    --------
    >>> disc(np.array([0.0, 1.0, 2.0]), 3.0).round(3)
    array([1. , 0.5, 0. ])
    """
    edge = radius * FWHM / np.sqrt(2)
    height = special.erfc(edge * (distance - 1.0)) / special.erfc(-edge)
    return np.asarray(height, dtype=np.float64)


def sphere(distance: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Profile of a sphere in the map that a factorization makes of it.

    A convergent, coherent probe that meets only the rim of a particle makes diffraction discs of
    another inner structure than one in its middle. The map of a component says how much of *its*
    pattern a position shows, so that a rim is fainter in it than the intensity in the discs is.
    The diffracted intensity is taken to grow with the thickness: the square of kinematic
    scattering is bent down by the strong scattering along columns of atoms.

    Parameters
    ----------
    distance
        From the middle, over the radius.
    radius
        Over the full width of the probe at half maximum.

    Examples
    --------
    >>> profile = sphere(np.array([0.0, 0.5, 1.0, 2.0]), 2.0)
    >>> bool((np.diff(profile) < 0).all()), bool(profile[2] < 0.2)
    (True, True)
    """
    heights = _table()(np.log(np.clip(radius, _RADII[0], _RADII[-1])), np.minimum(distance, 3.0))
    return np.asarray(heights, dtype=np.float64)


#: Profiles by the names of shapes.
PROFILES: dict[str, Profile] = {"disc": disc, "sphere": sphere}


@lru_cache(maxsize=1)
def _table() -> Callable[[float, NDArray[np.float64]], NDArray[np.float64]]:
    rows = np.stack([_sphere_seen(float(radius)) for radius in _RADII])
    spline = scipy.interpolate.RectBivariateSpline(np.log(_RADII), _DISTANCES, rows)
    return lambda radius, distance: np.asarray(spline.ev(radius, distance))


def _sphere_seen(radius: float) -> NDArray[np.float64]:
    """Projection of the patterns at some distances onto their mean over the particle."""
    step = (2 * radius + 6.0) / _GRID
    y, x = (np.indices((_GRID, _GRID)) - _GRID / 2 + 0.5) * step
    amplitude = np.maximum(1 - (x**2 + y**2) / radius**2, 0.0) ** 0.25
    frequencies = np.fft.fftfreq(_GRID, step)
    seen = np.hypot(frequencies, frequencies[:, None]) <= 2 * _AIRY
    patterns = np.zeros((_DISTANCES.size, int(seen.sum())))
    for row, distance in zip(patterns, _DISTANCES * radius, strict=True):
        if distance <= radius + 3.0:
            v = 2 * np.pi * _AIRY * np.hypot(x - distance, y) + 1e-9
            row[:] = np.abs(np.fft.fft2(2 * special.j1(v) / v * amplitude)[seen]) ** 2
    # At each distance there are as many positions as a ring is long.
    mean = (patterns.sum(axis=1) * _DISTANCES) @ patterns
    heights = patterns @ mean
    return np.asarray(heights / heights[0])
