"""X ≈ B Q: the leading singular vectors of a scan, in a few passes over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.matrix import Progress, ScanMatrix, pieces, report
from hs_nmfcluster.factorization.start import uniform

# Beyond the vectors kept, none could lower the MSE by more than this share of itself ...
_NEGLIGIBLE = 1e-3
# ... and this many times the rank are kept at least and at most.
_LEAST_KEPT, _MOST_KEPT = 2, 5
# Passes stop when the last one changed no value of the PCA curve by more than this share. The
# changes fall by half from pass to pass, so the error left is about as large as the last change.
_SETTLED = 3e-5
_MAX_BLOCKS = 11
# A vector of which this share or less is outside a subspace lies in it up to rounding.
_DEPENDENT = 1e-12
_STREAM = 2**48


@dataclass(frozen=True)
class Compression:
    """Leading part of the singular value decomposition of the (uncentred) data.

    Parameters
    ----------
    scores
        B = U Σ, ``(n_positions, q)`` float64, strongest first.
    basis
        Q = Vᵀ, orthonormal rows, ``(q, n_pixels)`` float64, signs so that each row's cubes add up
        to more than zero: the same whatever the rounding.
    squared_singular_values
        σ², of which the leading ones that were asked for have settled.
    square
        ‖X‖².
    size
        Number of elements of X.
    passes
        Passes over the data that it took.
    """

    scores: NDArray[np.float64]
    basis: NDArray[np.float64]
    squared_singular_values: NDArray[np.float64]
    square: float
    size: int
    passes: int

    def pca_mse(self, n_components: int) -> float:
        """MSE of the best approximation of that rank, below which no factorization can come.

        Uncentred, as NMF is: nothing is subtracted from the data before the decomposition
        (Eckart & Young, Psychometrika 1, 211, 1936).
        """
        left = self.square - self.squared_singular_values[:n_components].sum()
        return max(float(left), 0.0) / self.size


def compress(
    matrix: ScanMatrix, rank: int, *, seed: int = 0, progress: Progress | None = None
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
    progress
        Called after each pass with a word on it.

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
    limit = min(matrix.n_positions, matrix.n_pixels)
    rank = min(rank, limit)
    width = min(max(2 * rank, 20), limit)
    start = uniform(seed, _STREAM, np.arange(matrix.n_pixels), width) - 0.5
    square, image = matrix.visit(_apply, _add, np.linalg.qr(start)[0])
    report(progress, "compressing")
    passes = 1
    basis, images = np.empty((matrix.n_pixels, 0)), np.empty((matrix.n_pixels, 0))
    curve = np.full(rank, np.inf)
    for _ in range(_MAX_BLOCKS):
        fresh = _orthonormal(image, basis)[:, : limit - basis.shape[1]]
        if not fresh.size:
            break
        _, image = matrix.visit(_apply, _add, fresh)
        passes += 1
        report(progress, "compressing")
        basis, images = np.hstack([basis, fresh]), np.hstack([images, image])
        values, vectors = np.linalg.eigh(_symmetric(basis.T @ images))
        previous, curve = curve, square - np.cumsum(values[::-1][:rank])
        complete = basis.shape[1] >= limit
        settled = np.all(np.abs(previous - curve) <= _SETTLED * np.abs(curve) + 1e-13 * square)
        if complete or (settled and basis.shape[1] >= min(_MOST_KEPT * rank, limit)):
            break
    values = np.maximum(values[::-1], 0.0)
    basis = basis @ vectors[:, ::-1][:, : _number_kept(values, curve[-1], rank)]
    basis *= np.where((basis**3).sum(axis=0) < 0, -1.0, 1.0)
    scores = matrix.collect(_project, basis)
    passes += 1
    report(progress, "compressing")
    return Compression(
        scores=scores,
        basis=np.ascontiguousarray(basis.T),
        squared_singular_values=values,
        square=square,
        size=matrix.size,
        passes=passes,
    )


def _number_kept(squared_values: NDArray[np.float64], residual: float, rank: int) -> int:
    above = int(np.sum(squared_values > _NEGLIGIBLE * max(residual, 0.0)))
    return int(np.clip(above, _LEAST_KEPT * rank, _MOST_KEPT * rank))


def _apply(
    rows: NDArray, positions: NDArray[np.int64], vectors: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """‖X‖² and XᵀX applied to some vectors, for some rows of X."""
    square, image = 0.0, np.zeros(vectors.shape)
    for x, _ in pieces(rows, positions):
        square += float(np.einsum("ij,ij->", x, x))
        image += x.T @ (x @ vectors)
    return square, image


def _add(
    a: tuple[float, NDArray[np.float64]], b: tuple[float, NDArray[np.float64]]
) -> tuple[float, NDArray[np.float64]]:
    return a[0] + b[0], a[1] + b[1]


def _project(
    rows: NDArray, positions: NDArray[np.int64], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.concatenate([x @ basis for x, _ in pieces(rows, positions)])


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


def _symmetric(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return (matrix + matrix.T) / 2
