"""What the command line hands out beside its results: report, JSON, formats, help."""

import csv
import json
import os
import re
import subprocess
import sys
from base64 import b64encode

import hyperspy.api as hs
import numpy as np
import pytest
from scans import counts

import hs_nmfcluster
from hs_nmfcluster.cli import main
from hs_nmfcluster.cli.parser import make_parser
from hs_nmfcluster.cli.summary import as_json, summarise
from hs_nmfcluster.report import Findings
from hs_nmfcluster.simulation import linear_mixture

QUICK = ("-k", "3", "--restarts", "2")
CIF = """data_B2
_cell_length_a 3.224
_cell_length_b 3.224
_cell_length_c 3.224
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Zr 0 0 0
Cu 0.5 0.5 0.5
"""


def scan_file(path, units="1/nm", shape=(5, 6, 24, 26)):
    y, x = np.indices(shape[-2:])
    beam = np.random.default_rng(0).poisson(900 * np.exp(-((x - 13) ** 2 + (y - 11) ** 2) / 2))
    s = hs.signals.Signal2D((counts(shape) + beam).astype("u2"))
    for axis in s.axes_manager.signal_axes:
        axis.scale, axis.units = 0.5, units
    s.metadata.General.title = "<script>alert(1)</script>"
    s.save(path)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return scan_file(tmp_path_factory.mktemp("scan") / "glass.hspy")


@pytest.fixture(scope="module")
def cif(tmp_path_factory):
    path = tmp_path_factory.mktemp("phases") / "B2.cif"
    path.write_text(CIF)
    return path


@pytest.fixture(scope="module")
def run(file, cif, tmp_path_factory):
    """A run with everything, as a process of its own."""
    folder = tmp_path_factory.mktemp("run") / "out"
    arguments = ["-o", str(folder), *QUICK, "--json", "--report", "--phases", str(cif)]
    command = "import sys; from hs_nmfcluster.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", command, "run", str(file), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.slow
class TestJson:
    def test_stdout_is_json_and_nothing_else(self, run):
        folder, done = run
        summary = json.loads(done.stdout)
        assert summary["folder"] == str(folder)
        assert set(summary["files"]) == {path.name for path in folder.iterdir()}

    def test_all_else_goes_to_stderr(self, run):
        _, done = run
        for part in ("glass.hspy: scan of 6 × 5", "Beam centre", "Factorization", "Written to"):
            assert part in done.stderr

    def test_same_as_in_the_folder(self, run):
        folder, done = run
        written = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        assert json.loads(done.stdout) == {"folder": str(folder)} | written

    def test_numbers(self, run):
        folder, done = run
        summary = json.loads(done.stdout)
        nmf = hs_nmfcluster.load(folder / "factorization.hspy")
        assert summary["mse"] == nmf.mse
        assert summary["pca_mse"] == nmf.pca_mse
        assert {"title", "text", "serious"} == set(summary["cautions"][0])
        for group in summary["groups"]:
            assert group["components"]
            assert "phase" in group
            assert "spacings" in group

    def test_refusal_leaves_stdout_empty(self, file, tmp_path, capsys):
        assert main(["run", str(file), "-o", str(tmp_path), "-k", "0", "--json"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "`--components`" in captured.err

    def test_what_is_not_known_is_null(self):
        text = as_json({"a": np.array([1.0, np.nan]), "b": np.float64("inf"), "c": (np.int64(2),)})
        assert json.loads(text) == {"a": [1.0, None], "b": None, "c": [2]}

    def test_nothing_found(self):
        assert json.loads(as_json(summarise(Findings())))["cautions"] == []


@pytest.mark.slow
class TestReport:
    def test_is_written(self, run):
        folder, _ = run
        html = (folder / "report.html").read_text(encoding="utf-8")
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "<script>alert" not in html
        assert "<dt>Phase</dt>" in html
        assert "<dt>File</dt><dd>glass.hspy</dd>" in html

    def test_numbers_are_those_of_the_files(self, run):
        folder, _ = run
        html = (folder / "report.html").read_text(encoding="utf-8")
        files = sorted(folder.glob("*.csv"))
        assert len(files) == 7
        for path in files:
            assert f"base64,{b64encode(path.read_bytes()).decode()}" in html
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        assert f'id="answer">{summary["answer"]}' in html.replace("\u00a0", " ")
        with (folder / "groups.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row, group in zip(rows, summary["groups"], strict=True):
            assert row["group"] == group["name"]
            assert row["components"].split() == [str(k) for k in group["components"]]
            assert int(row["particles"]) == group["particles"]["number"]
            mean = group["particles"]["mean_diameter"]
            assert row["mean_diameter"] == ("" if mean is None else str(mean))
        assert summary["settings"]["file"] == "glass.hspy"

    def test_answer_is_that_of_the_methods(self, tmp_path, no_figures, capsys):
        """With twice as many components as there are: on screen, in summary and report."""
        scan, _ = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=4, seed=2)
        scan.save(tmp_path / "scan.hspy")
        nmf = scan.decompose_als_nmf(
            10, restarts=2, random_state=0, print_info=False, show_progressbar=False
        )
        groups = scan.hierarchical_cluster(nmf, show_progressbar=False).cut()
        sizes = groups.particle_sizes()
        assert sum(len(group.particles) for group in sizes) == 4
        folder = tmp_path / "out"
        arguments = ["run", str(tmp_path / "scan.hspy"), "-o", str(folder)]
        assert main([*arguments, "-k", "10", "--restarts", "2", "--report"]) == 0
        said = groups.summary()
        assert said in capsys.readouterr().out
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        assert summary["answer"] == said.splitlines()[0]
        html = (folder / "report.html").read_text(encoding="utf-8")
        assert f'id="answer">{summary["answer"]}' in html.replace("\u00a0", " ")
        share = summary["crystallinity"]
        np.testing.assert_allclose(
            (share["share_in_spots"], share["error"]), groups.crystallinity().in_spots
        )
        for number, group in enumerate(summary["groups"]):
            assert group["components"] == groups[number].components.tolist()
            particles, mean = group["particles"], sizes[number].mean
            assert particles["number"] == len(sizes[number].particles)
            if particles["number"]:
                np.testing.assert_allclose((particles["mean_diameter"], particles["error"]), mean)

    def test_of_a_single_component(self, file, tmp_path):
        arguments = ["run", str(file), "-o", str(tmp_path), "-q", "-k", "1", "--restarts", "1"]
        assert main([*arguments, "--report"]) == 0
        assert "Stability not known" in (tmp_path / "report.html").read_text(encoding="utf-8")

    def test_only_if_asked_for(self, file, tmp_path, no_figures):
        main(["run", str(file), "-o", str(tmp_path), "-q", "-k", "1", "--restarts", "1"])
        assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
class TestFigureFormats:
    def test_several(self, file, tmp_path):
        arguments = ["run", str(file), "-o", str(tmp_path), "-q", "-k", "2", "--restarts", "1"]
        assert main([*arguments, "--figure-format", "svg", "pdf", "svg"]) == 0
        drawn = {path.stem for path in tmp_path.glob("*.svg")}
        assert {"components", "groups", "dendrogram_distance", "residual"} <= drawn
        assert {path.stem for path in tmp_path.glob("*.pdf")} == drawn
        assert not list(tmp_path.glob("*.png"))
        svg = (tmp_path / "convergence.svg").read_text(encoding="utf-8")
        assert re.search(r">Iteration</text>", svg)
        assert "<image" in (tmp_path / "components.svg").read_text(encoding="utf-8")

    def test_unknown_one(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["run", "a.mib", "--figure-format", "gif"])
        assert end.value.code == 2
        assert "gif" in capsys.readouterr().err


class TestMaterials:
    """What would be refused after the long work is refused before it."""

    def refused(self, capsys, arguments, part):
        assert main(["run", *map(str, arguments), *QUICK]) == 2
        captured = capsys.readouterr()
        assert part in captured.err
        assert captured.err.count("\n") == 1
        assert "Factorization" not in captured.out

    def test_no_such_phase(self, file, tmp_path, capsys):
        self.refused(capsys, [file, "-o", tmp_path, "--phases", "none.cif"], "none.cif")

    def test_not_a_phase(self, file, tmp_path, capsys):
        (tmp_path / "bad.cif").write_text("nothing")
        self.refused(capsys, [file, "-o", tmp_path, "--phases", tmp_path / "bad.cif"], "bad.cif")

    @pytest.mark.parametrize(("units", "part"), [("px", "calibrate"), ("mrad", "energy")])
    def test_axes_that_give_no_spacings(self, cif, tmp_path, capsys, units, part):
        path = scan_file(tmp_path / "scan.hspy", units)
        self.refused(capsys, [path, "-o", tmp_path / "out", "--phases", cif], part)

    @pytest.mark.parametrize("option", ["--beam-energy", "--probe-size"])
    @pytest.mark.parametrize("value", ["0", "-1", "nan"])
    def test_values(self, file, tmp_path, capsys, option, value):
        self.refused(capsys, [file, "-o", tmp_path, f"{option}={value}"], f"`{option}`")

    def test_energy_in_volts(self, file, tmp_path, capsys):
        arguments = [file, "-o", tmp_path, "--beam-energy", "300000"]
        self.refused(capsys, arguments, "`--beam-energy` is in kV")

    @pytest.mark.parametrize("from_file", [False, True])
    def test_angles_become_spacings(self, tmp_path, few_figures, from_file):
        path = scan_file(tmp_path / "scan.hspy", "mrad")
        if from_file:
            s = hs.load(path)
            s.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 300.0)
            s.save(path, overwrite=True)
        arguments = ["run", str(path), "-o", str(tmp_path / "out"), *QUICK, "--groups", "1"]
        assert main([*arguments, *([] if from_file else ["--beam-energy", "300"])]) == 0
        summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
        for spacing in summary["groups"][0]["spacings"]:
            assert spacing["d_nm"] == pytest.approx(0.00196874 / (1e-3 * spacing["radius"]), 1e-4)
        assert "No spacings" not in [caution["title"] for caution in summary["cautions"]]


class TestHelp:
    @pytest.mark.parametrize("command", [[], ["run"], ["recut"], ["demo"]])
    def test_examples_and_exit_codes(self, command, capsys):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        text = capsys.readouterr().out
        assert f"hs-nmfcluster {' '.join(command) or 'run'}" in text.split("examples:")[1]
        for code in ("0    done", "1    done, but", "2    the file", "130  interrupted"):
            assert code in text

    @pytest.mark.parametrize("command", ["run", "recut", "demo"])
    def test_examples_are_understood(self, command, capsys):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = capsys.readouterr().out
        examples = re.findall(rf"hs-nmfcluster ({command}\b[^>\n]*)", text.split("examples:")[1])
        assert len(examples) >= 3
        for example in examples:
            make_parser().parse_args(example.split())
