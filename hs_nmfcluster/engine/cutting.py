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
        every = patterns.shape[1]
        patterns = patterns.astype(patterns.dtype.newbyteorder("="), copy=False)
        found = np.empty((len(patterns), self.n_pixels(every)), self.dtype(patterns.dtype))
        place = _Placing(placement, found.dtype, every)
        kinds = placement.kinds[positions]
        for kind in np.unique(kinds).tolist():
            own = np.flatnonzero(kinds == kind)
            drawn, targets, sources = self._replaced[kind]
            # Of all, so that no value depends on what else is kept.
            choices = whole_numbers(positions[own], len(drawn), CHOICES)[:, drawn]
            begins = whole_numbers(positions[own], 2, _DIFFERENT)
            # One by one: a row lies in the cache.
            for i, begin, choice in zip(own.tolist(), begins.tolist(), choices, strict=True):
                row = place.moved(patterns[i], int(positions[i]), kind, begin)
                if len(targets):
                    corners = place.corners(targets)
                    row[targets] = place.at(sources[corners, choice, np.arange(len(targets))])
                if self.pixels is None:
                    found[i] = row
                else:
                    np.take(row, self.pixels, out=found[i], mode="clip")
        return found

    @cached_property
    def _replaced(
        self,
    ) -> list[tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.integer]]]:
        """Of each kind, which replaced pixels are kept, these, and where they are taken from."""
        assert self.placement is not None
        found = []
        for one, of in zip(self.placement.replaced, self.placement.sources, strict=True):
            kept = np.ones(len(one), bool)
            if self.pixels is not None:
                kept = np.isin(one, self.pixels, assume_unique=True)
            found.append((kept, one[kept], of[..., kept]))
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
        self._bits, self._moved = self._around.view(bits), np.empty(n, dtype)
        # The row below the last one is needed too.
        self._along, self._chosen, self._right, self._down = np.empty((4, n + placement.row), bits)

    def moved(self, pattern: NDArray, position: int, kind: int, begin: tuple[int, int]) -> NDArray:
        """Move a pattern; what is returned is overwritten by the next.

        Parameters
        ----------
        pattern
            ``(n,)``.
        position, kind
            Of the scan, and of its displacement.
        begin
            Places in the random bytes at which those of right and down begin.
        """
        placement, n, row = self._placement, self._n, self._row
        if placement.response is None:
            self._pattern[...] = pattern
        else:
            np.divide(pattern, placement.response, out=self._pattern)
        at = self._margin + int(placement.displacements[kind])
        if placement.fractions is None:
            self._moved[...] = self._around[at : at + n]
            return self._moved
        for chance, one, steps in zip(
            placement.fractions[position], begin, (self._right, self._down), strict=True
        ):
            _draw(int(chance), one, steps)
        from_here, along = self._bits[at : at + n + row + 1], self._along
        self._choose(from_here[:-1], from_here[1:], self._right, along)
        self._choose(along[:n], along[row:], self._down[:n], self._moved.view(along.dtype))
        return self._moved

    def corners(self, pixels: NDArray[np.int64]) -> NDArray[np.intp]:
        """Which of the corners around its place the value of each pixel was taken from."""
        if self._placement.fractions is None:
            return np.zeros(len(pixels), np.intp)
        down = -self._down[pixels].astype(np.intp)
        return 2 * down - self._right[pixels + self._row * down]

    def at(self, places: NDArray[np.integer]) -> NDArray:
        """Values of the last pattern, as they are on the detector."""
        return self._pattern[places]

    def _choose(
        self, first: NDArray, second: NDArray, which: NDArray[np.signedinteger], out: NDArray
    ) -> None:
        """Of the bits of two values take those of the second where all bits are set."""
        chosen = self._chosen[: len(which)]
        np.bitwise_xor(first, second, out=chosen)
        np.bitwise_and(chosen, which, out=chosen)
        np.bitwise_xor(chosen, first, out=out)


def _draw(chance: int, begin: int, steps: NDArray[np.signedinteger]) -> None:
    """Set all bits by a chance in 256, drawn from one of the places to begin at, else none."""
    bits = 8 * steps.itemsize
    # A byte with a sign holds half as many.
    chance = chance // 2 if bits == 8 else chance
    drawn = _random_integers(len(steps), steps.dtype)
    np.subtract(drawn[begin : begin + len(steps)], steps.dtype.type(chance), out=steps)
    # What is negative has its sign in all bits.
    np.right_shift(steps, bits - 1, out=steps)


@cache
def _random_integers(n: int, dtype: np.dtype) -> NDArray[np.signedinteger]:
    drawn = np.random.default_rng(0).integers(0, 256, _DIFFERENT + n, dtype=np.uint8)
    return (drawn // 2 if dtype.itemsize == 1 else drawn).astype(dtype)


#: All pixels as they are.
WHOLE = Cut()
