"""The signal classes behave as HyperSpy's own do."""

import copy

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from scans import assert_same, counts, decompose, signal

from hs_nmfcluster import LazyNMFDiffraction2D, NMFDiffraction2D

CLASSES = {False: NMFDiffraction2D, True: LazyNMFDiffraction2D}


def calibrated(lazy=False):
    s = signal(counts().astype(">u2"), (2, 4, 3, 9) if lazy else None)
    s.metadata.General.title = "glass"
    s.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 300.0)
    s.original_metadata.set_item("Header.Exposure", 0.01)
    for i, axis in enumerate(s.axes_manager._axes):
        axis.name, axis.units = "yxvu"[i], "nm" if i < 2 else "1/nm"
        axis.scale, axis.offset = 0.5 + i, -1.25 * i
    return s


def assert_nothing_lost(found, original):
    assert found.axes_manager.as_dictionary() == original.axes_manager.as_dictionary()
    assert found.metadata.General.title == "glass"
    assert found.metadata.Acquisition_instrument.TEM.beam_energy == 300.0
    assert found.original_metadata.Header.Exposure == 0.01
    assert found.data.dtype == original.data.dtype
    np.testing.assert_array_equal(np.asarray(found.data), np.asarray(original.data))


@pytest.fixture(params=[False, True], ids=["eager", "lazy"])
def lazy(request):
    return request.param


@pytest.fixture
def s(lazy):
    return calibrated(lazy)


class TestClass:
    def test_set_signal_type_there_and_back(self, s, lazy):
        s.set_signal_type("")
        assert type(s).__name__ == ("LazySignal2D" if lazy else "Signal2D")
        s.set_signal_type("nmf_diffraction")
        assert type(s) is CLASSES[lazy]
        assert_nothing_lost(s, calibrated())

    def test_from_hyperspy(self, lazy):
        s = hs.signals.Signal2D(counts())
        s = s.as_lazy() if lazy else s
        s.set_signal_type("nmf_diffraction")
        assert type(s) is CLASSES[lazy]
        assert s.metadata.Signal.signal_type == "nmf_diffraction"

    def test_as_lazy_and_compute(self):
        s = calibrated()
        lazy = s.as_lazy()
        assert type(lazy) is LazyNMFDiffraction2D
        lazy.compute(show_progressbar=False)
        assert type(lazy) is NMFDiffraction2D
        assert_nothing_lost(lazy, s)

    def test_copies(self, s, lazy):
        for duplicate in (s.deepcopy(), copy.deepcopy(s), s.copy()):
            assert type(duplicate) is CLASSES[lazy]
            assert_nothing_lost(duplicate, s)

    def test_inav(self, s, lazy):
        part = s.inav[1:4, ::2]
        assert type(part) is CLASSES[lazy]
        np.testing.assert_array_equal(np.asarray(part.data), counts()[::2, 1:4])
        assert part.axes_manager["y"].scale == 1.0
        assert part.axes_manager["x"].offset == -1.25 + 1.5

    def test_isig(self, s, lazy):
        part = s.isig[2:8, 1:5]
        assert type(part) is CLASSES[lazy]
        np.testing.assert_array_equal(np.asarray(part.data), counts()[..., 1:5, 2:8])

    def test_isig_by_value(self):
        s = calibrated()
        np.testing.assert_array_equal(s.isig[-0.25:6.75].data, counts()[..., 1:3])

    def test_single_pattern(self, s, lazy):
        one = s.inav[2, 3]
        assert type(one) is CLASSES[lazy]
        assert one.axes_manager.navigation_dimension == 0

    def test_transpose(self, s, lazy):
        turned = s.transpose(signal_axes=["x", "y"])
        assert turned.axes_manager.signal_shape == (6, 5)
        assert turned.axes_manager.navigation_shape == (9, 7)
        back = turned.transpose(signal_axes=["u", "v"])
        assert type(back) is CLASSES[lazy]
        np.testing.assert_array_equal(np.asarray(back.data), counts())

    def test_arithmetic_and_map(self, s, lazy):
        assert type(s + 1.0) is CLASSES[lazy]
        assert type(s.sum("x")) is CLASSES[lazy]
        doubled = s.map(lambda image: 2.0 * image, inplace=False, show_progressbar=False)
        assert type(doubled) is CLASSES[lazy]
        np.testing.assert_array_equal(np.asarray(doubled.data), 2.0 * counts())

    def test_rebin(self, s, lazy):
        half = s.isig[:8, :6].rebin(scale=(1, 1, 2, 2))
        assert type(half) is CLASSES[lazy]

    @pytest.mark.parametrize("dtype", ["f4", "u1", "i8"])
    def test_change_dtype(self, s, lazy, dtype):
        s.change_dtype(dtype)
        assert type(s) is CLASSES[lazy]
        assert s.data.dtype == np.dtype(dtype)

    def test_fewer_signal_axes(self):
        assert not isinstance(calibrated().sum("v"), NMFDiffraction2D)

    def test_is_a_signal_2d(self):
        assert issubclass(NMFDiffraction2D, hs.signals.Signal2D)
        assert issubclass(LazyNMFDiffraction2D, NMFDiffraction2D)


class TestFiles:
    @pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
    @pytest.mark.parametrize("load_lazily", [False, True])
    def test_round_trip(self, s, suffix, load_lazily, tmp_path):
        s.save(tmp_path / f"scan{suffix}")
        loaded = hs.load(tmp_path / f"scan{suffix}", lazy=load_lazily)
        assert type(loaded) is CLASSES[load_lazily]
        assert_nothing_lost(loaded, s)

    def test_load_as(self, lazy, tmp_path):
        hs.signals.Signal2D(counts()).save(tmp_path / "plain.hspy")
        s = hs.load(tmp_path / "plain.hspy", lazy=lazy, signal_type="nmf_diffraction")
        assert type(s) is CLASSES[lazy]
        assert_same(decompose(s), decompose(signal(counts())))


class TestPlotScan:
    @pytest.mark.parametrize("shape", [(5, 6), (30,), (1, 30), (2, 3, 5)])
    def test_draws(self, lazy, shape):
        chunks = (*(2 for _ in shape), 7, 9) if lazy else None
        figure = signal(counts().reshape(*shape, 7, 9), chunks).plot_scan()
        figure.canvas.draw()
        assert len(figure.axes) >= 2


class TestHierarchicalCluster:
    def test_from_learning_results(self, s):
        nmf = decompose(s)
        one = s.hierarchical_cluster(nmf, show_progressbar=False)
        two = s.hierarchical_cluster(show_progressbar=False)
        np.testing.assert_allclose(one.linkage, two.linkage)
        np.testing.assert_allclose(one.similarity, two.similarity)
        np.testing.assert_allclose(one.patterns.data, two.patterns.data)
        np.testing.assert_allclose(one.maps.data, two.maps.data)
        assert one.grid.detector == two.grid.detector

    def test_center_overrides(self, s):
        nmf = decompose(s)
        for arguments in ((nmf,), ()):
            tree = s.hierarchical_cluster(*arguments, center=(4, 2), show_progressbar=False)
            assert tree.grid.detector.center == (4, 2)

    def test_beam_at_the_edge(self):
        s = signal(counts())
        nmf = decompose(s, center=(0, 6))
        assert s.hierarchical_cluster(nmf).grid.detector.center == (0, 6)
        assert s.hierarchical_cluster().grid.detector.center == (0, 6)

    def test_patterns_of_a_stack(self):
        s = signal(counts((4, 21, 25)))
        assert len(s.hierarchical_cluster(show_progressbar=False)) == 4

    def test_scan_made_a_stack(self):
        s = signal(counts((2, 3, 21, 25)))
        s.unfold_navigation_space()
        assert len(s.hierarchical_cluster(center=(12, 10), show_progressbar=False)) == 6

    def test_maps(self):
        s = signal(counts())
        nmf = decompose(s)
        tree = s.hierarchical_cluster(nmf, by="maps", show_progressbar=False)
        assert tree.by == "maps"

    def test_after_hyperspys_own_decomposition(self):
        s = signal(counts().astype(float))
        s.decomposition(algorithm="SVD", output_dimension=3, print_info=False)
        s.learning_results.crop_decomposition_dimension(3)
        assert len(s.hierarchical_cluster(center=(4, 3), show_progressbar=False)) == 3

    def test_lazy_patterns(self):
        data = counts((4, 21, 25))
        lazy = LazyNMFDiffraction2D(da.from_array(data, chunks=(1, 10, 25)))
        one = lazy.hierarchical_cluster(center=(12, 10), show_progressbar=False)
        two = signal(data).hierarchical_cluster(center=(12, 10), show_progressbar=False)
        np.testing.assert_allclose(one.linkage, two.linkage)


class TestHyperSpysHabits:
    """Arguments mean what they mean in HyperSpy."""

    @pytest.mark.parametrize("chunks", [None, (2, 3, 7, 9)], ids=["eager", "lazy"])
    @pytest.mark.parametrize("lazy_output", [None, True, False])
    def test_lazy_output(self, chunks, lazy_output):
        s = signal(counts(), chunks)
        polar = s.polar_transform(
            n_azimuthal=36, center=(4, 3), lazy_output=lazy_output, show_progressbar=False
        )
        assert polar._lazy == (s._lazy if lazy_output is None else lazy_output)
        expected = signal(counts()).polar_transform(n_azimuthal=36, center=(4, 3))
        np.testing.assert_allclose(np.asarray(polar.data), expected.data)

    @pytest.mark.parametrize(
        "call",
        [
            lambda s, show: s.get_mean_pattern(show_progressbar=show),
            lambda s, show: s.get_virtual_image(0, 2, (4, 3), show_progressbar=show),
            lambda s, show: s.estimate_beam_center(show_progressbar=show),
            lambda s, show: s.plot_scan(outer=2, center=(4, 3), show_progressbar=show),
        ],
        ids=["mean", "virtual image", "centre", "scan"],
    )
    def test_show_progressbar(self, call, capfd):
        lazy, eager = signal(counts(), (2, 3, 7, 9)), signal(counts())
        call(lazy, False)
        call(eager, True)
        quiet = capfd.readouterr()
        assert "pass" not in quiet.out + quiet.err
        call(lazy, True)
        loud = capfd.readouterr()
        assert "pass" in loud.out + loud.err
