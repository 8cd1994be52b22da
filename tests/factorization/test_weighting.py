"""Counting statistics: weighted by them, a factorization finds more, and answers in counts."""

import numpy as np
import pytest
from scans import SHAPE, assert_same, counts, decompose, signal
from scipy.optimize import nnls

from hs_nmfcluster import SmoothPatterns
from hs_nmfcluster.factorization.weighting import choose_weighting, unweighted, weigh
from hs_nmfcluster.scan.survey import survey

WEIGHTED = {"weighting": "poisson", "compression": "auto", "max_iterations": 60, "tolerance": 1e-7}


class TestWeigh:
    def test_noise_becomes_alike(self):
        rng = np.random.default_rng(0)
        expected = np.outer(rng.uniform(1, 9, 400), rng.uniform(0.5, 20, 300))
        pixels = np.sqrt(expected.mean(axis=0) / expected.mean())
        x = rng.poisson(expected).astype(float)
        positions = weigh(x, pixels)
        spread = (x - expected / np.outer(positions, pixels)).std(axis=0)
        assert spread.std() / spread.mean() < 0.2
        assert spread.mean() == pytest.approx(1, rel=0.2)

    def test_empty_rows(self):
        x = np.zeros((2, 3))
        x[1] = [1, 2, 3]
        weigh(x, np.ones(3))
        assert x[0].tolist() == [0, 0, 0]
        assert np.isfinite(x).all()

    def test_unweighted_undoes_it(self):
        rng = np.random.default_rng(1)
        patterns, pixels = rng.random((3, 8)), rng.uniform(0.5, 2, 8)
        scaled = unweighted(patterns / pixels, pixels)
        np.testing.assert_allclose(scaled, patterns / np.linalg.norm(patterns, axis=1)[:, None])


class TestChoice:
    look = survey(counts())
    kept = np.ones(SHAPE[2:], bool)

    def test_asked(self):
        assert choose_weighting(None, self.look, self.kept, in_tiles=True).pixels is None
        chosen = choose_weighting("poisson", self.look, self.kept, in_tiles=False)
        assert np.mean(chosen.pixels**2) == pytest.approx(1)
        assert chosen.described["weighting"] == "poisson"

    def test_automatic(self):
        negative = survey(counts() - 3)
        assert choose_weighting("auto", self.look, self.kept, in_tiles=True).pixels is not None
        assert choose_weighting("auto", self.look, self.kept, in_tiles=False).pixels is None
        found = choose_weighting("auto", negative, self.kept, in_tiles=True)
        assert found.pixels is None
        assert "negative" in found.described["weighting_reason"]


class TestWhole:
    def test_in_counts(self):
        data = counts()
        found = decompose(signal(data), **WEIGHTED)
        model = found.model().data.compute()
        assert found.mse == pytest.approx(np.mean((data - model) ** 2), rel=1e-9)
        norms = np.linalg.norm(found.patterns.data.reshape(3, -1), axis=1)
        np.testing.assert_allclose(norms, 1)
        assert found.settings["weighting"] == "poisson"
        assert found.settings["mean_square"] == pytest.approx(np.mean(data.astype(float) ** 2))

    def test_maps_are_weighted_least_squares(self):
        data = counts().reshape(-1, 63)
        found = decompose(signal(counts()), **WEIGHTED)
        S = found.patterns.data.reshape(3, -1)
        noise = np.sqrt(np.maximum(data.mean(axis=0), 1e-9))
        for position in (0, 11, 29):
            exact, _ = nnls((S / noise).T, data[position] / noise)
            maps = found.maps.data.reshape(3, -1)[:, position]
            np.testing.assert_allclose(maps, exact, rtol=1e-3, atol=1e-3 * exact.max())

    @pytest.mark.parametrize("compression", ["auto", None])
    @pytest.mark.parametrize("chunks", [(2, 4, 7, 9), (1, 1, 2, 2)])
    def test_chunks(self, chunks, compression, block_numbers):
        arguments = WEIGHTED | {"compression": compression}
        expected = decompose(signal(counts()), **arguments)
        found = decompose(signal(counts(), chunks), **arguments)
        assert_same(found, expected, 1e-7)
        assert max(block_numbers) > 1

    def test_read_in_every_pass(self, monkeypatch):
        from hs_nmfcluster.engine import memory

        expected = decompose(signal(counts()), **WEIGHTED)
        monkeypatch.setattr(memory, "default_budget", lambda: 1)
        found = decompose(signal(counts(), (2, 4, 7, 9)), **WEIGHTED)
        assert not found.settings["data_in_memory"]
        assert_same(found, expected, 1e-7)

    def test_learning_results(self):
        s = signal(counts())
        decompose(s, **WEIGHTED)
        assert s.learning_results.poissonian_noise_normalized is True
        decompose(s)
        assert s.learning_results.poissonian_noise_normalized is False

    def test_with_constraints(self):
        with pytest.raises(ValueError, match=r"`weighting=.poisson.` and `constraints`"):
            decompose(signal(counts()), weighting="poisson", constraints=SmoothPatterns())

    def test_residual_of_the_same_scan_only(self):
        found = decompose(signal(counts()), **WEIGHTED)
        assert found.residual(signal(counts()), show_progressbar=False).mse == pytest.approx(
            found.mse
        )
        with pytest.raises(ValueError, match="not the scan"):
            found.residual(signal(counts() + 1), show_progressbar=False)


class TestStudy:
    def test_in_units_of_noise(self):
        rng = np.random.default_rng(3)
        maps, patterns = rng.random((300, 3)) ** 2, rng.random((3, 120)) ** 3 + 0.05
        data = rng.poisson(40 * maps @ patterns).reshape(15, 20, 10, 12)
        s = signal(data)
        study = s.estimate_number_of_components(
            range(1, 5),
            restarts=3,
            weighting="poisson",
            signal_mask=None,
            random_state=0,
            print_info=False,
            show_progressbar=False,
        )
        errors = study.nmf_mse.min(axis=1)
        assert study.noise_mse == 1.0
        assert errors[2] == pytest.approx(1, rel=0.1)
        assert errors[0] > 1.5
        assert (errors > 0.999 * study.pca_mse).all()

    def test_lazy(self):
        arguments = {
            "restarts": 2,
            "weighting": "poisson",
            "signal_mask": None,
            "random_state": 0,
            "print_info": False,
            "show_progressbar": False,
        }
        eager = signal(counts()).estimate_number_of_components([2, 3], **arguments)
        lazy = signal(counts(), (2, 4, 7, 9)).estimate_number_of_components([2, 3], **arguments)
        np.testing.assert_allclose(lazy.nmf_mse, eager.nmf_mse, rtol=1e-6)
