"""Update rules of the factorization: pure functions of small matrices.

With patterns S fixed, each column of Cᵀ depends on its own row of X alone, and only through
``S Xᵀ``; with C fixed, S depends on X only through ``Cᵀ X``. So a rule never sees the data, and
both halves of an iteration are the same non-negative least-squares problem: find rows ``Y ≥ 0``
that minimise ``‖A Y − …‖²`` given ``gram = AᵀA`` and ``target = Aᵀ …``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Eigenvalues of a Gram matrix below this share of its largest are rounding, not signal.
_RANK_TOLERANCE = 1e-12
# Sweeps of coordinate descent an update. More cost no data pass and save some; beyond this the
# passes saved were not worth the sweeps (measured on the simulated metallic glass).
_SWEEPS = 8

Rows = NDArray[Any]


def als_rows(target: Rows, gram: Rows, rows: Rows | None = None) -> Rows:  # noqa: ARG001
    """Least squares, then negatives set to zero: steps 3 to 6 of Kimoto et al. (2024).

    Parameters
    ----------
    target
        ``S Xᵀ`` for the maps or ``Cᵀ X`` for the patterns, ``(k, n)``.
    gram
        ``S Sᵀ`` or ``Cᵀ C``, ``(k, k)``.
    rows
        Not used: this rule starts afresh.

    Returns
    -------
    numpy.ndarray
        Non-negative ``(k, n)``.

    Examples
    --------
    >>> import numpy as np
    >>> als_rows(np.array([[2.0], [-1.0]]), np.eye(2))
    array([[2.],
           [0.]])
    """
    # Rank-safe: the pseudo-inverse where a component is not independent of the others.
    inverse = np.linalg.pinv(gram, rcond=_RANK_TOLERANCE, hermitian=True)
    return np.maximum(inverse @ target, 0.0)


def hals_rows(target: Rows, gram: Rows, rows: Rows | None = None) -> Rows:
    """Non-negative least squares by sweeps over the components (HALS).

    Each row in turn is set to its best non-negative value with the others fixed (Cichocki &
    Phan, IEICE Trans. Fundam. E92-A, 708, 2009), several times over (Gillis & Glineur, Neural
    Comput. 24, 1085, 2012). The error never rises.

    Parameters
    ----------
    target, gram
        As in :func:`als_rows`.
    rows
        Where to start, ``(k, n)``; by default from the clipped least-squares solution.

    Returns
    -------
    numpy.ndarray
        Non-negative ``(k, n)``, of the dtype of `target`.

    Examples
    --------
    >>> import numpy as np
    >>> gram = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> hals_rows(np.array([[1.0], [-1.0]]), gram).round(6)
    array([[0.5],
           [0. ]])
    """
    rows = als_rows(target, gram).astype(target.dtype) if rows is None else rows.copy()
    weights = np.diag(gram)
    used = np.flatnonzero(weights > 0)
    # With each equation divided by its weight, a step is one product and one maximum.
    couplings = (gram / np.where(weights > 0, weights, 1.0)[:, None]).astype(target.dtype)
    np.fill_diagonal(couplings, 0.0)
    goals = target / np.where(weights > 0, weights, 1.0).astype(target.dtype)[:, None]
    for _ in range(_SWEEPS):
        for j in used:
            np.maximum(goals[j] - couplings[j] @ rows, 0.0, out=rows[j])
    return rows


class Solver(NamedTuple):
    """An update rule and its regularisation.

    Parameters
    ----------
    update
        ``update(target, gram, rows)``, :func:`als_rows` or :func:`hals_rows`.
    ridge
        Tikhonov term in units of the Gram matrix's mean diagonal.
    """

    update: Callable[[Rows, Rows, Rows | None], Rows]
    ridge: float = 0.0

    def solve(self, target: Rows, gram: Rows, rows: Rows | None = None) -> Rows:
        """Update rows, with the ridge term added to the Gram matrix if there is one."""
        if self.ridge:
            gram = gram + self.ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
        return self.update(target, gram, rows)


SOLVERS = {"als": Solver(als_rows), "hals": Solver(hals_rows)}


def normalise(patterns: Rows) -> Rows:
    """Scale patterns ``(k, n_pixels)`` to unit l2 norm; one that has died becomes zero."""
    norms = np.linalg.norm(patterns, axis=1, keepdims=True)
    # What is left of a component that the others fully replace is rounding: call it dead.
    alive = norms > 1e-12 * norms.max(initial=0.0)
    return np.divide(patterns, norms, out=np.zeros_like(patterns), where=alive)
