"""Eigenvalues at once, eigenvectors as many as turn out to be wanted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal
from scipy.linalg.lapack import dormqr, dsytrd, dsytrd_lwork

Matrix = NDArray[np.float64]

# Columns that LAPACK's reflections are applied to together.
_TOGETHER = 64


@dataclass(frozen=True, eq=False)
class Eigen:
    """Eigenvalues of a positive semidefinite matrix, and what its eigenvectors follow from.

    Most of the work of :func:`scipy.linalg.eigh` is to bring a matrix to tridiagonal form, and
    vectors cost in proportion to their number. Here the values are known before it is chosen.

    Parameters
    ----------
    values
        Largest first, ``(n,)``.
    diagonal, beside
        Of the tridiagonal form.
    reflections, scales
        That lead to it, as LAPACK has them.

    Examples
    --------
    >>> found = Eigen.of(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> found.values.round(9).tolist(), np.abs(found.vectors(1)).round(3).tolist()
    ([3.0, 1.0], [[0.707], [0.707]])
    """

    values: Matrix
    diagonal: Matrix
    beside: Matrix
    reflections: Matrix
    scales: Matrix

    @classmethod
    def of(cls, matrix: Matrix) -> "Eigen":
        """Find the values of a matrix ``(n, n)``."""
        room = int(dsytrd_lwork(len(matrix), lower=1)[0])
        reflections, diagonal, beside, scales, _ = dsytrd(matrix, lower=1, lwork=room)
        values = eigvalsh_tridiagonal(diagonal, beside)[::-1]
        return cls(np.maximum(values, 0.0), diagonal, beside, reflections, scales)

    def vectors(self, number: int) -> Matrix:
        """Return the vectors of so many of the largest values, in columns, ``(n, number)``."""
        n = len(self.values)
        if not number:
            return np.zeros((n, 0))
        wanted = (n - min(number, n), n - 1)
        vectors = eigh_tridiagonal(self.diagonal, self.beside, select="i", select_range=wanted)[1]
        vectors = np.asfortranarray(vectors[:, ::-1])
        if n > 1:
            below = self.reflections[1:, :-1]
            vectors[1:] = dormqr(
                "L", "N", below, self.scales, vectors[1:], lwork=_TOGETHER * vectors.shape[1]
            )[0]
        return vectors
