"""The factorization of one neighbourhood, in memory."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.matrix import JoinedRows
from hs_nmfcluster.engine.scheduling import by_itself
from hs_nmfcluster.engine.shelf import Placed, Shelf
from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.descent import refine
from hs_nmfcluster.factorization.eigen import Eigen
from hs_nmfcluster.factorization.exploration import explore
from hs_nmfcluster.factorization.neighbourhoods.parted import Parted, compress
from hs_nmfcluster.factorization.rounding import best_first, rounding_of
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.spectrum import count_above_bulk
from hs_nmfcluster.factorization.stability import pattern_stability
from hs_nmfcluster.factorization.updates import hals_rows

Matrix = NDArray[np.float64]

# Singular vectors that the search is made in: so many times the components, and some more. Those
# beyond are noise that no start needs.
_KEPT, _MORE = 3, 10
# Below the first two, components that are not above the noise are not looked for.
LEAST_COMPONENTS = 2
# Variance of Gaussian noise of which all below zero is cut off, as of a map where nothing is.
_CUT = 0.5 - 0.5 / np.pi


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
        neighbourhood, as there are tens of thousands of them in a large scan. Or where they were
        put aside.
    maps
        ``(n, k)`` float32, in the data's intensity unit.
    positions
        Flat indices into the scan, ``(n,)``.
    products
        X Sᵀ, ``(n, k)`` float32, in counts.
    squares
        Squared norm of each position, ``(n,)``.
    above_noise
        Singular values above the noise.
    stability
        Of each pattern, ``(k,)``.
    pattern_noise
        Expected square of all noise in each pattern, its pixels in units of their noise, ``(k,)``.
    map_noise
        Variance of the noise of each map, ``(k,)``.
    """

    patterns: NDArray[np.float16] | Placed
    maps: NDArray[np.float32]
    positions: NDArray[np.int64]
    products: NDArray[np.float32]
    squares: NDArray[np.float64]
    above_noise: int
    stability: NDArray[np.float64]
    pattern_noise: NDArray[np.float64]
    map_noise: NDArray[np.float64]

    @property
    def number(self) -> int:
        """Number of pieces."""
        return self.maps.shape[1]


class NotFiniteError(ValueError):
    """Data that cannot be factorized were met on the way."""


@dataclass(frozen=True)
class Found:
    """Pieces of several neighbourhoods, in their order."""

    of_tiles: tuple[Pieces, ...]

    def __add__(self, other: "Found") -> "Found":
        return Found(self.of_tiles + other.of_tiles)

    def put_aside(self, shelf: Shelf) -> "Found":
        """Put patterns aside that are not there yet."""
        return Found(
            tuple(
                pieces
                if isinstance(pieces.patterns, Placed)
                else replace(pieces, patterns=shelf.put(pieces.patterns))
                for pieces in self.of_tiles
            )
        )


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
    if not rows.any():
        return _nothing(rows.shape, positions)
    weights = plan.settings.pixel_weights
    x = Parted.of(rows, weights)
    if not np.isfinite(x.squares).all():
        where = int(positions[int(np.argmin(np.isfinite(x.squares)))])
        raise NotFiniteError(where)
    most = min(plan.n_components or max(plan.most, LEAST_COMPONENTS), *rows.shape)
    gram = Eigen.of(x.gram())
    above = count_above_bulk(gram.values)
    k = plan.n_components or max(above, LEAST_COMPONENTS)
    k = min(k, most)
    patterns, others = _search(compress(x, gram, _KEPT * k + _MORE), k, plan.settings)
    counted = patterns
    if weights is not None:
        counted, others = patterns * weights, [S * weights for S in others]
    norms = np.linalg.norm(counted, axis=1, keepdims=True)
    norms = np.where(norms > 0, norms, 1.0)
    counted = counted / norms
    rounded = counted.astype(np.float16)
    # Both in one product, as it takes its time to read the rows.
    target, products = np.split(x.times(np.concatenate([patterns, rounded * x.of_pixels])), 2)
    weighted = hals_rows(target, patterns @ patterns.T)
    of_patterns, of_maps = _noise(x, patterns, weighted, target)
    return Pieces(
        patterns=rounded,
        maps=(weighted * x.of_positions * norms).T.astype(np.float32),
        positions=positions,
        products=(products * x.of_positions).T.astype(np.float32),
        squares=x.squares,
        above_noise=above,
        stability=pattern_stability(counted, others),
        pattern_noise=of_patterns / norms.ravel() ** 2,
        map_noise=of_maps * norms.ravel() ** 2,
    )


def _noise(x: Parted, patterns: Matrix, maps: Matrix, products: Matrix) -> tuple[Matrix, Matrix]:
    """Squared noise of each pattern, and variance of each map in counts, ``(k,)`` each.

    Of least squares, from what a model leaves of the data: non-negative ones have a little less.
    """
    n, n_pixels = x.left.shape
    gram, among = patterns @ patterns.T, maps @ maps.T
    left = x.square - 2 * float(np.sum(products * maps)) + float(np.sum(gram * among))
    variance = max(left, 0.0) / (n * n_pixels)
    of_patterns = n_pixels * variance * _inverse_diagonal(among)
    of_maps = _CUT * variance * _inverse_diagonal(gram) * float(np.mean(x.of_positions**2))
    return of_patterns, of_maps


def _inverse_diagonal(gram: Matrix) -> Matrix:
    return np.asarray(np.linalg.pinv(gram, hermitian=True).diagonal())


def _nothing(shape: tuple[int, int], positions: NDArray[np.int64]) -> Pieces:
    """Of a neighbourhood where nothing was counted."""
    n, n_pixels = shape
    return Pieces(
        patterns=np.zeros((0, n_pixels), np.float16),
        maps=np.zeros((n, 0), np.float32),
        positions=positions,
        products=np.zeros((n, 0), np.float32),
        squares=np.zeros(n),
        above_noise=0,
        stability=np.zeros(0),
        pattern_noise=np.zeros(0),
        map_noise=np.zeros(0),
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
