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
# Of the start of sweeps: they go on from what no rounding can have enlarged.
_START_TOLERANCE = 1e-9
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
    return _clipped(target, gram, _RANK_TOLERANCE)


def _clipped(target: Rows, gram: Rows, tolerance: float) -> Rows:
    inverse = np.linalg.pinv(gram, rcond=tolerance, hermitian=True)
    return np.maximum(inverse @ target, 0.0)


def hals_rows(target: Rows, gram: Rows, rows: Rows | None = None, *, sweeps: int = _SWEEPS) -> Rows:
    """Non-negative least squares by sweeps over the components (HALS).

    Each row in turn is set to its best non-negative value with the others fixed (Cichocki &
    Phan, IEICE Trans. Fundam. E92-A, 708, 2009), several times over (Gillis & Glineur, Neural
    Comput. 24, 1085, 2012). The error never rises.

    Parameters
    ----------
    target, gram
        As in :func:`als_rows`; or stacks of them, ``(…, k, n)`` and ``(…, k, k)``.
    rows
        Where to start, ``(…, k, n)``; by default from the clipped least-squares solution.
    sweeps
        How often all rows are gone through.

    Returns
    -------
    numpy.ndarray
        Non-negative ``(…, k, n)``, of the dtype of `target`.

    Examples
    --------
    >>> import numpy as np
    >>> gram = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> hals_rows(np.array([[1.0], [-1.0]]), gram).round(6)
    array([[0.5],
           [0. ]])
    """
    rows = (
        _clipped(target, gram, _START_TOLERANCE).astype(target.dtype)
        if rows is None
        else rows.copy()
    )
    k = gram.shape[-1]
    weights = np.diagonal(gram, axis1=-2, axis2=-1)
    used = weights > 0
    divisors = np.where(used, weights, 1.0)[..., None].astype(target.dtype)
    # With each equation divided by its weight, a step is one product and one maximum.
    couplings, goals = gram.astype(target.dtype) / divisors, target / divisors
    # A row that nothing is known of is coupled to itself alone, and so stays what it is.
    couplings[..., np.arange(k), np.arange(k)] = np.where(used, 0.0, -1.0)
    step = np.empty_like(rows[..., :1, :])
    each = [
        (couplings[..., j : j + 1, :], goals[..., j : j + 1, :], rows[..., j : j + 1, :])
        for j in range(k)
    ]
    for _ in range(sweeps):
        for coupling, goal, row in each:
            np.matmul(coupling, rows, out=step)
            np.subtract(goal, step, out=step)
            np.maximum(step, 0.0, out=row)
    return rows


class Solver(NamedTuple):
    """An update rule and its regularisation.

    Parameters
    ----------
    update
        ``update(target, gram, rows)``, :func:`als_rows` or :func:`hals_rows`.
    ridge
        Tikhonov term in units of the Gram matrix's mean diagonal.
    calm
        Iterations in succession that change the MSE by less than the tolerance, after which a run
        has converged. Two where the MSE may rise: its change passes through zero where a run
        turns from rising to falling.
    """

    update: Callable[[Rows, Rows, Rows | None], Rows]
    ridge: float = 0.0
    calm: int = 2

    def solve(self, target: Rows, gram: Rows, rows: Rows | None = None) -> Rows:
        """Update rows, with the ridge term added to the Gram matrix if there is one."""
        if self.ridge:
            k = gram.shape[-1]
            mean = np.trace(gram, axis1=-2, axis2=-1)[..., None, None] / k
            gram = gram + self.ridge * mean * np.eye(k)
        return self.update(target, gram, rows)


SOLVERS = {"als": Solver(als_rows), "hals": Solver(hals_rows, calm=1)}


def normalise(patterns: Rows) -> Rows:
    """Scale patterns ``(…, k, n_pixels)`` to unit l2 norm; one that has died becomes zero."""
    norms = np.linalg.norm(patterns, axis=-1, keepdims=True)
    # What is left of a component that the others fully replace is rounding: call it dead.
    alive = norms > 1e-12 * norms.max(axis=-2, keepdims=True, initial=0.0)
    return np.divide(patterns, norms, out=np.zeros_like(patterns), where=alive)
