"""Functions of patterns applied to all patterns of a scan."""

from collections.abc import Callable

import dask
import dask.array as da
import numpy as np
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from hs_nmfcluster.engine.chunks import whole_patterns
from hs_nmfcluster.engine.cutting import Cut, Placement
from hs_nmfcluster.engine.scheduling import side_by_side
from hs_nmfcluster.engine.sources import dense

# Parts that data in memory are divided into, for each core, so that none waits long for the last.
_PARTS = 4


def map_patterns(
    function: Callable[..., NDArray],
    data: NDArray | da.Array,
    *shared: object,
    shape: tuple[int, ...],
) -> NDArray | da.Array:
    """Apply a function to all patterns, chunk by chunk; lazy data give a lazy result.

    Data in memory are done by threads, as many as there are cores.

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
    sample = function(np.ones((1, *data.shape[-2:]), data.dtype.newbyteorder("=")), *shared)
    if not isinstance(data, da.Array):
        return _map_array(lambda part: function(part, *shared), data, shape, sample.dtype)
    data = whole_patterns(data)
    dropped = () if shape else (data.ndim - 2, data.ndim - 1)
    chunks = data.chunks[:-2] + tuple((n,) for n in shape)
    # Without `meta` dask would call the function on an empty array to learn its result's type.
    meta = np.empty((0,) * (data.ndim - len(dropped)), sample.dtype)
    return da.map_blocks(
        lambda block: function(dense(block), *shared),
        data,
        chunks=chunks,
        drop_axis=dropped,
        meta=meta,
    )


def placed(
    data: NDArray | da.Array, placement: Placement | None, missing: NDArray[np.bool_]
) -> NDArray[np.floating] | da.Array:
    """Patterns whose values come from where a placement says; NaN where they are missing.

    Parameters
    ----------
    data
        ``(…, n_v, n_u)``.
    placement
        None leaves the values where they are.
    missing
        ``(n_v, n_u)``.
    """
    cut, pattern_shape = Cut(placement=placement), data.shape[-2:]
    dtype = np.result_type(cut.dtype(data.dtype), np.float32)

    def place(patterns: NDArray, positions: NDArray[np.int64]) -> NDArray[np.floating]:
        rows = dense(patterns).reshape(-1, missing.size)
        found = cut(rows, positions.ravel()).astype(dtype)
        found[:, missing.ravel()] = np.nan
        return found.reshape(*positions.shape[: patterns.ndim - 2], *pattern_shape)

    if not isinstance(data, da.Array):
        return place(data, _positions_of(data))
    data = whole_patterns(data)
    where = _positions_by_chunk(data)
    meta = np.empty((0,) * data.ndim, dtype)
    return da.map_blocks(place, data, where, chunks=data.chunks, dtype=dtype, meta=meta)


def changed(
    function: Callable[..., NDArray], data: NDArray | da.Array, *shared: object
) -> da.Array:
    """Patterns to which something is done that depends on where they are, lazily.

    Data in memory are not copied: what is done to a chunk is done when it is read.

    Parameters
    ----------
    function
        ``function(patterns, positions, *shared)`` of ``(n, n_v, n_u)`` and their flat indices,
        ``(n,)``; returns patterns of the same shape and dtype.
    data
        ``(…, n_v, n_u)``.
    *shared
        Sent to the workers once.
    """
    # Without a name of its own dask would read all of the data to make one.
    lazy = data if isinstance(data, da.Array) else da.from_array(data, name=False)
    source = whole_patterns(lazy)
    where = _positions_by_chunk(source)
    promises = [dask.delayed(one, traverse=False) for one in shared]
    dtype = source.dtype.newbyteorder("=")

    def change(patterns: NDArray, positions: NDArray[np.int64], *given: object) -> NDArray:
        rows = dense(patterns).reshape(-1, *patterns.shape[-2:])
        return (
            function(rows, positions.ravel(), *given)
            .astype(dtype, copy=False)
            .reshape(patterns.shape)
        )

    axes = tuple(range(source.ndim))
    arguments = [part for promise in promises for part in (promise, None)]
    result: da.Array = da.blockwise(
        change,
        axes,
        source,
        axes,
        where,
        axes,
        *arguments,
        dtype=dtype,
        meta=np.empty((0,) * source.ndim, dtype),
        # Along the detector there is one number a pattern.
        align_arrays=False,
    )
    return result


def _positions_of(data: NDArray | da.Array) -> NDArray[np.int64]:
    """Give the flat index of each pattern, ``(…, 1, 1)``."""
    scan_shape = data.shape[:-2]
    return np.arange(int(np.prod(scan_shape))).reshape(*scan_shape, 1, 1)


def _positions_by_chunk(data: da.Array) -> da.Array:
    """Give the same in chunks as the patterns are."""
    return da.from_array(_positions_of(data), chunks=(*data.chunks[:-2], (1,), (1,)))


def _map_array(
    function: Callable[[NDArray], NDArray],
    data: NDArray,
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> NDArray:
    patterns = data.reshape(-1, *data.shape[-2:])
    result = np.empty((len(patterns), *shape), dtype)
    step = max(-(-len(patterns) // (_PARTS * CPU_COUNT)), 1)

    def fill(start: int) -> None:
        part = slice(start, start + step)
        result[part] = function(patterns[part])

    side_by_side(fill, range(0, len(patterns), step))
    return result.reshape(*data.shape[:-2], *shape)
