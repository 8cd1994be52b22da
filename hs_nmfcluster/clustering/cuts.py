"""Cuts through a tree: the groups that are left when merges are undone from the top."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Distances, where 1 is that of unlike patterns: of patterns that are the same but for details, of
# a tree of one kind, and of patterns that have nothing in common.
_SAME, _HALF_ALIKE, _UNLIKE = 0.1, 0.5, 0.8
# Share of the largest distance in which steps do not count. In 35 trees of simulated scans of 3 to
# 300 electrons per pixel, 0.3 to 0.5 found the families and the matrix in 34, 0.1 in 32, 1 in 33.
_ALLOWANCE = 0.3
# Rating from which a step stands out.
_CLEAR = 0.4
# Distances that may be rounding alone.
_ROUNDING = 1e-4


def effective_distances(linkage: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance below which a cut from the top undoes each merge, ``(n - 1,)``.

    A merge is undone if its own distance and those of all merges above it lie above the cut: its
    effective distance is the smallest of these. A cut at h leaves ``1 + (effective > h).sum()``
    groups. Where no inversion lies above a merge, it is the merge's own distance.
    """
    n = len(linkage) + 1
    effective = linkage[:, 2].copy()
    for merge in range(n - 2, -1, -1):
        for cluster in linkage[merge, :2].astype(np.intp):
            if cluster >= n:
                effective[cluster - n] = min(effective[cluster - n], effective[merge])
    return effective


def members(linkage: NDArray[np.float64], kept: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Components of each group that the kept merges leave, by their first component."""
    n = len(linkage) + 1
    tops = np.arange(2 * n - 1)
    for merge in np.flatnonzero(kept)[::-1]:
        tops[linkage[merge, :2].astype(np.intp)] = tops[n + merge]
    by_top = np.argsort(tops[:n], kind="stable")
    groups = np.split(by_top, np.flatnonzero(np.diff(tops[by_top])) + 1)
    return sorted(groups, key=lambda group: group[0])


def leaf_order(linkage: NDArray[np.float64]) -> NDArray[np.intp]:
    """Components as they lie along the tree, the first cluster of each merge before the second."""
    n = len(linkage) + 1
    order, nodes = [], [2 * n - 2]
    while nodes:
        node = nodes.pop()
        if node < n:
            order.append(node)
        else:
            nodes += linkage[node - n, 1::-1].astype(int).tolist()
    return np.array(order, dtype=np.intp)


def displacements(
    linkage: NDArray[np.float64], shifts: NDArray[np.float64], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How far each component lies from the first component of its group, ``(n, n_shifts)``.

    The opposite of the shifts that brought it there, added up along the kept merges.
    """
    n = len(linkage) + 1
    applied = np.zeros((2 * n - 1, shifts.shape[1]))
    for merge in np.flatnonzero(kept)[::-1]:
        first, second = linkage[merge, :2].astype(np.intp)
        applied[first] = applied[n + merge]
        applied[second] = applied[n + merge] + shifts[merge]
    applied = applied[:n]
    for group in members(linkage, kept):
        applied[group] = applied[group[0]] - applied[group]
    return applied


def position(
    linkage: NDArray[np.float64], kept: NDArray[np.bool_], distance: float | None, kind: str
) -> float | None:
    """Where a cut lies along the axis of a dendrogram, None if no straight line is that cut.

    Parameters
    ----------
    linkage
        ``(n - 1, 4)``.
    kept
        ``(n - 1,)`` merges that are not undone.
    distance
        Of the cut, if it was made by distance.
    kind
        ``"sequence"``, in which merge number i (from 1) lies at i, or ``"distance"``.
    """
    undone = ~kept
    if kind == "sequence":
        return None if undone.any() and kept[undone.argmax() :].any() else kept.sum() + 0.5
    if distance is not None:
        return distance
    below = linkage[kept, 2].max(initial=0.0)
    above = linkage[undone, 2].min(initial=below + _SAME)
    return float(below + above) / 2 if below < above else None


def condensed(linkage: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Linkage of the groups that the kept merges leave, numbered as `members` does.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.cuts import condensed
    >>> linkage = np.array([[1, 2, 0.1, 2], [0, 3, 0.8, 3]])
    >>> condensed(linkage, np.array([True, False])).tolist()
    [[0.0, 1.0, 0.8, 2.0]]
    """
    n, groups = len(linkage) + 1, members(linkage, kept)
    nodes, counts = np.empty(2 * n - 1, dtype=np.intp), np.ones(2 * len(groups) - 1)
    for number, group in enumerate(groups):
        nodes[group] = number
    rows: list[tuple[float, ...]] = []
    for merge, (first, second, distance, _) in enumerate(linkage):
        pair = nodes[[int(first), int(second)]]
        nodes[n + merge] = pair[0] if kept[merge] else len(groups) + len(rows)
        if not kept[merge]:
            counts[nodes[n + merge]] = counts[pair].sum()
            rows.append((*pair, distance, counts[pair].sum()))
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def restricted(
    linkage: NDArray[np.float64], shifts: NDArray[np.float64], chosen: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Tree of some components, as if the others had never been there.

    Parameters
    ----------
    linkage, shifts
        ``(n - 1, 4)`` and ``(n - 1, n_shifts)``.
    chosen
        ``(m,)`` components, which become 0, 1, ...

    Returns
    -------
    linkage, shifts : numpy.ndarray
        ``(m - 1, 4)`` and ``(m - 1, n_shifts)``: the shift of a merge brings what is left of the
        second cluster onto what is left of the first.
    merges : numpy.ndarray
        ``(m - 1,)``: the merges that these were.
    """
    n, m = len(linkage) + 1, len(chosen)
    # The cluster that is left of each one, and what brings it to where it lies in the other.
    left, moved = np.full(2 * n - 1, -1), np.zeros((2 * n - 1, shifts.shape[1]))
    left[chosen] = np.arange(m)
    counts = np.ones(2 * m - 1)
    rows: list[list[float]] = []
    moves, merges = [], []
    for merge, (first, second) in enumerate(linkage[:, :2].astype(np.intp)):
        whole, onto = n + merge, shifts[merge] + moved[second]
        if left[first] < 0 or left[second] < 0:
            kept = second if left[first] < 0 else first
            left[whole], moved[whole] = left[kept], onto if kept == second else moved[first]
            continue
        pair = left[[first, second]]
        left[whole], moved[whole] = m + len(rows), moved[first]
        counts[left[whole]] = counts[pair].sum()
        rows.append([*pair, linkage[merge, 2], counts[pair].sum()])
        moves.append(onto - moved[first])
        merges.append(merge)
    return (
        np.array(rows, dtype=np.float64).reshape(len(rows), 4),
        np.array(moves, dtype=np.float64).reshape(len(rows), shifts.shape[1]),
        np.array(merges, dtype=np.intp),
    )


@dataclass(frozen=True)
class SuggestedCut:
    """A cut and why it was chosen.

    Attributes
    ----------
    distance
        Where to cut.
    n_groups
        Number of groups that it leaves.
    reason
        Why, in words.
    """

    distance: float
    n_groups: int
    reason: str


def suggest(linkage: NDArray[np.float64]) -> SuggestedCut:
    """Cut at the step between distances that is largest for what lies below it.

    Between 2 and n/2 groups, the step from the largest distance kept, b, to the smallest one
    undone, a, is rated by (a − b) / (b + c). Relative to b, so that one stray component at the
    top does not hide the families below it; plus c = 0.3 of the largest distance, so that
    differences between equal patterns, which noise may make small in one group and larger in
    another, do not count. Without a step that stands out, components whose tree closes at less
    than half the distance of unlike patterns are one group, and components that are all unlike
    each other stay alone.

    Parameters
    ----------
    linkage
        ``(n - 1, 4)``.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.cuts import suggest
    >>> linkage = [[0, 1, 0.10, 2], [2, 3, 0.15, 2], [4, 5, 0.8, 4]]
    >>> cut = suggest(np.array(linkage))
    >>> cut.n_groups, round(cut.distance, 3)
    (2, 0.475)
    """
    n = len(linkage) + 1
    if n == 1:
        return SuggestedCut(_SAME / 2, 1, "there is a single component")
    heights = np.concatenate([[0.0], np.sort(effective_distances(linkage))])
    lowest, top = heights[1], heights[-1]
    n_groups = np.arange(2, max(2, n // 2) + 1)
    below, above = heights[n - n_groups], heights[n - n_groups + 1]
    rating = (above - below) / (below + _ALLOWANCE * top + _ROUNDING)
    best = int(rating.argmax())
    a, b, groups = float(above[best]), float(below[best]), int(n_groups[best])
    step = f"the step from {b:.3f} (within groups) to {a:.3f} (between them)"
    if rating[best] >= _CLEAR:
        reason = f"{step} is the clearest between merges that leave 2 to {n_groups[-1]} groups"
        return SuggestedCut((a + b) / 2, groups, reason)
    if top < _HALF_ALIKE:
        reason = f"no step stands out and all join within {top:.3f}: they are alike"
        return SuggestedCut(float(top) + _SAME / 2, 1, reason)
    if lowest > _UNLIKE:
        reason = f"even the two most similar are {lowest:.3f} apart: all are unlike"
        return SuggestedCut(float(lowest) / 2, n, reason)
    reason = f"{step} is the clearest, but it hardly stands out: look at the dendrogram"
    return SuggestedCut((a + b) / 2, groups, reason)
