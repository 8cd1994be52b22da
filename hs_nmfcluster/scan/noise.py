"""The noise of measured values, from what few of them cannot change."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Pixels along each side of a window in which noise is rough and a spot is not.
_WINDOW = 3
# Of several regions the lower quartile is taken, as structure raises the variance of some.
_QUIET = 0.25

#: Standard deviation of the normal distribution over its median absolute deviation.
MAD_TO_SIGMA = 1.4826


def robust_sigma(values: NDArray[np.floating], level: float) -> float:
    """Find the standard deviation around a level by median deviation; NaN does not count.

    Examples
    --------
    >>> round(robust_sigma(np.array([-1.0, 1.0, -1.0, 1.0, 99.0, np.nan]), 0.0), 4)
    1.4826
    """
    return MAD_TO_SIGMA * float(np.nanmedian(np.abs(values - level)))


def unit_of_counts(
    mean: NDArray[np.floating], variance: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Find what one count adds to the values: variance over mean where nothing else varies.

    Where few electrons arrive most values are zero. Quartiles and median deviations are zero
    then, too, and say nothing of the noise; its variance is the mean times this unit.

    Parameters
    ----------
    mean, variance
        Of several regions each, ``(..., n_regions)``. A mean that is not above zero, and NaN, tell
        nothing.

    Returns
    -------
    numpy.ndarray
        ``(...)``, 0 where no region tells anything.

    Examples
    --------
    >>> mean = np.array([0.1, 0.4, 0.2, 0.0])
    >>> float(unit_of_counts(mean, 3 * mean).round(3))
    3.0
    """
    ratio = np.divide(variance, mean, out=np.full(np.shape(mean), np.nan), where=mean > 0)
    return np.nan_to_num(quantile_of_known(ratio, _QUIET))


def unit_of_counts_in_windows(
    image: NDArray[np.floating], level: NDArray[np.floating], measured: NDArray[np.bool_]
) -> float:
    """Find what one count adds to an image by the variance in small windows.

    Spots lie on most rings of a pattern, but not in most windows.

    Parameters
    ----------
    image
        ``(n_v, n_u)``.
    level
        Of its halo, which falls off within a window.
    measured
        Pixels that count, ``(n_v, n_u)``.

    Returns
    -------
    float
        0 where no window is measured.

    Examples
    --------
    >>> image = 3.0 * np.random.default_rng(0).poisson(0.2, (60, 60))
    >>> image[::10] = 900
    >>> everywhere = np.ones(image.shape, bool)
    >>> 2 < unit_of_counts_in_windows(image, 0 * image, everywhere) < 4
    True
    """
    kernel = np.full((_WINDOW, _WINDOW), _WINDOW**-2.0)
    known = np.where(measured, image, 0.0)
    above = np.where(measured, image - level, 0.0)
    # Not by running sums, which leave something where there is nothing.
    mean, offset, square = (ndimage.convolve(one, kernel) for one in (known, above, above**2))
    whole = ndimage.binary_erosion(measured, np.ones(kernel.shape))
    if not whole.any():
        return 0.0
    variance = (square - offset**2) * kernel.size / (kernel.size - 1)
    return float(unit_of_counts(mean[whole], variance[whole]))


def quantile_of_known(
    values: NDArray[np.floating], share: float, axis: int = -1
) -> NDArray[np.floating]:
    """As `numpy.nanquantile`, which goes through the rows one by one and warns of empty ones.

    Parameters
    ----------
    values
        Some of them may be NaN.
    share
        Of the values that lie below.
    axis
        Along which they are ordered.

    Returns
    -------
    numpy.ndarray
        NaN where nothing is known.

    Examples
    --------
    >>> quantile_of_known(np.array([[1.0, 4.0, np.nan, 2.0], [np.nan] * 4]), 0.5).tolist()
    [2.0, nan]
    """
    ordered = np.sort(values, axis=axis)
    known = np.isfinite(ordered).sum(axis=axis, keepdims=True)
    place = share * np.maximum(known - 1, 0)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(known - 1, 0))
    low, high = (np.take_along_axis(ordered, index, axis) for index in (below, above))
    return np.asarray((low + (place - below) * (high - low)).squeeze(axis))
