"""Scores of a result against a known truth.

Every score is a plain function of arrays, so that results of any program can be scored. A typical
chain: `match_components` pairs found with true components (``by="both"`` with the true halos as
`background` is the sharpest for crystals), `labels_of_found` says to which family each found
component belongs, and these feed `recall_precision`, `adjusted_rand_index` and
`rotation_errors`.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class ComponentMatch:
    """Pairs of found and true components.

    Attributes
    ----------
    found
        Index of the found component of each pair, shape ``(m,)``.
    true
        Index of the true component of each pair, shape ``(m,)``.
    scores
        Similarity of each pair, shape ``(m,)``.
    similarity
        Similarity of every found with every true component, shape ``(n_found, n_true)``.
    """

    found: NDArray[np.int64]
    true: NDArray[np.int64]
    scores: NDArray[np.float64]
    similarity: NDArray[np.float64]


def cosine_similarity(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Cosine between each of some patterns and each of others.

    Parameters
    ----------
    first, second
        Shapes ``(n, ...)`` and ``(m, ...)`` with equal trailing axes. Pixels that are NaN in any
        of them are left out of all.

    Returns
    -------
    cosine
        Shape ``(n, m)``; 0 where a pattern is zero everywhere.

    Examples
    --------
    >>> cosine_similarity([[1.0, 0.0]], [[3.0, 4.0], [0.0, 2.0]])
    array([[0.6, 0. ]])
    """
    a, b = _common_pixels(first, second)
    return _unit(a) @ _unit(b).T


def map_correlation(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Pearson's correlation coefficient between each of some maps and each of others.

    Parameters
    ----------
    first, second
        Shapes ``(n, ...)`` and ``(m, ...)`` with equal trailing axes. Positions that are NaN in
        any of them are left out of all.

    Returns
    -------
    correlation
        Shape ``(n, m)``; 0 where a map is constant.

    Examples
    --------
    >>> map_correlation([[0.0, 1.0, 2.0]], [[5.0, 3.0, 1.0]])
    array([[-1.]])
    """
    a, b = _common_pixels(first, second)
    return _unit(a - a.mean(axis=1, keepdims=True)) @ _unit(b - b.mean(axis=1, keepdims=True)).T


def match_components(
    patterns: ArrayLike,
    true_patterns: ArrayLike,
    maps: ArrayLike | None = None,
    true_maps: ArrayLike | None = None,
    *,
    by: Literal["patterns", "maps", "both"] = "patterns",
    mask: ArrayLike | None = None,
    background: ArrayLike | None = None,
) -> ComponentMatch:
    """Pair found with true components, one to one, so that the sum of similarities is largest.

    The similarity is the cosine of the patterns (`cosine_similarity`), the correlation of the
    maps (`map_correlation`), or the geometric mean of the two (negative ones count as 0), which
    is high only where both agree: a halo that is weaker inside a particle has the particle's
    map but not its pattern. The assignment is optimal (Hungarian
    algorithm); the larger of the two sets keeps unpaired members.

    Parameters
    ----------
    patterns, true_patterns
        Shapes ``(n_found, n_v, n_u)`` and ``(n_true, n_v, n_u)``.
    maps, true_maps
        Shapes ``(n_found, *scan_shape)`` and ``(n_true, *scan_shape)``; needed for ``by="maps"``
        and ``by="both"``.
    by
        What is compared.
    mask
        Detector pixels left out, ``(n_v, n_u)``, True = left out.
    background
        Patterns ``(n, n_v, n_u)`` whose share is taken out of all patterns before they are
        compared (by orthogonal projection): the true halos, where crystals shall be matched.
        A weak crystal is found on top of much of the halo, and is no less found for that. The
        halos themselves then match nothing.

    Returns
    -------
    match

    Raises
    ------
    ValueError
        If `by` is unknown, or needs maps that were not given.

    Examples
    --------
    >>> import numpy as np
    >>> true = np.eye(3).reshape(3, 1, 3)
    >>> match = match_components(true[[2, 0]], true)
    >>> match.found.tolist(), match.true.tolist()
    ([0, 1], [2, 0])
    """
    if by not in ("patterns", "maps", "both"):
        raise ValueError(f"by must be 'patterns', 'maps' or 'both', got {by!r}")
    parts = []
    if by != "maps":
        keep = np.full(np.shape(patterns)[1:], True) if mask is None else ~np.asarray(mask, bool)
        sets = [np.asarray(stack, dtype=float)[:, keep] for stack in (patterns, true_patterns)]
        if background is not None:
            sets = _without(np.asarray(background, dtype=float)[:, keep], *sets)
        parts.append(cosine_similarity(*sets))
    if by != "patterns":
        if maps is None or true_maps is None:
            raise ValueError(f"by={by!r} needs maps and true_maps")
        parts.append(map_correlation(maps, true_maps))
    similarity = parts[0] if len(parts) == 1 else np.sqrt(np.prod(np.maximum(parts, 0.0), axis=0))
    found, true = linear_sum_assignment(similarity, maximize=True)
    return ComponentMatch(found, true, similarity[found, true], similarity)


def labels_of_found(
    similarity: ArrayLike, true_labels: ArrayLike, *, threshold: float = 0.5, otherwise: int = 0
) -> NDArray[np.int64]:
    """Give the true label of each found component: that of the true component most like it.

    Unlike the pairs of `match_components`, several found components may share a true one, as when
    a factorization splits the amorphous matrix.

    Parameters
    ----------
    similarity
        Shape ``(n_found, n_true)``, for instance of `ComponentMatch`.
    true_labels
        Label (family) of each true component, shape ``(n_true,)``.
    threshold
        Smallest similarity that counts.
    otherwise
        Label of the components that are less similar to all (0 is `Truth`'s amorphous).

    Returns
    -------
    labels
        Shape ``(n_found,)``.

    Examples
    --------
    >>> labels_of_found([[0.9, 0.1], [0.2, 0.8], [0.1, 0.3]], [1, 2]).tolist()
    [1, 2, 0]
    """
    matrix = np.asarray(similarity, dtype=float)
    labels = np.asarray(true_labels)[matrix.argmax(axis=1)]
    return np.where(matrix.max(axis=1) >= threshold, labels, otherwise)


def recall_precision(
    match: ComponentMatch,
    true_crystals: ArrayLike,
    found_crystals: ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> tuple[float, float]:
    """Share of the true crystals that were found, and of the found crystals that are true.

    *Recall* is the number of true crystals paired with a found component of at least the
    threshold's similarity, over the number of true crystals. *Precision* is the number of
    components called crystals that are at least so similar to some true crystal, over the number
    of components called crystals: splitting one crystal into two components is no invention.

    Parameters
    ----------
    match
        From `match_components`. Matching by maps is the sharper test of crystallites: a halo
        has a high cosine with any pattern that lies on it.
    true_crystals
        Which true components count, shape ``(n_true,)`` of bool: the crystals that are visible.
    found_crystals
        Which found components are called crystals, shape ``(n_found,)`` of bool; by default
        all that are most similar to a true crystal, then precision tells only how many of these
        reach the threshold.
    threshold
        Smallest similarity that counts.

    Returns
    -------
    recall, precision
        NaN where nothing was there to be found, or nothing was called a crystal.

    Examples
    --------
    >>> import numpy as np
    >>> true = np.eye(4).reshape(4, 1, 4)
    >>> match = match_components(true[:2], true)
    >>> recall_precision(match, [True, True, False, True])
    (0.6666666666666666, 1.0)
    """
    crystals = np.asarray(true_crystals, dtype=bool)
    if found_crystals is None:
        claimed = crystals[match.similarity.argmax(axis=1)]
    else:
        claimed = np.asarray(found_crystals, dtype=bool)
    hits = (match.scores >= threshold) & crystals[match.true]
    real = (match.similarity[:, crystals] >= threshold).any(axis=1)
    return _ratio(hits.sum(), crystals.sum()), _ratio((real & claimed).sum(), claimed.sum())


def adjusted_rand_index(first: ArrayLike, second: ArrayLike) -> float:
    """Agreement of two groupings, corrected for chance (Hubert and Arabie 1985).

    Of all pairs of members, with ``n_ij`` members in group i of one and j of the other grouping:
    ``(index - expected) / (maximum - expected)``, where ``index = sum_ij C(n_ij, 2)``,
    ``expected = sum_i C(a_i, 2) sum_j C(b_j, 2) / C(n, 2)`` and ``maximum`` is the mean of the
    two sums. 1 for equal groupings (whatever their labels), about 0 for random ones.

    Parameters
    ----------
    first, second
        Label of each member, shape ``(n,)``.

    Returns
    -------
    index
        1 where both groupings are trivial in the same way (one group; only singletons).

    Raises
    ------
    ValueError
        If the two differ in length.

    References
    ----------
    L. Hubert and P. Arabie, "Comparing partitions", J. Classification 2, 193 (1985).

    Examples
    --------
    >>> adjusted_rand_index([0, 0, 1, 1], [5, 5, 3, 3])
    1.0
    """
    a, b = np.ravel(first), np.ravel(second)
    if a.size != b.size:
        raise ValueError(f"first and second must be equally long, got {a.size} and {b.size}")
    rows, row = np.unique(a, return_inverse=True)
    columns, column = np.unique(b, return_inverse=True)
    counts = np.zeros((rows.size, columns.size))
    np.add.at(counts, (row, column), 1)

    def pairs(numbers: NDArray[np.float64]) -> float:
        return float((numbers * (numbers - 1) / 2).sum())

    index = pairs(counts)
    of_rows, of_columns = pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    maximum = (of_rows + of_columns) / 2
    expected = of_rows * of_columns / max(a.size * (a.size - 1) / 2, 1)
    return 1.0 if maximum == expected else (index - expected) / (maximum - expected)


def rotation_errors(
    angles: ArrayLike,
    true_angles: ArrayLike,
    groups: ArrayLike | None = None,
    symmetry: ArrayLike = 2,
) -> NDArray[np.float64]:
    """Errors of in-plane angles, modulo the symmetry and a common offset in each group.

    A pattern of n-fold symmetry has its angle only modulo 360/n degrees, and a group has no
    absolute angle: the differences found - true of a group are taken modulo 360/n, and their
    circular median is removed.

    Parameters
    ----------
    angles
        Found in-plane angle of each component in degrees, increasing in the same sense as the
        true ones, shape ``(n,)``.
    true_angles
        True in-plane angle of each component in degrees, shape ``(n,)``; NaN for components
        without angle.
    groups
        Group of each component, shape ``(n,)``; by default all are in one.
    symmetry
        Order of the rotation axis, of all or of each component. Electron diffraction of thin
        crystals is centrosymmetric, so 2 at least.

    Returns
    -------
    errors
        In degrees, within plus or minus 180/symmetry, shape ``(n,)``; NaN where an angle is NaN.

    Examples
    --------
    >>> rotation_errors([10.0, 200.0, 71.0], [50.0, 60.0, 110.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    difference = np.asarray(angles, dtype=float) - np.asarray(true_angles, dtype=float)
    group = np.zeros(difference.shape) if groups is None else np.asarray(groups)
    period = 360.0 / np.broadcast_to(np.asarray(symmetry, dtype=float), difference.shape)
    errors = np.full(difference.shape, np.nan)
    known = np.isfinite(difference)
    for label in np.unique(group[known]):
        members = known & (group == label)
        errors[members] = _around_median(difference[members], period[members])
    return errors


def diameter_errors(found: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Relative errors of diameters, ``found / true - 1``.

    Parameters
    ----------
    found, true
        Diameters of the same particles in the same unit, shape ``(n,)``; NaN where unknown.

    Returns
    -------
    errors
        Shape ``(n,)``.

    Examples
    --------
    >>> diameter_errors([7.7, 6.0], [7.0, 6.0]).round(3).tolist()
    [0.1, 0.0]
    """
    return np.asarray(found, dtype=float) / np.asarray(true, dtype=float) - 1.0


def spacing_errors(found: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Relative error of each found lattice spacing against the true one nearest to it in ratio.

    An invented spacing shows as a large error.

    Parameters
    ----------
    found
        Found spacings, shape ``(n,)``.
    true
        Spacings that the crystal has, same unit, shape ``(m,)``, at least one.

    Returns
    -------
    errors
        ``found / nearest - 1``, shape ``(n,)``.

    Raises
    ------
    ValueError
        If `true` is empty.

    Examples
    --------
    >>> spacing_errors([0.202, 0.1], [0.2, 0.1]).round(4).tolist()
    [0.01, 0.0]
    """
    candidates = np.atleast_1d(np.asarray(true, dtype=float))
    if candidates.size == 0:
        raise ValueError("true must hold at least one spacing, got none")
    ratios = np.atleast_1d(np.asarray(found, dtype=float))[:, np.newaxis] / candidates
    nearest = np.abs(np.log(ratios)).argmin(axis=1)
    return ratios[np.arange(len(ratios)), nearest] - 1.0


def reconstruction_error(
    reconstruction: Any, expected: Any, *, mask: ArrayLike | None = None
) -> float:
    """Relative distance of a reconstruction from the noise-free data.

    ``||reconstruction - expected|| / ||expected||`` with the Frobenius norm over all positions
    and the pixels that are not masked. Against noise-free data, following the noise does not
    pay: unlike the mean square error of a fit, this grows when there are too many components.

    Parameters
    ----------
    reconstruction, expected
        NumPy or dask arrays of shape ``(*scan_shape, n_v, n_u)``.
    mask
        Detector pixels left out, ``(n_v, n_u)``, True = left out.

    Returns
    -------
    error
        0 for a perfect reconstruction, 1 for a reconstruction that is zero.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> reconstruction_error(np.array([[[3.0, 1.0]]]), np.array([[[3.0, 4.0]]]))
    0.6
    """
    if reconstruction.shape != expected.shape:
        raise ValueError(
            f"reconstruction has shape {reconstruction.shape}, expected has {expected.shape}"
        )
    left_out = np.full(expected.shape[-2:], False) if mask is None else np.asarray(mask, bool)

    def squared(values: Any) -> Any:
        return (np.where(left_out, 0.0, values) ** 2).sum(dtype=np.float64)

    return float(np.sqrt(float(squared(reconstruction - expected)) / float(squared(expected))))


def _common_pixels(
    first: ArrayLike, second: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = (np.asarray(values, dtype=float) for values in (first, second))
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"the two sets differ in shape: {a.shape[1:]} and {b.shape[1:]}")
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    measured = np.isfinite(a).all(axis=0) & np.isfinite(b).all(axis=0)
    return a[:, measured], b[:, measured]


def _without(
    background: NDArray[np.float64], *stacks: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    measured = np.isfinite(np.concatenate([background, *stacks])).all(axis=0)
    basis = np.linalg.qr(background[:, measured].T)[0]
    cleaned = []
    for stack in stacks:
        vectors = stack[:, measured]
        rest = vectors - (vectors @ basis) @ basis.T
        # What is left of a pattern that is all background is rounding, not a direction.
        nothing = np.linalg.norm(rest, axis=1) < 1e-9 * np.linalg.norm(vectors, axis=1)
        cleaned.append(np.where(nothing[:, np.newaxis], 0.0, rest))
    return cleaned


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


def _wrapped(angles: NDArray[np.float64], period: NDArray[np.float64]) -> NDArray[np.float64]:
    return (angles + period / 2) % period - period / 2


def _around_median(
    differences: NDArray[np.float64], period: NDArray[np.float64]
) -> NDArray[np.float64]:
    # On a circle the median has to be searched: the sum of the absolute distances has its
    # minimum at one of the members, around which the others can then be unwrapped.
    distances = _wrapped(differences[:, np.newaxis] - differences, period[:, np.newaxis])
    best = np.abs(distances).sum(axis=0).argmin()
    unwrapped = distances[:, best]
    return _wrapped(unwrapped - np.median(unwrapped), period)
