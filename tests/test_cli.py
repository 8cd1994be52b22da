"""The command line: what it writes, what it says and how it ends."""

import json
import os
import re
import signal as signals
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import hyperspy.api as hs
import numpy as np
import pytest
from matplotlib.image import imread
from scans import counts

import hs_nmfcluster
from hs_nmfcluster import MapResolution, SmoothPatterns
from hs_nmfcluster.cli import main
from hs_nmfcluster.cli.analysis import analyse
from hs_nmfcluster.cli.commands import _chosen
from hs_nmfcluster.cli.parser import make_parser
from hs_nmfcluster.cli.steps import Steps
from hs_nmfcluster.io.reading import NotAScanError, open_scan

COMMAND = str(Path(sys.executable).with_name("hs-nmfcluster" + ".exe" * (os.name == "nt")))
QUICK = ("-k", "3", "--restarts", "2")
FIGURES = {
    "scan.png",
    "components.png",
    "components_linear.png",
    "convergence.png",
    "similarity.png",
    "dendrogram_sequence.png",
    "dendrogram_distance.png",
    "groups.png",
    "group_map.png",
    "spacings.png",
    "sizes.png",
    "residual.png",
}
IMAGES = {
    "mean_pattern",
    "patterns",
    "maps",
    "group_patterns",
    "group_maps",
    "group_aligned_maps",
}
RESULTS = {"factorization.hspy", "tree.hspy"} | {f"{name}.hspy" for name in IMAGES}
PICTURES = {f"{name}.tif" for name in IMAGES}
ANSWERS = ("components", "groups", "spacings", "particles", "orientations", "crystallinity")
TABLES = {f"{name}.csv" for name in ANSWERS}


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
    def test_succeeds_with_nothing_but_progress_on_stderr(self, run):
        _, done = run
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"((ALS-NMF|Residual|Mean pattern|Figures): +\d+%.*\n)+", done.stderr)

    def test_says_what_it_found(self, run):
        folder, done = run
        for part in (
            "glass.hspy: scan of 6 × 5 positions, patterns of 22 × 20 pixels, uint16",
            "Beam centre: x = 11.0",
            "px = ",
            " nm⁻¹ (direct beam)",
            "3 components",
            " of 3 components",
            f"Written to {folder}",
        ):
            assert part in done.stdout

    def test_files(self, run):
        folder, _ = run
        expected = FIGURES | RESULTS | PICTURES | TABLES | {"summary.json"}
        assert {p.name for p in folder.iterdir()} == expected

    def test_summary(self, run):
        folder, _ = run
        summary = strict_json(folder / "summary.json")
        nmf = hs_nmfcluster.load(folder / "factorization.hspy")
        assert summary["failed"] == {}
        assert set(summary["files"]) == {p.name for p in folder.iterdir()}
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


def options_of(*arguments):
    """Options as the command line makes them."""
    return _chosen(make_parser().parse_args(["run", "file", "-q", "--restarts", "2", *arguments]))


def analysed(path, *arguments):
    """What a run finds and says, without its figures."""
    said = []
    s, _ = open_scan(path)
    *_, found = analyse(s, options_of(*arguments), Steps(said.append, pytest.fail))
    return found, said


class TestOptions:
    def test_default_folder_is_named_after_the_file(self, file, tmp_path, monkeypatch, no_figures):
        monkeypatch.chdir(tmp_path)
        assert main(["run", str(file), "-q", "-k", "1", "--restarts", "1"]) == 0
        assert [p.name for p in tmp_path.iterdir()] == ["glass_nmf"]

    def test_a_second_run_replaces_the_first(self, file, tmp_path, no_figures):
        arguments = ["run", str(file), "-o", str(tmp_path), "-q", "-k", "1", "--restarts"]
        for restarts in ("1", "2"):
            assert main([*arguments, restarts]) == 0
        assert strict_json(tmp_path / "summary.json")["settings"]["restarts"] == 2
        assert len(hs_nmfcluster.load(tmp_path / "factorization.hspy").restart_mse) == 2

    def test_single_component(self, file, tmp_path, capsys):
        folder = tmp_path / "one"
        assert main(["run", str(file), "-o", str(folder), "-k", "1", "--restarts", "1"]) == 0
        assert "not clustered" in capsys.readouterr().out
        names = {p.name for p in folder.iterdir()}
        assert "components.png" in names
        assert "tree.hspy" not in names
        strict_json(folder / "summary.json")

    @pytest.mark.parametrize("shape", [(1, 2, 12, 12), (2, 3, 12, 12), (5, 6, 6, 7)])
    def test_small_scans_in_neighbourhoods(self, shape, tmp_path):
        hs.signals.Signal2D(counts(shape)).save(tmp_path / "small.hspy")
        outcome, _ = analysed(tmp_path / "small.hspy")
        assert outcome.factorization.settings["tiles_asked_for"] == "auto"
        assert outcome.factorization.n_components >= 1

    @pytest.mark.parametrize(
        ("option", "size"), [("5", [5, 5]), ("6,5", [6, 5]), ("6x5", [6, 5]), ("auto", None)]
    )
    def test_tiles(self, file, option, size):
        outcome, _ = analysed(file, "--tiles", option, "--weighting", "none")
        settings = outcome.factorization.settings
        assert settings["weighting"] is None
        if size is not None:
            assert settings["tiles"] == size

    def test_bad_tiles(self, file, capsys):
        with pytest.raises(SystemExit):
            main(["run", str(file), "--tiles", "small"])
        assert "auto, none, N or X,Y" in capsys.readouterr().err

    @pytest.mark.parametrize(("shape", "allowed"), [((2, 3, 12, 12), 6), ((5, 6, 6, 7), 25)])
    def test_as_many_components_as_the_data_allow(self, shape, allowed, tmp_path):
        hs.signals.Signal2D(counts(shape)).save(tmp_path / "small.hspy")
        outcome, said = analysed(tmp_path / "small.hspy", "--tiles", "none")
        if allowed < 20:
            assert f"Components: {allowed}, as many as the data allow" in said
        assert outcome.factorization.n_components <= min(allowed, 20)

    def test_center_ring_groups_and_seed(self, file):
        ring = ["--center", "10", "8.5", "--inner", "1.5", "--outer", "3.5"]
        outcome, _ = analysed(file, "-k", "3", "--groups", "2", "--seed", "5", *ring)
        nmf = outcome.factorization
        assert nmf.center == (10, 8.5)
        assert nmf.settings["random_state"] == 5
        assert len(outcome.groups) == 2
        y, x = np.indices((20, 22))
        r = 0.5 * np.hypot(x - 10, y - 8.5)
        np.testing.assert_array_equal(~nmf.detector_mask, (r >= 1.5) & (r <= 3.5))
        assert outcome.tree.grid.detector.center == (10, 8.5)

    @pytest.mark.parametrize(
        ("option", "kept"), [(("--inner", "1.5"), (1.5, 99)), (("--outer", "3.5"), (0, 3.5))]
    )
    def test_one_radius(self, file, option, kept):
        """What the other radius would leave out is left out all the same."""
        outcome, _ = analysed(file, "-k", "2", "--center", "11", "9", *option)
        plain, _ = analysed(file, "-k", "2", "--center", "11", "9")
        y, x = np.indices((20, 22))
        r = 0.5 * np.hypot(x - 11, y - 9)
        automatic = ~plain.factorization.detector_mask
        inner, outer = r[automatic].min(), r[automatic].max()
        expected = (r >= (kept[0] or inner)) & (r <= min(kept[1], outer))
        np.testing.assert_array_equal(~outcome.factorization.detector_mask, expected)

    def test_corrections(self):
        for given, chosen in ((), "auto"), (("--corrections", "none"), None):
            options = make_parser().parse_args(["run", "x.hspy", *given])
            assert _chosen(options).corrections == chosen

    def test_constraints(self):
        arguments = ["run", "x.hspy", "--map-resolution", "2.5", "--smooth-patterns"]
        chosen = _chosen(make_parser().parse_args(arguments)).constraints
        assert chosen == (MapResolution(2.5), SmoothPatterns())
        assert _chosen(make_parser().parse_args(["demo"])).constraints == ()

    def test_constraints_reach_the_factorization(self, file, tmp_path, capsys, no_figures):
        folder = str(tmp_path / "out")
        assert main(["run", str(file), "-o", folder, *QUICK, "--map-resolution", "2"]) == 2
        assert "calibrated in one unit" in capsys.readouterr().err
        assert main(["run", str(file), "-o", folder, *QUICK, "--smooth-patterns"]) == 0
        settings = hs_nmfcluster.load(f"{folder}/factorization.hspy").settings
        assert list(settings["constraints"]) == ["SmoothPatterns"]

    def test_checkpoint_and_memory(self, file, tmp_path, capsys, no_figures):
        folder, state = str(tmp_path / "out"), tmp_path / "state"
        run = ["run", str(file), "-o", folder, *QUICK, "--checkpoint", str(state)]
        assert main([*run, "--memory", "1 GB"]) == 0
        assert (state / "job.json").exists()
        assert main(run) == 0
        assert main([*run, "--seed", "9"]) == 2
        assert "--seed was 0, is 9" in capsys.readouterr().err
        assert main([*run, "--memory", "much"]) == 2
        assert "`--memory` must be" in capsys.readouterr().err

    def test_distance(self, file):
        outcome, _ = analysed(file, "-k", "3", "--distance", "5")
        assert len(outcome.groups) == 1

    def test_progress_bar_unless_quiet(self, file, tmp_path, capsys, no_figures):
        arguments = ["run", str(file), "-o", str(tmp_path), "-k", "1", "--restarts", "1"]
        main(arguments)
        loud = capsys.readouterr()
        assert "ALS-NMF" in loud.out + loud.err
        main([*arguments, "-q"])
        assert capsys.readouterr() == ("", "")


class TestOpenScan:
    @pytest.fixture
    def several(self, tmp_path):
        """A file of three signals, two of which are scans."""
        path = tmp_path / "several.hspy"
        shapes = {"small": (2, 3, 12, 12), "large": (4, 5, 12, 12), "image": (12, 14)}
        for name, shape in shapes.items():
            s = hs.signals.Signal2D(np.ones(shape, dtype="u2"))
            s.metadata.General.title = name
            s.save(tmp_path / f"{name}.hspy")
            with h5py.File(tmp_path / f"{name}.hspy") as one, h5py.File(path, "a") as together:
                together.attrs.update(one.attrs)
                one.copy(f"Experiments/{name}", together.require_group("Experiments"), name)
        return path

    def test_largest_scan_is_taken_and_said(self, several):
        s, (found,) = open_scan(several)
        assert s.metadata.General.title == "large"
        assert "scan of 5 × 4" in found
        assert "of 3 in the file" in found
        assert "`dataset` takes another" in found

    def test_dataset(self, several):
        number = {}
        for n in range(3):
            with suppress(NotAScanError):
                number[open_scan(several, dataset=n)[0].metadata.General.title] = n
        assert set(number) == {"large", "small"}
        (image,) = {0, 1, 2} - set(number.values())
        with pytest.raises(NotAScanError, match=f"signal {image} is not a scan"):
            open_scan(several, dataset=image)

    @pytest.mark.parametrize("dataset", [-1, 3])
    def test_no_such_dataset(self, several, dataset):
        with pytest.raises(ValueError, match=r"`dataset` .*0 to 2"):
            open_scan(several, dataset=dataset)

    @pytest.mark.parametrize("shape", [(6, 5), (3, 10), (30, 1)])
    @pytest.mark.parametrize("stored", [(30,), (10, 3)])
    def test_scan_shape(self, shape, stored, tmp_path):
        data = counts((*stored, 12, 14))
        line = hs.signals.Signal2D(data)
        for axis in line.axes_manager.signal_axes:
            axis.scale, axis.offset, axis.units = 0.2, -1.0, "1/nm"
        line.save(tmp_path / "line.hspy")
        s, (found,) = open_scan(tmp_path / "line.hspy", scan_shape=shape)
        assert f"scan of {shape[0]} × {shape[1]} positions" in found
        # The first axis of the shape runs fastest, as the probe does.
        expected = data.reshape(shape[1], shape[0], 12, 14)
        np.testing.assert_array_equal(s.data.compute(), expected)
        assert [a.offset for a in s.axes_manager.signal_axes] == [-1, -1]
        assert [a.units for a in s.axes_manager.signal_axes] == ["1/nm"] * 2


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
            (["-k", "0"], "`--components`"),
            (["-k", "31"], "`--components`"),
            (["--restarts", "0"], "`--restarts`"),
            (["--center", "50", "3"], "`--center`"),
            (["--center", "nan", "3"], "`--center`"),
            (["--inner", "3", "--outer", "2"], "inner < outer"),
            (["--inner", "-1"], "inner < outer"),
            (["--seed", "-1"], "`--seed`"),
            (["--tiles", "4,5,6"], '`--tiles` must be "auto", none or'),
            (["--tiles", "none", "--inner", "90", "--outer", "91"], "`--inner` and `--outer`"),
            (["--scan-shape", "4", "4"], "`--scan-shape`"),
            (["--scan-shape", "-6", "-5"], "`--scan-shape`"),
            (["--dataset", "1"], "`--dataset`"),
            (["--dataset", "-1"], "`--dataset`"),
            (["--groups", "0"], "`--groups`"),
            (["--groups", "4"], "`--groups`"),
            (["--distance", "0"], "`--distance`"),
            (["--distance", "nan"], "`--distance`"),
        ],
    )
    def test_values(self, file, tmp_path, capsys, options, part):
        self.refused(capsys, [str(file), "-o", str(tmp_path / "out"), *QUICK, *options], part)
        assert not (tmp_path / "out" / "summary.json").exists()

    @pytest.mark.parametrize("options", [["--groups", "9"], ["--distance", "-1"]])
    def test_cut_is_checked_before_long_work(self, file, tmp_path, capsys, options):
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, *options]) == 2
        assert "Factorization" not in capsys.readouterr().out

    @pytest.mark.parametrize("option", ["-k", "--restarts", "--groups", "--probe-size"])
    def test_what_needs_no_scan_is_checked_before_there_is_one(self, option, tmp_path, capsys):
        folder = tmp_path / "out"
        assert main(["demo", "-o", str(folder), option, "0"]) == 2
        output, error = capsys.readouterr()
        assert output == ""
        assert "must be" in error
        assert not folder.exists()

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

    @pytest.mark.parametrize("name", ["", "."])
    def test_folder(self, tmp_path, monkeypatch, capsys, name):
        monkeypatch.chdir(tmp_path)
        self.refused(capsys, [name], ".: it is a folder")
        self.refused(capsys, [str(tmp_path)], f"{tmp_path}: it is a folder")

    @pytest.mark.parametrize(
        ("data", "part"),
        [
            (np.ones((2, 3, 4, 4), dtype=complex), "complex128"),
            (np.ones((2, 3, 4, 4), dtype=bool), "bool"),
            (np.full((2, 3, 4, 4), np.nan), "NaN"),
            (np.ones((4, 4)), "no navigation axis"),
        ],
    )
    def test_data(self, data, part, tmp_path, capsys):
        hs.signals.Signal2D(data).save(tmp_path / "data.hspy")
        path = str(tmp_path / "data.hspy")
        self.refused(capsys, [path, "-o", str(tmp_path / "out"), "-q", "-k", "1"], part)

    def test_dark_scan(self, tmp_path, capsys):
        hs.signals.Signal2D(np.zeros((2, 3, 4, 4))).save(tmp_path / "dark.hspy")
        out = tmp_path / "out"
        assert main(["run", str(tmp_path / "dark.hspy"), "-o", str(out), "-q", "-k", "1"]) == 0
        assert "no positive value" in capsys.readouterr().err
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        assert summary["answer"].startswith("Nothing found.")
        assert summary["failed"] == {}
        assert "settings" not in summary

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
    @pytest.mark.parametrize(
        "arguments", [["--help"], ["run", "--help"], ["recut", "--help"], ["demo", "--help"]]
    )
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


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
class TestInterrupt:
    def start(self, file, folder, restarts=20):
        return subprocess.Popen(
            [COMMAND, "run", str(file), "-o", str(folder), "-k", "8", "--restarts", str(restarts)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            # A shell that runs the tests in the background has made their children deaf to it.
            preexec_fn=lambda: signals.signal(signals.SIGINT, signals.SIG_DFL),
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
            elif path.suffix in (".png", ".tif"):
                assert imread(path).size
            elif path.suffix == ".csv":
                assert path.read_text(encoding="utf-8").endswith("\n")
            else:
                strict_json(path)

    def test_while_it_iterates(self, tmp_path):
        scan = hs.signals.Signal2D(counts((40, 40, 64, 64), k=8).astype("u2"))
        scan.save(tmp_path / "scan.hspy")
        folder = tmp_path / "out"
        process = self.start(tmp_path / "scan.hspy", folder, restarts=100)
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
