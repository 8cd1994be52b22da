"""Another cut of what a run has saved, without the scan."""

import csv
import json
import shutil

import hyperspy.api as hs
import numpy as np
import pytest
import tifffile
from scans import counts

import hs_nmfcluster
from hs_nmfcluster.cli import main
from hs_nmfcluster.simulation import linear_mixture
from hs_nmfcluster.words import group_name


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a run on a simulated scan, which is gone then."""
    folder = tmp_path_factory.mktemp("run")
    signal, _ = linear_mixture((20, 22), (48, 48), pixel_size=0.4, n_particles=4)
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
    signal.save(folder / "scan.hspy")
    arguments = ["-o", str(folder / "out"), "-q", "-k", "5", "--restarts", "2", "--groups", "2"]
    assert main(["run", str(folder / "scan.hspy"), *arguments, "--report"]) == 0
    (folder / "scan.hspy").unlink()
    return folder / "out"


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Folder of a run on a small scan, without figures."""
    folder = tmp_path_factory.mktemp("short")
    hs.signals.Signal2D(counts((4, 5, 16, 18))).save(folder / "scan.hspy")
    arguments = ["-o", str(folder / "out"), "-q", "-k", "2", "--restarts", "1"]
    with pytest.MonkeyPatch.context() as patched:
        for name in ("outputs.illustrations", "products.further_figures"):
            patched.setattr(f"hs_nmfcluster.cli.{name}", lambda _: iter(()))
        assert main(["run", str(folder / "scan.hspy"), *arguments]) == 0
    return folder / "out"


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["factorization.hspy", "maps.hspy", "group_patterns.tif"])
def test_a_result_is_no_scan(short, name, tmp_path, capsys):
    arguments = ["-o", str(tmp_path / "new"), "-q"]
    assert main(["run", str(short / name), *arguments]) == 2
    error = capsys.readouterr().err
    assert f"`hs-nmfcluster recut {short}`" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["factorization.hspy", "tree.hspy"])
def test_a_result_is_no_scan_elsewhere(short, name, tmp_path, capsys):
    shutil.copy(short / name, tmp_path)
    assert main(["run", str(tmp_path / name), "-o", str(tmp_path / "new")]) == 2
    assert "It is a result, written by" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"`hs_nmfcluster\.load` opens it"):
        hs_nmfcluster.load_scan(tmp_path / name)


@pytest.mark.slow
class TestFiles:
    """What the run itself has written."""

    def test_tables(self, finished):
        nmf = hs_nmfcluster.load(finished / "factorization.hspy")
        groups = hs_nmfcluster.load(finished / "tree.hspy").cut(n_groups=2)
        components = rows_of(finished / "components.csv")
        assert [row["group"] for row in components] == [group_name(g) for g in groups.labels]
        strengths = [float(row["strength"]) for row in components]
        np.testing.assert_allclose(strengths, np.linalg.norm(nmf.maps.data, axis=(1, 2)))
        rotations = [float(row["rotation_degrees"]) for row in components]
        np.testing.assert_allclose(rotations, groups.rotations)
        shifts = [[float(row[f"shift_{axis}_px"]) for axis in "xy"] for row in components]
        np.testing.assert_allclose(shifts, groups.shifts)
        members = [
            [int(i) for i in row["components"].split()] for row in rows_of(finished / "groups.csv")
        ]
        assert members == [group.tolist() for group in groups]
        spacings = [
            float(row["spacing"]) for row in rows_of(finished / "spacings.csv") if row["spacing"]
        ]
        expected = [one.d for group in groups.lattice_spacings() for one in group]
        np.testing.assert_allclose(spacings, expected)
        assert len(rows_of(finished / "particles.csv")) == sum(
            len(group.particles) for group in groups.particle_sizes()
        )
        assert len(rows_of(finished / "orientations.csv")) == 5

    @pytest.mark.parametrize(
        ("name", "unit"),
        [("patterns", "1/nm"), ("group_patterns", "1/nm"), ("maps", "nm"), ("group_maps", "nm")],
    )
    def test_images(self, finished, name, unit):
        expected = hs.load(finished / f"{name}.hspy")
        with tifffile.TiffFile(finished / f"{name}.tif") as file:
            np.testing.assert_array_equal(file.asarray(), expected.data.astype("f4"))
            assert file.imagej_metadata["unit"] == unit
            above, below = file.pages[0].tags["XResolution"].value
        step = expected.axes_manager.signal_axes[0].scale
        assert below / above == pytest.approx(step, rel=1e-3)

    def test_every_file_is_documented(self, finished, project_root):
        page = (project_root / "docs" / "guide" / "folder.rst").read_text(encoding="utf-8")
        for path in finished.iterdir():
            if path.suffix != ".png":
                name = f"{path.stem}.hspy" if path.suffix == ".tif" else path.name
                assert f"``{name}``" in page, name


@pytest.mark.slow
class TestRecut:
    @pytest.mark.usefixtures("no_figures")
    def test_same_groups_as_in_python(self, folder, capsys):
        assert main(["recut", str(folder), "--groups", "4"]) == 0
        printed = capsys.readouterr().out
        assert "4 groups of 5 components" in printed
        assert "Memory" not in printed
        groups = hs_nmfcluster.load(folder / "tree.hspy").cut(n_groups=4)
        np.testing.assert_allclose(
            hs.load(folder / "group_patterns.hspy").data, groups.patterns.data
        )
        assert len(rows_of(folder / "groups.csv")) == 4
        assert hs_nmfcluster.load(folder / "factorization.hspy").n_components == 5

    @pytest.mark.usefixtures("no_figures")
    def test_in_place_keeps_what_the_scan_gave(self, folder):
        names = ("scan.png", "mean_pattern.hspy", "factorization.hspy", "tree.hspy", "maps.tif")
        stays = {name: (folder / name).read_bytes() for name in names}
        standing_out = summary_of(folder)["positions_standing_out"]
        assert main(["recut", str(folder), "--distance", "0.5", "-q"]) == 0
        assert {name: (folder / name).read_bytes() for name in stays} == stays
        summary = summary_of(folder)
        assert summary["positions_standing_out"] == standing_out
        assert set(summary["files"]) == {path.name for path in folder.iterdir()}
        assert summary["failed"] == {}
        # The report was of the other cut.
        assert not (folder / "report.html").exists()

    def test_into_another_folder(self, folder, tmp_path, few_figures):
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        other = tmp_path / "other"
        assert main(["recut", str(folder), "-o", str(other), "--report", "-q"]) == 0
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        found = {path.name for path in other.iterdir()}
        assert {"factorization.hspy", "tree.hspy", "report.html", "group_map.png"} <= found
        assert "scan.png" not in found
        assert set(summary_of(other)["files"]) == found
        assert main(["recut", str(other), "-q"]) == 0

    @pytest.mark.usefixtures("no_figures")
    def test_beam_energy_is_remembered(self, folder):
        assert main(["recut", str(folder), "-q"]) == 0
        assert summary_of(folder)["beam_energy_kv"] == 200.0

    @pytest.mark.usefixtures("no_figures")
    def test_json(self, folder, capsys):
        assert main(["recut", str(folder), "--groups", "3", "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["groups"]) == 3

    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            (["--groups", "9"], "`--groups` must be at most 5"),
            (["--distance", "0"], "`--distance`"),
            (["--phases", "none.cif"], "none.cif"),
        ],
    )
    def test_refused_before_anything_changes(self, folder, capsys, arguments, part):
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert main(["recut", str(folder), *arguments]) == 2
        error = capsys.readouterr().err
        assert part in error
        assert error.count("\n") == 1
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def test_no_results(self, tmp_path, capsys):
        assert main(["recut", str(tmp_path)]) == 2
        assert "factorization.hspy" in capsys.readouterr().err
        assert main(["recut", str(tmp_path / "none")]) == 2
        assert not list(tmp_path.iterdir())

    def test_a_file_for_the_folder(self, folder, capsys):
        assert main(["recut", str(folder / "tree.hspy")]) == 2
        assert "tree.hspy' is no folder that `run` has written" in capsys.readouterr().err

    def test_of_a_single_component(self, folder, capsys):
        (folder / "tree.hspy").unlink()
        assert main(["recut", str(folder)]) == 2
        assert "tree.hspy" in capsys.readouterr().err

    def test_results_of_something_else(self, folder, capsys):
        shutil.copy(folder / "tree.hspy", folder / "factorization.hspy")
        assert main(["recut", str(folder)]) == 2
        assert "holds no Factorization" in capsys.readouterr().err
