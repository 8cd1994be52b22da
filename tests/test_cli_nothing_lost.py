"""What goes wrong on the command line costs what it must, and nothing before or beside it."""

import errno
import io
import json
import os
import platform
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
import tifffile
from matplotlib.image import imread
from scans import counts

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, Factorization, Groups, NMFDiffraction2D
from hs_nmfcluster.cli import main
from hs_nmfcluster.cli.folder import output_folder
from hs_nmfcluster.cli.steps import Steps, in_one_line
from hs_nmfcluster.results.spacings import LatticeSpacings

QUICK = ("-k", "2", "--restarts", "1")
OF_FACTORIZATION = {"factorization.hspy", "maps.hspy", "maps.tif", "components.csv"}
OF_GROUPS = {"tree.hspy", "group_patterns.hspy", "group_maps.tif", "groups.csv"}


def save_scan(path, data=None, units="1/nm"):
    data = counts((4, 5, 16, 18), k=2).astype("u2") if data is None else data
    s = hs.signals.Signal2D(data)
    for axis in s.axes_manager.signal_axes:
        axis.scale, axis.units = 0.5, units
    for axis in s.axes_manager.navigation_axes:
        axis.scale, axis.units = 2.0, "nm"
    path.parent.mkdir(parents=True, exist_ok=True)
    s.save(path, overwrite=True)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return save_scan(tmp_path_factory.mktemp("scan") / "glass.hspy")


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def open_all(folder):
    """Open each file of a folder by what its name says; give the names."""
    for path in folder.iterdir():
        assert not path.name.startswith("."), path
        if path.suffix == ".hspy":
            assert hs.load([str(path)]).data.size
        elif path.suffix == ".tif":
            assert tifffile.imread(path).size
        elif path.suffix == ".png":
            assert imread(path).size
        elif path.suffix == ".csv":
            assert path.read_text(encoding="utf-8").count("\n") >= 1
        elif path.suffix == ".json":
            summary_of(folder)
        else:
            assert path.read_text(encoding="utf-8")
    return {path.name for path in folder.iterdir()}


def fail(*_args, **_kwargs):
    raise RuntimeError("the roof fell in")


CIF = """data_fcc
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Al1 Al 0 0 0
"""
STEPS = {
    "tree": (NMFDiffraction2D, "hierarchical_cluster", OF_FACTORIZATION),
    "groups": (ClusterTree, "cut", OF_FACTORIZATION | {"tree.hspy"}),
    "spacings": (Groups, "lattice_spacings", OF_FACTORIZATION | OF_GROUPS),
    "sizes": (Groups, "particle_sizes", OF_FACTORIZATION | OF_GROUPS | {"spacings.csv"}),
    "orientation": (Groups, "orientation_map", OF_FACTORIZATION | OF_GROUPS),
    "crystallinity": (Groups, "crystallinity", OF_FACTORIZATION | OF_GROUPS | {"orientations.csv"}),
    "mean_pattern.hspy": (NMFDiffraction2D, "get_mean_pattern", OF_FACTORIZATION | OF_GROUPS),
    "group_aligned_maps.hspy": (Groups, "shifts", OF_FACTORIZATION | OF_GROUPS),
    "residual": (Factorization, "residual", OF_FACTORIZATION | OF_GROUPS),
}


class TestFaultAfterEachStep:
    @pytest.mark.parametrize("step", STEPS)
    def test_all_else_is_there(self, file, tmp_path, capsys, monkeypatch, no_figures, step):
        owner, method, expected = STEPS[step]
        broken = property(fail) if isinstance(getattr(owner, method), cached_property) else fail
        monkeypatch.setattr(owner, method, broken)
        assert main(["run", str(file), "-o", str(tmp_path / "out"), *QUICK, "-q"]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        line = f"hs-nmfcluster: {step} could not be made, all else goes on: RuntimeError: the roof"
        assert line in printed.err
        found = open_all(tmp_path / "out")
        assert expected | {"summary.json", "failures.txt"} <= found
        assert ("mean_pattern.hspy" in found) == (method != "get_mean_pattern")
        summary = summary_of(tmp_path / "out")
        assert step in summary["failed"]
        assert set(summary["files"]) == found
        assert summary["mse"] > 0
        assert "roof fell in" in (tmp_path / "out" / "failures.txt").read_text(encoding="utf-8")

    @pytest.mark.parametrize("step", ["phases", "results.emd"])
    def test_what_was_asked_for(self, file, tmp_path, capsys, monkeypatch, no_figures, step):
        (tmp_path / "fcc.cif").write_text(CIF)
        asked = {"phases": ["--phases", str(tmp_path / "fcc.cif")], "results.emd": ["--emd"]}[step]
        if step == "phases":
            monkeypatch.setattr(Groups, "match_phases", fail)
        else:
            monkeypatch.setattr("hs_nmfcluster.cli.products.save_emd", fail)
        folder = tmp_path / "out"
        assert main(["run", str(file), "-o", str(folder), *QUICK, "-q", "--report", *asked]) == 1
        line = f"hs-nmfcluster: {step} could not be made, all else goes on: RuntimeError: the roof"
        assert line in capsys.readouterr().err
        found = open_all(folder)
        answers = {"spacings.csv", "orientations.csv", "crystallinity.csv", "report.html"}
        assert OF_FACTORIZATION | OF_GROUPS | answers | {"failures.txt"} <= found
        assert not {"phases.csv", "results.emd"} & found
        assert list(summary_of(folder)["failed"]) == [step]
        assert set(summary_of(folder)["files"]) == found

    @pytest.mark.slow
    def test_a_figure(self, file, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(LatticeSpacings, "plot", fail)
        arguments = ["-o", str(tmp_path), *QUICK, "-q", "--figure-format", "png", "svg", "--report"]
        assert main(["run", str(file), *arguments]) == 1
        found = open_all(tmp_path)
        assert {"groups.png", "groups.svg", "residual.png"} <= found
        assert not {"spacings.png", "spacings.svg"} & found
        assert capsys.readouterr().err.count("spacings.png") == 1
        report = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert '<figure id="figure-groups">' in report
        assert '<figure id="spacings">' not in report

    def test_the_report(self, file, tmp_path, capsys, monkeypatch, no_figures):
        monkeypatch.setattr("hs_nmfcluster.cli.products.page", fail)
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, "--report"]) == 1
        assert open_all(tmp_path) >= OF_FACTORIZATION | OF_GROUPS
        assert "report.html" in capsys.readouterr().err

    def test_the_summary(self, file, tmp_path, capsys, monkeypatch, no_figures):
        monkeypatch.setattr("hs_nmfcluster.cli.outputs.summarise", fail)
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, "-q"]) == 1
        assert open_all(tmp_path) >= OF_FACTORIZATION | OF_GROUPS
        assert capsys.readouterr().err.count("\n") == 1
        assert summary_of(tmp_path)["failed"]

    def test_the_factorization_itself(self, file, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(NMFDiffraction2D, "decompose_als_nmf", fail)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        folder = tmp_path / "out"
        assert main(["run", str(file), "-o", str(folder), *QUICK]) == 3
        error = capsys.readouterr().err
        assert "RuntimeError: the roof fell in" in error
        assert error.count("\n") == 1
        assert open_all(folder) == set()
        traceback = Path(error.split(" in ")[-1].strip())
        assert "decompose_als_nmf" in traceback.read_text(encoding="utf-8")

    @pytest.mark.parametrize("written", [0, 1, 4, 12])
    def test_full_disk(self, file, tmp_path, capsys, monkeypatch, no_figures, written):
        from hs_nmfcluster.cli import folder as module

        write, done = module.written_whole, []

        @contextmanager
        def written_whole(path):
            if path.name != "summary.json":
                if len(done) == written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
                done.append(path.name)
            with write(path) as temporary:
                yield temporary

        monkeypatch.setattr(module, "written_whole", written_whole)
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, "-q"]) == 1
        assert "No space left" in capsys.readouterr().err
        assert open_all(tmp_path) == {*done, "summary.json"}
        assert set(summary_of(tmp_path)["files"]) == {*done, "summary.json"}
        if written:
            assert done[0] == "factorization.hspy"


KILLED = """
    import os, signal, sys
    from hs_nmfcluster.cli import commands, main
    from hs_nmfcluster.cli.folder import OutputFolder

    write = OutputFolder.write

    def run(after, arguments):
        left = [after]

        def write_some(self, product):
            def kill(path):
                product.write(path)
                os.kill(os.getpid(), signal.SIGKILL)

            left[0] -= product.name not in ("summary.json", *self.names)
            write(self, type(product)(product.name, kill) if left[0] < 0 else product)

        OutputFolder.write = write_some
        main(arguments)

    for after in map(int, sys.argv[2].split()):
        child = os.fork()
        if not child:
            run(after, [*sys.argv[3:], "-o", os.path.join(sys.argv[1], str(after))])
            os._exit(0)
        print(os.waitpid(child, 0)[1])
"""
# In how many files a run is killed: the first, … those of groups and answers, a figure.
AFTER = (0, 1, 9, 14, 20, 26)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.slow
class TestKilled:
    @pytest.fixture(scope="class")
    @staticmethod
    def folders(file, tmp_path_factory):
        """Of runs that were killed, each in another file."""
        folder = tmp_path_factory.mktemp("killed")
        arguments = [str(folder), " ".join(map(str, AFTER)), "run", str(file), *QUICK, "-q"]
        script = [sys.executable, "-c", textwrap.dedent(KILLED), *arguments]
        done = subprocess.run(script, capture_output=True, text=True, check=False)
        assert done.stdout.split() == ["9"] * len(AFTER), done.stderr
        return folder

    @pytest.mark.parametrize("after", AFTER)
    def test_what_was_there_is_whole_and_the_next_run_goes(self, file, folders, no_figures, after):
        folder = folders / str(after)
        unfinished = [p for p in folder.iterdir() if p.name.startswith(".")]
        assert len(unfinished) == 2, unfinished
        there = {p.name for p in folder.iterdir() if p not in unfinished}
        assert len(there - {"summary.json"}) == after
        assert there <= set(summary_of(folder)["files"])
        if after:
            assert hs_nmfcluster.load(folder / "factorization.hspy").n_components == 2
        arguments = ["run", str(file), "-o", str(folder), *QUICK, "-q"]
        assert main([*arguments, "--groups", "2"]) == 0
        assert summary_of(folder)["failed"] == {}
        assert open_all(folder) >= OF_FACTORIZATION | OF_GROUPS


class TestFolder:
    def test_another_file_of_the_same_name_is_refused(
        self, tmp_path, monkeypatch, capsys, no_figures
    ):
        monkeypatch.chdir(tmp_path)
        for day in ("monday", "tuesday"):
            save_scan(tmp_path / day / "scan.hspy", counts((4, 5, 16, 18), seed=len(day)))
        assert main(["run", "monday/scan.hspy", *QUICK, "-q"]) == 0
        before = (tmp_path / "scan_nmf" / "factorization.hspy").read_bytes()
        assert main(["run", "tuesday/scan.hspy", *QUICK, "-q"]) == 2
        error = capsys.readouterr().err
        assert str(tmp_path / "monday" / "scan.hspy") in error
        assert "--overwrite" in error
        assert (tmp_path / "scan_nmf" / "factorization.hspy").read_bytes() == before
        assert main(["run", "tuesday/scan.hspy", *QUICK, "-q", "--overwrite"]) == 0
        assert summary_of(tmp_path / "scan_nmf")["source"].endswith("tuesday/scan.hspy")

    def test_a_second_run_leaves_nothing_of_the_first(self, file, tmp_path, capsys, no_figures):
        mine = tmp_path / "notes.txt"
        mine.write_text("mine")
        arguments = ["run", str(file), "-o", str(tmp_path)]
        assert main([*arguments, "-k", "3", "--restarts", "1", "--report"]) == 0
        first = open_all(tmp_path)
        assert main([*arguments, "-k", "1", "--restarts", "1"]) == 0
        assert "are replaced" in capsys.readouterr().out
        second = open_all(tmp_path)
        assert {"tree.hspy", "report.html", "groups.csv"} <= first - second
        assert second == {*summary_of(tmp_path)["files"], "notes.txt"}
        assert mine.read_text() == "mine"

    def test_a_second_run_that_is_refused_leaves_the_first(self, file, tmp_path, no_figures):
        arguments = ["run", str(file), "-o", str(tmp_path), *QUICK, "-q"]
        assert main(arguments) == 0
        first = {path: path.read_bytes() for path in tmp_path.iterdir()}
        assert main([*arguments, "--center", "99", "3"]) == 2
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == first

    def test_what_is_not_ours_stays(self, file, tmp_path, capsys, no_figures):
        mine = tmp_path / "maps.tif"
        mine.write_text("mine")
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, "-q"]) == 1
        assert "maps.tif" in capsys.readouterr().err
        assert mine.read_text() == "mine"
        assert "maps.tif" not in summary_of(tmp_path)["files"]

    @pytest.mark.parametrize("text", ["{}", "no JSON", "[]", '{"files": 3}'])
    def test_a_summary_of_something_else(self, file, tmp_path, capsys, text):
        (tmp_path / "summary.json").write_text(text)
        assert main(["run", str(file), "-o", str(tmp_path), *QUICK, "-q"]) == 2
        assert "no summary that this program has written" in capsys.readouterr().err
        assert (tmp_path / "summary.json").read_text() == text

    def test_one_run_at_a_time(self, file, tmp_path, capsys):
        arguments = ["run", str(file), "-o", str(tmp_path), *QUICK]
        with output_folder(tmp_path, str(file)):
            assert main(arguments) == 2
        error = capsys.readouterr().err
        assert "Another run is writing" in error
        assert f"process {os.getpid()}" in error
        assert not list(tmp_path.iterdir())

    def test_lock_of_a_process_that_runs_no_more(self, tmp_path):
        lock = tmp_path / ".hs-nmfcluster.lock"
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        lock.write_text(json.dumps({"host": platform.node(), "process": process.pid}))
        with output_folder(tmp_path, "scan"):
            assert json.loads(lock.read_text())["process"] == os.getpid()
        assert not lock.exists()

    @pytest.mark.parametrize("text", ['{"host": "elsewhere", "process": 1}', "", "3"])
    def test_lock_of_another_machine(self, tmp_path, text):
        lock = tmp_path / ".hs-nmfcluster.lock"
        lock.write_text(text)
        with (
            pytest.raises(ValueError, match=r"Another run .* remove .*hs-nmfcluster\.lock"),
            output_folder(tmp_path, "scan"),
        ):
            pass
        assert lock.read_text() == text


@pytest.mark.slow
class TestScans:
    """Scans that ended whole runs."""

    def check(self, folder, data, capsys):
        path = save_scan(folder / "scan.hspy", data)
        assert main(["run", str(path), "-o", str(folder / "out"), *QUICK, "-q", "--report"]) == 0
        assert capsys.readouterr().out == ""
        assert summary_of(folder / "out")["failed"] == {}
        assert OF_FACTORIZATION | OF_GROUPS | {"report.html", "residual.png"} <= open_all(
            folder / "out"
        )

    @pytest.mark.parametrize("shape", [(1, 10), (10, 1), (12,)])
    def test_lines(self, tmp_path, capsys, shape):
        self.check(tmp_path, counts((*shape, 16, 18)), capsys)
        reason = summary_of(tmp_path / "out")["not_measured"]["sizes"]
        assert "two axes" in reason

    def test_blank_frames(self, tmp_path, capsys, few_figures):
        data = counts((6, 7, 16, 18))
        data[2, 3:6] = 0
        self.check(tmp_path, data, capsys)

    def test_mostly_negative(self, tmp_path, capsys, few_figures):
        data = counts((4, 5, 16, 18)).astype("i4")
        self.check(tmp_path, data - int(np.quantile(data, 0.8)), capsys)


class TestCodePages:
    @pytest.fixture
    def scan(self, tmp_path):
        """With a beam, of whose mask a line with signs is printed."""
        y, x = np.indices((16, 18))
        beam = 900 * np.exp(-((x - 9) ** 2 + (y - 8) ** 2) / 2)
        return save_scan(tmp_path / "scan.hspy", counts((4, 5, 16, 18)) + beam.astype("u2"))

    @pytest.mark.parametrize("encoding", ["cp1252", "cp932", "ascii"])
    @pytest.mark.parametrize("command", ["run", "help"])
    def test_redirected_output(self, scan, tmp_path, monkeypatch, no_figures, encoding, command):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        if command == "run":
            assert main(["run", str(scan), "-o", str(tmp_path / "out"), *QUICK]) == 0
        else:
            with pytest.raises(SystemExit) as end:
                main(["run", "-h"])
            assert end.value.code == 0
        monkeypatch.undo()
        for stream in streams:
            stream.flush()
        out, err = (stream.buffer.getvalue() for stream in streams)
        assert ("Detector mask: r <= " if command == "run" else "usage") in out.decode(encoding)
        assert b"\r" not in out + err


class TestSteps:
    def test_each_failure_is_said_once(self):
        said, complained = [], []
        steps = Steps(said.append, complained.append)
        assert steps("one", fail) is steps("one", fail) is None
        assert steps.told("two", int, "3") == 3
        assert said == ["3"]
        assert list(steps.failed) == ["one"]
        assert len(complained) == len(steps.tracebacks) == 1

    def test_interrupts_end_it(self):
        def interrupt():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Steps(print, print)("one", interrupt)

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (ValueError("one\n  two"), "one two"),
            (KeyError("x"), "KeyError: 'x'"),
            (AssertionError(), "AssertionError"),
            (MemoryError(), "MemoryError"),
        ],
    )
    def test_in_one_line(self, error, line):
        assert in_one_line(error) == line
