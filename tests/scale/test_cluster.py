"""Two worker processes of dask.distributed, one of which is killed."""

import os
import signal as signals
import threading
import time
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import threadpoolctl
from scans import assert_bar_ended, assert_same, counts, decompose, signal

from hs_nmfcluster import LazyNMFDiffraction2D
from hs_nmfcluster.engine import chunks, memory, scheduling
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.needs import factorization_needs

distributed = pytest.importorskip("distributed")

SHAPE = (12, 10, 16, 18)
ARGUMENTS = {"compression": "auto", "restarts": 3, "max_iterations": 6, "tolerance": 1e-9}


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit="1 GB"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def reference():
    return decompose(signal(counts(SHAPE, k=4)), 4, **ARGUMENTS)


def lazy_scan(log, pause=0.0, workers=1):
    """Scan whose blocks take down who reads them, and wait until so many have come to do it."""

    # Not a function of this module, which the workers cannot import: it goes to them as it is.
    def slow(block):
        with Path(log).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(pause)
        waited = 0.0
        while len(set(Path(log).read_text().split())) < workers and waited < 20:
            time.sleep(0.05)
            waited += 0.05
        return block

    data = da.from_array(counts(SHAPE, k=4), chunks=(1, 10, 16, 18))
    return LazyNMFDiffraction2D(
        data.map_blocks(slow, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
    )


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("hs_nmfcluster.engine.memory.CHUNK_BYTES", 24_000)


@pytest.mark.slow
@pytest.mark.usefixtures("client")
class TestTwoWorkers:
    @pytest.mark.parametrize("kept", [True, False])
    @pytest.mark.parametrize("compression", ["auto", None])
    def test_same_result(self, reference, monkeypatch, kept, compression):
        arguments = ARGUMENTS | {"compression": compression}
        if not kept:
            monkeypatch.setattr("hs_nmfcluster.engine.memory._SHARE", 0.0)
        found = decompose(
            signal(counts(SHAPE, k=4), (4, 6, 9, 10)), 4, **arguments, max_memory="1 GB"
        )
        assert found.settings["data_in_memory"] == kept
        expected = (
            reference if compression else decompose(signal(counts(SHAPE, k=4)), 4, **arguments)
        )
        assert_same(found, expected, rtol=1e-5)

    def test_large_maps_stay_on_the_workers(self, reference, monkeypatch):
        monkeypatch.setattr(scheduling, "_LARGEST_GATHERED", 1000)
        left_out = np.zeros(SHAPE[:2], bool)
        left_out[2:5, 3] = left_out[0] = True
        masks = {"navigation_mask": left_out}
        s = signal(counts(SHAPE, k=4), (4, 6, 9, 10))
        found = decompose(s, 4, **ARGUMENTS, **masks)
        assert found.maps._lazy
        assert "NMF maps" in repr(found.maps)
        model = found.model([1]).inav[3, 6].data.compute()
        found.maps.compute()
        found.position_mse = found.position_mse.compute()
        expected = decompose(signal(counts(SHAPE, k=4)), 4, **ARGUMENTS, **masks)
        assert_same(found, expected, rtol=1e-5)
        np.testing.assert_allclose(
            model, expected.model([1]).inav[3, 6].data.compute(), rtol=1e-4, atol=1e-6
        )

    def test_work_is_done_by_the_workers(self, tmp_path, client):
        log = tmp_path / "log"
        decompose(lazy_scan(log=str(log)), 4, **ARGUMENTS)
        processes = set(client.run(os.getpid).values())
        assert {int(line) for line in log.read_text().split()} <= processes
        assert os.getpid() not in processes

    def test_progress(self, capsys, monkeypatch):
        monkeypatch.setattr("hs_nmfcluster.engine.memory._SHARE", 0.0)
        s = signal(counts(SHAPE, k=4), (4, 6, 9, 10))
        found = decompose(s, 4, **ARGUMENTS, show_progressbar=True)
        assert_bar_ended(capsys.readouterr().err, found)

    def test_workers_are_counted(self):
        assert scheduling.n_workers() == 2

    @pytest.mark.parametrize("how", [{}, {"tiles": (5, 6)}])
    def test_killed_worker_changes_nothing(self, client, small_chunks, tmp_path, monkeypatch, how):
        """Data that were kept on it are read again."""
        monkeypatch.setattr("hs_nmfcluster.engine.memory._SHARE", 0.5)
        expected = decompose(signal(counts(SHAPE, k=4)), 4, **ARGUMENTS, **how)
        client.wait_for_workers(2, timeout=180)
        log = tmp_path / "log"
        s = lazy_scan(log=str(log), pause=0.01)
        victim = min(client.run(os.getpid).values())

        def kill():
            while not log.exists() or len(log.read_text().split()) < 20:
                time.sleep(0.01)
            os.kill(victim, signals.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        found = decompose(s, 4, **ARGUMENTS, **how)
        killer.join()
        client.wait_for_workers(2, timeout=180)
        assert victim not in client.run(os.getpid).values()
        assert_same(found, expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("small_chunks")
def test_workers_that_come_and_go(tmp_path, monkeypatch):
    """An adaptive cluster begins with one worker and takes more as there is work."""
    monkeypatch.setattr("hs_nmfcluster.engine.memory._SHARE", 0.0)
    log = tmp_path / "log"
    arguments = ARGUMENTS | {"max_iterations": 2}
    expected = decompose(signal(counts(SHAPE, k=4)), 4, **arguments)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, memory_limit="1 GB"
        ) as cluster,
        distributed.Client(cluster),
    ):
        cluster.adapt(minimum=1, maximum=2, interval="200 ms", target_duration="100 ms")
        found = decompose(lazy_scan(log=str(log), workers=2), 4, **arguments)
    assert len(set(log.read_text().split())) > 1
    assert_same(found, expected, rtol=1e-5)


class ManyWorkers:
    """What a client says of a large cluster, which no test can start."""

    def __init__(self, *workers):
        self.workers = {
            f"tcp://{i}": {"memory_limit": limit, "nthreads": threads}
            for i, (limit, threads) in enumerate(workers)
        }

    def scheduler_info(self, n_workers):
        return {"workers": self.workers}


class TestMemoryOfTheWorkers:
    def test_chunks_are_of_their_size_whatever_their_number(self):
        size = memory.cluster_chunk_bytes(ManyWorkers((8 * 2**30, 2)))
        assert size == memory.cluster_chunk_bytes(ManyWorkers(*[(8 * 2**30, 2)] * 128))
        assert size == chunks.CHUNK_BYTES

    def test_the_smallest_worker_counts(self):
        size = memory.cluster_chunk_bytes(ManyWorkers((8 * 2**30, 2), (2**30, 4)))
        assert 8 * 2**20 < size < 16 * 2**20

    @pytest.mark.parametrize("workers", [(), ((0, 4),), ((None, 4),)])
    def test_not_known(self, workers):
        assert memory.cluster_chunk_bytes(ManyWorkers(*workers)) == chunks.CHUNK_BYTES

    def test_blocks_take_nothing_here(self):
        """256 threads far away: eight GB here are plenty."""
        data = da.zeros((512, 512, 256, 256), dtype="u2", chunks=(16, 16, -1, -1))
        matrix = ScanMatrix.from_array(data)

        def needs(blocks):
            return factorization_needs(
                matrix, (20,), 10, compressed=True, blocks_at_a_time=blocks, threads=2
            )

        assert needs(256).total > 60e9
        assert needs(0).chunks == 0
        assert needs(0).total < 2e9


@pytest.fixture
def threads():
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=":0"
    ) as client:
        yield client


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
class TestWorkersInThisProcess:
    def test_same_result(self, reference):
        found = decompose(signal(counts(SHAPE, k=4), (2, 4, 16, 18)), 4, **ARGUMENTS)
        assert_same(found, reference, rtol=1e-5)

    @pytest.mark.parametrize("gathered", [1000, 2**30])
    def test_blas_is_held_to_one_thread(self, monkeypatch, tmp_path, gathered):
        """Whether maps are gathered or stay."""
        monkeypatch.setattr("hs_nmfcluster.engine.memory._SHARE", 0.0)
        monkeypatch.setattr(scheduling, "_LARGEST_GATHERED", gathered)
        s = signal(counts(SHAPE, k=4), (2, 4, 16, 18))
        log = tmp_path / "log"

        def look(block):
            pools = threadpoolctl.threadpool_info()
            numbers = [p["num_threads"] for p in pools if p["user_api"] == "blas"]
            with log.open("a") as file:
                file.write(f"{max(numbers)}\n")
            return block

        s.data = s.data.map_blocks(look, dtype=s.data.dtype, meta=np.empty((0,) * 4, s.data.dtype))
        with threadpoolctl.threadpool_limits(2, user_api="blas"):
            decompose(s, 4, **ARGUMENTS)
        assert set(log.read_text().split()) == {"1"}
