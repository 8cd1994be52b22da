"""Update rules of the factorization: pure functions of small matrices.

With patterns S fixed, each row of the maps C depends on its own row of X alone, and only through
``X Sᵀ``; with C fixed, S depends on X only through ``Cᵀ X``. So a rule never sees the data. All
arrays carry the restart as their first axis.
"""

import numpy as np
from numpy.typing import NDArray

# Eigenvalues of a Gram matrix below this share of its largest are rounding, not signal.
_RANK_TOLERANCE = 1e-12


def als_maps(
    products: NDArray[np.float64], pattern_gram: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Take steps 5 and 6 of Kimoto et al. (2024): least-squares maps, negatives set to zero.

    Parameters
    ----------
    products
        ``X Sᵀ``, ``(restarts, n, k)``.
    pattern_gram
        ``S Sᵀ``, ``(restarts, k, k)``.

    Returns
    -------
    numpy.ndarray
        Maps C, ``(restarts, n, k)``.

    Examples
    --------
    >>> import numpy as np
    >>> als_maps(np.array([[[2.0, -1.0]]]), np.eye(2)[None])
    array([[[2., 0.]]])
    """
    return np.maximum(products @ _inverse(pattern_gram), 0.0)


def als_patterns(
    projections: NDArray[np.float64], map_gram: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Take steps 3 and 4 of Kimoto et al. (2024): least-squares patterns, clipped and normalised.

    Parameters
    ----------
    projections
        ``Cᵀ X``, ``(restarts, k, n_pixels)``.
    map_gram
        ``Cᵀ C``, ``(restarts, k, k)``.

    Returns
    -------
    numpy.ndarray
        Patterns S, ``(restarts, k, n_pixels)``, rows of unit l2 norm; a row is zero where the
        component has died.
    """
    patterns = np.maximum(_inverse(map_gram) @ projections, 0.0)
    norms = np.linalg.norm(patterns, axis=-1, keepdims=True)
    # What is left of a component that the others fully replace is rounding: call it dead.
    alive = norms > 1e-12 * norms.max(axis=1, keepdims=True)
    return np.divide(patterns, norms, out=np.zeros(patterns.shape), where=alive)


def _inverse(gram: NDArray[np.float64]) -> NDArray[np.floating]:
    """Inverse of symmetric matrices, the pseudo-inverse where a component is not independent."""
    return np.linalg.pinv(gram, rcond=_RANK_TOLERANCE, hermitian=True)
