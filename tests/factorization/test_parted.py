"""Rows parted into mean pattern and rest: products in single precision, exact all the same."""

import numpy as np
import pytest

from hs_nmfcluster.factorization.eigen import Eigen
from hs_nmfcluster.factorization.neighbourhoods.parted import Parted, compress
from hs_nmfcluster.factorization.spectrum import count_above_bulk
from hs_nmfcluster.factorization.weighting import weigh


def counts(n=90, n_pixels=400, level=300.0):
    """Counts of a halo and three crystals, so many that single precision alone would not do."""
    rng = np.random.default_rng(0)
    expected = level * np.outer(rng.uniform(0.5, 1.5, n), rng.uniform(0.1, 2.0, n_pixels))
    for k in range(3):
        expected[20 * k : 20 * k + 15, 50 * k : 50 * k + 30] *= 1.5
    return rng.poisson(expected)


def as_weighted(x, weights):
    weighted = x.astype(float)
    if weights is None:
        return weighted / np.sqrt(np.mean(weighted**2))
    weigh(weighted, weights)
    return weighted


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(90, 400), (400, 90)])
@pytest.mark.parametrize("unit", [1.0, 1e-28, 1e28])
def test_products(weighted, shape, unit):
    raw = counts(*shape) * unit
    weights = np.random.default_rng(1).uniform(0.5, 2.0, shape[1]) if weighted else None
    x, parted = as_weighted(raw, weights), Parted.of(raw, weights)
    np.testing.assert_allclose(parted.squares, np.sum(raw**2, axis=1), rtol=1e-12)
    assert parted.square == pytest.approx(np.sum(x**2), rel=1e-9)
    gram = x @ x.T if shape[0] <= shape[1] else x.T @ x
    exact = np.linalg.eigvalsh(gram)[::-1]
    found = Eigen.of(parted.gram())
    # Relative to themselves, though the first is a thousand times larger.
    np.testing.assert_allclose(found.values[:12], exact[:12], rtol=1e-5)
    assert count_above_bulk(found.values) == count_above_bulk(exact)
    patterns = np.random.default_rng(2).random((3, shape[1]))
    np.testing.assert_allclose(parted.times(patterns), patterns @ x.T, rtol=1e-6)
    small = compress(parted, found, 5)
    np.testing.assert_allclose(small.basis @ small.basis.T, np.eye(5), atol=1e-5)
    best = np.linalg.svd(x, full_matrices=False)
    nearest = (best[0][:, :5] * best[1][:5]) @ best[2][:5]
    left = np.linalg.norm(small.scores @ small.basis - nearest)
    assert left < 1e-4 * np.linalg.norm(x - nearest)


def test_as_often_negative():
    """Without a mean pattern all is in the rest."""
    raw = np.random.default_rng(0).standard_normal((30, 50))
    parted = Parted.of(raw, None)
    rebuilt = parted.times(np.eye(50)).T * parted.of_positions[:, None]
    np.testing.assert_allclose(rebuilt, raw, atol=1e-5)


def test_low_rank_has_no_vectors_of_rounding():
    rng = np.random.default_rng(0)
    raw = rng.random((40, 3)) @ rng.random((3, 60))
    parted = Parted.of(raw, None)
    assert compress(parted, Eigen.of(parted.gram()), 10).scores.shape[1] == 3
