"""What is alike linked one pair after the other, as long as all that is linked is alike."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.shelf import Placed, Shelf


class Link(NamedTuple):
    """A pair that may be one.

    Attributes
    ----------
    first, second
        Its numbers.
    likeness
        Of both.
    """

    first: int
    second: int
    likeness: float


def linked(
    links: Iterable[Link],
    rows: Sequence[Placed],
    shelf: Shelf,
    weights: NDArray[np.floating],
    least: Callable[[float, float], float],
) -> NDArray[np.int64]:
    """Link pairs, the most alike first, whose clusters are alike in the mean of all members.

    Average linkage (Sokal and Michener 1958) along the given pairs only: by single links, each of
    which may be a close call, all that lies over each other would become one.

    Parameters
    ----------
    links
        The pairs.
    rows, shelf
        Where vectors lie whose products are the likeness of any two, ``(n,)``; means of them are
        put beside them.
    weights
        How much each counts in a mean, ``(n,)``.
    least
        Says, of the weights of two clusters, how alike they must be in the mean.

    Returns
    -------
    numpy.ndarray
        Cluster of each, from 0 on, ``(n,)``.

    Examples
    --------
    >>> shelf = Shelf()
    >>> vectors = np.array([[1, 0], [0.9, 0.5], [0.4, 0.9], [0, 1]])
    >>> rows = [shelf.put(vector) for vector in vectors]
    >>> pairs = [(0, 1), (1, 2), (2, 3)]
    >>> links = [Link(a, b, vectors[a] @ vectors[b]) for a, b in pairs]
    >>> linked(links, rows, shelf, np.ones(4), lambda *_: 0.6).tolist()
    [0, 0, 1, 1]
    """
    into, single = np.arange(len(rows)), np.ones(len(rows), bool)
    means, total = list(rows), weights.astype(np.float64)

    def cluster_of(one: int) -> int:
        while into[one] != one:
            into[one] = into[into[one]]
            one = int(into[one])
        return one

    for link in sorted(links, key=lambda link: -link.likeness):
        a, b = cluster_of(link.first), cluster_of(link.second)
        if a == b:
            continue
        one, other = shelf.get(means[a]), shelf.get(means[b])
        if not (single[a] and single[b]) and float(one @ other) < least(total[a], total[b]):
            continue
        mean = (total[a] * one + total[b] * other) / max(total[a] + total[b], np.finfo(float).tiny)
        means[a] = shelf.put(mean.astype(one.dtype))
        into[b], single[a] = a, False
        total[a] += total[b]
    clusters = [cluster_of(one) for one in range(len(rows))]
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64)
