"""Constraints: as choices, bound to a scan, and what a factorization under them comes to."""

from copy import deepcopy

import dask
import dask.array as da
import numpy as np
import pytest
from scipy.optimize import nnls

from hs_nmfcluster import (
    LazyNMFDiffraction2D,
    MapResolution,
    NMFDiffraction2D,
    SmoothPatterns,
    load,
)
from hs_nmfcluster.factorization import whole_maps as whole
from hs_nmfcluster.factorization.constraints import check_constraints
from hs_nmfcluster.factorization.runs import Run
from hs_nmfcluster.simulation import linear_mixture
from hs_nmfcluster.validation import match_components, recall_precision

LIMIT = 2.0
MAPS, PATTERNS = MapResolution(LIMIT), SmoothPatterns()
CASES = {"maps": MAPS, "patterns": PATTERNS, "both": [MAPS, PATTERNS]}
GEOMETRY = {
    "scan_shape": (26, 30),
    "detector_shape": (76, 80),
    "scan_step": 0.75,
    "pixel_size": 0.26,
    "n_particles": 3,
    "angles_per_family": 1,
    "diameter": 5.0,
}
QUIET = {"print_info": False, "show_progressbar": False, "random_state": 0}


def scan(electrons: float, *, noise: bool = True, **kwargs):
    """A mixture with so many electrons in a pixel of the halo, and its truth."""
    _, truth = linear_mixture(**GEOMETRY, lazy=True)
    dose = electrons / truth.patterns[0][~truth.detector_mask].mean()
    return linear_mixture(**GEOMETRY, dose=dose, noise=noise, **kwargs)


def decompose(signal, constraints, n_components: int = 4, **kwargs):
    settings = {"restarts": 2, **QUIET, **kwargs}
    return signal.decompose_als_nmf(n_components, constraints=constraints, **settings)


def pattern_error(found, truth) -> float:
    """Mean distance of a pattern from all non-negative mixtures of the true ones."""
    kept = ~found.detector_mask
    true = truth.patterns[:, kept].T
    return float(np.mean([nnls(true, pattern[kept])[1] for pattern in found.patterns.data]))


def map_error(found, truth) -> float:
    """Mean distance of a map, of unit norm, from all mixtures of the true ones."""
    true = truth.maps.reshape(len(truth.maps), -1).T
    maps = found.maps.data.reshape(found.n_components, -1).T
    left = maps - true @ np.linalg.lstsq(true, maps, rcond=None)[0]
    return float(np.mean(np.linalg.norm(left, axis=0) / np.linalg.norm(maps, axis=0)))


def recall(found, truth) -> float:
    match = match_components(
        found.patterns.data,
        truth.patterns,
        found.maps.data,
        truth.maps,
        by="both",
        mask=found.detector_mask,
        background=truth.patterns[~truth.crystalline],
    )
    return recall_precision(match, truth.crystalline)[0]


@pytest.fixture(scope="module")
def noisy():
    return scan(30.0)


@pytest.fixture(scope="module")
def free(noisy):
    return decompose(noisy[0], None)


@pytest.fixture(scope="module")
def constrained(noisy):
    return {name: decompose(noisy[0], constraints) for name, constraints in CASES.items()}


class TestChoices:
    @pytest.mark.parametrize("value", ["2", None, True])
    def test_limit_is_a_number(self, value):
        with pytest.raises(TypeError, match="`limit` must be a number > 0"):
            MapResolution(value)

    @pytest.mark.parametrize("value", [0, -1.0, np.inf, np.nan])
    def test_radius_is_finite_and_positive(self, value):
        with pytest.raises(ValueError, match="`spot_radius` must be finite and > 0"):
            SmoothPatterns(value)

    def test_one_or_several(self):
        assert check_constraints(None) == ()
        assert check_constraints(MAPS) == (MAPS,)
        assert check_constraints([PATTERNS, MAPS]) == (PATTERNS, MAPS)

    @pytest.mark.parametrize("value", ["MapResolution", 2.0, [MAPS, 2.0], [MapResolution]])
    def test_nothing_else(self, noisy, value):
        with pytest.raises(TypeError, match="`constraints` must be"):
            decompose(noisy[0], value)

    def test_not_two_of_a_kind(self, noisy):
        with pytest.raises(ValueError, match="one of each kind"):
            noisy[0].estimate_number_of_components([2], constraints=[MAPS, MapResolution(3)])

    def test_scan_has_to_be_calibrated(self, noisy):
        signal = noisy[0].deepcopy()
        signal.axes_manager[0].units = ""
        with pytest.raises(ValueError, match=r"calibrated in one unit, these are in nm and px"):
            decompose(signal, MAPS)

    def test_limit_must_have_an_effect(self, noisy):
        with pytest.raises(ValueError, match=r"`limit` = 0.9 has no effect"):
            decompose(noisy[0], MapResolution(0.9))

    def test_spot_smaller_than_the_pattern(self, noisy):
        with pytest.raises(ValueError, match=r"`spot_radius` = 50 1/nm is as large as the pattern"):
            decompose(noisy[0], SmoothPatterns(50))

    def test_no_beam_to_measure(self):
        y, x = np.indices((16, 16)) - 7.5
        signal = NMFDiffraction2D(np.tile(np.hypot(y, x), (4, 5, 1, 1)))
        with pytest.raises(ValueError, match=r"no direct beam .* `SmoothPatterns\(spot_radius="):
            decompose(signal, PATTERNS, 2, signal_mask=None)


class TestFactorization:
    @pytest.mark.parametrize("name", CASES)
    def test_constraints_hold(self, constrained, name):
        found = constrained[name].diagnose(LIMIT)
        if name != "patterns":
            assert found.unresolved.max() < 1e-4
        if name != "maps":
            # The shape of the halo is taken from the model here, from the data there.
            assert found.missing.max() < 2e-3
            assert found.depth.max() < 0.05
        assert constrained[name].maps.data.min() >= 0
        assert np.nanmin(constrained[name].patterns.data) >= 0

    def test_free_components_have_both_faults(self, free):
        found = free.diagnose(LIMIT)
        assert found.unresolved.max() > 1e-3
        assert found.missing.max() > 0.02

    @pytest.mark.parametrize(
        "electrons",
        [
            pytest.param(10.0, marks=pytest.mark.slow),
            30.0,
            pytest.param(300.0, marks=pytest.mark.slow),
        ],
    )
    def test_noise_free_errors_fall(self, electrons):
        signal, truth = scan(electrons, seed=1)
        free, both = decompose(signal, None), decompose(signal, [MAPS, PATTERNS])
        assert pattern_error(both, truth) < 0.8 * pattern_error(free, truth)
        assert map_error(both, truth) < 0.8 * map_error(free, truth)
        assert recall(both, truth) >= recall(free, truth)

    @pytest.mark.parametrize("name", CASES)
    def test_error_rises_by_no_more_than_noise(self, noisy, free, constrained, name):
        truth = noisy[1]
        kept = ~free.detector_mask
        expected = truth.reconstruction()[..., kept]
        noise = np.mean((noisy[0].data[..., kept] - expected) ** 2)
        assert free.mse < constrained[name].mse < noise
        true_error = [
            np.mean((found.model().data.compute()[..., kept] - expected) ** 2)
            for found in (free, constrained[name])
        ]
        assert true_error[1] < true_error[0]

    @pytest.mark.parametrize("name", CASES)
    def test_no_oscillation(self, constrained, name):
        for history in constrained[name].history:
            steps = np.diff(history)
            rising = steps > 1e-5 * history[-1]
            # It may turn once, where a constraint takes over, but not back and forth.
            assert np.count_nonzero(rising[1:] != rising[:-1]) <= 1

    @pytest.mark.parametrize("name", CASES)
    def test_within_twice_the_passes(self, free, constrained, name):
        assert constrained[name].passes <= 2 * free.passes

    def test_mse_is_that_of_the_result(self, noisy, constrained):
        for found in constrained.values():
            kept = ~found.detector_mask
            left = noisy[0].data[..., kept] - found.model().data.compute()[..., kept]
            assert np.mean(left**2) == pytest.approx(found.mse, rel=1e-9)
            assert np.allclose(np.mean(left**2, axis=-1), found.position_mse)

    def test_no_constraints_is_the_paper(self, noisy, free):
        same = decompose(noisy[0], [])
        assert np.array_equal(same.maps.data, free.maps.data)
        assert same.settings["constraints"] is None

    @pytest.mark.parametrize("name", ["maps", "both"])
    def test_lazy_whatever_the_chunks_and_scheduler(self, noisy, constrained, name):
        data = da.from_array(noisy[0].data, chunks=(7, 11, 40, 50))
        lazy = LazyNMFDiffraction2D(data, axes=noisy[0].axes_manager._get_axes_dicts())
        with dask.config.set(scheduler="sync"):
            found = decompose(lazy, CASES[name], max_memory="300 MB")
        assert np.allclose(found.maps.data, constrained[name].maps.data, rtol=1e-6, atol=1e-3)
        assert found.passes == constrained[name].passes

    def test_distributed(self, noisy, constrained):
        distributed = pytest.importorskip("distributed")
        data = da.from_array(noisy[0].data, chunks=(13, 15, 76, 80))
        lazy = LazyNMFDiffraction2D(data, axes=noisy[0].axes_manager._get_axes_dicts())
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster),
        ):
            found = decompose(lazy, CASES["both"])
        assert np.allclose(found.maps.data, constrained["both"].maps.data, rtol=1e-6, atol=1e-3)

    def test_settings_and_files(self, constrained, tmp_path):
        constrained["both"].save(tmp_path / "both.hspy")
        settings = load(tmp_path / "both.hspy").settings["constraints"]
        assert settings["MapResolution"] == {"limit": LIMIT}
        radius = settings["SmoothPatterns"]["spot_radius"]
        # The disk of the beam, and the blur of its edge over about a pixel.
        assert 0.25 < radius < 0.25 + 2 * 0.26

    def test_given_radius(self, noisy):
        found = decompose(noisy[0], SmoothPatterns(0.5))
        assert found.settings["constraints"] == {"SmoothPatterns": {"spot_radius": 0.5}}

    def test_the_papers_procedure(self, noisy, constrained):
        settings = {"compression": None, "max_iterations": 60, "tolerance": 1e-4}
        found = decompose(noisy[0], CASES["both"], **settings)
        assert found.mse == pytest.approx(constrained["both"].mse, rel=0.01)
        assert found.diagnose(LIMIT).unresolved.max() < 1e-4

    def test_masked_positions(self, noisy):
        mask = np.zeros((26, 30), bool)
        mask[:, :4], mask[5:9, 10:12] = True, True
        found = decompose(noisy[0], CASES["both"], navigation_mask=mask)
        assert np.array_equal(np.isnan(found.maps.data[0]), mask)
        assert found.diagnose(LIMIT).unresolved.max() < 1e-3

    def test_a_line(self):
        signal, _ = linear_mixture(**{**GEOMETRY, "scan_shape": (60,), "n_particles": 1})
        found = decompose(signal, CASES["both"], 2)
        assert found.maps.data.shape == (2, 60)
        assert found.diagnose(LIMIT).unresolved.max() < 1e-4

    def test_goes_on_from_a_checkpoint(self, noisy, constrained, tmp_path):
        first = decompose(noisy[0], CASES["both"], checkpoint=tmp_path / "job")
        again = decompose(noisy[0], CASES["both"], checkpoint=tmp_path / "job")
        assert np.array_equal(first.maps.data, again.maps.data)
        assert np.array_equal(first.maps.data, constrained["both"].maps.data)
        with pytest.raises(ValueError, match=r"constraints .*was .*is"):
            decompose(noisy[0], MAPS, checkpoint=tmp_path / "job")


class TestRankStudy:
    def test_constrained_curves(self, noisy):
        settings = {"ranks": [2, 4], "restarts": 2, **QUIET}
        free = noisy[0].estimate_number_of_components(**settings)
        both = noisy[0].estimate_number_of_components(**settings, constraints=CASES["both"])
        assert (both.nmf_mse.min(axis=1) > free.nmf_mse.min(axis=1)).all()
        assert (both.nmf_mse.min(axis=1) < 1.03 * free.nmf_mse.min(axis=1)).all()
        assert both.passes <= 2 * free.passes
        assert set(both.settings["constraints"]) == {"MapResolution", "SmoothPatterns"}


class TestBatches:
    def test_runs_that_fit_together(self, monkeypatch):
        runs = [Run(np.ones((k, 5)), stream) for stream, k in enumerate((3, 2, 4, 6, 1))]
        monkeypatch.setattr(whole, "BATCH_BYTES", 8 * 100 * 5)
        found = [[len(run.patterns) for run in batch] for batch in whole.batches(runs, 100)]
        assert found == [[3, 2], [4], [6], [1]]


class TestDiagnosis:
    def test_table_and_words(self, free):
        found = free.diagnose(LIMIT)
        assert "of a map's variance" in repr(found)
        assert "missing" in repr(found)
        assert list(found.to_dataframe().columns) == ["missing", "depth", "unresolved"]

    def test_without_a_limit_the_maps_are_left_out(self, free):
        found = free.diagnose()
        assert np.isnan(found.unresolved).all()
        assert "variance" not in repr(found)

    def test_figure(self, free):
        figure = free.diagnose(LIMIT).plot()
        labels = [ax.get_label() for ax in figure.axes]
        lines = ("pattern", "holes", "map", "spectrum")
        assert sorted(labels) == sorted(f"{line} {k}" for line in lines for k in range(4))

    def test_figure_of_a_line(self, free):
        line = deepcopy(free)
        line.maps = line.maps.inav[:].isig[:, 3]
        found = line.diagnose()
        with pytest.raises(ValueError, match="along two axes; this one has 1"):
            found.plot()

    def test_a_hole_of_known_size(self, free):
        dented = deepcopy(free)
        kept = ~free.detector_mask
        y, x = np.indices(kept.shape) - np.array([37.5, 39.5])[:, None, None]
        disk = np.hypot(y - 12, x) <= 2
        dented.patterns.data[0][disk] *= 0.25
        before, after = free.diagnose(), dented.diagnose()
        share = free.patterns.data[0][disk].sum() / np.nansum(free.patterns.data[0])
        assert after.missing[0] - before.missing[0] == pytest.approx(0.75 * share, rel=0.4)
        assert after.depth[0] > 0.4

    def test_without_anything_to_go_by(self, free):
        blind = deepcopy(free)
        blind.settings.pop("spot_radius")
        with pytest.raises(ValueError, match=r"nothing to diagnose.*`spot_radius`, `limit`"):
            blind.diagnose()
        with pytest.raises(ValueError, match=r"`limit` = 0.1 has no effect"):
            blind.diagnose(0.1)
        assert np.isnan(blind.diagnose(LIMIT).missing).all()
