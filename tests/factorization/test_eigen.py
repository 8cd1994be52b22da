"""Eigenvalues first, eigenvectors of as many as are wanted."""

import numpy as np
import pytest

from hs_nmfcluster.factorization.eigen import Eigen


@pytest.mark.parametrize("n", [1, 2, 3, 40, 150])
@pytest.mark.parametrize("rank", [1, 7, 200])
def test_as_numpy(n, rank):
    rows = np.random.default_rng(n).standard_normal((n, rank))
    matrix = rows @ rows.T
    found, exact = Eigen.of(matrix.copy()), np.linalg.eigvalsh(matrix)[::-1]
    scale = exact[0]
    np.testing.assert_allclose(found.values, np.maximum(exact, 0.0), atol=1e-12 * scale)
    for number in {0, 1, min(n, 5), n}:
        vectors = found.vectors(number)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(number), atol=1e-10)
        np.testing.assert_allclose(
            matrix @ vectors, vectors * found.values[:number], atol=1e-10 * scale
        )
