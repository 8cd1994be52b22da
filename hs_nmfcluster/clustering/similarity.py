"""How alike patterns or maps are, and how they lie to each other: all pairs at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement
from typing import Literal, TypeVar

import numpy as np
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from hs_nmfcluster.clustering.alignable import (
    Alignable,
    FixedRows,
    Metric,
    RotatablePatterns,
    ShiftableMaps,
)
from hs_nmfcluster.clustering.correlation import Places
from hs_nmfcluster.clustering.gaps import have_gaps
from hs_nmfcluster.clustering.mirror import MirrorablePatterns
from hs_nmfcluster.clustering.polar import PolarGrid, PolarPatterns
from hs_nmfcluster.engine.scheduling import one_blas_thread_each

By = Literal["patterns", "maps"]
T = TypeVar("T")

#: Working memory for the correlations of the blocks of pairs that are compared at a time.
BLOCK_BYTES = 256 * 2**20
# Things along the side of a block, beyond which a larger one is no faster.
_LARGEST_BLOCK = 128


def pattern_similarity(
    polar_patterns: NDArray,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    r"""Similarity of patterns that may be rotated against each other (the paper's Fig. 6d).

    The maximum over rotations :math:`\Delta` of the cross-correlation
    :math:`\sum_r \sum_\phi s'_i(r, \phi)\, s'_j(r, \phi - \Delta)` of zero-mean, unit-norm
    patterns; there is no shift along r, as it would mean another lattice spacing. The maximum is
    placed between bins by a parabola through its neighbours.

    Parameters
    ----------
    polar_patterns
        ``(n, n_radial, n_azimuthal)`` over the full circle. NaN bins do not count, nor
        rings without any data; where a per cent of the bins or less are NaN, they are given the
        mean of their ring.

    Returns
    -------
    similarity : numpy.ndarray
        ``(n, n)``, from −1 to 1, 1 on the diagonal. A flat pattern has similarity 0 with all
        others.
    rotations : numpy.ndarray
        ``(n, n)`` degrees: pattern j is pattern i rotated by ``rotations[i, j]``.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.similarity import pattern_similarity
    >>> pattern = np.random.default_rng(0).random((5, 36)).cumsum(axis=1) % 3
    >>> similarity, rotations = pattern_similarity([pattern, np.roll(pattern, 4, axis=1)])
    >>> round(float(similarity[0, 1]), 3), round(float(rotations[0, 1]))
    (1.0, 40)
    """
    similarity, shifts = pairwise(RotatablePatterns(np.asarray(polar_patterns)))
    return similarity, -shifts[..., 0]


def map_similarity(maps: NDArray) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Similarity of maps that may be shifted against each other (the paper's Fig. 6e).

    The maximum over all lateral shifts of the cross-correlation of zero-mean, unit-norm maps.
    What leaves the scan on one side does not come in again on the other.

    Parameters
    ----------
    maps
        ``(n, *scan_shape)``, any number of scan axes. NaN positions do not count.

    Returns
    -------
    similarity : numpy.ndarray
        ``(n, n)``, 1 on the diagonal. A flat map has similarity 0 with all others.
    shifts : numpy.ndarray
        ``(n, n, n_scan_axes)`` scan pixels in the order of the array's axes: map j is map i
        shifted by ``shifts[i, j]``.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.similarity import map_similarity
    >>> maps = np.zeros((2, 9, 12))
    >>> maps[0, 2:4, 5] = maps[1, 6:8, 3] = 1
    >>> similarity, shifts = map_similarity(maps)
    >>> round(float(similarity[0, 1]), 3), shifts[0, 1].round(2).tolist()
    (0.99, [4.0, -2.0])
    """
    similarity, shifts = pairwise(ShiftableMaps(np.asarray(maps)))
    return similarity, -shifts


def pairwise(
    items: Alignable, number: int | None = None
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Compare all pairs, block by block.

    Parameters
    ----------
    items
        What to compare.
    number
        So many, ``n``, from the first on; by default all.

    Returns
    -------
    similarity : numpy.ndarray
        ``(n, n)``, symmetric, 1 on the diagonal.
    shifts : numpy.ndarray
        ``(n, n, n_shifts)``: the shift that brings item j onto item i.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.alignable import FixedRows
    >>> from hs_nmfcluster.clustering.similarity import pairwise
    >>> similarity, shifts = pairwise(FixedRows(np.array([[1.0, 0.0], [3.0, 4.0]]), "cosine"))
    >>> similarity.round(2).tolist(), shifts.shape
    ([[1.0, 0.6], [0.6, 1.0]], (2, 2, 0))
    """
    n = len(items) if number is None else number
    similarity, shifts = np.eye(n), np.zeros((n, n, items.n_shifts))
    at_a_time = max(1, BLOCK_BYTES // items.bytes_per_pair)
    workers = min(CPU_COUNT, at_a_time)
    side = min(int(np.sqrt(at_a_time // workers)), _LARGEST_BLOCK)
    blocks = [slice(start, min(start + side, n)) for start in range(0, n, side)]

    def compare(pair: tuple[slice, slice]) -> None:
        rows, columns = pair
        values, moves = items.compare(rows, columns)
        if rows == columns:
            values, moves = np.triu(values, 1), moves * np.triu(np.ones_like(values), 1)[..., None]
        similarity[rows, columns] += values
        similarity[columns, rows] += values.T
        shifts[rows, columns] += moves
        shifts[columns, rows] += items.undone(moves).swapaxes(0, 1)

    _in_threads(compare, combinations_with_replacement(blocks, 2), workers)
    return similarity, shifts


def compare_one(
    items: Alignable, one: int, others: Places
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Compare one with some, block by block: similarities ``(n,)`` and shifts ``(n, n_shifts)``."""
    side = max(1, BLOCK_BYTES // items.bytes_per_pair)
    if isinstance(others, slice):
        ends = range(others.start, others.stop, side)
        blocks: list[Places] = [slice(at, min(at + side, others.stop)) for at in ends]
    else:
        blocks = [others[at : at + side] for at in range(0, len(others), side)]
    found = [items.compare(slice(one, one + 1), block) for block in blocks]
    return np.concatenate([values[0] for values, _ in found]), np.concatenate(
        [moves[0] for _, moves in found]
    )


def compare_pairs(
    items: Alignable, first: NDArray[np.intp], second: NDArray[np.intp]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Compare some pairs.

    Parameters
    ----------
    items
        What to compare.
    first, second
        Places of the pairs, sorted by the first, ``(n_pairs,)``.

    Returns
    -------
    similarity : numpy.ndarray
        ``(n_pairs,)``.
    shifts : numpy.ndarray
        ``(n_pairs, n_shifts)``: the shift that brings the second onto the first.
    """
    similarity, shifts = np.empty(len(first)), np.empty((len(first), items.n_shifts))
    rows, starts = np.unique(first, return_index=True)
    ends = np.append(starts[1:], len(first))

    def compare(pair: tuple[int, slice]) -> None:
        row, pairs = pair
        similarity[pairs], shifts[pairs] = compare_one(items, row, second[pairs])

    of_rows = map(slice, starts.tolist(), ends.tolist())
    workers = 1 if items.bytes_per_pair > BLOCK_BYTES // CPU_COUNT else CPU_COUNT
    _in_threads(compare, zip(rows.tolist(), of_rows, strict=True), workers)
    return similarity, shifts


def _in_threads(work: Callable[[T], None], parts: Iterable[T], workers: int) -> None:
    """Do the parts of a work, each on one core."""
    with one_blas_thread_each(), ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, parts):
            pass


def items_to_cluster(
    data: NDArray, by: By, metric: Metric, grid: PolarGrid, mirror: bool = False
) -> Alignable:
    """Return what agglomeration works on.

    Parameters
    ----------
    data
        Patterns ``(n, n_v, n_u)`` or maps ``(n, *scan_shape)``.
    by, metric
        Which of them, and how they are compared.
    grid
        Bins for the cross-correlation of patterns; the other metrics take the pixels in its
        range of radii.
    mirror
        Whether patterns are compared by cross-correlation with their mirror images too.

    Raises
    ------
    ValueError
        If a pattern has no measured pixel in the radial range, or no pixel is measured in all.
    """
    if metric == "cross_correlation":
        return ShiftableMaps(data) if by == "maps" else rotatable(InBins((data, grid)), mirror)
    rows = data[:, grid.pixels] if by == "patterns" else data.reshape(len(data), -1)
    measured = ~np.isnan(rows).any(axis=0)
    if not measured.any():
        raise ValueError(
            f'`metric="{metric}"` needs pixels or positions that were measured in all {by}.'
        )
    return FixedRows(rows[:, measured], metric)


def rotatable(patterns: PolarPatterns, mirror: bool = False) -> RotatablePatterns:
    """Patterns that are compared over rotations, and if so over those of mirror images."""
    return MirrorablePatterns(patterns) if mirror else RotatablePatterns(patterns)


class InBins:
    """Patterns that are brought into the bins of a grid when they are asked for.

    Parameters
    ----------
    parts
        Patterns ``(n, n_v, n_u)`` and the bins around their centre, the same number for all parts.
    """

    def __init__(self, *parts: tuple[NDArray, PolarGrid]) -> None:
        self._parts = parts
        self.shape = (sum(len(patterns) for patterns, _ in parts), *parts[0][1].shape)

    def __getitem__(self, places: slice) -> NDArray[np.floating]:
        found, first = [], 0
        start, stop, _ = places.indices(self.shape[0])
        for patterns, grid in self._parts:
            own = slice(max(start - first, 0), max(stop - first, 0))
            found.append(grid.transform(patterns[own]))
            first += len(patterns)
        polar = np.concatenate(found)
        empty = np.isnan(polar).all(axis=(1, 2))
        if empty.any():
            grid = self._parts[0][1]
            raise ValueError(
                f"Pattern {start + empty.argmax()} has no measured pixel between r = "
                f"{grid.radii[0]:g} and {grid.radii[-1]:g} {grid.detector.units}."
            )
        return polar


def item_bytes(data: NDArray, by: By, metric: Metric, grid: PolarGrid) -> int:
    """Bytes that patterns or maps take in the form in which they are compared.

    Parameters
    ----------
    data, by, metric, grid
        As of `items_to_cluster`.
    """
    shape = data.shape
    if metric != "cross_correlation":
        # Each row twice, as it is and of unit norm.
        return 2 * 8 * int(np.prod(shape))
    if by == "maps":
        return ShiftableMaps.bytes_of(shape)
    polar = InBins((data, grid))
    return RotatablePatterns.bytes_of(polar.shape, gaps=have_gaps(polar))
