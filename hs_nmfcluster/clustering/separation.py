"""How far the members of a group lie from each other, and how far from the nearest other group.

Silhouettes (Rousseeuw 1987): of each member, the distance to the nearest other group, less that to
its own, over the larger of the two. Here a single member is not given 0, as it may well be a family
of which there is one crystal, but the spread of the other groups.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Distances below this are no distances: crystals of one kind are tilted by fractions of a degree.
_TILT = 0.05
# Spread that is assumed where every member is alone: tilted by a degree, crystals of one kind lie
# as far apart.
_UNKNOWN = 0.2


@dataclass(frozen=True, eq=False)
class Separation:
    """Distances of each component.

    Attributes
    ----------
    own
        Mean distance to the other members of its group, ``(n,)``; of a single member, the spread
        of the other groups.
    nearest
        Mean distance to the members of the nearest other group, ``(n,)``; infinite if there is
        none.
    neighbour
        Which group that is, ``(n,)``; -1 if there is none.
    labels
        Own group, ``(n,)``.
    """

    own: NDArray[np.float64]
    nearest: NDArray[np.float64]
    neighbour: NDArray[np.intp]
    labels: NDArray[np.intp]

    @property
    def silhouettes(self) -> NDArray[np.float64]:
        """From −1, as unlike its group as can be, to 1; 0 if there is one group."""
        if not np.isfinite(self.nearest).all():
            return np.zeros(len(self.own))
        return (self.nearest - self.own) / (np.maximum(self.nearest, self.own) + _TILT)


def separation(distances: NDArray[np.floating], labels: NDArray[np.integer]) -> Separation:
    """Distances of components to their own group and to the nearest other one.

    Parameters
    ----------
    distances
        ``(n, n)``, for instance of `relative_distances`.
    labels
        ``(n,)`` groups 0, 1, ....

    Examples
    --------
    >>> places = np.array([0.0, 0.1, 5.0, 5.2])
    >>> found = separation(np.abs(places - places[:, None]), np.array([0, 0, 1, 1]))
    >>> found.own.round(2).tolist(), found.nearest.round(2).tolist(), found.neighbour.tolist()
    ([0.1, 0.1, 0.2, 0.2], [5.1, 5.0, 4.95, 5.15], [1, 1, 0, 0])
    """
    members = np.eye(int(labels.max()) + 1)[labels]
    return _separation(distances @ members, members.sum(axis=0), labels)


def _separation(
    sums: NDArray[np.floating], sizes: NDArray[np.floating], labels: NDArray[np.integer]
) -> Separation:
    """As `separation`, from the sums of distances to all members of each group, ``(n, m)``."""
    each = np.arange(len(labels))
    company = sizes[labels] - 1
    own = sums[each, labels] / np.maximum(company, 1)
    shared = own[company > 0]
    own = np.where(company > 0, own, max(shared.mean(), _TILT) if shared.size else _UNKNOWN)
    others = sums / sizes
    others[each, labels] = np.inf
    neighbour = others.argmin(axis=1)
    nearest = others[each, neighbour]
    neighbour = np.where(np.isfinite(nearest), neighbour, -1)
    return Separation(own, nearest, neighbour, np.array(labels))


def along_merges(
    distances: NDArray[np.floating], merges: NDArray[np.intp], stops: NDArray[np.intp]
) -> Iterator[Separation]:
    """Separation after so many merges each, without beginning anew.

    Parameters
    ----------
    distances
        ``(n, n)``.
    merges
        ``(m, 2)`` groups that join; the second is part of the first from then on, and groups are
        named by one of their members.
    stops
        Numbers of merges to stop at, in rising order.

    Examples
    --------
    >>> places = np.array([0.0, 0.1, 5.0])
    >>> found = along_merges(np.abs(places - places[:, None]), np.array([[0, 1]]), np.array([0, 1]))
    >>> [one.nearest.round(2).tolist() for one in found]
    [[0.1, 0.1, 4.9], [5.0, 4.9, 4.95]]
    """
    n = len(distances)
    sums, sizes, labels = np.array(distances, dtype=np.float64), np.ones(n), np.arange(n)
    alive = n
    names = np.arange(n)
    done = 0
    for stop in stops:
        for first, second in merges[done:stop]:
            a, b = names[first], names[second]
            sums[:, a] += sums[:, b]
            sizes[a] += sizes[b]
            labels[labels == b] = a
            # Groups stay in the first columns, so that every stop reads only them.
            alive -= 1
            moved = names == alive
            sums[:, b], sizes[b] = sums[:, alive], sizes[alive]
            labels[labels == alive] = b
            names[moved] = b
            names[second] = names[first]
        done = stop
        yield _separation(sums[:, :alive], sizes[:alive], labels)
