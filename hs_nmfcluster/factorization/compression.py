"""X ≈ B Q: the leading singular vectors of a scan, in a few passes over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.random_numbers import uniform
from hs_nmfcluster.engine.scheduling import one_blas_thread_each
from hs_nmfcluster.factorization import tasks
from hs_nmfcluster.factorization.krylov import MOST_KEPT, first_block, grow
from hs_nmfcluster.factorization.rounding import rounding_of
from hs_nmfcluster.factorization.spectrum import count_above_bulk

# Beyond the vectors kept, none could lower the MSE by more than this share of itself ...
_NEGLIGIBLE = 1e-3
# ... and this many times the rank are kept at least.
_LEAST_KEPT = 2
# Positions whose scores are kept. More would say nothing new of the patterns.
_MOST_POSITIONS = 2**15
# Stream of random numbers, beyond those of the restarts and of the subspace.
_STREAM = 2**48 + 1


@dataclass(frozen=True)
class SmallProblem:
    """X ≈ B Q, small enough for memory: all of a scan, or a part that stands for it.

    Parameters
    ----------
    scores
        B, ``(n, q)`` float64.
    basis
        Q, ``(q, n_pixels)`` float64.
    squared_singular_values
        σ² of X, of which the leading ones that were asked for have settled.
    square
        ‖X‖².
    size
        Number of elements of X.
    """

    scores: NDArray[np.float64]
    basis: NDArray[np.float64]
    squared_singular_values: NDArray[np.float64]
    square: float
    size: int

    @property
    def _rank_limit(self) -> int:
        """Number of singular values of all of X."""
        n_pixels = self.basis.shape[1]
        return min(self.size // n_pixels, n_pixels)

    def above_noise(self, n_components: int) -> int:
        """Count the singular values that stand above the noise, among the settled ones.

        Of twice as many as were asked for the values are right to some per mille; 0 where those are
        too few to tell.
        """
        settled = self.squared_singular_values[: _LEAST_KEPT * n_components]
        return count_above_bulk(settled, self._rank_limit)

    def pca_mse(self, n_components: int) -> float:
        """MSE of the best approximation of that rank, below which no factorization can come.

        Uncentred, as NMF is: nothing is subtracted from the data before the decomposition
        (Eckart & Young, Psychometrika 1, 211, 1936).
        """
        left = self.square - self.squared_singular_values[:n_components].sum()
        return max(float(left), 0.0) / self.size


@dataclass(frozen=True)
class Compression(SmallProblem):
    """Leading part of the singular value decomposition of the (uncentred) data.

    Singular vectors of rounding, which data of a low rank have, are left out.
    Its scores B = U Σ are of all positions, strongest first, or, of a scan that has very many, of
    a sample, weighted so that sums over it estimate those over all. The rows of its basis Q = Vᵀ
    are orthonormal, with signs so that each row's cubes add up to more than zero: the same
    whatever the rounding.

    Parameters
    ----------
    complete
        Whether the scores are those of all positions, in their order.
    """

    complete: bool


def compress(
    matrix: ScanMatrix,
    rank: int,
    *,
    seed: int = 0,
    job: Job | None = None,
    start: NDArray[np.float64] | None = None,
) -> Compression:
    """Find the leading singular vectors of a scan by randomized block Krylov iteration.

    Each pass applies XᵀX to a block of vectors; the subspace of all blocks so far approximates
    singular vectors much faster than the last block alone, which on slowly decaying spectra is
    what makes the PCA curve right and not only cheap (Musco & Musco, NeurIPS 28, 2015).

    Parameters
    ----------
    matrix
        The scan.
    rank
        The PCA curve is made to settle up to this number of components.
    seed
        Of the random start.
    job
        Makes the passes; by default one that nobody watches and that keeps nothing.
    start
        Rows ``(n, n_pixels)`` that hold much of what is in the scan, which saves the pass that
        looks for some.

    Returns
    -------
    Compression

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((40, 3)) @ rng.random((3, 30))
    >>> found = compress(ScanMatrix.from_array(X.reshape(40, 5, 6)), rank=3)
    >>> bool(np.allclose(found.scores @ found.basis, X, atol=1e-5))
    True
    """
    job = Job() if job is None else job
    # BLAS's other threads wait busily for a while for more to do: on the cores that passes need.
    with one_blas_thread_each():
        found = job.once("compression", lambda: _compress(matrix, rank, seed, job, start))
    job.forget("subspace")
    return found


def _compress(
    matrix: ScanMatrix, rank: int, seed: int, job: Job, start: NDArray[np.float64] | None
) -> Compression:
    limit = min(matrix.n_positions, matrix.n_pixels)
    rank = min(rank, limit)
    krylov = job.recall("subspace") or first_block(matrix, rank, seed, job, start)
    while not krylov.done:
        krylov = grow(matrix, krylov, limit, job)
        job.keep("subspace", krylov)
    values, vectors = np.linalg.eigh(krylov.gram)
    values = np.maximum(values[::-1], 0.0)
    kept = _number_kept(values, krylov.curve[-1], krylov.square, rank)
    basis = vectors[:, ::-1][:, :kept].T @ krylov.basis
    job.expect(1)
    gram, scores = _scores(matrix, basis, values[: min(rank, kept)], seed, job)
    # What the scores of all positions say of the singular values is as good as half a pass more.
    values, vectors = np.linalg.eigh(gram)
    turn = vectors[:, ::-1]
    basis = turn.T @ basis
    signs = signs_of(basis)
    return Compression(
        scores=scores @ (turn * signs),
        basis=basis * signs[:, None],
        squared_singular_values=np.maximum(values[::-1], 0.0),
        square=krylov.square,
        size=matrix.size,
        complete=matrix.n_positions <= _MOST_POSITIONS,
    )


def signs_of(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Signs that make each row's cubes add up to more than zero: the same whatever the rounding."""
    return np.where((vectors * vectors * vectors).sum(axis=1) < 0, -1.0, 1.0)


def _scores(
    matrix: ScanMatrix,
    basis: NDArray[np.float64],
    squared_values: NDArray[np.float64],
    seed: int,
    job: Job,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q Xᵀ X Qᵀ, and X Qᵀ: of a scan with very many positions, of a sample."""
    vectors = np.ascontiguousarray(basis.T)
    few = matrix.n_positions <= _MOST_POSITIONS
    drawing = None if few else _Drawing(squared_values, matrix.n_positions, seed)
    gram, found = job.visit(matrix, tasks.scores_and_gram, vectors, drawing)
    kept = np.sort(np.concatenate([positions for positions, _ in found.parts]))
    return gram, found.ordered(kept)


def most_positions(n_positions: int) -> int:
    """Positions whose scores are kept at most, but for the chances of a sample."""
    return min(n_positions, _MOST_POSITIONS)


def _number_kept(
    squared_values: NDArray[np.float64], residual: float, square: float, rank: int
) -> int:
    above = int(np.sum(squared_values > _NEGLIGIBLE * max(residual, 0.0)))
    wanted = int(np.clip(above, _LEAST_KEPT * rank, MOST_KEPT * rank))
    # Of data of a lower rank the others are vectors of rounding, different ones for other chunks.
    return max(min(wanted, int(np.sum(squared_values > rounding_of(square)))), 1)


@dataclass(frozen=True)
class _Drawing:
    """A sample of positions, each drawn by itself: it does not depend on the chunks.

    By leverage scores, which find the few positions of a rare pattern, half mixed with a uniform
    chance (Drineas, Mahoney & Muthukrishnan, SIAM J. Matrix Anal. Appl. 30, 844, 2008; Ma, Mahoney
    & Yu, J. Mach. Learn. Res. 16, 861, 2015).
    """

    squared_values: NDArray[np.float64]
    n_positions: int
    seed: int

    def __call__(
        self, scores: NDArray[np.float64], positions: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Draw some of the positions; and the chance of each."""
        used = len(self.squared_values)
        leverage = (scores[:, :used] ** 2 / self.squared_values).sum(axis=1) / used
        chance = np.minimum(_MOST_POSITIONS * (leverage + 1 / self.n_positions) / 2, 1.0)
        return uniform(self.seed, _STREAM, positions, 1)[:, 0] < chance, chance
