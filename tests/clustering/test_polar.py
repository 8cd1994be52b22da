import numpy as np
import pytest

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.scan.detector import Detector

DETECTOR = Detector((64, 60), center=(30.3, 31.1))


class TestCovering:
    def test_default_covers_inscribed_circle_with_one_bin_per_pixel(self):
        grid = PolarGrid.covering(DETECTOR)
        assert grid.shape == (29, 360)
        assert grid.radii[0] - grid.radial_step / 2 == 0
        assert grid.radii[-1] + grid.radial_step / 2 == pytest.approx(DETECTOR.inscribed_radius)
        assert grid.angles[1] == 1.0

    def test_range_in_units(self):
        detector = Detector((64, 64), (31.5, 31.5), scale=(0.1, 0.1), units="1/nm")
        grid = PolarGrid.covering(detector, radial_range=(0.5, 2.5))
        assert grid.shape[0] == 20
        assert grid.radii[0] == pytest.approx(0.55)

    @pytest.mark.parametrize("name", ["n_radial", "n_azimuthal"])
    def test_refuses_bad_counts(self, name):
        for value in (0, -3, 1 if name == "n_azimuthal" else 0):
            with pytest.raises(ValueError, match=name):
                PolarGrid.covering(DETECTOR, **{name: value})
        for value in (2.5, True, "8"):
            with pytest.raises(TypeError, match=name):
                PolarGrid.covering(DETECTOR, **{name: value})

    @pytest.mark.parametrize(
        "radial_range", [(5, 5), (-1, 5), (9, 5), (0, np.inf), (np.nan, 5), (500, 600)]
    )
    def test_refuses_bad_range(self, radial_range):
        with pytest.raises(ValueError, match="radial_range"):
            PolarGrid.covering(DETECTOR, radial_range=radial_range)

    @pytest.mark.parametrize("radial_range", [3, (1, 2, 3), ("a", "b")])
    def test_refuses_what_is_no_pair(self, radial_range):
        with pytest.raises(TypeError, match="radial_range"):
            PolarGrid.covering(DETECTOR, radial_range=radial_range)


class TestTransform:
    def test_equals_bilinear_interpolation_where_bins_are_smaller_than_pixels(self):
        rng = np.random.default_rng(0)
        pattern = rng.random(DETECTOR.shape)
        grid = PolarGrid.covering(DETECTOR, radial_range=(3, 20), n_radial=40, n_azimuthal=720)
        r, phi = np.meshgrid(grid.radii, np.deg2rad(grid.angles), indexing="ij")
        x, y = 30.3 + r * np.cos(phi), 31.1 + r * np.sin(phi)
        i, j = y.astype(int), x.astype(int)
        fy, fx = y - i, x - j
        expected = (1 - fy) * ((1 - fx) * pattern[i, j] + fx * pattern[i, j + 1]) + fy * (
            (1 - fx) * pattern[i + 1, j] + fx * pattern[i + 1, j + 1]
        )
        np.testing.assert_allclose(grid.transform(pattern), expected, rtol=1e-12)

    def test_no_pixel_falls_between_coarse_bins(self):
        grid = PolarGrid.covering(DETECTOR, radial_range=(2, 28), n_radial=5, n_azimuthal=12)
        weights = grid.operator.sum(axis=0).reshape(DETECTOR.shape)
        radius = DETECTOR.radius()
        assert (weights[(radius > 3) & (radius < 27)] > 0).all()

    def test_plane_wave_of_the_angle(self):
        radius = DETECTOR.radius()
        x = np.arange(60)
        cosine = np.divide(x - 30.3, radius, out=np.zeros_like(radius), where=radius > 0)
        grid = PolarGrid.covering(DETECTOR, radial_range=(10, 28))
        polar = grid.transform(cosine)
        expected = np.broadcast_to(np.cos(np.deg2rad(grid.angles)), polar.shape)
        np.testing.assert_allclose(polar, expected, atol=0.01)

    def test_spot_appears_at_its_radius_and_angle(self, draw):
        detector = Detector((70, 90), (40.0, 30.0), scale=(0.5, 1.0))
        image = draw.spots(0, [(11.0, 60.0)], shape=(70, 90), center=(40.0, 30.0), scale=(0.5, 1.0))
        polar = PolarGrid.covering(detector, radial_range=(2, 18), n_radial=32).transform(image)
        i, j = np.unravel_index(polar.argmax(), polar.shape)
        assert 2 + (i + 0.5) * 0.5 == pytest.approx(11, abs=0.5)
        assert j == pytest.approx(60, abs=2)

    def test_linear(self):
        rng = np.random.default_rng(1)
        a, b = rng.random((2, *DETECTOR.shape))
        grid = PolarGrid.covering(DETECTOR, n_azimuthal=90)
        np.testing.assert_allclose(
            grid.transform(2 * a - 3 * b), 2 * grid.transform(a) - 3 * grid.transform(b)
        )

    def test_constant_stays_constant(self):
        grid = PolarGrid.covering(DETECTOR, n_radial=7, n_azimuthal=50)
        np.testing.assert_allclose(grid.transform(np.full(DETECTOR.shape, 3.0)), 3.0)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [("f4", "f4"), ("f8", "f8"), ("u2", "f4"), (">u2", "f4"), (">f4", "f4"), ("i4", "f8")],
    )
    def test_dtype(self, given, expected):
        grid = PolarGrid.covering(DETECTOR, n_azimuthal=30)
        polar = grid.transform(np.ones((2, *DETECTOR.shape), dtype=given))
        assert polar.dtype == np.dtype(expected)
        assert polar.dtype.isnative

    def test_any_number_of_leading_axes(self):
        patterns = np.random.default_rng(2).random((2, 3, 4, *DETECTOR.shape))
        grid = PolarGrid.covering(DETECTOR, n_azimuthal=30)
        polar = grid.transform(patterns)
        assert polar.shape == (2, 3, 4, *grid.shape)
        np.testing.assert_array_equal(polar[1, 2, 3], grid.transform(patterns[1, 2, 3]))

    def test_beyond_the_detector_is_nan(self):
        grid = PolarGrid.covering(DETECTOR, radial_range=(0, 45), n_azimuthal=72)
        polar = grid.transform(np.ones(DETECTOR.shape))
        np.testing.assert_allclose(polar[np.isfinite(polar)], 1)
        assert np.isnan(polar[-1]).all()
        assert np.isfinite(polar[:28]).all()
        # The corners reach farther than the sides.
        assert np.isfinite(polar[38]).any()
        assert np.isnan(polar[38]).any()

    def test_masked_pixels_do_not_count(self):
        rng = np.random.default_rng(3)
        patterns = 5 + rng.random((3, *DETECTOR.shape))
        masked = patterns.copy()
        masked[:, DETECTOR.radius() < 6] = np.nan
        grid = PolarGrid.covering(DETECTOR)
        polar, full = grid.transform(masked), grid.transform(patterns)
        assert np.isnan(polar[:, :5]).all()
        np.testing.assert_allclose(polar[:, 8:], full[:, 8:])
        measured = polar[np.isfinite(polar)]
        assert measured.min() >= 5
        assert measured.max() <= 6

    def test_masks_of_their_own(self):
        patterns = np.ones((2, *DETECTOR.shape))
        patterns[0, 20:30, 40:50] = np.nan
        patterns[1, :20] = np.nan
        grid = PolarGrid.covering(DETECTOR, n_azimuthal=90)
        polar = grid.transform(patterns)
        for one, alone in zip(polar, patterns, strict=True):
            np.testing.assert_array_equal(one, grid.transform(alone))
        assert (np.isnan(polar[0]) != np.isnan(polar[1])).any()
        np.testing.assert_allclose(polar[np.isfinite(polar)], 1)

    def test_half_measured_bins_are_kept(self):
        pattern = np.ones((3, 3))
        pattern[1, 2] = np.nan
        grid = PolarGrid.covering(Detector((3, 3), (1, 1)), radial_range=(0, 1), n_radial=10)
        along_x = grid.transform(pattern)[:, 0]
        np.testing.assert_array_equal(np.isnan(along_x), grid.radii > 0.5)

    def test_refuses_another_shape(self):
        with pytest.raises(ValueError, match="shape"):
            PolarGrid.covering(DETECTOR).transform(np.ones((60, 64)))

    @pytest.mark.parametrize("shape", [(1, 40), (40, 1)])
    def test_detector_of_one_row(self, shape):
        detector = Detector(shape, ((shape[1] - 1) / 2, (shape[0] - 1) / 2))
        grid = PolarGrid.covering(detector, radial_range=(1, 15), n_azimuthal=8)
        polar = grid.transform(np.full(shape, 2.0))
        np.testing.assert_allclose(polar[np.isfinite(polar)], 2.0)
        assert np.isfinite(polar).any()
