"""Neighbourhoods of a scan: overlapping windows that together cover it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

#: A group of tiles is so many tiles wide and high: what is at its rim is read again for the next.
GROUP = 8
# Share of its size that a window keeps at least where a smaller one would do.
_LEAST = 0.9


@dataclass(frozen=True)
class Tile:
    """A window of positions.

    Parameters
    ----------
    index
        Which one along each axis of the scan.
    start, stop
        Window along each axis of the scan, in array order.
    """

    index: tuple[int, ...]
    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def window(self) -> tuple[slice, ...]:
        """Slices of the scan."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """Positions along each axis."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    def overlap(self, other: "Tile") -> tuple[slice, ...] | None:
        """Slices of the scan that both hold, None where they share no position."""
        starts = np.maximum(self.start, other.start)
        stops = np.minimum(self.stop, other.stop)
        if (stops <= starts).any():
            return None
        return tuple(slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True))


@dataclass(frozen=True)
class Tiling:
    """Windows of one size that cover a scan, each of which overlaps with the next.

    Parameters
    ----------
    scan_shape
        In array order.
    size
        Of a window along each axis.
    overlap
        Positions that neighbours share at least, along each axis that is divided.

    Examples
    --------
    >>> tiling = Tiling((40, 60), (20, 20), (4, 4))
    >>> tiling.numbers, len(tiling.tiles)
    ((3, 4), 12)
    >>> tiling.tiles[-1].start
    (20, 40)
    """

    scan_shape: tuple[int, ...]
    size: tuple[int, ...]
    overlap: tuple[int, ...]

    @property
    def edges(self) -> list[list[tuple[int, int]]]:
        """Start and stop of the windows along each axis."""
        return [
            _spread(*of_axis)
            for of_axis in zip(self.scan_shape, self.size, self.overlap, strict=True)
        ]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Number of windows along each axis."""
        return tuple(len(of_axis) for of_axis in self.edges)

    @property
    def two_rows(self) -> int:
        """Windows of two rows and some more: who holds these meets all neighbours, row by row.

        Examples
        --------
        >>> Tiling((40, 60), (20, 20), (4, 4)).two_rows, Tiling((900,), (64,), (9,)).two_rows
        (12, 4)
        """
        return 4 + (2 * self.numbers[-1] if len(self.numbers) > 1 else 0)

    def fitted(self) -> "Tiling":
        """As many windows, smaller by up to a tenth where they share more than they have to.

        Examples
        --------
        >>> Tiling((58, 96), (23, 22), (6, 6)).fitted()
        Tiling(scan_shape=(58, 96), size=(21, 21), overlap=(6, 6))
        """
        size = map(_fitted, self.scan_shape, self.size, self.overlap)
        return replace(self, size=tuple(size))

    @property
    def tiles(self) -> list[Tile]:
        """All windows, the last axis fastest."""
        edges = self.edges
        found = []
        for index in np.ndindex(*self.numbers):
            spans = [of_axis[i] for of_axis, i in zip(edges, index, strict=True)]
            found.append(Tile(index, tuple(a for a, _ in spans), tuple(b for _, b in spans)))
        return found

    def groups(self) -> list[list[Tile]]:
        """All windows in square groups, whose data are read once for all of a group."""
        by_group: dict[tuple[int, ...], list[Tile]] = {}
        for tile in self.tiles:
            by_group.setdefault(tuple(i // GROUP for i in tile.index), []).append(tile)
        return list(by_group.values())

    def neighbours(self) -> Iterator[tuple[Tile, Tile]]:
        """Pairs of windows that share positions."""
        by_index = {tile.index: tile for tile in self.tiles}
        ahead = [tuple(np.subtract(step, 1)) for step in np.ndindex(*(3,) * len(self.numbers))]
        ahead = [step for step in ahead if step > (0,) * len(step)]
        for tile in by_index.values():
            for step in ahead:
                other = by_index.get(tuple(int(i) for i in np.add(tile.index, step)))
                if other is not None and tile.overlap(other) is not None:
                    yield tile, other


def taper(tile: Tile) -> NDArray[np.float32]:
    """Weight of a window's word on each of its positions: less towards its rim, ``tile.shape``."""
    weight = np.ones((), np.float32)
    for n in tile.shape:
        ramp = np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)).astype(np.float32)
        weight = np.multiply.outer(weight, ramp)
    return weight


def _fitted(n: int, size: int, overlap: int) -> int:
    if n <= size:
        return size
    number = len(_spread(n, size, overlap))
    return max(overlap + ceil((n - overlap) / number), ceil(_LEAST * size))


def _spread(n: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Fewest windows of a size that cover n positions, evenly spread."""
    if n <= size:
        return [(0, n)]
    number = -(-(n - overlap) // (size - overlap))
    starts = np.rint(np.linspace(0, n - size, number)).astype(int)
    return [(int(start), int(start) + size) for start in starts]
