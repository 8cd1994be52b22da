"""Whether components are there in electrons, or at positions, that had no part in finding them.

A pattern of counts can be divided as if it had been recorded twice: each electron goes by chance to
one part or the other (binomial thinning), and of Poisson counts both parts are Poisson counts that
know nothing of each other's noise. What a factorization of one part has made of noise is not in the
other. Where data are no counts, every other position takes the place of the other part.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse, stats

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix, pieces
from hs_nmfcluster.engine.merging import fold
from hs_nmfcluster.engine.random_numbers import generator_at
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps
from hs_nmfcluster.scan.survey import Survey

Matrix = NDArray[np.float64]

# Stream of random numbers by which electrons are dealt out.
_STREAM = 16
# Variance over mean of single electrons is 1, of what a camera makes of each more; and pixels of
# which it is asked.
_COUNTS, _ASKED = 1.5, 1000
# Positions below which nothing can be said.
_FEWEST = 4


def thinned(
    patterns: NDArray, positions: NDArray[np.int64], seed: int, share: float, held_out: bool
) -> NDArray:
    """One of the two parts that counts are divided into, electron by electron.

    Parameters
    ----------
    patterns
        Counts, ``(n, n_v, n_u)``.
    positions
        ``(n,)``.
    seed
        The same for both parts.
    share
        Of the electrons that is held out.
    held_out
        Which part.

    Examples
    --------
    >>> counts, here = np.full((1, 1, 4), 9), np.array([3])
    >>> both = [thinned(counts, here, 0, 0.2, held_out) for held_out in (True, False)]
    >>> sum(both).tolist()
    [[[9, 9, 9, 9]]]
    """
    held = np.empty_like(patterns)
    for row, counts, position in zip(held, patterns, positions.tolist(), strict=True):
        whole = counts.astype(np.int64)
        row[...] = generator_at(seed, position, _STREAM).binomial(whole, share)
    return held if held_out else patterns - held


def counting_gain(look: Survey, kept: NDArray[np.bool_]) -> float:
    """Variance of the data over their mean, as far as counting makes it: 1 of single electrons.

    Thickness and speckle add to the variance by the square of the mean, counting by the mean: what
    their ratio is where the mean goes to zero is the counting's alone.

    Parameters
    ----------
    look
        First look at the scan.
    kept
        Pixels that are not masked.

    Returns
    -------
    float
        0 where there is none to be seen.
    """
    mean = look.mean[kept]
    lit = np.flatnonzero(mean > 0)
    if lit.size < 2:
        return 0.0
    lit = lit[:: -(-lit.size // _ASKED)]
    ratio = look.variance[kept][lit] / mean[lit]
    return max(float(stats.siegelslopes(ratio, mean[lit])[1]), 0.0)


def are_counts(look: Survey, kept: NDArray[np.bool_], gain: float) -> bool:
    """Whether the data are electrons one by one, whose noise thinning divides.

    Parameters
    ----------
    look, kept
        As of :func:`counting_gain`.
    gain
        What that says.
    """
    whole = look.whole and not look.negative[kept].any()
    return bool(whole and 0 < gain < _COUNTS)


def every_other(scan_shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Positions of one colour of a chessboard over the last two axes of a scan, or the only one.

    Examples
    --------
    >>> every_other((2, 3)).astype(int).tolist()
    [[0, 1, 0], [1, 0, 1]]
    """
    return np.indices(scan_shape)[-2:].sum(axis=0) % 2 == 1


@dataclass(frozen=True, eq=False)
class _Sums:
    """Of places x (a map) and values y (of the data along a pattern), ``(k,)`` each."""

    n: Matrix
    x: Matrix
    y: Matrix
    xx: Matrix
    yy: Matrix
    xy: Matrix


def held_out_significance(
    matrix: ScanMatrix, templates: NDArray[np.floating], maps: LocalMaps, job: Job
) -> Matrix:
    """How surely components are in data that had no part in finding them, in standard deviations.

    Of each position is taken how much of the component's pattern it holds, and these numbers are
    compared with the component's map by linear regression: the slope over its standard error, which
    Student's distribution turns into standard deviations. Noise gives none, whatever its law.

    Parameters
    ----------
    matrix
        Kept positions and pixels of the held-out data; one pass is made.
    templates
        What distinguishes each pattern, without its rings, ``(k, n_pixels)``.
    maps
        Of the components, as they were found elsewhere.
    job
        Makes the pass.

    Returns
    -------
    numpy.ndarray
        ``(k,)``, NaN where too few positions are left.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> maps = np.zeros((2, 8, 8))
    >>> maps[0, 2:5, 2:5], maps[1, 5:, 5:] = 1, 1
    >>> data = rng.poisson(9 + 15 * np.multiply.outer(maps[0], np.eye(1, 16)[0]))
    >>> matrix = ScanMatrix.from_array(data[:, :, None])
    >>> templates = np.eye(2, 16) - 1 / 16
    >>> z = held_out_significance(matrix, templates, LocalMaps.known(maps), Job())
    >>> bool(z[0] > 5 > z[1])
    True
    """
    around = LocalMaps([_around(one, maps.left_out.shape) for one in maps], maps.left_out)
    s: _Sums = job.visit(matrix, _regression_sums, around, np.asarray(templates, np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        xx, yy = s.xx - s.x**2 / s.n, s.yy - s.y**2 / s.n
        r = (s.xy - s.x * s.y / s.n) / np.sqrt(xx * yy)
        free = s.n - 2
        # Wallace (Ann. Math. Stat. 30, 1959): Student's distribution as a normal one, to its ends.
        z = np.sqrt(-free * np.log1p(-np.minimum(r**2, 1 - 1e-15)))
        z *= np.sign(r) * (8 * free + 1) / (8 * free + 3)
    return np.where((s.n >= _FEWEST) & np.isfinite(z), z, np.nan)


def expected_false(significance: Matrix) -> Matrix:
    """How many of all components noise alone would be expected to make so significant, ``(k,)``.

    Parameters
    ----------
    significance
        In standard deviations; NaN for what was not tested.

    Examples
    --------
    >>> expected_false(np.array([0.0, np.nan, 3.0])).round(4).tolist()
    [1.0, nan, 0.0027]
    """
    return np.asarray(np.isfinite(significance).sum() * stats.norm.sf(significance))


def likeness(
    templates: tuple[NDArray[np.floating], NDArray[np.floating]], maps: tuple[LocalMaps, LocalMaps]
) -> Matrix:
    """How alike the components of two factorizations of one scan are, ``(k, l)``, 0 to 1.

    The geometric mean of the cosines of their patterns, without rings, and of their maps.

    Parameters
    ----------
    templates
        ``(k, n_pixels)`` and ``(l, n_pixels)``.
    maps
        Of both.
    """
    first, second = (_unit(np.asarray(one, np.float64)) for one in templates)
    one, other = (_rows_of(of) for of in maps)
    cosines = np.asarray((one @ other.T).todense())
    return np.sqrt(np.maximum(first @ second.T, 0.0) * np.maximum(cosines, 0.0))


def _around(one: LocalMap, scan_shape: tuple[int, ...]) -> LocalMap:
    """Map on a window that reaches beyond its own by its size; above zero in all of it.

    Only differences within a map matter to a slope, so that a constant may be added, by which
    positions of the window differ from those beyond. Positions that were left out take what their
    neighbours have.
    """
    shape = one.values.shape
    start = tuple(max(at - n, 0) for at, n in zip(one.start, shape, strict=True))
    ends = zip(one.start, shape, scan_shape, strict=True)
    stop = tuple(min(at + 2 * n, most) for at, n, most in ends)
    values = np.zeros([b - a for a, b in zip(start, stop, strict=True)])
    inside = tuple(
        slice(at - a, at - a + n) for at, a, n in zip(one.start, start, shape, strict=True)
    )
    values[inside] = one.values
    values = _filled(values)
    norm = float(np.sqrt(np.nanmean(values**2))) or 1.0
    return LocalMap(start, np.nan_to_num(values / norm + 1.0))


def _filled(values: Matrix) -> Matrix:
    """Values with the mean of the nearest known neighbours where there are none."""
    known = np.isfinite(values)
    if known.all():
        return values
    nearest = ndimage.generate_binary_structure(min(values.ndim, 2), 1)
    nearest = nearest.reshape((1,) * (values.ndim - nearest.ndim) + nearest.shape).astype(float)
    total, weight = (
        ndimage.convolve(part, nearest, mode="constant")
        for part in (np.where(known, values, 0.0), known.astype(float))
    )
    mean = np.divide(total, weight, out=np.full(values.shape, np.nan), where=weight > 0)
    return np.where(known, values, mean)


def _regression_sums(
    rows: NDArray, positions: NDArray[np.int64], maps: LocalMaps, templates: Matrix
) -> _Sums:
    def of_piece(x: Matrix, where: NDArray[np.int64]) -> _Sums:
        there, places = maps.at(where)
        inside = places > 0
        values = np.where(inside, x @ templates[there].T, 0.0)
        sums = np.zeros((6, len(maps)))
        parts = (inside, places, values, places**2, values**2, places * values)
        sums[:, there] = [part.sum(axis=0) for part in parts]
        return _Sums(*sums)

    return fold(of_piece(*piece) for piece in pieces(rows, positions))


def _rows_of(maps: LocalMaps) -> sparse.csr_array:
    """Make sparse rows of unit norm of maps, ``(k, n_positions)``."""
    shape = maps.left_out.shape
    flat = np.arange(maps.left_out.size).reshape(shape)
    columns = [flat[one.window].ravel() for one in maps]
    values = [_unit(np.nan_to_num(one.values).reshape(1, -1))[0] for one in maps]
    ends = np.cumsum([0, *(len(own) for own in columns)])
    found = (np.concatenate(values), np.concatenate(columns), ends)
    return sparse.csr_array(found, shape=(len(maps), flat.size))


def _unit(rows: Matrix) -> Matrix:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
