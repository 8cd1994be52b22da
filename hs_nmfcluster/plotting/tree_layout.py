"""Where the leaves and merges of a tree lie in a dendrogram."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Kind


@dataclass(frozen=True)
class TreeLayout:
    """Places of the ``2 k - 1`` nodes of a tree: k leaves, then the merges in their order.

    Parameters
    ----------
    x
        Distance or number of the merge; 0 for leaves.
    y
        Place across: leaves at 0, 1, ... from the top.
    children
        Nodes that each merge joins, the upper one first, shape ``(k - 1, 2)``.
    order
        Leaves from the top.
    inverted
        Merges that lie nearer to the leaves than one that they contain directly.
    leaves
        Leaves below each node, from the top.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    children: NDArray[np.intp]
    order: list[int]
    inverted: list[int]
    leaves: list[list[int]]

    @property
    def number(self) -> int:
        """Number of leaves."""
        return len(self.order)

    def corners(self, merge: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates x, y of the four corners of the bracket that draws `merge`."""
        upper, lower = self.children[merge]
        place = self.x[self.number + merge]
        x = np.array([self.x[upper], place, place, self.x[lower]])
        return x, np.array([self.y[upper], self.y[upper], self.y[lower], self.y[lower]])


def tree_layout(
    linkage: ArrayLike, kind: Kind = "distance", last: ArrayLike | None = None
) -> TreeLayout:
    """Lay a tree out so that the branches of different subtrees do not cross.

    Of two children the one with the smallest leaf is above, or the one that holds less of what is
    to be last. SciPy's own layout takes for granted
    that distances grow; this one keeps a branch that runs backwards clear of its own subtree.

    Parameters
    ----------
    linkage
        SciPy's layout, shape ``(k - 1, 4)``, in the order of the merges.
    kind
        What the merges' `x` is: ``"distance"``, or ``"sequence"``: 1, 2, ...
    last
        ``(k,)`` of bool: leaves to be drawn below others, as those without crystals are.

    Raises
    ------
    ValueError
        If `linkage` is no tree, `kind` is unknown or `last` has another length.

    Examples
    --------
    >>> from hs_nmfcluster.plotting.tree_layout import tree_layout
    >>> layout = tree_layout([[1, 2, 0.3, 2], [0, 3, 0.2, 3]])
    >>> layout.order, layout.inverted
    ([0, 1, 2], [1])
    >>> tree_layout([[1, 2, 0.3, 2], [0, 3, 0.2, 3]], last=[True, False, False]).order
    [1, 2, 0]
    """
    merges = _checked_linkage(linkage)
    if kind not in ("sequence", "distance"):
        raise ValueError(f"kind is {kind!r}; it must be 'sequence' or 'distance'.")
    number = len(merges) + 1
    along = merges[:, 2] if kind == "distance" else np.arange(1.0, number)
    x = np.concatenate([np.zeros(number), along])

    below = np.zeros(number) if last is None else np.asarray(last, dtype=float)
    if below.shape != (number,):
        raise ValueError(f"last has shape {below.shape}; it must be ({number},).")

    leaves = [[leaf] for leaf in range(number)]
    children = np.empty((len(merges), 2), dtype=np.intp)
    for merge, pair in enumerate(merges[:, :2].astype(int)):
        upper, lower = sorted(
            pair, key=lambda node: (below[leaves[node]].mean(), min(leaves[node]))
        )
        children[merge] = upper, lower
        leaves.append(leaves[upper] + leaves[lower])
    order = leaves[-1]
    inverted = [
        merge for merge in range(len(merges)) if x[children[merge]].max() > x[number + merge]
    ]
    y = _heights(x, children, leaves)
    return TreeLayout(x, y, children, order, inverted, leaves)


def _heights(
    x: NDArray[np.float64], children: NDArray[np.intp], leaves: list[list[int]]
) -> NDArray[np.float64]:
    number = len(children) + 1
    y = np.zeros(len(x))
    y[leaves[-1]] = np.arange(number)
    parent_x = np.full(len(x), np.inf)
    farthest = x.copy()
    for merge, pair in enumerate(children):
        parent_x[pair] = x[number + merge]
        farthest[number + merge] = max(x[number + merge], farthest[pair].max())
    for merge, (upper, lower) in enumerate(children):
        node = number + merge
        if parent_x[node] < x[node] or farthest[node] > x[node]:
            # Only between the two subtrees is there nothing that the branch could cross.
            y[node] = (y[leaves[upper][-1]] + y[leaves[lower][0]]) / 2
        else:
            y[node] = (y[upper] + y[lower]) / 2
    return y


def _checked_linkage(linkage: ArrayLike) -> NDArray[np.float64]:
    merges = np.asarray(linkage, dtype=float)
    if merges.ndim != 2 or merges.shape[1] != 4:
        raise ValueError(f"linkage has shape {merges.shape}; it must be (k - 1, 4).")
    if not np.isfinite(merges).all():
        raise ValueError("linkage holds NaN or infinite values.")
    joined = merges[:, :2]
    known = len(merges) + 1 + np.arange(len(merges))[:, np.newaxis]
    is_tree = (joined >= 0) & (joined < known) & (joined == np.round(joined))
    if not is_tree.all() or np.unique(joined).size != joined.size:
        raise ValueError("linkage is no tree: each node must be joined once, after it was made.")
    return merges
