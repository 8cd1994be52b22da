"""The factorization of one neighbourhood, in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from hs_nmfcluster.engine.matrix import JoinedRows
from hs_nmfcluster.engine.scheduling import by_itself
from hs_nmfcluster.factorization.compression import Compression, signs_of
from hs_nmfcluster.factorization.descent import refine
from hs_nmfcluster.factorization.exploration import explore
from hs_nmfcluster.factorization.rounding import best_first, rounding_of
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.spectrum import count_above_bulk
from hs_nmfcluster.factorization.stability import pattern_stability
from hs_nmfcluster.factorization.tasks import residual_of_rows
from hs_nmfcluster.factorization.updates import hals_rows
from hs_nmfcluster.factorization.weighting import weigh

Matrix = NDArray[np.float64]

# Singular vectors that the search is made in: so many times the components, and some more. Those
# beyond are noise that no start needs.
_KEPT, _MORE = 3, 10
# Below the first two, components that are not above the noise are not looked for.
LEAST_COMPONENTS = 2


@dataclass(frozen=True)
class Plan:
    """How every neighbourhood is factorized.

    Parameters
    ----------
    n_components
        Of each; None takes as many as its singular values have above the noise.
    most
        Components that a neighbourhood has at most.
    settings
        Restarts, tolerance, seed, weights.
    """

    n_components: int | None
    most: int
    settings: Settings


@dataclass(frozen=True)
class Pieces:
    """What was found in one neighbourhood.

    Parameters
    ----------
    patterns
        Of unit l2 norm, ``(k, n_pixels)``; in float16, whose rounding is far below the noise of a
        neighbourhood, as there are tens of thousands of them in a large scan.
    maps
        ``(n, k)`` float32, in the data's intensity unit.
    positions
        Flat indices into the scan, ``(n,)``.
    residual
        Squared residual of each position, ``(n,)``.
    squares
        Squared norm of each position, ``(n,)``.
    above_noise
        Singular values above the noise.
    stability
        Of each pattern, ``(k,)``.
    """

    patterns: NDArray[np.float16]
    maps: NDArray[np.float32]
    positions: NDArray[np.int64]
    residual: NDArray[np.float64]
    squares: NDArray[np.float64]
    above_noise: int
    stability: NDArray[np.float64]


class NotFiniteError(ValueError):
    """Data that cannot be factorized were met on the way."""


@dataclass(frozen=True)
class Found:
    """Pieces of several neighbourhoods, in their order."""

    of_tiles: tuple[Pieces, ...]

    def __add__(self, other: "Found") -> "Found":
        return Found(self.of_tiles + other.of_tiles)


def factorize_tile(rows: NDArray | JoinedRows, positions: NDArray[np.int64], plan: Plan) -> Found:
    """Factorize the rows of one neighbourhood: a task of a pass, see `factorization.tasks`.

    Raises
    ------
    NotFiniteError
        For NaN and infinite values.
    """
    whole = rows[:]
    with by_itself():
        return Found((_factorize(whole, positions, plan),))


def _factorize(rows: NDArray, positions: NDArray[np.int64], plan: Plan) -> Pieces:
    x = rows.astype(np.float64)
    squares = np.einsum("ij,ij->i", x, x)
    if not np.isfinite(squares).all():
        where = int(positions[int(np.argmin(np.isfinite(squares)))])
        raise NotFiniteError(where)
    if not squares.any():
        return _nothing(x.shape, positions)
    of_positions = np.ones(len(x))
    weights = plan.settings.pixel_weights
    if weights is not None:
        of_positions = weigh(x, weights)
    values, vectors = _eigen(x)
    above = count_above_bulk(values)
    k = plan.n_components or min(max(above, LEAST_COMPONENTS), plan.most)
    k = min(k, *rows.shape)
    compressed = _compression(x, values, vectors, min(_KEPT * k + _MORE, len(values)))
    patterns, others = _search(compressed, k, plan.settings)
    maps = hals_rows(patterns @ x.T, patterns @ patterns.T) * of_positions
    if weights is not None:
        patterns, others = patterns * weights, [S * weights for S in others]
    norms = np.linalg.norm(patterns, axis=1, keepdims=True)
    maps, patterns = maps * norms, patterns / np.where(norms > 0, norms, 1.0)
    return Pieces(
        patterns=patterns.astype(np.float16),
        maps=maps.T.astype(np.float32),
        positions=positions,
        residual=residual_of_rows(rows, positions, maps, patterns),
        squares=squares,
        above_noise=above,
        stability=pattern_stability(patterns, others),
    )


def _nothing(shape: tuple[int, int], positions: NDArray[np.int64]) -> Pieces:
    """Of a neighbourhood where nothing was counted."""
    n, n_pixels = shape
    return Pieces(
        patterns=np.zeros((0, n_pixels), np.float16),
        maps=np.zeros((n, 0), np.float32),
        positions=positions,
        residual=np.zeros(n),
        squares=np.zeros(n),
        above_noise=0,
        stability=np.zeros(0),
    )


def _eigen(weighted: Matrix) -> tuple[Matrix, Matrix]:
    """Eigenvalues of XXᵀ, or of XᵀX where that is smaller, largest first, and eigenvectors."""
    n, n_pixels = weighted.shape
    values, vectors = eigh(weighted @ weighted.T if n <= n_pixels else weighted.T @ weighted)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def _compression(weighted: Matrix, values: Matrix, vectors: Matrix, kept: int) -> Compression:
    """Leading part of the singular value decomposition, from the smaller Gram matrix."""
    n, n_pixels = weighted.shape
    kept = min(kept, int((values > rounding_of(values.sum())).sum()))
    sigma, leading = np.sqrt(values[:kept]), vectors[:, :kept]
    if n <= n_pixels:
        scores, basis = leading * sigma, (leading / sigma).T @ weighted
    else:
        scores, basis = weighted @ leading, leading.T
    signs = signs_of(basis)
    return Compression(
        scores=np.ascontiguousarray(scores * signs),
        basis=np.ascontiguousarray(basis * signs[:, None]),
        squared_singular_values=values,
        square=float(values.sum()),
        size=weighted.size,
        complete=True,
    )


def _search(compressed: Compression, k: int, settings: Settings) -> tuple[Matrix, list[Matrix]]:
    """Patterns of the best start, and those of the others."""
    (starts,) = explore(compressed, [k], settings)
    errors = [_error(compressed, S.astype(np.float64)) for S in starts]
    best = int(best_first(errors, rounding_of(compressed.square))[0])
    (patterns,) = refine(compressed, [starts[best]], tolerance=settings.tolerance)
    return patterns, [S.astype(np.float64) for i, S in enumerate(starts) if i != best]


def _error(compressed: Compression, patterns: Matrix) -> float:
    """‖X − C S‖² with the best maps, as far as the compressed problem tells."""
    target, gram = (patterns @ compressed.basis.T) @ compressed.scores.T, patterns @ patterns.T
    maps = hals_rows(target, gram)
    model = float(np.sum(gram * (maps @ maps.T)))
    return compressed.square - 2 * float(np.sum(target * maps)) + model
