"""A scan as a positions × pixels matrix in blocks of rows.

This module knows nothing of what is done with the blocks nor where; passes over them are
:mod:`~hs_nmfcluster.engine.job`'s.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.delayed import Delayed
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from hs_nmfcluster.engine.chunks import CHUNK_BYTES, whole_patterns
from hs_nmfcluster.engine.cutting import WHOLE, Cut, Placement
from hs_nmfcluster.engine.sources import dense

# Rows are handled in float64 in pieces of this size, which lie in the processor's cache, but of
# so many rows at least, as the sums that they are added to may be larger than they.
PIECE_BYTES, _LEAST_ROWS = 4 * 2**20, 64
# Blocks that data in memory are divided into, one a thread: with more of them more sums would have
# to be kept and added.
_BLOCKS = max(CPU_COUNT, 2)


@dataclass(frozen=True)
class SelectedRows:
    """Rows that are taken out of patterns in memory when they are needed, which saves a copy.

    Parameters
    ----------
    patterns
        ``(…, n_v, n_u)``, laid out in memory however it may be.
    places
        Which of the patterns are taken, flat indices.
    positions
        Flat indices into the scan of these.
    cut
        How rows are cut out of them.
    """

    patterns: NDArray
    places: NDArray[np.int64]
    positions: NDArray[np.int64]
    cut: Cut

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the rows."""
        return len(self.places), self.cut.n_pixels(int(np.prod(self.patterns.shape[-2:])))

    def __getitem__(self, part: slice) -> NDArray:
        return self.cut(self._patterns_at(self.places[part]), self.positions[part])

    def _patterns_at(self, places: NDArray[np.int64]) -> NDArray:
        *scan, n_v, n_u = self.patterns.shape
        if not self.patterns.flags.c_contiguous:
            # To make rows of all of them would copy the scan.
            at = np.unravel_index(places, scan) if scan else ()
            return self.patterns[at].reshape(len(places), n_v * n_u)
        rows = self.patterns.reshape(-1, n_v * n_u)
        first, last = (places[0], places[-1]) if len(places) else (0, -1)
        without_gaps = last - first + 1 == len(places)
        return rows[first : last + 1] if without_gaps else rows[places]


@dataclass(frozen=True)
class JoinedRows:
    """Rows of several blocks that are put together when they are needed.

    Parameters
    ----------
    parts
        Rows, which of them, and at which places of the result they come.
    n_rows, n_pixels
        Shape of the result.
    """

    parts: Sequence[tuple[Any, NDArray[np.int64], NDArray[np.int64]]]
    n_rows: int
    n_pixels: int

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the rows."""
        return self.n_rows, self.n_pixels

    def __getitem__(self, part: slice) -> NDArray:
        start, stop, _ = part.indices(self.n_rows)
        wanted = []
        for rows, which, places in self.parts:
            inside = (places >= start) & (places < stop)
            if inside.any():
                wanted.append((rows, which[inside], places[inside] - start))
        return join_rows(wanted, stop - start)


@dataclass(frozen=True)
class ChangedRows:
    """Rows to which something is done when they are needed.

    Parameters
    ----------
    rows
        As they are.
    change
        Called with some of them as float64, ``(n, n_pixels)``, which it may overwrite.
    """

    rows: Any
    change: Callable[[NDArray[np.float64]], NDArray[np.float64]]

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the rows."""
        n, n_pixels = self.rows.shape
        return n, n_pixels

    def __getitem__(self, part: slice) -> NDArray[np.float64]:
        return self.change(self.rows[part].astype(np.float64))


@dataclass(frozen=True)
class Block:
    """Some rows of the matrix: data (or how to get them) and the positions they belong to.

    Parameters
    ----------
    rows
        ``(n, n_pixels)``.
    positions
        Flat indices into the scan, ``(n,)``.
    n_bytes
        What is read from the source for it, masked pixels included.
    ends_chunk
        Whether the next block needs nothing of what the source's chunks of this one hold.
    """

    rows: NDArray | SelectedRows | JoinedRows | ChangedRows | Delayed
    positions: NDArray[np.int64]
    n_bytes: int
    ends_chunk: bool = True


@dataclass(frozen=True)
class ScanMatrix:
    """A scan in blocks of rows.

    Parameters
    ----------
    blocks
        Blocks that together hold every kept position once; rows are ``(n, n_pixels)``, in the
        data's own dtype and in native byte order.
    positions
        Flat indices into the scan (array order) of all kept positions, ascending.
    n_pixels
        Kept pixels.
    scan_shape
        Shape of the scan, masked positions included.
    dtype
        Of the rows.
    source
        The dask array that it was taken from, in chunks of whole patterns; None of a NumPy array.
    cut
        How the rows are cut out of its patterns.

    Notes
    -----
    Make one with :meth:`from_array`. A row's position decides where its results go, so the
    order of the blocks, hence the chunking, has no influence on them.
    """

    blocks: tuple[Block, ...]
    positions: NDArray[np.int64]
    n_pixels: int
    scan_shape: tuple[int, ...]
    dtype: np.dtype
    source: da.Array | None = None
    cut: Cut = WHOLE

    @classmethod
    def from_array(
        cls,
        data: NDArray | da.Array,
        navigation_mask: NDArray[np.bool_] | None = None,
        signal_mask: NDArray[np.bool_] | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        placement: Placement | None = None,
    ) -> "ScanMatrix":
        """Take ``(…, n_v, n_u)`` data apart, without computing anything of a dask array.

        Parameters
        ----------
        data
            NumPy or dask array whose last two axes are the detector's.
        navigation_mask, signal_mask
            True = left out, in array order; None keeps everything.
        chunk_bytes
            Size of the chunks to read a dask array in, as far as its own chunks allow.
        placement
            Where the values of the pixels come from; None: from these pixels themselves.
        """
        scan_shape = data.shape[:-2]
        n_positions = int(np.prod(scan_shape, dtype=np.int64))
        keep = np.ones(n_positions, bool) if navigation_mask is None else ~navigation_mask.ravel()
        cut = Cut(placement=placement)
        cut = cut if signal_mask is None else cut.without(signal_mask)
        source = None
        if isinstance(data, da.Array):
            source = whole_patterns(data, chunk_bytes)
            found = _split_dask(source, data.chunks[:1], keep, cut)
        else:
            found = _split_numpy(data, keep, cut)
        blocks = tuple(block for block in found if len(block.positions))
        n_pixels = cut.n_pixels(int(np.prod(data.shape[-2:])))
        positions = np.flatnonzero(keep)
        return cls(blocks, positions, n_pixels, scan_shape, cut.dtype(data.dtype), source, cut)

    @property
    def n_positions(self) -> int:
        """Kept positions, the number of rows."""
        return len(self.positions)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.n_positions * self.n_pixels

    @property
    def n_bytes(self) -> int:
        """Memory that the rows take, in their own dtype."""
        return self.size * self.dtype.itemsize

    @property
    def is_lazy(self) -> bool:
        """Whether blocks are promises."""
        return any(isinstance(block.rows, Delayed) for block in self.blocks)

    def with_rows(self, rows: Sequence[Any]) -> "ScanMatrix":
        """Return the same matrix with each block's rows replaced, by ones that are in memory."""
        held = zip(self.blocks, rows, strict=True)
        blocks = tuple(replace(block, rows=own, ends_chunk=True) for block, own in held)
        return replace(self, blocks=blocks)

    def cut_out(self, keep: NDArray[np.bool_], cut: Cut) -> "ScanMatrix":
        """Return the rows of some positions, cut out of whole patterns that are in memory.

        Parameters
        ----------
        keep
            True = kept, one a position of the scan.
        cut
            What becomes of the patterns, which are as the source gave them.
        """
        blocks = []
        for block in self.blocks:
            held: Any = block.rows
            places = np.flatnonzero(keep[block.positions])
            positions = block.positions[places]
            rows = SelectedRows(held[:, None], places, positions, cut)
            blocks.append(replace(block, rows=rows, positions=positions, ends_chunk=True))
        return replace(
            self,
            blocks=tuple(block for block in blocks if len(block.positions)),
            positions=self.positions[keep[self.positions]],
            n_pixels=cut.n_pixels(self.n_pixels),
            dtype=cut.dtype(self.dtype),
            cut=cut,
        )

    def masked(self, mask: NDArray[np.bool_]) -> "ScanMatrix":
        """Return the kept pixels ``(n_v, n_u)`` of rows of whole patterns that are in memory."""
        every = np.ones(int(np.prod(self.scan_shape, dtype=np.int64)), bool)
        # Of the source, whose patterns are as they were, values are still taken as before.
        return replace(self.cut_out(every, Cut().without(mask)), cut=self.cut.without(mask))

    def changed(self, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> "ScanMatrix":
        """Return the matrix with something done to its rows whenever they are read."""
        later = dask.delayed(ChangedRows, pure=False)
        blocks = tuple(
            replace(
                block,
                rows=(later if isinstance(block.rows, Delayed) else ChangedRows)(
                    block.rows, change
                ),
            )
            for block in self.blocks
        )
        return replace(self, blocks=blocks, dtype=np.dtype(np.float64), source=None)

    def regrouped(self, groups: Iterable[Sequence[NDArray[np.int64]]]) -> "ScanMatrix":
        """Return the same rows in other blocks, which may overlap.

        Parameters
        ----------
        groups
            Flat indices of the positions of each block, ascending and kept ones all, in groups
            that are computed together: what several blocks of a group need is read once for it.
        """
        block_of = np.full(int(np.prod(self.scan_shape, dtype=np.int64)), -1)
        row_of = np.zeros_like(block_of)
        for index, block in enumerate(self.blocks):
            block_of[block.positions] = index
            row_of[block.positions] = np.arange(len(block.positions))
        pattern_bytes = self.n_pixels * self.dtype.itemsize
        put_together = dask.delayed(join_rows, pure=False)
        # What several blocks need is cut out once.
        cut = [cut_now(block.rows) if self.is_lazy else block.rows for block in self.blocks]
        found = []
        for group in groups:
            for positions in group:
                parts = []
                for index in np.unique(block_of[positions]):
                    places = np.flatnonzero(block_of[positions] == index)
                    parts.append((cut[index], row_of[positions[places]], places))
                n = len(positions)
                lazy = any(isinstance(rows, Delayed) for rows, *_ in parts)
                rows = put_together(parts, n) if lazy else JoinedRows(parts, n, self.n_pixels)
                found.append(Block(rows, positions, n * pattern_bytes, ends_chunk=False))
            if found:
                found[-1] = replace(found[-1], ends_chunk=True)
        return replace(self, blocks=tuple(found))

    def at(self, positions: NDArray[np.int64]) -> "ScanMatrix":
        """Return the matrix of some positions only, flat indices in ascending order."""
        groups = []
        for block in self.blocks:
            kept = np.intersect1d(block.positions, positions, assume_unique=True)
            if len(kept):
                groups.append([kept])
        return replace(self.regrouped(groups), positions=positions)

    def segments(self, first: int, at_least: int) -> Iterator[tuple[Block, ...]]:
        """Hand out blocks to be computed together, never parting what one chunk has to be read for.

        Parameters
        ----------
        first
            Index of the block to begin with.
        at_least
            Number of blocks, where there are as many.
        """
        segment: list[Block] = []
        for block in self.blocks[first:]:
            segment.append(block)
            if block.ends_chunk and len(segment) >= at_least:
                yield tuple(segment)
                segment = []
        if segment:
            yield tuple(segment)


def join_rows(
    parts: Sequence[tuple[Any, NDArray[np.int64], NDArray[np.int64]]], n_rows: int
) -> NDArray:
    """Put rows of several blocks together, see :class:`JoinedRows`."""
    joined: NDArray | None = None
    for rows, which, places in parts:
        # Line by line of a window: what lies between them in a block is many times more.
        starts = np.flatnonzero(np.diff(which, prepend=-2) != 1)
        for run in np.split(np.arange(len(which)), starts[1:]):
            taken = rows[which[run[0]] : which[run[-1]] + 1]
            if joined is None:
                joined = np.empty((n_rows, taken.shape[1]), taken.dtype)
            joined[places[run]] = taken
    if joined is None:
        raise ValueError("A block needs at least one position.")
    return joined


def rows_a_piece(n_pixels: int) -> int:
    """Rows that are worked on at a time."""
    return max(_LEAST_ROWS, PIECE_BYTES // (8 * max(n_pixels, 1)))


def split_rows(
    rows: NDArray | SelectedRows, positions: NDArray[np.int64], larger: int = 1
) -> Iterator[tuple[NDArray, NDArray[np.int64]]]:
    """Hand out some rows and their positions at a time, so that work on them needs little memory.

    Parameters
    ----------
    rows
        ``(n, n_pixels)`` of any real dtype. Every task gets at its rows by this function or by
        :func:`pieces`.
    positions
        ``(n,)``.
    larger
        Hand out so many times as many rows.
    """
    for span in _spans(rows, larger):
        yield rows[span], positions[span]


def pieces(
    rows: NDArray | SelectedRows,
    positions: NDArray[np.int64],
    larger: int = 1,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Do as :func:`split_rows`, with copies of the rows in float64, each in place of the last.

    One piece of memory for all of them: fresh memory takes as long to get as a piece to convert.
    Float32 would not do: clipped least squares passes through systems with condition numbers of
    1e5, where it leaves errors of per cents, and no rule would give the same result for every
    chunking, as rounding differs with the shape of a product.
    """
    buffer = np.empty((0, rows.shape[1]))
    for span in _spans(rows, larger):
        where = positions[span]
        if len(where) > len(buffer):
            buffer = np.empty((len(where), rows.shape[1]))
        copy = buffer[: len(where)]
        # A few rows at a time, which need little memory in their own dtype.
        for start in range(0, len(copy), _LEAST_ROWS):
            few = copy[start : start + _LEAST_ROWS]
            few[...] = rows[span.start + start : span.start + start + len(few)]
        yield copy, where


def _spans(rows: NDArray | SelectedRows, larger: int) -> Iterator[slice]:
    number, most = rows.shape[0], larger * rows_a_piece(rows.shape[1])
    # Of equal size: a last piece of a few rows would take as long as a whole one.
    step = -(-number // max(-(-number // most), 1))
    for start in range(0, number, max(step, 1)):
        yield slice(start, min(start + step, number))


def select(
    data: NDArray, keep: NDArray[np.bool_], positions: NDArray[np.int64], cut: Cut
) -> SelectedRows:
    """Take the rows of the kept positions out of a chunk of patterns ``(…, n_v, n_u)``."""
    return SelectedRows(dense(data), np.flatnonzero(keep), positions, cut)


def cut_now(rows: Any) -> Any:
    """Take all rows, or promise to: which so far were to be cut out when they are needed."""
    if isinstance(rows, Delayed):
        return dask.delayed(cut_now, pure=False)(rows)
    return rows[:]


def _split_numpy(data: NDArray, keep: NDArray[np.bool_], cut: Cut) -> Iterator[Block]:
    n_pixels = data.shape[-2] * data.shape[-1]
    step = max(-(-keep.size // _BLOCKS), rows_a_piece(n_pixels))
    for start in range(0, keep.size, step):
        kept = keep[start : start + step]
        positions = start + np.flatnonzero(kept)
        n_bytes = len(kept) * n_pixels * data.dtype.itemsize
        yield Block(SelectedRows(data, positions, positions, cut), positions, n_bytes)


def _split_dask(
    data: da.Array,
    read_in: Sequence[Sequence[int]],
    keep: NDArray[np.bool_],
    cut: Cut,
) -> Iterator[Block]:
    source_edges = set(np.cumsum(read_in[0])) if data.ndim > 2 else set()
    flat = np.arange(keep.size).reshape(data.shape[:-2])
    edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[:-2]]
    select_lazily = dask.delayed(select, pure=False)
    # Once for all blocks: where the patterns move it is large.
    how = dask.delayed(cut, pure=False, traverse=False)
    chunks = data.to_delayed().reshape(data.numblocks[:-2])
    n_bytes = data.dtype.itemsize * int(np.prod(data.shape[-2:]))
    last_of_row = data.numblocks[1:-2]
    for index in np.ndindex(*data.numblocks[:-2]):
        part = tuple(slice(e[i], e[i + 1]) for e, i in zip(edges, index, strict=True))
        positions = flat[part].ravel()
        kept = keep[positions]
        ends_row = all(i == n - 1 for i, n in zip(index[1:], last_of_row, strict=True))
        ends_chunk = not index or (ends_row and edges[0][index[0] + 1] in source_edges)
        rows = select_lazily(chunks[index], kept, positions[kept], how)
        yield Block(rows, positions[kept], len(positions) * n_bytes, bool(ends_chunk))


def map_rows(
    function: Callable[..., NDArray],
    matrix: ScanMatrix,
    keep: NDArray[np.bool_],
    columns: int,
    *shared: Any,
) -> da.Array:
    """Apply a function to the chunks that a matrix was taken from, lazily.

    Parameters
    ----------
    function
        ``function(patterns, positions, cut, columns, *shared)`` to ``(*chunk's scan, columns)``,
        with positions −1 where they are not kept.
    matrix
        Taken from a dask array.
    keep
        True = kept, one a position of the scan.
    columns
        Numbers a position.
    *shared
        Sent to the workers once.
    """
    source = matrix.source
    if source is None:
        raise TypeError("The matrix was not taken from a dask array.")
    scan = source.chunks[:-2]
    positions = np.where(keep, np.arange(keep.size), -1).reshape(matrix.scan_shape)
    scan_axes = tuple(range(len(scan)))
    promises = [dask.delayed(item, traverse=False) for item in (matrix.cut, columns, *shared)]
    arguments = [part for promise in promises for part in (promise, None)]
    result: da.Array = da.blockwise(
        function,
        (*scan_axes, -1),
        source,
        (*scan_axes, -2, -3),
        da.from_array(positions, chunks=scan),
        scan_axes,
        *arguments,
        new_axes={-1: columns},
        concatenate=True,
        dtype=float,
        meta=np.empty((0,) * (len(scan) + 1)),
    )
    return result
