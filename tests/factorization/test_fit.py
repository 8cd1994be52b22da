"""The factorization against a slow one written from the paper's eight steps."""

import warnings
from functools import partial

import dask
import dask.array as da
import numpy as np
import pytest
from scans import Watcher, counts

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.random_numbers import uniform
from hs_nmfcluster.factorization.constraints import Constraints
from hs_nmfcluster.factorization.constraints.band_limit import BandLimit
from hs_nmfcluster.factorization.fit import fit as factorize
from hs_nmfcluster.factorization.settings import Settings

NEVER = 1e-300


def any_fit(matrix, k, *, solver="als", compressed=True, job=None, **settings):
    return factorize(matrix, k, Settings(**settings), solver=solver, compressed=compressed, job=job)


# The paper's procedure: every iteration on the data themselves.
fit = partial(any_fit, compressed=False)


def mean_square_error(X, S, C):
    total = 0.0
    for pixel in range(X.shape[0]):
        for position in range(X.shape[1]):
            model = sum(S[pixel, k] * C[k, position] for k in range(C.shape[0]))
            total += (X[pixel, position] - model) ** 2
    return total / X.size


def slow_run(X, C, iterations):
    """Steps 3 to 7 of Kimoto et al. (2024), X = S C with X pixels × positions as printed there."""
    history, best = [], None
    for _ in range(iterations):
        S = (X @ C.T) @ np.linalg.inv(C @ C.T)
        S[S < 0] = 0
        for k in range(S.shape[1]):
            S[:, k] /= np.sqrt((S[:, k] ** 2).sum())
        C = np.linalg.inv(S.T @ S) @ (S.T @ X)
        C[C < 0] = 0
        order = sorted(range(len(C)), key=lambda k: -np.sqrt((C[k] ** 2).sum()))
        S, C = S[:, order], C[order]
        history.append(mean_square_error(X, S, C))
        if history[-1] == min(history):
            best = S.copy(), C.copy()
    return history, best


def slow_als(X, n_components, iterations, restarts, seed):
    """All eight steps: the best iterate of the best start."""
    runs = []
    for restart in range(restarts):
        start = uniform(seed, restart, np.arange(X.shape[1]), n_components).T
        runs.append(slow_run(X, start.copy(), iterations))
    history, (S, C) = min(runs, key=lambda run: min(run[0]))
    return S, C, min(history), [run[0] for run in runs]


def matrix_of(data):
    return ScanMatrix.from_array(data)


class TestAgainstThePaper:
    @pytest.mark.parametrize("iterations", [1, 2, 10, 40])
    @pytest.mark.parametrize("restarts", [1, 3])
    def test_same_patterns_maps_and_mse(self, iterations, restarts):
        data = counts((4, 5, 6, 7), seed=1)
        X = data.reshape(20, 42).T.astype(float)
        S, C, mse, histories = slow_als(X, 3, iterations, restarts, seed=11)
        found = fit(
            matrix_of(data),
            3,
            restarts=restarts,
            tolerance=NEVER,
            max_iterations=iterations,
            seed=11,
        )
        np.testing.assert_allclose(found.patterns, S.T, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found.maps, C.T, rtol=1e-7, atol=1e-9 * C.max())
        assert found.mse == pytest.approx(mse, rel=1e-9)
        np.testing.assert_allclose(found.history, histories, rtol=1e-9)

    @pytest.mark.parametrize("dtype", ["i2", "f4", ">f8"])
    def test_negative_counts_are_kept(self, dtype):
        data = (counts((4, 5, 6, 7), seed=2) - 4).astype(dtype)
        X = data.reshape(20, 42).T.astype(float)
        assert (X < 0).mean() > 0.3
        S, C, mse, _ = slow_als(X, 2, 10, 2, seed=0)
        found = fit(matrix_of(data), 2, restarts=2, tolerance=NEVER, max_iterations=10, seed=0)
        np.testing.assert_allclose(found.patterns, S.T, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found.maps, C.T, rtol=1e-7, atol=1e-9 * C.max())
        assert found.mse == pytest.approx(mse, rel=1e-9)


@pytest.fixture(scope="module")
def rising():
    """Runs on noise, whose clipped least squares rise again after a minimum."""
    data = counts((5, 6, 6, 7), k=6, level=3.0, seed=5)
    return data, fit(matrix_of(data), 6, restarts=6, tolerance=NEVER, max_iterations=60)


class TestBestIterate:
    def test_some_run_rises(self, rising):
        _, found = rising
        assert any(np.argmin(h) < len(h) - 1 for h in found.history)

    def test_smallest_mse_of_each_restart(self, rising):
        _, found = rising
        assert found.restart_mse.tolist() == [min(h) for h in found.history]
        assert found.best == np.argmin(found.restart_mse)

    def test_result_is_the_best_iterate(self, rising):
        data, found = rising
        residual = data.reshape(30, 42) - found.maps @ found.patterns
        assert (residual**2).mean() == pytest.approx(found.restart_mse.min(), rel=1e-10)
        assert found.mse == pytest.approx(found.restart_mse.min(), rel=1e-10)
        np.testing.assert_allclose(found.residual, (residual**2).sum(axis=1), rtol=1e-9)

    def test_form_of_the_result(self, rising):
        _, found = rising
        assert (found.patterns >= 0).all()
        assert (found.maps >= 0).all()
        np.testing.assert_allclose(np.linalg.norm(found.patterns, axis=1), 1)
        assert (np.diff(np.linalg.norm(found.maps, axis=0)) <= 0).all()
        assert found.restart_patterns.shape == (6, 6, 42)


class TestPrecision:
    def test_mse_far_below_the_mean_square(self):
        """Sums in single precision would be wrong by more than this MSE."""
        rng = np.random.default_rng(0)
        model = 1e4 * (1 + rng.random((60, 2))) @ (1 + rng.random((2, 80)))
        data = (model + rng.normal(size=model.shape)).astype("f4").reshape(6, 10, 8, 10)
        found = fit(matrix_of(data), 2, restarts=2, max_iterations=400, tolerance=1e-7)
        exact = ((data.reshape(60, 80).astype(float) - found.maps @ found.patterns) ** 2).mean()
        assert found.mse == pytest.approx(exact, rel=1e-9)
        assert found.restart_mse.min() == pytest.approx(exact, rel=1e-3)

    @pytest.mark.parametrize("compressed", [True, False])
    @pytest.mark.parametrize("limited", [False, True])
    def test_mse_is_that_of_the_residual_whatever_cancels(self, compressed, limited):
        """One position is so bright that ‖X‖² less what is described of it leaves only rounding."""
        data = counts((6, 8, 5, 6)).astype(float)
        data[2, 3] *= 1e9
        band = BandLimit.of_scan((6, 8), (1.0, 1.0), 4.0) if limited else None
        constraints = Constraints(maps=band)
        found = any_fit(
            matrix_of(data), 3, restarts=2, compressed=compressed, constraints=constraints
        )
        left = data.reshape(48, 30) - found.maps @ found.patterns
        assert found.mse == pytest.approx((left**2).mean(), rel=1e-6)
        np.testing.assert_allclose(found.residual, (left**2).sum(axis=1), rtol=1e-6)

    def test_recovers_separable_data(self):
        rng = np.random.default_rng(1)
        maps, patterns = rng.random((40, 3)), rng.random((3, 30))
        maps[:3], patterns[:, :3] = np.eye(3), np.eye(3)
        data = (maps @ patterns).reshape(5, 8, 5, 6)
        found = fit(matrix_of(data), 3, restarts=4, max_iterations=2000, tolerance=1e-8)
        true = patterns / np.linalg.norm(patterns, axis=1, keepdims=True)
        assert (found.patterns @ true.T).max(axis=0).min() > 0.999


class TestRankSafety:
    @pytest.mark.parametrize("k", [1, 2, 4, 6])
    def test_constant_scan(self, k):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = fit(matrix_of(np.full((3, 4, 2, 3), 5.0)), k, restarts=3)
        assert np.isfinite(found.patterns).all()
        assert np.isfinite(found.maps).all()
        assert found.mse == pytest.approx(0, abs=1e-20)

    def test_more_components_than_the_rank(self):
        rng = np.random.default_rng(0)
        data = np.einsum("i,jk->ijk", rng.random(20), rng.random((5, 6)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = fit(matrix_of(data), 5, restarts=2)
        assert found.mse < 1e-12 * (data**2).mean()
        assert np.isfinite(found.maps).all()

    def test_zero_patterns_inside_the_scan(self):
        data = counts((4, 5, 6, 7))
        data[1, 2:] = data[3] = 0
        found = fit(matrix_of(data), 3, restarts=2)
        maps = found.maps.reshape(4, 5, 3)
        assert (maps[1, 2:] == 0).all()
        assert (maps[3] == 0).all()
        assert np.isfinite(found.patterns).all()

    def test_as_many_components_as_positions(self):
        data = counts((2, 3, 5, 4))
        found = fit(matrix_of(data), 6, restarts=2, max_iterations=50)
        assert np.isfinite(found.maps).all()
        assert found.mse <= (data.astype(float) ** 2).mean()


class TestStopping:
    def test_tolerance(self):
        loose, tight = (
            fit(matrix_of(counts()), 3, restarts=1, tolerance=t, max_iterations=500)
            for t in (1e-2, 1e-7)
        )
        assert loose.converged.all()
        assert tight.converged.all()
        assert len(loose.history[0]) < len(tight.history[0])
        last = np.array(loose.history[0][-3:])
        assert (np.abs(np.diff(last)) <= 1e-2 * last[1:]).all()

    def test_max_iterations(self):
        found = fit(matrix_of(counts()), 3, restarts=2, tolerance=NEVER, max_iterations=4)
        assert [len(h) for h in found.history] == [4, 4]
        assert not found.converged.any()

    def test_converged_restarts_leave_the_others_alone(self):
        matrix = matrix_of(counts(seed=3))
        together = fit(matrix, 3, restarts=5, tolerance=1e-4)
        assert len({len(h) for h in together.history}) > 1
        first = fit(matrix, 3, restarts=1, tolerance=1e-4)
        np.testing.assert_allclose(together.history[0], first.history[0], rtol=1e-10)

    @pytest.mark.parametrize("compressed", [False, True])
    def test_passes_are_told(self, compressed):
        job = Job(Watcher())
        found = any_fit(
            matrix_of(counts()),
            3,
            restarts=3,
            compressed=compressed,
            tolerance=1e-3,
            job=job,
        )
        assert job.progress.passes == pytest.approx(found.passes)
        assert job.progress.expected[-1] == pytest.approx(found.passes)
        assert job.progress.said[-1] == "maps of the best restart"


class TestPasses:
    def test_each_chunk_is_read_once_a_pass(self):
        reads = []

        def read(block):
            reads.append(block.shape)
            return block

        data = da.from_array(counts(), chunks=(2, 6, 7, 9))
        counted = data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
        with dask.config.set(scheduler="synchronous"):
            found = fit(matrix_of(counted), 3, restarts=4, tolerance=NEVER, max_iterations=5)
        assert found.passes == 5 + 2
        assert len(reads) == 3 * found.passes
