"""Agglomeration of so many things that not all pairs can be compared."""

from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.agglomeration import Agglomeration, Joining, Progress, join_all
from hs_nmfcluster.clustering.alignable import Alignable
from hs_nmfcluster.clustering.neighbours import neighbour_pairs
from hs_nmfcluster.clustering.similarity import compare_one, compare_pairs, pairwise
from hs_nmfcluster.engine.scheduling import one_blas_thread_each

#: Things of which all pairs are compared, in some seconds and 100 MB.
FEW = 2000

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


def agglomerate_neighbours(
    items: Alignable,
    pairs: Pairs,
    similarity: NDArray[np.floating],
    number: int,
    progress: Progress = iter,
    few: int = FEW,
) -> Agglomeration:
    """Agglomerate as `agglomerate` does, comparing neighbours only as long as there are many.

    The most similar pair is looked for among neighbours; a union is compared with the neighbours
    of both its parts. Whenever half of the things are left, neighbours are looked for anew among
    them, which have less noise, and the last few are all compared with each other.

    Parameters
    ----------
    items
        What to agglomerate. They are used up.
    pairs
        Pairs of neighbours, as of `neighbour_pairs`.
    similarity
        Their similarities.
    number
        Neighbours of each thing.
    progress
        As of `agglomerate`.
    few
        How many are compared all with all, at least 2.

    Returns
    -------
    Agglomeration
    """
    joining = Joining(items, progress)
    alive = np.arange(len(items))
    with one_blas_thread_each():
        while len(alive) > few:
            left = max(few, len(alive) // 2)
            alive = _join_neighbours(joining, _Neighbours(*pairs, similarity), alive, left, number)
            if len(alive) > few:
                pairs = neighbour_pairs(items, number, alive)
                similarity = compare_pairs(items, *pairs)[0]
        for place, source in enumerate(alive.tolist()):
            joining.move(source, place)
        join_all(joining, pairwise(items, len(alive))[0])
    return joining.merges


def _join_neighbours(
    joining: Joining, neighbours: "_Neighbours", alive: NDArray[np.intp], left: int, number: int
) -> NDArray[np.intp]:
    """Join the nearest of the neighbours until so many are left, and say which."""
    gone: list[int] = []
    while len(gone) < len(alive) - left and (pair := neighbours.nearest()) is not None:
        union, freed = joining.join(*pair)
        gone.append(freed)
        near = neighbours.of_union(union, freed, number)
        if near.size:
            neighbours.renew(union, near, compare_one(joining.items, union, near)[0])
    return np.setdiff1d(alive, gone, assume_unique=True)


class _Neighbours:
    """Similarities of neighbours, and the nearest pair of all."""

    def __init__(
        self, first: NDArray[np.intp], second: NDArray[np.intp], similarity: NDArray[np.floating]
    ) -> None:
        self._of: dict[int, dict[int, float]] = {}
        self._queue: list[tuple[float, int, int]] = []
        triples = zip(first.tolist(), second.tolist(), similarity.tolist(), strict=True)
        for one, other, nearness in triples:
            self._of.setdefault(one, {})[other] = nearness
            self._of.setdefault(other, {})[one] = nearness
            self._queue.append((-nearness, one, other))
        heapify(self._queue)

    def nearest(self) -> tuple[int, int, float] | None:
        """Most similar pair and its similarity, None if no neighbours are left."""
        while self._queue:
            nearness, one, other = heappop(self._queue)
            # What has been joined or renewed since it was put into the queue does not count.
            if self._of.get(one, {}).get(other) == -nearness:
                return one, other, -nearness
        return None

    def of_union(self, union: int, freed: int, number: int) -> NDArray[np.intp]:
        """Nearest of the neighbours of both parts of a union; both lose their neighbours."""
        near = self._of.pop(freed)
        for place, nearness in self._of.pop(union).items():
            near[place] = max(nearness, near.get(place, -np.inf))
        near.pop(union), near.pop(freed)
        for place in near:
            self._of[place].pop(union, None)
            self._of[place].pop(freed, None)
        nearest = sorted(near, key=lambda place: (-near[place], place))
        self._of[union] = {}
        return np.array(nearest[:number], dtype=np.intp)

    def renew(self, union: int, near: NDArray[np.intp], similarity: NDArray[np.floating]) -> None:
        """Take the similarities of a union with its neighbours."""
        for place, nearness in zip(near.tolist(), similarity.tolist(), strict=True):
            self._of[union][place] = self._of[place][union] = nearness
            heappush(self._queue, (-nearness, union, place))
