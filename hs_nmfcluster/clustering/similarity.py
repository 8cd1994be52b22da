"""How alike patterns or maps are, and how they lie to each other: all pairs at once."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.alignable import (
    Alignable,
    FixedRows,
    Metric,
    RotatablePatterns,
    ShiftableMaps,
)
from hs_nmfcluster.clustering.mirror import MirrorablePatterns
from hs_nmfcluster.clustering.polar import PolarGrid

By = Literal["patterns", "maps"]

# Working memory for the correlations of one block of pairs.
_BLOCK_BYTES = 256 * 2**20


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
        ``(n, n_radial, n_azimuthal)`` over the full circle. NaN bins are given the mean of their
        ring, rings without any data do not count.

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


def pairwise(items: Alignable) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Compare all pairs.

    Parameters
    ----------
    items
        What to compare, ``n`` of them.

    Returns
    -------
    similarity : numpy.ndarray
        ``(n, n)``, symmetric, 1 on the diagonal.
    shifts : numpy.ndarray
        ``(n, n, n_shifts)``: the shift that brings item j onto item i, antisymmetric.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.alignable import FixedRows
    >>> from hs_nmfcluster.clustering.similarity import pairwise
    >>> similarity, shifts = pairwise(FixedRows(np.array([[1.0, 0.0], [3.0, 4.0]]), "cosine"))
    >>> similarity.round(2).tolist(), shifts.shape
    ([[1.0, 0.6], [0.6, 1.0]], (2, 2, 0))
    """
    n = len(items)
    block = max(1, _BLOCK_BYTES // (items.bytes_per_pair * n))
    blocks = [slice(start, min(start + block, n)) for start in range(0, n, block)]
    similarity, shifts = np.zeros((n, n)), np.zeros((n, n, items.n_shifts))
    for rows in blocks:
        columns = slice(rows.start, n)
        similarity[rows, columns], shifts[rows, columns] = items.compare(rows, columns)
    upper = np.triu(similarity, 1)
    similarity = upper + upper.T
    np.fill_diagonal(similarity, 1.0)
    for axis in range(items.n_shifts):
        upper = np.triu(shifts[..., axis], 1)
        shifts[..., axis] = upper - upper.T
    return similarity, shifts


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
        return ShiftableMaps(data) if by == "maps" else _rotatable(data, grid, mirror)
    rows = data[:, grid.pixels] if by == "patterns" else data.reshape(len(data), -1)
    measured = ~np.isnan(rows).any(axis=0)
    if not measured.any():
        raise ValueError(
            f'`metric="{metric}"` needs pixels or positions that were measured in all {by}.'
        )
    return FixedRows(rows[:, measured], metric)


def _rotatable(patterns: NDArray, grid: PolarGrid, mirror: bool) -> RotatablePatterns:
    polar = grid.transform(patterns)
    empty = np.isnan(polar).all(axis=(1, 2))
    if empty.any():
        raise ValueError(
            f"Pattern {empty.argmax()} has no measured pixel between r = {grid.radii[0]:g} and "
            f"{grid.radii[-1]:g} {grid.detector.units}."
        )
    return MirrorablePatterns(polar) if mirror else RotatablePatterns(polar)
