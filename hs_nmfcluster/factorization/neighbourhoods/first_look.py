"""What a few places of a scan say of it beforehand: how large its structures are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, next_fast_len, rfftn

from hs_nmfcluster.engine.matrix import JoinedRows, ScanMatrix
from hs_nmfcluster.factorization.eigen import Eigen
from hs_nmfcluster.factorization.neighbourhoods.parted import Parted, compress
from hs_nmfcluster.factorization.spectrum import count_above_bulk

# Scans of so many positions have their mean pattern taken of all; others of so many places along
# each of the last two axes, of this size, or, where there is one axis only, of this length.
_WHOLE, _PLACES, _SIDE, _LENGTH = 2**14, 3, 32, 512
# Side of the part of each place in which structures are measured.
MEASURED_SIDE = 20
# Where the autocorrelation of the projected thickness of a sphere has fallen to half, over its
# diameter; of a disc's it is 0.40.
_HALF = 0.38
# Positions for each component that a window may have at most.
POSITIONS_A_COMPONENT = 25


def places(scan_shape: tuple[int, ...], side: int = _SIDE) -> list[tuple[slice, ...]]:
    """Windows to look at, the same whatever the chunks.

    Parameters
    ----------
    scan_shape
        In array order.
    side
        Of a window of a scan with two axes or more.

    Examples
    --------
    >>> places((20, 15))
    [(slice(0, 20, None), slice(0, 15, None))]
    >>> len(places((500, 700)))
    9
    """
    side = side if len(scan_shape) > 1 else _LENGTH
    spans = [[slice(n // 2, n // 2 + 1)] for n in scan_shape[:-2]]
    for n in scan_shape[-2:]:
        middles = (np.arange(_PLACES) + 0.5) / _PLACES * n
        starts = {max(0, min(n - side, int(middle) - side // 2)) for middle in middles}
        spans.append([slice(start, min(start + side, n)) for start in sorted(starts)])
    return [
        tuple(of_axis[i] for of_axis, i in zip(spans, index, strict=True))
        for index in np.ndindex(*(len(of_axis) for of_axis in spans))
    ]


def looked_at(kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Flat indices of the positions whose mean is taken for that of all, ascending.

    Parameters
    ----------
    kept
        Positions that are not masked, ``scan_shape``.
    """
    everywhere = np.flatnonzero(kept)
    if kept.size <= _WHOLE:
        return everywhere
    windows = [flat_positions(kept, window) for window in places(kept.shape)]
    some = np.unique(np.concatenate(windows))
    return some if len(some) else everywhere


@dataclass(frozen=True)
class Correlations:
    """Autocorrelations of what stands above the noise, summed over places.

    Parameters
    ----------
    along
        Along each of the last two axes of the scan, or its only one, by lag; zero beyond what a
        place holds.
    """

    along: tuple[NDArray[np.float64], ...]


def correlations(
    rows: NDArray | JoinedRows,
    positions: NDArray[np.int64],
    scan_shape: tuple[int, ...],
    pixel_weights: NDArray[np.float64] | None,
) -> Correlations:
    """Correlate the strongest maps of one place with themselves: a task of a pass."""
    x = Parted.of(rows[:], pixel_weights)
    gram = Eigen.of(x.gram())
    # The first is the mean pattern, wherever it is.
    maps = compress(x, gram, count_above_bulk(gram.values)).scores[:, 1:]
    inside = np.unravel_index(positions, scan_shape)[-2:]
    starts = [int(axis.min()) for axis in inside]
    box = [int(axis.max()) - start + 1 for axis, start in zip(inside, starts, strict=True)]
    image = np.zeros((*box, maps.shape[1]))
    image[tuple(axis - start for axis, start in zip(inside, starts, strict=True))] = maps
    return Correlations(tuple(_autocorrelation(image, axis) for axis in range(len(box))))


def _autocorrelation(image: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    lags = np.zeros(max(_SIDE, _LENGTH))
    if image.size == 0:
        return lags
    n = image.shape[axis]
    length = next_fast_len(2 * n, real=True)
    power = np.abs(rfftn(image, [length], axes=[axis])) ** 2
    power = power.sum(axis=tuple(i for i in range(image.ndim) if i != axis))
    found = irfftn(power, [length])[:n]
    lags[:n] = found * n / np.arange(n, 0, -1)
    return lags


def structure_sizes(found: Correlations) -> tuple[float | None, ...]:
    """Diameter of what stands above the noise along each axis, in positions; None if nothing does.

    Examples
    --------
    >>> disc = np.hypot(*np.mgrid[-20:21, -20:21]) < 5
    >>> lags = Correlations((_autocorrelation(disc[..., None] * 1.0, 0),))
    >>> 9 < structure_sizes(lags)[0] < 13
    True
    """
    return tuple(_half_width(lags) for lags in found.along)


def _half_width(lags: NDArray[np.float64]) -> float | None:
    if lags[0] <= 0:
        return None
    below = np.flatnonzero(lags < lags[0] / 2)
    if not len(below) or below[0] == 0:
        return None
    i = int(below[0])
    part = (lags[i - 1] - lags[0] / 2) / (lags[i - 1] - lags[i])
    return float((i - 1 + part) / _HALF)


def flat_positions(kept: NDArray[np.bool_], window: tuple[slice, ...]) -> NDArray[np.int64]:
    """Flat indices of the kept positions, ``scan_shape``, of a window, ascending."""
    axes = [np.arange(span.start, span.stop) for span in window]
    flat = np.ravel_multi_index(np.ix_(*axes), kept.shape).ravel()
    return flat[kept.ravel()[flat]]


def kept_positions(matrix: ScanMatrix) -> NDArray[np.bool_]:
    """Positions that are not masked, ``scan_shape``."""
    kept = np.zeros(int(np.prod(matrix.scan_shape, dtype=np.int64)), bool)
    kept[matrix.positions] = True
    return kept.reshape(matrix.scan_shape)
