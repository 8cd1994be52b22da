"""Starts against scikit-learn's, and the compressed iterations against the whole problem."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from scans import counts
from scipy.optimize import nnls
from sklearn.decomposition._nmf import _initialize_nmf

from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.compression import compress
from hs_nmfcluster.factorization.constraints import Constraints
from hs_nmfcluster.factorization.descent import _descend_constrained, descend, refine
from hs_nmfcluster.factorization.exploration import explore
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.starts import svd_start, turned_start
from hs_nmfcluster.factorization.updates import hals_rows, normalise

SHAPE = (8, 10, 9, 11)


def scan(k=5, level=20.0):
    """Counts, among them pixels that were never hit."""
    data = counts(SHAPE, k=k, level=level, seed=3)
    data[..., :2, :3] = 0
    return data


@pytest.fixture(scope="module")
def data():
    return scan()


@pytest.fixture(scope="module")
def compression(data):
    return compress(ScanMatrix.from_array(data), 8)


def error(X, S):
    """‖X − C S‖² with the best non-negative C, a position at a time."""
    return sum(nnls(S.T, row)[1] ** 2 for row in X)


class TestSvdStart:
    @pytest.mark.parametrize("k", [1, 2, 5])
    def test_as_scikit_learn_up_to_the_filling(self, data, compression, k):
        X = data.reshape(80, 99).astype(float)
        theirs = _initialize_nmf(X, k, init="nndsvd", random_state=0)[1]
        found = svd_start(compression, k)
        kept = theirs > 1e-4 * theirs.max()
        for mine, their, used in zip(found, theirs, kept, strict=True):
            ratio = mine[used] / their[used]
            np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-2)

    def test_no_zeros_that_could_not_grow(self, compression):
        found = svd_start(compression, 5)
        assert (found > 0).all()
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)

    def test_more_components_than_the_rank(self):
        rng = np.random.default_rng(0)
        X = rng.random((30, 1, 1, 2)) @ rng.random((2, 20))
        found = svd_start(compress(ScanMatrix.from_array(X), 6), 6)
        assert found.shape == (6, 20)
        assert np.isfinite(found).all()


class TestTurnedStart:
    def test_repeats(self, compression):
        np.testing.assert_array_equal(
            turned_start(compression, 5, 1, 2), turned_start(compression, 5, 1, 2)
        )

    @pytest.mark.parametrize("other", [(1, 3), (2, 2)])
    def test_streams_and_seeds_are_unlike(self, compression, other):
        one, another = turned_start(compression, 5, 1, 2), turned_start(compression, 5, *other)
        assert np.abs(one[1:] @ another[1:].T - np.eye(4)).max() > 0.2

    @pytest.mark.parametrize("k", [1, 2, 8])
    def test_form(self, compression, k):
        found = turned_start(compression, k, 0, 1)
        assert found.shape == (k, 99)
        assert (found > 0).all()
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)

    @pytest.mark.parametrize("start", [svd_start, lambda c, k: turned_start(c, k, 0, 1)])
    def test_pixels_never_hit_are_not_left_to_rounding(self, data, start):
        """Their singular vectors are zero up to rounding, which changes with the chunks."""
        rows = np.random.default_rng(0).permutation(80)
        shuffled = data.reshape(80, 1, 9, 11)[rows]
        one = start(compress(ScanMatrix.from_array(data), 5), 5)
        another = start(compress(ScanMatrix.from_array(shuffled), 5), 5)
        np.testing.assert_allclose(one, another, atol=1e-9)


class TestDescend:
    @staticmethod
    def start(compression, k, stream=0):
        if stream:
            return turned_start(compression, k, 0, stream)[None]
        return svd_start(compression, k)[None]

    def test_error_is_that_of_the_patterns(self, compression):
        """With maps solved exactly, a position at a time, it could only be smaller."""
        X = compression.scores @ compression.basis
        found = descend(compression, self.start(compression, 4, 1), tolerance=1e-3)
        exact = error(X, found.patterns[0])
        assert exact <= found.errors[0] * (1 + 1e-10)
        assert found.errors[0] == pytest.approx(exact, rel=1e-2)
        assert (found.patterns >= 0).all()

    def test_error_falls(self, compression):
        start = self.start(compression, 4, 1)
        errors = [
            descend(compression, start, tolerance=0.0, max_iterations=n).errors[0]
            for n in (1, 2, 3, 5, 10, 30)
        ]
        assert (np.diff(errors) <= 1e-4 * errors[0]).all()
        assert errors[-1] < 0.9 * errors[0]

    def test_not_behind_hals_on_the_reconstructed_data(self, compression):
        """Plain sweeps on B Q itself, written out; extrapolation must not do worse."""
        X = compression.scores @ compression.basis
        S, C = svd_start(compression, 4), None
        for _ in range(6):
            C = hals_rows(S @ X.T, S @ S.T, C)
            S = hals_rows(C @ X, C @ C.T, S)
            C *= np.linalg.norm(S, axis=1, keepdims=True)
            S = normalise(S)
        found = descend(compression, self.start(compression, 4), tolerance=0.0, max_iterations=7)
        assert error(X, found.patterns[0]) <= error(X, S) * (1 + 1e-9)

    def test_step_by_step(self, compression):
        """The rule written out for one run: both solves warm, a plain step after each rise."""
        X = compression.scores @ compression.basis
        start = self.start(compression, 6, 1)
        S = ahead = start[0]
        C, last, share, largest, rises = None, np.inf, 0.5, 1.0, 0
        for step in range(1, 61):
            C = hals_rows(ahead @ X.T, ahead @ ahead.T, C)
            now = ((X - C.T @ ahead) ** 2).sum()
            found = descend(compression, start, tolerance=0.0, max_iterations=step)
            # Of no tolerance a run ends where its error stays the same.
            np.testing.assert_allclose(found.errors[0], now, rtol=1e-6)
            np.testing.assert_allclose(found.patterns[0], ahead, atol=1e-4)
            fresh = hals_rows(C @ X, C @ C.T, ahead)
            C *= np.linalg.norm(fresh, axis=1, keepdims=True)
            before, S = S, normalise(fresh)
            if now > last:
                rises += 1
                largest = share = share / 1.5
                ahead = S
            else:
                ahead = normalise(np.maximum(S + share * (S - before), 0))
                largest = min(1.01 * largest, 1.0)
                share = min(1.05 * share, largest)
            last = now
        assert rises > 1

    def test_step_by_step_where_it_goes_back_after_a_rise(self, compression):
        """The rule of constrained runs, with constraints that change nothing."""
        X, (start,) = compression.scores @ compression.basis, self.start(compression, 6, 1)
        scores = np.ascontiguousarray(compression.scores.T)
        S = ahead = best = start
        C, last, least, share, largest, rises = None, np.inf, np.inf, 0.5, 1.0, 0
        for step in range(1, 41):
            C = hals_rows(ahead @ X.T, ahead @ ahead.T, C)
            now = ((X - C.T @ ahead) ** 2).sum()
            if now > last and ahead is not S:
                rises += 1
                largest = share = share / 1.5
                ahead = S
            else:
                if now < least:
                    least, best = now, S
                last = now
                fresh = hals_rows(C @ X, C @ C.T, ahead)
                C *= np.linalg.norm(fresh, axis=1, keepdims=True)
                before, S = S, normalise(fresh)
                ahead = normalise(np.maximum(S + share * (S - before), 0))
                share, largest = min(1.05 * share, largest), min(1.01 * largest, 1.0)
            found = _descend_constrained(compression, scores, start, Constraints(), 0.0, step)
            np.testing.assert_allclose(found, best, atol=1e-6)
        assert rises > 1

    def test_limit_is_a_stationary_point(self, compression):
        """There the patterns are the non-negative least-squares solution for their maps."""
        X = compression.scores @ compression.basis
        found = descend(compression, self.start(compression, 2), tolerance=0.0, max_iterations=2000)
        S = found.patterns[0]
        C = np.array([nnls(S.T, row)[0] for row in X])
        best = np.array([nnls(C, column)[0] for column in X.T]).T
        np.testing.assert_allclose(best, S, atol=1e-4)

    def test_tolerance(self, compression):
        start = self.start(compression, 5, 2)
        errors = {t: descend(compression, start, tolerance=t).errors[0] for t in (1e-6, 1e-1, 0.0)}
        assert errors[1e-6] < errors[1e-1]
        assert errors[1e-6] == pytest.approx(errors[0.0], rel=1e-2)

    def test_runs_do_not_influence_each_other(self, compression):
        starts = np.concatenate([self.start(compression, 5, stream) for stream in (0, 1, 2, 3)])
        together = descend(compression, starts, tolerance=1e-4)
        for i, start in enumerate(starts):
            alone = descend(compression, start[None], tolerance=1e-4)
            np.testing.assert_allclose(together.patterns[i], alone.patterns[0], atol=1e-10)
            np.testing.assert_allclose(together.errors[i], alone.errors[0], rtol=1e-10)

    def test_leaves_its_starts_alone(self, compression):
        start = self.start(compression, 3)
        before = start.copy()
        descend(compression, start, tolerance=1e-4)
        np.testing.assert_array_equal(start, before)

    def test_dead_component(self, compression):
        start = self.start(compression, 3)
        start[0, 1] = 0
        found = descend(compression, start, tolerance=1e-4)
        assert np.isfinite(found.patterns).all()
        assert np.isfinite(found.errors).all()


SETTINGS = Settings(restarts=4, tolerance=1e-5, seed=0)


class TestExplore:
    @pytest.fixture(scope="class")
    @classmethod
    def large(cls):
        """More positions and pixels than a sample takes."""
        X = counts((50, 40, 45, 42), k=4, level=5.0, seed=1)
        return compress(ScanMatrix.from_array(X), 5)

    @pytest.mark.parametrize("ranks", [[4], [2, 5]])
    def test_as_good_as_without_a_sample(self, large, ranks):
        found = explore(large, ranks, SETTINGS)
        for k, stack in zip(ranks, found, strict=True):
            assert stack.shape == (4, k, 45 * 42)
            np.testing.assert_allclose(np.linalg.norm(stack, axis=-1), 1)
            starts = [turned_start(large, k, 0, stream) for stream in (1, 2, 3)]
            whole = descend(large, np.array([svd_start(large, k), *starts]), tolerance=1e-5)
            ours = descend(large, stack, tolerance=1.0, max_iterations=1).errors
            missed = (ours.min() - whole.errors.min()) / (large.pca_mse(k) * large.size)
            assert missed < 5e-3

    def test_refine_ends_where_the_whole_problem_does(self, large):
        (stack,) = explore(large, [4], SETTINGS)
        (refined,) = refine(large, [stack[0]], tolerance=1e-6)
        again = descend(large, refined[None], tolerance=1.0, max_iterations=1).errors[0]
        before = descend(large, stack[:1], tolerance=1.0, max_iterations=1).errors[0]
        start = turned_start(large, 4, 0, 9)[None]
        unseen = descend(large, start, tolerance=1e-6).errors[0]
        assert again <= before
        assert again == pytest.approx(unseen, abs=1e-4 * large.pca_mse(4) * large.size)

    def test_random_starts_are_unlike_each_other(self, large):
        (stack,) = explore(large, [4], replace(SETTINGS, tolerance=0.5))
        for i in range(4):
            for j in range(i):
                assert np.abs(stack[i] - stack[j]).max() > 0.01

    def test_the_two_best_go_on(self, compression):
        X = compression.scores @ compression.basis
        rough, fine = (
            explore(compression, [5], replace(SETTINGS, tolerance=t))[0] for t in (1e-4, 1e-9)
        )
        before, after = (np.array([error(X, S) for S in stack]) for stack in (rough, fine))
        went_on = np.abs(fine - rough).max(axis=(1, 2)) > 1e-4
        assert set(np.flatnonzero(went_on)) == set(np.argsort(before)[:2])
        assert (after[went_on] < before[went_on] * (1 - 1e-6)).all()

    def test_repeats_and_depends_on_the_seed(self, large):
        one, same = (explore(large, [3], SETTINGS)[0] for _ in range(2))
        other = explore(large, [3], replace(SETTINGS, seed=1))[0]
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - other).max() > 1e-3

    def test_rounding_of_the_compression_stays_small(self, large):
        """It differs with the chunks of the data."""
        noise = 1 + 1e-13 * np.random.default_rng(0).standard_normal(large.scores.shape)
        rounded = replace(large, scores=large.scores * noise)
        one, other = (explore(c, [4], SETTINGS)[0] for c in (large, rounded))
        np.testing.assert_allclose(one, other, atol=1e-9)

    def test_one_restart_and_one_component(self, compression):
        (found,) = explore(compression, [1], Settings(restarts=1))
        assert found.shape == (1, 1, 99)

    def test_leaves_no_threads(self, compression):
        before = threading.active_count()
        explore(compression, [2, 3], SETTINGS)
        assert threading.active_count() == before
