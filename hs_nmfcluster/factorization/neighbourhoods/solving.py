"""Maps of joined components: the best ones for what the windows know of their data.

A component's pattern is the mean of what several windows found, and none of their maps is its own.
The data are not needed to find those. Of a window's factorization X = C P + R, the residual R is
all but orthogonal to the maps (that is what makes P the best patterns), so that whatever a joined
pattern has beyond the span of P, noise of other windows mostly, has hardly a product with X.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.scheduling import side_by_side
from hs_nmfcluster.factorization.neighbourhoods.assembly import Components, Windows
from hs_nmfcluster.factorization.neighbourhoods.first_look import flat_positions
from hs_nmfcluster.factorization.neighbourhoods.tiling import taper
from hs_nmfcluster.factorization.updates import hals_rows
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

Matrix = NDArray[np.float64]
Box = tuple[slice, ...]

# Share of the largest eigenvalue below which patterns of several windows say the same.
_SAME = 1e-6
# Parts in which cells are shared out among threads.
_PARTS = 16
# A crystal that fills most of a window has a median there that is no floor.
_FLOOR = 0.25


def solve_maps(
    windows: Windows,
    components: Components,
    matrix: NDArray[np.bool_],
    pixel_weights: Matrix | None,
) -> tuple[LocalMaps, Matrix]:
    """Find the maps of joined components, and what they leave of the data.

    A crystal's pattern holds some of the halo, in return for which its map is above zero all over
    the windows that found it. This floor is given to the matrix, which is everywhere.

    Parameters
    ----------
    windows, components
        What was found, and what it was joined to.
    matrix
        Which components are matrix, ``(k,)``.
    pixel_weights
        As of a `Plan`.

    Returns
    -------
    LocalMaps
    numpy.ndarray
        Squared residual of each position of the scan, in counts; zero where masked.
    """
    cells = _cells(windows, components, pixel_weights)
    maps = components.maps.blank()
    _for_all(cells, lambda cell: cell.solve(windows, maps))
    if matrix.any():
        maps = _without_floors(windows, components.labels, maps, matrix)
        _for_all(cells, lambda cell: cell.solve_some(windows, maps, matrix))
    residual = np.zeros(windows.kept.size)
    _for_all(cells, lambda cell: cell.leave(windows, maps, residual))
    return maps, residual


@dataclass(frozen=True, eq=False)
class _Cell:
    """Positions that lie in the same windows, and what is known of the components there.

    Parameters
    ----------
    positions
        Flat indices into the scan, ``(n,)``.
    windows
        Numbers of the windows.
    components
        Those that they found, ``(m,)``.
    gram, counted_gram
        S Sᵀ of these, ``(m, m)``, in units of the noise and in counts.
    of_maps, of_products
        What makes S Xᵀ of the maps of all pieces of the windows, and in counts of their products
        with the data, ``(m, n_pieces)``.
    """

    positions: NDArray[np.int64]
    windows: tuple[int, ...]
    components: NDArray[np.int64]
    gram: Matrix
    counted_gram: Matrix
    of_maps: Matrix
    of_products: Matrix

    def solve(self, windows: Windows, maps: LocalMaps) -> None:
        """Find the maps of all components here."""
        if len(self.components):
            self._put(maps, hals_rows(self._target(windows), self.gram))

    def solve_some(self, windows: Windows, maps: LocalMaps, some: NDArray[np.bool_]) -> None:
        """Find the maps of some components here, with those of the others as they are."""
        chosen = some[self.components]
        if chosen.any():
            values = self._values(maps)
            across = self.gram[np.ix_(chosen, ~chosen)]
            target = self._target(windows)[chosen] - across @ values[~chosen]
            values[chosen] = hals_rows(target, self.gram[np.ix_(chosen, chosen)])
            self._put(maps, values)

    def leave(self, windows: Windows, maps: LocalMaps, residual: Matrix) -> None:
        """Write down what is left of the data here."""
        values = self._values(maps)
        products = self.of_products @ self._of_pieces(windows, "products")
        pieces = windows.found[self.windows[0]]
        squares = pieces.squares[np.searchsorted(pieces.positions, self.positions)]
        left = squares + np.einsum("kn,kn->n", values, self.counted_gram @ values - 2 * products)
        residual[self.positions] = np.maximum(left, 0.0)

    def _target(self, windows: Windows) -> Matrix:
        return self.of_maps @ self._of_pieces(windows, "maps")

    def _of_pieces(self, windows: Windows, name: str) -> Matrix:
        parts = []
        for window in self.windows:
            pieces = windows.found[window]
            rows = np.searchsorted(pieces.positions, self.positions)
            parts.append(getattr(pieces, name)[rows])
        return np.concatenate(parts, axis=1).T.astype(np.float64)

    def _values(self, maps: LocalMaps) -> Matrix:
        values = np.empty((len(self.components), len(self.positions)))
        for own, k in zip(values, self.components.tolist(), strict=True):
            own[:] = maps.maps[k].values[self._inside(maps, k)]
        return values

    def _put(self, maps: LocalMaps, values: Matrix) -> None:
        for k, own in zip(self.components.tolist(), values, strict=True):
            maps.maps[k].values[self._inside(maps, k)] = own

    def _inside(self, maps: LocalMaps, k: int) -> tuple[NDArray[np.int64], ...]:
        inside = np.unravel_index(self.positions, maps.left_out.shape)
        return tuple(axis - at for axis, at in zip(inside, maps.maps[k].start, strict=True))


def _for_all(cells: Sequence[_Cell], work: Callable[[_Cell], None]) -> None:
    """Work on cells by threads, many at a time: each is done sooner than a thread gets it."""

    def work_on(some: Sequence[_Cell]) -> None:
        for cell in some:
            work(cell)

    side_by_side(work_on, [cells[part::_PARTS] for part in range(_PARTS)])


def _cells(windows: Windows, components: Components, pixel_weights: Matrix | None) -> list[_Cell]:
    by_first: dict[int, list[tuple[NDArray[np.int64], tuple[int, ...]]]] = {}
    for box, those in _boxes(windows):
        positions = flat_positions(windows.kept, box)
        if len(positions):
            by_first.setdefault(those[0], []).append((positions, those))

    def solved(parts: list[tuple[NDArray[np.int64], tuple[int, ...]]]) -> list[_Cell]:
        around = sorted({window for _, those in parts for window in those})
        known = _Known.of(windows, components, around, pixel_weights)
        return [known.cell(*part) for part in parts]

    return [cell for cells in side_by_side(solved, by_first.values()) for cell in cells]


def _boxes(windows: Windows) -> Iterator[tuple[Box, tuple[int, ...]]]:
    """Boxes of positions that lie in the same windows, and the numbers of these."""
    place = {tile.index: i for i, tile in enumerate(windows.tiles)}
    along = []
    for of_axis in windows.tiling.edges:
        spans = list(pairwise(sorted({end for span in of_axis for end in span})))
        holders = [
            [i for i, (start, stop) in enumerate(of_axis) if start <= a and b <= stop]
            for a, b in spans
        ]
        along.append(list(zip((slice(*span) for span in spans), holders, strict=True)))
    for parts in product(*along):
        held = product(*(holders for _, holders in parts))
        those = tuple(sorted(place[index] for index in held if index in place))
        if those:
            yield tuple(span for span, _ in parts), those


@dataclass(frozen=True, eq=False)
class _Known:
    """Products of the patterns of some windows and of the components that these found.

    Parameters
    ----------
    window_of, labels
        Window and component of each piece.
    components
        All of them, ascending.
    weighted, counted
        P Pᵀ, S Pᵀ and S Sᵀ, in units of the noise and in counts.
    """

    window_of: NDArray[np.int64]
    labels: NDArray[np.int64]
    components: NDArray[np.int64]
    weighted: tuple[Matrix, Matrix, Matrix]
    counted: tuple[Matrix, Matrix, Matrix]

    @classmethod
    def of(
        cls,
        windows: Windows,
        components: Components,
        around: Sequence[int],
        pixel_weights: Matrix | None,
    ) -> "_Known":
        """Multiply what some windows found."""
        edges = windows.edges
        labels = np.concatenate([components.labels[edges[i] : edges[i + 1]] for i in around])
        numbers = [windows.found[i].number for i in around]
        pieces = np.concatenate([windows.patterns(i) for i in around])
        every = np.unique(labels)
        patterns = components.patterns[every][:, components.pixels]
        counted = _products(pieces, patterns)
        weighted = counted
        if pixel_weights is not None:
            weights = pixel_weights.astype(np.float32)
            weighted = _products(np.divide(pieces, weights), np.divide(patterns, weights))
        return cls(np.repeat(around, numbers), labels, every, weighted, counted)

    def cell(self, positions: NDArray[np.int64], those: tuple[int, ...]) -> _Cell:
        """Put together what is known of the positions of a cell."""
        own = np.flatnonzero(np.isin(self.window_of, those))
        found = np.unique(self.labels[own])
        k = np.searchsorted(self.components, found)
        same = self.window_of[own][:, None] == self.window_of[own]

        def part(products: tuple[Matrix, Matrix, Matrix]) -> tuple[Matrix, Matrix, Matrix]:
            of_pieces, across, of_components = products
            among = of_pieces[np.ix_(own, own)]
            onto = across[np.ix_(k, own)] @ np.linalg.pinv(among, rcond=_SAME, hermitian=True)
            return of_components[np.ix_(k, k)], onto, among

        gram, onto, among = part(self.weighted)
        counted_gram, of_products, _ = part(self.counted)
        # Products with the data follow from the maps of each window.
        of_maps = onto @ np.where(same, among, 0.0)
        return _Cell(positions, those, found, gram, counted_gram, of_maps, of_products)


def _products(
    pieces: NDArray[np.float32], patterns: NDArray[np.float32]
) -> tuple[Matrix, Matrix, Matrix]:
    def exact(a: NDArray[np.float32], b: NDArray[np.float32]) -> Matrix:
        return (a @ b.T).astype(np.float64)

    return exact(pieces, pieces), exact(patterns, pieces), exact(patterns, patterns)


def _without_floors(
    windows: Windows, labels: NDArray[np.int64], maps: LocalMaps, matrix: NDArray[np.bool_]
) -> LocalMaps:
    """Take the median in each window from the maps of crystals that it found, as its floor."""
    floors = maps.blank()
    weights = maps.blank()
    peaks = [float(np.nanmax(one.values)) for one in maps]
    for (first, last), tile in zip(pairwise(windows.edges), windows.tiles, strict=True):
        own = np.unique(labels[first:last])
        if not matrix[own].any():
            continue
        ramp = taper(tile)
        for k in own[~matrix[own]].tolist():
            inside = maps.maps[k].within(tile.window)
            floor = float(np.nanmedian(maps.maps[k].values[inside]))
            floors.maps[k].values[inside] += ramp * (floor if floor < _FLOOR * peaks[k] else 0.0)
            weights.maps[k].values[inside] += ramp
    lowered = [
        LocalMap(one.start, np.maximum(one.values - floor.values / np.maximum(weight.values, 1), 0))
        for one, floor, weight in zip(maps, floors, weights, strict=True)
    ]
    return LocalMaps(lowered, maps.left_out)
