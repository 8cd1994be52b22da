import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist

from hs_nmfcluster.materials.planting import (
    Planting,
    drawn_spots,
    footprint,
    planted,
    radius_of_spots,
    scattered_places,
)
from hs_nmfcluster.materials.recall import RecallFit, share_found
from hs_nmfcluster.materials.spots import find_spots
from hs_nmfcluster.scan.detector import Detector

N = 4000


def planting(fraction, **others):
    """One particle that is met at every position and scatters into two pixels."""
    pattern = np.zeros((1, 4, 5))
    pattern[0, 1, 2], pattern[0, 3, 3] = 0.75, 0.25
    shares = sparse.csr_array(np.full((N, 1), fraction))
    return Planting(shares, pattern, np.ones((4, 5), bool), **others)


class TestElectrons:
    def test_come_with_the_noise_of_counts(self):
        counts = np.random.default_rng(0).poisson(8.0, (N, 4, 5)).astype(np.uint16)
        before = counts.copy()
        found = planted(counts, np.arange(N), planting(0.1), seed=5)
        np.testing.assert_array_equal(counts, before)
        assert found.dtype == counts.dtype
        expected = np.full((4, 5), 8.0)
        expected[1, 2] += 0.75 * 0.1 * 160
        expected[3, 3] += 0.25 * 0.1 * 160
        error = np.sqrt(expected / N)
        assert (np.abs(found.mean(axis=0) - expected) < 4.5 * error).all()
        ratio = found.var(axis=0) / found.mean(axis=0)
        np.testing.assert_allclose(ratio, 1, atol=5 * np.sqrt(2 / N) + 0.02)

    def test_of_a_camera_that_multiplies_them_are_as_noisy_as_its_own(self):
        data = 20.0 * np.random.default_rng(0).poisson(8.0, (N, 4, 5))
        found = planted(data, np.arange(N), planting(0.2, gain=20.0), seed=5)
        bright = found[:, 1, 2]
        assert bright.mean() == pytest.approx(20 * (8 + 0.75 * 0.2 * 160), rel=0.01)
        # Of those that are there, of those that come, and as many come as are there.
        share = 0.75 * 0.2
        variance = 400 * (8 + 160 * share + 160 * share**2 + 2 * 8 * share)
        assert bright.var() == pytest.approx(variance, rel=0.1)

    def test_do_not_depend_on_which_positions_come_together(self):
        counts = np.random.default_rng(1).poisson(8.0, (N, 4, 5))
        whole = planted(counts, np.arange(N), planting(0.1), seed=5)
        part = planted(counts[70:90], np.arange(70, 90), planting(0.1), seed=5)
        np.testing.assert_array_equal(part, whole[70:90])

    def test_fill_a_pixel_and_no_more(self):
        counts = np.full((N, 4, 5), 250, np.uint8)
        assert planted(counts, np.arange(N), planting(0.5), seed=0)[:, 1, 2].min() == 255

    def test_go_where_the_beam_has_gone_and_as_pixels_respond(self):
        counts = np.full((N, 4, 5), 100)
        moved = planting(0.5, shifts=np.tile([1.0, -1.0], (N, 1)), response=np.full((4, 5), 2.0))
        found = planted(counts, np.arange(N), moved, seed=0).mean(axis=0)
        assert found[0, 3] == pytest.approx(100 + 2 * 0.75 * 0.5 * 2000, rel=0.01)


class TestFootprint:
    def test_of_a_disc_without_blur_is_the_disc(self):
        where, shares = footprint((20.0, 17.0), 9.0, 0.0, (1.5, 1.0), (40, 50), sphere=False)
        y, x = np.indices((40, 50))
        inside = np.hypot(1.5 * (x - 20), y - 17) <= 4.5
        image = np.zeros((40, 50))
        image[where] = shares
        np.testing.assert_array_equal(image > 0.5, inside)

    @pytest.mark.parametrize("sphere", [True, False])
    def test_keeps_its_volume_when_it_is_blurred(self, sphere):
        def total(probe):
            return footprint((20.3, 19.6), 8.0, probe, (1.0, 1.0), (40, 40), sphere=sphere)[1].sum()

        area = np.pi * 16 * (2 / 3 if sphere else 1)
        assert total(3.0) == pytest.approx(area, rel=0.02)
        assert total(0.5) == pytest.approx(area, rel=0.02)

    def test_is_cut_by_the_edge(self):
        inside = footprint((20.0, 20.0), 8.0, 2.0, (1.0, 1.0), (40, 40), sphere=True)[1]
        where, shares = footprint((1.0, 20.0), 8.0, 2.0, (1.0, 1.0), (40, 40), sphere=True)
        assert where[1].start == 0
        np.testing.assert_allclose(shares, inside[:, -shares.shape[1] :])


def test_particles_lie_apart_and_where_it_is_free():
    free = np.ones((60, 60), bool)
    free[:, 30:] = False
    radii = np.full(12, 2.5)
    places = scattered_places(free, radii, 2.0, np.random.default_rng(0))
    found = places[np.isfinite(places[:, 0])]
    assert len(found) == 12
    assert pdist(found).min() >= 7.0
    assert found[:, 0].max() < 30 - 2.5
    crowded = scattered_places(free, np.full(200, 4.0), 2.0, np.random.default_rng(0))
    assert 0 < np.isnan(crowded[:, 0]).sum() < 200


@pytest.mark.parametrize("radius", [1.2, 3.5])
def test_spots_are_drawn_as_they_were_found(radius):
    detector = Detector((96, 96), (48.3, 46.8), (0.1, 0.1))
    y, x = np.indices((96, 96))
    places = np.array([[20.0, 3.0], [-20.0, -3.0], [-4.0, 26.0], [4.0, -26.0]])
    discs = [np.hypot(x - 48.3 - u, y - 46.8 - v) <= radius for u, v in places]
    pattern = 50 + sum(h * disc for h, disc in zip((9, 9, 4, 4), discs, strict=True))
    spots = find_spots(pattern, detector)
    found = radius_of_spots(pattern, spots, detector)
    drawn = drawn_spots(spots, detector, found)
    true = (pattern - 50) / (pattern - 50).sum()
    assert drawn.sum() == pytest.approx(1)
    assert (drawn * true).sum() > 0.95 * np.sqrt((drawn**2).sum() * (true**2).sum())
    again = find_spots(50 + 1000 * drawn_spots(spots.turned(37.0), detector, found), detector)
    np.testing.assert_allclose(np.sort(again.radius), np.sort(spots.radius), atol=0.03)


class TestRecall:
    def test_limits_hold_as_often_as_they_say(self):
        rng, inside = np.random.default_rng(0), 0
        for _ in range(60):
            half, steep = rng.uniform(2.5, 4.5), rng.uniform(5, 15)
            sizes = np.repeat(np.geomspace(2, 6, 6), 5)
            found = rng.random(30) < 1 / (1 + (half / sizes) ** steep)
            low, _, high = RecallFit.of(sizes, found).diameter()
            inside += low <= half <= high
        # 95 % of 60 are 57; of fewer than 52 the chance is 1 %.
        assert inside >= 52

    def test_ends_say_that_the_limit_lies_beyond(self):
        sizes = np.repeat(np.geomspace(2, 6, 6), 8)
        assert RecallFit.of(sizes, np.ones(48, bool)).bracketed == (False, True)
        assert RecallFit.of(sizes, np.zeros(48, bool)).bracketed == (True, False)
        assert RecallFit.of(sizes, sizes > 3).bracketed == (True, True)

    def test_what_is_lost_at_every_size_moves_the_limit_little(self):
        sizes = np.repeat(np.geomspace(2, 12, 10), 12)
        found = sizes > 3.5
        lost = found & (np.arange(120) % 10 > 0)
        clean, with_losses = (RecallFit.of(sizes, one).diameter()[1] for one in (found, lost))
        assert with_losses == pytest.approx(clean, rel=0.1)

    def test_what_is_lost_is_never_found(self):
        sizes = np.repeat(np.geomspace(2, 12, 10), 40)
        found = (sizes > 3.5) & (np.arange(400) % 5 > 0)
        fit = RecallFit.of(sizes, found)
        assert np.isinf(fit.diameter(0.95)[1:]).all()
        assert fit.recall(np.array([1.0, 12.0]))[1] == pytest.approx([0, 0.8], abs=0.02)

    def test_diameters_are_where_the_curve_says(self):
        rng = np.random.default_rng(0)
        sizes = np.repeat(np.geomspace(2, 8, 6), 12)
        fit = RecallFit.of(sizes, rng.random(72) < 1 / (1 + (3.3 / sizes) ** 8))
        for share in (0.5, 0.8):
            low, half, high = fit.diameter(share)
            np.testing.assert_allclose(
                np.diag(fit.recall(np.array([high, half, low]))), share, atol=0.03
            )

    def test_share_of_none_and_all_has_a_limit(self):
        low, share, high = share_found(np.ones(10, bool))
        assert (share, high) == (1.0, pytest.approx(1.0))
        assert low == pytest.approx(10 / (10 + 1.96**2), abs=1e-4)
