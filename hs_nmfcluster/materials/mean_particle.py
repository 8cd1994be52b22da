"""The mean particle of a group: the width of its shift-corrected map, as the paper gives it."""

from math import hypot

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, special

from hs_nmfcluster.materials.peaks import find_peaks
from hs_nmfcluster.materials.segments import background_and_noise

# Pixels over which noise is averaged before the particle is looked for.
_SMOOTHING = 0.7
# A width is not known better than this share of a pixel, and not at all below this share of it.
_BEST_DIAMETER = 0.1
_KNOWN = 1 / 3


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
        Width and its uncertainty; NaN if there is no peak, or the width is not known to a third.
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
    size = min(n * step for n, step in zip(scan.shape, scale[::-1], strict=True))
    if not (0 < width < size and sigma < _KNOWN * width):
        return np.nan, np.nan
    return width, hypot(sigma, _BEST_DIAMETER * pixel)


def _width_of_blurred_disc(radius: float, blur: float) -> float:
    """Full width at half of the height in the middle, which a wide blur takes down."""
    half = special.erfc(-radius / blur) / 2
    return float(2 * (radius + blur * special.erfcinv(half)))
