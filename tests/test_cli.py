"""The command line: what it writes, what it says and how it ends."""

import json
import os
import signal as signals
import subprocess
import sys
import time
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from matplotlib.image import imread
from scans import counts

import hs_nmfcluster
from hs_nmfcluster.cli import main

COMMAND = str(Path(sys.executable).with_name("hs-nmfcluster" + ".exe" * (os.name == "nt")))
QUICK = ("-q", "-k", "3", "--restarts", "2")
FIGURES = {
    "scan.png",
    "components.png",
    "components_linear.png",
    "convergence.png",
    "similarity.png",
    "dendrogram_sequence.png",
    "dendrogram_distance.png",
    "groups.png",
}
RESULTS = {
    "factorization.hspy",
    "tree.hspy",
    "mean_pattern.hspy",
    "maps.hspy",
    "group_patterns.hspy",
    "group_maps.hspy",
    "group_aligned_maps.hspy",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A scan of 5 × 6 patterns of 20 × 22 pixels around a beam."""
    y, x = np.indices((20, 22))
    beam = np.random.default_rng(0).poisson(900 * np.exp(-((x - 11) ** 2 + (y - 9) ** 2) / 2))
    path = tmp_path_factory.mktemp("scan") / "glass.hspy"
    s = hs.signals.Signal2D((counts((5, 6, 20, 22)) + beam).astype("u2"))
    for axis in s.axes_manager.signal_axes:
        axis.scale, axis.units = 0.5, "1/nm"
    s.save(path)
    return path


def strict_json(path):
    def refuse(constant):
        raise AssertionError(f"{constant} in {path.name}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def run(file, tmp_path_factory):
    """Folder of one whole run, as a subprocess of the installed command."""
    folder = tmp_path_factory.mktemp("run") / "out"
    done = subprocess.run(
        [COMMAND, "run", str(file), "-o", str(folder), *QUICK],
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, done


class TestRun:
    def test_succeeds_in_silence_on_stderr(self, run):
        _, done = run
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""

    def test_says_what_it_found(self, run):
        folder, done = run
        for part in (
            "glass.hspy: scan of 6 × 5 positions, patterns of 22 × 20 pixels, uint16",
            "Beam centre: x = 11.0",
            "px = ",
            "1/nm",
            "3 components",
            "groups of 3 components",
            f"Written to {folder}",
        ):
            assert part in done.stdout

    def test_files(self, run):
        folder, _ = run
        assert {p.name for p in folder.iterdir()} == FIGURES | RESULTS | {"summary.json"}

    def test_summary(self, run):
        folder, _ = run
        summary = strict_json(folder / "summary.json")
        nmf = hs_nmfcluster.load(folder / "factorization.hspy")
        assert summary["mse"] == nmf.mse
        assert summary["restart_mse"] == nmf.restart_mse.tolist()
        np.testing.assert_allclose(summary["center_px"], nmf.center)
        assert summary["settings"]["n_components"] == 3
        assert summary["settings"]["random_state"] == 0
        assert summary["hs_nmfcluster"] == hs_nmfcluster.__version__
        members = sorted(i for group in summary["groups"] for i in group["components"])
        assert members == [0, 1, 2]
        assert len(summary["merges"]) == 2

    def test_results_open(self, run):
        folder, _ = run
        for name in RESULTS:
            s = hs.load(folder / name)
            assert s.data.size
            assert s.axes_manager[-1].units in ("1/nm", "<undefined>") or "map" in name
        tree = hs_nmfcluster.load(folder / "tree.hspy")
        assert len(tree) == 3

    def test_figures_show_something(self, run):
        folder, _ = run
        for name in FIGURES:
            image = imread(folder / name)
            assert min(image.shape[:2]) > 200
            assert image[..., :3].std() > 0.02

    def test_same_as_in_python(self, run, file):
        folder, _ = run
        s = hs.load(file, lazy=True, signal_type="nmf_diffraction")
        nmf = s.decompose_als_nmf(
            3, restarts=2, random_state=0, print_info=False, show_progressbar=False
        )
        loaded = hs_nmfcluster.load(folder / "factorization.hspy")
        np.testing.assert_allclose(loaded.patterns.data, nmf.patterns.data)
        np.testing.assert_allclose(loaded.maps.data, nmf.maps.data)


class TestOptions:
    def test_default_folder_is_named_after_the_file(self, file, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert main(["run", str(file), *QUICK]) == 0
        assert [p.name for p in tmp_path.iterdir()] == ["glass_nmf"]

    def test_a_second_run_replaces_the_first(self, file, tmp_path):
        for k in ("3", "2"):
            assert main(["run", str(file), "-o", str(tmp_path), "-q", "-k", k]) == 0
        assert strict_json(tmp_path / "summary.json")["settings"]["n_components"] == 2
        assert hs_nmfcluster.load(tmp_path / "factorization.hspy").n_components == 2

    def test_single_component(self, file, tmp_path, capsys):
        folder = tmp_path / "one"
        assert main(["run", str(file), "-o", str(folder), "-q", "-k", "1", "--restarts", "1"]) == 0
        assert "not clustered" in capsys.readouterr().out
        names = {p.name for p in folder.iterdir()}
        assert "components.png" in names
        assert "tree.hspy" not in names
        strict_json(folder / "summary.json")

    def test_as_many_components_as_the_data_allow(self, tmp_path, capsys):
        hs.signals.Signal2D(counts((2, 3, 12, 12))).save(tmp_path / "small.hspy")
        arguments = ["run", str(tmp_path / "small.hspy"), "-o", str(tmp_path / "out"), "-q"]
        assert main([*arguments, "--restarts", "2"]) == 0
        assert "6, as many as the data allow" in capsys.readouterr().out

    def test_center_ring_groups_and_seed(self, file, tmp_path):
        options = "--center 10 8.5 --inner 1.5 --outer 3.5 --groups 2 --seed 5".split()
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, *options]) == 0
        summary = strict_json(tmp_path / "summary.json")
        assert summary["center_px"] == [10, 8.5]
        assert summary["settings"]["random_state"] == 5
        assert len(summary["groups"]) == 2
        mask = hs_nmfcluster.load(tmp_path / "factorization.hspy").detector_mask
        y, x = np.indices((20, 22))
        r = 0.5 * np.hypot(x - 10, y - 8.5)
        np.testing.assert_array_equal(~mask, (r >= 1.5) & (r <= 3.5))
        tree = hs_nmfcluster.load(tmp_path / "tree.hspy")
        assert tree.grid.detector.center == (10, 8.5)

    @pytest.mark.parametrize("option", [("--inner", "1.5"), ("--outer", "3.5")])
    def test_one_radius(self, file, tmp_path, option):
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, *option]) == 0
        mask = hs_nmfcluster.load(tmp_path / "factorization.hspy").detector_mask
        assert mask.any()
        assert not mask.all()

    def test_distance(self, file, tmp_path):
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, "--distance", "5"]) == 0
        assert len(strict_json(tmp_path / "summary.json")["groups"]) == 1

    def test_dataset(self, tmp_path, capsys):
        """Of several signals in a file the largest scan is taken, or the one asked for."""
        h5py = pytest.importorskip("h5py")
        path = tmp_path / "several.hspy"
        sizes = {"small": (2, 3, 12, 12), "large": (4, 5, 12, 12), "image": (12, 12)}
        for name, shape in sizes.items():
            s = hs.signals.Signal2D(counts(shape if len(shape) > 2 else (1, *shape)))
            s = s.inav[0] if len(shape) == 2 else s
            s.metadata.General.title = name
            s.save(tmp_path / f"{name}.hspy")
            with h5py.File(tmp_path / f"{name}.hspy") as one, h5py.File(path, "a") as all_of_them:
                for key, value in one.attrs.items():
                    all_of_them.attrs[key] = value
                one.copy(f"Experiments/{name}", all_of_them.require_group("Experiments"), name)
        arguments = ["run", str(path), "-o", str(tmp_path / "out"), *QUICK]
        assert main(arguments) == 0
        said = capsys.readouterr().out
        assert "scan of 5 × 4" in said
        assert "of 3 in the file" in said
        assert "--dataset" in said
        found = {}
        for n in range(3):
            code = main([*arguments, "--dataset", str(n)])
            captured = capsys.readouterr()
            found[n] = (code, captured.out.split(",")[0] if code == 0 else captured.err)
        assert sorted(code for code, _ in found.values()) == [0, 0, 2]
        said = " ".join(text for _, text in found.values())
        assert "scan of 3 × 2" in said
        assert "scan of 5 × 4" in said
        assert "is not a scan" in said
        assert main([*arguments, "--dataset", "3"]) == 2
        assert "0 to 2" in capsys.readouterr().err

    @pytest.mark.parametrize(("shape", "said"), [((6, 5), "6 × 5"), ((3, 10), "3 × 10")])
    def test_scan_shape(self, shape, said, tmp_path, capsys):
        data = counts((30, 12, 14))
        hs.signals.Signal2D(data).save(tmp_path / "line.hspy")
        arguments = ["run", str(tmp_path / "line.hspy"), "-o", str(tmp_path / "out"), *QUICK]
        assert main([*arguments, "--scan-shape", *map(str, shape)]) == 0
        assert f"scan of {said} positions" in capsys.readouterr().out
        nmf = hs_nmfcluster.load(tmp_path / "out" / "factorization.hspy")
        assert nmf.maps.data.shape == (3, shape[1], shape[0])
        # The first axis of the shape runs fastest, as the probe does.
        mean = data.reshape(shape[1], shape[0], 12, 14).mean(axis=(0, 1))
        np.testing.assert_allclose(hs.load(tmp_path / "out" / "mean_pattern.hspy").data, mean)

    def test_progress_bar_unless_quiet(self, file, tmp_path, capsys):
        main(["run", str(file), "-o", str(tmp_path), *QUICK[1:]])
        loud = capsys.readouterr()
        assert "ALS-NMF" in loud.out + loud.err
        main(["run", str(file), "-o", str(tmp_path), *QUICK])
        quiet = capsys.readouterr()
        assert "ALS-NMF" not in quiet.out + quiet.err


class TestRefusals:
    """One line on stderr, exit code 2, nothing written."""

    def refused(self, capsys, arguments, *parts):
        assert main(["run", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1, captured.err
        assert captured.err.startswith("hs-nmfcluster: ")
        for part in parts:
            assert part in captured.err

    @pytest.mark.parametrize(
        ("options", "part"),
        [
            (["-k", "0"], "`n_components`"),
            (["-k", "31"], "`n_components`"),
            (["--restarts", "0"], "`restarts`"),
            (["--center", "50", "3"], "`center`"),
            (["--center", "nan", "3"], "`center`"),
            (["--inner", "3", "--outer", "2"], "inner < outer"),
            (["--inner", "-1"], "inner < outer"),
            (["--seed", "-1"], "`random_state`"),
            (["--scan-shape", "4", "4"], "`scan_shape`"),
            (["--scan-shape", "-6", "-5"], "`scan_shape`"),
            (["--dataset", "1"], "`dataset`"),
            (["--dataset", "-1"], "`dataset`"),
            (["--groups", "0"], "`n_groups`"),
            (["--groups", "4"], "`n_groups`"),
            (["--distance", "0"], "`distance`"),
            (["--distance", "nan"], "`distance`"),
        ],
    )
    def test_values(self, file, tmp_path, capsys, options, part):
        self.refused(capsys, [str(file), "-o", str(tmp_path / "out"), *QUICK, *options], part)
        assert not (tmp_path / "out" / "summary.json").exists()

    @pytest.mark.parametrize("options", [["--groups", "9"], ["--distance", "-1"]])
    def test_cut_is_checked_before_long_work(self, file, tmp_path, capsys, options):
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, *options]) == 2
        assert "Factorization" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["run"],
            ["walk"],
            ["run", "a.mib", "--fast"],
            ["run", "a.mib", "-k", "many"],
            ["run", "a.mib", "--center", "3"],
            ["run", "a.mib", "--groups", "2", "--distance", "0.2"],
        ],
    )
    def test_wrong_options(self, arguments, capsys):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
        assert "usage:" in capsys.readouterr().err

    def test_no_such_file(self, tmp_path, capsys):
        self.refused(capsys, [str(tmp_path / "no.mib")], "no such file")

    @pytest.mark.parametrize("name", ["text.txt", "text.mib", "text.hspy", "text.dm4", "noname"])
    def test_not_a_file_of_that_kind(self, name, tmp_path, capsys):
        (tmp_path / name).write_text("nothing to see here\n" * 3)
        self.refused(capsys, [str(tmp_path / name), "-o", str(tmp_path / "out")], name)
        assert not (tmp_path / "out").exists()

    def test_empty_file(self, tmp_path, capsys):
        (tmp_path / "empty.hspy").touch()
        self.refused(capsys, [str(tmp_path / "empty.hspy")], "empty.hspy")

    def test_folder(self, tmp_path, capsys):
        self.refused(capsys, [str(tmp_path)])

    @pytest.mark.parametrize(
        ("data", "part"),
        [
            (np.ones((2, 3, 4, 4), dtype=complex), "complex128"),
            (np.ones((2, 3, 4, 4), dtype=bool), "bool"),
            (np.zeros((2, 3, 4, 4)), "no positive value"),
            (np.full((2, 3, 4, 4), np.nan), "NaN"),
            (np.ones((4, 4)), "no navigation axis"),
        ],
    )
    def test_data(self, data, part, tmp_path, capsys):
        hs.signals.Signal2D(data).save(tmp_path / "data.hspy")
        path = str(tmp_path / "data.hspy")
        self.refused(capsys, [path, "-o", str(tmp_path / "out"), "-q", "-k", "1"], part)

    def test_folder_that_cannot_be_written(self, file, tmp_path, capsys):
        (tmp_path / "taken").write_text("a file")
        for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
            self.refused(capsys, [str(file), "-o", str(folder)], "cannot be written", "taken")

    def test_folder_without_permission(self, file, tmp_path, capsys):
        tmp_path.chmod(0o500)
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        self.refused(capsys, [str(file), "-o", str(tmp_path / "out")], "cannot be written")


class TestHelp:
    @pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["demo", "--help"]])
    def test_help(self, arguments, capsys):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
        assert "usage: hs-nmfcluster" in capsys.readouterr().out

    def test_version(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["--version"])
        assert end.value.code == 0
        assert hs_nmfcluster.__version__ in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
class TestInterrupt:
    def start(self, file, folder):
        return subprocess.Popen(
            [COMMAND, "run", str(file), "-o", str(folder), "-k", "8", "--restarts", "20", "-q"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def stop(self, process):
        process.send_signal(signals.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert "interrupted" in said

    def assert_whole(self, folder):
        for path in folder.iterdir():
            assert not path.name.startswith(".writing")
            if path.suffix == ".hspy":
                assert hs.load(path).data.size
            elif path.suffix == ".png":
                assert imread(path).size
            else:
                strict_json(path)

    def test_while_it_iterates(self, tmp_path):
        scan = hs.signals.Signal2D(counts((40, 40, 64, 64), k=8).astype("u2"))
        scan.save(tmp_path / "scan.hspy")
        folder = tmp_path / "out"
        process = self.start(tmp_path / "scan.hspy", folder)
        for line in process.stdout:
            if line.startswith("Detector mask"):
                break
        time.sleep(0.5)
        self.stop(process)
        assert list(folder.iterdir()) == []

    def test_while_it_writes(self, file, tmp_path):
        folder = tmp_path / "out"
        process = self.start(file, folder)
        while process.poll() is None and not list(folder.glob(".writing*")):
            time.sleep(0.002)
        self.stop(process)
        self.assert_whole(folder)
