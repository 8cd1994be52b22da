"""A scan as a positions × pixels matrix in blocks of rows, and one pass over it.

Whatever is computed from a scan is a *task* on each block and a *merge* of two results. This
module knows nothing of what the tasks do, and the tasks know nothing of where they run: NumPy
data are visited block by block, dask data become one graph that the user's scheduler computes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import dask
import dask.array as da
import numpy as np
from dask.delayed import Delayed
from numpy.typing import NDArray

T = TypeVar("T")
# Called after each pass over the data with a few words on how things stand.
Progress = Callable[[str], None]

# Rows are handled in float64 in pieces of this size: large enough for BLAS to run at its peak,
# small enough that the copy costs little beside the data.
_PIECE_BYTES = 32 * 2**20
# Chunks beyond this are split before reading, and smaller ones are read together.
_CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Block:
    """Some rows of the matrix: data (or a promise of them) and the positions they belong to."""

    rows: NDArray | Delayed
    positions: NDArray[np.int64]


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

    Notes
    -----
    Make one with :meth:`from_array`. A row's position decides where its results go, so the
    order of the blocks, hence the chunking, has no influence on them.
    """

    blocks: tuple[Block, ...]
    positions: NDArray[np.int64]
    n_pixels: int

    @classmethod
    def from_array(
        cls,
        data: NDArray | da.Array,
        navigation_mask: NDArray[np.bool_] | None = None,
        signal_mask: NDArray[np.bool_] | None = None,
    ) -> "ScanMatrix":
        """Take ``(…, n_v, n_u)`` data apart, without computing anything of a dask array.

        Parameters
        ----------
        data
            NumPy or dask array whose last two axes are the detector's.
        navigation_mask, signal_mask
            True = left out, in array order; None keeps everything.
        """
        scan_shape = data.shape[:-2]
        n_positions = int(np.prod(scan_shape, dtype=np.int64))
        keep = np.ones(n_positions, bool) if navigation_mask is None else ~navigation_mask.ravel()
        pixels = None if signal_mask is None else np.flatnonzero(~signal_mask.ravel())
        n_pixels = int(np.prod(data.shape[-2:])) if pixels is None else len(pixels)
        if isinstance(data, da.Array):
            found = _split_dask(data, keep, pixels)
        else:
            found = _split_numpy(data, keep, pixels)
        blocks = tuple(block for block in found if len(block.positions))
        return cls(blocks, np.flatnonzero(keep), n_pixels)

    @property
    def n_positions(self) -> int:
        """Kept positions, the number of rows."""
        return len(self.positions)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.n_positions * self.n_pixels

    def visit(self, task: Callable[..., T], merge: Callable[[T, T], T], *shared: Any) -> T:
        """Make one pass over the data.

        Parameters
        ----------
        task
            Called as ``task(rows, positions, *shared)`` for every block.
        merge
            Combines the results of two tasks; must not care for their order beyond rounding.
        *shared
            What every task needs, handed to the scheduler once.
        """
        if not self._is_lazy:
            return reduce(merge, (task(b.rows, b.positions, *shared) for b in self.blocks))
        promises = [dask.delayed(item, pure=False, traverse=False) for item in shared]
        lazy_task = dask.delayed(task, pure=False, traverse=False)
        parts = [lazy_task(b.rows, b.positions, *promises) for b in self.blocks]
        (result,) = dask.compute(_merge_tree(parts, dask.delayed(merge, pure=False)))
        return result

    def collect(self, task: Callable[..., NDArray], *shared: Any) -> NDArray:
        """Make one pass in which every row gives a row of results.

        Parameters
        ----------
        task
            Called as ``task(rows, positions, *shared)``, returns ``(n, …)`` for n rows.
        *shared
            What every task needs.

        Returns
        -------
        numpy.ndarray
            ``(n_positions, …)`` in the order of :attr:`positions`.
        """
        pairs = self.visit(_KeepPositions(task), lambda a, b: a + b, *shared)
        positions = np.concatenate([p for p, _ in pairs])
        return np.concatenate([values for _, values in pairs])[np.argsort(positions)]

    @property
    def _is_lazy(self) -> bool:
        return any(isinstance(block.rows, Delayed) for block in self.blocks)


def report(progress: Progress | None, message: str) -> None:
    """Tell whoever watches that a pass is done."""
    if progress is not None:
        progress(message)


@dataclass(frozen=True)
class _KeepPositions:
    task: Callable[..., NDArray]

    def __call__(
        self, rows: NDArray, positions: NDArray[np.int64], *shared: Any
    ) -> list[tuple[NDArray[np.int64], NDArray]]:
        return [(positions, self.task(rows, positions, *shared))]


def split_rows(
    rows: NDArray, positions: NDArray[np.int64]
) -> Iterator[tuple[NDArray, NDArray[np.int64]]]:
    """Hand out some rows and their positions at a time, so that work on them needs little memory.

    Parameters
    ----------
    rows
        ``(n, n_pixels)`` of any real dtype.
    positions
        ``(n,)``.
    """
    step = max(1, _PIECE_BYTES // (8 * max(rows.shape[1], 1)))
    for start in range(0, len(rows), step):
        yield rows[start : start + step], positions[start : start + step]


def pieces(
    rows: NDArray, positions: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Do as :func:`split_rows`, with the rows in float64.

    Float32 would not do: clipped least squares passes through systems with condition numbers of
    1e5, where it leaves errors of per cents, and no rule would give the same result for every
    chunking, as rounding differs with the shape of a product.
    """
    for part, where in split_rows(rows, positions):
        yield part.astype(np.float64), where


def _merge_tree(parts: Sequence[Delayed], merge: Callable[..., Delayed]) -> Delayed:
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [merge(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


def _select(data: NDArray, keep: NDArray[np.bool_], pixels: NDArray[np.int64] | None) -> NDArray:
    rows = data.reshape(-1, data.shape[-2] * data.shape[-1])
    if not keep.all():
        rows = rows[keep]
    if pixels is not None:
        rows = rows[:, pixels]
    return rows.astype(rows.dtype.newbyteorder("="), copy=False)


def _split_numpy(
    data: NDArray, keep: NDArray[np.bool_], pixels: NDArray[np.int64] | None
) -> Iterator[Block]:
    for rows, positions in split_rows(_select(data, keep, pixels), np.flatnonzero(keep)):
        yield Block(rows, positions)


def _split_dask(
    data: da.Array, keep: NDArray[np.bool_], pixels: NDArray[np.int64] | None
) -> Iterator[Block]:
    data = whole_patterns(data)
    flat = np.arange(keep.size).reshape(data.shape[:-2])
    edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[:-2]]
    select = dask.delayed(_select, pure=False)
    chunks = data.to_delayed().reshape(data.numblocks[:-2])
    for index in np.ndindex(*data.numblocks[:-2]):
        part = tuple(slice(e[i], e[i + 1]) for e, i in zip(edges, index, strict=True))
        positions = flat[part].ravel()
        kept = keep[positions]
        yield Block(select(chunks[index], kept, pixels), positions[kept])


def map_patterns(
    function: Callable[..., NDArray],
    data: NDArray | da.Array,
    *shared: Any,
    shape: tuple[int, ...],
) -> NDArray | da.Array:
    """Apply a function to all patterns, chunk by chunk; lazy data give a lazy result.

    Parameters
    ----------
    function
        ``function(patterns, *shared)`` from ``(…, n_v, n_u)`` to ``(…, *shape)``.
    data
        ``(…, n_v, n_u)``.
    *shared
        Further arguments of the function.
    shape
        What becomes of each pattern's shape: of length 2, or empty.
    """
    if not isinstance(data, da.Array):
        return function(data, *shared)
    data = whole_patterns(data)
    dropped = () if shape else (data.ndim - 2, data.ndim - 1)
    chunks = data.chunks[:-2] + tuple((n,) for n in shape)
    sample = function(np.ones((1, *data.shape[-2:]), data.dtype.newbyteorder("=")), *shared)
    # Without `meta` dask would call the function on an empty array to learn its result's type.
    meta = np.empty((0,) * (data.ndim - len(dropped)), sample.dtype)
    return da.map_blocks(
        lambda block: function(block, *shared), data, chunks=chunks, drop_axis=dropped, meta=meta
    )


def whole_patterns(data: da.Array) -> da.Array:
    """Rechunk so that each chunk holds whole patterns and is of a sensible size.

    Parameters
    ----------
    data
        ``(…, n_v, n_u)`` in whatever chunks the reader gave.

    Returns
    -------
    dask.array.Array
        The same data; nothing is read.
    """
    data = data.rechunk({-1: -1, -2: -1})
    largest = int(np.prod([max(sizes) for sizes in data.chunks])) * data.dtype.itemsize
    many_small = data.npartitions > 64 and largest < _CHUNK_BYTES // 8
    if largest <= 4 * _CHUNK_BYTES and not many_small:
        return data
    scan_axes = dict.fromkeys(range(data.ndim - 2), "auto")
    return data.rechunk(scan_axes, block_size_limit=_CHUNK_BYTES)
