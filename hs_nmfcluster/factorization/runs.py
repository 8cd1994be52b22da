"""Runs of a factorization: where each stands, and what its next step needs to know of the data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.products import times

# A run of a rule that descends has converged when it has not become better for so many iterations.
_PATIENCE = 3

# Patterns in float32 of which a copy in float64 is made at a time.
_AT_A_TIME = 128

Patterns = NDArray[np.floating[Any]]


@dataclass
class Run:
    """One start of one number of components: where it stands, and where it was best.

    Parameters
    ----------
    patterns
        S, ``(k, n_pixels)``, rows of unit l2 norm.
    stream
        Number of its stream of random numbers.
    """

    patterns: Patterns
    stream: int
    best_patterns: Patterns = field(init=False)
    best_mse: float = np.inf
    history: list[float] = field(default_factory=list)
    calm: int = 0
    waited: int = 0
    converged: bool = False

    def __post_init__(self) -> None:
        self.best_patterns = self.patterns

    def record(
        self,
        mse: float,
        tolerance: float,
        rounding: float,
        *,
        calm: int = 1,
        constrained: bool = False,
    ) -> None:
        """Take the MSE of the present patterns and judge convergence (the paper's step 7).

        A run has converged after so many calm iterations in succession, or when it gets no
        better for some: what constraints do between the steps may raise the error slowly, for
        long, and so may maps that cannot be solved well, of data without noise.
        """
        change = abs(self.history[-1] - mse) if self.history else np.inf
        enough = max(tolerance * mse, rounding)
        self.calm = self.calm + 1 if change <= enough and not constrained else 0
        self.waited = self.waited + 1 if self.best_mse - mse <= enough else 0
        if mse < self.best_mse:
            self.best_mse, self.best_patterns = mse, self.patterns
        self.history.append(mse)
        # Clipped least squares may rise for a while and fall again.
        waits = constrained or calm == 1
        self.converged = self.calm >= calm or (waits and self.waited >= _PATIENCE)


@dataclass(frozen=True)
class RunSums:
    """What the next step of a run needs to know of all positions.

    Parameters
    ----------
    projections
        Cᵀ X, ``(k, n_pixels)``.
    map_gram
        Cᵀ C, ``(k, k)``.
    overlap
        ⟨X Sᵀ, C⟩.
    """

    projections: NDArray[np.float64]
    map_gram: NDArray[np.float64]
    overlap: float

    def mse(self, patterns: Patterns, square: float, size: int) -> float:
        """Compute ‖X − C S‖² / size without another look at X."""
        exact = patterns.astype(np.float64, copy=False)
        model_square = float(np.sum((exact @ exact.T) * self.map_gram))
        return max(square - 2 * self.overlap + model_square, 0.0) / size


@dataclass(frozen=True)
class Stack:
    """Patterns of many runs, one above the other, so that their products are wide ones.

    Parameters
    ----------
    patterns
        S of all runs, ``(K, n_pixels)``; in float64 its columns are contiguous.
    grams
        S Sᵀ of each run, float64.
    """

    patterns: Patterns
    grams: list[NDArray[np.float64]]

    @classmethod
    def of(cls, patterns: Sequence[Patterns]) -> "Stack":
        """Put the patterns of several runs together."""
        whole = _as_they_lie(patterns)
        if whole is None:
            whole = np.concatenate(patterns)
        edges = np.cumsum([len(S) for S in patterns])[:-1]
        exact = (S.astype(np.float64, copy=False) for S in np.split(whole, edges))
        grams = [S @ S.T for S in exact]
        return cls(np.asfortranarray(whole) if whole.dtype == np.float64 else whole, grams)

    def times(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """S Xᵀ of all runs for some rows of X, ``(K, n)``."""
        if self.patterns.dtype == np.float64:
            return times(x, self.patterns.T).T
        products = np.empty((len(self.patterns), len(x)))
        for start in range(0, len(products), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            np.matmul(self.patterns[some].astype(np.float64), x.T, out=products[some])
        return products

    @property
    def edges(self) -> NDArray[np.int64]:
        """Rows at which one run's patterns end and the next one's begin."""
        return np.cumsum([len(gram) for gram in self.grams])[:-1]


def _as_they_lie(patterns: Sequence[Patterns]) -> Patterns | None:
    """Return the array that patterns lie in one after the other, if that is all it holds."""
    whole = patterns[0].base
    if whole is None or not whole.flags.c_contiguous:
        return None
    starts = np.cumsum([0] + [S.nbytes for S in patterns])
    addresses = [S.__array_interface__["data"][0] for S in patterns]
    in_order = np.array_equal(np.subtract(addresses, addresses[0]), starts[:-1])
    if not in_order or whole.nbytes != starts[-1] or any(S.base is not whole for S in patterns):
        return None
    return whole.reshape(-1, patterns[0].shape[1])
