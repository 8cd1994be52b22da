"""Crystal or matrix: spots against textures whose law is known."""

import numpy as np
import pytest
from scipy import ndimage, stats

from hs_nmfcluster.materials import significance
from hs_nmfcluster.materials.bulk import GammaLaw, log_chance_of_peaks
from hs_nmfcluster.scan.detector import Detector

DETECTOR = Detector((64, 64), (31.3, 32.4))
Y, X = np.mgrid[:64, :64]
DX, DY = X - DETECTOR.center[0], Y - DETECTOR.center[1]


def judged(patterns, maps=None, radial_range=(3, 31), detector=DETECTOR):
    return significance.spot_evidence(patterns, detector, maps, radial_range=radial_range)


def halo(ellipticity=0.0):
    """Ring of an amorphous pattern."""
    return 1.0 + 4.0 * np.exp(-((np.hypot(DX * (1 + ellipticity), DY) - 14) ** 2) / 18)


def speckled(n_grains, seed=0, n=20, grain=1.0):
    """Halos with the texture of speckle, averaged over so many grains."""
    rng = np.random.default_rng(seed)
    texture = np.ones((n, 64, 64))
    for k in range(n):
        fields = rng.normal(size=(2 * n_grains, 64, 64))
        fields = ndimage.gaussian_filter(fields, (0, grain, grain))
        texture[k] = np.square(fields).mean(axis=0)
    return halo() * texture / texture.mean()


def spots(*places, height=1.0, width=1.2):
    """Spots at r and phi (degrees), each with its opposite."""
    pattern = np.zeros((64, 64))
    for r, phi in places:
        dx, dy = r * np.cos(np.deg2rad(phi)), r * np.sin(np.deg2rad(phi))
        for sign in (-1, 1):
            pattern += np.exp(-((DX - sign * dx) ** 2 + (DY - sign * dy) ** 2) / (2 * width**2))
    return height * pattern


NET = [(9, 10), (9, 100), (12.7, 55), (12.7, 145), (18, 10), (18, 100)]


def everywhere(n, seed=0):
    """Maps like those of speckle: squares of a random field."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.normal(size=(n, 2, 40, 40)), (0, 0, 0.7, 0.7))
    return np.square(fields).sum(axis=1)


def in_one_place(n, seed=0):
    """Maps of a particle on weak noise."""
    y, x = np.mgrid[:40, :40]
    rng = np.random.default_rng(seed)
    disc = (np.hypot(x - 12, y - 25) < 3).astype(float)
    return disc + np.abs(0.05 * rng.normal(size=(n, 40, 40)))


LAWS = [GammaLaw((0.25, 0.5, 0.75)), GammaLaw((0.5, 0.75, 0.9))]


@pytest.mark.parametrize("law", LAWS)
class TestGammaLaw:
    @pytest.mark.parametrize("shape", [0.8, 1.0, 3.0, 20.0])
    def test_shape_from_quantiles(self, law, shape):
        quantiles = 3.0 + 7.0 * stats.gamma.ppf(law.levels, shape)
        assert law.shape(quantiles) == pytest.approx(shape, rel=0.02)

    def test_shape_of_what_hardly_varies(self, law):
        assert law.shape([0.0, 0.0, 1.0]) == pytest.approx(0.4)

    @pytest.mark.parametrize("shape", [0.7, 1.0, 12.0])
    def test_chance_is_that_of_a_gamma_law(self, law, shape):
        heights = np.array([0.0, 1.0, 5.0, 20.0])
        _, middle, upper = stats.gamma.ppf(law.levels, shape)
        expected = stats.gamma.logsf(middle + heights * (upper - middle), shape)
        np.testing.assert_allclose(law.log_chance_above(heights, shape), expected, rtol=1e-6)

    def test_chance_beyond_floating_point_goes_on_falling(self, law):
        chances = law.log_chance_above(np.array([500.0, 1000.0, 2000.0]), 1.0)
        step = np.log((1 - law.levels[1]) / (1 - law.levels[2]))
        np.testing.assert_allclose(np.diff(chances), [-500 * step, -1000 * step], rtol=1e-3)


class TestPeaks:
    def test_peaks_as_a_poisson_number(self):
        expected = np.array([0.3, 0.5, 1.2])
        chances = stats.poisson.sf(np.arange(3), expected)
        found = log_chance_of_peaks(np.log(expected))
        assert found == pytest.approx(np.log(chances.min()))

    def test_no_peaks_are_no_surprise(self):
        assert log_chance_of_peaks(np.zeros(0)) == 0.0


class TestSpotEvidence:
    @pytest.mark.parametrize("n_grains", [1, 4, 30])
    def test_speckle_has_no_spots(self, n_grains):
        assert judged(speckled(n_grains, n=40)).crystalline.sum() <= 1

    @pytest.mark.parametrize("counts", [0.05, 1.0, 100.0])
    def test_counting_noise_has_no_spots(self, counts):
        patterns = np.random.default_rng(1).poisson(counts * halo(), size=(40, 64, 64))
        assert judged(patterns.astype(float)).crystalline.sum() == 0

    def test_an_elliptical_halo_has_no_spots(self):
        patterns = np.random.default_rng(1).poisson(300 * halo(0.03), size=(10, 64, 64)) / 300
        assert not judged(patterns).crystalline.any()

    def test_a_halo_without_noise_has_no_spots(self):
        assert not judged(np.stack([halo(), halo(0.03)])).crystalline.any()

    def test_spots_on_speckle(self):
        patterns = speckled(30, n=6)
        patterns[::2] += spots(*NET, height=12.0)
        evidence = judged(patterns, in_one_place(6))
        np.testing.assert_array_equal(evidence.crystalline, [True, False] * 3)
        assert evidence.significance[::2].min() > 5 > evidence.significance[1::2].max()

    def test_significance_grows_with_the_spots(self):
        texture = speckled(30, n=1)[0]
        patterns = [texture + spots(*NET, height=h) for h in (0.0, 6.0, 12.0, 24.0)]
        found = judged(np.stack(patterns)).significance
        assert (np.diff(found) > 0).all()

    def test_one_pair_found_everywhere_is_aligned_speckle(self):
        patterns = speckled(30, n=40) + spots((14, 30), height=30.0)
        assert judged(patterns, everywhere(40)).crystalline.sum() <= 4
        assert judged(patterns).crystalline.all()

    def test_one_pair_found_in_one_place_is_a_crystal(self):
        patterns = speckled(30, n=8) + spots((14, 30), height=30.0)
        assert judged(patterns, in_one_place(8)).crystalline.all()

    def test_a_few_directions_in_half_the_scan_are_grains(self):
        patterns = speckled(30, n=8) + spots((14, 30), (14, 90), (14, 150), height=30.0)
        texture = everywhere(8)
        grains = 0.2 * texture + 4 * (np.indices((40, 40)).sum(axis=0) // 13 % 2)
        assert judged(patterns, texture).crystalline.sum() <= 2
        assert judged(patterns, grains).crystalline.all()

    def test_what_is_a_little_less_beside_crystals_is_a_matrix(self):
        """Its map has two levels, too."""
        patterns = speckled(30, n=8) + spots((14, 30), height=30.0)
        y, x = np.indices((40, 40)) % 20 - 10
        noise = np.random.default_rng(5).normal(size=(8, 40, 40))
        maps = 20 - 4 * (np.hypot(x, y) < 4) + 0.3 * noise
        assert judged(patterns, maps).crystalline.sum() <= 1

    def test_rows_of_discs_on_nothing(self):
        discs = np.zeros((64, 64))
        for x, y in np.mgrid[-32:33:8, -32:33:16].reshape(2, -1).T:
            away = np.hypot(DX - x, DY - y) - 2.5
            discs += 1 / (1 + np.exp(4 * np.minimum(away, 20)))
        patterns = np.random.default_rng(0).poisson(3000 * discs, (6, 64, 64))
        assert judged(patterns.astype(float)).significance.min() > 10

    def test_a_net_beyond_doubt_is_a_crystal_wherever_it_is_found(self):
        outer = [(r, phi) for r in (16, 21, 24, 27) for phi in (15, 60, 120)]
        patterns = speckled(300, n=3) + spots(*NET, *outer, height=20.0, width=0.8)
        assert judged(patterns, everywhere(3)).crystalline.all()

    def test_unit_of_intensity_and_of_length_do_not_matter(self):
        patterns = speckled(10, n=4)
        patterns[:2] += spots(*NET, height=12.0)
        plain = judged(patterns).significance
        scaled = Detector((64, 64), DETECTOR.center, (0.16, 0.16), "1/nm")
        np.testing.assert_allclose(
            judged(1e-9 * patterns, None, (0.48, 4.96), scaled).significance, plain
        )

    def test_pixels_that_are_not_measured(self):
        patterns = speckled(30, n=4)
        patterns[2:] += spots(*NET, height=12.0)
        patterns[:, np.hypot(DX, DY) < 4] = np.nan
        patterns[1::2, 30:34, 32:] = np.nan
        found = judged(patterns).crystalline
        np.testing.assert_array_equal(found, [False, False, True, True])

    def test_range_of_radii(self):
        patterns = speckled(30, n=1) + spots(*NET, height=12.0)
        assert judged(patterns, radial_range=(5, 25)).crystalline.all()
        assert not judged(patterns, radial_range=(22, 30)).crystalline.any()
        assert not judged(patterns, radial_range=(90, 99)).crystalline.any()

    def test_close_calls_are_named(self):
        texture = speckled(30, n=1)[0]
        heights = np.linspace(0, 20, 60)
        patterns = np.stack([texture + spots(*NET, height=h) for h in heights])
        evidence = judged(patterns)
        first = int(evidence.crystalline.argmax())
        assert evidence.uncertain[first - 1 : first + 1].any()
        assert not evidence.uncertain[-1]

    def test_flat_patterns_and_maps(self):
        evidence = judged(np.ones((2, 64, 64)), np.ones((2, 5, 5)))
        np.testing.assert_array_equal(evidence.significance, 0)
