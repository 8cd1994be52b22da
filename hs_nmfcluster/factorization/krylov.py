"""A subspace that grows towards the leading singular vectors of a scan, a block a pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job, check_unchanged
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.random_numbers import uniform
from hs_nmfcluster.factorization import tasks
from hs_nmfcluster.factorization.rounding import SUMS

# Vectors of a block: so many times the rank, but so many at the least. Of twice the rank it takes
# a pass or two less, and more time.
_WIDTH, _LEAST_WIDTH = 1.25, 20
# Vectors that are kept of the subspace at most, and that it therefore has at the least, where there
# are as many: so many times the rank.
MOST_KEPT = 5
# Passes stop when no value of the PCA curve is above the true one by more than about this share,
# if the changes from pass to pass go on to shrink as the last one did, but by half at the most and
# by a tenth at the least. On 17 kinds of spectra and four ranks it was 9e-5 at most.
_SETTLED, _FASTEST, _SLOWEST = 7e-5, 0.5, 0.9
_MAX_BLOCKS = 12
# A vector of which this share or less is outside a subspace lies in it up to rounding.
_DEPENDENT = 1e-12
# A unit vector of whose square more than this share is outside does not lie in it.
_MOSTLY = 0.5
# Share of something random in rows with which the subspace begins.
_RANDOM = 0.1
# Stream of random numbers, beyond those of the restarts.
_STREAM = 2**48


@dataclass(frozen=True)
class Krylov:
    """A growing subspace in which the leading singular vectors are looked for.

    Parameters
    ----------
    square
        ‖X‖²; NaN before the first pass.
    basis
        Orthonormal rows V of all blocks, ``(n, n_pixels)``.
    gram
        V XᵀX Vᵀ or, of the newest block, to which XᵀX has not been applied, a lower bound.
    applied
        To how many rows it has.
    curve
        Square that a PCA leaves, of each rank up to the one asked for, as seen in the subspace.
    change
        Largest share by which the last pass has changed a value of the curve.
    blocks
        How many blocks there are.
    done
        Whether the curve has settled.
    """

    square: float
    basis: NDArray[np.float64]
    gram: NDArray[np.float64]
    applied: int
    curve: NDArray[np.float64]
    change: float
    blocks: int
    done: bool = False


def first_block(
    matrix: ScanMatrix, rank: int, seed: int, job: Job, start: NDArray[np.float64] | None = None
) -> Krylov:
    """Begin with rows that hold much of the scan or, in one pass, apply XᵀX to random ones."""
    width = min(block_width(rank), matrix.n_positions, matrix.n_pixels)
    random = uniform(seed, _STREAM, np.arange(matrix.n_pixels), width).T - 0.5
    job.expect(_MAX_BLOCKS + 1)
    job.say("compressing")
    # Of a small scan these would take the room of rows that span it.
    room = min(matrix.n_positions, matrix.n_pixels)
    if start is None or room < most_vectors(rank, room + 1):
        square, image = applied(matrix, random, job)
    else:
        square, image = np.nan, _leaning(start[:width], random)
    basis = np.linalg.qr(image.T)[0].T
    return Krylov(square, basis, np.zeros((width, width)), 0, np.full(rank, np.inf), np.inf, 1)


def _leaning(rows: NDArray[np.float64], random: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows with a little of something random in each, and as many as there are random ones.

    A singular vector to which all rows were orthogonal would never be found.
    """
    random = random / np.linalg.norm(random, axis=1, keepdims=True)
    leaning = random.copy()
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    leaning[: len(rows)] *= _RANDOM
    leaning[: len(rows)] += np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return leaning


def grow(matrix: ScanMatrix, krylov: Krylov, limit: int, job: Job) -> Krylov:
    """Apply XᵀX to the newest block and add what this leads to as the next one, in one pass."""
    old = krylov.applied
    square, image = applied(matrix, krylov.basis[old:], job)
    if not np.isnan(krylov.square):
        check_unchanged(square, krylov.square)
    parts = image @ krylov.basis.T
    gram = np.block([[krylov.gram[:old, :old], parts[:, :old].T], [parts]])
    fresh = _orthonormal(image, krylov.basis, parts, SUMS * square)[: limit - len(gram)]
    basis = np.concatenate([krylov.basis, fresh])
    whole = _continued((gram + gram.T) / 2, fresh @ image.T)
    leading = np.zeros_like(krylov.curve)
    found = np.linalg.eigvalsh(whole)[::-1][: len(leading)]
    leading[: len(found)] = found
    curve = square - np.cumsum(leading)
    # Below so small a share of ‖X‖² the curve is rounding.
    change = float(np.max((krylov.curve - curve) / np.maximum(curve, 1e-9 * square)))
    settled = _left(change, krylov.change) <= _SETTLED
    width, blocks = len(whole), krylov.blocks + 1
    enough = settled and width >= min(MOST_KEPT * len(curve), limit)
    done = not fresh.size or enough or blocks >= _MAX_BLOCKS
    return Krylov(square, basis, whole, len(gram), curve, change, blocks, done)


def applied(
    matrix: ScanMatrix, vectors: NDArray[np.float64], job: Job
) -> tuple[float, NDArray[np.float64]]:
    """‖X‖² and XᵀX applied to rows of vectors ``(width, n_pixels)``, in one pass."""
    return job.visit(matrix, tasks.gram_applied, np.ascontiguousarray(vectors.T))


def most_vectors(rank: int, limit: int) -> int:
    """Vectors that the subspace has at most, on the way to a number of components."""
    return min(_MAX_BLOCKS * block_width(rank), limit)


def block_width(rank: int) -> int:
    """Vectors that a pass multiplies by XᵀX."""
    return max(round(_WIDTH * rank), _LEAST_WIDTH)


def _orthonormal(
    block: NDArray[np.float64],
    basis: NDArray[np.float64],
    parts: NDArray[np.float64],
    rounding: float,
) -> NDArray[np.float64]:
    """Part of a block of rows that the basis does not hold yet; twice, since once leaves rounding.

    Rows of which the basis holds all are dropped: made orthonormal to each other, what is
    left of them would be anything, also parts of the basis.
    """
    norms = np.linalg.norm(block, axis=1)
    block = block - parts @ basis
    triangle = np.linalg.qr(block.T, mode="r")
    own = np.abs(np.diag(triangle)) > np.maximum(_DEPENDENT * norms, rounding)
    if not own.all():
        block = block[own]
        triangle = np.linalg.qr(block.T, mode="r")
    # Quicker than Q, and less exact, which the second time mends.
    block = np.linalg.inv(triangle).T @ block
    block -= (block @ basis.T) @ basis
    values, turn = np.linalg.eigh(block @ block.T)
    # Of a row that was rounding, though larger than most, the basis holds nearly all.
    own = values > _MOSTLY
    return (turn[:, own] / np.sqrt(values[own])).T @ block


def _continued(gram: NDArray[np.float64], coupling: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gram matrix with the next block, whose own part is the least that its coupling allows.

    No matrix with these parts is positive semidefinite with less there: Nyström's approximation,
    which sees as much of the singular values as half a pass more would (Halko, Martinsson &
    Tropp, SIAM Rev. 53, 217, 2011, algorithm 5.5).
    """
    n = len(gram)
    across = np.zeros((len(coupling), n))
    across[:, n - coupling.shape[1] :] = coupling
    # So small a ridge lowers the bound by nothing that is seen, and nothing is divided by zero.
    ridge = _DEPENDENT * np.trace(gram) * np.eye(n)
    least = across @ np.linalg.solve(gram + ridge, across.T)
    return np.block([[gram, across.T], [across, (least + least.T) / 2]])


def _left(change: float, before: float) -> float:
    """Sum of all changes to come, as of a geometric series."""
    ratio = change / before if 0 < before < np.inf else _SLOWEST
    ratio = min(max(ratio, _FASTEST), _SLOWEST)
    return change * ratio / (1 - ratio)
