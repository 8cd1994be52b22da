"""Maps that are zero outside of a part of the scan, without the zeros."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

# Components in a chunk of the maps as a dask array.
_CHUNK_BYTES = 2**26


@dataclass(frozen=True)
class LocalMap:
    """A map within a window of the scan; zero elsewhere.

    Parameters
    ----------
    start
        First position of the window along each axis of the scan.
    values
        The map there, float32; NaN at masked positions.
    """

    start: tuple[int, ...]
    values: NDArray[np.float32]

    @property
    def window(self) -> tuple[slice, ...]:
        """Slices of the scan."""
        sizes = zip(self.start, self.values.shape, strict=True)
        return tuple(slice(start, start + size) for start, size in sizes)


@dataclass(frozen=True)
class LocalMaps(Sequence[LocalMap]):
    """Maps of many components, each within its own window.

    Parameters
    ----------
    maps
        One a component.
    left_out
        Masked positions, ``scan_shape``, where every map is NaN.

    Examples
    --------
    >>> one = LocalMap((1, 0), np.ones((2, 2), np.float32))
    >>> maps = LocalMaps([one], np.zeros((3, 3), bool))
    >>> maps.dense()[0].tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    """

    maps: Sequence[LocalMap]
    left_out: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.maps[index]

    def __iter__(self) -> Iterator[LocalMap]:
        return iter(self.maps)

    @property
    def n_bytes(self) -> int:
        """Memory that all of them take on the whole scan."""
        return 8 * len(self.maps) * self.left_out.size

    def dense(self, first: int = 0, last: int | None = None) -> NDArray[np.float64]:
        """Put some of the maps on the whole scan, ``(n, *scan_shape)``."""
        chosen = self.maps[first:last]
        whole = np.zeros((len(chosen), *self.left_out.shape))
        for place, one in zip(whole, chosen, strict=True):
            place[one.window] = one.values
        whole[:, self.left_out] = np.nan
        return whole

    def lazy(self) -> da.Array:
        """Do the same for all maps when they are needed."""
        scan_shape = self.left_out.shape
        at_a_time = max(_CHUNK_BYTES // (8 * self.left_out.size), 1)
        held = dask.delayed(self, traverse=False)
        parts = []
        for first in range(0, len(self.maps), at_a_time):
            last = min(first + at_a_time, len(self.maps))
            part = held.dense(first, last)
            parts.append(da.from_delayed(part, (last - first, *scan_shape), float))
        return da.concatenate(parts)
