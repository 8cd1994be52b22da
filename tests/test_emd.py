"""Results as py4DSTEM reads them."""

import emdfile
import h5py
import hyperspy.api as hs
import numpy as np
import pytest
from scans import counts, decompose, signal

from hs_nmfcluster.cli import main
from hs_nmfcluster.io.emd import save_emd


@pytest.fixture
def nmf():
    s = signal(counts())
    for axis, units in zip(s.axes_manager._axes, ("nm", "nm", "Å⁻¹", "1 / Å"), strict=True):
        axis.scale, axis.offset, axis.units = 0.5, -1.0, units
    return decompose(s)


def test_every_number_and_calibration(nmf, tmp_path):
    nmf.save_emd(tmp_path / "nmf.emd")
    with h5py.File(tmp_path / "nmf.emd") as file:
        assert (file.attrs["emd_group_type"], file.attrs["version_major"]) == ("file", 1)
        (root,) = file.values()
        assert root.attrs["emd_group_type"] == "root"
        for name, expected, units in (("patterns", nmf.patterns, "A^-1"), ("maps", nmf.maps, "nm")):
            group = root[name]
            np.testing.assert_array_equal(group["data"], expected.data)
            for index, axis in enumerate(expected.axes_manager._axes[1:], start=1):
                first, second = group[f"dim{index}"][:2]
                assert first == pytest.approx(axis.offset)
                assert second - first == pytest.approx(axis.scale)
                assert group[f"dim{index}"].attrs["units"] == units
        assert root["patterns/dim1"].attrs["name"] == "Qx"
        assert root["maps/dim2"].attrs["name"] == "Ry"


def test_hyperspy_reads_it(nmf, tmp_path):
    nmf.save_emd(tmp_path / "nmf.emd")
    loaded = {s.metadata.General.title: s for s in hs.load([str(tmp_path / "nmf.emd")])}
    np.testing.assert_array_equal(loaded["patterns"].data, nmf.patterns.data)
    np.testing.assert_array_equal(loaded["maps"].data, nmf.maps.data)


def test_emdfile_reads_it(nmf, tmp_path):
    """The library by which py4DSTEM reads its files."""
    nmf.save_emd(tmp_path / "nmf.emd")
    array = emdfile.read(str(tmp_path / "nmf.emd"), emdpath="hs_nmfcluster/patterns")
    np.testing.assert_array_equal(array.data, nmf.patterns.data)
    assert list(array.dim_units[1:]) == ["A^-1", "A^-1"]
    assert list(array.dim_names[1:]) == ["Qx", "Qy"]
    np.testing.assert_allclose(array.dims[2], nmf.patterns.axes_manager[1].axis)


def test_uncalibrated_lines(tmp_path):
    line = hs.signals.Signal1D(np.arange(6.0).reshape(2, 3))
    save_emd(tmp_path / "line.emd", {"maps": line})
    with h5py.File(tmp_path / "line.emd") as file:
        group = file["hs_nmfcluster/maps"]
        assert group["dim1"].attrs["units"] == "pixels"
        assert group["dim1"].attrs["name"] == "Rx"


@pytest.mark.slow
def test_command_line(tmp_path):
    signal(counts()).save(tmp_path / "scan.hspy")
    arguments = ["-o", str(tmp_path / "out"), "-q", "-k", "2", "--restarts", "1", "--emd"]
    assert main(["run", str(tmp_path / "scan.hspy"), *arguments]) == 0
    with h5py.File(tmp_path / "out" / "results.emd") as file:
        assert {"patterns", "maps", "group_patterns", "mean_pattern"} <= set(file["hs_nmfcluster"])
