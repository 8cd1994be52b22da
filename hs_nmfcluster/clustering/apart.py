"""A tree in which crystals join crystals, and matrix joins matrix."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.agglomeration import Agglomeration, Progress, agglomerate
from hs_nmfcluster.clustering.alignable import Alignable, FixedRows
from hs_nmfcluster.clustering.similarity import pairwise

# The merge of crystals with matrix lies by this factor beyond all others.
_BEYOND = 1.05


def agglomerate_apart(
    items_of: Callable[[NDArray[np.intp]], Alignable],
    similarity: NDArray[np.floating],
    profiles: NDArray[np.floating],
    crystalline: NDArray[np.bool_],
    hosts: NDArray[np.intp],
    progress: Progress = iter,
) -> Agglomeration:
    """Agglomerate crystals by their patterns and matrix by its radial profiles, each on its own.

    Parameters
    ----------
    items_of
        Makes what agglomeration works on of some of the components.
    similarity
        Of all pairs of patterns, ``(n, n)``.
    profiles
        Radial profile of each pattern, ``(n, n_radial)``, without NaN.
    crystalline
        ``(n,)``.
    hosts
        ``(n,)``: the component that describes the same crystal better, −1 where there is none.
        Such components join their host first, at the distance 0 and unrotated.
    progress
        As in `agglomerate`.

    Returns
    -------
    Agglomeration
        First the merges of the matrix, whose distances are those of profiles and whose shifts are
        0; then those of the crystals; last the one that joins both, at the end of the tree.
    """
    n = len(crystalline)
    crystals, matrix = np.flatnonzero(crystalline & (hosts < 0)), np.flatnonzero(~crystalline)
    tree = _Grown(n)
    if matrix.size:
        rows = FixedRows(profiles[matrix], "correlation")
        tree.add(matrix, agglomerate(rows, pairwise(rows)[0], progress))
    tree.join_hosts(hosts)
    n_shifts = 0
    if crystals.size:
        among, items = similarity[np.ix_(crystals, crystals)], items_of(crystals)
        n_shifts = items.n_shifts
        tree.add(crystals, agglomerate(items, among, progress))
    if matrix.size and crystals.size:
        between = 1.0 - float(similarity[np.ix_(crystals, matrix)].mean())
        tree.close(_BEYOND * max(between, tree.highest))
    return tree.agglomeration(n_shifts)


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
