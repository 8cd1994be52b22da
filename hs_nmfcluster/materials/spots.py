"""Diffraction spots, brighter than their azimuthal surroundings, and which patterns carry them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, ndimage, optimize

from hs_nmfcluster.materials.apertures import aperture_sums, nearest_spot
from hs_nmfcluster.materials.peaks import Peak, find_peaks
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.noise import MAD_TO_SIGMA, unit_of_counts

# Pixels over which noise is averaged before spots are looked for: less than any spot's width.
_SMOOTHING = 1.0
# Fewer pixels on a ring do not tell its variance.
_RING_PIXELS = 8
# A spot's position is not known better than this share of a pixel: what pixels, interpolation and
# the overlap with neighbours leave.
_BEST_POSITION = 0.03
# Radius of an aperture over that of a spot at half height, before a pixel is added for the blur of
# its edge. All of a diffraction disc is within, and 85 % to 98 % of a Gaussian.
_APERTURE = 1.6
# What rises above its ring by less than this share of the brightest spot is the grain of a
# factorization, in which hardly a pixel is noise-free.
_WEAKEST = 0.01
# A pattern with less than this share of its intensity in spots is called amorphous: so much leaks
# from one component of a factorization into another.
SMALLEST_SHARE = 0.01


@dataclass(frozen=True)
class Spots:
    """Spots of one pattern, in pixels.

    Attributes
    ----------
    x, y
        Positions from the centre in the detector's units, ``(n,)``.
    sigma
        Uncertainty of each radius in the detector's units, ``(n,)``.
    intensity
        Intensity above the mean of its ring, summed over an aperture around the spot, ``(n,)``.
    reach
        Radius of the apertures in pixels, the same for all spots of a pattern, ``(n,)``.

    Examples
    --------
    >>> pair = Spots(np.array([3.0, -3.0]), np.array([4.0, -4.0]), *np.ones((3, 2)))
    >>> pair.radius
    array([5., 5.])
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sigma: NDArray[np.float64]
    intensity: NDArray[np.float64]
    reach: NDArray[np.float64]

    def __len__(self) -> int:
        return self.x.size

    @property
    def radius(self) -> NDArray[np.float64]:
        """Distance of each spot from the centre."""
        return np.hypot(self.x, self.y)

    @property
    def azimuth(self) -> NDArray[np.float64]:
        """Direction of each spot in degrees, from +x towards +y, 0 to 360."""
        return np.rad2deg(np.arctan2(self.y, self.x)) % 360.0

    def turned(self, rotation: float) -> "Spots":
        """Return the spots, turned about the centre.

        Parameters
        ----------
        rotation
            In degrees from +x towards +y.

        Returns
        -------
        Spots

        Examples
        --------
        >>> pair.turned(90.0).y.round(9)
        array([ 3., -3.])
        """
        azimuth = np.deg2rad(self.azimuth + rotation)
        return replace(self, x=self.radius * np.cos(azimuth), y=self.radius * np.sin(azimuth))

    def scaled(self, factor: float) -> "Spots":
        """Return the spots in another unit of length, their intensities as they are.

        Parameters
        ----------
        factor
            Old unit in new ones.

        Returns
        -------
        Spots

        Examples
        --------
        >>> pair.scaled(0.1).radius
        array([0.5, 0.5])
        """
        return replace(self, x=self.x * factor, y=self.y * factor, sigma=self.sigma * factor)

    def __getitem__(self, chosen: NDArray) -> "Spots":
        """Return some of the spots."""
        return Spots(
            self.x[chosen],
            self.y[chosen],
            self.sigma[chosen],
            self.intensity[chosen],
            self.reach[chosen],
        )


def radial_median(pattern: NDArray[np.floating], detector: Detector) -> NDArray[np.float64]:
    """Image of the median over all azimuths at the radius of each pixel, ``(n_v, n_u)``.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``, NaN where not measured.
    detector
        Its geometry.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> pattern = np.ones((9, 9))
    >>> pattern[4, 7] = 5
    >>> radial_median(pattern, Detector((9, 9), (4, 4))).max()
    np.float64(1.0)
    """
    radius = detector.radius() / detector.pixel
    measured = np.isfinite(pattern)
    if not measured.any():
        return np.full(pattern.shape, np.nan)
    level = np.zeros(pattern.shape)
    # The second pass takes off what the slope of a halo within a ring has left.
    for _ in range(2):
        level = level + _ring_medians(np.where(measured, pattern - level, np.nan), radius)
    return level


def _ring_medians(values: NDArray[np.floating], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Medians of the rings one pixel wide, interpolated smoothly between their middles."""
    measured = np.isfinite(values)
    bins = np.round(radius).astype(np.intp)
    rings = np.unique(bins[measured])
    labels = np.where(measured, bins, -1)
    medians = ndimage.median(np.where(measured, values, 0.0), labels, rings)
    if rings.size < 2:
        return np.full(values.shape, float(medians[0]))
    middles = ndimage.mean(radius, labels, rings)
    # Slopes that differ by hundreds of orders of magnitude overflow on the way to a right result.
    with np.errstate(over="ignore"):
        curve = interpolate.PchipInterpolator(middles, medians)
    return np.asarray(curve(np.clip(radius, middles[0], middles[-1])))


def find_spots(
    pattern: NDArray[np.floating],
    detector: Detector,
    *,
    background: NDArray[np.floating] | None = None,
    radial_range: tuple[float, float] = (0.0, np.inf),
    threshold: float = 6.0,
    cut: bool = False,
) -> Spots:
    """Find the spots of a pattern, fit a Gaussian to each, and sum up what is in each.

    Noise is judged at each radius from the median deviation around the ring, which the few
    pixels of spots do not change. A spot that the edge of the measured pixels or of the range
    cuts is left out, as its middle is unknown, unless it is asked for.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``, NaN where not measured.
    detector
        Its geometry.
    background
        ``(n_v, n_u)``; by default the median over the azimuth at each radius.
    radial_range
        ``(inner, outer)`` in the detector's units.
    threshold
        Smallest height of a spot in standard deviations of the noise at its radius.
    cut
        Whether spots that an edge cuts are among them, in the middle of what is seen of each.

    Returns
    -------
    Spots
        In order of radius.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> pattern = np.exp(-((x - 9.3) ** 2 + (y + 4.1) ** 2) / 4)
    >>> pattern += 0.001 * np.random.default_rng(0).normal(size=pattern.shape)
    >>> spots = find_spots(pattern, Detector((41, 41), (20, 20)))
    >>> spots.x.round(2), spots.y.round(2)
    (array([9.3]), array([-4.1]))
    """
    if background is None:
        background = radial_median(pattern, detector)
    radius = detector.radius()
    usable = np.isfinite(pattern) & (radius >= radial_range[0]) & (radius <= radial_range[1])
    if not usable.any():
        return _as_spots([], pattern, detector)
    excess = np.where(usable, pattern - background, np.nan)
    smooth = _smoothed(excess)
    brightest = float(np.nanmax(smooth))
    if brightest <= 0:
        return _as_spots([], pattern, detector)
    lowest = _lowest_peak(pattern, excess, smooth, detector, threshold)
    peaks = find_peaks(smooth, np.maximum(lowest, _WEAKEST * brightest))
    interior = ndimage.binary_erosion(usable, np.ones((3, 3)))
    whole = [peak for peak in peaks if interior[peak.rows, peak.columns].all()]
    fits = [_fit(excess, peak) for peak in whole]
    found = [(*fit, peak.area) for fit, peak in zip(fits, whole, strict=True) if fit is not None]
    if cut:
        found += [_cut(peak) for peak in peaks if not interior[peak.rows, peak.columns].all()]
    return _as_spots(found, np.where(usable, pattern, np.nan), detector)


def _cut(peak: Peak) -> tuple[float, float, float, int]:
    """Middle of what is seen of a peak, how well that is its own, and its area."""
    radius = float(np.sqrt(peak.area / np.pi))
    return float(peak.columns.mean()), float(peak.rows.mean()), radius, peak.area


def _lowest_peak(
    pattern: NDArray[np.floating],
    excess: NDArray[np.float64],
    smooth: NDArray[np.float64],
    detector: Detector,
    threshold: float,
) -> NDArray[np.float64]:
    """Height that noise does not reach at the radius of each pixel.

    Where few electrons arrive, most pixels have none and the median deviation says nothing: the
    noise is then at least that of counts, and its skewness takes Bernstein's second term.
    """
    noise = MAD_TO_SIGMA * radial_median(np.abs(smooth), detector)
    unit, mean = _counting_noise(pattern, excess, detector)
    # Smoothing takes the variance of uncorrelated pixels down by the area it averages over.
    counting = np.sqrt(unit * mean / (4 * np.pi * _SMOOTHING**2))
    highest_of_one = unit / (2 * np.pi * _SMOOTHING**2)
    return threshold * np.fmax(noise, counting) + threshold**2 / 3 * highest_of_one


def _counting_noise(
    pattern: NDArray[np.floating], excess: NDArray[np.float64], detector: Detector
) -> tuple[float, NDArray[np.float64]]:
    """Find what one count adds to a pattern, and the mean at each pixel's radius."""
    measured = np.isfinite(excess)
    bins = np.round(detector.radius() / detector.pixel).astype(np.intp)
    values, places = pattern[measured], bins[measured]
    counts = np.bincount(places, minlength=bins.max() + 1)
    divisor = np.maximum(counts, 1)
    mean = np.bincount(places, values, bins.max() + 1) / divisor
    above = np.bincount(places, excess[measured], bins.max() + 1) / divisor
    square = np.bincount(places, excess[measured] ** 2, bins.max() + 1) / divisor
    variance = np.where(counts >= _RING_PIXELS, square - above**2, np.nan)
    return float(unit_of_counts(mean, variance)), np.maximum(mean, 0.0)[bins]


def _smoothed(excess: NDArray[np.floating]) -> NDArray[np.float64]:
    """Image averaged over about two pixels, NaN where it was NaN."""
    measured = np.isfinite(excess)
    values = ndimage.gaussian_filter(np.where(measured, excess, 0.0), _SMOOTHING)
    weights = ndimage.gaussian_filter(measured.astype(np.float64), _SMOOTHING)
    return np.where(measured, values / np.where(measured, weights, 1.0), np.nan)


def _fit(excess: NDArray[np.float64], peak: Peak) -> tuple[float, float, float] | None:
    """x, y and their standard deviation; None if no fit is found."""
    half_width = np.sqrt(peak.area / np.pi)
    reach = int(np.ceil(1.5 * half_width + 1))
    row, column = round(float(peak.rows.mean())), round(float(peak.columns.mean()))
    rows = slice(max(row - reach, 0), row + reach + 1)
    columns = slice(max(column - reach, 0), column + reach + 1)
    window = excess[rows, columns]
    y, x = np.mgrid[rows, columns][:, : window.shape[0], : window.shape[1]]
    near = np.isfinite(window) & (np.hypot(x - column, y - row) <= reach)
    x, y, values = x[near], y[near], window[near]

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        spread = (x - p[0]) ** 2 + (y - p[1]) ** 2
        return np.asarray(p[2] * np.exp(-spread / (2 * p[3] ** 2)) + p[4] - values)

    def derivatives(p: NDArray[np.float64]) -> NDArray[np.float64]:
        dx, dy = x - p[0], y - p[1]
        shape = np.exp(-(dx**2 + dy**2) / (2 * p[3] ** 2))
        slope = p[2] * shape / p[3] ** 2
        along_width = slope * (dx**2 + dy**2) / p[3]
        return np.stack([slope * dx, slope * dy, shape, along_width, np.ones_like(x)], axis=1)

    start = [column, row, peak.height, max(half_width / 1.18, 0.7), 0.0]
    if values.size <= len(start):
        return None
    # There may be hundreds of spots: this takes a third of the time of SciPy's default method.
    fit = optimize.least_squares(
        residuals, start, derivatives, method="lm", x_scale=[1, 1, peak.height, 1, peak.height]
    )
    found_x, found_y, height, width, _ = fit.x
    strayed = np.hypot(found_x - column, found_y - row) > reach
    if strayed or height <= 0 or abs(width) > 2 * reach:
        return None
    variance = 2 * fit.cost / (values.size - len(start))
    # Not by way of JᵀJ: rounding makes variances below zero of what the data hardly determine.
    position = np.linalg.pinv(fit.jac)[:2]
    sigma = np.sqrt(variance * np.sum(position**2) / 2)
    return float(found_x), float(found_y), float(sigma)


def _as_spots(
    fits: Sequence[tuple[float, ...]], pattern: NDArray[np.floating], detector: Detector
) -> Spots:
    """Fits in pixels (x, y, sigma, area) as spots around the centre, in the detector's units."""
    x, y, sigma, area = np.reshape(np.array(fits, dtype=np.float64), (-1, 4)).T
    reach = _APERTURE * float(np.sqrt(np.median(area) / np.pi)) + 1.0 if area.size else 0.0
    owner = nearest_spot(x, y, reach, detector.shape)
    spots = Spots(
        *detector.offsets(x, y),
        np.hypot(sigma, _BEST_POSITION) * detector.pixel,
        aperture_sums(pattern, owner, x.size, detector),
        np.full(x.size, reach),
    )
    return spots[np.argsort(spots.radius)]


def owner_of_pixels(spots: Spots, detector: Detector) -> NDArray[np.intp]:
    """Find the spot whose aperture holds each pixel, -1 where none does, ``(n_v, n_u)``."""
    x, y = detector.pixels_at(spots.x, spots.y)
    return nearest_spot(x, y, float(spots.reach.max(initial=0.0)), detector.shape)


def shares_in_spots(
    patterns: NDArray[np.floating],
    rotations: NDArray[np.floating],
    spots: Spots,
    detector: Detector,
) -> NDArray[np.float64]:
    """Share of each pattern's intensity that lies where its group's average has spots.

    No spot is looked for in the single patterns, so that noise does not hide them.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    rotations
        ``(n,)`` degrees: pattern k is the average rotated by so much.
    spots
        Spots of the average.
    detector
        Geometry.

    Returns
    -------
    numpy.ndarray
        ``(n,)``; may be below zero.
    """
    shares = np.zeros(len(patterns))
    for k, (pattern, rotation) in enumerate(zip(patterns, rotations, strict=True)):
        owner = owner_of_pixels(spots.turned(float(rotation)), detector)
        total = np.nansum(pattern)
        if total > 0:
            shares[k] = aperture_sums(pattern, owner, len(spots), detector).sum() / total
    return shares


def carried_by_most(shares: NDArray[np.floating]) -> bool:
    """Whether more than half of the patterns have a share of at least `SMALLEST_SHARE`.

    Examples
    --------
    >>> carried_by_most(np.array([0.0, 0.5, 0.0, 0.4])), carried_by_most(np.array([0.5]))
    (False, True)
    """
    return bool((shares >= SMALLEST_SHARE).sum() > shares.size / 2)


def own_spot_shares(patterns: NDArray[np.floating], spots: Sequence[Spots]) -> NDArray[np.float64]:
    """Share of each pattern's intensity that lies in spots of its own, ``(n,)``.

    0 for a pattern with a single spot, or with less than 5 % of its intensity in spots: so much
    noise and what leaks from other components may make up.

    Parameters
    ----------
    patterns
        Pixels that were looked at, ``(n, n_pixels)``, NaN where not measured.
    spots
        What `find_spots` found there, of each pattern.
    """
    totals = np.nansum(patterns, axis=1)
    in_spots = [own.intensity.sum() if len(own) > 1 else 0.0 for own in spots]
    shares = np.divide(in_spots, totals, out=np.zeros(len(patterns)), where=totals > 0)
    return np.where(shares >= 5 * SMALLEST_SHARE, shares, 0.0)
