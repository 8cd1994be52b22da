import numpy as np
import pytest

from hs_nmfcluster.materials.peaks import find_peaks
from hs_nmfcluster.materials.rings import find_halo, find_rings
from hs_nmfcluster.materials.spacings import scaled_background
from hs_nmfcluster.materials.spots import Spots, find_spots, radial_median
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation.optics import Microscope
from hs_nmfcluster.simulation.patterns import Halo, PatternPainter, SpotFamily

DETECTOR = Detector((81, 91), center=(44.3, 40.6), scale=(0.1, 0.1), units="1/nm")


def drawn(positions, *, noise=0.01, width=1.4, halo=1.0, seed=0):
    """Gaussian spots (x, y in 1/nm) on a halo."""
    y, x = np.indices(DETECTOR.shape)
    pattern = halo * np.exp(-((DETECTOR.radius() - 2.0) ** 2) / 0.5)
    for u, v in positions:
        px, py = DETECTOR.center[0] + u / 0.1, DETECTOR.center[1] + v / 0.1
        pattern += np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * width**2))
    return pattern + noise * np.random.default_rng(seed).normal(size=pattern.shape)


class TestPeaks:
    def test_shoulder_is_part_of_its_peak(self):
        image = np.array([[0.0, 5, 3.9, 4, 0]])
        assert [peak.summit for peak in find_peaks(image, 1)] == [(0, 1)]

    def test_region_stops_at_half_height(self):
        y, x = np.indices((41, 41))
        cone = np.maximum(12 - np.hypot(x - 20, y - 20), 0)
        (peak,) = find_peaks(cone, 1)
        assert peak.area == pytest.approx(np.pi * 36, rel=0.05)
        assert not peak.at_edge(cone.shape)

    def test_unmeasured_pixels_hold_no_peak(self):
        assert find_peaks(np.full((3, 3), np.nan), 0) == []

    def test_region_larger_than_the_first_window(self):
        image = np.zeros((60, 70))
        image[5:50, 3:60] = 1.0
        image[20, 30] = 1.1
        image[55:, 65:] = 0.9
        assert [peak.area for peak in find_peaks(image, 0.5)] == [45 * 57, 25]

    def test_edge(self):
        image = np.zeros((5, 5))
        image[4, 2] = 1
        assert find_peaks(image, 0.5)[0].at_edge(image.shape)


class TestSpots:
    @pytest.mark.parametrize("halo", [0, 1, 20])
    def test_positions_below_a_twentieth_of_a_pixel(self, halo):
        truth = np.array([[2.03, 0.4], [-2.03, -0.4], [0.5, -3.11]])
        spots = find_spots(drawn(truth, halo=halo), DETECTOR)
        assert len(spots) == 3
        found = np.stack([spots.x, spots.y], axis=1)
        for position in truth:
            assert np.hypot(*(found - position).T).min() < 0.005

    def test_intensity(self):
        spots = find_spots(drawn([[2.0, 1.0]], noise=0.002, halo=0), DETECTOR)
        assert spots.intensity == pytest.approx([2 * np.pi * 1.4**2], rel=0.02)

    @pytest.mark.parametrize("convergence", [0.5, 1.0, 2.0])
    def test_intensity_of_diffraction_discs(self, convergence):
        """Of discs of a convergent beam as much is found as was put in."""
        microscope = Microscope((128, 128), None, 0.16, 300.0, convergence, 0.0)
        detector = microscope.detector
        painter = PatternPainter((128, 128), detector.center, 0.16, microscope.disc_radius)
        crystal = painter.crystal(SpotFamily("A", (0.259, 0.170), 90.0), 13.0)
        pattern = 1e6 * (crystal + 20 * painter.halo(Halo()))
        counts = np.random.default_rng(0).poisson(pattern).astype(float)
        spots = find_spots(counts, detector, radial_range=(1.6, 9.0))
        put_in = 1e6 * crystal[detector.ring(1.6, 9.0)].sum()
        assert len(spots) == 10
        assert spots.intensity.sum() == pytest.approx(put_in, rel=0.02)

    @pytest.mark.parametrize("seed", range(20))
    def test_noise_holds_none(self, seed):
        assert len(find_spots(drawn([], noise=0.3, seed=seed), DETECTOR)) == 0

    @pytest.mark.parametrize("dose", [0.3, 5, 1000])
    def test_few_counts_make_no_rings(self, dose):
        rng = np.random.default_rng(0)
        for _ in range(5):
            pattern = rng.poisson(dose * drawn([], noise=0)).astype(float)
            assert find_rings(find_spots(pattern, DETECTOR), gap=0.05) == ()

    @pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
    def test_flat_patterns_hold_none(self, value):
        assert len(find_spots(np.full(DETECTOR.shape, value), DETECTOR)) == 0

    @pytest.mark.parametrize("at", [(0.0, 0.5), (0.5, 0.3), (0.4, 0.1), (0.0, 0.0)])
    def test_spot_in_a_single_pixel_has_an_uncertainty(self, at):
        """What is narrower than a pixel hardly determines where in it the spot lies."""
        y, x = np.indices((41, 41))
        pattern = np.exp(-((x - 30 - at[0]) ** 2 + (y - 24 - at[1]) ** 2) / (2 * 0.05**2))
        spots = find_spots(pattern, Detector((41, 41), center=(20.0, 20.0)))
        assert len(spots) == 1
        assert 0 < spots.sigma[0] < 1

    def test_spot_cut_by_a_mask_is_left_out(self):
        pattern = drawn([[2.0, 1.0], [-2.0, -1.0]])
        pattern[:, 65:] = np.nan
        assert find_spots(pattern, DETECTOR).x == pytest.approx([-2.0], abs=0.01)

    def test_radial_range(self):
        spots = find_spots(drawn([[1.0, 0.0], [3.0, 0.0]]), DETECTOR, radial_range=(2, 3.5))
        assert spots.radius == pytest.approx([3.0], abs=0.01)

    def test_pixels_that_are_not_square(self):
        detector = Detector((81, 91), center=(45, 40), scale=(0.1, 0.05))
        y, x = np.indices(detector.shape)
        pattern = np.exp(-((x - 65) ** 2 + (y - 60) ** 2) / 4)
        spots = find_spots(pattern, detector)
        assert spots.radius == pytest.approx([np.hypot(2, 1)], abs=1e-3)

    def test_radial_median_of_rings(self):
        rings = np.cos(DETECTOR.radius())
        assert np.abs(radial_median(rings, DETECTOR) - rings).max() < 0.12


class TestRings:
    def spots(self, radii, sigma=0.01):
        n = len(radii)
        return Spots(np.array(radii), np.zeros(n), np.full(n, sigma), *np.ones((2, n)))

    def test_scatter_counts_where_it_is_larger(self):
        (ring,) = find_rings(self.spots([4.0, 4.2], sigma=0.05), gap=0.3)
        assert ring.radius == pytest.approx(4.1)
        assert ring.sigma == pytest.approx(0.1)

    def test_neighbours_are_told_apart(self):
        rings = find_rings(self.spots([4.0, 4.01, 4.5, 4.51]), gap=0.3)
        assert [ring.n_spots for ring in rings] == [2, 2]

    def test_none_of_none(self):
        assert find_rings(self.spots([]), gap=0.3) == ()

    def test_halo_on_a_slope(self):
        r = np.linspace(0.5, 10, 60)
        noise = 0.005 * np.random.default_rng(0).normal(size=r.size)
        profile = np.exp(-((r - 4.1) ** 2) / (2 * 0.55**2)) + 0.5 * np.exp(-r / 2.2) + noise
        halo = find_halo(r, profile)
        assert halo.radius == pytest.approx(4.1, abs=0.03)
        assert halo.width == pytest.approx(2.355 * 0.55, rel=0.1)

    def test_background_is_scaled(self):
        own = np.array([1.0, np.nan, 3.0])
        np.testing.assert_allclose(scaled_background(own, 7 * own), own)
