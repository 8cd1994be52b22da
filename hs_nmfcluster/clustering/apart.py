"""A tree in which crystals join crystals, and matrix joins matrix."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.agglomeration import Agglomeration, Progress, agglomerate
from hs_nmfcluster.clustering.alignable import Alignable, FixedRows
from hs_nmfcluster.clustering.tree import Compared, Plan, compare_all, grow

# The merge of crystals with matrix lies by this factor beyond all others.
_BEYOND = 1.05
# Crystals and components of the matrix, of many, that tell how alike both are.
_SAMPLE = 64

ItemsOf = Callable[[NDArray[np.intp]], Alignable]


def agglomerate_apart(
    items_of: ItemsOf,
    profiles: NDArray[np.floating],
    crystalline: NDArray[np.bool_],
    hosts: NDArray[np.intp],
    plan: Plan,
    progress: Progress = iter,
) -> tuple[Agglomeration, Compared]:
    """Agglomerate crystals by their patterns and matrix by its radial profiles, each on its own.

    Parameters
    ----------
    items_of
        Makes what agglomeration works on of some of the components.
    profiles
        Radial profile of each pattern, ``(n, n_radial)``, without NaN.
    crystalline
        ``(n,)``.
    hosts
        ``(n,)``: the component that describes the same crystal better, −1 where there is none.
        Such components join their host first, at the distance 0 and unrotated.
    plan
        Which pairs are compared. Of many components these are crystals with crystals only.
    progress
        As in `agglomerate`.

    Returns
    -------
    Agglomeration
        First the merges of the matrix, whose distances are those of profiles and whose shifts are
        0; then those of the crystals; last the one that joins both, at the end of the tree.
    Compared
        How alike the patterns are.
    """
    n = len(crystalline)
    crystals, matrix = np.flatnonzero(crystalline & (hosts < 0)), np.flatnonzero(~crystalline)
    tree = _Grown(n)
    if matrix.size:
        rows = FixedRows(profiles[matrix], "correlation")
        tree.add(matrix, grow(rows, plan.of_part(matrix.size), progress)[0])
    tree.join_hosts(hosts)
    if plan.n_neighbors is None:
        compared = compare_all(items_of(np.arange(n)))
        items = items_of(crystals)
        merges = agglomerate(items, compared.similarity[np.ix_(crystals, crystals)], progress)
    else:
        items = items_of(crystals)
        merges, own = grow(items, plan.of_part(crystals.size), progress)
        compared = own.among(crystals, n)
    tree.add(crystals, merges)
    if matrix.size:
        alike = _mean_similarity(compared, items_of, crystals, matrix)
        tree.close(_BEYOND * max(1.0 - alike, tree.highest))
    return tree.agglomeration(items.n_shifts), compared


def _mean_similarity(
    compared: Compared, items_of: ItemsOf, crystals: NDArray[np.intp], matrix: NDArray[np.intp]
) -> float:
    """Mean similarity of crystals and matrix; where not all pairs were compared, of a sample."""
    if isinstance(compared.similarity, np.ndarray):
        return float(compared.similarity[np.ix_(crystals, matrix)].mean())
    few = [
        group[np.unique(np.linspace(0, len(group) - 1, _SAMPLE).astype(np.intp))]
        for group in (crystals, matrix)
    ]
    items = items_of(np.concatenate(few))
    first = len(few[0])
    return float(items.compare(slice(0, first), slice(first, len(items)))[0].mean())


class _Grown:
    """Merges of a tree that is put together from parts."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._names = np.arange(n)
        self._counts = [1] * n
        self._rows: list[list[float]] = []
        self._shifts: list[NDArray[np.float64]] = []

    @property
    def highest(self) -> float:
        """Largest distance so far."""
        return max((row[2] for row in self._rows), default=0.0) or 1.0

    def add(self, components: NDArray[np.intp], part: Agglomeration) -> None:
        """Add the tree of some components."""
        names = self._names[components].tolist()
        for (first, second, distance, _), shift in zip(part.linkage, part.shifts, strict=True):
            name = self._merge(names[int(first)], names[int(second)], distance, shift)
            names.append(name)
        self._names[components] = names[-1]

    def join_hosts(self, hosts: NDArray[np.intp]) -> None:
        """Join components with their hosts."""
        nothing = np.zeros(0)
        for component in np.flatnonzero(hosts >= 0):
            host = hosts[component]
            name = self._merge(int(self._names[host]), int(component), 0.0, nothing)
            self._names[host] = name

    def close(self, distance: float) -> None:
        """Join the two clusters that are left."""
        joined = {int(row[side]) for row in self._rows for side in (0, 1)}
        first, second = (k for k in range(len(self._counts)) if k not in joined)
        self._merge(first, second, distance, np.zeros(0))

    def agglomeration(self, n_shifts: int) -> Agglomeration:
        """All merges; what has no shift has the shift 0."""
        shifts = np.zeros((len(self._rows), n_shifts))
        for row, shift in zip(shifts, self._shifts, strict=True):
            row[: len(shift)] = shift
        return Agglomeration(np.array(self._rows), shifts)

    def _merge(self, first: int, second: int, distance: float, shift: NDArray[np.float64]) -> int:
        self._counts.append(self._counts[first] + self._counts[second])
        self._rows.append([first, second, distance, self._counts[-1]])
        self._shifts.append(shift)
        return len(self._counts) - 1
