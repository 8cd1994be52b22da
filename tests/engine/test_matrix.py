import tracemalloc

import dask.array as da
import numpy as np
import pytest
from scans import CHUNKS, counts

from hs_nmfcluster.engine.chunks import whole_patterns
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.mapping import map_patterns
from hs_nmfcluster.engine.matrix import ScanMatrix, pieces, split_rows


def take_rows(rows, _):
    return rows[:]


def add_up(rows, _, factor):
    return factor * rows[:].sum(axis=0, dtype=float)


def add_up_pieces(rows, positions):
    return sum(piece.sum(axis=0, dtype=float) for piece, _ in split_rows(rows, positions))


class TestCollect:
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_rows_in_order(self, chunks):
        data = counts()
        matrix = ScanMatrix.from_array(da.from_array(data, chunks=chunks))
        np.testing.assert_array_equal(Job().collect(matrix, take_rows), data.reshape(30, 63))

    @pytest.mark.parametrize("chunks", [None, (2, 4, 3, 9)])
    def test_masks(self, chunks):
        data = counts()
        rng = np.random.default_rng(0)
        left_out, dark = rng.random((5, 6)) < 0.4, rng.random((7, 9)) < 0.3
        left_out[2] = True
        source = data if chunks is None else da.from_array(data, chunks=chunks)
        matrix = ScanMatrix.from_array(source, left_out, dark)
        expected = data[~left_out][:, ~dark]
        np.testing.assert_array_equal(Job().collect(matrix, take_rows), expected)
        assert (matrix.n_positions, matrix.n_pixels) == expected.shape
        assert matrix.size == expected.size
        np.testing.assert_array_equal(matrix.positions, np.flatnonzero(~left_out))

    @pytest.mark.parametrize("chunks", [None, (2, 4, 3, 9)])
    def test_native_byte_order(self, chunks):
        data = counts().astype(">u2")
        source = data if chunks is None else da.from_array(data, chunks=chunks)
        rows = Job().collect(ScanMatrix.from_array(source), take_rows)
        assert rows.dtype == "=u2"
        np.testing.assert_array_equal(rows, data.reshape(30, 63))


def layouts():
    """The same scan in memory in several ways, none of them row by row."""
    data = counts()
    by_pixel = np.moveaxis(np.ascontiguousarray(np.moveaxis(data, (2, 3), (0, 1))), (0, 1), (2, 3))
    larger = np.zeros((10, 7, 8, 11), data.dtype)
    larger[::2, 1:, 1:, :-2] = data
    return {
        "columns first": np.asfortranarray(data),
        "pixels first": by_pixel,
        "a view of a larger one": larger[::2, 1:, 1:, :-2],
    }


class TestLayoutInMemory:
    @pytest.mark.parametrize("masked", [False, True])
    @pytest.mark.parametrize("data", layouts().values(), ids=layouts())
    def test_same_rows(self, data, masked):
        assert not data.flags.c_contiguous
        left_out = np.random.default_rng(0).random((5, 6)) < 0.4
        masks = (left_out, np.eye(7, 9, dtype=bool)) if masked else ()
        found = Job().collect(ScanMatrix.from_array(data, *masks), take_rows)
        expected = Job().collect(ScanMatrix.from_array(counts(), *masks), take_rows)
        np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize("axes", [(1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1)])
    def test_never_copied_as_a_whole(self, axes, monkeypatch):
        """A transposed scan, transposed patterns, and a scan with its pixels first."""
        monkeypatch.setattr("hs_nmfcluster.engine.scheduling._KEPT", 0)
        data = np.ones((64, 64, 64, 64), np.uint8).transpose(axes)
        tracemalloc.start()
        try:
            Job().visit(ScanMatrix.from_array(data), add_up_pieces)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < data.nbytes / 4


class TestVisit:
    @pytest.mark.parametrize("chunks", [None, (1, 1, 7, 9), (5, 2, 7, 3)])
    def test_sum(self, chunks):
        data = counts()
        source = data if chunks is None else da.from_array(data, chunks=chunks)
        found = Job().visit(ScanMatrix.from_array(source), add_up, 2.0)
        np.testing.assert_allclose(found, 2.0 * data.reshape(30, 63).sum(axis=0))


class TestPieces:
    def test_small_pieces_cover_all_rows(self, monkeypatch):
        monkeypatch.setattr("hs_nmfcluster.engine.matrix.PIECE_BYTES", 8 * 6 * 4)
        monkeypatch.setattr("hs_nmfcluster.engine.matrix._LEAST_ROWS", 1)
        rows = np.arange(66, dtype="u1").reshape(11, 6)
        found = [(x.copy(), where) for x, where in pieces(rows, np.arange(11))]
        assert [len(x) for x, _ in found] == [4, 4, 3]
        assert all(x.dtype == np.float64 for x, _ in found)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), rows)
        np.testing.assert_array_equal(np.concatenate([p for _, p in found]), np.arange(11))


class TestWholePatterns:
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_patterns_are_whole(self, chunks):
        data = whole_patterns(da.from_array(counts(), chunks=chunks))
        assert data.numblocks[-2:] == (1, 1)

    def test_huge_chunks_are_split(self):
        data = whole_patterns(da.zeros((200, 200, 128, 128), dtype="u2", chunks=-1))
        assert max(np.prod(c) for c in zip(*data.chunks, strict=False)) > 0
        largest = np.prod([max(sizes) for sizes in data.chunks]) * 2
        assert largest <= 128 * 2**20

    def test_crumbs_are_put_together(self):
        data = whole_patterns(da.zeros((100, 100, 16, 16), dtype="u1", chunks=(1, 1, 16, 16)))
        assert data.npartitions <= 64


class TestMapPatterns:
    @pytest.mark.parametrize("shape", [(), (2, 3)])
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_lazy_equals_eager(self, shape, chunks):
        def function(patterns, factor):
            sums = factor * patterns.sum(axis=(-2, -1), dtype=float)
            if not shape:
                return sums
            return np.broadcast_to(sums[..., None, None], (*sums.shape, *shape))

        data = counts()
        lazy = map_patterns(function, da.from_array(data, chunks=chunks), 3.0, shape=shape)
        assert isinstance(lazy, da.Array)
        assert lazy.shape == (5, 6, *shape)
        np.testing.assert_allclose(lazy.compute(), map_patterns(function, data, 3.0, shape=shape))
