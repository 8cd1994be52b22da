"""One result, however the scan lies in memory, is chunked, computed or numbered."""

import logging
import warnings
from concurrent.futures import ProcessPoolExecutor
from types import MappingProxyType

import dask
import dask.array as da
import numpy as np
import pytest
from scans import CHUNKS, SHAPE, assert_same, counts, decompose, n_blocks, signal

import hs_nmfcluster
from hs_nmfcluster import NMFDiffraction2D
from hs_nmfcluster.simulation import linear_mixture


@pytest.fixture(scope="module")
def reference():
    return decompose(signal(counts()))


class TestChunks:
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_lazy_equals_eager(self, reference, chunks, block_numbers):
        assert_same(decompose(signal(counts(), chunks)), reference)
        assert max(block_numbers) == n_blocks(chunks)

    @pytest.mark.parametrize("chunks", [(2, 4, 7, 9), (3, 2, 4, 5)])
    def test_with_default_mask_and_masked_positions(self, chunks, block_numbers):
        left_out = np.random.default_rng(0).random((5, 6)) < 0.3
        arguments = {"signal_mask": "auto", "navigation_mask": left_out}
        eager = decompose(signal(counts()), **arguments)
        assert_same(decompose(signal(counts(), chunks), **arguments), eager)
        assert max(block_numbers) == n_blocks(chunks) == 6

    def test_memory_order_and_views(self, reference):
        data = counts()
        assert_same(decompose(signal(np.asfortranarray(data))), reference)
        padded = np.zeros((5, 6, 7, 18), dtype=data.dtype)
        padded[..., ::2] = data
        assert_same(decompose(signal(padded[..., ::2])), reference)

    def test_data_are_not_changed(self):
        data = counts().astype("f8")
        before = data.copy()
        decompose(signal(data))
        np.testing.assert_array_equal(data, before)

    def test_lazy_data_stay_lazy(self):
        s = signal(counts(), (2, 4, 7, 9))
        decompose(s)
        assert isinstance(s.data, da.Array)


class TestCluster:
    def test_same_as_by_the_signal(self, tmp_path):
        s = signal(counts())
        nmf = decompose(s, 4)
        expected = s.hierarchical_cluster(nmf, show_progressbar=False)
        nmf.save(tmp_path / "nmf.hspy")
        for one in (nmf, hs_nmfcluster.load(tmp_path / "nmf.hspy")):
            tree = one.hierarchical_cluster(show_progressbar=False)
            np.testing.assert_allclose(tree.linkage, expected.linkage)
            assert tree.factorization is one
            assert tree.maps.data.shape == nmf.maps.data.shape
        by_maps = nmf.hierarchical_cluster(by="maps", metric="cosine")
        assert (by_maps.by, by_maps.metric) == ("maps", "cosine")


class TestCompression:
    """The default, whose search in single precision may differ by rounding."""

    SETTINGS = MappingProxyType(
        {"compression": "auto", "tolerance": 1e-5, "max_iterations": 300, "restarts": 3}
    )

    @pytest.fixture(scope="class")
    @classmethod
    def eager(cls):
        return decompose(signal(counts()), **cls.SETTINGS)

    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_lazy_equals_eager(self, eager, chunks, block_numbers):
        found = decompose(signal(counts(), chunks), **self.SETTINGS)
        assert max(block_numbers) == n_blocks(chunks)
        for x, y in ((found.patterns, eager.patterns), (found.maps, eager.maps)):
            np.testing.assert_allclose(x.data, y.data, rtol=0, atol=1e-5 * y.data.max())
        assert found.mse == pytest.approx(eager.mse, rel=1e-7)
        assert found.passes == eager.passes

    def test_not_worse_than_the_papers(self, eager):
        paper = decompose(signal(counts()), **(self.SETTINGS | {"compression": None}))
        assert eager.mse <= paper.mse * 1.001

    def test_few_passes(self, eager):
        paper = decompose(signal(counts()), **(self.SETTINGS | {"compression": None}))
        assert eager.passes < paper.passes

    def test_mse_is_that_of_the_data(self, eager):
        residual = counts() - eager.model().data.compute()
        assert eager.mse == pytest.approx((residual**2).mean(), rel=1e-9)

    @pytest.mark.parametrize("value", [0, 3])
    def test_constant_scan(self, value):
        s = signal(np.full((5, 6, 7, 9), 3 + value, dtype="u2"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nmf = decompose(s, 3, **self.SETTINGS)
        assert np.isfinite(nmf.patterns.data).all()
        assert np.isfinite(nmf.maps.data).all()
        assert nmf.mse < 1e-6


class TestSchedulers:
    @pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
    @pytest.mark.parametrize("chunks", [(2, 4, 7, 9), (3, 2, 4, 5)])
    def test_on_this_process(self, reference, scheduler, chunks):
        with dask.config.set(scheduler=scheduler):
            assert_same(decompose(signal(counts(), chunks)), reference)

    def test_processes(self):
        few = {"max_iterations": 2, "restarts": 1}
        with ProcessPoolExecutor(2) as pool, dask.config.set(scheduler="processes", pool=pool):
            found = decompose(signal(counts(), (3, 3, 7, 9)), **few)
        assert_same(found, decompose(signal(counts()), **few))

    def test_distributed(self, reference):
        distributed = pytest.importorskip("distributed")
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster),
        ):
            assert_same(decompose(signal(counts(), (2, 4, 7, 5))), reference)


class TestShapes:
    @pytest.mark.parametrize(
        "shape",
        [(30, 7, 9), (1, 30, 7, 9), (30, 1, 7, 9), (2, 3, 5, 7, 9), (2, 1, 3, 5, 7, 9)],
    )
    @pytest.mark.parametrize("lazy", [False, True])
    def test_scans_of_any_shape(self, reference, shape, lazy):
        chunks = (*(2 for _ in shape[:-2]), 4, 5) if lazy else None
        found = decompose(signal(counts().reshape(shape), chunks))
        np.testing.assert_allclose(found.patterns.data, reference.patterns.data, rtol=1e-9)
        np.testing.assert_allclose(
            found.maps.data, reference.maps.data.reshape(3, *shape[:-2]), rtol=1e-9, atol=1e-9
        )
        assert found.position_mse.shape == shape[:-2]
        assert found.model().data.shape == shape

    @pytest.mark.parametrize("detector", [(1, 63), (63, 1), (3, 21)])
    def test_detectors_of_any_shape(self, reference, detector):
        found = decompose(signal(counts().reshape(5, 6, *detector)), center=(0, 0))
        assert found.mse == pytest.approx(reference.mse, rel=1e-9)
        assert found.patterns.data.shape == (3, *detector)

    def test_detector_axes_first(self, reference):
        s = NMFDiffraction2D(np.moveaxis(counts(), (0, 1), (2, 3)))
        turned = s.transpose(signal_axes=s.axes_manager.navigation_axes)
        np.testing.assert_allclose(
            decompose(turned).patterns.data, reference.patterns.data, rtol=1e-9
        )


class TestTypes:
    @pytest.mark.parametrize("lazy", [False, True])
    @pytest.mark.parametrize(
        "dtype", ["u1", "i1", ">u2", ">u4", "i2", "u8", ">i8", "f2", "f4", ">f4", "f8", ">f8"]
    )
    def test_same_numbers(self, reference, dtype, lazy):
        assert counts().max() < 127
        s = signal(counts().astype(dtype), (2, 4, 3, 9) if lazy else None)
        assert_same(decompose(s), reference)
        assert s.data.dtype == np.dtype(dtype)

    @pytest.mark.parametrize("dtype", ["i2", ">i2", "f4"])
    @pytest.mark.parametrize("chunks", [None, (2, 4, 3, 9)])
    def test_negative_counts(self, dtype, chunks, caplog):
        data = (counts() - 5).astype(dtype)
        expected = decompose(signal(data.astype("f8")))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = decompose(signal(data, chunks))
        assert_same(found, expected)
        (record,) = [r for r in caplog.records if "negative" in r.message]
        assert f"{100 * (data < 0).mean():.3g} %" in record.message
        assert "smallest is -5" in record.message

    def test_large_counts(self):
        data = counts(level=3e4).astype(">u4") * 1000
        residual = data - decompose(s := signal(data)).model().data.compute()
        assert decompose(s).mse == pytest.approx((residual**2).mean(), rel=1e-9)


class TestResult:
    def test_numbers_agree_with_each_other(self, reference):
        residual = counts() - reference.model().data.compute()
        assert reference.mse == pytest.approx((residual**2).mean(), rel=1e-9)
        np.testing.assert_allclose(reference.position_mse, (residual**2).mean(axis=(2, 3)))
        assert reference.restart_mse.tolist() == [min(h) for h in reference.history]
        assert reference.restart_mse[reference.best_restart] == reference.restart_mse.min()
        norms = np.linalg.norm(reference.patterns.data.reshape(3, -1), axis=1)
        np.testing.assert_allclose(norms, 1)

    def test_axes(self):
        s = signal(counts())
        for axis, name, scale, units in zip(
            s.axes_manager._axes,
            ("y", "x", "ky", "kx"),
            (1.5, 2.0, 0.1, 0.2),
            ("nm", "nm", "1/nm", "1/nm"),
            strict=True,
        ):
            axis.name, axis.scale, axis.units = name, scale, units
        s.axes_manager["x"].offset = 30.0
        nmf = decompose(s, center=(4, 2))
        kx, ky = nmf.patterns.axes_manager.signal_axes
        assert (kx.name, kx.scale, kx.offset, kx.units) == ("kx", 0.2, -0.8, "1/nm")
        assert (ky.name, ky.scale, ky.offset, ky.units) == ("ky", 0.1, -0.2, "1/nm")
        x, y = nmf.maps.axes_manager.signal_axes
        assert (x.name, x.scale, x.offset, x.units) == ("x", 2.0, 30.0, "nm")
        assert (y.name, y.scale, y.units) == ("y", 1.5, "nm")
        model = nmf.model().axes_manager
        assert [a.scale for a in model._axes] == [1.5, 2.0, 0.1, 0.2]
        assert model.navigation_shape == (6, 5)
        # The scan itself keeps its axes.
        assert s.axes_manager["kx"].offset == 0

    def test_classes(self, reference):
        assert type(reference.patterns).__name__ == "NMFDiffraction2D"
        assert type(reference.maps).__name__ == "Signal2D"
        assert type(reference.model()).__name__ == "LazyNMFDiffraction2D"
        line = decompose(signal(counts().reshape(30, 7, 9)))
        assert type(line.maps).__name__ == "Signal1D"

    @pytest.mark.parametrize("components", [0, -1, [0, 2], np.array([1])])
    def test_model_of_some_components(self, reference, components):
        chosen = np.atleast_1d(components)
        patterns, maps = reference.patterns.data[chosen], reference.maps.data[chosen]
        expected = np.einsum("kyx,kvu->yxvu", maps, patterns)
        np.testing.assert_allclose(reference.model(components).data.compute(), expected)

    def test_settings_repeat_the_run(self):
        s = signal(counts())
        first = decompose(s, random_state=None)
        again = decompose(s, random_state=first.settings["random_state"])
        assert_same(again, first, rtol=1e-14)
        other = decompose(s, random_state=first.settings["random_state"] + 1)
        assert not np.array_equal(other.patterns.data, first.patterns.data)

    def test_settings(self, reference):
        settings = reference.settings
        assert settings["n_components"] == 3
        assert settings["restarts"] == 2
        assert settings["tolerance"] == 1e-12
        assert settings["max_iterations"] == 8
        assert settings["solver"] == "als"
        assert settings["data_shape"] == list(SHAPE)
        assert {"hyperspy", "numpy", "dask", "hs_nmfcluster"} <= set(settings["versions"])

    def test_generator_as_random_state(self):
        s = signal(counts())
        one, two = (decompose(s, random_state=np.random.default_rng(4)) for _ in range(2))
        assert_same(one, two, rtol=1e-14)

    def test_repr(self, reference):
        text = repr(reference)
        for part in ("3 components", "6 × 5 scan", "9 × 7", "2 restarts", "passes"):
            assert part in text


class TestWhatIsSaid:
    def test_centre_and_radii_in_px_and_units(self, capsys):
        y, x = np.mgrid[:40, :50]
        beam = 1e4 * np.exp(-((x - 24.3) ** 2 + (y - 19.1) ** 2) / 8)
        s = signal(np.random.default_rng(0).poisson(beam + 5, (4, 5, 40, 50)))
        for axis in s.axes_manager.signal_axes:
            axis.scale, axis.units = 0.25, "1/nm"
        nmf = decompose(s, signal_mask="auto", print_info=True)
        said = capsys.readouterr().out
        assert "x = 24.3" in said
        assert "y = 19.1" in said
        assert "estimated" in said
        assert " px = " in said
        assert "nm⁻¹" in said
        assert " px = " in nmf.settings["signal_mask"]

    def test_silence(self, capsys):
        decompose(signal(counts()), tolerance=0.1)
        captured = capsys.readouterr()
        assert captured.out == captured.err == ""

    def test_not_converged(self, caplog):
        decompose(signal(counts()), max_iterations=2)
        assert any("max_iterations = 2" in r.message for r in caplog.records)


class TestNothingToFind:
    @pytest.mark.parametrize("chunks", [None, (2, 3, 4, 5)])
    def test_constant_scan(self, chunks, caplog):
        s = signal(np.full((5, 6, 7, 9), 3, dtype="u2"), chunks)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nmf = decompose(s, 3, max_iterations=50)
            tree = s.hierarchical_cluster(nmf, show_progressbar=False)
        assert np.isfinite(nmf.patterns.data).all()
        assert np.isfinite(nmf.maps.data).all()
        assert np.isfinite(nmf.stability).all()
        assert np.isfinite(tree.linkage).all()
        assert np.isfinite(tree.similarity).all()
        assert not caplog.records

    def test_identical_restarts(self):
        """One component has one solution, which all restarts find."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nmf = decompose(signal(counts()), 1, restarts=2, max_iterations=50)
        np.testing.assert_allclose(nmf.restart_mse[0], nmf.restart_mse[1], rtol=1e-9)
        np.testing.assert_allclose(nmf.stability, 1)

    def test_zero_patterns_in_the_scan(self):
        data = counts()
        data[2, 3:] = data[4] = 0
        nmf = decompose(signal(data))
        assert (nmf.maps.data[:, 4] == 0).all()
        assert (nmf.maps.data[:, 2, 3:] == 0).all()

    def test_single_restart_has_no_stability(self):
        nmf = decompose(signal(counts()), restarts=1)
        assert np.isnan(nmf.stability).all()


def test_patterns_know_the_illumination_of_the_scan(tmp_path):
    signal, _ = linear_mixture((16, 16), (32, 32), pixel_size=0.6, n_particles=2)
    nmf = signal.decompose_als_nmf(3, restarts=2, print_info=False)
    nmf.save(tmp_path / "nmf.hspy")
    for found in (nmf, hs_nmfcluster.load(tmp_path / "nmf.hspy")):
        told = found.patterns.metadata.Acquisition_instrument.TEM
        assert (told.beam_energy, told.convergence_angle) == (300.0, 0.5)
