"""Files written by microscopes, listed with what is wanted of each (not part of the project)."""

import json
import warnings

import hyperspy.api as hs
import numpy as np
import pytest

import hs_nmfcluster
from hs_nmfcluster.cli import main
from hs_nmfcluster.io.reading import NotAScanError, open_scan

# name: extra arguments, shape in array order, dtype
SCANS = {
    "test1.blo": ((), (3, 2, 144, 144), "u1"),
    "subset_data.hspy": ((), (2, 2, 256, 256), "u2"),
    "001_4x2_6bit.mib": ((), (2, 4, 256, 256), "u1"),
    "003_merlin_test_roi_sig256x64_nav4x2_hot_pixel_52x_39y.mib": ((), (2, 4, 64, 256), ">u2"),
    "Quad_9_Frame_CounterDepth_24_Rows_256.mib": ((), (3, 3, 512, 512), ">u4"),
    "topspin_test_B.app5": ((), (3, 7, 31, 26), "f4"),
    "20241021_00405_movie.mrc": ((), (4, 8, 4, 8), "u2"),
    "16x16-diffraction_imagel_5x5x256x256_EDS.emi": ((), (5, 5, 256, 256), "i4"),
    "test_tvips_2345_000.tvips": (("--scan-shape", "3", "2"), (2, 3, 4, 5), "u2"),
    "dm4_stack.dm4": ((), (66, 65, 64), "i2"),
    "Si100_4D.emd": ((), (2, 11, 11, 8, 8), "f4"),
    "16x16-line_profile_horizontal_5x128x128_EDS.emi": ((), (5, 128, 128), "i4"),
    "fpd_file_test.hdf5": ((), (2, 2, 256, 256), ">u2"),
    "test_00_master.h5": ((), (4, 4, 192, 192), "u4"),
    "py4DSTEM_size2x3x4x5.h5": ((), (2, 3, 4, 5), "f4"),
}
# Whose readers know no lazy mode.
READ_WHOLE = ("test_00_master.h5",)
# All counts of it are zero, so that there is nothing to be found.
DARK = "test_00_master.h5"
FIGURES = {
    "scan",
    "components",
    "components_linear",
    "convergence",
    "similarity",
    "dendrogram_sequence",
    "dendrogram_distance",
    "groups",
    "group_map",
    "spacings",
    "residual",
}
REPORTED = ("test1.blo", "dm4_stack.dm4")
# Like others in kind, and large.
NOT_DRAWN = (
    "subset_data.hspy",
    "Quad_9_Frame_CounterDepth_24_Rows_256.mib",
    "16x16-diffraction_imagel_5x5x256x256_EDS.emi",
    "fpd_file_test.hdf5",
)
NOT_SCANS = (
    "complex_stack.dm3",
    "single_image.emd",
    "single_spectrum.emd",
    "notes.txt",
    "does_not_exist.mib",
    "test_12bit_RAW_1frame.mib",
)


def path_of(folder, name):
    path = folder / name
    if name in SCANS and not path.exists():
        pytest.skip(f"{name} is not there")
    return path


class TestList:
    def test_every_listed_file_is_tested(self, real_data):
        listed = {}
        for line in (real_data / "FILES").read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                name, kind, *_ = line.split()
                listed[name] = kind
        assert {n for n, kind in listed.items() if kind == "scan"} == set(SCANS)
        assert {n for n, kind in listed.items() if kind == "no"} == set(NOT_SCANS)


@pytest.mark.parametrize(("name", "wanted"), SCANS.items(), ids=SCANS)
class TestScans:
    def test_opens_lazily(self, real_data, name, wanted):
        extra, shape, dtype = wanted
        scan_shape = tuple(map(int, extra[1:])) or None
        s, found = open_scan(path_of(real_data, name), scan_shape=scan_shape)
        lazy = "" if name in READ_WHOLE else "Lazy"
        assert type(s).__name__ == f"{lazy}NMFDiffraction2D"
        assert s.data.shape == shape
        assert s.data.dtype == np.dtype(dtype)
        assert name in found[0]

    @pytest.mark.slow
    def test_whole_analysis(self, request, real_data, name, wanted, tmp_path, capsys):
        if name in NOT_DRAWN:
            request.getfixturevalue("no_figures")
        if name == DARK:
            pytest.skip("nothing to be found, see TestDark")
        extra, shape, _ = wanted
        path = path_of(real_data, name)
        arguments = ["run", str(path), "-o", str(tmp_path), "-k", "2", "--restarts", "2"]
        arguments += ["--report"] * (name in REPORTED)
        with warnings.catch_warnings():
            warnings.filterwarnings("error", module=r"hs_nmfcluster|numpy|scipy|matplotlib")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="matplotlib")
            assert main([*arguments, *extra]) == 0
        captured = capsys.readouterr()
        # Beside progress, only that counts are negative may be reported.
        for line in captured.err.splitlines():
            assert "negative" in line or "%|" in line, line
        assert f"{shape[-1]} × {shape[-2]} pixels" in captured.out
        names = {p.name for p in tmp_path.iterdir()}
        drawn = {n.removesuffix(".png") for n in names if n.endswith(".png")}
        if name not in NOT_DRAWN:
            assert drawn >= FIGURES
            # Particles need a scan along two axes.
            assert ("sizes" in drawn) == (len(shape) == 4)
        assert ("report.html" in names) == (name in REPORTED)
        assert not [n for n in names if n.startswith(".")]
        nmf = hs_nmfcluster.load(tmp_path / "factorization.hspy")
        assert nmf.patterns.data.shape == (2, *shape[-2:])
        assert nmf.maps.data.shape == (2, *shape[:-2])
        assert np.isfinite(nmf.patterns.data[:, ~nmf.detector_mask]).all()
        assert np.isfinite(nmf.maps.data).all()
        for result in tmp_path.glob("*.hspy"):
            assert hs.load(result).data.size

        def refuse(constant):
            raise AssertionError(constant)

        text = (tmp_path / "summary.json").read_text(encoding="utf-8")
        assert json.loads(text, parse_constant=refuse)["mse"] >= 0


class TestDark:
    def test_says_so_in_one_line(self, real_data, tmp_path, capsys):
        path = path_of(real_data, DARK)
        assert not open_scan(path)[0].data.any()
        assert main(["run", str(path), "-o", str(tmp_path), "-q", "--report"]) == 0
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
        assert summary["answer"].startswith("Nothing found. The data hold no positive value")
        assert {"mean_pattern.hspy", "scan.png", "report.html"} <= set(summary["files"])
        assert "no positive value (the largest is 0)" in error


class TestNotScans:
    @pytest.mark.parametrize("name", NOT_SCANS)
    def test_one_line(self, real_data, name, tmp_path, capsys):
        folder = tmp_path / "out"
        assert main(["run", str(real_data / name), "-o", str(folder)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert name in captured.err
        assert not folder.exists()

    def test_reason(self, real_data):
        for name, reason in (
            ("complex_stack.dm3", "complex"),
            ("single_image.emd", "no navigation axis"),
            ("single_spectrum.emd", "signal dimension is 1"),
            ("does_not_exist.mib", "no such file"),
            ("test_12bit_RAW_1frame.mib", "RAW MIB data not supported"),
        ):
            with pytest.raises(NotAScanError, match=reason):
                open_scan(real_data / name)


class TestSeveralSignals:
    def test_scan_is_chosen_and_said(self, real_data):
        s, (found,) = open_scan(path_of(real_data, "topspin_test_B.app5"))
        assert "signal 0 of" in found
        assert "`dataset` takes another" in found
        assert s.axes_manager.navigation_shape == (7, 3)

    def test_another_is_not_a_scan(self, real_data, capsys):
        path = path_of(real_data, "topspin_test_B.app5")
        assert main(["run", str(path), "--dataset", "1"]) == 2
        assert "signal 1 is not a scan" in capsys.readouterr().err


class TestSeries:
    def test_one_dimensional_without_a_shape(self, real_data):
        s, _ = open_scan(path_of(real_data, "test_tvips_2345_000.tvips"))
        assert s.axes_manager.navigation_shape == (6,)

    def test_wrong_shape(self, real_data):
        with pytest.raises(ValueError, match="`scan_shape`"):
            open_scan(path_of(real_data, "test_tvips_2345_000.tvips"), scan_shape=(4, 2))
