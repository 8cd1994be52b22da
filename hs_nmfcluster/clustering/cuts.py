"""Cuts through a tree: the groups that are left when merges are undone from the top."""

import numpy as np
from numpy.typing import NDArray

# Distance beyond the last merge where a cut leaves one group.
BEYOND = 0.05


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
    above = linkage[undone, 2].min(initial=below + 2 * BEYOND)
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


def thresholds(
    linkage: NDArray[np.float64],
    crystalline: NDArray[np.bool_] | None = None,
    hosts: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Distance below which a cut undoes each merge, ``(n - 1,)``.

    As `effective_distances`, but what is not crystalline stays together at every distance, and so
    does what describes one crystal.

    Parameters
    ----------
    linkage
        ``(n - 1, 4)``.
    crystalline
        ``(n,)``; all by default.
    hosts
        ``(n,)``: component that describes the same crystal better, −1 for none.
    """
    effective = effective_distances(linkage)
    n = len(linkage) + 1
    kinds = np.arange(n) if hosts is None else np.where(hosts < 0, np.arange(n), hosts)
    if crystalline is not None:
        kinds = np.where(crystalline, kinds, n)
    return np.where(_within_kinds(linkage, kinds), 0.0, effective)


def _within_kinds(linkage: NDArray[np.float64], kinds: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which merges join components of one kind only, ``(n - 1,)``."""
    n = len(kinds)
    own = np.concatenate([kinds, np.full(len(linkage), -1)])
    for merge, (first, second) in enumerate(linkage[:, :2].astype(np.intp)):
        if own[first] == own[second]:
            own[n + merge] = own[first]
    return own[n:] >= 0


def merges_of(linkage: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which merges join chosen components only, ``(n - 1,)``.

    Parameters
    ----------
    linkage
        ``(n - 1, 4)``.
    chosen
        ``(n,)``.

    Examples
    --------
    >>> linkage = np.array([[0, 2, 0.1, 2], [1, 3, 0.3, 3]])
    >>> merges_of(linkage, np.array([True, False, True])).tolist()
    [True, False]
    """
    inside = np.concatenate([chosen, np.zeros(len(linkage), dtype=bool)])
    for merge, (first, second) in enumerate(linkage[:, :2].astype(np.intp)):
        inside[len(chosen) + merge] = inside[first] and inside[second]
    return inside[len(chosen) :]
