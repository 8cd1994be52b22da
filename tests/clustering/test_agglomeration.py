import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_valid_linkage

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import agglomerate, follow
from hs_nmfcluster.clustering.alignable import FixedRows, RotatablePatterns, ShiftableMaps
from hs_nmfcluster.clustering.similarity import pairwise, pattern_similarity


def noisy_rotated(seed, n=18, shape=(8, 48)):
    """Three kinds of patterns, rotated by whole bins and noisy enough for inversions."""
    rng = np.random.default_rng(seed)
    kinds = rng.random((3, *shape)) ** 4
    return np.array(
        [
            np.roll(kinds[i % 3], rng.integers(shape[1]), axis=1) + 0.3 * rng.normal(size=shape)
            for i in range(n)
        ]
    )


def slow_agglomeration(patterns):
    """Steps (a) to (d) with all similarities anew after each merge, rotating arrays."""
    n, _, n_azimuthal = patterns.shape
    alive = {i: (pattern, 1) for i, pattern in enumerate(patterns)}
    frequencies = np.arange(n_azimuthal // 2 + 1)
    linkage = []
    for step in range(n - 1):
        names = sorted(alive)
        similarity, rotations = pattern_similarity(np.array([alive[name][0] for name in names]))
        upper = np.where(np.triu(np.ones_like(similarity), 1), similarity, -np.inf)
        i, j = np.unravel_index(upper.argmax(), upper.shape)
        (first, n_first), (second, n_second) = alive.pop(names[i]), alive.pop(names[j])
        phases = np.exp(1j * np.deg2rad(rotations[i, j]) * frequencies)
        turned = np.fft.irfft(np.fft.rfft(second) * phases, n=n_azimuthal)
        alive[n + step] = (first + turned, n_first + n_second)
        linkage.append([names[i], names[j], 1 - upper[i, j], n_first + n_second])
    return np.array(linkage)


def tree_of(patterns):
    items = RotatablePatterns(patterns)
    return agglomerate(items, pairwise(items)[0])


class TestAgglomerate:
    @pytest.mark.parametrize("seed", range(6))
    def test_equals_the_slow_way(self, seed):
        patterns = noisy_rotated(seed)
        np.testing.assert_allclose(
            tree_of(patterns).linkage, slow_agglomeration(patterns), atol=1e-10
        )

    def test_odd_number_of_angles(self):
        patterns = noisy_rotated(7, shape=(8, 47))
        np.testing.assert_allclose(
            tree_of(patterns).linkage, slow_agglomeration(patterns), atol=1e-10
        )

    def test_inversions_are_kept(self):
        linkage = tree_of(noisy_rotated(0)).linkage
        assert (np.diff(linkage[:, 2]) < 0).any()
        assert is_valid_linkage(linkage)

    def test_many_neighbours_lost_at_once(self):
        # One noise-free pattern is the nearest of all others until it has merged with one.
        rng = np.random.default_rng(0)
        patterns = np.repeat(rng.random((1, 6, 36)), 40, axis=0)
        patterns[1:] += rng.normal(size=(39, 6, 36))
        np.testing.assert_allclose(
            tree_of(patterns).linkage, slow_agglomeration(patterns), atol=1e-9
        )

    def test_identical_patterns(self):
        pattern = np.random.default_rng(1).random((1, 6, 36))
        linkage = tree_of(np.repeat(pattern, 5, axis=0)).linkage
        np.testing.assert_allclose(linkage[:, 2], 0, atol=1e-12)
        assert linkage[-1, 3] == 5

    def test_flat_patterns_join_at_one(self):
        patterns = noisy_rotated(2, n=5)
        patterns[3:] = 1.0
        linkage = tree_of(patterns).linkage
        np.testing.assert_array_equal(linkage[-2:, 2], 1)

    def test_two(self):
        merges = tree_of(noisy_rotated(3, n=2))
        assert merges.linkage.shape == (1, 4)
        assert merges.linkage[0].tolist()[:2] == [0, 1]

    def test_fixed_rows_follow_the_slow_way(self):
        rows = np.random.default_rng(4).random((12, 20))
        items = FixedRows(rows, "cosine")
        linkage = agglomerate(items, pairwise(items)[0]).linkage
        alive = dict(enumerate(rows))
        for step, (first, second, distance, _) in enumerate(linkage):
            names = sorted(alive)
            units = np.array([alive[name] / np.linalg.norm(alive[name]) for name in names])
            cosines = np.triu(units @ units.T, 1)
            i, j = np.unravel_index(cosines.argmax(), cosines.shape)
            assert (names[i], names[j]) == (first, second)
            assert distance == pytest.approx(1 - cosines[i, j])
            alive[12 + step] = alive.pop(first) + alive.pop(second)

    def test_progress_sees_every_merge(self):
        seen = []

        def progress(merges):
            for merge in merges:
                seen.append(merge)
                yield merge

        items = RotatablePatterns(noisy_rotated(5, n=6))
        agglomerate(items, pairwise(items)[0], progress)
        assert seen == list(range(5))


class TestFollow:
    def test_same_shifts_as_agglomeration(self):
        patterns = noisy_rotated(6)
        merges = tree_of(patterns)
        kept = np.ones(len(merges.linkage), dtype=bool)
        followed = follow(RotatablePatterns(patterns), merges.linkage, kept)
        np.testing.assert_allclose(followed, merges.shifts, atol=1e-9)

    def test_maps(self, draw):
        rng = np.random.default_rng(0)
        positions = rng.uniform(5, 20, (6, 2))
        maps = np.array([draw.particle(p) for p in positions])
        linkage = np.array([[0, 3, 0, 2], [1, 6, 0, 3], [2, 4, 0, 2], [5, 8, 0, 3], [7, 9, 0, 6.0]])
        shifts = follow(ShiftableMaps(maps), linkage, np.ones(5, dtype=bool))
        found = cuts.displacements(linkage, shifts, np.ones(5, dtype=bool))
        np.testing.assert_allclose(found, positions - positions[0], atol=0.15)


class TestCuts:
    inverted = np.array(
        [[0, 1, 0.5, 2], [3, 5, 0.3, 3], [2, 4, 0.4, 2], [6, 7, 0.8, 5]], dtype=float
    )

    def test_effective_distances(self):
        np.testing.assert_allclose(cuts.effective_distances(self.inverted), [0.3, 0.3, 0.4, 0.8])

    @pytest.mark.parametrize(
        ("distance", "expected"),
        [
            (0.9, [[0, 1, 2, 3, 4]]),
            (0.8, [[0, 1, 2, 3, 4]]),
            (0.5, [[0, 1, 3], [2, 4]]),
            # The merge at 0.5 lies inside the one at 0.3, which is not undone.
            (0.35, [[0, 1, 3], [2], [4]]),
            (0.2, [[0], [1], [2], [3], [4]]),
        ],
    )
    def test_merges_inside_a_group_stay(self, distance, expected):
        kept = cuts.effective_distances(self.inverted) <= distance
        assert [group.tolist() for group in cuts.members(self.inverted, kept)] == expected

    def test_equals_scipy_where_monotone(self):
        rng = np.random.default_rng(0)
        linkage = tree_of(noisy_rotated(8)).linkage
        linkage[:, 2] = np.sort(rng.random(len(linkage)))
        for distance in rng.random(20):
            kept = cuts.effective_distances(linkage) <= distance
            theirs = fcluster(linkage, distance, "distance")
            for group in cuts.members(linkage, kept):
                assert len(set(theirs[group])) == 1
            assert len(cuts.members(linkage, kept)) == theirs.max()

    def test_displacements_add_up(self):
        linkage = np.array([[1, 2, 0.1, 2], [0, 4, 0.2, 3], [3, 5, 0.9, 4]], dtype=float)
        shifts = np.array([[10.0], [-3.0], [100.0]])
        kept = np.array([True, True, False])
        # 2 is brought onto 1 by 10, both onto 0 by −3: they lie 3 and −7 away from it.
        np.testing.assert_allclose(cuts.displacements(linkage, shifts, kept)[:, 0], [0, 3, -7, 0])

    def test_displacements_count_from_the_first_component(self):
        linkage = np.array([[1, 2, 0.1, 2], [0, 3, 0.2, 3]], dtype=float)
        shifts = np.array([[10.0], [4.0]])
        kept = np.array([True, False])
        np.testing.assert_allclose(cuts.displacements(linkage, shifts, kept)[:, 0], [0, 0, -10])


class TestPosition:
    linkage = np.array([[0, 1, 0.2, 2], [2, 3, 0.4, 2], [4, 5, 0.3, 4]], dtype=float)

    def test_sequence(self):
        kept = np.array([True, True, False])
        assert cuts.position(self.linkage, kept, None, "sequence") == 2.5
        assert cuts.position(self.linkage, np.array([True, False, True]), 0.3, "sequence") is None
        assert cuts.position(self.linkage, np.ones(3, bool), 0.9, "sequence") == 3.5

    def test_distance(self):
        assert cuts.position(self.linkage, np.array([True, False, False]), None, "distance") == 0.25
        assert cuts.position(self.linkage, np.array([True, True, False]), None, "distance") is None
        assert cuts.position(self.linkage, np.array([True, False, False]), 0.21, "distance") == 0.21
