"""The cut that a tree suggests, and how surely."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from hs_nmfcluster.clustering.cuts import BEYOND, merges_of, thresholds
from hs_nmfcluster.clustering.relative import Relative
from hs_nmfcluster.clustering.separation import Separation, along_merges, separation

# Silhouette from which groups stand apart: the nearest other is twice as far as the own.
_APART = 0.5
# Silhouette below which a component is at the border of its group.
_BORDER = 0.4
# Distance to the nearest other group below which it may be the same kind, tilted by a degree; and
# share of components that may be unsure where a cut is clear.
_TILTED, _FEW = 0.25, 0.125
# Share of noise from which on a pattern does not tell where it belongs.
_NOISY = 0.5
# Silhouettes by which a clear cut is better than all others, and that none reaches where one group
# is clear.
_MARGIN, _NONE_APART = 0.05, 0.35
# Cuts that are compared at most.
_MOST_CUTS = 200


@dataclass(frozen=True)
class SuggestedCut:
    """A cut, why it was chosen, and how surely.

    Attributes
    ----------
    distance
        Where to cut.
    n_groups
        Number of groups that it leaves.
    reason
        Why, in words.
    clear
        Whether every other cut is plainly worse.
    score
        Mean silhouette of the components, from −1 to 1: from 0.5 on, the nearest other group is
        twice as far as the own.
    coarser, finer
        Number of groups and score of the best cuts with fewer and with more groups; None where
        there is none.
    border
        Components that may as well belong elsewhere.
    """

    distance: float
    n_groups: int
    reason: str
    clear: bool = True
    score: float = 0.0
    coarser: tuple[int, float] | None = None
    finer: tuple[int, float] | None = None
    border: tuple[int, ...] = ()


def suggest(
    linkage: NDArray[np.float64],
    relative: Relative,
    crystalline: NDArray[np.bool_] | None = None,
    hosts: NDArray[np.intp] | None = None,
) -> SuggestedCut:
    """Cut where components are nearest to their own group beside the nearest other one.

    Of all cuts the one with the largest mean silhouette is taken: the distance to the nearest
    other group less that to the own, over the larger. Silhouettes know of no absolute distance.
    Unless the best exceeds 0.5, nothing stands apart: components are one group if they have more
    in common than not.

    Parameters
    ----------
    linkage
        ``(n - 1, 4)``.
    relative
        Distances of all pairs and the noise of each, see `relative_distances`. Where these are of
        some components only, the cut is chosen by these, through the tree of all.
    crystalline
        ``(n,)``: the components that are grouped; the others are one group, whatever the distance.
        All by default.
    hosts
        ``(n,)``: component that describes the same crystal better, −1 for none, which is what
        counts. These stay together at any distance too.

    Returns
    -------
    SuggestedCut

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.clustering.suggestion import suggest
    >>> from hs_nmfcluster.clustering.relative import Relative
    >>> linkage = np.array([[0, 1, 0.10, 2], [2, 3, 0.15, 2], [4, 5, 0.8, 4]])
    >>> places = np.array([0.0, 0.10, 0.9, 1.05])
    >>> distances = np.abs(places - places[:, None])
    >>> cut = suggest(linkage, Relative(distances, np.zeros(4)))
    >>> cut.n_groups, round(cut.distance, 3), cut.clear
    (2, 0.475, True)
    """
    n = len(linkage) + 1
    chosen = np.ones(n, dtype=bool) if crystalline is None else crystalline
    hosts = np.full(n, -1) if hosts is None else hosts
    places, distances, noise = relative.among(chosen & (hosts < 0))
    if not places.size:
        reason = "no component shows spots: all are matrix"
        return SuggestedCut(float(linkage[:, 2].max(initial=0.0)) + BEYOND, 1, reason)
    candidates = _candidates(linkage, chosen, hosts, places)
    found = list(along_merges(distances, candidates.merges, candidates.stops))
    scores = np.array([one.silhouettes.mean() for one in found])
    best = int(scores.argmax())
    apart = scores[best] > _APART
    if not apart and _mean_of_pairs(distances) < _APART:
        best = len(scores) - 1
    n_groups = candidates.n_groups
    others = np.delete(scores, best)
    noisy = noise > _NOISY
    lonely = int(candidates.stops[best]) == places.size - 1
    if lonely:
        certain = not others.size or others.max() < _NONE_APART
        unsure = noisy
    else:
        certain = apart and (not others.size or scores[best] - others.max() > _MARGIN)
        unsure = noisy | (found[best].silhouettes < _BORDER)
        certain = certain and _nearest_groups(found[best]) > _TILTED
        certain = certain and not _falls_apart(distances, found[best].labels)
    return SuggestedCut(
        distance=candidates.distance(best),
        n_groups=int(n_groups[best]),
        reason=_reason(found[best], bool(apart), lonely, places.size),
        clear=bool(certain) and int(unsure.sum()) <= _FEW * places.size,
        score=float(scores[best]),
        coarser=_best_of(scores, n_groups, slice(best + 1, None)),
        finer=_best_of(scores, n_groups, slice(best)),
        border=tuple(places[unsure].tolist()),
    )


@dataclass(frozen=True)
class _Candidates:
    """Cuts through the tree of the chosen components.

    Attributes
    ----------
    merges
        ``(m - 1, 2)`` members of the clusters that join, numbered among those by which a cut is
        chosen, in the order in which a cut that moves up reaches them.
    thresholds
        ``(m - 1,)`` distances at which it does.
    effective
        The same of all merges of the tree, in rising order.
    stops
        Numbers of merges that the cuts leave, from none to all.
    end
        Threshold of what joins the chosen with the rest; infinite if there is no rest.
    """

    merges: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    effective: NDArray[np.float64]
    stops: NDArray[np.intp]
    end: float

    def distance(self, cut: int) -> float:
        """Middle between the merges that a cut keeps and those that it undoes."""
        kept = int(self.stops[cut])
        below = float(self.thresholds[kept - 1]) if kept else 0.0
        above = float(self.thresholds[kept]) if kept < len(self.thresholds) else self.end
        return (below + above) / 2 if np.isfinite(above) else below + BEYOND

    @property
    def n_groups(self) -> NDArray[np.intp]:
        """Groups that each cut leaves."""
        cuts = [self.distance(cut) for cut in range(len(self.stops))]
        kept = np.searchsorted(self.effective, cuts, side="right")
        return 1 + len(self.effective) - kept


def _candidates(
    linkage: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    hosts: NDArray[np.intp],
    places: NDArray[np.intp],
) -> _Candidates:
    n = len(chosen)
    effective = thresholds(linkage, chosen, hosts)
    # What stays with its host goes by the host's name, and what is not among those by which the
    # cut is chosen has none: their merges do not count.
    numbers = np.full(n, -1)
    numbers[places] = np.arange(places.size)
    own = np.where(hosts < 0, numbers, numbers[hosts])
    names = np.concatenate([own, np.full(len(linkage), -1)])
    inside = merges_of(linkage, chosen)
    for merge in np.flatnonzero(inside):
        first, second = names[linkage[merge, :2].astype(np.intp)]
        names[n + merge] = second if first < 0 else first
        inside[merge] = min(first, second) >= 0 and first != second
    # No merge comes before what it joins, as its own threshold is at least as large.
    order = np.flatnonzero(inside)[np.argsort(effective[inside], kind="stable")]
    ordered = effective[order]
    stops = np.concatenate([[0], np.flatnonzero(np.diff(ordered, append=np.inf) > 0) + 1])
    if stops.size > _MOST_CUTS:
        chosen_stops = stops.size - np.geomspace(1, stops.size, _MOST_CUTS).round().astype(np.intp)
        stops = stops[np.unique(chosen_stops)]
    joining = ~merges_of(linkage, chosen) & ~merges_of(linkage, ~chosen)
    end = float(effective[joining].min()) if joining.any() else np.inf
    merges = names[linkage[order, :2].astype(np.intp)]
    return _Candidates(merges, ordered, np.sort(effective), stops, end)


def _nearest_groups(found: Separation) -> float:
    """Distance of the two groups that are nearest to each other."""
    _, groups = np.unique(found.labels, return_inverse=True)
    means = np.bincount(groups, found.nearest) / np.bincount(groups)
    return float(means.min())


def _falls_apart(distances: NDArray[np.float64], labels: NDArray[np.intp]) -> bool:
    """Whether a group consists of two that stand apart, beside others that are farther still."""
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if members.size < 4:
            continue
        own = distances[np.ix_(members, members)]
        merges = hierarchy.average(squareform(own, checks=False))
        halves = separation(own, hierarchy.fcluster(merges, 2, "maxclust") - 1)
        # A single one apart from all others may be a stray, which is told of by itself.
        divided = np.bincount(halves.labels, minlength=2).min() > 1
        if divided and halves.silhouettes.mean() > _APART and _nearest_groups(halves) > _TILTED:
            return True
    return False


def _best_of(
    scores: NDArray[np.float64], n_groups: NDArray[np.intp], side: slice
) -> tuple[int, float] | None:
    if not scores[side].size:
        return None
    best = int(scores[side].argmax())
    return int(n_groups[side][best]), float(scores[side][best])


def _mean_of_pairs(distances: NDArray[np.float64]) -> float:
    n = len(distances)
    return float(distances.sum() / max(n * (n - 1), 1))


def _reason(found: Separation, apart: bool, lonely: bool, n: int) -> str:
    if lonely:
        return "no cut leaves groups that stand apart: they are alike" if n > 1 else "it is alone"
    distances = (
        f"components lie {found.own.mean():.2f} from their own group and "
        f"{found.nearest.mean():.2f} from the nearest other (1: nothing but rings in common)"
    )
    return distances if apart else f"{distances}, which hardly stands out: look at the dendrogram"
