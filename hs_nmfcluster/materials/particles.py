"""Particles in the maps of components: where they are, and how large."""

from dataclasses import dataclass, replace
from math import hypot

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, special

from hs_nmfcluster.materials.peaks import Peak, find_peaks
from hs_nmfcluster.scan.noise import robust_sigma

# Pixels over which noise is averaged before particles are looked for.
_SMOOTHING = 0.7
# Lowest peak in standard deviations of the noise.
_SIGNIFICANT = 6.0
# Parts into which a pixel is divided to follow an outline.
_PARTS = 8
# A diameter is not known better than this share of a pixel.
_BEST_DIAMETER = 0.1


@dataclass(frozen=True)
class Particle:
    """One particle.

    Attributes
    ----------
    x, y
        Centre of gravity of what is above half height, in the unit of the scan.
    diameter, sigma
        Diameter of the circle of the same area as its outline at half height, and uncertainty.
    at_edge
        Whether the edge of the scan, or of what was measured, cuts it: its diameter is then only
        a lower bound.
    height
        Height above the background of its map.
    component
        Component in whose map it was found.
    """

    x: float
    y: float
    diameter: float
    sigma: float
    at_edge: bool
    height: float
    component: int = -1


def background_and_noise(scan: NDArray[np.floating]) -> tuple[float, float]:
    """Level between the particles of a map, and the standard deviation of its noise.

    Examples
    --------
    >>> scan = np.zeros((20, 20))
    >>> scan[5:10, 5:10] = 1.0
    >>> background_and_noise(scan)
    (0.0, 0.0)
    """
    values = scan[np.isfinite(scan)]
    for _ in range(5):
        level = float(np.median(values))
        noise = robust_sigma(values, level)
        values = values[values <= level + 3 * noise]
    return level, noise


def find_particles(
    scan: NDArray[np.floating],
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    min_height: float = 0.3,
) -> list[Particle]:
    """Segment a map into particles, each at half of its own height.

    Parameters
    ----------
    scan
        Map ``(n_y, n_x)``, NaN where not measured.
    scale
        Size of a pixel along ``(x, y)``.
    min_height
        Least height of a particle as a share of the highest one: what is lower comes from other
        components.

    Returns
    -------
    list of Particle
        The highest first; positions from the middle of the first pixel.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:40, :50]
    >>> disc = 0.5 * special.erfc((np.hypot(x - 20.2, y - 15.7) - 4) / 0.8)
    >>> (particle,) = find_particles(disc, scale=(0.5, 0.5))
    >>> round(particle.x, 1), round(particle.y, 1), round(particle.diameter, 1)
    (10.1, 7.8, 4.0)
    """
    level, noise = background_and_noise(scan)
    excess = np.where(np.isfinite(scan), scan - level, np.nan)
    filled = np.nan_to_num(excess)
    smooth = ndimage.gaussian_filter(filled, _SMOOTHING)
    smooth[np.isnan(excess)] = np.nan
    highest = float(np.nanmax(smooth, initial=0.0))
    if highest <= 0:
        return []
    # Smoothing takes noise down by the root of the number of pixels it averages.
    lowest = max(min_height * highest, _SIGNIFICANT * noise / (2 * _SMOOTHING * np.sqrt(np.pi)))
    peaks = find_peaks(smooth, lowest)
    return [_particle(filled, np.isnan(excess), peak, noise, scale) for peak in peaks]


def _particle(
    excess: NDArray[np.float64],
    missing: NDArray[np.bool_],
    peak: Peak,
    noise: float,
    scale: tuple[float, float],
) -> Particle:
    """Measure one particle on a finer grid."""
    margin = 3
    rows = slice(max(peak.rows.min() - margin, 0), peak.rows.max() + margin + 1)
    columns = slice(max(peak.columns.min() - margin, 0), peak.columns.max() + margin + 1)
    values = excess[rows, columns]
    own = np.zeros(excess.shape, dtype=bool)
    own[peak.rows, peak.columns] = True
    height = _plateau(excess[own])
    finer = _PARTS * (np.array(values.shape) - 1) + 1
    places = np.meshgrid(*(np.arange(n) / _PARTS for n in finer), indexing="ij")
    fine = ndimage.map_coordinates(values, places, order=1)
    # Within a pixel of its region, so that the outline may run between pixels but not to others.
    near = ndimage.binary_dilation(own, np.ones((3, 3)))[rows, columns]
    allowed = ndimage.map_coordinates(near.astype(float), places, order=0) > 0
    inside = (fine >= height / 2) & allowed
    if not inside.any():
        inside = fine >= fine.max()
    area = inside.sum() / _PARTS**2
    y, x = (float(np.mean(p[inside])) for p in places)
    diameter = float(2 * np.sqrt(area / np.pi))
    slope = height / max(diameter, 1.0)
    outline = max(np.pi * diameter, 1.0)
    sigma = hypot(2 * noise / slope / np.sqrt(outline), noise / slope / np.sqrt(max(area, 1.0)))
    pixel = float(np.sqrt(scale[0] * scale[1]))
    beside_missing = ndimage.binary_dilation(missing)
    return Particle(
        x=float((columns.start + x) * scale[0]),
        y=float((rows.start + y) * scale[1]),
        diameter=diameter * pixel,
        sigma=hypot(sigma, _BEST_DIAMETER) * pixel,
        at_edge=peak.at_edge(excess.shape) or bool(beside_missing[own].any()),
        height=height,
    )


def _plateau(values: NDArray[np.floating]) -> float:
    """Height of a particle: the mean of its upper quarter, which noise raises less than the top."""
    return float(np.mean(np.sort(values)[-max(1, values.size // 4) :]))


def once_each(particles: list[Particle]) -> list[Particle]:
    """Particles of one group; those found in several components at one place only once.

    Examples
    --------
    >>> one = Particle(3.0, 4.0, 7.0, 0.1, False, 1.0, 0)
    >>> [p.component for p in once_each([one, replace(one, x=4.0, height=2.0, component=1)])]
    [1]
    """
    kept: list[Particle] = []
    for particle in sorted(particles, key=lambda p: -p.height):
        reach = [(particle.diameter + other.diameter) / 4 for other in kept]
        away = [hypot(particle.x - other.x, particle.y - other.y) for other in kept]
        if all(a > r for a, r in zip(away, reach, strict=True)):
            kept.append(particle)
    return sorted(kept, key=lambda p: (p.component, p.y, p.x))


def width_of_mean_particle(
    scan: NDArray[np.floating], *, scale: tuple[float, float] = (1.0, 1.0)
) -> tuple[float, float]:
    """Full width at half maximum of the radial profile of a shift-corrected map.

    A disc with a blurred edge is fitted to the surroundings of the highest peak.

    Parameters
    ----------
    scan
        Map ``(n_y, n_x)``, NaN where not measured.
    scale
        Size of a pixel along ``(x, y)``.

    Returns
    -------
    tuple of float
        Width and its uncertainty, NaN if there is no peak.
    """
    level, _ = background_and_noise(scan)
    excess = np.where(np.isfinite(scan), scan - level, np.nan)
    smooth = ndimage.gaussian_filter(np.nan_to_num(excess), _SMOOTHING)
    peaks = find_peaks(smooth, float(smooth.max()) / 2)
    if not peaks:
        return np.nan, np.nan
    peak = peaks[0]
    pixel = float(np.sqrt(scale[0] * scale[1]))
    radius = pixel * np.sqrt(peak.area / np.pi)
    y, x = (np.arange(n) * s for n, s in zip(scan.shape, scale[::-1], strict=True))
    middle = peak.columns.mean() * scale[0], peak.rows.mean() * scale[1]
    distance = np.hypot(x[None, :] - middle[0], y[:, None] - middle[1])
    near = np.isfinite(excess) & (distance <= 1.8 * radius + pixel)
    rows, columns = np.nonzero(near)
    place = np.stack([columns * scale[0], rows * scale[1]])

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        away = np.hypot(place[0] - p[0], place[1] - p[1])
        return np.asarray(p[2] * special.erfc((away - p[3]) / p[4]) / 2 + p[5] - values)

    values = excess[near]
    start = [*middle, peak.height, radius, pixel, 0.0]
    if values.size <= len(start):
        return np.nan, np.nan
    fit = optimize.least_squares(residuals, start, x_scale=[pixel, pixel, peak.height] * 2)
    variance = 2 * fit.cost / (values.size - len(start))
    covariance = variance * np.linalg.pinv(fit.jac.T @ fit.jac)
    sigma = 2 * float(np.sqrt(covariance[3, 3]))
    width = _width_of_blurred_disc(float(fit.x[3]), abs(float(fit.x[4])))
    if not 0 < width < min(n * step for n, step in zip(scan.shape, scale[::-1], strict=True)):
        return np.nan, np.nan
    return width, hypot(sigma, _BEST_DIAMETER * pixel)


def _width_of_blurred_disc(radius: float, blur: float) -> float:
    """Full width at half of the height in the middle, which a wide blur takes down."""
    half = special.erfc(-radius / blur) / 2
    return float(2 * (radius + blur * special.erfcinv(half)))


def corrected_diameter(
    width: float, sigma: float, probe: float | None, factor: float = 1.0
) -> tuple[float, float]:
    """Diameter and its uncertainty from a width at half height.

    Parameters
    ----------
    width, sigma
        Width and its uncertainty.
    probe
        Full width of the probe, taken off in quadrature; where it is the larger one, 0 is left.
    factor
        Diameter over width, which depends on the particle's shape.

    Examples
    --------
    >>> corrected_diameter(5.0, 0.1, 3.0)
    (4.0, 0.125)
    """
    if probe is None or np.isnan(width):
        return factor * width, factor * sigma
    rest = float(np.sqrt(max(width**2 - probe**2, 0.0)))
    return factor * rest, factor * (sigma * width / rest if rest > 0 else sigma)


def corrected(particle: Particle, probe: float | None, factor: float) -> Particle:
    """Particle with its diameter corrected, see `corrected_diameter`."""
    diameter, sigma = corrected_diameter(particle.diameter, particle.sigma, probe, factor)
    return replace(particle, diameter=diameter, sigma=sigma)
