"""HyperSpy's own methods on what a decomposition leaves in ``learning_results``."""

import hyperspy.api as hs
import numpy as np
import pytest
from scans import counts, decompose, signal


@pytest.fixture(params=[None, (2, 4, 3, 9)], ids=["eager", "lazy"])
def s(request):
    s = signal(counts(), request.param)
    s.axes_manager[0].name, s.axes_manager[0].scale = "x", 2.5
    return s


class TestMirror:
    def test_arrays(self, s):
        nmf = decompose(s)
        results = s.learning_results
        assert results.factors.shape == (63, 3)
        assert results.loadings.shape == (30, 3)
        np.testing.assert_array_equal(results.factors.T.reshape(3, 7, 9), nmf.patterns.data)
        np.testing.assert_array_equal(results.loadings.T.reshape(3, 5, 6), nmf.maps.data)
        assert results.output_dimension == results.number_significant_components == 3
        assert results.decomposition_algorithm == "ALS-NMF"
        fast = decompose(s, compression="auto")
        assert fast.settings["solver"] == "hals"
        assert results.decomposition_algorithm == "HALS-NMF"
        assert results.mean is None
        assert results.poissonian_noise_normalized is False

    def test_explained_variance(self, s):
        nmf = decompose(s)
        expected = (nmf.maps.data**2).sum(axis=(1, 2)) / (counts() ** 2).sum()
        np.testing.assert_allclose(s.learning_results.explained_variance_ratio, expected)

    def test_masked_entries_are_nan(self, s):
        positions, pixels = np.zeros((5, 6), dtype=bool), np.zeros((7, 9), dtype=bool)
        positions[1, 2] = pixels[0, 3] = True
        nmf = decompose(s, navigation_mask=positions, signal_mask=pixels)
        results = s.learning_results
        for array, mask in ((results.factors, pixels), (results.loadings, positions)):
            np.testing.assert_array_equal(np.isnan(array).all(axis=1), mask.ravel())
        expected = np.nansum(nmf.maps.data**2, axis=(1, 2))
        expected = expected / (counts()[~positions][:, ~pixels] ** 2).sum()
        np.testing.assert_allclose(results.explained_variance_ratio, expected)

    def test_replaces_an_earlier_one(self, s):
        decompose(s, 4)
        decompose(s, 2)
        assert s.learning_results.factors.shape == (63, 2)

    def test_is_a_copy(self, s):
        nmf = decompose(s)
        s.learning_results.factors[:] = 0
        s.learning_results.loadings[:] = 0
        assert nmf.patterns.data.any()
        assert nmf.maps.data.any()

    def test_does_not_outlive_the_shape(self, s):
        decompose(s)
        for part in (s.inav[:3], s.isig[:4, :4]):
            with pytest.raises(ValueError, match="decompose_als_nmf"):
                part.hierarchical_cluster()


class TestHyperSpyMethods:
    def test_factors_and_loadings(self, s):
        nmf = decompose(s)
        factors, loadings = s.get_decomposition_factors(), s.get_decomposition_loadings()
        np.testing.assert_allclose(factors.data, nmf.patterns.data)
        np.testing.assert_allclose(loadings.data, nmf.maps.data)
        assert loadings.axes_manager["x"].scale == 2.5

    def test_model(self, s):
        nmf = decompose(s)
        with np.errstate(all="raise"):
            model = s.get_decomposition_model()
        np.testing.assert_allclose(
            np.asarray(model.data), nmf.model().data.compute(), rtol=1e-10, atol=1e-10
        )

    def test_model_of_some(self, s):
        nmf = decompose(s)
        for components in ([0, 2], 2):
            model = s.get_decomposition_model(components)
            chosen = list(range(components)) if isinstance(components, int) else components
            np.testing.assert_allclose(
                np.asarray(model.data), nmf.model(chosen).data.compute(), rtol=1e-9, atol=1e-9
            )

    def test_plots(self, s):
        decompose(s)
        s.plot_decomposition_results()
        s.plot_decomposition_factors()
        s.plot_decomposition_loadings()
        s.plot_explained_variance_ratio()

    @pytest.mark.parametrize("masked", [False, True])
    @pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
    def test_save_and_load(self, s, suffix, masked, tmp_path):
        mask = np.zeros((5, 6), dtype=bool)
        mask[1, 2] = masked
        decompose(s, navigation_mask=mask, center=(3.5, 2.0))
        s.save(tmp_path / f"scan{suffix}")
        loaded = hs.load(tmp_path / f"scan{suffix}")
        for name in ("factors", "loadings", "explained_variance_ratio"):
            np.testing.assert_array_equal(
                getattr(loaded.learning_results, name), getattr(s.learning_results, name)
            )
        assert loaded.learning_results.decomposition_algorithm == "ALS-NMF"
        tree = loaded.hierarchical_cluster(show_progressbar=False)
        assert tree.grid.detector.center == (3.5, 2.0)
        expected = s.hierarchical_cluster(show_progressbar=False)
        np.testing.assert_allclose(tree.linkage, expected.linkage)

    def test_learning_results_file(self, s, tmp_path):
        decompose(s)
        s.learning_results.save(str(tmp_path / "results.npz"))
        other = signal(counts())
        other.learning_results.load(str(tmp_path / "results.npz"))
        np.testing.assert_array_equal(other.learning_results.factors, s.learning_results.factors)

    def test_hyperspys_own_decomposition_afterwards(self, s):
        decompose(s)
        s.change_dtype("float64")
        s.decomposition(algorithm="SVD" if not s._lazy else "PCA", output_dimension=2)
        assert s.learning_results.decomposition_algorithm != "ALS-NMF"
        assert s.get_decomposition_factors().data.shape == (2, 7, 9)

    def test_one_dimensional_scan(self):
        s = signal(counts().reshape(30, 7, 9))
        nmf = decompose(s)
        np.testing.assert_allclose(s.get_decomposition_loadings().data, nmf.maps.data)
        s.plot_decomposition_results()
