"""A subspace that grows towards the leading singular vectors of a scan, a block a pass."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.job import Job
from hs_nmfcluster.factorization.matrix import ScanMatrix, pieces
from hs_nmfcluster.factorization.products import times
from hs_nmfcluster.factorization.start import uniform

# Vectors of a block: so many times the rank, but so many at the least.
_WIDTH, _LEAST_WIDTH = 2, 20
# Vectors that are kept of the subspace at most, and that it therefore has at the least, where there
# are as many: so many times the rank.
MOST_KEPT = 5
# Passes stop when the last one changed no value of the PCA curve by more than this share. The
# changes fall by half from pass to pass, so the error left is about as large as the last change;
# on the simulated metallic glass it was 3e-5 at most.
_SETTLED = 5e-5
_MAX_BLOCKS = 11
# A vector of which this share or less is outside a subspace lies in it up to rounding.
DEPENDENT = 1e-12
# No rounding changes ‖X‖² by this share from one pass to another.
_CHANGED = 1e-9
# Stream of random numbers, beyond those of the restarts.
_STREAM = 2**48


@dataclass(frozen=True)
class Krylov:
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


def first_block(matrix: ScanMatrix, rank: int, seed: int, job: Job) -> Krylov:
    """Apply XᵀX to random vectors, in one pass."""
    width = min(_block_width(rank), matrix.n_positions, matrix.n_pixels)
    start = uniform(seed, _STREAM, np.arange(matrix.n_pixels), width) - 0.5
    job.expect(_MAX_BLOCKS + 2)
    job.say("compressing")
    square, image = applied(matrix, np.linalg.qr(start)[0], job)
    nothing = np.empty((matrix.n_pixels, 0))
    return Krylov(square, image, nothing, np.empty((0, 0)), np.full(rank, np.inf))


def grow(matrix: ScanMatrix, krylov: Krylov, limit: int, job: Job) -> Krylov:
    """Add a block to the subspace, in one pass."""
    old = krylov.basis
    fresh = _orthonormal(krylov.image, old)[:, : limit - old.shape[1]]
    if not fresh.size:
        return replace(krylov, done=True)
    square, image = applied(matrix, fresh, job)
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
    enough = settled and width >= min(MOST_KEPT * len(curve), limit)
    done = width >= limit or enough or blocks >= _MAX_BLOCKS
    return Krylov(krylov.square, image, basis, gram, curve, blocks, done)


def applied(
    matrix: ScanMatrix, vectors: NDArray[np.float64], job: Job
) -> tuple[float, NDArray[np.float64]]:
    """‖X‖² and XᵀX applied to the columns of vectors, in one pass."""
    square, image = job.visit(matrix, _apply, _add, np.ascontiguousarray(vectors))
    return square, image.T


def most_columns(rank: int, limit: int) -> int:
    """Columns that the subspace has at most, on the way to a number of components."""
    return min(_MAX_BLOCKS * _block_width(rank), limit)


def _block_width(rank: int) -> int:
    return max(_WIDTH * rank, _LEAST_WIDTH)


def _apply(
    rows: NDArray, positions: NDArray[np.int64], vectors: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """‖X‖² and (XᵀX V)ᵀ of some vectors ``(n_pixels, width)``, for some rows of X."""
    square, image = 0.0, np.zeros(vectors.shape[::-1])
    projected = np.empty_like(image)
    for x, _ in pieces(rows, positions):
        square += float(np.vdot(x, x))
        # In this order BLAS takes two thirds of the time that Xᵀ (X V) takes.
        image += np.matmul(times(x, vectors).T, x, out=projected)
    return square, image


def _add(
    a: tuple[float, NDArray[np.float64]], b: tuple[float, NDArray[np.float64]]
) -> tuple[float, NDArray[np.float64]]:
    return a[0] + b[0], a[1] + b[1]


def _orthonormal(block: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of a block that the basis does not hold yet; twice, since once leaves rounding.

    Columns of which the basis holds all are dropped: made orthonormal to each other, what is
    left of them would be anything, also parts of the basis.
    """
    if not basis.size:
        return np.linalg.qr(block)[0]
    norms = np.linalg.norm(block, axis=0)
    block, triangle = np.linalg.qr(block - basis @ (basis.T @ block))
    block = block[:, np.abs(np.diag(triangle)) > DEPENDENT * norms]
    block -= basis @ (basis.T @ block)
    # All but orthonormal by now: what is quicker and less exact than QR is exact here.
    half = np.linalg.cholesky(block.T @ block)
    return block @ np.linalg.inv(half).T


def _check_same(square: float, before: float) -> None:
    if abs(square - before) > _CHANGED * before:
        raise OSError(
            f"The data have changed while they were read: the sum of their squares was "
            f"{before:.12g} in the first pass and is {square:.12g} now."
        )
