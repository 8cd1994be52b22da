"""A subspace that grows towards the leading singular vectors of a scan, a block a pass."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.job import Job
from hs_nmfcluster.factorization.matrix import ScanMatrix, pieces
from hs_nmfcluster.factorization.products import times
from hs_nmfcluster.factorization.start import uniform

# Vectors of a block: so many times the rank, but so many at the least.
_WIDTH, _LEAST_WIDTH = 2, 20
# The subspace has so many times the rank of columns at the least, where there are as many.
_LEAST_COLUMNS = 5
# Passes stop when the last one changed no value of the PCA curve by more than this share. The
# changes fall by half from pass to pass, so the error left is about as large as the last change;
# on the simulated metallic glass it was 3e-5 at most.
_SETTLED = 5e-5
_MAX_BLOCKS = 11
# A vector of which this share or less is outside a subspace lies in it up to rounding.
DEPENDENT = 1e-12
# No rounding changes ‖X‖² by this share from one pass to another.
_CHANGED = 1e-9
# Positions of which products with the vectors are kept. More would say nothing new of the patterns.
MOST_POSITIONS = 2**15
# Stream of random numbers, beyond those of the restarts.
_STREAM = 2**48

# Positions and a row of numbers for each, of one block after the other.
Rows = list[tuple[NDArray[np.int64], NDArray[np.float64]]]


@dataclass(frozen=True)
class Krylov:
    """A growing subspace in which the leading singular vectors are looked for.

    Parameters
    ----------
    square
        ‖X‖².
    image
        XᵀX applied to the newest block of vectors, ``(n_pixels, width)``.
    products
        X V, ``(n_positions, n)``; of a scan that has very many positions not kept.
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
    products: NDArray[np.float64] | None
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
    square, image, _ = applied(matrix, np.linalg.qr(start)[0], job)
    nothing = np.empty((matrix.n_pixels, 0))
    products = np.empty((matrix.n_positions, 0)) if keeps_all(matrix.n_positions) else None
    return Krylov(square, image, products, nothing, np.empty((0, 0)), np.full(rank, np.inf))


def grow(matrix: ScanMatrix, krylov: Krylov, limit: int, job: Job) -> Krylov:
    """Add a block to the subspace, in one pass."""
    old = krylov.basis
    fresh = _orthonormal(krylov.image, old)[:, : limit - old.shape[1]]
    if not fresh.size:
        return replace(krylov, done=True)
    square, image, product = applied(matrix, fresh, job)
    _check_same(square, krylov.square)
    products = None if krylov.products is None else np.hstack([krylov.products, product])
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
    enough = settled and width >= min(_LEAST_COLUMNS * len(curve), limit)
    done = width >= limit or enough or blocks >= _MAX_BLOCKS
    return Krylov(krylov.square, image, products, basis, gram, curve, blocks, done)


def applied(
    matrix: ScanMatrix, vectors: NDArray[np.float64], job: Job
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """‖X‖², XᵀX V and, where the scan has not very many positions, X V, in one pass."""
    keep = keeps_all(matrix.n_positions)
    found = job.visit(matrix, _apply, _add, np.ascontiguousarray(vectors), keep)
    return found.square, found.image.T, in_order(found.products, vectors.shape[1])


def in_order(products: Rows, width: int) -> NDArray[np.float64]:
    """Put rows of positions, found in any order, one below the other."""
    if not products:
        return np.empty((0, width))
    order = np.argsort(np.concatenate([positions for positions, _ in products]))
    return np.concatenate([rows for _, rows in products])[order]


def most_columns(rank: int, limit: int) -> int:
    """Columns that the subspace has at most, on the way to a number of components."""
    return min(_MAX_BLOCKS * _block_width(rank), limit)


def keeps_all(n_positions: int) -> bool:
    """Whether the products with all positions are kept."""
    return n_positions <= MOST_POSITIONS


def most_positions(n_positions: int) -> int:
    """Positions whose scores are kept at most, but for the chances of a sample."""
    return min(n_positions, MOST_POSITIONS)


def _block_width(rank: int) -> int:
    return max(_WIDTH * rank, _LEAST_WIDTH)


class _Applied(NamedTuple):
    """‖X‖², (XᵀX V)ᵀ and the rows of X V of some positions."""

    square: float
    image: NDArray[np.float64]
    products: Rows


def _apply(
    rows: NDArray, positions: NDArray[np.int64], vectors: NDArray[np.float64], keep: bool
) -> _Applied:
    square, image = 0.0, np.zeros(vectors.shape[::-1])
    projected = np.empty_like(image)
    products = []
    for x, where in pieces(rows, positions):
        square += float(np.vdot(x, x))
        product = times(x, vectors)
        # In this order BLAS takes two thirds of the time that Xᵀ (X V) takes.
        image += np.matmul(product.T, x, out=projected)
        if keep:
            products.append((where, product))
    return _Applied(square, image, products)


def _add(a: _Applied, b: _Applied) -> _Applied:
    return _Applied(a.square + b.square, a.image + b.image, a.products + b.products)


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
