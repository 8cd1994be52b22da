"""How rows of numbers are cut out of patterns: which pixels, and where their values come from.

A chunk is read as whole patterns; what a factorization sees of it are rows of the kept pixels.
Where the patterns lie elsewhere on the detector from position to position, and where single pixels
are of no use, each value of a row is taken from another pixel than its own. Values are taken, never
interpolated: counts remain counts, with the noise of counts, in their own dtype. Of a pattern that
lies off by a fraction of a pixel, each value is taken from one of the four pixels around its place,
the nearer the likelier: on average over positions that is bilinear interpolation, and the noise of
neighbours remains independent, as all that is said of noise takes it to be.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.random_numbers import whole_numbers

#: Pixels among which the value of one that is of no use is taken, now from one, now from another.
CHOICES = 4
#: The pixels around a place, as steps (x, y) from the one before it.
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
# The pixels of each position get a run of the same random bytes, from one of so many places on: to
# draw them anew would take longer than all else.
_DIFFERENT = 2**17


@dataclass(frozen=True, eq=False)
class Placement:
    """Which pixel each value of a pattern is taken from, position by position.

    Parameters
    ----------
    kinds
        Which of the displacements each position of the scan has, ``(n_scan,)``.
    displacements
        Flat index of the pixel that a value is taken from, less that of its own, ``(n_kinds,)``.
    replaced
        Of each kind, flat indices of the pixels whose values are taken from yet other ones,
        ``(m,)`` ascending.
    sources
        And from which of them, flat indices, ``(n_corners, CHOICES, m)``.
    fractions
        Chances in 256 that a value is taken from the next column, and from the next row,
        ``(n_scan, 2)``; None: never, and there is one corner only.
    row
        Pixels in a row of the detector.
    response
        Of each pixel of the detector, by which its values are divided, ``(n_v * n_u,)`` float32;
        None divides by nothing, and values keep their dtype.
    """

    kinds: NDArray[np.integer]
    displacements: NDArray[np.int64]
    replaced: tuple[NDArray[np.int64], ...]
    sources: tuple[NDArray[np.integer], ...]
    fractions: NDArray[np.uint8] | None = None
    row: int = 0
    response: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Cut:
    """Cuts rows out of whole patterns.

    Parameters
    ----------
    pixels
        Flat indices of the kept pixels, ascending; None keeps all.
    placement
        Where their values come from; None: from these pixels themselves.

    Examples
    --------
    >>> Cut(np.array([0, 2]))(np.array([[1, 2, 3], [4, 5, 6]]), np.array([0, 1])).tolist()
    [[1, 3], [4, 6]]
    """

    pixels: NDArray[np.int64] | None = None
    placement: Placement | None = None

    def n_pixels(self, every: int) -> int:
        """Pixels that are kept of so many."""
        return every if self.pixels is None else len(self.pixels)

    def dtype(self, of_data: np.dtype) -> np.dtype:
        """Give the type of the rows of such data."""
        if self.placement is None or self.placement.response is None:
            return of_data.newbyteorder("=")
        return np.result_type(of_data.newbyteorder("="), np.float32)

    def without(self, mask: NDArray[np.bool_]) -> "Cut":
        """Return the cut without some of the pixels of the detector, ``(n_v, n_u)`` True."""
        return Cut(np.flatnonzero(~mask.ravel()), self.placement)

    def __call__(self, patterns: NDArray, positions: NDArray[np.int64]) -> NDArray:
        """Cut some rows.

        Parameters
        ----------
        patterns
            ``(n, n_v * n_u)``, in any byte order.
        positions
            Flat indices into the scan, ``(n,)``.

        Returns
        -------
        numpy.ndarray
            ``(n, n_pixels)`` in native byte order.
        """
        if self.placement is None:
            rows = patterns if self.pixels is None else np.take(patterns, self.pixels, axis=1)
            return rows.astype(rows.dtype.newbyteorder("="), copy=False)
        return self._placed(patterns, positions, self.placement)

    def _placed(
        self, patterns: NDArray, positions: NDArray[np.int64], placement: Placement
    ) -> NDArray:
        every, response = patterns.shape[1], placement.response
        patterns = patterns.astype(patterns.dtype.newbyteorder("="), copy=False)
        found = np.empty((len(patterns), self.n_pixels(every)), self.dtype(patterns.dtype))
        pixels = np.arange(every) if self.pixels is None else self.pixels
        kinds = placement.kinds[positions]
        steps = _Steps(placement, positions, len(pixels))
        for kind in np.unique(kinds):
            places = pixels + placement.displacements[kind]
            columns, sources = self._replaced[kind]
            own = np.flatnonzero(kinds == kind)
            choices = whole_numbers(positions[own], len(columns), CHOICES)
            # One by one: a row lies in the cache, and none is copied to be taken from.
            for i, chosen in zip(own.tolist(), choices, strict=True):
                where, corners = steps.taken(places, i)
                if len(columns):
                    where[columns] = sources[corners[columns], chosen, np.arange(len(columns))]
                if response is None:
                    np.take(patterns[i], where, out=found[i], mode="clip")
                else:
                    taken = np.take(patterns[i], where, mode="clip")
                    np.divide(taken, np.take(response, where, mode="clip"), out=found[i])
        return found

    @cached_property
    def _replaced(self) -> list[tuple[NDArray[np.int64], NDArray[np.integer]]]:
        """Of each kind, the columns of rows that are replaced, and where they are taken from."""
        assert self.placement is not None
        pairs = zip(self.placement.replaced, self.placement.sources, strict=True)
        if self.pixels is None:
            return list(pairs)
        found = []
        for pixels, sources in pairs:
            kept = np.isin(pixels, self.pixels, assume_unique=True)
            found.append((np.searchsorted(self.pixels, pixels[kept]), sources[..., kept]))
        return found


class _Steps:
    """Which of the pixels around its place each value of some rows is taken from.

    Parameters
    ----------
    placement
        With the chances of each.
    positions
        Of the rows.
    n
        Values of a row.
    """

    def __init__(self, placement: Placement, positions: NDArray[np.int64], n: int) -> None:
        self._none = np.zeros(n, np.uint8)
        self._row, self._chances = placement.row, None
        if placement.fractions is not None:
            self._chances = placement.fractions[positions]
            self._bytes = _random_bytes(n)
            self._begins = whole_numbers(positions, 2, _DIFFERENT)

    def taken(
        self, places: NDArray[np.int64], i: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Pixels that values are taken from instead of those at places, and which corner these are.

        Parameters
        ----------
        places
            Of the first corner, ``(n,)``.
        i
            Number of the row.
        """
        if self._chances is None:
            return places.copy(), self._none
        n = len(places)
        right, down = (
            (self._bytes[begin : begin + n] < chance).view(np.uint8)
            for begin, chance in zip(self._begins[i], self._chances[i], strict=True)
        )
        return places + right + np.multiply(down, self._row, dtype=np.int64), right + 2 * down


@cache
def _random_bytes(n: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, _DIFFERENT + n, dtype=np.uint8)


#: All pixels as they are.
WHOLE = Cut()
