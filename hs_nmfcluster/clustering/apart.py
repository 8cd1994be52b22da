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
        ``(n,)``, some but not all True.
    progress
        As in `agglomerate`.

    Returns
    -------
    Agglomeration
        First the merges of the matrix, whose distances are those of profiles and whose shifts are
        0; then those of the crystals; last the one that joins both, at the end of the tree.
    """
    crystals, matrix = np.flatnonzero(crystalline), np.flatnonzero(~crystalline)
    rows = FixedRows(profiles[matrix], "correlation")
    of_matrix = agglomerate(rows, pairwise(rows)[0], progress)
    of_crystals = agglomerate(items_of(crystals), similarity[np.ix_(crystals, crystals)], progress)
    n_shifts = of_crystals.shifts.shape[1]
    between = 1.0 - float(similarity[np.ix_(crystals, matrix)].mean())
    heights = np.concatenate([of_matrix.linkage[:, 2], of_crystals.linkage[:, 2], [between, 0.01]])
    tops = [
        _renamed(of_matrix.linkage, matrix, len(crystalline)),
        _renamed(of_crystals.linkage, crystals, len(crystalline) + len(matrix) - 1),
    ]
    last = [*sorted(top for _, top in tops), _BEYOND * heights.max(), len(crystalline)]
    return Agglomeration(
        np.concatenate([tops[0][0], tops[1][0], [last]]),
        np.concatenate(
            [np.zeros((len(matrix) - 1, n_shifts)), of_crystals.shifts, np.zeros((1, n_shifts))]
        ),
    )


def _renamed(
    linkage: NDArray[np.float64], components: NDArray[np.intp], first_cluster: int
) -> tuple[NDArray[np.float64], int]:
    """Linkage of some components by their numbers among all, and the name of its last cluster."""
    clusters = first_cluster + np.arange(len(linkage))
    names = np.concatenate([components, clusters])
    renamed = linkage.copy()
    # Names rise with the order of the merges, and a component comes before any cluster.
    renamed[:, :2] = names[linkage[:, :2].astype(np.intp)]
    return renamed, int(names[-1])
