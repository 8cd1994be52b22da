"""Arrays made ready for cross-correlation, and the peaks of what comes out of it."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

#: Places of things in a set.
Places: TypeAlias = slice | NDArray[np.intp]


def centered_patterns(polar_patterns: NDArray) -> NDArray[np.floating]:
    """Zero-mean patterns without gaps, ``(n, n_radial, n_azimuthal)``.

    A bin without data is given the mean of its ring, so that no rotation gains by it; a ring
    without data the mean of the pattern, so that it adds nothing to any correlation.
    """
    dtype = np.result_type(polar_patterns.dtype, np.float32)
    filled = np.array(polar_patterns, dtype=dtype)
    missing = np.isnan(filled)
    for pattern, gaps in zip(filled, missing, strict=True):
        if gaps.any():
            measured = ~gaps.all(axis=1)
            pattern[gaps] = 0
            means = pattern.sum(axis=1) / np.maximum((~gaps).sum(axis=1), 1)
            means[~measured] = means[measured].mean() if measured.any() else 0
            pattern[gaps] = np.broadcast_to(means[:, None], gaps.shape)[gaps]
        pattern[:] = without_mean(pattern)
    return filled


def centered_maps(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zero-mean maps ``(n, *scan_shape)``, 0 where not measured."""
    centered = np.zeros_like(maps)
    for scan, target in zip(maps, centered, strict=True):
        measured = ~np.isnan(scan)
        if measured.any():
            target[measured] = without_mean(scan[measured])
    return centered


def translated(scan: NDArray[np.float64], shift: NDArray[np.floating]) -> NDArray[np.float64]:
    """Map shifted by fractions of pixels, 0 where it has left the scan."""
    # Cubic: linear interpolation would widen a particle of a few pixels.
    return ndimage.shift(scan, shift, order=3, mode="grid-constant", cval=0.0)


def azimuthal_spectra(polar_patterns: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    """Fourier coefficients along phi, ``(n_frequencies, n, n_radial)``.

    Frequency first: one frequency of all patterns is then one matrix for BLAS.
    """
    return np.moveaxis(fft.rfft(polar_patterns, axis=-1), -1, 0)


def correlation_over_rotations(
    rows: NDArray[np.complexfloating], columns: NDArray[np.complexfloating], n_azimuthal: int
) -> NDArray[np.floating]:
    """Correlations of patterns over all rotations, ``(n_columns, n_rows, n_azimuthal)``.

    How the patterns are centred is the caller's affair: means are not taken off, and nothing is
    divided by norms (see `normalised`).

    Parameters
    ----------
    rows, columns
        What `azimuthal_spectra` gave.
    n_azimuthal
        Number of bins along phi. Of a pattern in the columns that is one in the rows rotated by k
        bins, the correlation with that one is highest at k.

    Examples
    --------
    >>> square = np.array([[[1.0, 0, 0, 0, 0]], [[0, 0, 0, 1.0, 0]]])
    >>> spectra = azimuthal_spectra(square)
    >>> correlation_over_rotations(spectra[:, :1], spectra[:, 1:], 5).argmax()
    np.int64(3)
    """
    # Summed over r after the product: the scattering angles are kept apart.
    products = np.matmul(columns, rows.conj().swapaxes(1, 2))
    return fft.irfft(np.moveaxis(products, 0, -1), n=n_azimuthal, overwrite_x=True)


def normalised(values: NDArray[np.floating], norms: NDArray[np.floating]) -> NDArray[np.floating]:
    """Correlations divided by the norms, within −1 and 1; 0 where a norm is 0."""
    norms = norms.astype(values.dtype)
    scaled = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
    return np.clip(scaled, -1.0, 1.0, out=scaled)


def correlation_peaks(
    correlation: NDArray[np.floating], n_axes: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Highest value over the last, circular axes and its place between samples.

    Parameters
    ----------
    correlation
        ``(..., *lags)``.
    n_axes
        Number of lag axes.

    Returns
    -------
    values : numpy.ndarray
        ``(...)``, the vertex of the parabola through the highest sample and its neighbours.
    places : numpy.ndarray
        ``(..., n_axes)`` in samples, from minus to plus half of each axis.
    """
    lags = correlation.shape[correlation.ndim - n_axes :]
    flat = correlation.reshape(*correlation.shape[: correlation.ndim - n_axes], -1)
    top = flat.argmax(axis=-1)
    index = np.unravel_index(top, lags)
    peak = _take(flat, top)
    values = peak.copy()
    places = np.empty((*peak.shape, n_axes), correlation.dtype)
    for axis, size in enumerate(lags):
        before = _take(flat, _neighbour(index, lags, axis, -1))
        after = _take(flat, _neighbour(index, lags, axis, 1))
        offset = parabola_offset(before, peak, after)
        values -= 0.25 * (before - after) * offset
        places[..., axis] = np.where(index[axis] > size // 2, index[axis] - size, index[axis])
        places[..., axis] += offset
    return values, places


def parabola_offset(
    before: NDArray[np.floating], top: NDArray[np.floating], after: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Place of the vertex of parabolas through three samples, in steps from the middle ones.

    0 where the middle one is no maximum.

    Examples
    --------
    >>> float(parabola_offset(np.array(0.0), np.array(1.0), np.array(0.5)))
    0.16666666666666666
    """
    curvature = before - 2 * top + after
    return np.divide(before - after, 2 * curvature, out=np.zeros_like(top), where=curvature < 0)


def _take(flat: NDArray[np.floating], index: NDArray[np.intp]) -> NDArray[np.floating]:
    return np.take_along_axis(flat, index[..., None], axis=-1)[..., 0]


def _neighbour(
    index: tuple[NDArray[np.intp], ...], lags: tuple[int, ...], axis: int, step: int
) -> NDArray[np.intp]:
    moved = list(index)
    moved[axis] = (moved[axis] + step) % lags[axis]
    return np.ravel_multi_index(tuple(moved), lags)


def without_mean(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Values minus their mean, all exactly 0 if they differ by rounding only."""
    centered = values - values.mean(dtype=np.float64).astype(values.dtype)
    rounding = 100 * np.finfo(values.dtype).eps
    if np.abs(centered).max() <= rounding * np.abs(values).max():
        centered[...] = 0
    return centered
