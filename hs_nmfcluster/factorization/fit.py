"""The loop of alternating least squares, in which all restarts share each pass over the data."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.matrix import ScanMatrix, pieces
from hs_nmfcluster.factorization.start import uniform
from hs_nmfcluster.factorization.updates import als_maps, als_patterns

# The change of MSE can pass through zero where a clipped run turns from rising to falling; a
# run has converged when the change is small twice in succession.
_CALM_ITERATIONS = 2
# MSE relative to the mean square below which only rounding is left.
_ROUNDING = 1e-13

Progress = Callable[[int, int, float], None]


@dataclass
class Run:
    """One restart: where it stands, where it was best."""

    patterns: NDArray[np.float64]
    best_patterns: NDArray[np.float64]
    best_mse: float = np.inf
    history: list[float] = field(default_factory=list)
    calm: int = 0
    converged: bool = False

    def record(self, mse: float, tolerance: float, rounding: float) -> None:
        """Take the MSE of the present patterns and judge convergence (step 7)."""
        if mse < self.best_mse:
            self.best_mse, self.best_patterns = mse, self.patterns
        change = abs(self.history[-1] - mse) if self.history else np.inf
        self.history.append(mse)
        self.calm = self.calm + 1 if change <= max(tolerance * mse, rounding) else 0
        self.converged = self.calm >= _CALM_ITERATIONS


@dataclass(frozen=True)
class Fit:
    """The best restart, sorted, and what the others came to.

    Parameters
    ----------
    patterns
        S, ``(k, n_pixels)``, rows of unit l2 norm, largest map first.
    maps
        C, ``(n_positions, k)``.
    residual
        Squared residual of each position summed over its pixels, ``(n_positions,)``.
    mse
        ``‖X − C S‖² / (n_positions n_pixels)``, from the residual itself.
    restart_patterns
        Best patterns of every restart, ``(restarts, k, n_pixels)``.
    restart_mse
        Smallest MSE of every restart, ``(restarts,)``.
    history
        MSE after each iteration, one list a restart.
    converged
        Which restarts reached the tolerance.
    best
        Index of the best restart.
    mean_square
        ``‖X‖² / (n_positions n_pixels)``.
    passes
        Passes over the data.
    """

    patterns: NDArray[np.float64]
    maps: NDArray[np.float64]
    residual: NDArray[np.float64]
    mse: float
    restart_patterns: NDArray[np.float64]
    restart_mse: NDArray[np.float64]
    history: list[list[float]]
    converged: NDArray[np.bool_]
    best: int
    mean_square: float
    passes: int


def fit(
    matrix: ScanMatrix,
    n_components: int,
    *,
    restarts: int = 10,
    tolerance: float = 1e-5,
    max_iterations: int = 300,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fit:
    """Factorize X ≈ C S by the alternating least squares of Kimoto et al. (2024), steps 1 to 8.

    Parameters
    ----------
    matrix
        The scan, positions × pixels.
    n_components
        k.
    restarts
        Random starts; each pass over the data advances all that have not converged.
    tolerance
        A restart has converged when its MSE changes by less than this share of itself in two
        successive iterations.
    max_iterations
        Iterations after which a restart is stopped all the same.
    seed
        The same seed gives the same result, whatever the chunking.
    progress
        Called after each iteration with (iteration, restarts still running, smallest MSE).

    Returns
    -------
    Fit

    Notes
    -----
    With S fixed, a row of C depends on its own row of X alone, so one visit of a block gives
    its rows of C and adds them to the sums CᵀX and CᵀC from which the next S follows, and to
    ⟨X Sᵀ, C⟩, which with ‖X‖² gives the exact MSE: one iteration is one pass. An iteration is
    judged by S and the C that belongs to it, and the best one is kept, not the last: ALS with
    clipping is not monotone.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.factorization.matrix import ScanMatrix
    >>> rng = np.random.default_rng(0)
    >>> scan = (rng.random((30, 2)) @ rng.random((2, 20))).reshape(30, 4, 5)
    >>> fit(ScanMatrix.from_array(scan), 2, restarts=2, tolerance=1e-9).mse < 1e-4
    True
    """
    streams = np.arange(restarts)
    square, sums = matrix.visit(_start_sums, _add_pairs, seed, streams, n_components)
    rounding = _ROUNDING * square / matrix.size
    patterns = _next_patterns(sums, seed, streams, iteration=0)
    runs = [Run(p, p) for p in patterns]
    live = list(range(restarts))
    for iteration in range(1, max_iterations + 1):
        gram = patterns @ patterns.transpose(0, 2, 1)
        sums = matrix.visit(_iteration_sums, IterationSums.__add__, patterns, gram)
        for i, mse in zip(live, sums.mse(square, gram, matrix.size), strict=True):
            runs[i].record(mse, tolerance, rounding)
        going = [not runs[i].converged for i in live]
        if progress is not None:
            progress(iteration, sum(going), min(run.best_mse for run in runs))
        live = [i for i, goes in zip(live, going, strict=True) if goes]
        if not live or iteration == max_iterations:
            break
        patterns = _next_patterns(sums.select(going), seed, streams[live], iteration)
        for i, p in zip(live, patterns, strict=True):
            runs[i].patterns = p
    return _finish(matrix, runs, square, passes=iteration + 2)


@dataclass(frozen=True)
class IterationSums:
    """What one iteration needs to know of all positions.

    Parameters
    ----------
    projections
        CᵀX, ``(restarts, k, n_pixels)``.
    map_gram
        CᵀC, ``(restarts, k, k)``.
    overlap
        ⟨X Sᵀ, C⟩, ``(restarts,)``.
    """

    projections: NDArray[np.float64]
    map_gram: NDArray[np.float64]
    overlap: NDArray[np.float64]

    def __add__(self, other: "IterationSums") -> "IterationSums":
        return IterationSums(
            self.projections + other.projections,
            self.map_gram + other.map_gram,
            self.overlap + other.overlap,
        )

    def select(self, keep: list[bool]) -> "IterationSums":
        """Keep some of the restarts."""
        return IterationSums(self.projections[keep], self.map_gram[keep], self.overlap[keep])

    def mse(
        self, square: float, pattern_gram: NDArray[np.float64], size: int
    ) -> NDArray[np.float64]:
        """‖X − C S‖² / size of every restart, without a look at X."""
        model_square = np.einsum("rij,rij->r", pattern_gram, self.map_gram)
        return np.maximum(square - 2 * self.overlap + model_square, 0.0) / size


def _start_sums(
    rows: NDArray, positions: NDArray[np.int64], seed: int, streams: NDArray, k: int
) -> tuple[float, IterationSums]:
    """Step 2 of the paper, C = uniform random, and the sums that step 3 needs."""
    square, total = 0.0, None
    for x, where in pieces(rows, positions):
        maps = np.stack([uniform(seed, int(r), where, k) for r in streams])
        part = _sums(x, maps, overlap=np.zeros(len(streams)))
        square += float(np.einsum("ij,ij->", x, x))
        total = part if total is None else total + part
    assert total is not None
    return square, total


def _iteration_sums(
    rows: NDArray,
    positions: NDArray[np.int64],
    patterns: NDArray[np.float64],
    pattern_gram: NDArray[np.float64],
) -> IterationSums:
    total = None
    for x, _ in pieces(rows, positions):
        products = _products(x, patterns)
        maps = als_maps(products, pattern_gram)
        part = _sums(x, maps, overlap=np.einsum("rnk,rnk->r", products, maps))
        total = part if total is None else total + part
    assert total is not None
    return total


def _products(x: NDArray[np.float64], patterns: NDArray[np.float64]) -> NDArray[np.float64]:
    """X Sᵀ of all restarts in one wide product, ``(restarts, n, k)``."""
    restarts, k, n_pixels = patterns.shape
    wide = x @ patterns.reshape(restarts * k, n_pixels).T
    return wide.reshape(len(x), restarts, k).transpose(1, 0, 2)


def _sums(
    x: NDArray[np.float64], maps: NDArray[np.float64], overlap: NDArray[np.float64]
) -> IterationSums:
    restarts, n, k = maps.shape
    wide = maps.transpose(0, 2, 1).reshape(restarts * k, n) @ x
    gram = maps.transpose(0, 2, 1) @ maps
    return IterationSums(wide.reshape(restarts, k, -1), gram, overlap)


def _add_pairs(
    a: tuple[float, IterationSums], b: tuple[float, IterationSums]
) -> tuple[float, IterationSums]:
    return a[0] + b[0], a[1] + b[1]


def _next_patterns(
    sums: IterationSums, seed: int, streams: NDArray[np.int64], iteration: int
) -> NDArray[np.float64]:
    """Take steps 3 and 4; a component that has died starts again from a random pattern."""
    patterns = als_patterns(sums.projections, sums.map_gram)
    for run, component in np.argwhere(~patterns.any(axis=-1)):
        # Streams of re-seeded components lie beyond those of the restarts.
        stream = (iteration + 1) * 2**32 + int(streams[run]) * 2**16 + int(component)
        seeded = uniform(seed, stream, np.arange(patterns.shape[-1]), 1)[:, 0]
        patterns[run, component] = seeded / np.linalg.norm(seeded)
    return patterns


def _finish(matrix: ScanMatrix, runs: list[Run], square: float, passes: int) -> Fit:
    """Compute maps and residual of the best restart, the largest map first."""
    restart_mse = np.array([run.best_mse for run in runs])
    best = int(np.argmin(restart_mse))
    patterns = runs[best].best_patterns
    gram = patterns @ patterns.T
    rows = matrix.collect(_maps_and_residual, patterns[None], gram[None])
    maps, residual = rows[:, :-1], rows[:, -1]
    order = np.argsort(-np.linalg.norm(maps, axis=0), kind="stable")
    maps, patterns = maps[:, order], patterns[order]
    # A component that nothing in the scan uses has no pattern: its re-seeded start says nothing.
    patterns[~np.any(maps, axis=0)] = 0.0
    return Fit(
        patterns=patterns,
        maps=maps,
        residual=residual,
        mse=float(residual.sum() / matrix.size),
        restart_patterns=np.stack([run.best_patterns for run in runs]),
        restart_mse=restart_mse,
        history=[run.history for run in runs],
        converged=np.array([run.converged for run in runs]),
        best=best,
        mean_square=square / matrix.size,
        passes=passes,
    )


def _maps_and_residual(
    rows: NDArray,
    positions: NDArray[np.int64],
    patterns: NDArray[np.float64],
    pattern_gram: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Rows of C and, in a last column, the squared residual of each position."""
    parts = []
    for x, _ in pieces(rows, positions):
        maps = als_maps(_products(x, patterns), pattern_gram)[0]
        residual = ((x - maps @ patterns[0]) ** 2).sum(axis=1)
        parts.append(np.column_stack([maps, residual]))
    return np.concatenate(parts)
