"""Faults of the instrument that are known are put right while a scan is read."""

import dask
import dask.array as da
import numpy as np
import pytest

import hs_nmfcluster
from hs_nmfcluster import LazyNMFDiffraction2D, NMFDiffraction2D
from hs_nmfcluster.scan.corrections import Corrections
from hs_nmfcluster.scan.mending import mend
from hs_nmfcluster.simulation import linear_mixture

SCAN, DETECTOR = (14, 18), (48, 50)
QUIET = {"print_info": False, "show_progressbar": False}
RUN = {"restarts": 2, "random_state": 0, "compression": None, "max_iterations": 5} | QUIET


@pytest.fixture(scope="module")
def specimen():
    return linear_mixture(SCAN, DETECTOR, pixel_size=0.4, n_particles=3, dose=5e4, seed=3)


@pytest.fixture(scope="module")
def moved(specimen):
    """The scan with a beam that moves by whole pixels, and how."""
    data = specimen[0].data
    y, x = np.indices(SCAN)
    shifts = np.stack([np.rint(x / 4 - 2), np.rint(y / 5 - 1)], axis=-1)
    shifted = np.empty_like(data)
    for index in np.ndindex(SCAN):
        dx, dy = shifts[index].astype(int)
        shifted[index] = np.roll(data[index], (dy, dx), axis=(0, 1))
    return shifted, shifts


def hot(shape, number, seed=0):
    """Single bad pixels, none beside another."""
    rng = np.random.default_rng(seed)
    bad = np.zeros(shape, bool)
    for y, x in rng.permutation(np.argwhere(np.ones((shape[0] // 3, shape[1] // 3))))[:number]:
        bad[3 * y + 1, 3 * x + 1] = True
    return bad


class TestNothingKnown:
    def test_none_and_nothing_are_the_plain_analysis(self, specimen):
        s = specimen[0]
        plain = s.decompose_als_nmf(3, corrections=None, **RUN)
        empty = s.decompose_als_nmf(3, corrections={}, **RUN)
        np.testing.assert_array_equal(plain.patterns.data, empty.patterns.data)
        assert plain.settings["corrections"] is None
        assert plain.corrections is None

    def test_perfect_scan_is_left_alone(self, specimen):
        s = specimen[0]
        plain = s.decompose_als_nmf(3, corrections=None, **RUN)
        auto = s.decompose_als_nmf(3, **RUN)
        assert auto.settings["corrections"] is None
        np.testing.assert_array_equal(plain.patterns.data, auto.patterns.data)
        np.testing.assert_array_equal(plain.maps.data, auto.maps.data)


class TestBadPixels:
    def test_have_no_influence(self, specimen):
        bad = hot(DETECTOR, 20)
        spoilt = specimen[0].deepcopy()
        expected = spoilt.decompose_als_nmf(3, corrections={"bad_pixels": bad}, **RUN)
        spoilt.data[..., bad] = 60000
        before = spoilt.data.copy()
        found = spoilt.decompose_als_nmf(3, corrections={"bad_pixels": bad}, **RUN)
        np.testing.assert_array_equal(spoilt.data, before)
        np.testing.assert_array_equal(found.patterns.data, expected.patterns.data)
        np.testing.assert_allclose(found.center, expected.center, atol=1e-9)
        assert found.detector_mask[bad].all()
        assert found.settings["corrections"] == {"bad_pixels": 20}
        plain = specimen[0].decompose_als_nmf(3, corrections=None, **RUN)
        extra = found.detector_mask & ~plain.detector_mask
        assert not (extra & ~bad).any()

    def test_beside_a_mask_that_is_given(self, specimen):
        bad, given = hot(DETECTOR, 20), np.zeros(DETECTOR, bool)
        given[:5] = True
        found = specimen[0].decompose_als_nmf(
            3, corrections={"bad_pixels": bad}, signal_mask=given, **RUN
        )
        np.testing.assert_array_equal(found.detector_mask, bad | given)
        assert "bad pixels" in found.settings["signal_mask"]


class TestShifts:
    def test_same_result_as_without(self, specimen, moved):
        """Whole pixels, and a mask that keeps off the edge: every count is put back."""
        s, (shifted, shifts) = specimen[0], moved
        mask = np.ones(DETECTOR, bool)
        mask[6:-6, 6:-6] = False
        expected = s.decompose_als_nmf(3, corrections=None, signal_mask=mask, **RUN)
        t = NMFDiffraction2D(shifted)
        found = t.decompose_als_nmf(3, corrections={"shifts": shifts}, signal_mask=mask, **RUN)
        np.testing.assert_array_equal(found.patterns.data, expected.patterns.data)
        np.testing.assert_array_equal(found.maps.data, expected.maps.data)

    @pytest.mark.parametrize("chunks", [(5, 7, 20, 50), (14, 2, 48, 50), (1, 18, 48, 13)])
    def test_same_however_the_data_lie(self, moved, chunks):
        shifted, shifts = moved
        gain = np.random.default_rng(0).uniform(0.9, 1.1, DETECTOR)
        known = {"shifts": shifts, "bad_pixels": hot(DETECTOR, 15), "gain": gain}
        expected = NMFDiffraction2D(shifted).decompose_als_nmf(3, corrections=known, **RUN)
        lazy = LazyNMFDiffraction2D(da.from_array(shifted, chunks=chunks))
        tight = {"max_memory": expected.settings["memory_estimate"] * 2 + 10**6}
        for memory in ({}, tight):
            found = lazy.decompose_als_nmf(3, corrections=known, **memory, **RUN)
            np.testing.assert_allclose(found.patterns.data, expected.patterns.data, atol=1e-9)
            np.testing.assert_allclose(found.maps.data, expected.maps.data, rtol=1e-6)

    @pytest.mark.slow
    def test_by_processes(self, moved):
        shifted, shifts = moved
        known = {"shifts": shifts, "bad_pixels": hot(DETECTOR, 15)}
        expected = NMFDiffraction2D(shifted).decompose_als_nmf(3, corrections=known, **RUN)
        lazy = LazyNMFDiffraction2D(da.from_array(shifted, chunks=(7, 9, 48, 50)))
        with dask.config.set(scheduler="processes", num_workers=2):
            found = lazy.decompose_als_nmf(3, corrections=known, **RUN)
        np.testing.assert_allclose(found.patterns.data, expected.patterns.data, atol=1e-9)

    def test_single_bad_pixels_are_filled(self, specimen, moved):
        """Each lies on few positions' pixels: nothing is lost, and hardly anything changes."""
        shifted, shifts = moved[0].copy(), moved[1]
        bad = hot(DETECTOR, 20)
        shifted[..., bad] = 60000
        mending = mend(
            Corrections(bad_pixels=bad, shifts=shifts), None, SCAN, DETECTOR, (24.5, 23.5)
        )
        assert not mending.missing[8:-8, 8:-8].any()
        mean = NMFDiffraction2D(shifted).get_mean_pattern(
            corrections={"shifts": shifts, "bad_pixels": bad}
        )
        true = specimen[0].get_mean_pattern()
        inside = (slice(8, -8),) * 2
        kept = specimen[1].detector_mask[inside]
        off = np.abs(mean.data[inside] / true.data[inside] - 1)[~kept]
        assert off.max() < 0.2
        assert np.median(off) < 0.01

    def test_gap_is_filled_by_friedel(self, moved):
        _, shifts = moved
        bad = np.zeros(DETECTOR, bool)
        bad[10:13] = True
        mending = mend(
            Corrections(bad_pixels=bad, shifts=shifts), None, SCAN, DETECTOR, (24.5, 23.5)
        )
        placement = mending.placement
        kind = int(placement.kinds[0])
        dx, dy = shifts[0, 0].astype(int)
        targets, sources = placement.replaced[kind], placement.sources[kind]
        y, x = np.unravel_index(targets, DETECTOR)
        inside = (y + dy >= 10) & (y + dy < 13) & (np.abs(x - 24.5) < 15)
        assert inside.any()
        ys, xs = np.unravel_index(sources[0, 0, inside], DETECTOR)
        np.testing.assert_array_equal(ys - dy, 47 - y[inside])
        np.testing.assert_array_equal(xs - dx, 49 - x[inside])


class TestGain:
    def test_divides(self, specimen):
        gain = np.random.default_rng(0).uniform(0.8, 1.2, DETECTOR)
        data = specimen[0].data * gain.astype("f4")
        s = NMFDiffraction2D(data)
        found = s.decompose_als_nmf(3, corrections={"gain": gain}, **RUN)
        expected = specimen[0].decompose_als_nmf(3, corrections=None, **RUN)
        np.testing.assert_allclose(found.patterns.data, expected.patterns.data, atol=1e-5)

    def test_weights_follow(self, specimen):
        """A pixel that counts twice as much is twice as well known: errors are as without."""
        gain = np.ones(DETECTOR)
        gain[:, ::2] = 2.0
        counted = np.random.default_rng(1).poisson(specimen[0].data / 3 * gain)
        s = NMFDiffraction2D(counted.astype("u2"))
        raw, right = (
            s.estimate_number_of_components(
                [4],
                restarts=1,
                corrections=known,
                weighting="poisson",
                random_state=0,
                signal_mask=specimen[1].detector_mask,
                **QUIET,
            )
            for known in (None, {"gain": gain})
        )
        assert right.nmf_mse[0, 0] == pytest.approx(raw.nmf_mse[0, 0], rel=0.02)
        assert right.noise_mse == raw.noise_mse == 1.0


class TestLeftOut:
    def test_positions_are_nan(self, specimen):
        s = specimen[0].deepcopy()
        left_out = np.zeros(SCAN, bool)
        left_out[3, 4] = left_out[:, 17] = True
        s.data[left_out] = 0
        known = {"left_out": left_out}
        for options in ({"n_components": 3}, {"n_components": 3, "tiles": (9, 8)}):
            nmf = s.decompose_als_nmf(
                corrections=known, restarts=2, random_state=0, **options, **QUIET
            )
            np.testing.assert_array_equal(np.isnan(nmf.maps.data[0]), left_out)
            assert np.isfinite(nmf.residual(s, show_progressbar=False).mse)
            groups = nmf.hierarchical_cluster(show_progressbar=False).cut()
            groups.particle_sizes()

    def test_blank_frames_that_are_kept(self, specimen):
        """Without correction they are no error either."""
        s = specimen[0].deepcopy()
        s.data[2, 3] = s.data[9] = 0
        for options in ({}, {"n_components": 3, "tiles": (6, 6)}):
            nmf = s.decompose_als_nmf(
                corrections=None, restarts=2, random_state=0, **options, **QUIET
            )
            assert np.isfinite(nmf.residual(s, show_progressbar=False).mse)


class TestResultsUseThem:
    def test_residual_save_and_load(self, moved, tmp_path):
        shifted, shifts = moved
        gain = np.random.default_rng(0).uniform(0.9, 1.1, DETECTOR)
        distortion = np.diag([0.98, 1 / 0.98])
        known = Corrections(
            bad_pixels=hot(DETECTOR, 15), shifts=shifts, gain=gain, distortion=distortion
        )
        s = NMFDiffraction2D(shifted)
        nmf = s.decompose_als_nmf(3, corrections=known, **RUN)
        assert nmf.residual(s, show_progressbar=False).mse == pytest.approx(nmf.mse)
        nmf.save(tmp_path / "nmf.hspy")
        again = hs_nmfcluster.load(tmp_path / "nmf.hspy")
        assert again.residual(s, show_progressbar=False).mse == pytest.approx(nmf.mse)
        assert again.settings["corrections"] == nmf.settings["corrections"]
        np.testing.assert_array_equal(again.corrections.gain, gain)
        trees = [one.hierarchical_cluster(show_progressbar=False) for one in (nmf, again)]
        np.testing.assert_array_equal(trees[0].patterns.data, trees[1].patterns.data)
        assert trees[0].grid.detector.distortion is None

    def test_checkpoint_of_other_corrections_is_refused(self, moved, tmp_path):
        shifted, shifts = moved
        s = NMFDiffraction2D(shifted)
        s.decompose_als_nmf(3, corrections={"shifts": shifts}, checkpoint=tmp_path, **RUN)
        with pytest.raises(ValueError, match="checkpoint"):
            s.decompose_als_nmf(3, corrections=None, checkpoint=tmp_path, **RUN)

    def test_study(self, moved):
        shifted, shifts = moved
        study = NMFDiffraction2D(shifted).estimate_number_of_components(
            [2, 3], restarts=1, corrections={"shifts": shifts}, random_state=0, **QUIET
        )
        assert study.settings["corrections"]["drift"] > 1


class TestBadArguments:
    @pytest.mark.parametrize(
        ("given", "error", "said"),
        [
            ("yes", ValueError, "auto"),
            (3, TypeError, "not int"),
            ({"dark": 1}, ValueError, "'dark'"),
            ({"bad_pixels": np.zeros((3, 3), bool)}, ValueError, r"\(48, 50\)"),
            ({"bad_pixels": np.zeros(DETECTOR)}, ValueError, "bool"),
            ({"left_out": np.ones(SCAN, bool)}, ValueError, "leaves nothing"),
            ({"shifts": np.zeros(SCAN)}, ValueError, r"\(14, 18, 2\)"),
            ({"shifts": np.full((*SCAN, 2), np.nan)}, ValueError, "NaN"),
            ({"shifts": np.full((*SCAN, 2), 40.0)}, ValueError, "half the detector"),
            ({"distortion": 2 * np.eye(2)}, ValueError, "determinant"),
        ],
    )
    def test_are_refused(self, specimen, given, error, said):
        with pytest.raises(error, match=said):
            specimen[0].decompose_als_nmf(3, corrections=given, **RUN)
