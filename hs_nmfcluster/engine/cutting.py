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
#: Parts of a pixel that patterns are moved by.
LEVELS = 16
# The pixels of each position get a run of the same random choices, from one of so many places on:
# to draw them anew would take longer than all else.
_DIFFERENT = 2**13


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
        Chances in :data:`LEVELS` that a value is taken from the next column, and from the next row,
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
        every = patterns.shape[1]
        patterns = patterns.astype(patterns.dtype.newbyteorder("="), copy=False)
        found = np.empty((len(patterns), self.n_pixels(every)), self.dtype(patterns.dtype))
        place, whole = _Placing(placement, found.dtype, every), np.empty(every, found.dtype)
        kinds = placement.kinds[positions].tolist()
        # For all pixels, so that no value depends on what else is kept.
        n_replaced = max((len(placement.replaced[kind]) for kind in set(kinds)), default=0)
        choices = whole_numbers(positions, n_replaced, CHOICES)
        begins = whole_numbers(positions, 2, _DIFFERENT).tolist()
        # One by one: a row lies in the cache.
        for i, (kind, begin) in enumerate(zip(kinds, begins, strict=True)):
            row = found[i] if self.pixels is None else whole
            place.move(patterns[i], int(positions[i]), kind, begin, row)
            drawn, targets, sources, each = self._replaced[kind]
            if len(targets):
                row[targets] = place.at(
                    sources[place.corners(targets), choices[i].take(drawn), each]
                )
            if self.pixels is not None:
                np.take(row, self.pixels, out=found[i], mode="clip")
        return found

    @cached_property
    def _replaced(
        self,
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.integer], NDArray[np.int64]]]:
        """Of each kind, which replaced pixels are kept, these, where from, and their numbers."""
        assert self.placement is not None
        found = []
        for one, of in zip(self.placement.replaced, self.placement.sources, strict=True):
            kept = np.ones(len(one), bool)
            if self.pixels is not None:
                kept = np.isin(one, self.pixels, assume_unique=True)
            number = np.arange(np.count_nonzero(kept))
            found.append((np.flatnonzero(kept), one[kept], of[..., kept], number))
        return found


class _Placing:
    """Moves patterns, one at a time.

    Of two values one is chosen by their bits: that takes a tenth of the time of choosing by index.

    Parameters
    ----------
    placement
        Where values come from.
    dtype
        Of the values, once they are divided by the response.
    n
        Pixels of a pattern.
    """

    def __init__(self, placement: Placement, dtype: np.dtype, n: int) -> None:
        self._placement, self._n, self._row = placement, n, placement.row
        self._margin = int(np.abs(placement.displacements).max(initial=0)) + placement.row + 1
        self._around = np.zeros(n + 2 * self._margin, dtype)
        self._pattern = self._around[self._margin : self._margin + n]
        bits = np.dtype(f"i{dtype.itemsize}")
        self._bits = self._around.view(bits)
        # The row below the last one is needed too.
        self._along, self._chosen = np.empty((2, n + placement.row), bits)
        if placement.fractions is not None:
            self._steps = _random_steps(n + placement.row, bits)

    def move(
        self, pattern: NDArray, position: int, kind: int, begin: tuple[int, int], out: NDArray
    ) -> None:
        """Move a pattern.

        Parameters
        ----------
        pattern
            ``(n,)``.
        position, kind
            Of the scan, and of its displacement.
        begin
            Places in the random choices at which those of right and down begin.
        out
            Takes the result, ``(n,)``.
        """
        placement, n, row = self._placement, self._n, self._row
        if placement.response is None:
            self._pattern[...] = pattern
        else:
            np.divide(pattern, placement.response, out=self._pattern)
        at = self._margin + int(placement.displacements[kind])
        if placement.fractions is None:
            out[...] = self._around[at : at + n]
            return
        (right, down), (begin_right, begin_down) = placement.fractions[position].tolist(), begin
        self._right = self._steps[right, begin_right : begin_right + n + row]
        self._down = self._steps[down, begin_down : begin_down + n]
        along = self._along
        self._choose(self._bits[at:], self._bits[at + 1 :], self._right, along)
        self._choose(along, along[row:], self._down, out.view(along.dtype))

    def corners(self, pixels: NDArray[np.int64]) -> NDArray[np.intp]:
        """Which of the corners around its place the value of each pixel was taken from."""
        if self._placement.fractions is None:
            return np.zeros(len(pixels), np.intp)
        down = self._down.take(pixels).astype(np.intp)
        return -2 * down - self._right.take(pixels - self._row * down)

    def at(self, places: NDArray[np.integer]) -> NDArray:
        """Values of the last pattern, as they are on the detector."""
        return self._pattern.take(places)

    def _choose(
        self, first: NDArray, second: NDArray, which: NDArray[np.signedinteger], out: NDArray
    ) -> None:
        """Of the bits of two values take those of the second where all bits are set."""
        n = len(which)
        chosen = self._chosen[:n]
        np.bitwise_xor(first[:n], second[:n], out=chosen)
        np.bitwise_and(chosen, which, out=chosen)
        np.bitwise_xor(chosen, first[:n], out=out)


@cache
def _random_steps(n: int, dtype: np.dtype) -> NDArray[np.signedinteger]:
    """Draw steps by each chance, ``(LEVELS, …)``: all bits set where one is made, else none."""
    drawn = np.random.default_rng(0).integers(0, LEVELS, _DIFFERENT + n, dtype=np.uint8)
    steps = np.zeros((LEVELS, len(drawn)), dtype)
    for chance, of_chance in enumerate(steps):
        of_chance[drawn < chance] = -1
    return steps


#: All pixels as they are.
WHOLE = Cut()
