"""The paper's agglomeration, steps (a) to (d), and what follows from its record of merges.

A *linkage* has SciPy's layout: row m holds the two clusters that merge m joins, their distance
and the number of components in the union, which becomes cluster ``n + m``. Distances may fall
from one merge to the next (noise averages out); they are kept as they are.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.alignable import Alignable
from hs_nmfcluster.clustering.similarity import compare_one
from hs_nmfcluster.engine.scheduling import one_blas_thread_each

Progress = Callable[[Iterable[int]], Iterable[int]]


class Agglomeration(NamedTuple):
    """Record of all merges.

    Attributes
    ----------
    linkage
        ``(n - 1, 4)`` in SciPy's layout.
    shifts
        ``(n - 1, n_shifts)``: the shift that brought the second cluster of each merge onto the
        first.
    """

    linkage: NDArray[np.float64]
    shifts: NDArray[np.float64]


def agglomerate(
    items: Alignable, similarity: NDArray[np.floating], progress: Progress = iter
) -> Agglomeration:
    """Join the most similar pair, integrate it, and repeat until one is left.

    (a) the most similar pair is found; (b) one is shifted onto the other and added to it; (c) the
    sum takes the place of both, and its similarities alone are computed anew; (d) until one is
    left.

    Parameters
    ----------
    items
        What to agglomerate, n ≥ 2 of them. They are used up.
    similarity
        Similarity of all pairs, ``(n, n)``.
    progress
        Wraps the range of merges to show how far they are.

    Returns
    -------
    Agglomeration
        Distances are 1 − similarity.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.agglomeration import agglomerate
    >>> from hs_nmfcluster.clustering.alignable import FixedRows
    >>> from hs_nmfcluster.clustering.similarity import pairwise
    >>> items = FixedRows(np.array([[1.0, 0], [0, 1], [1, 0.1]]), "cosine")
    >>> agglomerate(items, pairwise(items)[0]).linkage.round(3).tolist()
    [[0.0, 2.0, 0.005, 2.0], [1.0, 3.0, 0.95, 3.0]]
    """
    joining = Joining(items, progress)
    with one_blas_thread_each():
        join_all(joining, similarity)
    return joining.merges


class Joining:
    """Things that are being joined, and the record of it.

    Parameters
    ----------
    items
        The things.
    progress
        As of `agglomerate`.

    Attributes
    ----------
    merges : Agglomeration
        The record, as far as it goes.
    """

    def __init__(self, items: Alignable, progress: Progress = iter) -> None:
        n = len(items)
        self.items = items
        self.merges = Agglomeration(np.empty((n - 1, 4)), np.empty((n - 1, items.n_shifts)))
        self._steps: Iterator[int] = iter(progress(range(n - 1)))
        self._clusters, self._counts = np.arange(n), np.ones(n, dtype=np.intp)

    def join(self, first: int, second: int, similarity: float) -> tuple[int, int]:
        """Shift one onto the other, the older cluster, and add it to it.

        Returns the place of the union and the one that is free now.
        """
        step, n = next(self._steps), len(self._clusters)
        if self._clusters[first] > self._clusters[second]:
            first, second = second, first
        shift = self.items.compare(slice(first, first + 1), slice(second, second + 1))[1][0, 0]
        self._counts[first] += self._counts[second]
        pair = self._clusters[first], self._clusters[second]
        self.merges.linkage[step] = *pair, 1.0 - similarity, self._counts[first]
        self.merges.shifts[step] = shift
        self.items.merge(first, second, shift)
        self._clusters[first] = n + step
        return first, second

    def move(self, source: int, target: int) -> None:
        """Put one in the place of another."""
        self.items.move(source, target)
        self._clusters[target], self._counts[target] = self._clusters[source], self._counts[source]

    def finish(self) -> None:
        """Let the progress know that there is no other merge."""
        next(self._steps, None)


def join_all(joining: Joining, similarity: NDArray[np.floating]) -> None:
    """Join what lies in the first places until one is left, knowing how alike all of them are.

    Parameters
    ----------
    joining
        What to join.
    similarity
        Similarity of all pairs, ``(n, n)``.
    """
    pairs = _NearestPairs(similarity)
    for last in range(len(similarity) - 1, 0, -1):
        first, second = joining.join(*pairs.nearest())
        # Those still alive stay in the first places, so that every renewal reads only them.
        joining.move(last, second)
        merged = second if first == last else first
        renewed, _ = compare_one(joining.items, merged, slice(0, last))
        pairs.replace(first, second, renewed)
    joining.finish()


class _NearestPairs:
    """The nearest neighbour of every row of a shrinking similarity matrix.

    Finding the most similar pair then costs a look at n numbers, not n²; only rows whose nearest
    neighbour has gone are searched again.
    """

    def __init__(self, similarity: NDArray[np.floating]) -> None:
        self._similarity = np.array(similarity)
        np.fill_diagonal(self._similarity, -np.inf)
        self._size = len(self._similarity)
        self._neighbour = self._similarity.argmax(axis=1)
        self._nearness = self._similarity.max(axis=1)

    def nearest(self) -> tuple[int, int, float]:
        """Rows of the most similar pair and their similarity."""
        row = int(self._nearness[: self._size].argmax())
        return row, int(self._neighbour[row]), float(self._nearness[row])

    def replace(self, first: int, second: int, renewed: NDArray[np.floating]) -> None:
        """Put the union in the place of `first` and the last row in the place of `second`.

        `renewed` are the similarities of the union with all rows after this, ``(size - 1,)``.
        """
        self._size = last = self._size - 1
        merged = second if first == last else first
        gone = np.isin(self._neighbour[:last], (first, second))
        for values in (self._similarity, self._similarity.T, self._neighbour, self._nearness):
            values[second] = values[last]
        gone[merged] = True
        if second < last:
            gone[second] = self._neighbour[second] in (first, second)
        alive, nearness = self._neighbour[:last], self._nearness[:last]
        alive[(alive == last) & ~gone] = second

        renewed = np.array(renewed)
        renewed[merged] = -np.inf
        self._similarity[merged, :last] = self._similarity[:last, merged] = renewed
        # Where the union is at least as near as what was nearest before, nothing else is nearer.
        nearer = renewed >= nearness
        alive[nearer], nearness[nearer] = merged, renewed[nearer]
        rows = np.flatnonzero(gone & ~nearer)
        alive[rows] = self._similarity[rows, :last].argmax(axis=1)
        nearness[rows] = self._similarity[rows, alive[rows]]


def follow(items: Alignable, linkage: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray:
    """Shifts of other items (say, the maps) along merges already known.

    Parameters
    ----------
    items
        What to shift, one for each component. They are used up.
    linkage
        ``(n - 1, 4)``.
    kept
        ``(n - 1,)`` merges to follow; the shift of the others is 0.

    Returns
    -------
    numpy.ndarray
        ``(n - 1, n_shifts)``, as `Agglomeration.shifts`.
    """
    place = np.concatenate([np.arange(len(items)), np.zeros(len(linkage), dtype=np.intp)])
    shifts = np.zeros((len(linkage), items.n_shifts))
    for merge in np.flatnonzero(kept):
        first, second = place[linkage[merge, :2].astype(np.intp)]
        shifts[merge] = items.compare(slice(first, first + 1), slice(second, second + 1))[1][0, 0]
        items.merge(first, second, shifts[merge])
        place[len(items) + merge] = first
    return shifts
