"""Images as TIFF files that other programs read with their calibration."""

import hyperspy.api as hs
import numpy as np
import pytest
import tifffile

from hs_nmfcluster.cli.products import save_tiff


def images(shape=(3, 5, 6), scales=(1.5, 2.0), offsets=(-3.0, 1.0), units="nm"):
    data = np.random.default_rng(0).random(shape)
    data.flat[0] = np.nan
    kind = hs.signals.Signal1D if len(shape) == 2 else hs.signals.Signal2D
    s = kind(data)
    for axis, scale, offset in zip(s.axes_manager.signal_axes, scales, offsets, strict=False):
        axis.scale, axis.offset, axis.units = scale, offset, units
    return s


@pytest.mark.parametrize(
    "scales", [(1.5, 2.0), (0.002, 0.002), (1e4, 2e4), (1e-9, 3e-9), (1.5, -2.0)]
)
@pytest.mark.parametrize(
    ("units", "written"),
    [("nm", "nm"), ("1 / nm", "1/nm"), ("k_A^-1", "1/Angstrom"), ("µm", "um"), ("mrad", "mrad")],
)
def test_what_other_programs_read(tmp_path, scales, units, written):
    s = images(scales=scales, units=units)
    save_tiff(s, tmp_path / "images.tif")
    with tifffile.TiffFile(tmp_path / "images.tif") as file:
        assert file.is_imagej
        assert file.imagej_metadata["unit"] == written
        assert file.series[0].axes == "ZYX"
        tags = file.pages[0].tags
        for name, scale in zip(("XResolution", "YResolution"), scales, strict=True):
            above, below = tags[name].value
            assert below / above == pytest.approx(abs(scale), rel=1e-3)
        np.testing.assert_array_equal(file.asarray(), s.data.astype("f4"))
    loaded = hs.load([str(tmp_path / "images.tif")])
    np.testing.assert_array_equal(loaded.data, s.data.astype("f4"))
    for axis, expected in zip(
        loaded.axes_manager.signal_axes, s.axes_manager.signal_axes, strict=True
    ):
        assert abs(axis.scale) == pytest.approx(abs(expected.scale), rel=1e-3)
        assert axis.offset == expected.offset


@pytest.mark.parametrize("scale", [0.0, np.nan, np.inf])
def test_without_a_usable_scale(tmp_path, scale):
    save_tiff(images(scales=(scale, 1.0)), tmp_path / "images.tif")
    assert tifffile.imread(tmp_path / "images.tif").shape == (3, 5, 6)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5, 6), (5, 1, 6)), ((2, 3, 5, 6), (6, 5, 6)), ((1, 5, 6), (5, 6)), ((3, 1, 6), (3, 1, 6))],
)
def test_shapes(tmp_path, shape, expected):
    s = images(shape)
    save_tiff(s, tmp_path / "images.tif")
    found = tifffile.imread(tmp_path / "images.tif")
    np.testing.assert_array_equal(found.reshape(expected), s.data.astype("f4").reshape(expected))


def test_one_pattern(tmp_path):
    s = images().inav[1]
    save_tiff(s, tmp_path / "images.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "images.tif"), s.data.astype("f4"))


def test_lazy(tmp_path):
    s = images()
    save_tiff(s.as_lazy(), tmp_path / "images.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "images.tif"), s.data.astype("f4"))
