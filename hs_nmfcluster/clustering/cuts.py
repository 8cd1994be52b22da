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
    groups: dict[int, list[int]] = {component: [component] for component in range(n)}
    for merge in np.flatnonzero(kept).tolist():
        first, second = linkage[merge, :2].astype(int).tolist()
        groups[n + merge] = groups.pop(first) + groups.pop(second)
    return sorted((np.sort(group) for group in groups.values()), key=lambda group: group[0])


def displacements(
    linkage: NDArray[np.float64], shifts: NDArray[np.float64], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How far each component lies from the first component of its group, ``(n, n_shifts)``.

    The opposite of the shifts that brought it there, added up along the kept merges.
    """
    n = len(linkage) + 1
    applied = np.zeros((n, shifts.shape[1]))
    inside: list[list[int]] = [[component] for component in range(n)]
    for (first, second), shift, keep in zip(linkage[:, :2].astype(int), shifts, kept, strict=True):
        inside.append(inside[first] + inside[second] if keep else [])
        if keep:
            applied[inside[second]] += shift
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
        return None if kept[undone.argmax() :].any() and undone.any() else kept.sum() + 0.5
    if distance is not None:
        return distance
    below = linkage[kept, 2].max(initial=0.0)
    above = linkage[undone, 2].min(initial=below + 2 * BEYOND)
    return float(below + above) / 2 if below < above else None


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
    if crystalline is not None:
        effective = np.where(merges_of(linkage, ~crystalline), 0.0, effective)
    if hosts is not None:
        for host in np.unique(hosts[hosts >= 0]):
            together = hosts == host
            together[host] = True
            effective = np.where(merges_of(linkage, together), 0.0, effective)
    return effective


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
