"""How rows of numbers are cut out of patterns: which pixels, and where their values come from.

A chunk is read as whole patterns; what a factorization sees of it are rows of the kept pixels.
Where the patterns lie elsewhere on the detector from position to position, and where single pixels
are of no use, each value of a row is taken from another pixel than its own. Values are taken, never
interpolated: counts remain counts, with the noise of counts, in their own dtype.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.random_numbers import whole_numbers

#: Pixels among which the value of one that is of no use is taken, now from one, now from another.
CHOICES = 4


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
        And from which of them, flat indices, ``(CHOICES, m)``.
    response
        Of each pixel of the detector, by which its values are divided, ``(n_v * n_u,)`` float32;
        None divides by nothing, and values keep their dtype.
    """

    kinds: NDArray[np.integer]
    displacements: NDArray[np.int64]
    replaced: tuple[NDArray[np.int64], ...]
    sources: tuple[NDArray[np.int64], ...]
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
        rows = np.empty((len(patterns), self.n_pixels(every)), patterns.dtype)
        found = np.empty(rows.shape, self.dtype(patterns.dtype)) if self._divides else rows
        kinds = placement.kinds[positions]
        for kind in np.unique(kinds):
            own = np.flatnonzero(kinds == kind)
            pixels = np.arange(every) if self.pixels is None else self.pixels
            places = np.clip(pixels + placement.displacements[kind], 0, every - 1)
            # One by one: a row lies in the cache, and none is copied to be taken from.
            for i in own:
                np.take(patterns[i], places, out=rows[i], mode="clip")
            columns, sources = self._replaced[kind]
            if len(columns):
                chosen = whole_numbers(positions[own], len(columns), CHOICES)
                taken = sources[chosen, np.arange(len(columns))]
                rows[own[:, None], columns] = patterns[own[:, None], taken]
            if placement.response is not None:
                response = placement.response[places]
                for i in own:
                    np.divide(rows[i], response, out=found[i])
                if len(columns):
                    values = rows[own[:, None], columns] / placement.response[taken]
                    found[own[:, None], columns] = values
        return found

    @property
    def _divides(self) -> bool:
        return self.placement is not None and self.placement.response is not None

    @cached_property
    def _replaced(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Of each kind, the columns of rows that are replaced, and where they are taken from."""
        assert self.placement is not None
        pairs = zip(self.placement.replaced, self.placement.sources, strict=True)
        if self.pixels is None:
            return list(pairs)
        found = []
        for pixels, sources in pairs:
            kept = np.isin(pixels, self.pixels, assume_unique=True)
            found.append((np.searchsorted(self.pixels, pixels[kept]), sources[:, kept]))
        return found


#: All pixels as they are.
WHOLE = Cut()
