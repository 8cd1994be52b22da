"""Runs that are killed, interrupted or refused, and go on."""

import json
import os
import random
import signal as signals
import time

import dask
import dask.array as da
import numpy as np
import other_process
import pytest
from scans import assert_same, counts, decompose, signal

from hs_nmfcluster import LazyNMFDiffraction2D
from hs_nmfcluster.engine.job import Job

SHAPE = (12, 10, 16, 18)
CHUNKS = (4, 10, 16, 18)
ARGUMENTS = {"compression": "auto", "restarts": 3, "max_iterations": 6, "tolerance": 1e-9}


def start(folder, arguments, memory, pause=0.0):
    """Begin a run that reads slowly in another process; give it and what it says."""
    more = {"checkpoint": folder, "max_memory": memory}
    return other_process.start(counts(SHAPE, k=4), CHUNKS, arguments | more, pause)


def lazy_scan():
    return LazyNMFDiffraction2D(da.from_array(counts(SHAPE, k=4), chunks=CHUNKS))


@pytest.mark.slow
class TestKill:
    @pytest.mark.parametrize("compression", ["auto", None])
    def test_at_random_passes(self, tmp_path, compression):
        """Killed again and again wherever it happens to be, it ends with the same result."""
        arguments = ARGUMENTS | {"compression": compression}
        memory = decompose(lazy_scan(), 4, **arguments).settings["memory_estimate"]
        expected = decompose(lazy_scan(), 4, **arguments)
        chosen = random.Random(3)
        for _ in range(3):
            process, said = start(tmp_path / "state", arguments, memory, pause=0.01)
            for _ in range(chosen.randint(7, 14)):
                assert said.read(1)
            process.kill()
            process.join()
            assert process.exitcode == -signals.SIGKILL
        found = decompose(
            lazy_scan(), 4, **arguments, checkpoint=tmp_path / "state", max_memory=memory
        )
        assert found.settings["data_in_memory"] is False
        assert_same(found, expected, rtol=1e-5)

    def test_reads_only_what_is_left(self, tmp_path):
        memory = decompose(lazy_scan(), 4, **ARGUMENTS).settings["memory_estimate"]
        _, said = start(tmp_path / "whole", ARGUMENTS, memory)
        reads = len(said.read())
        killed, said = start(tmp_path / "killed", ARGUMENTS, memory, pause=0.01)
        for _ in range(20):
            assert said.read(1)
        killed.kill()
        killed.join()
        _, said = start(tmp_path / "killed", ARGUMENTS, memory)
        # Up to two passes of three chunks are lost, and the patterns by which it is recognised.
        assert 0 < len(said.read()) <= reads - 20 + 2 * 3 + 5

    def test_interrupt_from_the_keyboard(self, tmp_path):
        memory = decompose(lazy_scan(), 4, **ARGUMENTS).settings["memory_estimate"]
        process, said = start(tmp_path, ARGUMENTS, memory, pause=0.2)
        for _ in range(14):
            assert said.read(1)
        os.kill(process.pid, signals.SIGINT)
        process.join(timeout=30)
        assert process.exitcode == 1
        assert json.loads((tmp_path / "job.json").read_text())["job"] == "ALS-NMF"
        found = decompose(lazy_scan(), 4, **ARGUMENTS, checkpoint=tmp_path)
        assert_same(found, decompose(lazy_scan(), 4, **ARGUMENTS), rtol=1e-5)


class TestTheSameCall:
    def test_again_reads_nothing(self, tmp_path):
        first = decompose(signal(counts()), checkpoint=tmp_path)
        begun = time.perf_counter()
        second = decompose(signal(counts()), checkpoint=tmp_path)
        assert time.perf_counter() - begun < 60
        assert_same(second, first)

    def test_leaves_nothing_that_is_not_needed(self, tmp_path):
        decompose(signal(counts()), checkpoint=tmp_path, compression="auto")
        kept = {path.stem for path in tmp_path.iterdir()}
        assert "compression" in kept
        assert not kept & {"subspace", "pass"}

    def test_takes_the_seed_of_the_job(self, tmp_path):
        first = decompose(signal(counts()), checkpoint=tmp_path, random_state=None)
        second = decompose(signal(counts()), checkpoint=tmp_path, random_state=None)
        assert second.settings["random_state"] == first.settings["random_state"]

    @pytest.mark.parametrize("name", ["restarts", "tolerance", "random_state", "compression"])
    def test_with_another_argument_is_refused(self, tmp_path, name):
        decompose(signal(counts()), checkpoint=tmp_path)
        other = {"restarts": 3, "tolerance": 0.1, "random_state": 8, "compression": "auto"}
        with pytest.raises(ValueError, match=rf"another job.* {name} was .*, is "):
            decompose(signal(counts()), checkpoint=tmp_path, **{name: other[name]})

    def test_on_other_data_is_refused(self, tmp_path):
        decompose(signal(counts()), checkpoint=tmp_path)
        with pytest.raises(ValueError, match=r"another job.* data patterns was"):
            decompose(signal(counts(seed=1)), checkpoint=tmp_path)
        with pytest.raises(ValueError, match=r"another job.* data shape was"):
            decompose(signal(counts((6, 5, 7, 9))), checkpoint=tmp_path)

    def test_with_other_masks_is_refused(self, tmp_path):
        decompose(signal(counts()), checkpoint=tmp_path)
        mask = np.zeros((7, 9), bool)
        mask[:, 0] = True
        with pytest.raises(ValueError, match=r"another job.* signal_mask was"):
            decompose(signal(counts()), checkpoint=tmp_path, signal_mask=mask)

    def test_however_it_is_run(self, tmp_path, block_numbers):
        """Chunks, laziness and memory do not make another job."""
        first = decompose(signal(counts()), checkpoint=tmp_path)
        lazy = signal(counts(), (2, 4, 7, 5))
        second = decompose(lazy, checkpoint=tmp_path, max_memory="1 GB")
        assert_same(second, first)

    def test_rank_study(self, tmp_path):
        arguments = {"restarts": 2, "signal_mask": None, "random_state": 0}
        arguments |= {"print_info": False, "show_progressbar": False, "checkpoint": tmp_path}
        first = signal(counts()).estimate_number_of_components([1, 2, 4], **arguments)
        second = signal(counts()).estimate_number_of_components([1, 2, 4], **arguments)
        np.testing.assert_array_equal(first.nmf_mse, second.nmf_mse)
        assert first.passes == second.passes
        with pytest.raises(ValueError, match=r"another job.* ranks was"):
            signal(counts()).estimate_number_of_components([1, 2], **arguments)


class TestChangedData:
    """Five patterns of a scan are compared before a job goes on; the others are in its sums."""

    @pytest.mark.parametrize("compression", ["auto", None])
    @pytest.mark.parametrize("memory", ["read in every pass", "kept"])
    def test_are_refused(self, tmp_path, compression, memory):
        data = counts()
        arguments = {"compression": compression, "max_iterations": 20, "tolerance": 1e-300}
        if memory != "kept":
            lazy = signal(data, (1, 6, 7, 9))
            needed = decompose(lazy, **arguments).settings["memory_estimate"]
            arguments["max_memory"] = needed
        arguments["checkpoint"] = tmp_path
        kept, keep = [], Job.keep

        def interrupt(job, name, state):
            keep(job, name, state)
            kept.append(name)
            if kept.count("iteration") == 2:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Job, "keep", interrupt)
            with pytest.raises(KeyboardInterrupt):
                decompose(signal(data, (1, 6, 7, 9)), **arguments)
        data[2, 3] += 5
        with pytest.raises(OSError, match="are not those of `checkpoint`"):
            decompose(signal(data, (1, 6, 7, 9)), **arguments)


class TestReturnWhatThereIs:
    def test_at_an_interrupt(self, caplog, tmp_path):
        """Interrupted in an iteration, the best so far comes back, and the job can go on."""
        reads = []

        def read(block):
            reads.append(1)
            if len(reads) == 5 + 10:
                raise KeyboardInterrupt
            return block

        data = da.from_array(counts(), chunks=(5, 6, 7, 9))
        data = data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
        s = LazyNMFDiffraction2D(data)
        long = {"max_iterations": 20, "tolerance": 1e-300}
        memory = decompose(signal(counts(), (5, 6, 7, 9)), **long).settings["memory_estimate"]
        long |= {"checkpoint": tmp_path, "max_memory": memory}
        found = decompose(s, **long, on_interrupt="return")
        assert 3 < len(found.history[0]) < 20
        assert np.isfinite(found.mse)
        assert found.mse == pytest.approx(min(map(min, found.history)), rel=1e-6)
        assert "Interrupted" in caplog.text
        assert_same(
            decompose(s, **long), decompose(signal(counts()), **long | {"checkpoint": None})
        )

    @pytest.mark.parametrize("after", [70, 77, 85, 99, 110])
    def test_after_part_of_a_pass(self, tmp_path, monkeypatch, after):
        """A pass that was interrupted half-way is no part of those that make the result."""
        monkeypatch.setattr("hs_nmfcluster.engine.job._BLOCKS_AT_A_TIME", 1)
        monkeypatch.setattr("hs_nmfcluster.engine.chunks._put_together", lambda sizes, _: sizes)
        reads = []

        def read(block):
            reads.append(1)
            if len(reads) == after:
                raise KeyboardInterrupt
            return block

        data = da.from_array(counts(), chunks=(1, 2, 7, 9))
        s = LazyNMFDiffraction2D(
            data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
        )
        long = {"max_iterations": 6, "tolerance": 1e-300}
        expected = decompose(signal(counts()), **long)
        with dask.config.set(scheduler="synchronous"):
            memory = decompose(signal(counts(), (1, 2, 7, 9)), **long).settings["memory_estimate"]
            long |= {"checkpoint": tmp_path, "max_memory": memory}
            found = decompose(s, **long, on_interrupt="return")
            assert len(found.history[0]) < 6
            left = counts() - found.model().data.compute()
            assert found.mse == pytest.approx((left**2).mean(), rel=1e-9)
            assert_same(decompose(s, **long), expected)

    def test_raises_by_default(self):
        def read(block, block_info=None):
            if block_info is not None and block_info[None]["chunk-location"][0]:
                raise KeyboardInterrupt
            return block

        data = da.from_array(counts(), chunks=(4, 6, 7, 9))
        data = data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
        with pytest.raises(KeyboardInterrupt):
            decompose(LazyNMFDiffraction2D(data))


class TestBadArguments:
    @pytest.mark.parametrize("value", [3, True, [1]])
    def test_checkpoint(self, value):
        with pytest.raises(TypeError, match="`checkpoint` must be a path"):
            decompose(signal(counts()), checkpoint=value)

    def test_on_interrupt(self):
        with pytest.raises(ValueError, match="`on_interrupt` must be one of 'raise', 'return'"):
            decompose(signal(counts()), on_interrupt="stop")
