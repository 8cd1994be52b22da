"""The rows of a neighbourhood, parted so that single precision is enough for products of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.compression import Compression, signs_of
from hs_nmfcluster.factorization.eigen import Eigen
from hs_nmfcluster.factorization.rounding import rounding_of
from hs_nmfcluster.factorization.weighting import position_weights

Matrix = NDArray[np.float64]

# Rows that are handled in double precision at a time, so few that they stay in the cache.
_AT_A_TIME = 16
# Share of ‖Y‖² below which squares are rounding of single precision.
_SINGLE = 1e-6
# Share by which means have to be more positive than negative.
_POSITIVE = 0.5


@dataclass(frozen=True, eq=False)
class Parted:
    """X = u vᵀ + Y: a mean pattern at every position, and what differs from it.

    What differs is hardly more than noise, so that products with it are exact enough in single
    precision, which takes half the time and memory. Of X itself they would not be: the mean pattern
    is a thousand times stronger than what stands out of the noise.

    Parameters
    ----------
    heights, common
        u, ``(n,)``, and v, ``(n_pixels,)``.
    left
        Y, ``(n, n_pixels)`` float32.
    of_positions, of_pixels
        What the rows and columns were divided by, ``(n,)`` and ``(n_pixels,)``.
    squares
        Squared norm of each row before that, ``(n,)``.

    Examples
    --------
    >>> x = np.random.default_rng(0).poisson(3.0, (5, 40))
    >>> parted = Parted.of(x, None)
    >>> again = parted.times(np.eye(40)).T * parted.of_positions[:, None]
    >>> bool(np.allclose(again, x, atol=1e-5))
    True
    """

    heights: Matrix
    common: Matrix
    left: NDArray[np.float32]
    of_positions: Matrix
    of_pixels: Matrix
    squares: Matrix

    @classmethod
    def of(cls, rows: NDArray, pixel_weights: Matrix | None) -> "Parted":
        """Part rows, weighted by counting statistics if the weights of the pixels are given.

        Parameters
        ----------
        rows
            ``(n, n_pixels)`` of any real dtype; not all zero.
        pixel_weights
            See :mod:`~hs_nmfcluster.factorization.weighting`; None weighs all alike.
        """
        n, n_pixels = rows.shape
        means, squares = np.empty((2, n))
        total, one = np.zeros(n_pixels), np.ones(max(n_pixels, _AT_A_TIME))
        for part, x in _few_at_a_time(rows):
            # Sums by BLAS, which takes less time than the sum of NumPy.
            means[part] = x @ one[:n_pixels] / n_pixels
            squares[part] = np.einsum("ij,ij->i", x, x)
            total += one[: len(x)] @ x
        if pixel_weights is None:
            of_positions = np.full(n, np.sqrt(squares.sum() / rows.size) or 1.0)
            of_pixels = np.ones(n_pixels)
        else:
            of_positions, of_pixels = position_weights(means), pixel_weights
        heights = means / of_positions
        # Data that are as often negative have no mean pattern to speak of.
        strength = float(means.sum())
        positive = strength > _POSITIVE * float(np.abs(means).sum())
        common = total / of_pixels / strength if positive else np.zeros(n_pixels)
        left = np.empty(rows.shape, np.float32)
        # Products take less time than quotients.
        for_positions, for_pixels = 1 / of_positions[:, None], 1 / of_pixels
        for part, x in _few_at_a_time(rows):
            x *= for_positions[part]
            x *= for_pixels
            x -= np.multiply.outer(heights[part], common)
            left[part] = x
        return cls(heights, common, left, of_positions, of_pixels, squares)

    @cached_property
    def square(self) -> float:
        """‖X‖²."""
        overlap = self.heights @ (self.left @ self.common.astype(np.float32))
        mean = float(self.heights @ self.heights) * float(self.common @ self.common)
        return mean + 2 * float(overlap) + self.square_left

    @cached_property
    def square_left(self) -> float:
        """‖Y‖²."""
        return float(np.einsum("ij,ij->i", self.left, self.left).sum(dtype=np.float64))

    def gram(self) -> Matrix:
        """XXᵀ, or XᵀX where that is smaller."""
        n, n_pixels = self.left.shape
        if n <= n_pixels:
            own, other, left = self.heights, self.common, self.left
        else:
            own, other, left = self.common, self.heights, self.left.T
        gram = (left @ left.T).astype(np.float64)
        across = np.outer(own, left @ other.astype(np.float32))
        gram += across + across.T
        gram += float(other @ other) * np.outer(own, own)
        return gram

    def times(self, patterns: Matrix) -> Matrix:
        """S Xᵀ of patterns ``(k, n_pixels)``: ``(k, n)``."""
        products = (patterns.astype(np.float32) @ self.left.T).astype(np.float64)
        products += np.outer(patterns @ self.common, self.heights)
        return products

    def projected(self, columns: Matrix) -> Matrix:
        """Lᵀ X of columns ``(n, q)``: ``(q, n_pixels)``."""
        projected = (columns.T.astype(np.float32) @ self.left).astype(np.float64)
        projected += np.outer(columns.T @ self.heights, self.common)
        return projected


def compress(parted: Parted, gram: Eigen, number: int) -> Compression:
    """Leading part of the singular value decomposition, from the eigenvectors of the Gram matrix.

    Parameters
    ----------
    parted
        The rows.
    gram
        Of :meth:`Parted.gram`.
    number
        Singular values that are kept at most.
    """
    values = gram.values[:number]
    n, n_pixels = parted.left.shape
    square = parted.square
    exact = max(rounding_of(square), _SINGLE * parted.square_left)
    kept = int((values > exact).sum())
    sigma, vectors = np.sqrt(values[:kept]), gram.vectors(kept)
    if n <= n_pixels:
        scores, basis = vectors * sigma, parted.projected(vectors / sigma)
    else:
        scores, basis = parted.times(vectors.T).T, vectors.T
    signs = signs_of(basis)
    return Compression(
        scores=np.ascontiguousarray(scores * signs),
        basis=np.ascontiguousarray(basis * signs[:, None]),
        squared_singular_values=values,
        square=square,
        size=parted.left.size,
        complete=True,
    )


def _few_at_a_time(rows: NDArray) -> Iterator[tuple[slice, Matrix]]:
    """Hand out copies of some rows at a time in float64."""
    for start in range(0, len(rows), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        yield part, rows[part].astype(np.float64)
