"""Data made position by position, so that every chunking gives the same numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.random_numbers import generator_at

#: One independent random stream per purpose, so that adding draws to one leaves the others alone.
STREAMS = {"specimen": 0, "noise": 1, "structure": 2, "instrument": 3}


def position_generator(seed: int, position: int, stream: str = "noise") -> np.random.Generator:
    """Random numbers that belong to one probe position.

    The generator is counter-based: its key is ``(seed, position)``, so the numbers of one
    position do not depend on which other positions were drawn before it, or where.

    Parameters
    ----------
    seed
        Seed of the whole specimen, 0 or larger.
    position
        Flat (C order) index of the probe position.
    stream
        Purpose of the numbers: ``"specimen"``, ``"noise"``, ``"structure"`` or ``"instrument"``.

    Returns
    -------
    generator

    Examples
    --------
    >>> first = position_generator(7, 100).poisson(50.0, 3)
    >>> bool((first == position_generator(7, 100).poisson(50.0, 3)).all())
    True
    """
    return generator_at(seed, position, STREAMS[stream])


def poisson_counts(
    expected: NDArray[np.floating], positions: NDArray[np.integer], seed: int
) -> NDArray[np.int64]:
    """Draw the counts of some positions, each from its own stream.

    Parameters
    ----------
    expected
        Expected electrons, shape ``(n, n_v, n_u)``.
    positions
        Flat indices of the ``n`` positions.
    seed
        Seed of the specimen.

    Returns
    -------
    counts
        Shape ``(n, n_v, n_u)``.
    """
    counts = np.empty(expected.shape, dtype=np.int64)
    for row, (rates, position) in enumerate(zip(expected, positions, strict=True)):
        counts[row] = position_generator(seed, int(position)).poisson(rates)
    return counts


def count_dtype(largest_expected: float) -> np.dtype[Any]:
    """Smallest unsigned integer type that holds Poisson counts of this expectation.

    Parameters
    ----------
    largest_expected
        Largest expected number of electrons in a pixel.

    Returns
    -------
    dtype
        ``uint16`` or, where ten standard deviations do not fit, ``uint32``.

    Examples
    --------
    >>> count_dtype(300.0)
    dtype('uint16')
    """
    upper = largest_expected + 10 * np.sqrt(largest_expected) + 10
    return np.dtype(np.uint16 if upper < np.iinfo(np.uint16).max else np.uint32)


def data_by_position(
    make: Callable[[NDArray[np.int64]], NDArray[Any]],
    scan_shape: tuple[int, ...],
    detector_shape: tuple[int, int],
    dtype: np.dtype[Any],
    *,
    lazy: bool = False,
    chunks: Sequence[int] | int | None = None,
    positions_at_once: int = 64,
) -> Any:
    """Fill a scan with patterns, at once or chunk by chunk.

    Parameters
    ----------
    make
        Gives the patterns ``(n, n_v, n_u)`` of ``n`` flat position indices.
    scan_shape
        Shape of the scan in array order, ``(n_y, n_x)``.
    detector_shape
        ``(n_v, n_u)``.
    dtype
        Type of the data.
    lazy
        Return a dask array instead of a NumPy array.
    chunks
        Positions per chunk along each scan axis of lazy data; by default some 32 MiB a chunk.
    positions_at_once
        Positions handed to `make` in one call; bounds the memory that one call needs.

    Returns
    -------
    data
        Array of shape ``(*scan_shape, *detector_shape)``.
    """

    def fill(block_shape: tuple[int, ...], start: tuple[int, ...]) -> NDArray[Any]:
        index = np.indices(block_shape, dtype=np.int64).reshape(len(block_shape), -1)
        index += np.asarray(start, dtype=np.int64)[:, np.newaxis]
        positions = np.atleast_1d(np.ravel_multi_index(tuple(index), scan_shape))
        block = np.empty((positions.size, *detector_shape), dtype=dtype)
        for first in range(0, positions.size, positions_at_once):
            part = slice(first, first + positions_at_once)
            block[part] = make(positions[part])
        return block.reshape(*block_shape, *detector_shape)

    if not lazy:
        return fill(scan_shape, (0,) * len(scan_shape))
    return _lazy_data(fill, scan_shape, detector_shape, dtype, chunks)


def _lazy_data(
    fill: Callable[[tuple[int, ...], tuple[int, ...]], NDArray[Any]],
    scan_shape: tuple[int, ...],
    detector_shape: tuple[int, int],
    dtype: np.dtype[Any],
    chunks: Sequence[int] | int | None,
) -> Any:
    if chunks is None:
        scan_chunks = da.core.normalize_chunks(
            ("auto",) * len(scan_shape) + (-1, -1),
            (*scan_shape, *detector_shape),
            limit="32MiB",
            dtype=dtype,
        )[: len(scan_shape)]
    else:
        scan_chunks = da.core.normalize_chunks(chunks, scan_shape)

    def block(block_info: dict[Any, Any]) -> NDArray[Any]:
        location = block_info[None]["array-location"][: len(scan_shape)]
        return fill(
            tuple(stop - start for start, stop in location),
            tuple(start for start, _ in location),
        )

    return da.map_blocks(
        block,
        chunks=(*scan_chunks, (detector_shape[0],), (detector_shape[1],)),
        dtype=dtype,
        meta=np.empty((0,) * (len(scan_shape) + 2), dtype=dtype),
    )
