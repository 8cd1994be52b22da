"""Chunks of a dask array: of whole patterns, of a sensible size, and functions applied to them."""

from collections.abc import Sequence

import dask.array as da
import numpy as np

from hs_nmfcluster.engine.sources import plain

# Large enough for reading and products to run at their peak, small enough for many at a time.
CHUNK_BYTES = 64 * 2**20
# Chunks are left as the reader gave them up to this many times the size aimed at.
_TOO_LARGE = 2


def whole_patterns(data: da.Array, chunk_bytes: int = CHUNK_BYTES) -> da.Array:
    """Rechunk so that each chunk holds whole patterns and is of a sensible size.

    Chunks that are too small are put together by whole ones, so that none is read twice.

    Parameters
    ----------
    data
        ``(…, n_v, n_u)`` in whatever chunks the reader gave.
    chunk_bytes
        Size to aim at.

    Returns
    -------
    dask.array.Array
        The same data; nothing is read.
    """
    data = plain(data).rechunk({-1: -1, -2: -1})
    if largest_chunk(data) > _TOO_LARGE * chunk_bytes:
        scan_axes = dict.fromkeys(range(data.ndim - 2), "auto")
        return data.rechunk(scan_axes, block_size_limit=chunk_bytes)
    size, chunks = largest_chunk(data), list(data.chunks)
    for axis in reversed(range(data.ndim - 2)):
        together = min(max(chunk_bytes // max(size, 1), 1), len(chunks[axis]))
        chunks[axis] = _put_together(chunks[axis], together)
        size *= together
    return data.rechunk(tuple(chunks))


def largest_chunk(data: da.Array) -> int:
    """Bytes of the largest chunk."""
    return int(np.prod([max(sizes, default=0) for sizes in data.chunks])) * data.dtype.itemsize


def _put_together(sizes: Sequence[int], together: int) -> tuple[int, ...]:
    return tuple(sum(sizes[i : i + together]) for i in range(0, len(sizes), together))
