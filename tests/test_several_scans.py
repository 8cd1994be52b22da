"""Several scans in one tree."""

import dataclasses
import json
import warnings

import numpy as np
import pytest

import hs_nmfcluster
from hs_nmfcluster.bridge.axes import aperture
from hs_nmfcluster.cli import main
from hs_nmfcluster.clustering.averages import on_detector
from hs_nmfcluster.clustering.frames import common_grids, in_one_unit, measured_range
from hs_nmfcluster.results.scans import unique_names
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation import linear_mixture
from hs_nmfcluster.validation import adjusted_rand_index
from hs_nmfcluster.words import group_name

DECOMPOSE = {"restarts": 3, "random_state": 0, "print_info": False, "show_progressbar": False}
SCANS = (((32, 32), (64, 64), 0.3, 6), ((24, 40), (80, 76), 0.22, 4))
STEPS = 1.5, 3.0


@pytest.fixture(scope="module")
def found():
    """Factorizations of two scans of the same phases: other detectors, units, steps and sizes."""
    results = []
    for seed, (scan, detector, pixel, particles) in enumerate(SCANS):
        s, truth = linear_mixture(
            scan, detector, pixel_size=pixel, n_particles=particles, seed=seed
        )
        if seed:
            for axis in s.axes_manager.navigation_axes:
                axis.scale = STEPS[1]
            for axis in s.axes_manager.signal_axes:
                axis.scale, axis.offset, axis.units = axis.scale / 10, axis.offset / 10, "1/Å"
        results.append((s.decompose_als_nmf(particles + 1, **DECOMPOSE), truth))
    return results


@pytest.fixture(scope="module")
def groups(found):
    tree = hs_nmfcluster.cluster([nmf for nmf, _ in found], names=["short", "long"])
    return tree.cut(n_groups=4)


def turned_by(degrees):
    """How far an angle lies from a multiple of 180°, as thin crystals have it."""
    return np.abs((np.asarray(degrees) + 90) % 180 - 90)


class TestCluster:
    def test_groups_span_the_scans(self, groups):
        # Of the simulation: the halo, then three families, two particles of each or fewer.
        labels = groups.labels
        scan_of = groups.tree.scan_of
        assert scan_of.tolist() == [0] * 7 + [1] * 5
        assert set(labels[scan_of == 0]) == set(labels[scan_of == 1]) == {0, 1, 2, 3}
        assert "short: 1, long: 1" in repr(groups)

    def test_families_are_those_of_the_truth(self, found, groups):
        families = []
        for nmf, truth in found:
            match = hs_nmfcluster.validation.match_components(
                nmf.patterns.data, truth.patterns, mask=nmf.detector_mask
            )
            families.append(truth.labels[match.true[np.argsort(match.found)]])
        assert adjusted_rand_index(groups.labels, np.concatenate(families)) == 1

    def test_crystals_are_told_scan_by_scan(self, groups):
        tree = groups.tree
        for number, scan in enumerate(SCANS):
            own = np.flatnonzero(tree.scan_of == number)
            assert tree.crystalline[own].sum() == scan[-1]
            part = tree.of_scan(number)
            np.testing.assert_array_equal(part.crystalline, tree.crystalline[own])
            assert part.suggest_cut().distance == tree.suggest_cut().distance
        assert groups.matrix == (3,)
        assert [part.matrix for part in groups.scans] == [(3,), (3,)]
        assert "2 matrix" in repr(tree)

    def test_each_scan_keeps_its_own(self, found, groups):
        for (nmf, _), scan in zip(found, groups.tree.scans, strict=True):
            assert scan.patterns is nmf.patterns
            assert scan.maps is nmf.maps
            assert scan.grid.detector.units == "1/nm"
            assert scan.grid.detector.center == nmf.center
        one, other = (scan.grid for scan in groups.tree.scans)
        np.testing.assert_array_equal(one.radii, other.radii)
        assert other.detector.scale == pytest.approx((0.22, 0.22))
        assert groups.tree.maps is None

    def test_one_scan_is_its_own_tree(self, found):
        nmf = found[0][0]
        alone = hs_nmfcluster.cluster([nmf], radial_range=(1.5, 9))
        usual = hs_nmfcluster.ClusterTree.from_patterns(
            nmf.patterns, nmf.maps, center=nmf.center, radial_range=(1.5, 9)
        )
        np.testing.assert_allclose(alone.linkage, usual.linkage, atol=1e-9)
        assert len(alone.cut().scans) == 1
        assert alone.cut().particle_sizes()[1].mean == pytest.approx(
            usual.cut().particle_sizes()[1].mean
        )

    def test_centres_apart_do_not_keep_groups_apart(self, found):
        nmf, _ = found[0]
        s, _ = linear_mixture(*SCANS[0][:2], pixel_size=0.3, n_particles=6, seed=0)
        s.data = np.roll(s.data, (3, -2), axis=(2, 3))
        for axis, by in zip(s.axes_manager.signal_axes, (-2, 3), strict=True):
            axis.offset -= by * axis.scale
        moved = s.decompose_als_nmf(7, **DECOMPOSE)
        tree = hs_nmfcluster.cluster([nmf, moved])
        labels = tree.cut(n_groups=4).labels
        np.testing.assert_array_equal(np.sort(labels[:7]), np.sort(labels[7:]))
        assert tree.linkage[:7, 2].max() < 0.02

    def test_names(self, found):
        given = [nmf for nmf, _ in found]
        tree = hs_nmfcluster.cluster(given)
        assert [scan.name for scan in tree.scans] == [
            "Simulated linear mixture 1",
            "Simulated linear mixture 2",
        ]
        with pytest.raises(ValueError, match="`names` must be 2"):
            hs_nmfcluster.cluster(given, names=["one"])
        assert unique_names(["a", None, "b"]) == ("a", "scan 2", "b")

    def test_bad_input(self, found):
        with pytest.raises(TypeError, match="number 1 is int"):
            hs_nmfcluster.cluster([found[0][0], 3])
        with pytest.raises(ValueError, match="At least 2"):
            hs_nmfcluster.cluster([])
        with pytest.raises(ValueError, match=r"`max_memory`"):
            hs_nmfcluster.cluster([nmf for nmf, _ in found], max_memory="10 kB")

    def test_uncalibrated_beside_calibrated(self):
        given = [_tiny("1/nm"), _tiny("px")]
        with pytest.raises(ValueError, match=r"'without'.*'px'.*'1/nm'.*[Cc]alibrate"):
            hs_nmfcluster.cluster(given, names=["with", "without"])

    def test_all_uncalibrated(self):
        tree = hs_nmfcluster.cluster([_tiny("px"), _tiny("px")])
        assert tree.grid.detector.units == "px"

    def test_scattering_angles_need_the_energy(self):
        given = [_tiny("1/nm"), _tiny("mrad")]
        with pytest.raises(ValueError, match="beam_energy"):
            hs_nmfcluster.cluster(given)
        with pytest.raises(ValueError, match="200000 V are 200 kV"):
            hs_nmfcluster.cluster(given, beam_energy=200e3)
        tree = hs_nmfcluster.cluster(given, beam_energy=200)
        assert tree.scans[1].grid.detector.units == "1/nm"


def _tiny(units):
    rng = np.random.default_rng(0)
    s = hs_nmfcluster.NMFDiffraction2D(rng.random((4, 5, 16, 16)))
    for axis in s.axes_manager.signal_axes:
        axis.scale, axis.offset, axis.units = 0.5, -3.7, units
    return s.decompose_als_nmf(2, restarts=1, print_info=False, show_progressbar=False)


@pytest.mark.slow
class TestInScans:
    def test_same_numbers_and_members(self, groups):
        for number, part in enumerate(groups.scans):
            assert len(part) == 4
            own = np.flatnonzero(groups.tree.scan_of == number)
            np.testing.assert_array_equal(part.labels, groups.labels[own])
            np.testing.assert_array_equal(part.rotations, groups.rotations[own])

    def test_groups_lie_the_same_way(self, groups):
        averages = [part.patterns.data for part in groups.scans]
        grids = [part.tree.grid for part in groups.scans]
        polar = [grid.transform(a) for grid, a in zip(grids, averages, strict=True)]
        for group in (0, 1, 2):
            one, other = (np.nan_to_num(p[group] - np.nanmean(p[group])) for p in polar)
            correlations = [(one * np.roll(other, k, axis=1)).sum() for k in range(360)]
            order = groups.orientation_map().symmetry[group]
            assert min(np.argmax(correlations) % (360 // order), 2) <= 1 or (
                360 // order - np.argmax(correlations) % (360 // order) <= 1
            )

    def test_sizes_in_the_step_of_each_scan(self, groups):
        sizes = groups.particle_sizes()
        short, long = sizes.scans
        assert (short.area, long.area) == (32 * 32 * 1.5**2, 24 * 40 * 3.0**2)
        for group in (0, 1, 2):
            assert long[group].mean[0] == pytest.approx(2 * short[group].mean[0], rel=0.05)

    def test_probe_of_each_scan_is_what_its_aperture_lets_it_be(self, found, tmp_path):
        """Of the first 2.0 nm, which fits best; of the second at least 2.53 nm."""
        told = []
        for (nmf, _), angle in zip(found, (0.5, 0.4), strict=True):
            patterns = nmf.patterns.deepcopy()
            patterns.metadata.Acquisition_instrument.TEM.convergence_angle = angle
            told.append(dataclasses.replace(nmf, patterns=patterns))
        tree = hs_nmfcluster.cluster(told)
        tree.save(tmp_path / "tree.hspy")
        for one in (tree, hs_nmfcluster.load(tmp_path / "tree.hspy")):
            known = one.patterns.metadata.Acquisition_instrument.TEM
            assert known.beam_energy == 300.0
            assert not known.has_item("convergence_angle")
            assert [aperture(scan.patterns) for scan in one.scans] == pytest.approx(
                [0.254, 0.203], abs=1e-3
            )
            probes = [sizes.probe_size for sizes in one.cut(n_groups=4).particle_sizes().scans]
            assert probes[0] == pytest.approx(2.0, rel=0.1)
            assert probes[1] >= 2.53

    def test_densities_together(self, groups):
        sizes = groups.particle_sizes()
        for group in (0, 1, 2):
            number = sum(scan[group].effective_number for scan in sizes.scans)
            area = sum(scan.area for scan in sizes.scans)
            assert sizes.number_density(group)[0] == pytest.approx(number / area)
        assert sizes.of("long") is sizes.scans[1]
        with pytest.raises(KeyError, match="'longer'"):
            sizes.of("longer")

    def test_tables(self, groups):
        pytest.importorskip("pandas")
        table = groups.particle_sizes().to_dataframe()
        assert set(table["scan"]) == {"short", "long"}
        np.testing.assert_array_equal(
            groups.tree.scan_of[table["component"]], (table["scan"] == "long").astype(int)
        )
        assert [group_name(g) for g in groups.labels[table["component"]]] == list(table["group"])
        assert len(groups.orientation_map().to_dataframe()) == 12
        assert len(groups.crystallinity().to_dataframe()) == 8

    def test_spacings(self, groups):
        together = groups.lattice_spacings()
        each = [part.lattice_spacings() for part in groups.scans]
        for group in (0, 1, 2):
            largest = [spacings[group][0].d for spacings in (together, *each)]
            np.testing.assert_allclose(largest, largest[0], rtol=0.005)

    def test_angles_have_one_zero(self, found, groups):
        angles = groups.orientation_map()
        for group, order in enumerate(angles.symmetry):
            if not order:
                continue
            components = groups[group]
            of_tree = np.concatenate([scan.angles for scan in angles.scans])[components]
            turned = groups.rotations[components] - groups.rotations[components[0]]
            off = (of_tree - turned + 180 / order) % (360 / order) - 180 / order
            assert np.abs(off).max() < 2

    def test_figures(self, groups):
        labels = [ax.get_label() for ax in groups.particle_sizes().plot().axes]
        assert labels == ["density", "diameter"]
        groups.plot()
        groups.orientation_map().plot("long")
        for part in groups.scans:
            part.plot()
            part.plot_dendrogram()

    def test_one_map_of_several_scans_is_refused(self, groups):
        with pytest.raises(ValueError, match="`scans`"):
            groups.plot_map()

    def test_a_group_that_is_in_one_scan_only(self, found):
        nmf, _ = found[0]
        halo = _halo_alone()
        groups = hs_nmfcluster.cluster([nmf, halo], names=["all", "halo"]).cut(n_groups=4)
        part = groups.scans[1]
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Mean of empty slice")
            assert np.isnan(part.aligned_maps.data[:3]).all()
        assert [len(members) for members in part] == [0, 0, 0, 2]
        assert np.isnan(part.patterns.data[:3]).all()
        assert [len(group.particles) for group in groups.particle_sizes().scans[1]] == [0] * 4
        assert len(part.lattice_spacings()) == 4
        np.testing.assert_array_equal(part.crystallinity().mean_shares[:3], 0)
        with pytest.raises(ValueError, match="without components"):
            part.lattice_spacings(background="ii")
        part.plot()
        part.plot_dendrogram()
        part.lattice_spacings().plot()
        part.orientation_map().plot()
        assert "no crystal in this scan" in repr(part.orientation_map())

    def test_report(self, groups, tmp_path):
        groups.report(tmp_path / "together.html")
        groups.scans[1].report(tmp_path / "long.html")
        assert "short" in (tmp_path / "together.html").read_text()


def _halo_alone():
    s, truth = linear_mixture((16, 16), (64, 64), pixel_size=0.3, n_particles=1, seed=3)
    mean = truth.patterns[~truth.crystalline][0]
    mean *= s.data.sum() / (256 * mean.sum())
    rng = np.random.default_rng(0)
    s.data = rng.poisson(mean * rng.uniform(0.5, 1.5, (16, 16, 1, 1)))
    return s.decompose_als_nmf(2, **DECOMPOSE)


class TestSave:
    def test_round_trip(self, groups, tmp_path):
        tree = groups.tree
        tree.save(tmp_path / "tree.hspy")
        back = hs_nmfcluster.load(tmp_path / "tree.hspy")
        assert repr(back) == repr(tree)
        assert [scan.name for scan in back.scans] == ["short", "long"]
        assert back.settings["scans"] == ["short", "long"]
        again = back.cut(n_groups=4)
        assert repr(again.particle_sizes()) == repr(groups.particle_sizes())
        assert repr(again.scans[1].lattice_spacings()) == repr(groups.scans[1].lattice_spacings())


class TestFrames:
    def test_masks_of_all_scans_bound_the_range(self):
        detector = Detector((41, 41), (20, 20))
        patterns = np.ones((2, 41, 41))
        patterns[:, detector.radius() < 4] = np.nan
        inner, outer = measured_range(patterns, detector)
        assert (inner, outer) == (3.5, 20)
        grids, common = common_grids([detector, detector], [(inner, outer), (0.0, 15.0)])
        assert grids[0].shape == common.shape == (12, 360)
        assert common.detector is detector

    def test_no_common_radius(self):
        detector = Detector((9, 9), (4, 4))
        with pytest.raises(ValueError, match="none in common"):
            common_grids([detector] * 2, [(0.0, 2.0), (3.0, 4.0)])

    def test_one_unit_stays(self):
        detectors = [Detector((5, 5), (2, 2), units="furlong")] * 2
        assert in_one_unit(detectors, ["a", "b"]) == detectors

    def test_patterns_on_another_detector(self, request):
        def spot(detector):
            x = (np.arange(detector.shape[1]) - detector.center[0]) * detector.scale[0]
            y = (np.arange(detector.shape[0]) - detector.center[1]) * detector.scale[1]
            return np.exp(-((x - 4) ** 2 + (y[:, None] + 3) ** 2) / 8)

        source = Detector((60, 64), (30.4, 28.7), (0.5, 0.5), "1/nm")
        target = Detector((41, 41), (20, 20), (0.6, 0.6), "1/nm")
        seen = on_detector(spot(source)[None], source, target)[0]
        measured = np.isfinite(seen)
        assert measured[10:30, 10:30].all()
        np.testing.assert_allclose(seen[measured], spot(target)[measured], atol=0.02)


@pytest.mark.slow
class TestJoin:
    @pytest.mark.usefixtures("no_figures")
    def test_a_scan_of_one_component(self, found, tmp_path):
        single = linear_mixture((16, 16), (64, 64), pixel_size=0.3, n_particles=1)[0]
        single.decompose_als_nmf(1, **DECOMPOSE).save(tmp_path / "single.hspy")
        found[0][0].save(tmp_path / "many.hspy")
        names = [str(tmp_path / name) for name in ("many.hspy", "single.hspy")]
        assert main(["join", *names, "-o", str(tmp_path / "out"), "-q", "--report"]) == 0
        assert len(hs_nmfcluster.load(tmp_path / "out" / "single" / "tree.hspy")) == 1

    @pytest.fixture(scope="class")
    @staticmethod
    def saved(found, tmp_path_factory):
        folder = tmp_path_factory.mktemp("saved")
        (folder / "short_nmf").mkdir()
        found[0][0].save(folder / "short_nmf" / "factorization.hspy")
        found[1][0].save(folder / "long.hspy")
        return folder / "short_nmf", folder / "long.hspy"

    def test_writes_together_and_each(self, saved, tmp_path, few_figures):
        out = tmp_path / "out"
        arguments = ["join", *map(str, saved), "-o", str(out), "--groups", "4", "-q"]
        assert main(arguments) == 0
        summary = json.loads((out / "summary.json").read_text())
        assert len(summary["groups"]) == 4
        assert summary["tree"]["scans"] == ["short_nmf", "long"]
        assert summary["groups"][3]["scans"] == ["short_nmf", "long"]
        together = {path.name for path in out.iterdir()}
        assert {"tree.hspy", "group_patterns.hspy"} <= together
        for name in ("short_nmf", "long"):
            own = {path.name for path in (out / name).iterdir()}
            assert {"group_maps.hspy", "group_map.png", "sizes.png", "summary.json"} <= own
            assert "factorization.hspy" not in own
        assert len(hs_nmfcluster.load(out / "tree.hspy").scans) == 2
        assert {"components.csv", "particles.csv", "group_patterns.tif"} <= together
        lines = (out / "components.csv").read_text().splitlines()
        assert lines[0].startswith("component,scan,component_of_scan,group")
        assert lines[8].startswith("7,long,0,")
        assert not any(path.name.startswith(".") for path in out.rglob("*"))

    def test_what_fails_in_one_scan_is_said_and_costs_nothing_else(
        self, saved, tmp_path, capsys, monkeypatch, few_figures
    ):
        def fails(*_, **__):
            raise RuntimeError("no maps today")

        monkeypatch.setattr(hs_nmfcluster.Groups, "plot_map", fails)
        out = tmp_path / "out"
        assert main(["join", *map(str, saved), "-o", str(out), "--groups", "4", "-q"]) == 1
        assert "long: group_map.png could not be made" in capsys.readouterr().err
        failed = json.loads((out / "summary.json").read_text())["failed"]
        assert set(failed) == {"short_nmf: group_map.png", "long: group_map.png"}
        own = json.loads((out / "long" / "summary.json").read_text())
        assert set(own["failed"]) == {"group_map.png"}
        assert "no maps today" in (out / "long" / "failures.txt").read_text()
        assert (out / "long" / "sizes.png").exists()

    def test_results_of_others_stay(self, saved, tmp_path, capsys):
        out = tmp_path / "out" / "long"
        out.mkdir(parents=True)
        (out / "summary.json").write_text('{"source": "another", "files": ["tree.hspy"]}')
        assert main(["join", *map(str, saved), "-o", str(out.parent), "-q"]) == 2
        assert "--overwrite" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["nowhere.hspy"], "no file"),
            (["{folder}"], "factorization.hspy"),
            (["{file}", "--names", "a", "b"], "--names"),
        ],
    )
    def test_bad_input(self, saved, tmp_path, capsys, arguments, word):
        given = [a.format(folder=tmp_path, file=saved[1]) for a in arguments]
        assert main(["join", *given, "-o", str(tmp_path / "out"), "-q"]) == 2
        assert word in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


class TestMembership:
    def test_limits_count_each_scan_alone(self, groups):
        limits = [part.membership.limits for part in groups.scans]
        np.testing.assert_array_equal(sum(limits), groups.membership.limits)
        own = np.concatenate([part.membership.own for part in groups.scans])
        np.testing.assert_array_equal(own, groups.membership.own)
