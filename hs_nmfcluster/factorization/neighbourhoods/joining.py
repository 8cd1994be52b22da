"""What neighbouring windows found of one crystal, made one component."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.shelf import Placed, Shelf
from hs_nmfcluster.factorization.compression import signs_of
from hs_nmfcluster.factorization.neighbourhoods.assembly import Windows
from hs_nmfcluster.factorization.neighbourhoods.linking import Link, linked
from hs_nmfcluster.factorization.neighbourhoods.local import Pieces
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

# Pieces of two windows may be of one crystal when their patterns, without noise and what all
# patterns share, correlate by so much and their maps agree so far where the windows overlap; pieces
# of one window when they are nearly the same. Where crystals lie over each other, windows find
# mixtures of them, too, which are like each: all that is joined must be alike in the mean.
_ALIKE, _AGREEING = 0.3, 0.2
_ALIKE_IN_WINDOW = 0.8
_ALIKE_IN_MEAN = 0.5
# Of components that are known to be crystals, two that lie in one place are one when their patterns
# and maps are alike by so much. Less is asked of what is weaker than the other, by the ratio of
# their squared maps to these powers: it is a part of it, as its rim.
_ALIKE_CRYSTALS, _AGREEING_CRYSTALS = 0.45, 0.4
_ALIKE_POWER, _AGREEING_POWER = 0.15, 0.4
# Share of a squared norm that is no noise at least.
_LEAST_SIGNAL = 0.25
# Crystals that are compared with as many at a time.
_AT_A_TIME = 256


def same_crystal_again(
    crystals: Mapping[int, Placed],
    contrasts: Shelf,
    maps: LocalMaps,
    map_noise: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Say which components are of one crystal after all: a label of each, ``(k,)``.

    Parameters
    ----------
    crystals
        Components that are known to be crystals, neighbours near each other, and where what
        :func:`contrast` makes of their patterns lies; the others stay as they are.
    contrasts
        Holds these.
    maps, map_noise
        Of all components, and the variance of their noise, ``(k,)``.
    """
    chosen = np.array(list(crystals), np.int64)
    labels = np.arange(len(maps))
    if chosen.size:
        rows, own = [crystals[k] for k in chosen.tolist()], maps.some(chosen)
        links = _Crystals(rows, contrasts, own, map_noise[chosen]).links()
        labels[chosen] = len(maps) + linked(links, rows, contrasts, own.norms**2, _asked_of)
    return np.unique(labels, return_inverse=True)[1]


@dataclass(frozen=True, eq=False)
class _Crystals:
    """Components that are crystals: the arguments of `same_crystal_again`, of these alone."""

    rows: list[Placed]
    contrasts: Shelf
    maps: LocalMaps
    map_noise: NDArray[np.float64]

    @cached_property
    def strengths(self) -> NDArray[np.float64]:
        """Squared norms of their maps."""
        return self.maps.norms**2

    def links(self) -> Iterator[Link]:
        """Find pairs in one place whose patterns and maps are alike."""
        starts, stops = self.maps.corners
        every = np.arange(len(self.rows))
        for some in _parts(every):
            low, high = starts[some].min(axis=0), stops[some].max(axis=0)
            near = ((starts < high) & (stops > low)).all(axis=1) & (every >= some[0])
            own = self._at(some)
            for others in _parts(every[near]):
                alike = own @ self._at(others).T
                asked = _asked_of(*np.ix_(self.strengths[some], self.strengths[others]))
                a, b = np.nonzero((alike > asked) & (some[:, None] < others))
                found = some[a], others[b], alike[a, b]
                for link in map(Link, *(values.tolist() for values in found)):
                    if self._agree(link.first, link.second):
                        yield link

    def _at(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.stack([self.contrasts.get(self.rows[k]) for k in places.tolist()])

    def _agree(self, one: int, other: int) -> bool:
        """Whether the maps of two are alike where both have a word."""
        here, there = _shared(self.maps.maps[one], self.maps.maps[other])
        a, b = self.maps.maps[one].values[here], self.maps.maps[other].values[there]
        known = np.isfinite(a) & np.isfinite(b)
        if not known.any():
            return False
        ratio = _ratio(self.strengths[one], self.strengths[other])
        mine = _standardised(a[known], self.map_noise[one])
        theirs = _standardised(b[known], self.map_noise[other])
        return float(mine @ theirs) > _AGREEING_CRYSTALS * ratio**_AGREEING_POWER


def _asked_of(one: Any, other: Any) -> Any:
    """How alike crystals must be in their patterns, by the squared norms of their maps."""
    return _ALIKE_CRYSTALS * _ratio(one, other) ** _ALIKE_POWER


def _ratio(one: Any, other: Any) -> Any:
    larger = np.maximum(one, other)
    return np.minimum(one, other) / np.where(larger > 0, larger, 1)


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
    noise: NDArray[np.float64],
    shared: NDArray[np.float64],
    pixel_weights: NDArray[np.float64] | None,
) -> NDArray[np.float32]:
    """Patterns without what all of them share, in units of the noise.

    Rows would be of unit norm if there were no noise: their products are correlations that noise
    does not move (Spearman 1904).

    Parameters
    ----------
    patterns, noise
        ``(k, n_pixels)``, and their `pattern_noise`, ``(k,)``.
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
    return np.asarray(left / _norms_without(noise, (left**2).sum(axis=1))[:, None], np.float32)


def _norms_without(
    noise: NDArray[np.floating], squares: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Norms of what is left of squared norms without noise; 1 where nothing is."""
    norms = np.sqrt(np.maximum(squares - noise, _LEAST_SIGNAL * squares))
    return np.where(norms > 0, norms, 1)


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
    shelf, rows = Shelf(), list[Placed]()
    for i, pieces in enumerate(found):
        of_window = contrast(windows.patterns(i), pieces.pattern_noise, shared, pixel_weights)
        rows += [shelf.put(row) for row in of_window]

    @lru_cache(windows.tiling.two_rows)
    def contrast_of(i: int) -> NDArray[np.float32]:
        held = rows[edges[i] : edges[i + 1]]
        empty = np.zeros((0, len(shared)), np.float32)
        return np.stack([shelf.get(row) for row in held]) if held else empty

    pairs = [(tile.index, tile.index) for tile in windows.tiles]
    pairs += [(tile.index, other.index) for tile, other in windows.tiling.neighbours()]
    links: list[Link] = []
    for index, beside in sorted(pairs):
        if index in place and beside in place:
            i, j = place[index], place[beside]
            alike = contrast_of(i) @ contrast_of(j).T
            if i == j:
                same = np.triu(alike > _ALIKE_IN_WINDOW, 1)
            else:
                same = (alike > _ALIKE) & (_agreement(found[i], found[j]) > _AGREEING)
            a, b = np.nonzero(same)
            ends = (a + edges[i]).tolist(), (b + edges[j]).tolist(), alike[a, b].tolist()
            links += [Link(*link) for link in zip(*ends, strict=True)]
    return linked(links, rows, shelf, windows.strengths, lambda *_: _ALIKE_IN_MEAN)


def _shared(one: LocalMap, other: LocalMap) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where two maps both have a word, in each of them."""
    starts = np.maximum(one.start, other.start)
    stops = np.minimum(np.add(one.start, one.values.shape), np.add(other.start, other.values.shape))
    stops = np.maximum(starts, stops)

    def within(local: LocalMap) -> tuple[slice, ...]:
        edges = zip(starts - local.start, stops - local.start, strict=True)
        return tuple(slice(int(first), int(last)) for first, last in edges)

    return within(one), within(other)


def _agreement(one: Pieces, other: Pieces) -> NDArray[np.float64]:
    """Correlation of the maps of two windows at the positions that they share."""
    _, mine, theirs = np.intersect1d(
        one.positions, other.positions, assume_unique=True, return_indices=True
    )
    if not len(mine):
        return np.zeros((one.maps.shape[1], other.maps.shape[1]))
    here = _standardised(one.maps[mine], one.map_noise)
    return here.T @ _standardised(other.maps[theirs], other.map_noise)


def _standardised(columns: NDArray[np.float32], noise: NDArray[np.floating]) -> NDArray[np.float64]:
    """Columns whose products are correlations that noise of such a variance does not move."""
    centred = columns - columns.mean(axis=0, dtype=np.float64)
    return centred / _norms_without(len(columns) * noise, (centred**2).sum(axis=0))
