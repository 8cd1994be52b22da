"""What neighbouring windows found of one crystal, made one component."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hs_nmfcluster.engine.shelf import Placed, Shelf
from hs_nmfcluster.factorization.compression import signs_of
from hs_nmfcluster.factorization.neighbourhoods.assembly import Windows
from hs_nmfcluster.factorization.neighbourhoods.local import Pieces
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
# Crystals that are compared with as many at a time.
_AT_A_TIME = 256


def same_crystal_again(
    crystals: Mapping[int, Placed], contrasts: Shelf, maps: LocalMaps
) -> NDArray[np.int64]:
    """Say which components are of one crystal after all: a label of each, ``(k,)``.

    Parameters
    ----------
    crystals
        Components that are known to be crystals, neighbours near each other, and where what
        :func:`contrast` makes of their patterns lies; the others stay as they are.
    contrasts
        Holds these.
    maps
        Of all components.
    """
    chosen = np.array(list(crystals), np.int64)
    starts, stops = (corner[chosen] for corner in maps.corners)

    def at(places: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.stack([contrasts.get(crystals[k]) for k in chosen[places].tolist()])

    pairs = []
    every = np.arange(len(chosen))
    for some in _parts(every):
        low, high = starts[some].min(axis=0), stops[some].max(axis=0)
        near = ((starts < high) & (stops > low)).all(axis=1) & (every >= some[0])
        own = at(some)
        for others in _parts(every[near]):
            alike = (own @ at(others).T > _ALIKE_CRYSTALS) & (some[:, None] < others)
            for a, b in zip(*np.nonzero(alike), strict=True):
                one, other = int(chosen[some[a]]), int(chosen[others[b]])
                if _overlap(maps.maps[one], maps.maps[other]) > _AGREEING_CRYSTALS:
                    pairs.append((one, other))
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return _connected(rows, columns, len(maps))


def _parts(places: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(places), _AT_A_TIME):
        yield places[start : start + _AT_A_TIME]


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

    @lru_cache(windows.tiling.two_rows)
    def contrast_of(i: int) -> NDArray[np.float32]:
        return contrast(windows.patterns(i), shared, pixel_weights)

    pairs = [(tile.index, tile.index) for tile in windows.tiles]
    pairs += [(tile.index, other.index) for tile, other in windows.tiling.neighbours()]
    first, second = [], []
    for index, beside in sorted(pairs):
        if index in place and beside in place:
            i, j = place[index], place[beside]
            alike = contrast_of(i) @ contrast_of(j).T
            if i == j:
                same = np.triu(alike > _ALIKE_IN_WINDOW, 1)
            else:
                same = (alike > _ALIKE) & (_agreement(found[i], found[j]) > _AGREEING)
            a, b = np.nonzero(same)
            first.append(a + edges[i])
            second.append(b + edges[j])
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
