"""X ≈ B Q: the leading singular vectors of a scan, in a few passes over it."""

from dataclasses import dataclass, replace
from operator import add

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.job import Job
from hs_nmfcluster.factorization.matrix import ScanMatrix, pieces
from hs_nmfcluster.factorization.start import uniform

# Beyond the vectors kept, none could lower the MSE by more than this share of itself ...
_NEGLIGIBLE = 1e-3
# ... and this many times the rank are kept at least and at most.
_LEAST_KEPT, _MOST_KEPT = 2, 5
# Passes stop when the last one changed no value of the PCA curve by more than this share. The
# changes fall by half from pass to pass, so the error left is about as large as the last change;
# on the simulated metallic glass it was 3e-5 at most.
_SETTLED = 5e-5
_MAX_BLOCKS = 11
# A vector of which this share or less is outside a subspace lies in it up to rounding.
_DEPENDENT = 1e-12
# No rounding changes ‖X‖² by this share from one pass to another.
_CHANGED = 1e-9
# Positions whose scores are kept. More would say nothing new of the patterns.
_MOST_POSITIONS = 2**15
# Streams of random numbers, beyond those of the restarts.
_STREAM, _DRAW_STREAM = 2**48, 2**48 + 1


@dataclass(frozen=True)
class Compression:
    """Leading part of the singular value decomposition of the (uncentred) data.

    Parameters
    ----------
    scores
        B = U Σ, ``(n, q)`` float64, strongest first: of all positions or, of a scan that has very
        many, of a sample, weighted so that sums over it estimate those over all.
    basis
        Q = Vᵀ, orthonormal rows, ``(q, n_pixels)`` float64, signs so that each row's cubes add up
        to more than zero: the same whatever the rounding.
    squared_singular_values
        σ², of which the leading ones that were asked for have settled.
    square
        ‖X‖².
    size
        Number of elements of X.
    complete
        Whether the scores are those of all positions, in their order.
    """

    scores: NDArray[np.float64]
    basis: NDArray[np.float64]
    squared_singular_values: NDArray[np.float64]
    square: float
    size: int
    complete: bool

    def pca_mse(self, n_components: int) -> float:
        """MSE of the best approximation of that rank, below which no factorization can come.

        Uncentred, as NMF is: nothing is subtracted from the data before the decomposition
        (Eckart & Young, Psychometrika 1, 211, 1936).
        """
        left = self.square - self.squared_singular_values[:n_components].sum()
        return max(float(left), 0.0) / self.size


@dataclass(frozen=True)
class _Krylov:
    """A growing subspace in which the leading singular vectors are looked for.

    Parameters
    ----------
    square
        ‖X‖².
    image
        XᵀX applied to the newest block of vectors, ``(n_pixels, width)``.
    basis
        Orthonormal columns V of all blocks, ``(n_pixels, n)``.
    gram
        Vᵀ XᵀX V.
    curve
        Square that a PCA leaves, of each rank up to the one asked for, as seen in the subspace.
    blocks
        How many blocks there are.
    done
        Whether the curve has settled.
    """

    square: float
    image: NDArray[np.float64]
    basis: NDArray[np.float64]
    gram: NDArray[np.float64]
    curve: NDArray[np.float64]
    blocks: int = 0
    done: bool = False


def compress(
    matrix: ScanMatrix, rank: int, *, seed: int = 0, job: Job | None = None
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
    found = job.once("compression", lambda: _compress(matrix, rank, seed, job))
    job.forget("subspace")
    return found


def _compress(matrix: ScanMatrix, rank: int, seed: int, job: Job) -> Compression:
    limit = min(matrix.n_positions, matrix.n_pixels)
    rank = min(rank, limit)
    krylov = job.recall("subspace") or _first_block(matrix, rank, seed, job)
    while not krylov.done:
        krylov = _grow(matrix, krylov, limit, job)
        job.keep("subspace", krylov)
    values, vectors = np.linalg.eigh(krylov.gram)
    values = np.maximum(values[::-1], 0.0)
    kept = _number_kept(values, krylov.curve[-1], rank)
    basis = krylov.basis @ vectors[:, ::-1][:, :kept]
    basis *= np.where((basis**3).sum(axis=0) < 0, -1.0, 1.0)
    job.expect(1)
    return Compression(
        scores=_scores(matrix, basis, values[:rank], seed, job),
        basis=np.ascontiguousarray(basis.T),
        squared_singular_values=values,
        square=krylov.square,
        size=matrix.size,
        complete=matrix.n_positions <= _MOST_POSITIONS,
    )


def _first_block(matrix: ScanMatrix, rank: int, seed: int, job: Job) -> _Krylov:
    width = min(max(2 * rank, 20), matrix.n_positions, matrix.n_pixels)
    start = uniform(seed, _STREAM, np.arange(matrix.n_pixels), width) - 0.5
    job.expect(_MAX_BLOCKS + 2)
    job.say("compressing")
    square, image = _applied(matrix, np.linalg.qr(start)[0], job)
    nothing = np.empty((matrix.n_pixels, 0))
    return _Krylov(square, image, nothing, np.empty((0, 0)), np.full(rank, np.inf))


def _grow(matrix: ScanMatrix, krylov: _Krylov, limit: int, job: Job) -> _Krylov:
    """Add a block to the subspace, in one pass."""
    old = krylov.basis
    fresh = _orthonormal(krylov.image, old)[:, : limit - old.shape[1]]
    if not fresh.size:
        return replace(krylov, done=True)
    square, image = _applied(matrix, fresh, job)
    _check_same(square, krylov.square)
    basis = np.hstack([old, fresh])
    columns = basis.T @ image
    gram = np.block([[krylov.gram, columns[: old.shape[1]]], [columns.T]])
    gram = (gram + gram.T) / 2
    leading = np.zeros_like(krylov.curve)
    found = np.linalg.eigvalsh(gram)[::-1][: len(leading)]
    leading[: len(found)] = found
    curve = krylov.square - np.cumsum(leading)
    tolerance = _SETTLED * np.abs(curve) + 1e-13 * krylov.square
    settled = bool(np.all(np.abs(krylov.curve - curve) <= tolerance))
    width, blocks = basis.shape[1], krylov.blocks + 1
    enough = settled and width >= min(_MOST_KEPT * len(curve), limit)
    done = width >= limit or enough or blocks >= _MAX_BLOCKS
    return _Krylov(krylov.square, image, basis, gram, curve, blocks, done)


def _applied(
    matrix: ScanMatrix, vectors: NDArray[np.float64], job: Job
) -> tuple[float, NDArray[np.float64]]:
    """‖X‖² and XᵀX applied to the columns of vectors, in one pass."""
    square, image = job.visit(matrix, _apply, _add, np.ascontiguousarray(vectors.T))
    return square, image.T


def _check_same(square: float, before: float) -> None:
    if abs(square - before) > _CHANGED * before:
        raise OSError(
            f"The data have changed while they were read: the sum of their squares was "
            f"{before:.12g} in the first pass and is {square:.12g} now."
        )


def _scores(
    matrix: ScanMatrix,
    basis: NDArray[np.float64],
    squared_values: NDArray[np.float64],
    seed: int,
    job: Job,
) -> NDArray[np.float64]:
    found = job.visit(matrix, _project, add, basis, squared_values, matrix.n_positions, seed)
    order = np.argsort(np.concatenate([positions for positions, _ in found]))
    return np.concatenate([scores for _, scores in found])[order]


def most_columns(rank: int, limit: int) -> int:
    """Columns that the subspace has at most, on the way to a number of components."""
    return min(_MAX_BLOCKS * max(2 * rank, 20), limit)


def most_positions(n_positions: int) -> int:
    """Positions whose scores are kept at most, but for the chances of a sample."""
    return min(n_positions, _MOST_POSITIONS)


def _number_kept(squared_values: NDArray[np.float64], residual: float, rank: int) -> int:
    above = int(np.sum(squared_values > _NEGLIGIBLE * max(residual, 0.0)))
    return int(np.clip(above, _LEAST_KEPT * rank, _MOST_KEPT * rank))


def _apply(
    rows: NDArray, positions: NDArray[np.int64], vectors: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """‖X‖² and XᵀX applied to some vectors ``(width, n_pixels)``, for some rows of X."""
    square, image = 0.0, np.zeros(vectors.shape)
    for x, _ in pieces(rows, positions):
        square += float(np.vdot(x, x))
        # In this order BLAS takes two thirds of the time that Xᵀ (X V) takes.
        image += (x @ vectors.T).T @ x
    return square, image


def _add(
    a: tuple[float, NDArray[np.float64]], b: tuple[float, NDArray[np.float64]]
) -> tuple[float, NDArray[np.float64]]:
    return a[0] + b[0], a[1] + b[1]


Scores = list[tuple[NDArray[np.int64], NDArray[np.float64]]]


def _project(
    rows: NDArray,
    positions: NDArray[np.int64],
    basis: NDArray[np.float64],
    squared_values: NDArray[np.float64],
    n_positions: int,
    seed: int,
) -> Scores:
    scores = np.concatenate([x @ basis for x, _ in pieces(rows, positions)])
    if n_positions <= _MOST_POSITIONS:
        return [(positions, scores)]
    chance = _chances(scores, squared_values, n_positions)
    drawn = uniform(seed, _DRAW_STREAM, positions, 1)[:, 0] < chance
    return [(positions[drawn], scores[drawn] / np.sqrt(chance[drawn])[:, None])]


def _chances(
    scores: NDArray[np.float64], squared_values: NDArray[np.float64], n_positions: int
) -> NDArray[np.float64]:
    """Chance of each position to be in the sample.

    By leverage scores, which find the few positions of a rare pattern, half mixed with a uniform
    one (Drineas, Mahoney & Muthukrishnan, SIAM J. Matrix Anal. Appl. 30, 844, 2008; Ma, Mahoney
    & Yu, J. Mach. Learn. Res. 16, 861, 2015). A position alone decides whether it is drawn: the
    sample does not depend on the chunks.
    """
    used = squared_values[squared_values > _DEPENDENT * squared_values[0]]
    leverage = (scores[:, : len(used)] ** 2 / used).sum(axis=1) / len(used)
    return np.minimum(_MOST_POSITIONS * (leverage + 1 / n_positions) / 2, 1.0)


def _orthonormal(block: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of a block that the basis does not hold yet; twice, since once leaves rounding.

    Columns of which the basis holds all are dropped: made orthonormal to each other, what is
    left of them would be anything, also parts of the basis.
    """
    if not basis.size:
        return np.linalg.qr(block)[0]
    for _ in range(2):
        norms = np.linalg.norm(block, axis=0)
        block, triangle = np.linalg.qr(block - basis @ (basis.T @ block))
        block = block[:, np.abs(np.diag(triangle)) > _DEPENDENT * norms]
    return block
