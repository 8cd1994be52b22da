import dask
import dask.array as da
import numpy as np
import pytest
from scans import CHUNKS, Watcher, counts

from hs_nmfcluster.engine.checkpoint import Checkpoint
from hs_nmfcluster.engine.job import Job, ReadingError
from hs_nmfcluster.engine.matrix import ScanMatrix

DATA = counts((12, 6, 7, 9))


def add_up(rows, _):
    return rows[:].sum(axis=0, dtype=float)


def failing(data, chunk, error):
    """The data with one chunk that raises when it is read."""

    def read(block, block_info=None):
        if block_info[None]["chunk-location"][0] == chunk:
            raise error
        return block

    return data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))


def chunked(rows=1):
    # Chunks large enough not to be put together with others.
    return da.from_array(DATA, chunks=(rows, 6, 7, 9))


@pytest.fixture
def small_chunks(monkeypatch):
    """Every chunk of the source stays a block, and a worker gets one at a time."""
    monkeypatch.setattr("hs_nmfcluster.engine.job._BLOCKS_AT_A_TIME", 1)
    return {"chunk_bytes": 6 * 7 * 9 * DATA.dtype.itemsize}


class TestSegments:
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_every_position_once(self, chunks, small_chunks):
        lazy = da.from_array(counts(), chunks=chunks)
        matrix = ScanMatrix.from_array(lazy, **small_chunks)
        for at_least in (1, 3, 100):
            blocks = [b for segment in matrix.segments(0, at_least) for b in segment]
            assert [id(b) for b in blocks] == [id(b) for b in matrix.blocks]

    def test_a_chunk_of_the_source_is_never_parted(self):
        """One huge chunk, to be handled in many blocks, is read once a pass."""
        reads = []

        def read(block):
            reads.append(1)
            return block

        source = da.from_array(DATA, chunks=-1)
        source = source.map_blocks(read, dtype=DATA.dtype, meta=np.empty((0,) * 4, DATA.dtype))
        matrix = ScanMatrix.from_array(source, chunk_bytes=1000)
        assert len(matrix.blocks) > 10
        with dask.config.set(scheduler="synchronous"):
            Job().visit(matrix, add_up)
        assert len(reads) == 1


class TestFaults:
    def test_chunk_and_file_are_named(self, small_chunks):
        matrix = ScanMatrix.from_array(failing(chunked(), 7, OSError("truncated")), **small_chunks)
        with pytest.raises(ReadingError) as raised:
            Job(source="scan.mib").visit(matrix, add_up)
        message = str(raised.value)
        assert "Chunk 8 of 12 of 'scan.mib', positions 7…7 × 0…5" in message
        assert "OSError: truncated" in message

    def test_also_while_data_are_taken_into_memory(self, small_chunks):
        matrix = ScanMatrix.from_array(failing(chunked(), 2, ValueError("bad")), **small_chunks)
        with pytest.raises(ReadingError, match=r"Chunk 3 of 12.*ValueError: bad"):
            Job().hold(matrix)

    def test_errors_of_a_task_are_left_alone(self):
        def broken(*_):
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            Job().visit(ScanMatrix.from_array(chunked()), broken)

    def test_what_was_done_of_the_pass_is_kept(self, tmp_path, small_chunks):
        """Once the chunk can be read, the pass goes on from where it was."""
        reads, away = [], [True]

        def read(block, block_info=None):
            reads.append(block_info[None]["chunk-location"][0])
            if away and len(reads) == 6:
                raise OSError("away")
            return block

        source = chunked().map_blocks(read, dtype=DATA.dtype, meta=np.empty((0,) * 4, DATA.dtype))
        matrix = ScanMatrix.from_array(source, **small_chunks)
        with dask.config.set(scheduler="synchronous"):
            with pytest.raises(OSError, match="away"):
                Job(checkpoint=Checkpoint(tmp_path, {})).visit(matrix, add_up)
            reads.clear()
            away.clear()
            found = Job(checkpoint=Checkpoint(tmp_path, {})).visit(matrix, add_up)
        assert reads == [5, 6, 7, 8, 9, 10, 11]
        np.testing.assert_allclose(found, DATA.reshape(72, 63).sum(axis=0))

    def test_not_by_another_pass(self, tmp_path, small_chunks):
        """Neither by another task on the same chunks nor by the same one with other numbers."""

        def times(rows, _, factor):
            return factor * rows[:].sum(axis=0, dtype=float)

        broken = ScanMatrix.from_array(failing(chunked(), 9, OSError("x")), **small_chunks)
        whole = ScanMatrix.from_array(chunked(), **small_chunks)
        expected = DATA.reshape(72, 63).sum(axis=0)
        for task, numbers, result in ((add_up, (), 1), (times, (3.0,), 3)):
            with pytest.raises(ReadingError):
                Job(checkpoint=Checkpoint(tmp_path, {})).visit(broken, times, 2.0)
            found = Job(checkpoint=Checkpoint(tmp_path, {})).visit(whole, task, *numbers)
            np.testing.assert_allclose(found, result * expected)

    def test_not_with_other_chunks(self, tmp_path, small_chunks):
        broken = ScanMatrix.from_array(failing(chunked(), 9, OSError("x")), **small_chunks)
        with pytest.raises(ReadingError):
            Job(checkpoint=Checkpoint(tmp_path, {})).visit(broken, add_up)
        other = ScanMatrix.from_array(chunked(2), chunk_bytes=2 * small_chunks["chunk_bytes"])
        found = Job(checkpoint=Checkpoint(tmp_path, {})).visit(other, add_up)
        np.testing.assert_allclose(found, DATA.reshape(72, 63).sum(axis=0))


class TestInterrupt:
    @pytest.mark.parametrize("kept", [False, True])
    def test_says_how_to_go_on(self, tmp_path, small_chunks, kept):
        def read(block, block_info=None):
            if block_info[None]["chunk-location"][0] == 5:
                raise KeyboardInterrupt
            return block

        source = chunked().map_blocks(read, dtype=DATA.dtype, meta=np.empty((0,) * 4, DATA.dtype))
        matrix = ScanMatrix.from_array(source, **small_chunks)
        job = Job(checkpoint=Checkpoint(tmp_path, {}) if kept else None)
        hint = "the same call goes on from there" if kept else "With `checkpoint=` it could"
        with (
            dask.config.set(scheduler="synchronous"),
            pytest.raises(KeyboardInterrupt, match=hint) as raised,
        ):
            job.visit(matrix, add_up)
        assert "pass 1, after 5 of 12 chunks" in str(raised.value)


class TestKeep:
    def test_once_is_done_once(self, tmp_path):
        done = []

        def work():
            done.append(1)
            return {"S": np.eye(2)}

        for _ in range(2):
            found = Job(checkpoint=Checkpoint(tmp_path, {})).once("work", work)
            np.testing.assert_array_equal(found["S"], np.eye(2))
        assert done == [1]

    def test_passes_are_counted_on(self, tmp_path):
        first = Job(checkpoint=Checkpoint(tmp_path, {}), passes=4)
        first.keep("state", 1)
        second = Job(Watcher(), Checkpoint(tmp_path, {}))
        assert second.recall("state") == 1
        assert (second.passes, second.progress.passes) == (4, 4)

    def test_a_stopped_job_keeps_and_recalls_nothing(self, tmp_path):
        job = Job(checkpoint=Checkpoint(tmp_path, {}))
        job.keep("state", 1)
        job.stopped = True
        job.keep("state", 2)
        assert job.recall("state") is None
        assert Job(checkpoint=Checkpoint(tmp_path, {})).recall("state") == 1
