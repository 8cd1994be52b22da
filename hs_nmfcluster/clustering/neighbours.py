"""Which of many things are worth a comparison: the nearest by what no shift changes."""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from hs_nmfcluster.clustering.alignable import Alignable
from hs_nmfcluster.clustering.similarity import BLOCK_BYTES

# Leading directions in which neighbours are looked for; noise has all of them, likeness few.
_DIRECTIONS = 64
# Things from which these directions are found, fewer where their values take much memory.
_SAMPLE = 1024
# Share of the strongest direction's strength below which one is rounding alone.
_ROUNDING = 1e-6
# Things whose invariants, or whose likeness to all others, are held at a time.
_AT_A_TIME = 256


def neighbour_pairs(
    items: Alignable, number: int, places: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of which one is among the nearest neighbours of the other, each once.

    Near is what has a high cosine in the leading principal components of the invariants. Comparing
    these takes a product of a few numbers where an exact comparison tries all shifts.

    Parameters
    ----------
    items
        Where neighbours are looked for.
    number
        Neighbours of each.
    places
        Those that count; by default all.

    Returns
    -------
    first, second : numpy.ndarray
        Places of the pairs, ``first < second``, sorted.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.alignable import FixedRows
    >>> from hs_nmfcluster.clustering.neighbours import neighbour_pairs
    >>> rows = np.array([[1.0, 0], [0, 1], [1, 0.1], [0.1, 1]])
    >>> [pair.tolist() for pair in neighbour_pairs(FixedRows(rows, "cosine"), 1)]
    [[0, 1], [2, 3]]
    """
    places = np.arange(len(items)) if places is None else places
    if len(places) < 2:
        return places[:0], places[:0]
    near = places[_nearest(_leading(items, places), min(number, len(places) - 1))]
    one, other = np.repeat(places, near.shape[1]), near.ravel()
    codes = np.unique(np.minimum(one, other) * len(items) + np.maximum(one, other))
    first, second = np.divmod(codes, len(items))
    return first, second


def _leading(items: Alignable, places: NDArray[np.intp]) -> NDArray[np.floating]:
    """Leading principal components of the invariants, rows of unit norm."""
    row_bytes = items.invariants(places[:1]).nbytes
    size = min(_SAMPLE, max(BLOCK_BYTES // row_bytes, _DIRECTIONS))
    at_a_time = min(_AT_A_TIME, size)
    sample = np.unique(np.linspace(0, len(places) - 1, size).astype(np.intp))
    values = items.invariants(places[sample])
    mean = values.mean(axis=0)
    values -= mean
    number = min(_DIRECTIONS, *values.shape)
    # Fewer things than values: the same directions from the smaller matrix of their products.
    strengths, vectors = linalg.eigh(
        values @ values.T, subset_by_index=[len(values) - number, len(values) - 1]
    )
    directions = values.T @ vectors[:, strengths > _ROUNDING * strengths[-1]]
    directions /= np.linalg.norm(directions, axis=0)
    leading = np.concatenate(
        [(items.invariants(few) - mean) @ directions for few in _split(places, at_a_time)]
    )
    norms = np.linalg.norm(leading, axis=1, keepdims=True)
    return np.divide(leading, norms, out=leading, where=norms > 0)


def _nearest(rows: NDArray[np.floating], number: int) -> NDArray[np.intp]:
    """Rows of the highest cosines with each row but itself, ``(n, number)``."""
    found = np.empty((len(rows), number), dtype=np.intp)
    for few in _split(np.arange(len(rows)), _AT_A_TIME):
        cosines = rows[few] @ rows.T
        cosines[np.arange(len(few)), few] = -np.inf
        found[few] = np.argpartition(cosines, -number, axis=1)[:, -number:]
    return found


def _split(places: NDArray[np.intp], at_a_time: int) -> list[NDArray[np.intp]]:
    return np.array_split(places, -(-len(places) // at_a_time))
