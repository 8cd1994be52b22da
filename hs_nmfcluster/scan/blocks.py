"""Sums of neighbouring patterns: what shows how a scan changes while it is taken."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

# Bytes that all sums of a scan take at most, and pixels along the longer side of each.
_BYTES, _SIDE = 32 * 2**20, 256
# Blocks along a line. The beam wanders smoothly along it, but may jump from one line to the next.
_PER_LINE = 4
# Share of the largest eigenvalue of a product below which one is rounding.
_ROUNDING = 1e-12


def most_bytes(scan_shape: tuple[int, ...], n_pixels: int) -> int:
    """Bytes that the sums of a scan take at most."""
    n_lines = prod(scan_shape[:-1]) if len(scan_shape) > 1 else scan_shape[0]
    return min(_BYTES, 8 * n_lines * _PER_LINE * n_pixels)


@dataclass(frozen=True)
class BlockLayout:
    """How the positions of a scan are put together, which depends on shapes alone.

    Blocks are short along the lines' sequence, where a beam jumps, and long along the lines.

    Parameters
    ----------
    scan_shape
        In array order; the last axis is the line.
    pattern_shape
        ``(n_v, n_u)``.

    Examples
    --------
    >>> layout = BlockLayout((58, 58), (128, 128))
    >>> layout.lines_each, layout.columns_each, layout.binning
    (1, 15, 1)
    """

    scan_shape: tuple[int, ...]
    pattern_shape: tuple[int, int]

    @property
    def n_columns(self) -> int:
        """Positions along a line; a scan of one axis is one of many short lines."""
        return self.scan_shape[-1] if len(self.scan_shape) > 1 else 1

    @property
    def n_lines(self) -> int:
        """Number of lines."""
        return max(int(np.prod(self.scan_shape)) // self.n_columns, 1)

    @property
    def columns_each(self) -> int:
        """Positions of a block along the line."""
        return -(-self.n_columns // _PER_LINE)

    @property
    def binning(self) -> int:
        """Pixels that are added along both axes."""
        return -(-max(self.pattern_shape) // _SIDE)

    @cached_property
    def lines_each(self) -> int:
        """Lines of a block."""
        n_v, n_u = self.binned_shape
        most = max(_BYTES // (8 * n_v * n_u), 2 * _PER_LINE)
        per_line = -(-self.n_columns // self.columns_each)
        return -(-self.n_lines // max(most // per_line, 1))

    @property
    def binned_shape(self) -> tuple[int, int]:
        """Shape of a sum."""
        n_v, n_u = (-(-n // self.binning) for n in self.pattern_shape)
        return n_v, n_u

    def places(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Column and line of flat scan indices."""
        return positions % self.n_columns, positions // self.n_columns

    def blocks(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Block of each flat scan index."""
        columns, lines = self.places(positions)
        return lines // self.lines_each * _PER_LINE + columns // self.columns_each

    def bin(self, pattern: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add neighbouring pixels of a flat pattern."""
        if self.binning == 1:
            return pattern
        for axis, n in enumerate(self.pattern_shape):
            pattern = pattern.reshape(self.pattern_shape) if axis == 0 else pattern
            pattern = np.add.reduceat(pattern, np.arange(0, n, self.binning), axis=axis)
        return pattern.ravel()


@dataclass(frozen=True)
class BlockSums:
    """Sums over the blocks that were met so far.

    Parameters
    ----------
    sums
        Flat pattern of each block.
    places
        Number of positions, sum of their columns and of their lines.
    """

    sums: dict[int, NDArray[np.float64]]
    places: dict[int, NDArray[np.float64]]

    def __add__(self, other: "BlockSums") -> "BlockSums":
        # References are copied, and patterns only of the few blocks that both have.
        return BlockSums(_added(self.sums, other.sums), _added(self.places, other.places))


def _added(
    a: dict[int, NDArray[np.float64]], b: dict[int, NDArray[np.float64]]
) -> dict[int, NDArray[np.float64]]:
    total = dict(a)
    for block, values in b.items():
        total[block] = total[block] + values if block in total else values
    return total


def sum_blocks(
    rows: NDArray[np.float64], positions: NDArray[np.int64], layout: BlockLayout
) -> tuple[BlockSums, NDArray[np.float64]]:
    """Sum rows by blocks, and altogether.

    Parameters
    ----------
    rows
        ``(n, n_pixels)``.
    positions
        Flat scan indices, ``(n,)``.
    layout
        Of the blocks.

    Returns
    -------
    sums
        Of the blocks, binned.
    total
        ``(n_pixels,)``.
    """
    blocks = layout.blocks(positions)
    places = np.column_stack([np.ones(len(positions)), *layout.places(positions)])
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    found = BlockSums({}, {})
    total = np.zeros(rows.shape[1])
    for start, stop in zip(starts, [*starts[1:], len(blocks)], strict=True):
        block, run = int(blocks[start]), slice(start, stop)
        pattern = rows[run].sum(axis=0)
        total += pattern
        found += BlockSums({block: layout.bin(pattern)}, {block: places[run].sum(axis=0)})
    return found, total


@dataclass(frozen=True)
class Blocks:
    """Mean patterns of blocks of neighbouring positions.

    Parameters
    ----------
    layout
        Which positions a block has.
    sums
        ``(n_blocks, n_v, n_u)``, binned as the layout says.
    n_positions
        Positions that were summed, ``(n_blocks,)``.
    places
        Mean ``(column, line)`` of these, ``(n_blocks, 2)``.
    """

    layout: BlockLayout
    sums: NDArray[np.float64]
    n_positions: NDArray[np.int64]
    places: NDArray[np.float64]

    @classmethod
    def of(cls, found: BlockSums, layout: BlockLayout) -> "Blocks":
        """Put sums in order, and take them out of what was found: there is no room for both."""
        order = sorted(found.sums)
        places = np.array([found.places[block] for block in order])
        sums = np.empty((len(order), *layout.binned_shape))
        for pattern, block in zip(sums, order, strict=True):
            pattern[...] = found.sums.pop(block).reshape(pattern.shape)
        n = places[:, 0]
        return cls(layout, sums, n.astype(np.int64), places[:, 1:] / n[:, None])

    def leading(self, number: int) -> NDArray[np.float64]:
        """Leading right singular vectors of the sums, on the detector.

        Parameters
        ----------
        number
            So many at most; fewer where the sums have fewer.

        Returns
        -------
        numpy.ndarray
            ``(n, n_v, n_u)``, orthogonal, but for what binning has taken away.
        """
        if not number:
            return np.zeros((0, *self.layout.pattern_shape))
        rows = self.sums.reshape(len(self.sums), -1)
        squares, vectors = np.linalg.eigh(rows @ rows.T)
        # Of less than that nothing but rounding is left.
        used = squares > _ROUNDING * squares[-1]
        chosen = vectors[:, used][:, ::-1][:, :number] / np.sqrt(squares[used][::-1][:number])
        found = (chosen.T @ rows).reshape(-1, *self.layout.binned_shape)
        for axis, n in enumerate(self.layout.pattern_shape, 1):
            found = np.repeat(found, self.layout.binning, axis=axis).take(range(n), axis=axis)
        return found
