"""How surely a component is the same kind of crystal as the others of its group.

Of two crystals it is asked what is likelier, that they lie as far apart as two of a kind or as two
kinds, given how far noise moves their distance (Bayes). What share of all pairs are of a kind
follows from the pairs themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from hs_nmfcluster.clustering.relative import Relative
from hs_nmfcluster.words import counted

# Mean relative distance of two crystals of a kind, tilted by fractions of a degree. That of two
# kinds may be anything up to 1, but two that have nearly all spots in common are rare.
_OF_A_KIND = 0.05
# Error of a distance, and by how much of its noise over its signal a pattern adds to it: what share
# of a weak component is noise, or other crystals, is known to some three fifths, and enters by its
# half.
_ERROR, _OF_NOISE = 0.02, 0.3
# Share of noise beyond which nothing is known at all.
_ALL_NOISE = 0.95
# Pairs of each sort that are counted beside those of the scan: a few pairs that are all alike do
# not say that there are no others.
_PRIOR_PAIRS = 2
_ROUNDS = 30
# Probability from which a component is surely of a kind, and down to whose rest it may be.
_SURE = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class Membership:
    """How surely components are of the kind of their group.

    Attributes
    ----------
    own
        Probability that another member of its group, taken by chance, is the same kind of crystal
        as a component, ``(n,)``. Of a single member, that it is of no other group's kind.
    other
        The same for the members of the nearest other group, ``(n,)``; 0 if there is none.
    neighbour
        Which group that is, ``(n,)``; −1 if there is none.
    limits
        Between how many crystals of each group's kind there are, at least and at most (90 %),
        ``(n_groups, 2)``.
    """

    own: NDArray[np.float64]
    other: NDArray[np.float64]
    neighbour: NDArray[np.intp]
    limits: NDArray[np.float64]

    def __repr__(self) -> str:
        known = self.own[np.isfinite(self.own)]
        sure = int((known > _SURE).sum())
        return f"<Membership: sure of {sure} of {counted(len(known), 'crystal')}>"


def membership(
    relative: Relative,
    crystals: NDArray[np.bool_],
    labels: NDArray[np.integer],
    among: NDArray[np.bool_] | None = None,
) -> Membership:
    """Say how surely crystals belong to their groups, and how many there are of each kind.

    Parameters
    ----------
    relative
        Distances and noise of the components.
    crystals
        Which of them are asked about, ``(n,)``. Of all others nothing is said (NaN).
    labels
        Groups 0, 1, …, ``(n,)``.
    among
        Among which components the crystals of a kind are counted, ``(n,)``; all by default.

    Examples
    --------
    >>> places = np.array([0.0, 0.04, 0.7, 0.8])
    >>> relative = Relative(np.abs(places - places[:, None]), np.zeros(4))
    >>> found = membership(relative, np.array([True, True, True, False]), np.array([0, 0, 1, 2]))
    >>> found
    <Membership: sure of 3 of 3 crystals>
    >>> found.own.round(2).tolist(), found.neighbour.tolist(), found.limits.tolist()
    ([1.0, 1.0, 1.0, nan], [1, 1, 0, -1], [[2.0, 2.0], [1.0, 1.0], [nan, nan]])
    """
    own, other = np.full((2, len(labels)), np.nan)
    neighbour = np.full(len(labels), -1)
    limits = np.full((int(labels.max()) + 1, 2), np.nan)
    compared, distances, noise = relative.among(crystals)
    if compared.size:
        numbers, groups = np.unique(labels[compared], return_inverse=True)
        shares = _shares(of_a_kind(distances, noise), groups)
        each = np.arange(compared.size)
        others = shares.copy()
        others[each, groups] = -1.0
        nearest = others.argmax(axis=1)
        other[compared] = np.maximum(others[each, nearest], 0.0)
        neighbour[compared] = numbers[nearest] if numbers.size > 1 else -1
        alone = np.bincount(groups)[groups] == 1
        own[compared] = np.where(alone, 1.0 - other[compared], shares[each, groups])
        chosen = crystals if among is None else crystals & among
        limits[numbers] = _limits(shares, groups, _stand_for(chosen, labels, compared))
    return Membership(own, other, neighbour, limits)


def of_a_kind(distances: NDArray[np.floating], noise: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability that two crystals are of a kind, ``(n, n)``; 1 on the diagonal.

    Parameters
    ----------
    distances
        ``(n, n)``, of :func:`~hs_nmfcluster.clustering.relative.relative_distances`.
    noise
        Share of noise in each pattern, ``(n,)``, likewise.

    Examples
    --------
    >>> places = np.array([0.0, 0.1, 0.7])
    >>> distances = np.abs(places - places[:, None])
    >>> of_a_kind(distances, np.zeros(3))[0].round(2).tolist()
    [1.0, 0.99, 0.0]
    >>> of_a_kind(distances, np.full(3, 0.7))[0].round(2).tolist()
    [1.0, 0.55, 0.45]
    """
    n = len(distances)
    rows, columns = np.triu_indices(n, 1)
    found = np.minimum(distances[rows, columns], 1.0).astype(np.float64)
    share = np.minimum(noise, _ALL_NOISE)
    blur = _OF_NOISE * share / (1 - share)
    error = np.sqrt(_ERROR**2 + blur[rows] ** 2 + blur[columns] ** 2)
    same, differing = _likelihood_of_a_kind(found, error), _likelihood_of_two(found, error)
    prior, probable = 0.5, np.zeros(len(found))
    for _ in range(_ROUNDS):
        probable = prior * same / (prior * same + (1 - prior) * differing)
        prior = (probable.sum() + _PRIOR_PAIRS) / (len(found) + 2 * _PRIOR_PAIRS)
    result = np.eye(n)
    result[rows, columns] = result[columns, rows] = probable
    return result


def _shares(kinds: NDArray[np.float64], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    """Expect so large a share of each group's members to be of a component's kind, ``(n, m)``.

    Without itself; what is alone in its group is of that kind.
    """
    members = np.eye(int(groups.max()) + 1)[groups]
    company = members.sum(axis=0) - members
    expected = (kinds - np.eye(len(groups))) @ members
    return np.where(company > 0, expected / np.maximum(company, 1), 1.0)


def _stand_for(
    chosen: NDArray[np.bool_], labels: NDArray[np.integer], compared: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How many of the chosen each of those that were compared stands for: all of its group."""
    counts = chosen[compared].astype(np.float64)
    n_groups = int(labels.max()) + 1
    of_group = np.bincount(labels[chosen], minlength=n_groups)
    of_compared = np.bincount(labels[compared], counts, n_groups)
    return np.asarray(counts * (of_group / np.maximum(of_compared, 1))[labels[compared]])


def _limits(
    shares: NDArray[np.float64], groups: NDArray[np.intp], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fewest and most crystals of each kind, ``(m, 2)``.

    What makes one member unsure makes others so: each limit takes them all together. There is at
    least one of a kind.
    """
    least = np.minimum(np.bincount(groups, counts), 1.0)
    marks = _SURE, 1.0 - _SURE
    return np.stack([np.maximum(counts @ (shares > mark), least) for mark in marks], axis=1)


def _likelihood_of_a_kind(
    distances: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Blur an exponential distribution by a Gaussian."""
    rate = error / _OF_A_KIND
    log = rate**2 / 2 - distances / _OF_A_KIND + log_ndtr(distances / error - rate)
    return np.asarray(np.exp(log) / _OF_A_KIND)


def _likelihood_of_two(
    distances: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Blur the density 3 x² between 0 and 1 by a Gaussian."""
    below, above = distances / error, (1 - distances) / error
    inside = (distances**2 + error**2) * (ndtr(above) - ndtr(-below))
    edges = distances * _gaussian(below) - (1 + distances) * _gaussian(above)
    return np.asarray(3 * (inside + error * edges))


def _gaussian(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))
