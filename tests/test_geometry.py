"""Beam centre, rings, virtual images and polar patterns against truth and plain sums."""

from dataclasses import replace

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from scans import CHUNKS, counts, signal

from hs_nmfcluster.clustering.averages import rotated_average
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.spots import find_spots
from hs_nmfcluster.scan.beam import estimate_beam_center
from hs_nmfcluster.scan.detector import Detector, as_distortion

SIZE = (96, 128)


def gaussian(center, shape=SIZE, sigma=2.5):
    y, x = np.indices(shape)
    return np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / (2 * sigma**2))


def disk(center, shape=SIZE, radius=8.0, over=8):
    """Disk whose edge pixels are covered in part, sampled on a finer grid."""
    fine = (np.arange(over) + 0.5) / over - 0.5
    y = np.arange(shape[0])[:, None] + fine
    x = np.arange(shape[1])[:, None] + fine
    inside = (x.ravel()[None, :] - center[0]) ** 2 + (y.ravel()[:, None] - center[1]) ** 2
    inside = (inside <= radius**2).reshape(shape[0], over, shape[1], over)
    return inside.mean(axis=(1, 3))


def halo(center, shape=SIZE):
    y, x = np.indices(shape)
    return np.exp(-((np.hypot(x - center[0], y - center[1]) - 25) ** 2) / 30)


CENTERS = [(63.5, 47.5), (60.27, 50.83), (70.0, 40.5), (30.6, 60.2), (101.4, 25.9)]


class TestEstimateBeamCenter:
    @pytest.mark.parametrize("center", CENTERS)
    @pytest.mark.parametrize("draw", [gaussian, disk])
    def test_without_noise(self, draw, center):
        np.testing.assert_allclose(estimate_beam_center(draw(center)), center, atol=0.02)

    @pytest.mark.parametrize("center", CENTERS)
    @pytest.mark.parametrize("draw", [gaussian, disk])
    def test_with_noise_halo_and_hot_pixel(self, draw, center):
        rng = np.random.default_rng(0)
        pattern = rng.poisson(2000 * draw(center) + 15 * halo(center) + 5).astype(float)
        pattern[80, 10] = 1e6
        np.testing.assert_allclose(estimate_beam_center(pattern), center, atol=0.1)

    @pytest.mark.parametrize("radius", [2.0, 12.0, 30.0, 42.0])
    def test_disks_of_any_size(self, radius):
        center = (61.3, 48.2)
        pattern = np.random.default_rng(1).poisson(300 * disk(center, radius=radius) + 2)
        np.testing.assert_allclose(estimate_beam_center(pattern), center, atol=0.1)

    @pytest.mark.parametrize("radius", [28.0, 30.5])
    def test_disk_that_fills_the_detector(self, radius):
        center = (31.8, 31.2)
        pattern = np.random.default_rng(1).poisson(300 * disk(center, (64, 64), radius) + 2)
        np.testing.assert_allclose(estimate_beam_center(pattern), center, atol=0.1)

    @pytest.mark.parametrize("sigma", [0.7, 1.5, 6.0, 12.0])
    def test_spots_of_any_size(self, sigma):
        center = (61.3, 48.2)
        pattern = np.random.default_rng(2).poisson(3000 * gaussian(center, sigma=sigma) + 2)
        np.testing.assert_allclose(estimate_beam_center(pattern), center, atol=0.1)

    @pytest.mark.parametrize("shape", [(30, 200), (200, 30), (31, 33), (20, 20)])
    def test_detectors_of_any_shape(self, shape):
        center = (shape[1] / 2 - 1.3, shape[0] / 2 + 0.4)
        found = estimate_beam_center(gaussian(center, shape, sigma=1.5))
        np.testing.assert_allclose(found, center, atol=0.02)

    @pytest.mark.parametrize("center", [(3.0, 40.0), (60.0, 92.5), (125.0, 3.5)])
    def test_disk_cut_by_the_edge(self, center):
        found = estimate_beam_center(disk(center, radius=10.0))
        np.testing.assert_allclose(found, center, atol=0.5)

    @pytest.mark.parametrize("offset", [-300.0, 1e4])
    def test_dark_level(self, offset):
        center = (61.3, 48.2)
        found = estimate_beam_center(500 * gaussian(center) + offset)
        np.testing.assert_allclose(found, center, atol=0.05)

    @pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "f2", ">f4"])
    def test_dtypes(self, dtype):
        center = (61.3, 48.2)
        pattern = (250 * gaussian(center, sigma=4)).astype(dtype)
        np.testing.assert_allclose(estimate_beam_center(pattern), center, atol=0.05)

    @pytest.mark.parametrize("value", [0.0, 7.0, -3.0])
    def test_middle_without_a_beam(self, value):
        assert estimate_beam_center(np.full((11, 20), value)) == (9.5, 5.0)

    def test_middle_of_pure_noise(self):
        noise = np.random.default_rng(0).normal(0, 100, (128, 100))
        assert estimate_beam_center(noise) == (49.5, 63.5)

    def test_nan_in_the_pattern(self):
        center = (61.3, 48.2)
        pattern = gaussian(center)
        pattern[5, 5:20] = np.nan
        np.testing.assert_allclose(estimate_beam_center(pattern), center, atol=0.02)

    @pytest.mark.parametrize("chunks", [None, (2, 1, 40, 50)])
    def test_of_a_scan(self, chunks):
        center = (61.3, 48.2)
        rng = np.random.default_rng(3)
        data = rng.poisson(50 * gaussian(center) + 1, (3, 4, *SIZE)).astype("u2")
        found = signal(data, chunks).estimate_beam_center()
        np.testing.assert_allclose(found, center, atol=0.1)
        assert all(type(c) is float for c in found)


class TestWhichCenter:
    """The zero of calibrated axes counts before an estimate, an argument before both."""

    def scan(self, offset=None):
        data = np.stack([disk((30.0, 14.0), (40, 50), radius=4)] * 3)
        s = signal(data)
        for axis in s.axes_manager.signal_axes:
            axis.scale, axis.units = 0.5, "mrad"
        if offset is not None:
            kx, ky = s.axes_manager.signal_axes
            kx.offset, ky.offset = offset
        return s

    def center_of(self, s, **kwargs):
        """Centre of gravity of the pixels in a small ring around it."""
        ring = ~s.get_detector_mask(0, 2, **kwargs).data
        return tuple(np.argwhere(ring).mean(axis=0)[::-1])

    def test_corner_zero_means_estimated(self):
        np.testing.assert_allclose(self.center_of(self.scan()), (30, 14), atol=0.1)

    def test_zero_inside_counts(self):
        assert self.center_of(self.scan(offset=(-10.0, -11.0))) == (20, 22)

    @pytest.mark.parametrize("offset", [(5.0, -11.0), (-10.0, 3.0), (-100.0, -11.0)])
    def test_zero_outside_does_not(self, offset):
        np.testing.assert_allclose(self.center_of(self.scan(offset)), (30, 14), atol=0.1)

    @pytest.mark.parametrize("offset", [None, (-10.0, -11.0)])
    def test_argument_overrides(self, offset):
        assert self.center_of(self.scan(offset), center=(25, 20)) == (25, 20)

    def test_negative_scale(self):
        s = self.scan()
        for axis, zero in zip(s.axes_manager.signal_axes, (20, 22), strict=True):
            axis.scale, axis.offset = -0.5, 0.5 * zero
        assert self.center_of(s) == (20, 22)

    @pytest.mark.parametrize("scale", [0.0, np.nan])
    def test_scale_of_no_use(self, scale):
        s = self.scan()
        s.axes_manager[-1].scale = scale
        kept = ~s.get_detector_mask(0, 3, center=(25, 20)).data
        y, x = np.indices((40, 50))
        np.testing.assert_array_equal(kept, np.hypot(x - 25, y - 20) <= 3)
        np.testing.assert_allclose(self.center_of(s), (30, 14), atol=0.1)

    def test_units_of_radii(self):
        s = self.scan()
        kept = ~s.get_detector_mask(2, 4, center=(25, 20)).data
        y, x = np.indices((40, 50))
        r = 0.5 * np.hypot(x - 25, y - 20)
        np.testing.assert_array_equal(kept, (r >= 2) & (r <= 4))

    def test_axes_of_different_scale(self):
        s = self.scan()
        s.axes_manager[-1].scale = 0.25
        kept = ~s.get_detector_mask(0, 3, center=(25, 20)).data
        y, x = np.indices((40, 50))
        np.testing.assert_array_equal(kept, np.hypot(0.5 * (x - 25), 0.25 * (y - 20)) <= 3)

    def test_decomposition_takes_the_same(self):
        arguments = {
            "signal_mask": None,
            "restarts": 1,
            "print_info": False,
            "show_progressbar": False,
        }
        nmf = self.scan(offset=(-10.0, -11.0)).decompose_als_nmf(1, **arguments)
        assert nmf.center == (20, 22)
        nmf = self.scan().decompose_als_nmf(1, **arguments)
        np.testing.assert_allclose(nmf.center, (30, 14), atol=0.1)
        nmf = self.scan(offset=(-10.0, -11.0)).decompose_als_nmf(1, center=(3, 4), **arguments)
        assert nmf.center == (3, 4)

    def test_clustering_takes_the_one_of_the_decomposition(self):
        s = signal(np.random.default_rng(0).poisson(20, (4, 5, 40, 50)))
        s.decompose_als_nmf(
            3,
            center=(25, 18),
            restarts=1,
            max_iterations=3,
            print_info=False,
            show_progressbar=False,
        )
        assert s.hierarchical_cluster(show_progressbar=False).grid.detector.center == (25, 18)


class TestDetectorMask:
    def test_is_a_signal_with_the_detector_axes(self):
        s = signal(counts())
        kx, ky = s.axes_manager.signal_axes
        kx.scale, kx.offset, kx.units, kx.name = 0.1, -0.4, "1/nm", "kx"
        ky.scale, ky.offset, ky.units, ky.name = 0.1, -0.3, "1/nm", "ky"
        mask = s.get_detector_mask(0.1, 0.2)
        assert mask.data.dtype == bool
        assert mask.axes_manager.signal_shape == s.axes_manager.signal_shape
        for found, expected in zip(
            mask.axes_manager.signal_axes, s.axes_manager.signal_axes, strict=True
        ):
            assert found.get_axis_dictionary() == expected.get_axis_dictionary()

    def test_radius_on_the_edge_is_kept(self):
        s = signal(np.ones((2, 7, 7)))
        for axis in s.axes_manager.signal_axes:
            axis.scale = 0.1
        kept = ~s.get_detector_mask(0.1, 0.3, center=(3, 3)).data
        assert kept[3, 0]
        assert kept[3, 6]
        assert kept[2, 3]
        assert not kept[3, 3]

    def test_infinite_outer_radius(self):
        mask = signal(np.ones((2, 7, 7))).get_detector_mask(2, np.inf, center=(3, 3))
        assert not mask.data[0, 0]

    def test_single_pattern(self):
        s = signal(np.ones((7, 7)))
        assert (~s.get_detector_mask(0, 1, center=(3, 3)).data).sum() == 5


SCANS = {
    "two axes": (5, 6),
    "one axis": (30,),
    "one row": (1, 30),
    "three axes": (2, 3, 5),
}


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "f4"])
class TestSums:
    def make(self, scan, lazy, dtype):
        data = counts().reshape(*scan, 7, 9).astype(dtype)
        return data, signal(data, (*(2 for _ in scan), 3, 4) if lazy else None)

    def test_virtual_image(self, scan, lazy, dtype):
        data, s = self.make(scan, lazy, dtype)
        s.axes_manager[0].name, s.axes_manager[0].scale = "x", 2.5
        image = s.get_virtual_image(1, 2.5, center=(4, 3))
        y, x = np.indices((7, 9))
        r = np.hypot(x - 4, y - 3)
        expected = data[..., (r >= 1) & (r <= 2.5)].astype(float).sum(axis=-1)
        np.testing.assert_allclose(image.data, expected)
        assert image.data.shape == scan
        assert not image._lazy
        assert image.axes_manager["x"].scale == 2.5

    def test_mean_pattern(self, scan, lazy, dtype):
        data, s = self.make(scan, lazy, dtype)
        mean = s.get_mean_pattern()
        np.testing.assert_allclose(mean.data, data.astype(float).reshape(-1, 7, 9).mean(axis=0))
        assert mean.axes_manager.navigation_dimension == 0
        assert type(mean).__name__ == "NMFDiffraction2D"


class TestVirtualImage:
    def test_integers_do_not_overflow(self):
        image = signal(np.full((2, 3, 30, 30), 255, dtype="u1")).get_virtual_image(
            0, np.inf, center=(15, 15)
        )
        assert (image.data == 255 * 900).all()

    def test_class_follows_the_scan(self):
        assert type(signal(counts()).get_virtual_image(0, 1)) is hs.signals.Signal2D
        line = signal(counts().reshape(30, 7, 9))
        assert type(line.get_virtual_image(0, 1)) is hs.signals.Signal1D


class TestMeanPattern:
    def test_nan_is_not_counted(self):
        data = counts().astype("f4")
        data[0, 0, 2, 2] = np.nan
        mean = signal(data).get_mean_pattern().data
        np.testing.assert_allclose(mean, np.nanmean(data, axis=(0, 1)), rtol=1e-6)


class TestPolarTransform:
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_lazy_stays_lazy_and_equals_eager(self, chunks):
        arguments = {"center": (4.2, 3.1), "n_azimuthal": 36}
        eager = signal(counts()).polar_transform(**arguments)
        lazy = signal(counts(), chunks).polar_transform(**arguments)
        assert lazy._lazy
        assert isinstance(lazy.data, da.Array)
        assert not eager._lazy
        assert lazy.data.dtype == eager.data.dtype
        np.testing.assert_allclose(lazy.data.compute(), eager.data, rtol=1e-6)
        assert lazy.axes_manager.shape == eager.axes_manager.shape

    def test_nothing_is_computed(self):
        def fail(_):
            raise AssertionError("computed")

        data = da.zeros((4, 5, 20, 20), chunks=(2, 2, 20, 20)).map_blocks(
            fail, dtype=float, meta=np.empty((0,) * 4)
        )
        s = signal(np.zeros((1, 1, 2, 2)), (1, 1, 2, 2))._deepcopy_with_new_data(data)
        s.axes_manager = signal(np.zeros((4, 5, 20, 20))).axes_manager
        assert s.polar_transform(center=(9, 9))._lazy

    @pytest.mark.parametrize("scan", [*SCANS.values(), ()])
    def test_scans_of_any_shape(self, scan):
        data = counts((*scan, 21, 31)) if scan else counts((1, 21, 31))[0]
        s = signal(data)
        polar = s.polar_transform(center=(15, 10), n_azimuthal=12)
        assert polar.data.shape == (*scan, 10, 12)
        assert polar.axes_manager.navigation_shape == s.axes_manager.navigation_shape

    def test_axes(self):
        s = signal(np.ones((3, 41, 51), dtype="f4"))
        for axis in s.axes_manager.signal_axes:
            axis.scale, axis.units = 0.2, "1/nm"
        s.axes_manager[0].scale, s.axes_manager[0].units = 3.0, "nm"
        polar = s.polar_transform(center=(25, 20), radial_range=(1, 3), n_azimuthal=90)
        phi, r = polar.axes_manager.signal_axes
        assert (r.name, r.units) == ("r", "1/nm")
        assert (phi.name, phi.units) == ("phi", "°")
        assert r.axis[0] >= 1
        assert r.axis[-1] <= 3
        np.testing.assert_allclose(phi.axis, np.arange(0, 360, 4))
        assert polar.axes_manager[0].scale == 3.0
        np.testing.assert_allclose(polar.data, 1, rtol=1e-6)

    @pytest.mark.parametrize("angle", [0, 30, 135, 260])
    def test_a_spot_is_found_at_its_angle(self, angle):
        """Degrees from +x (columns) towards +y (rows, downwards)."""
        phi = np.deg2rad(angle)
        spot = gaussian((60 + 20 * np.cos(phi), 50 + 20 * np.sin(phi)), sigma=1.5)
        polar = signal(spot[None]).polar_transform(center=(60, 50))
        row, column = np.unravel_index(np.nanargmax(polar.data[0]), polar.data.shape[1:])
        assert polar.axes_manager["r"].axis[row] == pytest.approx(20, abs=1)
        assert polar.axes_manager["phi"].axis[column] == pytest.approx(angle, abs=2)


class TestDetector:
    def test_radius(self):
        detector = Detector((3, 5), (1.0, 2.0), scale=(0.5, 2.0))
        assert detector.radius()[0, 3] == pytest.approx(np.hypot(0.5 * 2, 2.0 * 2))

    def test_inscribed(self):
        assert Detector((11, 21), (10, 5)).inscribed_radius == 5
        assert Detector((11, 21), (10, 4)).inscribed_radius == 4
        assert Detector((11, 21), (10, 5), scale=(0.1, 1.0)).inscribed_radius == pytest.approx(1)


#: An ellipse of 4 %, its long axis at 30°.
AXIS = np.deg2rad(30.0)
TURN = np.array([[np.cos(AXIS), -np.sin(AXIS)], [np.sin(AXIS), np.cos(AXIS)]])
STRAIGHTEN = TURN @ np.diag([0.98, 1 / 0.98]) @ TURN.T


class TestDistortion:
    def distorted(self, scale=(0.1, 0.1)):
        return Detector((81, 101), (48.3, 41.2), scale, "1/nm", as_distortion(STRAIGHTEN))

    def test_offsets_are_the_matrix_times_pixels(self):
        detector = self.distorted((0.1, 0.2))
        x, y = np.array([3.0, 60.0]), np.array([70.0, 5.0])
        plain = detector.matrix @ np.stack([x - 48.3, y - 41.2])
        np.testing.assert_allclose(detector.offsets(x, y), plain)
        np.testing.assert_allclose(detector.matrix, STRAIGHTEN @ np.diag([0.1, 0.2]))
        np.testing.assert_allclose(detector.pixels_at(*detector.offsets(x, y)), (x, y))

    def test_inscribed_circle_touches_the_edge(self):
        detector = self.distorted()
        n_v, n_u = detector.shape
        t = np.linspace(0, 1, 2001)
        x = np.concatenate([t * (n_u - 1), t * (n_u - 1), 0 * t, 0 * t + n_u - 1])
        y = np.concatenate([0 * t, 0 * t + n_v - 1, t * (n_v - 1), t * (n_v - 1)])
        nearest = np.hypot(*detector.offsets(x, y)).min()
        assert detector.inscribed_radius == pytest.approx(nearest, rel=1e-5)

    def test_without_distortion_all_is_as_before(self):
        plain = Detector((5, 7), (2.5, 1.5), (0.1, 0.2))
        same = replace(plain, distortion=((1.0, 0.0), (0.0, 1.0)))
        for name in ("inscribed_radius", "pixel", "finest"):
            assert getattr(plain, name) == pytest.approx(getattr(same, name), rel=1e-14)
        np.testing.assert_allclose(plain.radius(), same.radius(), rtol=1e-14)

    def test_ellipse_is_a_circle_in_polar_bins(self):
        detector = self.distorted()
        ring = np.exp(-((detector.radius() / 0.1 - 25) ** 2) / 8)
        grid = PolarGrid.covering(detector, n_radial=38, radial_range=(0, 3.8))
        polar = grid.transform(ring)
        brightest = (polar * grid.radii[:, None]).sum(axis=0) / polar.sum(axis=0)
        assert np.ptp(brightest) < 0.005
        undistorted = PolarGrid.covering(detector.undistorted, n_radial=38, radial_range=(0, 3.8))
        polar = undistorted.transform(ring)
        assert np.ptp((polar * grid.radii[:, None]).sum(axis=0) / polar.sum(axis=0)) > 0.05

    def test_spots_are_found_where_they_would_be_without(self):
        detector = self.distorted()
        angles = np.deg2rad([10, 70, 130, 190, 250, 310])
        x, y = detector.pixels_at(2.5 * np.cos(angles), 2.5 * np.sin(angles))
        pattern = sum(gaussian(spot, detector.shape, 1.5) for spot in zip(x, y, strict=True))
        pattern += 0.001 * np.random.default_rng(0).normal(size=pattern.shape)
        spots = find_spots(pattern, detector)
        np.testing.assert_allclose(spots.radius, 2.5, rtol=1e-3)

    def test_average_of_turned_patterns(self):
        """Crystals in two orientations lie on each other once both are straight."""
        detector = self.distorted()

        def crystal(turn):
            angles = np.deg2rad(turn + np.arange(0, 360, 60))
            places = detector.pixels_at(2.5 * np.cos(angles), 2.5 * np.sin(angles))
            return sum(gaussian(p, detector.shape, 2.0) for p in zip(*places, strict=True))

        turned = rotated_average(crystal(0)[None], np.array([25.0]), detector)
        seen = np.isfinite(turned)
        assert np.corrcoef(turned[seen], crystal(25)[seen])[0, 1] > 0.99
