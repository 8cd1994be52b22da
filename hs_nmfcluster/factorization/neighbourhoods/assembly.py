"""Components put together from the pieces that windows found of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.shelf import Placed, Shelf
from hs_nmfcluster.factorization.neighbourhoods.local import Pieces
from hs_nmfcluster.factorization.neighbourhoods.tiling import Tile, Tiling, taper
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

# Components whose patterns are put together at a time.
_AT_A_TIME = 256


@dataclass(frozen=True, eq=False)
class Windows:
    """What the windows of a scan found.

    Parameters
    ----------
    tiling
        All windows.
    tiles, found
        Those of them that hold a position, and what was found there.
    kept
        Positions that are not masked, ``scan_shape``.
    shelf
        Where the patterns lie: together they may take more memory than anything else.
    """

    tiling: Tiling
    tiles: Sequence[Tile]
    found: Sequence[Pieces]
    kept: NDArray[np.bool_]
    shelf: Shelf

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """First piece of each window among all, and their number."""
        return np.cumsum([0, *(pieces.number for pieces in self.found)])

    @cached_property
    def strengths(self) -> NDArray[np.float64]:
        """Squared norm of the map of each piece, ``(n_pieces,)``."""
        of_windows = [np.sum(p.maps.astype(np.float64) ** 2, axis=0) for p in self.found]
        return np.concatenate(of_windows)

    @cached_property
    def pattern_noise(self) -> NDArray[np.float64]:
        """As of :class:`Pieces`, of each piece, ``(n_pieces,)``."""
        return np.concatenate([pieces.pattern_noise for pieces in self.found])

    def patterns(self, i: int) -> NDArray[np.float32]:
        """Patterns of a window, ``(k, n_pixels)``, not to be written to."""
        return self._lately(i)

    @cached_property
    def _lately(self) -> Callable[[int], NDArray[np.float32]]:
        """Keep the patterns of two rows of windows, so that a walk over all reads each once."""
        return lru_cache(self.tiling.two_rows)(self._patterns_of)

    def pieces(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """Patterns of some pieces, in ascending order, ``(n, n_pixels)``."""
        window_of = np.searchsorted(self.edges, which, side="right") - 1
        rows = [
            self.patterns(int(i))[which[window_of == i] - self.edges[i]]
            for i in np.unique(window_of)
        ]
        return np.concatenate(rows)

    def _patterns_of(self, i: int) -> NDArray[np.float32]:
        held = self.found[i].patterns
        found = self.shelf.get(held) if isinstance(held, Placed) else held
        return found.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Joined:
    """Pieces that are known to be of one component each.

    Parameters
    ----------
    windows
        What was found.
    labels
        Component of each piece, ``(n_pieces,)``: from 0 on, without gaps.
    """

    windows: Windows
    labels: NDArray[np.int64]

    @cached_property
    def number(self) -> int:
        """Number of components."""
        return int(self.labels.max(initial=-1)) + 1

    def patterns(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Put patterns together, of some components at a time that lie near each other.

        Yields
        ------
        numpy.ndarray
            Which components, ``(n,)``.
        numpy.ndarray
            Their patterns, of unit l2 norm, ``(n, n_pixels)``.
        """
        order = np.argsort(np.unique(self.labels, return_index=True)[1])
        for start in range(0, self.number, _AT_A_TIME):
            chosen = order[start : start + _AT_A_TIME]
            yield chosen, self.patterns_of(chosen)

    def stability(self) -> NDArray[np.float64]:
        """Mean of the pieces', weighted by their maps, ``(k,)``."""
        stability = np.concatenate([pieces.stability for pieces in self.windows.found])
        return self._mean_of_pieces(stability)

    @cached_property
    def pattern_noise(self) -> NDArray[np.float64]:
        """As of :class:`Pieces`, of the patterns that are put together, ``(k,)``."""
        strengths = self.windows.strengths
        totals = np.bincount(self.labels, strengths, self.number)
        squared = np.bincount(self.labels, strengths**2 * self.windows.pattern_noise, self.number)
        return np.asarray(squared / np.where(totals > 0, totals, 1) ** 2)

    @cached_property
    def map_noise(self) -> NDArray[np.float64]:
        """Variance of the noise of the maps, ``(k,)``: windows share it where they overlap."""
        noise = np.concatenate([pieces.map_noise for pieces in self.windows.found])
        return self._mean_of_pieces(noise)

    def _mean_of_pieces(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of what is known of the pieces, weighted by their maps, ``(k,)``."""
        strengths = self.windows.strengths
        totals = np.bincount(self.labels, strengths, self.number)
        summed = np.bincount(self.labels, strengths * values, self.number)
        return np.asarray(summed / np.where(totals > 0, totals, 1))

    def maps(self) -> LocalMaps:
        """Map of each component: where windows overlap, the mean of those that found it.

        A window's word counts less towards its rim, where it sees a part of a crystal only.
        """
        return LocalMaps(list(self.maps_of(np.arange(self.number))), ~self.windows.kept)

    def patterns_of(self, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """Put the patterns of some components together, ``(n, n_pixels)`` of unit l2 norm."""
        row_of = np.full(self.number, -1)
        row_of[chosen] = np.arange(len(chosen))
        rows, edges = row_of[self.labels], self.windows.edges
        strengths = self.windows.strengths
        # Of unit sum of squares: strengths are squares of counts, which may be large.
        shares = strengths / max(strengths.max(initial=0.0), np.finfo(float).tiny)
        wanted = np.flatnonzero(rows >= 0)
        window_of = np.searchsorted(edges, wanted, side="right") - 1
        patterns: NDArray[np.float32] | None = None
        for i in np.unique(window_of).tolist():
            found = self.windows.patterns(i)
            if patterns is None:
                patterns = np.zeros((len(chosen), found.shape[1]), np.float32)
            for piece in wanted[window_of == i].tolist():
                patterns[rows[piece]] += found[piece - edges[i]] * np.float32(shares[piece])
        assert patterns is not None  # a component has a piece
        norms = np.linalg.norm(patterns, axis=1, keepdims=True)
        patterns /= np.where(norms > 0, norms, 1)
        return patterns

    def maps_of(self, chosen: NDArray[np.int64]) -> Iterator[LocalMap]:
        """Put the maps of some components together, one after the other."""
        tiles, found, edges = self.windows.tiles, self.windows.found, self.windows.edges
        kept = self.windows.kept
        in_windows: dict[int, list[tuple[int, NDArray[np.int64]]]] = {
            k: [] for k in chosen.tolist()
        }
        for i in range(len(tiles)):
            own = self.labels[edges[i] : edges[i + 1]]
            for label in in_windows.keys() & own.tolist():
                in_windows[label].append((i, np.flatnonzero(own == label)))
        for members_of in in_windows.values():
            start = np.min([tiles[i].start for i, _ in members_of], axis=0)
            stop = np.max([tiles[i].stop for i, _ in members_of], axis=0)
            total = np.zeros(stop - start, np.float32)
            weight = np.zeros_like(total)
            for i, members in members_of:
                tile = tiles[i]
                inside = np.unravel_index(found[i].positions, kept.shape)
                local = tuple(axis - at for axis, at in zip(inside, start, strict=True))
                ramp = taper(tile)[
                    tuple(axis - at for axis, at in zip(inside, tile.start, strict=True))
                ]
                total[local] += ramp * found[i].maps[:, members].sum(axis=1)
                weight[local] += ramp
            values = np.asarray(total / np.where(weight > 0, weight, 1), np.float32)
            window = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
            values[~kept[window]] = np.nan
            yield LocalMap(tuple(int(a) for a in start), values)


@dataclass(frozen=True, eq=False)
class Components:
    """Components of a scan, each put together from the pieces that windows found of it.

    Parameters
    ----------
    patterns
        Of unit l2 norm, ``(k, n_v * n_u)`` float32, the component with the largest map first; NaN
        where `pixels` is not. The largest array of all, and therefore as it is to be handed out.
    pixels
        Which of these are kept, ``(n_v * n_u,)``.
    maps
        Of the components.
    stability
        Mean of the pieces', weighted by their maps, ``(k,)``.
    labels
        Component of each piece, ``(n_pieces,)``.
    """

    patterns: NDArray[np.float32]
    pixels: NDArray[np.bool_]
    maps: LocalMaps
    stability: NDArray[np.float64]
    labels: NDArray[np.int64]

    def with_maps(self, maps: LocalMaps) -> tuple["Components", NDArray[np.int64]]:
        """Give components other maps and the order of these; the old ones are used up.

        Returns
        -------
        Components
        numpy.ndarray
            Which number each had before, ``(k,)``.
        """
        order, labels = _strongest_first(maps, self.labels)
        reorder(self.patterns, order)
        stability = self.stability[order]
        return Components(self.patterns, self.pixels, maps.some(order), stability, labels), order


def assemble(joined: Joined, pixels: NDArray[np.bool_]) -> Components:
    """Put the pieces of each component together.

    Parameters
    ----------
    joined
        Which pieces are of one component.
    pixels
        Which pixels of the detector are kept, ``(n_v * n_u,)``.
    """
    maps = joined.maps()
    order, labels = _strongest_first(maps, joined.labels)
    joined = Joined(joined.windows, labels)
    patterns = np.full((joined.number, len(pixels)), np.nan, np.float32)
    for chosen, rows in joined.patterns():
        for k, row in zip(chosen.tolist(), rows, strict=True):
            patterns[k, pixels] = row
    return Components(patterns, pixels, maps.some(order), joined.stability(), labels)


def _strongest_first(
    maps: LocalMaps, labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order of components by their maps, and labels that number them so."""
    squares = [float(np.nansum(one.values.astype(np.float64) ** 2)) for one in maps]
    order = np.argsort(-np.array(squares), kind="stable").astype(np.int64)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return order, rank[labels]


def reorder(rows: NDArray, order: NDArray[np.int64]) -> None:
    """Put rows in another order, in their own memory.

    Examples
    --------
    >>> rows = np.array([[0], [1], [2], [3]])
    >>> reorder(rows, np.array([2, 0, 1, 3]))
    >>> rows.ravel().tolist()
    [2, 0, 1, 3]
    """
    done = np.zeros(len(order), bool)
    for start in range(len(order)):
        if done[start]:
            continue
        first, here = rows[start].copy(), start
        while order[here] != start:
            rows[here] = rows[order[here]]
            done[here] = True
            here = int(order[here])
        rows[here] = first
        done[here] = True
