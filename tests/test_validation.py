"""Scores against values computed by hand and against scikit-learn."""

from itertools import permutations

import dask.array as da
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine

from hs_nmfcluster import validation


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


class TestSimilarities:
    def test_cosine_equals_scikit_learn(self, rng):
        a, b = rng.random((4, 5, 6)), rng.random((3, 5, 6))
        expected = sklearn_cosine(a.reshape(4, -1), b.reshape(3, -1))
        np.testing.assert_allclose(validation.cosine_similarity(a, b), expected)

    def test_pixels_that_are_nan_are_left_out(self, rng):
        a, b = rng.random((4, 30)), rng.random((3, 30))
        expected = validation.cosine_similarity(a[:, 5:], b[:, 5:])
        a[0, :3] = np.nan
        b[:, 3:5] = np.nan
        np.testing.assert_allclose(validation.cosine_similarity(a, b), expected)

    def test_zero_pattern_is_like_nothing(self):
        assert validation.cosine_similarity(np.zeros((1, 4)), np.ones((1, 4))) == 0

    def test_correlation_equals_numpy(self, rng):
        a, b = rng.random((2, 7, 3)), rng.random((3, 7, 3))
        expected = np.corrcoef(np.vstack([a.reshape(2, -1), b.reshape(3, -1)]))[:2, 2:]
        np.testing.assert_allclose(validation.map_correlation(a, b), expected)

    def test_shapes_must_agree(self):
        with pytest.raises(ValueError, match="differ in shape"):
            validation.cosine_similarity(np.ones((2, 4)), np.ones((2, 5)))


class TestMatchComponents:
    def test_is_the_best_of_all_assignments(self, rng):
        found, true = rng.random((4, 3, 3)), rng.random((4, 3, 3))
        match = validation.match_components(found, true)
        sums = [
            sum(match.similarity[i, j] for i, j in enumerate(order))
            for order in permutations(range(4))
        ]
        assert match.scores.sum() == pytest.approx(max(sums))

    @pytest.mark.parametrize("by", ["patterns", "maps", "both"])
    def test_shuffled_components_are_put_back(self, rng, by):
        patterns, maps = rng.random((5, 4, 6)), rng.random((5, 3, 7))
        order = rng.permutation(5)
        match = validation.match_components(patterns[order], patterns, maps[order], maps, by=by)
        np.testing.assert_array_equal(match.true, order)
        np.testing.assert_allclose(match.scores, 1.0)

    def test_both_is_the_geometric_mean(self, rng):
        patterns, maps = rng.random((2, 3, 4, 6)), rng.random((2, 3, 5, 5))
        match = validation.match_components(*patterns, *maps, by="both")
        cosine = validation.cosine_similarity(*patterns)
        correlation = np.maximum(validation.map_correlation(*maps), 0)
        np.testing.assert_allclose(match.similarity, np.sqrt(cosine * correlation))

    def test_fewer_found_than_true(self, rng):
        patterns = rng.random((5, 4, 6))
        match = validation.match_components(patterns[[3, 1]], patterns)
        assert match.found.tolist() == [0, 1]
        assert match.true.tolist() == [3, 1]

    def test_masked_pixels_do_not_count(self, rng):
        patterns = rng.random((3, 4, 6))
        mask = np.zeros((4, 6), dtype=bool)
        mask[:2] = True
        spoiled = np.where(mask, 1e6 * rng.random((3, 4, 6)), patterns)
        match = validation.match_components(spoiled, patterns, mask=mask)
        np.testing.assert_allclose(match.scores, 1.0)

    def test_background_does_not_count(self, rng):
        halo, spots = rng.random((1, 4, 6)), np.zeros((2, 4, 6))
        spots[0, 1, 2] = spots[1, 3, 4] = 1.0
        true = np.concatenate([halo, spots])
        found = np.stack([0.01 * spots[1] + halo[0], spots[0] + 3 * halo[0]])
        match = validation.match_components(found, true, background=halo)
        assert match.true.tolist() == [2, 1]
        np.testing.assert_allclose(match.scores, 1)
        np.testing.assert_allclose(match.similarity[:, 0], 0)

    def test_bad_arguments(self, rng):
        patterns = rng.random((3, 4, 6))
        with pytest.raises(ValueError, match="by must be"):
            validation.match_components(patterns, patterns, by="colour")
        with pytest.raises(ValueError, match="needs maps"):
            validation.match_components(patterns, patterns, by="maps")


class TestRecallPrecision:
    def make(self, similarity):
        similarity = np.array(similarity)
        found, true = validation.linear_sum_assignment(similarity, maximize=True)
        return validation.ComponentMatch(found, true, similarity[found, true], similarity)

    def test_by_hand(self):
        # True: halo, A, B, C. Found: the halo, A, A again, B badly, and an invention.
        match = self.make(
            [[0.9, 0, 0, 0], [0, 0.9, 0, 0], [0, 0.6, 0, 0], [0, 0, 0.4, 0.1], [0, 0, 0, 0.2]]
        )
        recall, precision = validation.recall_precision(
            match, [False, True, True, True], [False, True, True, True, True]
        )
        assert recall == pytest.approx(1 / 3)
        assert precision == pytest.approx(2 / 4)

    def test_threshold(self):
        match = self.make([[0.9, 0.0], [0.0, 0.4]])
        assert validation.recall_precision(match, [True, True], threshold=0.3) == (1.0, 1.0)
        assert validation.recall_precision(match, [True, True], threshold=0.95) == (0.0, 0.0)

    def test_invisible_crystals_do_not_count(self):
        match = self.make([[0.9, 0.0, 0.0]])
        assert validation.recall_precision(match, [True, False, False])[0] == 1.0

    def test_nothing_to_find(self):
        assert np.isnan(validation.recall_precision(self.make([[0.9]]), [False])).all()


class TestLabelsOfFound:
    def test_shared_and_unlike(self):
        labels = validation.labels_of_found(
            [[0.9, 0.8], [0.6, 0.1], [0.2, 0.7], [0.3, 0.4]], [4, 7], otherwise=-1
        )
        assert labels.tolist() == [4, 4, 7, -1]


class TestAdjustedRandIndex:
    def test_by_hand(self):
        # Hubert and Arabie: n_ij = [[2, 0], [1, 1]] has index 1, sums 2 and 3, C(4, 2) = 6.
        expected = (1 - 2 * 3 / 6) / ((2 + 3) / 2 - 1)
        index = validation.adjusted_rand_index([0, 0, 1, 1], [0, 0, 0, 1])
        assert index == pytest.approx(expected)

    def test_equals_scikit_learn(self, rng):
        for _ in range(50):
            a, b = rng.integers(0, rng.integers(1, 6), (2, 12))
            assert validation.adjusted_rand_index(a, b) == pytest.approx(adjusted_rand_score(a, b))

    @pytest.mark.parametrize("labels", [[1], [1, 1, 1], [1, 2, 3]])
    def test_trivial_groupings_agree_with_themselves(self, labels):
        assert validation.adjusted_rand_index(labels, labels) == 1.0

    def test_lengths_must_agree(self):
        with pytest.raises(ValueError, match="equally long"):
            validation.adjusted_rand_index([0, 1], [0])


class TestRotationErrors:
    def test_offset_and_symmetry_are_free(self, rng):
        true = rng.uniform(0, 60, 9)
        turns = 60 * rng.integers(-5, 5, 9)
        errors = validation.rotation_errors(true + 17.3 + turns, true, symmetry=6)
        np.testing.assert_allclose(errors, 0, atol=1e-9)

    def test_each_group_has_its_offset_and_symmetry(self):
        true = np.array([0.0, 30.0, 50.0, 5.0, 20.0, 40.0])
        found = np.array([100.0, 310.0, 151.0, 95.0 + 7, 20.0 + 7, 131.0 + 7])
        errors = validation.rotation_errors(found, true, [0, 0, 0, 1, 1, 1], [2, 2, 2, 4, 4, 4])
        np.testing.assert_allclose(errors, [0, 0, 1, 0, 0, 1], atol=1e-9)

    def test_two_members_share_their_error(self):
        errors = validation.rotation_errors([0.0, 3.0], [0.0, 0.0])
        np.testing.assert_allclose(errors, [-1.5, 1.5])

    def test_one_outlier_does_not_move_the_others(self):
        errors = validation.rotation_errors([1.0, 2.0, 3.0, 80.0], [1.0, 2.0, 3.0, 0.0])
        np.testing.assert_allclose(errors[:3], 0)
        assert errors[3] == pytest.approx(80)

    def test_components_without_angle(self):
        errors = validation.rotation_errors([1.0, 2.0], [np.nan, 1.0])
        assert np.isnan(errors[0])
        assert errors[1] == 0


class TestSizesAndSpacings:
    def test_diameters(self):
        np.testing.assert_allclose(validation.diameter_errors([8, 6], [10, 5]), [-0.2, 0.2])

    def test_spacings_take_the_nearest(self):
        errors = validation.spacing_errors([0.26, 0.19, 0.5], [0.25, 0.2])
        np.testing.assert_allclose(errors, [0.04, -0.05, 1.0])

    def test_no_true_spacing(self):
        with pytest.raises(ValueError, match="at least one"):
            validation.spacing_errors([0.2], [])


class TestReconstructionError:
    def test_by_hand_with_mask(self):
        expected = np.array([[[3.0, 4.0, 100.0]]])
        found = np.array([[[3.0, 1.0, np.nan]]])
        mask = np.array([[False, False, True]])
        error = validation.reconstruction_error(found, expected, mask=mask)
        assert error == pytest.approx(0.6)

    def test_dask_equals_numpy(self, rng):
        a, b = rng.random((2, 3, 4, 5, 6))
        lazy = validation.reconstruction_error(da.from_array(a, chunks=2), b)
        assert lazy == pytest.approx(validation.reconstruction_error(a, b))

    def test_shapes_must_agree(self):
        with pytest.raises(ValueError, match="shape"):
            validation.reconstruction_error(np.ones((2, 2, 3)), np.ones((2, 2, 4)))
