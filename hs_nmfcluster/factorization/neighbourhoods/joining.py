"""What neighbouring windows found of one crystal, made one component."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hs_nmfcluster.factorization.compression import signs_of
from hs_nmfcluster.factorization.neighbourhoods.local import Pieces
from hs_nmfcluster.factorization.neighbourhoods.tiling import Tile, Tiling, taper
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

# Pieces of two windows are of one crystal when their patterns, without what all patterns share,
# correlate by so much and their maps agree so far where the windows overlap. Two crystals of 45
# met the first by 0.1 at the median and 0.4 in one pair of a hundred, the two halves of one by
# 0.55; asked of maps as well, no two of them were ever joined.
_ALIKE, _AGREEING = 0.4, 0.2
# Pieces of one window share no noise but all positions: one crystal taken for two.
_ALIKE_IN_WINDOW = 0.5
# Of components that are known to be crystals less is asked for: no two of them met by more than
# 0.14, while a window that sees a crystal's rim only finds its pattern by half.
_ALIKE_CRYSTALS, _AGREEING_CRYSTALS = 0.25, 0.1


@dataclass(frozen=True, eq=False)
class Components:
    """Components of a scan, each put together from the pieces that windows found of it.

    Parameters
    ----------
    patterns
        Of unit l2 norm, ``(k, n_pixels)`` float32, the component with the largest map first.
    maps
        Of the components.
    stability
        Mean of the pieces', weighted by their maps, ``(k,)``.
    labels
        Component of each piece, ``(n_pieces,)``.
    """

    patterns: NDArray[np.float32]
    maps: LocalMaps
    stability: NDArray[np.float64]
    labels: NDArray[np.int64]


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
    """

    tiling: Tiling
    tiles: Sequence[Tile]
    found: Sequence[Pieces]
    kept: NDArray[np.bool_]

    @property
    def edges(self) -> NDArray[np.int64]:
        """First piece of each window among all, and their number."""
        return np.cumsum([0, *(len(pieces.patterns) for pieces in self.found)])


def assemble(windows: Windows, labels: NDArray[np.int64]) -> Components:
    """Put the pieces of each component together.

    Parameters
    ----------
    windows
        What was found.
    labels
        Component of each piece, ``(n_pieces,)``.
    """
    found, edges = windows.found, windows.edges
    number = int(labels.max(initial=-1)) + 1
    strengths = np.concatenate([_strengths(pieces) for pieces in found])
    shares = (strengths / max(strengths.max(initial=0.0), np.finfo(float).tiny)).astype(np.float32)
    patterns = np.zeros((number, found[0].patterns.shape[1]), np.float32)
    for (first, last), pieces in zip(pairwise(edges), found, strict=True):
        # Of unit sum of squares: strengths are squares of counts, which may be large.
        weighted = pieces.patterns.astype(np.float32) * shares[first:last, None]
        np.add.at(patterns, labels[first:last], weighted)
    norms = np.linalg.norm(patterns, axis=1, keepdims=True)
    patterns /= np.where(norms > 0, norms, 1)
    stability = np.concatenate([pieces.stability for pieces in found])
    totals = np.bincount(labels, strengths, number)
    stable = np.bincount(labels, strengths * stability, number) / np.where(totals > 0, totals, 1)
    maps = LocalMaps(list(_maps(windows, labels)), ~windows.kept)
    return strongest_first(Components(patterns, maps, stable, labels))[0]


def strongest_first(components: Components) -> tuple[Components, NDArray[np.intp]]:
    """Order components by their maps, and say where each was before, ``(k,)``."""
    maps = components.maps
    squares = [float(np.nansum(one.values.astype(np.float64) ** 2)) for one in maps]
    order = np.argsort(-np.array(squares), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ordered = Components(
        components.patterns[order],
        LocalMaps([maps.maps[i] for i in order], maps.left_out),
        components.stability[order],
        rank[components.labels],
    )
    return ordered, order


def same_crystal_again(
    components: Components,
    crystalline: NDArray[np.bool_],
    shared: NDArray[np.float64],
    pixel_weights: NDArray[np.float64] | None,
) -> NDArray[np.int64]:
    """Say which components are of one crystal after all: a label of each, ``(k,)``.

    Parameters
    ----------
    components
        As they were put together so far.
    crystalline
        Which of them are known to be crystals, ``(k,)``; the others stay as they are.
    shared, pixel_weights
        As of :func:`contrast`.
    """
    chosen = np.flatnonzero(crystalline)
    own = contrast(components.patterns[chosen], shared, pixel_weights)
    alike = np.triu(own @ own.T > _ALIKE_CRYSTALS, 1)
    pairs = [
        (chosen[a], chosen[b])
        for a, b in zip(*np.nonzero(alike), strict=True)
        if _overlap(components.maps.maps[chosen[a]], components.maps.maps[chosen[b]])
        > _AGREEING_CRYSTALS
    ]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return _connected(rows, columns, len(components.patterns))


def split_in_two(profiles: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Part the pieces of a matrix by what their profiles differ in most.

    Parameters
    ----------
    profiles
        ``(n, n_radii)``.

    Returns
    -------
    numpy.ndarray
        ``(n,)``; neither part is empty where there are two or more.
    """
    left = profiles - profiles.mean(axis=0)
    direction = np.linalg.svd(left, full_matrices=False)[2][:1]
    scores = left @ (direction * signs_of(direction)).ravel()
    if not scores.any():
        return np.asarray(np.arange(len(scores)) % 2 == 1)
    return np.asarray(scores > 0)


def contrast(
    patterns: NDArray[np.floating],
    shared: NDArray[np.float64],
    pixel_weights: NDArray[np.float64] | None,
) -> NDArray[np.float32]:
    """Patterns without what all of them share, in units of the noise, rows of unit norm.

    Parameters
    ----------
    patterns
        ``(k, n_pixels)``.
    shared
        Mean pattern of the scan.
    pixel_weights
        Noise of each pixel; None takes all alike.
    """
    weights = np.ones(len(shared)) if pixel_weights is None else pixel_weights
    common = shared / weights
    common = (common / np.linalg.norm(common)).astype(np.float32)
    scaled = patterns.astype(np.float32) / weights.astype(np.float32)
    left = scaled - np.outer(scaled @ common, common)
    norms = np.linalg.norm(left, axis=1, keepdims=True)
    return np.asarray(left / np.where(norms > 0, norms, 1), np.float32)


def _strengths(pieces: Pieces) -> NDArray[np.float64]:
    return np.sum(pieces.maps.astype(np.float64) ** 2, axis=0)


def same_crystal(
    windows: Windows, shared: NDArray[np.float64], pixel_weights: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    """Say which pieces are of one component: a label of each, ``(n_pieces,)``.

    Parameters
    ----------
    windows
        What was found.
    shared, pixel_weights
        As of :func:`contrast`.
    """
    found, edges = windows.found, windows.edges
    place = {tile.index: i for i, tile in enumerate(windows.tiles)}
    of_tiles = [contrast(pieces.patterns, shared, pixel_weights) for pieces in found]
    first, second = [], []

    def link(i: int, j: int, alike: NDArray[np.bool_]) -> None:
        a, b = np.nonzero(alike)
        first.append(a + edges[i])
        second.append(b + edges[j])

    for i, own in enumerate(of_tiles):
        link(i, i, np.triu(own @ own.T > _ALIKE_IN_WINDOW, 1))
    for tile, other in windows.tiling.neighbours():
        if tile.index in place and other.index in place:
            i, j = place[tile.index], place[other.index]
            alike = of_tiles[i] @ of_tiles[j].T > _ALIKE
            link(i, j, alike & (_agreement(found[i], found[j]) > _AGREEING))
    return _connected(np.concatenate(first), np.concatenate(second), int(edges[-1]))


def _connected(
    rows: NDArray[np.int64], columns: NDArray[np.int64], number: int
) -> NDArray[np.int64]:
    links = coo_array((np.ones(len(rows), bool), (rows, columns)), (number, number))
    return connected_components(links, directed=False)[1].astype(np.int64)


def _shared(one: LocalMap, other: LocalMap) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where two maps both have a word, in each of them."""
    starts = np.maximum(one.start, other.start)
    stops = np.minimum(np.add(one.start, one.values.shape), np.add(other.start, other.values.shape))
    stops = np.maximum(starts, stops)

    def within(local: LocalMap) -> tuple[slice, ...]:
        edges = zip(starts - local.start, stops - local.start, strict=True)
        return tuple(slice(int(first), int(last)) for first, last in edges)

    return within(one), within(other)


def _overlap(one: LocalMap, other: LocalMap) -> float:
    """Correlation of two maps where both have a word."""
    here, there = _shared(one, other)
    a, b = one.values[here], other.values[there]
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return 0.0
    return float(_standardised(a[known]) @ _standardised(b[known]))


def _agreement(one: Pieces, other: Pieces) -> NDArray[np.float64]:
    """Correlation of the maps of two windows at the positions that they share."""
    _, mine, theirs = np.intersect1d(
        one.positions, other.positions, assume_unique=True, return_indices=True
    )
    if not len(mine):
        return np.zeros((one.maps.shape[1], other.maps.shape[1]))
    return _standardised(one.maps[mine]).T @ _standardised(other.maps[theirs])


def _standardised(columns: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = columns - columns.mean(axis=0, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=0)
    return centred / np.where(norms > 0, norms, 1)


def _maps(windows: Windows, labels: NDArray[np.int64]) -> Iterator[LocalMap]:
    """Map of each component: where windows overlap, the mean of those that found it.

    A window's word counts less towards its rim, where it sees a part of a crystal only.
    """
    tiles, found, edges, kept = windows.tiles, windows.found, windows.edges, windows.kept
    in_windows: list[list[tuple[int, NDArray[np.int64]]]] = [
        [] for _ in range(int(labels.max(initial=-1)) + 1)
    ]
    for i in range(len(tiles)):
        own = labels[edges[i] : edges[i + 1]]
        for label in np.unique(own):
            in_windows[label].append((i, np.flatnonzero(own == label)))
    for members_of in in_windows:
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
