"""Samples of a compressed scan: unbiased, whole where it is small, never without what is rare."""

from dataclasses import replace

import numpy as np
import pytest

from hs_nmfcluster.factorization.compression import Compression
from hs_nmfcluster.factorization.sampling import sample


def compressed(n_positions=4000, n_pixels=5000, rare=False):
    """Few vectors; if asked for, the last is of three positions and two pixels alone."""
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.standard_normal((n_positions, 4)))[0]
    V = np.linalg.qr(rng.standard_normal((n_pixels, 4)))[0]
    if rare:
        U[:, 3], V[:, 3] = 0, 0
        U[[5, 1700, 3999], 3], V[[8, 4001], 3] = 3**-0.5, 2**-0.5
    values = np.array([100.0, 30.0, 10.0, 1.0])
    square = float((values**2).sum())
    return Compression(U * values, V.T, values**2, square, n_positions * n_pixels, complete=True)


class TestSample:
    def test_size_does_not_grow_with_the_scan(self):
        for n in (4000, 8000):
            part = sample(compressed(n, n), 10, seed=0)
            assert part.scores.shape == pytest.approx((900, 4), abs=5)
            assert part.basis.shape == pytest.approx((4, 1200), abs=5)

    def test_grows_with_the_components(self):
        few, many = (sample(compressed(), k, seed=0).basis.shape[1] for k in (10, 80))
        assert many > 2 * few

    @pytest.mark.parametrize("seed", range(3))
    def test_sums_of_squares_are_those_of_the_scan(self, seed):
        whole, part = compressed(), sample(compressed(), 10, seed=seed)
        np.testing.assert_allclose(
            part.scores.T @ part.scores, whole.scores.T @ whole.scores, atol=0.2 * 100**2
        )
        norms = np.diag(part.basis @ part.basis.T)
        np.testing.assert_allclose(norms, 1, atol=0.2)

    def test_unbiased(self):
        whole = compressed(1500, 1500, rare=False)
        grams = [
            part.scores.T @ part.scores
            for part in (sample(whole, 10, seed=seed) for seed in range(100))
        ]
        expected = np.diag(whole.scores.T @ whole.scores)
        np.testing.assert_allclose(np.diag(np.mean(grams, axis=0)), expected, rtol=0.01)

    @pytest.mark.parametrize("seed", range(5))
    def test_never_without_what_is_rare(self, seed):
        part = sample(compressed(rare=True), 10, seed=seed)
        assert np.count_nonzero(part.scores[:, 3]) == 3
        assert np.count_nonzero(part.basis[3]) == 2
        np.testing.assert_allclose(np.linalg.norm(part.scores[:, 3]), 1)

    def test_small_scans_are_taken_whole(self):
        whole = compressed(40, 50)
        part = sample(whole, 4, seed=3)
        np.testing.assert_array_equal(part.scores, whole.scores)
        np.testing.assert_array_equal(part.basis, whole.basis)

    def test_seed(self):
        one, same, other = (sample(compressed(), 10, seed=seed).scores for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert one.shape != other.shape or np.abs(one - other).max() > 1e-3

    def test_the_same_whatever_the_rounding(self):
        whole = compressed()
        noise = 1 + 1e-13 * np.random.default_rng(1).standard_normal(whole.scores.shape)
        one = sample(whole, 10, seed=0).scores
        other = sample(replace(whole, scores=whole.scores * noise), 10, seed=0).scores
        np.testing.assert_allclose(one, other, rtol=1e-9)

    def test_vectors_of_zeros(self):
        whole = compressed()
        scores = whole.scores * [1, 1, 0, 0]
        part = sample(replace(whole, scores=scores), 10, seed=0)
        assert np.isfinite(part.scores).all()
