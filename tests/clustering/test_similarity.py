import tracemalloc

import numpy as np
import pytest

from hs_nmfcluster.clustering import alignable
from hs_nmfcluster.clustering import similarity as module
from hs_nmfcluster.clustering.alignable import FixedRows, RotatablePatterns, ShiftableMaps
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.similarity import map_similarity, pairwise, pattern_similarity
from hs_nmfcluster.scan.detector import Detector


def normal(image):
    centered = image - image.mean()
    return centered / np.linalg.norm(centered)


def slow_pattern_similarity(first, second):
    """Best whole-bin rotation, tried one by one."""
    first, second = normal(first), normal(second)
    products = [(first * np.roll(second, k, axis=1)).sum() for k in range(first.shape[1])]
    return max(products), int(np.argmax(products))


def slow_map_similarity(first, second):
    """Best whole-pixel shift, tried one by one without wrapping around."""
    first, second = normal(first), normal(second)
    (n_y, n_x), best = first.shape, (-2.0, (0, 0))
    padded = np.zeros((3 * n_y, 3 * n_x))
    padded[n_y : 2 * n_y, n_x : 2 * n_x] = second
    for dy in range(-n_y + 1, n_y):
        for dx in range(-n_x + 1, n_x):
            moved = padded[n_y - dy : 2 * n_y - dy, n_x - dx : 2 * n_x - dx]
            best = max(best, ((first * moved).sum(), (dy, dx)))
    return best


def smooth(rng, n, shape=(9, 48)):
    """Random patterns with coefficients in the lowest frequencies along phi."""
    spectra = np.zeros((n, shape[0], shape[1] // 2 + 1), complex)
    spectra[..., :7] = rng.normal(size=(n, shape[0], 7)) + 1j * rng.normal(size=(n, shape[0], 7))
    return np.fft.irfft(spectra, n=shape[1])


class TestPatternSimilarity:
    @pytest.mark.parametrize("n_azimuthal", [35, 36])
    def test_equals_trying_all_rotations(self, n_azimuthal):
        patterns = smooth(np.random.default_rng(0), 5, (8, n_azimuthal))
        similarity, rotations = pattern_similarity(patterns)
        for i in range(5):
            for j in range(5):
                value, k = slow_pattern_similarity(patterns[i], patterns[j])
                # Between two bins the parabola rises above the samples, never below.
                assert value - 1e-12 <= similarity[i, j] <= value + 0.03
                shift = -rotations[i, j] * n_azimuthal / 360
                assert abs((shift - k + n_azimuthal / 2) % n_azimuthal - n_azimuthal / 2) <= 0.5

    def test_radii_are_not_mixed(self):
        patterns = np.zeros((2, 10, 60))
        patterns[0, 2, 5] = patterns[1, 7, 20] = 1
        similarity, _ = pattern_similarity(patterns)
        assert similarity[0, 1] < 0.01

    def test_part_of_a_bin(self):
        phi = np.deg2rad(np.arange(0, 360, 2.0))
        angles = np.array([0.0, 31.7, -100.45])
        patterns = np.exp(4 * np.cos(phi - np.deg2rad(angles)[:, None]))[:, None]
        similarity, rotations = pattern_similarity(patterns)
        np.testing.assert_allclose(rotations[0], angles, atol=0.02)
        np.testing.assert_allclose(similarity, 1, atol=1e-4)

    def test_symmetric(self):
        similarity, rotations = pattern_similarity(smooth(np.random.default_rng(1), 7))
        np.testing.assert_array_equal(similarity, similarity.T)
        np.testing.assert_array_equal(rotations, -rotations.T)
        np.testing.assert_array_equal(np.diag(similarity), 1)
        assert np.abs(similarity).max() <= 1

    def test_same_in_any_blocks(self, monkeypatch):
        patterns = smooth(np.random.default_rng(2), 11)
        whole = pattern_similarity(patterns)
        monkeypatch.setattr(module, "BLOCK_BYTES", 1)
        for a, b in zip(whole, pattern_similarity(patterns), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-9)

    def test_single_precision_of_many(self):
        patterns = smooth(np.random.default_rng(3), 300)
        many, _ = pattern_similarity(patterns)
        few, _ = pattern_similarity(patterns[:200])
        np.testing.assert_allclose(many[:200, :200], few, atol=2e-6)

    def test_scale_and_offset_do_not_matter(self):
        patterns = smooth(np.random.default_rng(4), 4)
        expected, _ = pattern_similarity(patterns)
        factors = np.array([1, 1e-9, 3e12, 7])[:, None, None]
        actual, _ = pattern_similarity(factors * (patterns + 0.1))
        np.testing.assert_allclose(actual, expected, atol=1e-9)

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_flat_patterns_are_like_nothing(self, dtype):
        patterns = smooth(np.random.default_rng(5), 5).astype(dtype)
        patterns[1] = 0.1
        patterns[3] = 0
        similarity, rotations = pattern_similarity(patterns)
        others = ~np.eye(5, dtype=bool)
        for flat in (1, 3):
            np.testing.assert_array_equal(similarity[flat, others[flat]], 0)
        assert np.isfinite(rotations).all()

    def test_few_missing_bins_take_the_mean_of_their_ring(self):
        patterns = smooth(np.random.default_rng(6), 4) + 3
        gaps = np.zeros_like(patterns, dtype=bool)
        gaps[0, 2, 5:7] = gaps[3, 4, 0] = True
        filled = patterns.copy()
        filled[0, 2, 5:7] = np.delete(patterns[0, 2], np.s_[5:7]).mean()
        filled[3, 4, 0] = patterns[3, 4, 1:].mean()
        patterns[gaps] = np.nan
        np.testing.assert_allclose(
            pattern_similarity(patterns)[0], pattern_similarity(filled)[0], atol=1e-12
        )

    def test_rings_without_data_do_not_count(self):
        patterns = smooth(np.random.default_rng(7), 4) + 3
        masked = patterns.copy()
        masked[:, [0, 5]] = np.nan
        np.testing.assert_allclose(
            pattern_similarity(masked)[0],
            pattern_similarity(np.delete(patterns, [0, 5], axis=1))[0],
            atol=1e-12,
        )

    def test_rotations_of_drawn_patterns(self, draw):
        rng = np.random.default_rng(8)
        angles = rng.uniform(-180, 180, 12)
        net = [(12.0, 0.0), (12.0, 100.0), (20.0, 40.0)]
        detector = Detector((64, 60), (30.3, 31.1))
        patterns = np.array([draw.spots(a, net) for a in angles])
        _, rotations = pattern_similarity(PolarGrid.covering(detector).transform(patterns))
        errors = draw.wrapped(rotations - (angles[None, :] - angles[:, None]))
        assert np.abs(errors).max() < 0.1

    def test_rotations_on_pixels_that_are_not_square(self, draw):
        angles = np.array([0.0, 33.3, 101.0, -47.0])
        net = [(12.0, 0.0), (12.0, 100.0), (20.0, 40.0)]
        geometry = {"shape": (100, 60), "center": (30.0, 49.5), "scale": (1.0, 0.6)}
        patterns = np.array([draw.spots(a, net, **geometry) for a in angles])
        detector = Detector((100, 60), (30.0, 49.5), scale=(1.0, 0.6))
        similarity, rotations = pattern_similarity(PolarGrid.covering(detector).transform(patterns))
        assert np.abs(draw.wrapped(rotations[0] - angles)).max() < 0.2
        assert similarity.min() > 0.98


class TestMapSimilarity:
    def test_equals_trying_all_shifts(self):
        maps = np.random.default_rng(0).random((4, 7, 9)) ** 3
        similarity, shifts = map_similarity(maps)
        for i in range(4):
            for j in range(i + 1, 4):
                value, shift = slow_map_similarity(maps[i], maps[j])
                assert value - 1e-12 <= similarity[i, j] <= value + 0.2
                np.testing.assert_allclose(-shifts[i, j], shift, atol=0.5)

    def test_shifts_of_drawn_particles(self, draw):
        positions = np.array([[8.0, 9.0], [19.3, 12.6], [14.45, 6.2]])
        maps = np.array([draw.particle(p) for p in positions])
        _, shifts = map_similarity(maps)
        np.testing.assert_allclose(shifts, positions[None, :] - positions[:, None], atol=0.08)

    def test_does_not_wrap_around(self):
        maps = np.zeros((2, 12, 12))
        maps[0, 1:3, 5:7] = maps[1, 9:11, 5:7] = 1
        _, shifts = map_similarity(maps)
        np.testing.assert_allclose(shifts[0, 1], [8, 0], atol=0.1)

    @pytest.mark.parametrize("shape", [(40,), (1, 40), (6, 7, 8)])
    def test_scans_of_any_dimension(self, shape):
        rng = np.random.default_rng(1)
        maps = rng.random((3, *shape)) ** 4
        similarity, shifts = map_similarity(maps)
        assert shifts.shape == (3, 3, len(shape))
        np.testing.assert_array_equal(similarity, similarity.T)
        np.testing.assert_array_equal(np.diag(similarity), 1)
        assert (np.abs(shifts).max(axis=(0, 1)) <= np.array(shape) - 0.5).all()

    def test_masked_positions_do_not_count(self, draw):
        maps = np.array([draw.particle((8, 9)), draw.particle((20, 12))])
        expected = map_similarity(maps)[1]
        maps[:, :, 22:] = np.nan
        similarity, shifts = map_similarity(maps)
        np.testing.assert_allclose(shifts, expected, atol=0.05)
        assert similarity[0, 1] > 0.95

    def test_work_memory_is_bounded(self, monkeypatch):
        # One map with all others takes 67 MB, four pairs 34 MB; coefficients that are kept 17 MB.
        monkeypatch.setattr(module, "BLOCK_BYTES", 34 * 10**6)
        maps = np.random.default_rng(3).random((8, 256, 256))
        tracemalloc.start()
        try:
            map_similarity(maps)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 34e6 + 17e6 + 2 * maps.nbytes

    def test_kept_coefficients_change_nothing(self, monkeypatch):
        maps = np.random.default_rng(4).random((5, 12, 9)) ** 3
        kept = ShiftableMaps(maps), map_similarity(maps)
        monkeypatch.setattr(alignable, "_KEPT", 0)
        made = ShiftableMaps(maps), map_similarity(maps)
        for items, _ in (kept, made):
            items.merge(0, 3, np.array([2.0, -1.0]))
            items.move(4, 1)
        for found, expected in zip(made[1], kept[1], strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-12)
        np.testing.assert_allclose(pairwise(made[0], 4)[0], pairwise(kept[0], 4)[0], atol=1e-12)

    def test_flat_maps_are_like_nothing(self):
        maps = np.random.default_rng(2).random((3, 5, 6))
        maps[1] = 0.3
        similarity, shifts = map_similarity(maps)
        np.testing.assert_array_equal(similarity[1], [0, 1, 0])
        np.testing.assert_array_equal(shifts[1], 0)


class TestFixedRows:
    def test_correlation(self):
        rows = np.random.default_rng(0).random((5, 40))
        np.testing.assert_allclose(
            pairwise(FixedRows(rows, "correlation"))[0], np.corrcoef(rows), atol=1e-12
        )

    def test_cosine_and_euclidean(self):
        rows = np.random.default_rng(1).random((5, 40))
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(pairwise(FixedRows(rows, "cosine"))[0], units @ units.T)
        distance = np.linalg.norm(units[:, None] - units[None], axis=2)
        np.testing.assert_allclose(
            pairwise(FixedRows(rows, "euclidean"))[0], 1 - distance, atol=1e-7
        )

    @pytest.mark.parametrize("metric", ["correlation", "cosine"])
    def test_zero_rows_are_like_nothing(self, metric):
        rows = np.random.default_rng(2).random((3, 10))
        rows[1] = 0
        np.testing.assert_array_equal(pairwise(FixedRows(rows, metric))[0][1], [0, 1, 0])


class TestMerge:
    @pytest.mark.parametrize("n_azimuthal", [47, 48])
    def test_rotates_exactly_by_whole_bins(self, n_azimuthal):
        patterns = np.random.default_rng(0).random((3, 6, n_azimuthal))
        items = RotatablePatterns(patterns)
        items.merge(0, 1, np.array([5 * 360 / n_azimuthal]))
        merged = patterns[0] + np.roll(patterns[1], 5, axis=1)
        value = items.compare(slice(0, 1), slice(2, 3))[0][0, 0]
        expected = pattern_similarity(np.stack([merged, patterns[2]]))[0][0, 1]
        assert value == pytest.approx(expected, abs=1e-12)

    def test_rotates_by_part_of_a_bin(self):
        phi = np.deg2rad(np.arange(0, 360, 5.0))
        shapes = [np.exp(2 * np.cos(phi - np.deg2rad(a))) for a in (0.0, 33.3, 70.0)]
        items = RotatablePatterns(np.array(shapes)[:, None])
        items.merge(0, 1, np.array([-33.3]))
        value, shift = items.compare(slice(0, 1), slice(2, 3))
        assert value[0, 0] == pytest.approx(1, abs=1e-4)
        assert shift[0, 0, 0] == pytest.approx(-70, abs=0.05)
