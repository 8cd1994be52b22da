"""What a factorization leaves of a scan, and what of it is more than noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization import tasks
from hs_nmfcluster.scan.local_maps import LocalMaps
from hs_nmfcluster.scan.noise import robust_sigma

# Positions or pixels stand out from the others by so many standard deviations.
_STANDS_OUT = 6.0


def residual_sums(
    job: Job,
    matrix: ScanMatrix,
    maps: NDArray[np.floating] | LocalMaps,
    patterns: NDArray[np.floating],
    worst: NDArray[np.bool_],
) -> tasks.ResidualSums:
    """Sum the residual over the positions of a scan, in one pass.

    Parameters
    ----------
    job
        Makes the pass.
    matrix
        The scan, X.
    maps
        C of all positions of the scan, kept or not, ``(n_scan, k)``, or without its zeros.
    patterns
        S at the kept pixels, ``(k, n_pixels)``.
    worst
        Which positions to sum apart, ``(n_scan,)``.

    Returns
    -------
    tasks.ResidualSums

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.engine.matrix import ScanMatrix
    >>> matrix = ScanMatrix.from_array(np.array([[[1.0, 2.0]], [[3.0, 4.0]]]))
    >>> C, S = np.array([[1.0], [2.0]]), np.array([[1.0, 2.0]])
    >>> residual_sums(Job(), matrix, C, S, np.array([False, True])).worst.tolist()
    [1.0, 0.0]
    """
    return job.visit(matrix, tasks.left_over, maps, patterns, worst)


def excess(mse: NDArray[np.floating], intensity: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean square error over mean intensity, in units of its median.

    Counting noise has a variance that is proportional to the intensity: where nothing but noise is
    left, this is 1 whatever the thickness and the gain of the camera.

    Parameters
    ----------
    mse, intensity
        Of positions or pixels, of one shape; NaN where not measured.

    Returns
    -------
    numpy.ndarray
        NaN where not measured or without intensity.

    Examples
    --------
    >>> excess(np.array([2.0, 4.0, 12.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 1.0, 2.0]
    """
    ratio = np.full(np.shape(mse), np.nan)
    np.divide(mse, intensity, out=ratio, where=np.nan_to_num(intensity) > 0)
    median = np.nanmedian(ratio) if np.isfinite(ratio).any() else np.nan
    return ratio / median if median > 0 else np.where(np.isnan(ratio), np.nan, 1.0)


def position_excess(
    position_mse: NDArray[np.floating], patterns: NDArray[np.floating], maps: Any
) -> NDArray[np.float64]:
    """`excess` of every position, ``scan_shape``; needs no look at the data.

    Parameters
    ----------
    position_mse
        Mean square error of every position, ``scan_shape``.
    patterns
        S on the detector, ``(k, n_v, n_u)``; NaN where masked.
    maps
        C, ``(k, *scan_shape)``; of a dask array only a number a position is fetched.
    """
    intensity = np.tensordot(np.nanmean(patterns, axis=(1, 2)), maps, axes=1)
    return excess(np.asarray(position_mse), np.asarray(intensity))


def standing_out(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which values exceed the median by six robust standard deviations; False for NaN.

    Examples
    --------
    >>> standing_out(np.array([1.0, 1.1, 0.9, 1.05, 0.95, 3.0])).tolist()
    [False, False, False, False, False, True]
    """
    median = np.nanmedian(values) if np.isfinite(values).any() else np.nan
    sigma = robust_sigma(values, median) if median == median else np.nan
    return np.nan_to_num(values) > median + max(_STANDS_OUT * sigma, 1e-6 * abs(median))
