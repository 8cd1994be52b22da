"""Curves of a study on data of known rank, and what is read from curves of known shape."""

import numpy as np
import pytest
from scans import counts, signal

from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.rank_curves import rank_curves
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.suggestion import suggest

RANKS = np.arange(2, 21)
NAN = float("nan")


def known_mixture(k=4, level=400.0, seed=0):
    """Poisson counts of k separable patterns, each alone somewhere."""
    rng = np.random.default_rng(seed)
    maps, patterns = rng.random((180, k)) ** 2, rng.random((k, 120)) ** 4
    maps[: 5 * k] = np.repeat(np.eye(k), 5, axis=0)
    return rng.poisson(level * maps @ patterns).reshape(12, 15, 10, 12)


@pytest.fixture(scope="module")
def study():
    matrix = ScanMatrix.from_array(known_mixture())
    return rank_curves(matrix, np.array([2, 3, 4, 6, 8]), Settings(restarts=4, tolerance=1e-5))


class TestRankCurves:
    def test_shapes(self, study):
        assert study.nmf_mse.shape == (5, 4)
        assert study.pca_mse.shape == study.stability.shape == (5,)
        assert [S.shape for S in study.patterns] == [(k, 120) for k in study.ranks]
        assert [np.shape(S) for S in study.others] == [(3, k, 120) for k in study.ranks]

    def test_pca_is_that_of_the_full_decomposition(self, study):
        X = known_mixture().reshape(180, 120).astype(float)
        squares = np.linalg.svd(X, compute_uv=False) ** 2
        exact = [squares[k:].sum() / X.size for k in study.ranks]
        np.testing.assert_allclose(study.pca_mse, exact, rtol=1e-4)

    def test_nmf_above_pca_and_falling(self, study):
        best = study.nmf_mse.min(axis=1)
        assert (best >= study.pca_mse).all()
        assert (np.diff(best) < 0).all()

    def test_nmf_is_near_pca_only_up_to_the_true_number(self, study):
        gap = study.nmf_mse.min(axis=1) / study.pca_mse - 1
        assert gap[2] < 0.01
        assert gap[-1] > 2 * gap[2]

    def test_true_number_reaches_the_counting_noise(self, study):
        data = known_mixture()
        best = study.nmf_mse.min(axis=1)
        assert best[1] > 1.5 * data.mean()
        assert best[2] == pytest.approx(data.mean(), rel=0.1)

    def test_components_of_the_true_number_return(self, study):
        assert study.stability[2] > 0.99
        assert study.stability[-1] < study.stability[2]

    def test_patterns_are_those_of_the_best(self, study):
        X = known_mixture().reshape(180, 120).astype(float)
        for k, S, errors in zip(study.ranks, study.patterns, study.nmf_mse, strict=True):
            free = np.linalg.lstsq(S.T, X.T)[0]
            assert len(S) == k
            assert ((X.T - S.T @ free) ** 2).mean() <= errors.min() * (1 + 1e-10)

    def test_few_passes(self, study):
        assert study.passes <= 25

    @pytest.mark.slow
    def test_few_passes_where_nothing_settles(self):
        # Noise next to which a PCA curve hardly bends, and a tolerance that nothing reaches.
        rng = np.random.default_rng(0)
        left = np.linalg.qr(rng.standard_normal((1500, 1500)))[0]
        right = np.linalg.qr(rng.standard_normal((2000, 1500)))[0]
        values = np.concatenate([[8.0, 1.3], np.sqrt(1 - np.arange(1, 1499) / 1500)])
        X = (left * values) @ right.T
        matrix = ScanMatrix.from_array((X - X.min()).reshape(30, 50, 40, 50))
        found = rank_curves(matrix, np.array([2, 30]), Settings(restarts=1, tolerance=1e-16))
        # One more, before, finds the mask and what is not finite.
        assert found.passes <= 24

    def test_single_restart_has_no_stability(self):
        matrix = ScanMatrix.from_array(known_mixture())
        found = rank_curves(matrix, np.array([2, 4]), Settings(restarts=1, tolerance=1e-4))
        assert np.isnan(found.stability).all()
        assert found.nmf_mse.shape == (2, 1)

    def test_suggestion_holds_the_true_number(self, study):
        found = suggest(
            study.ranks,
            study.nmf_mse.min(axis=1),
            study.pca_mse,
            float(known_mixture().mean()),
            study.stability,
            study.above_noise,
        )
        assert found.low <= 4 <= found.high

    @pytest.mark.parametrize("k", [1, 4, 9])
    def test_counts_what_stands_above_the_noise(self, k):
        matrix = ScanMatrix.from_array(known_mixture(k, level=100.0))
        found = rank_curves(matrix, np.array([2, 20]), Settings(restarts=1))
        assert found.above_noise == k


def curves(leaves_at=10, slope=2.0):
    """NMF follows PCA up to some number of components and goes on more slowly from there."""
    pca = 100 + 300 * np.exp(-(RANKS - 2) / 3.0) - slope * (RANKS - 2)
    return pca + slope * np.maximum(RANKS - leaves_at, 0), pca


def stable_to(last):
    return np.where(last >= RANKS, 0.95, 0.5)


class TestSuggest:
    @pytest.mark.parametrize("leaves_at", [6, 10, 15])
    def test_starts_where_nmf_leaves_pca(self, leaves_at):
        nmf, pca = curves(leaves_at, slope=4.0)
        found = suggest(RANKS, nmf, pca, NAN, stable_to(18))
        assert leaves_at <= found.low <= leaves_at + 3
        assert found.high == 18
        assert "PCA" in found.reasons[0]
        assert "18" in found.reasons[-1]

    def test_starts_where_the_noise_is_reached_if_that_is_earlier(self):
        nmf, pca = curves(15)
        found = suggest(RANKS, nmf, pca, float(nmf[RANKS == 8][0]), stable_to(12))
        assert (found.low, found.high) == (8, 12)
        assert any("noise" in reason for reason in found.reasons)

    @pytest.mark.parametrize(("stable", "high"), [(15, 15), (20, 18)])
    def test_starts_at_what_stands_above_the_noise(self, stable, high):
        nmf, pca = curves(15)
        found = suggest(RANKS, nmf, pca, NAN, stable_to(stable), above_noise=9)
        assert (found.low, found.high) == (9, high)
        assert found.reasons[0] == "9 components stand above the noise"

    def test_more_above_the_noise_than_were_tried(self):
        nmf, pca = curves(15)
        found = suggest(RANKS, nmf, pca, NAN, stable_to(20), above_noise=35)
        assert (found.low, found.high) == (20, 20)
        assert "try more" in found.reasons[0]

    def test_nothing_reached(self):
        nmf = 100.0 - RANKS
        found = suggest(RANKS, nmf, nmf - 1e-9, 0.0, stable_to(30))
        assert found.low == found.high == 20
        assert any("try more" in reason for reason in found.reasons)

    def test_never_stable(self):
        nmf, pca = curves(10)
        found = suggest(RANKS, nmf, pca, NAN, np.full(RANKS.size, 0.3))
        assert found.low == found.high
        assert any("hardly return" in reason for reason in found.reasons)

    def test_stable_to_the_end(self):
        nmf, pca = curves(10)
        assert suggest(RANKS, nmf, pca, NAN, stable_to(30)).high == 20

    def test_range_lies_within_the_ranks(self):
        rng = np.random.default_rng(0)
        for _ in range(50):
            pca = np.sort(rng.random(RANKS.size))[::-1]
            nmf = pca + rng.random(RANKS.size) * rng.random()
            found = suggest(RANKS, nmf, pca, rng.choice([NAN, 0.5]), rng.random(RANKS.size))
            assert RANKS[0] <= found.low <= found.high <= RANKS[-1]
            assert found.reasons

    def test_single_rank(self):
        one = np.array([5])
        found = suggest(one, np.array([2.0]), np.array([1.0]), 1.5, np.array([0.9]))
        assert (found.low, found.high) == (5, 5)

    def test_perfect_fit(self):
        zeros = np.zeros(RANKS.size)
        found = suggest(RANKS, zeros, zeros, 0.0, np.ones(RANKS.size))
        assert found.low == 2


class TestCountedData:
    """The mean count is the noise of counts alone."""

    @pytest.mark.parametrize(
        ("change", "counted"),
        [
            (lambda data: data, True),
            (lambda data: data.astype("f4"), True),
            (lambda data: 0.01 * data, False),
            (lambda data: data - 1, False),
        ],
        ids=["integers", "counts as floats", "gain", "negative"],
    )
    def test_noise_is_known_of_counts_alone(self, change, counted):
        data = counts((4, 5, 6, 7))
        study = signal(change(data)).estimate_number_of_components(
            [1, 2, 3], restarts=2, signal_mask=None, print_info=False, show_progressbar=False
        )
        said = any("counting noise" in reason for reason in study.suggestion.reasons)
        if counted:
            assert study.noise_mse == pytest.approx(data.mean())
        else:
            assert np.isnan(study.noise_mse)
            assert not said
