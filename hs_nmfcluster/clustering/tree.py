"""A whole tree: all pairs compared and joined, or of many things the nearest neighbours."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hs_nmfcluster.clustering.agglomeration import Agglomeration, Progress, agglomerate
from hs_nmfcluster.clustering.alignable import Alignable
from hs_nmfcluster.clustering.many import FEW, agglomerate_neighbours
from hs_nmfcluster.clustering.neighbours import neighbour_pairs
from hs_nmfcluster.clustering.similarity import BLOCK_BYTES, compare_pairs, pairwise

#: A number for every pair, or for those that were compared.
Matrix: TypeAlias = NDArray[np.floating] | sparse.csr_array

# Bytes that a neighbour of one thing takes, its places in tables and queue included (measured).
_NEIGHBOUR_BYTES = 400


class Compared(NamedTuple):
    """How alike things are before any of them have been joined.

    Attributes
    ----------
    similarity
        ``(n, n)``; sparse where only neighbours were compared.
    shifts
        For each kind of shift a matrix like it: what brings thing j onto thing i.
    """

    similarity: Matrix
    shifts: tuple[Matrix, ...]

    def among(self, places: NDArray[np.intp], n: int) -> "Compared":
        """See the same pairs at their places among more things, of which nothing else is known."""
        own = np.ones(n)
        own[places] = 0
        others = sparse.csr_array(sparse.diags_array(own))
        return Compared(
            _placed(self.similarity, places, n) + others,
            tuple(_placed(shifts, places, n) for shifts in self.shifts),
        )


@dataclass(frozen=True)
class Plan:
    """Which pairs are compared, and the memory that this takes.

    Parameters
    ----------
    n
        Number of things.
    n_neighbors
        With how many neighbours each is compared as long as there are many; None for all.
    n_bytes
        Memory at most, the things in the form in which they are compared included.
    few
        How many are compared all with all in the end.
    """

    n: int
    n_neighbors: int | None
    n_bytes: int
    few: int = FEW

    @property
    def settings(self) -> dict[str, Any]:
        """What a tree says of it."""
        return {
            "pairs": "all" if self.n_neighbors is None else "neighbours",
            "n_neighbors": self.n_neighbors,
            "memory_estimate": self.n_bytes,
        }

    def of_part(self, n: int) -> "Plan":
        """Compare so many of the things in the same way."""
        return replace(self, n=n)

    @classmethod
    def of(cls, n: int, item_bytes: int, n_shifts: int, n_neighbors: int | None) -> "Plan":
        """Compare all pairs of few things, and of many the neighbours if a number is given.

        Examples
        --------
        >>> Plan.of(20, 1000, 1, 32).n_neighbors, Plan.of(20_000, 1000, 1, 32).n_neighbors
        (None, 32)
        """
        if n_neighbors is None or n <= FEW:
            return cls(n, None, item_bytes + _pair_bytes(n, n_shifts) + BLOCK_BYTES)
        neighbours = n * n_neighbors * _NEIGHBOUR_BYTES
        taken = item_bytes + neighbours + _pair_bytes(FEW, n_shifts) + BLOCK_BYTES
        return cls(n, n_neighbors, taken)


def _pair_bytes(n: int, n_shifts: int) -> int:
    """Bytes of the similarities of all pairs, of the copy that is joined, and of the shifts."""
    return 8 * n**2 * (2 + n_shifts)


def compare_all(items: Alignable) -> Compared:
    """Compare all pairs of things."""
    similarity, shifts = pairwise(items)
    return Compared(similarity, tuple(np.moveaxis(shifts, -1, 0)))


def grow(items: Alignable, plan: Plan, progress: Progress = iter) -> tuple[Agglomeration, Compared]:
    """Compare things and join them.

    Parameters
    ----------
    items
        What to agglomerate. They are used up.
    plan
        Which pairs are compared.
    progress
        As of `agglomerate`.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.alignable import FixedRows
    >>> from hs_nmfcluster.clustering.tree import Plan, grow
    >>> items = FixedRows(np.array([[1.0, 0], [0, 1], [1, 0.1]]), "cosine")
    >>> merges, compared = grow(items, Plan.of(3, 48, 0, None))
    >>> merges.linkage[:, 2].round(3).tolist(), compared.similarity.shape
    ([0.005, 0.95], (3, 3))
    """
    if plan.n_neighbors is None:
        compared = compare_all(items)
        return agglomerate(items, compared.similarity, progress), compared
    first, second = neighbour_pairs(items, plan.n_neighbors)
    similarity, shifts = compare_pairs(items, first, second)
    back = items.undone(shifts)
    compared = Compared(
        _of_pairs(similarity, similarity, first, second, plan.n, 1.0),
        tuple(
            _of_pairs(*ways, first, second, plan.n) for ways in zip(shifts.T, back.T, strict=True)
        ),
    )
    merges = agglomerate_neighbours(
        items, (first, second), similarity, plan.n_neighbors, progress, plan.few
    )
    return merges, compared


def _of_pairs(
    values: NDArray[np.floating],
    back: NDArray[np.floating],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    n: int,
    diagonal: float = 0.0,
) -> sparse.csr_array:
    """Sparse matrix of pairs, of the same pairs the other way round, and of each with itself."""
    own = np.arange(n)
    data = np.concatenate([values, back, np.full(n, diagonal)])
    rows, columns = np.concatenate([first, second, own]), np.concatenate([second, first, own])
    return sparse.csr_array((data, (rows, columns)), shape=(n, n))


def _placed(matrix: Matrix, places: NDArray[np.intp], n: int) -> sparse.csr_array:
    pairs = sparse.coo_array(matrix)
    return sparse.csr_array((pairs.data, (places[pairs.row], places[pairs.col])), shape=(n, n))
