"""Where work is done, and what is set back afterwards."""

from threading import Event, Thread

import dask
import dask.array as da
import numpy as np
import pytest
from blas import blas_threads, look
from dask.callbacks import Callback
from threadpoolctl import threadpool_limits

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.scheduling import one_blas_thread_each, side_by_side
from hs_nmfcluster.factorization.compression import compress


class TestBlasLimit:
    def test_holds_within_and_ends_after(self):
        with threadpool_limits(2, user_api="blas"):
            with one_blas_thread_each():
                assert blas_threads() == {1}
            assert blas_threads() == {2}

    def test_jobs_that_end_in_the_order_in_which_they_began(self):
        """The second one found the limit of the first: it must not put that back for good."""
        began, ended = Event(), Event()

        def second():
            with one_blas_thread_each():
                began.set()
                ended.wait(10)

        with threadpool_limits(2, user_api="blas"):
            job = Thread(target=second)
            with one_blas_thread_each():
                job.start()
                assert began.wait(10)
            ended.set()
            job.join(10)
            assert blas_threads() == {2}


class TestBlasIsLimited:
    DATA = np.ones((6, 5, 4, 4))

    @pytest.mark.parametrize("lazy", [False, True])
    def test_in_every_block_of_a_pass(self, lazy):
        data = np.ones((32, 32, 32, 32))
        scan = da.from_array(data, chunks=(4, 32, 32, 32)) if lazy else data
        matrix = ScanMatrix.from_array(scan, chunk_bytes=2**20)
        n = len(matrix.blocks)
        assert n > 1
        with threadpool_limits(2, user_api="blas"):
            assert Job().visit(matrix, look) == (n, n)
            assert blas_threads() == {2}

    def test_side_by_side(self):
        with threadpool_limits(2, user_api="blas"):
            assert side_by_side(lambda _: blas_threads(), range(4)) == [{1}] * 4

    def test_between_the_passes_of_the_compression(self, monkeypatch):
        seen = []
        eigh = np.linalg.eigh

        def watched(*arguments):
            seen.append(blas_threads())
            return eigh(*arguments)

        monkeypatch.setattr(np.linalg, "eigh", watched)
        with threadpool_limits(2, user_api="blas"):
            compress(ScanMatrix.from_array(self.DATA), 2)
        assert seen
        assert all(threads == {1} for threads in seen)

    def test_in_processes(self):
        matrix = ScanMatrix.from_array(da.from_array(self.DATA, chunks=(3, 5, 4, 4)))
        with dask.config.set(scheduler="processes", num_workers=1):
            assert Job().visit(matrix, look) == (1, 1)


class TestOverlappingBlocks:
    def test_few_chunks_are_in_memory_at_a_time(self):
        """What needs the same chunks is worked on one after the other, line by line."""
        size = 8 * 8 * 4 * 8
        most = 0

        class Watching(Callback):
            def _posttask(self, key, result, dsk, state, worker_id):
                nonlocal most
                held = state["cache"].values()
                chunks = [x for x in held if isinstance(x, np.ndarray) and x.nbytes == size]
                most = max(most, len(chunks))

        data = da.zeros((64, 64, 2, 2), chunks=(8, 8, -1, -1))
        matrix = ScanMatrix.from_array(data, chunk_bytes=size)
        assert len(matrix.blocks) == 64
        positions = np.arange(64 * 64).reshape(64, 64)
        windows = [
            positions[i : i + 7, j : j + 7].ravel()
            for i in range(0, 58, 5)
            for j in range(0, 58, 5)
        ]
        with dask.config.set(scheduler="synchronous"), Watching():
            Job().visit(matrix.regrouped([windows]), lambda rows, _: len(rows[:]))
        # Those of a line of windows, not of the whole.
        assert 8 <= most <= 12
