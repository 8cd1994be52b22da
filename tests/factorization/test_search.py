"""The search as a whole: as good as scikit-learn's, in few passes, repeatable and honest."""

import warnings

import dask
import dask.array as da
import numpy as np
import pytest
from scans import CHUNKS, Watcher, counts, n_blocks
from scipy.optimize import nnls
from sklearn.decomposition import NMF

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.compression import compress
from hs_nmfcluster.factorization.fit import fit
from hs_nmfcluster.factorization.iteration import evaluate, iterate
from hs_nmfcluster.factorization.runs import Run
from hs_nmfcluster.factorization.search import search
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.updates import SOLVERS, hals_rows, normalise
from hs_nmfcluster.simulation import linear_mixture

SETTINGS = {"restarts": 4, "tolerance": 1e-5, "max_iterations": 30, "seed": 2}


def searched(data, ranks, mask=None, job=None, **changes):
    matrix = ScanMatrix.from_array(data, None, mask)
    return search(matrix, ranks, Settings(**(SETTINGS | changes)), job or Job())


def best_of(runs):
    return min(run.best_mse for run in runs)


def scikit_learn_best(X, k, restarts):
    errors = []
    for seed in range(restarts):
        nmf = NMF(k, init="random", solver="cd", tol=1e-4, max_iter=200, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            W = nmf.fit_transform(X)
        errors.append(((X - W @ nmf.components_) ** 2).mean())
    return min(errors)


@pytest.fixture(scope="module")
def specimen():
    """A small simulated metallic glass without its direct beam: data, mask, matrix."""
    s, _ = linear_mixture((20, 21), (32, 32), pixel_size=0.64, n_particles=4, seed=1)
    y, x = np.mgrid[:32, :32]
    mask = np.hypot(x - 15.5, y - 15.5) < 3
    return s.data, mask, s.data[:, :, ~mask].reshape(420, -1).astype(float)


@pytest.mark.slow
class TestAgainstScikitLearn:
    def test_best_mse_of_every_rank(self, specimen):
        data, mask, X = specimen
        found = searched(data, [3, 6, 10], mask)
        for k, runs in found.runs.items():
            theirs = scikit_learn_best(X, k, SETTINGS["restarts"])
            # Half a per mille for different local minima, as promised of whole scans.
            assert best_of(runs) <= 1.0005 * theirs

    @pytest.mark.parametrize("seed", range(3))
    def test_counts(self, seed):
        data = counts((6, 8, 9, 10), k=4, level=5.0, seed=seed)
        X = data.reshape(48, 90).astype(float)
        found = searched(data, [2, 4], restarts=6, tolerance=1e-6)
        for k, runs in found.runs.items():
            assert best_of(runs) <= 1.0005 * scikit_learn_best(X, k, 6)


class TestHonesty:
    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, specimen):
        data, mask, _ = specimen
        return searched(data, [2, 5, 9], mask)

    def test_no_run_below_pca(self, found):
        for k, runs in found.runs.items():
            assert best_of(runs) >= found.compression.pca_mse(k) * (1 - 1e-12)

    def test_reported_mse_is_that_of_the_data(self, specimen, found):
        """With maps solved exactly, a position at a time, it could only be smaller."""
        X = specimen[2]
        for runs in found.runs.values():
            for run in runs:
                S = run.best_patterns
                exact = sum(nnls(S.T, row)[1] ** 2 for row in X) / X.size
                assert exact <= run.best_mse * (1 + 1e-10)
                assert run.best_mse == pytest.approx(exact, rel=1e-4)

    def test_fit_reports_the_mse_of_its_own_result(self, specimen):
        data, mask, X = specimen
        found = fit(ScanMatrix.from_array(data, None, mask), 5, Settings(restarts=3))
        direct = ((X - found.maps @ found.patterns) ** 2).mean()
        assert found.mse == pytest.approx(direct, rel=1e-10)
        assert found.restart_mse.min() == pytest.approx(direct, rel=1e-10)
        squares = np.linalg.svd(X, compute_uv=False)[5:] ** 2
        assert found.pca_mse == pytest.approx(squares.sum() / X.size, rel=1e-4)

    def test_only_the_best_are_polished(self, found):
        for runs in found.runs.values():
            polished = [run for run in runs if len(run.history) > 1]
            assert 1 <= len(polished) < len(runs)
            others = [run.best_mse for run in runs if len(run.history) == 1]
            assert max(run.history[0] for run in polished) <= min(others)

    def test_polishing_hardly_ever_rises(self, found):
        for runs in found.runs.values():
            for run in runs:
                assert (np.diff(run.history) <= 1e-5 * run.history[0]).all()


class TestStages:
    @pytest.fixture(scope="class")
    @classmethod
    def histories(cls):
        """Of a scan with more positions and pixels than are searched on."""
        found = searched(counts((50, 40, 40, 36), k=5, level=3.0), [4, 7])
        return [max((run.history for run in runs), key=len) for runs in found.runs.values()]

    def test_refinement_lowers_the_mse_of_what_was_found_on_a_sample(self, histories):
        for explored, refined, *_ in histories:
            assert refined < explored * (1 - 1e-5)

    def test_polishing_lowers_the_mse_of_what_was_refined(self, histories):
        for _, refined, *polished in histories:
            assert min(polished) < refined * (1 - 1e-6)


class TestIterate:
    @pytest.mark.parametrize("chunks", [None, (2, 3, 7, 9)])
    def test_one_step(self, chunks, block_numbers):
        """Maps solved afresh, patterns from where they stand."""
        data = counts()
        X = data.reshape(30, 63).astype(float)
        S = np.random.default_rng(0).random((5, 63)) ** 4
        S /= np.linalg.norm(S, axis=1, keepdims=True)
        matrix = ScanMatrix.from_array(data if chunks is None else da.from_array(data, chunks))
        assert block_numbers == [1 if chunks is None else 6]
        run = Run(S, 0)
        settings = Settings(tolerance=1e-9, max_iterations=2)
        iterate(matrix, [run], float((X**2).sum()), SOLVERS["hals"], settings, Job())
        C = hals_rows(S @ X.T, S @ S.T)
        warm, cold = (normalise(hals_rows(C @ X, C @ C.T, start)) for start in (S, None))
        np.testing.assert_allclose(run.patterns, warm, atol=1e-9)
        assert np.abs(warm - cold).max() > 1e-3
        assert run.history[0] == pytest.approx(((X - C.T @ S) ** 2).mean(), rel=1e-9)


class TestRepeats:
    RANKS = (2, 3, 6)

    @pytest.fixture(scope="class")
    @classmethod
    def eager(cls):
        return searched(cls.data(), cls.RANKS)

    @staticmethod
    def data():
        return counts((5, 6, 7, 9), level=5.0)

    @pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_whatever_the_chunks_and_the_scheduler(self, eager, chunks, scheduler, block_numbers):
        with dask.config.set(scheduler=scheduler):
            lazy = searched(da.from_array(self.data(), chunks=chunks), self.RANKS)
        assert block_numbers == [n_blocks(chunks)]
        for k in self.RANKS:
            for a, b in zip(lazy.runs[k], eager.runs[k], strict=True):
                np.testing.assert_allclose(a.best_patterns, b.best_patterns, atol=1e-8)
                np.testing.assert_allclose(a.history, b.history, rtol=1e-9)

    def test_seed_matters(self, eager):
        other = searched(self.data(), self.RANKS, seed=3)
        streams = zip(other.runs[6][1:], eager.runs[6][1:], strict=True)
        assert any(np.abs(a.best_patterns - b.best_patterns).max() > 1e-3 for a, b in streams)


class TestPasses:
    def test_each_chunk_is_read_once_a_pass(self):
        reads, job = [], Job(Watcher())

        def read(block):
            reads.append(block.shape)
            return block

        data = da.from_array(counts(), chunks=(2, 6, 7, 9))
        counted = data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
        with dask.config.set(scheduler="synchronous"):
            found = searched(counted, [2, 3], job=job)
        assert len(reads) == 3 * job.passes
        assert job.progress.passes == pytest.approx(job.passes)
        assert job.progress.n_bytes == job.passes * data.nbytes
        longest = max(len(run.history) for runs in found.runs.values() for run in runs)
        compression = Job()
        compress(ScanMatrix.from_array(counts()), 3, seed=SETTINGS["seed"], job=compression)
        assert job.passes == compression.passes + longest

    def test_do_not_grow_with_ranks_and_restarts(self, specimen):
        data, mask, _ = specimen
        few, many = Job(), Job()
        searched(data, [8], mask, few, restarts=2, max_iterations=5)
        searched(data, range(2, 9), mask, many, restarts=8, max_iterations=5)
        assert many.passes <= few.passes + 5
        assert many.passes <= 25


class TestEvaluate:
    def test_mse_without_a_step(self, block_numbers):
        data = counts()
        X = data.reshape(30, 63).astype(float)
        patterns = [np.random.default_rng(k).random((k, 63)) for k in (1, 3)]
        patterns = [S / np.linalg.norm(S, axis=1, keepdims=True) for S in patterns]
        runs = [Run(S, 0) for S in patterns]
        square = float((X**2).sum())
        matrix = ScanMatrix.from_array(da.from_array(data, chunks=(2, 6, 7, 9)))
        evaluate(matrix, runs, square, SOLVERS["hals"], Job())
        assert block_numbers == [3]
        for run, S in zip(runs, patterns, strict=True):
            exact = sum(nnls(S.T, row)[1] ** 2 for row in X) / X.size
            assert run.history == [run.best_mse]
            assert run.best_mse == pytest.approx(exact, rel=1e-6)
            np.testing.assert_array_equal(run.patterns, S)

    def test_agrees_with_the_first_iteration(self):
        matrix, square = ScanMatrix.from_array(counts()), float((counts() ** 2).sum())
        S = np.random.default_rng(0).random((4, 63))
        one, another = Run(S, 0), Run(S, 0)
        solver, job = SOLVERS["hals"], Job()
        evaluate(matrix, [one], square, solver, job)
        iterate(matrix, [another], square, solver, Settings(tolerance=1, max_iterations=1), job)
        assert one.history == pytest.approx(another.history, rel=1e-12)


class TestSeed:
    def test_the_largest(self):
        found = searched(counts(), [3], restarts=2, seed=2**64 - 1)
        assert np.isfinite(best_of(found.runs[3]))


class TestHalsSolver:
    def test_tends_to_non_negative_least_squares_on_the_data(self):
        """Many passes lead to patterns and maps that are each other's exact solution."""
        data = counts((4, 5, 6, 7), k=2, level=20.0)
        X = data.reshape(20, 42).astype(float)
        found = searched(data, [2], restarts=2, tolerance=1e-14, max_iterations=400)
        run = min(found.runs[2], key=lambda run: run.best_mse)
        # A calm iteration ends polishing, as far as rounding shows in the MSE: go on for longer.
        on = Run(run.best_patterns, 0)
        iterate(
            ScanMatrix.from_array(data),
            [on],
            float((X**2).sum()),
            SOLVERS["hals"]._replace(calm=50),
            Settings(tolerance=1e-14, max_iterations=400),
            Job(),
        )
        S = on.patterns
        C = np.array([nnls(S.T, row)[0] for row in X])
        best = np.array([nnls(C, column)[0] for column in X.T]).T
        np.testing.assert_allclose(best, S, atol=1e-4)


class TestExtremes:
    @pytest.mark.parametrize(
        ("shape", "ranks"),
        [
            ((5, 6, 7, 9), [1]),
            ((2, 3, 5, 4), [2, 6]),
            ((3, 4, 2, 2), [1, 4]),
            ((1, 1, 4, 4), [1]),
            ((5, 6, 1, 1), [1]),
        ],
    )
    def test_one_component_and_as_many_as_possible(self, shape, ranks):
        data = counts(shape)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = searched(data, ranks)
        size = (data.astype(float) ** 2).mean()
        for k in ranks:
            assert found.compression.pca_mse(k) - 1e-12 * size <= best_of(found.runs[k]) < size
            assert all(np.isfinite(run.best_patterns).all() for run in found.runs[k])
            assert all(run.best_patterns.shape[0] == k for run in found.runs[k])

    def test_one_component_is_pca(self):
        """The first singular vectors of non-negative data are non-negative."""
        found = searched(counts(), [1])
        assert best_of(found.runs[1]) == pytest.approx(found.compression.pca_mse(1), rel=1e-9)

    @pytest.mark.parametrize("ranks", [[1], [3], [1, 2, 5]])
    def test_constant_scan(self, ranks):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = searched(np.full((3, 4, 2, 3), 5.0), ranks)
        for k in ranks:
            assert best_of(found.runs[k]) == pytest.approx(0, abs=1e-9)

    def test_fewer_patterns_in_the_data_than_components(self):
        rng = np.random.default_rng(0)
        data = (rng.random((30, 2)) @ rng.random((2, 42))).reshape(5, 6, 6, 7)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = searched(data, [2, 6], restarts=3)
        assert best_of(found.runs[6]) < 1e-4 * (data**2).mean()
