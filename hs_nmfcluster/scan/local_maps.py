"""Maps that are zero outside of a part of the scan, without the zeros."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakValueDictionary

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

# Components in a chunk of the maps as a dask array.
_CHUNK_BYTES = 2**26
#: Maps that take more than this on the whole scan are put there when they are needed.
DENSE_BYTES = 2**26


@dataclass(frozen=True)
class LocalMap:
    """A map within a window of the scan; zero elsewhere.

    Parameters
    ----------
    start
        First position of the window along each axis of the scan.
    values
        The map there; NaN at masked positions.
    """

    start: tuple[int, ...]
    values: NDArray[np.floating]

    @property
    def window(self) -> tuple[slice, ...]:
        """Slices of the scan."""
        sizes = zip(self.start, self.values.shape, strict=True)
        return tuple(slice(start, start + size) for start, size in sizes)

    def within(self, window: tuple[slice, ...]) -> tuple[slice, ...]:
        """Slices of the map of a window of the scan that lies inside of its own."""
        spans = zip(window, self.start, strict=True)
        return tuple(slice(span.start - at, span.stop - at) for span, at in spans)


@dataclass(frozen=True)
class LocalMaps:
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

    def __iter__(self) -> Iterator[LocalMap]:
        return iter(self.maps)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of all maps on the whole scan, ``(k, *scan_shape)``."""
        return len(self.maps), *self.left_out.shape

    @classmethod
    def known(cls, maps: "NDArray[np.floating] | da.Array | LocalMaps") -> "LocalMaps":
        """Take maps as they are: arrays whole, and of a dask array what is not zero.

        Parameters
        ----------
        maps
            ``(k, *scan_shape)``.
        """
        if isinstance(maps, LocalMaps):
            return maps
        if isinstance(maps, da.Array):
            # Those that were made lazy here need not be put on the scan to be found again.
            made = _MADE_LAZY.get(maps.name)
            return cls.of(maps) if made is None else made
        start = (0,) * (maps.ndim - 1)
        return cls([LocalMap(start, values) for values in maps], np.zeros(maps.shape[1:], bool))

    @classmethod
    def of(cls, maps: NDArray[np.floating] | da.Array) -> "LocalMaps":
        """Leave the zeros of maps ``(k, *scan_shape)`` out; of a dask array some at a time."""
        found: list[LocalMap] = []
        left_out = np.zeros(maps.shape[1:], bool)
        steps = maps.chunks[0] if isinstance(maps, da.Array) else (len(maps),)
        ends = np.cumsum(steps)
        for first, last in zip(ends - steps, ends, strict=True):
            for values in np.asarray(maps[first:last]):
                left_out = np.isnan(values)
                found.append(_without_zeros(values))
        return cls(found, left_out)

    def at(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Which maps have a word at some positions, and what they say there.

        Parameters
        ----------
        positions
            Flat indices into the scan, ``(n,)``.

        Returns
        -------
        numpy.ndarray
            Indices of the maps, ``(m,)``.
        numpy.ndarray
            ``(n, m)``.
        """
        inside = np.stack(np.unravel_index(positions, self.left_out.shape))
        low, high = inside.min(axis=1), inside.max(axis=1)
        starts, stops = self.corners
        there = np.flatnonzero(((starts <= high) & (stops > low)).all(axis=1))
        values = np.zeros((len(positions), len(there)))
        for column, index in enumerate(there.tolist()):
            place = inside - starts[index][:, None]
            shape = np.array(self.maps[index].values.shape)[:, None]
            own = ((place >= 0) & (place < shape)).all(axis=0)
            values[own, column] = self.maps[index].values[tuple(place[:, own])]
        return there, values

    @cached_property
    def corners(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First position of each window, and that after the last, ``(k, n_axes)``."""
        starts = np.array([one.start for one in self.maps])
        return starts, starts + [one.values.shape for one in self.maps]

    def blank(self) -> "LocalMaps":
        """Return maps of the same windows that are zero, and NaN where masked."""
        empty = []
        for one in self.maps:
            values = np.zeros(one.values.shape, np.float32)
            values[self.left_out[one.window]] = np.nan
            empty.append(LocalMap(one.start, values))
        return LocalMaps(empty, self.left_out)

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

    def means(self) -> NDArray[np.float64]:
        """Mean of each map over the positions that are not masked, ``(k,)``."""
        kept = max(int((~self.left_out).sum()), 1)
        return np.array([np.nansum(one.values, dtype=np.float64) for one in self.maps]) / kept

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
        whole: da.Array = da.concatenate(parts)
        _MADE_LAZY[whole.name] = self
        return whole

    def some(self, chosen: NDArray[np.integer]) -> "LocalMaps":
        """Return some of the maps."""
        return LocalMaps([self.maps[k] for k in chosen.tolist()], self.left_out)

    @cached_property
    def peaks(self) -> NDArray[np.float64]:
        """Highest value of each map, ``(k,)``; NaN where nothing was measured."""
        return np.array([_highest(one.values) for one in self.maps])

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """Norm of each map, ``(k,)``."""
        return np.array([np.linalg.norm(np.nan_to_num(one.values)) for one in self.maps])

    def added(
        self, chosen: NDArray[np.integer], weights: NDArray[np.floating] | None = None
    ) -> NDArray[np.float64]:
        """Sum of some of the maps on the whole scan, ``scan_shape``.

        Parameters
        ----------
        chosen
            Their indices.
        weights
            Factor of each of these; None adds them as they are.
        """
        total = np.zeros(self.left_out.shape)
        factors = np.ones(len(chosen)) if weights is None else weights
        for k, factor in zip(chosen.tolist(), factors.tolist(), strict=True):
            total[self.maps[k].window] += factor * self.maps[k].values
        total[self.left_out] = np.nan
        return total

    def there(self, chosen: NDArray[np.integer], place: tuple[int, ...]) -> NDArray[np.float64]:
        """Value of some of the maps at one place of the scan."""
        values = np.zeros(len(chosen))
        for i, k in enumerate(chosen.tolist()):
            one = self.maps[k]
            inside = tuple(np.subtract(place, one.start))
            if all(0 <= at < n for at, n in zip(inside, one.values.shape, strict=True)):
                values[i] = one.values[inside]
        return values


# Local maps by the name of the dask array that was made of them, as long as that is there.
_MADE_LAZY: WeakValueDictionary[str, LocalMaps] = WeakValueDictionary()


#: Maps ``(k, *scan_shape)``, as an array or without their zeros.
Maps = NDArray[np.floating] | LocalMaps


def _highest(values: NDArray[np.floating]) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else np.nan


def _without_zeros(values: NDArray[np.floating]) -> LocalMap:
    somewhere = np.nonzero(np.nan_to_num(values))
    if not somewhere[0].size:
        # Of nothing, at a position that is not masked if there is one.
        first = np.unravel_index(int(np.argmin(np.isnan(values))), values.shape)
        return LocalMap(
            tuple(int(i) for i in first), values[tuple(slice(i, i + 1) for i in first)].copy()
        )
    start = tuple(int(axis.min()) for axis in somewhere)
    window = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in somewhere)
    return LocalMap(start, values[window].copy())


def lazy_model(
    maps: LocalMaps, patterns: NDArray[np.floating], positions_at_a_time: int
) -> da.Array:
    """C S without the zeros of C, as a dask array ``(*scan_shape, *pattern_shape)``.

    Parameters
    ----------
    maps
        C.
    patterns
        S, ``(k, n_v, n_u)``.
    positions_at_a_time
        Positions of a chunk, about.
    """
    n, *others = maps.left_out.shape
    step = max(positions_at_a_time // max(int(np.prod(others)), 1), 1)
    held = dask.delayed(_model_of_slab, pure=False)
    shared = [dask.delayed(one, traverse=False) for one in (maps, patterns)]
    parts = []
    for first in range(0, n, step):
        last = min(first + step, n)
        shape = (last - first, *others, *patterns.shape[1:])
        parts.append(da.from_delayed(held(*shared, first, last), shape, float))
    return da.concatenate(parts)


def _model_of_slab(
    maps: LocalMaps, patterns: NDArray[np.floating], first: int, last: int
) -> NDArray[np.float64]:
    scan_shape = maps.left_out.shape
    area = int(np.prod(scan_shape[1:]))
    rows = patterns.reshape(len(patterns), patterns[0].size)
    model = np.empty(((last - first) * area, rows.shape[1]))
    # Row by row: a row is met by few of the components.
    for row in range(first, last):
        there, values = maps.at(np.arange(row * area, (row + 1) * area))
        own = slice((row - first) * area, (row - first + 1) * area)
        model[own] = values @ rows[there]
    model[maps.left_out[first:last].ravel()] = np.nan
    model[:, np.isnan(patterns[0]).ravel()] = np.nan
    return model.reshape(last - first, *scan_shape[1:], *patterns.shape[1:])
