"""Patterns with gaps, compared over what both of them show.

A spot that the gap between two chips or the beam stop hides is not missing: nothing is known of it.
Where patterns are rotated onto each other, each hides other parts of the other one. So what varies
along rings is correlated with weights, by how well a bin is known in both patterns, and measured
by the power that each shows where the other is known: template matching with masks (Padfield 2012),
with weights for masks. How bright a ring is, on the mean, is known all the same.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hs_nmfcluster.clustering.correlation import (
    Places,
    azimuthal_spectra,
    correlation_over_rotations,
)
from hs_nmfcluster.clustering.polar import PolarPatterns

# Share of the bins of rings that may be missing before this is worth three correlations instead of
# one: single pixels hide no spot.
_FEW = 0.01
# Patterns at which is looked for gaps: those of a scan all have the same.
_LOOKED_AT = 64
# Where less than this share of the power can be seen, it is taken for so much: nothing is gained by
# hiding spots.
_LEAST_SEEN = 0.05
# Weight below which a bin is rounding, of those of a union.
_ROUNDING = 1e-5


def have_gaps(polar_patterns: PolarPatterns) -> bool:
    """Whether rings of patterns are known in part only, by a look at some of them all through.

    Parameters
    ----------
    polar_patterns
        NaN where not measured.

    Examples
    --------
    >>> pattern = np.ones((1, 4, 36))
    >>> pattern[:, 0] = np.nan
    >>> have_gaps(pattern)
    False
    >>> pattern[:, 1:, 6:9] = np.nan
    >>> have_gaps(pattern)
    True
    """
    n = polar_patterns.shape[0]
    looked_at = np.unique(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.intp)).tolist()
    return any(_has_gaps(polar_patterns[k : k + 1][0]) for k in looked_at)


def _has_gaps(polar_pattern: NDArray) -> bool:
    known = ~np.isnan(polar_pattern)
    in_rings = known.any(axis=-1).sum() * known.shape[-1]
    return bool(in_rings - known.sum() > _FEW * in_rings)


class Visibility:
    """How well the bins of patterns are known, and the power along rings that they show there.

    Both are kept as Fourier coefficients along phi, as the patterns themselves are.

    Parameters
    ----------
    shape
        ``(n_frequencies, n, n_radial)``.
    n_azimuthal
        Number of bins along phi.
    dtype
        Of the coefficients.

    Attributes
    ----------
    power : numpy.ndarray
        Power along the rings of each pattern, were it known all around, ``(n,)``.
    """

    def __init__(
        self, shape: tuple[int, int, int], n_azimuthal: int, dtype: np.dtype[np.complexfloating]
    ) -> None:
        self._n_phi = n_azimuthal
        self._weights: NDArray[np.complexfloating] = np.empty(shape, dtype)
        self._shown: NDArray[np.complexfloating] = np.empty(shape, dtype)
        # Largest weight of each, and all that it shows.
        self._largest, self._whole = np.ones(shape[1]), np.zeros(shape[1])
        self.power = np.zeros(shape[1])

    def put(self, k: int, pattern: NDArray[np.floating], weights: NDArray[np.floating]) -> None:
        """Take the k-th pattern ``(n_radial, n_azimuthal)`` and the weights of its bins.

        The pattern is a sum with these weights, and has the mean of a ring where they are zero.
        """
        rest = pattern - pattern.mean(axis=-1, keepdims=True)
        known = weights > 0
        shown = np.divide(np.square(rest), weights, out=np.zeros_like(rest), where=known)
        spectra = azimuthal_spectra(np.stack([weights, shown]))
        self._weights[:, k], self._shown[:, k] = spectra[:, 0], spectra[:, 1]
        self._largest[k], self._whole[k] = weights.max(), shown.sum(dtype=np.float64)
        # Of a bin that only some members of a union know, all would show more.
        full = np.divide(shown, weights, out=shown, where=known).sum(axis=-1, dtype=np.float64)
        around = self._n_phi / np.maximum(known.sum(axis=-1), 1)
        self.power[k] = self._largest[k] ** 2 * (full * around).sum()

    def scale(self, factor: float) -> None:
        """Multiply the patterns by a factor."""
        self._shown *= factor**2
        self._whole *= factor**2
        self.power *= factor**2

    def unhidden(
        self,
        correlation: NDArray[np.floating],
        rows: Places,
        columns: Places,
        *,
        mirrored: bool,
    ) -> NDArray[np.floating]:
        """Correlations of what varies along rings, as if nothing of it were hidden.

        Parameters
        ----------
        correlation
            Of what is known in both, ``(n_columns, n_rows, n_azimuthal)``.
        rows, columns
            Which patterns.
        mirrored
            Whether the columns are seen with phi reversed.
        """
        weights, shown = self._weights[:, columns], self._shown[:, columns]
        if mirrored:
            weights, shown = weights.conj(), shown.conj()
        seen = correlation_over_rotations(self._shown[:, rows], weights, self._n_phi)
        product = _at_least(seen, self._whole[rows] * self._largest[columns, None])
        seen = correlation_over_rotations(self._weights[:, rows], shown, self._n_phi)
        product *= _at_least(seen, self._whole[columns, None] * self._largest[rows])
        powers = np.sqrt(self.power[rows] * self.power[columns, None])[..., None]
        factors = np.sqrt(product, out=product)
        return np.divide(correlation, factors, out=factors, where=factors > 0) * powers

    def merge(
        self,
        onto: int,
        other: int,
        rotation: NDArray[np.complexfloating],
        union: NDArray[np.complexfloating],
        *,
        mirrored: bool,
    ) -> NDArray[np.complexfloating]:
        """Add the weights of another pattern.

        Parameters
        ----------
        onto, other
            Which patterns.
        rotation
            Factor of each frequency that rotates the other, ``(n_frequencies,)``.
        union
            Coefficients of the sum of both patterns, ``(n_frequencies, n_radial)``.
        mirrored
            Whether the other is seen with phi reversed before it is rotated.

        Returns
        -------
        numpy.ndarray
            Coefficients of the union, with the means of rings where neither pattern is known.
        """
        added = self._weights[:, other]
        spectrum = self._weights[:, onto] + rotation[:, None] * (
            added.conj() if mirrored else added
        )
        weights, pattern = fft.irfft(np.stack([spectrum, union]), n=self._n_phi, axis=1)
        weights[weights < _ROUNDING * weights.max()] = 0
        pattern = np.where(weights > 0, pattern, pattern.mean(axis=0))
        self.put(onto, pattern.T, weights.T)
        return fft.rfft(pattern, axis=0)

    def move(self, source: int, target: int) -> None:
        """Put a copy of `source` in the place of `target`."""
        for spectra in (self._weights, self._shown):
            spectra[:, target] = spectra[:, source]
        for numbers in (self._largest, self._whole, self.power):
            numbers[target] = numbers[source]


def _at_least(seen: NDArray[np.floating], whole: NDArray[np.float64]) -> NDArray[np.floating]:
    least = (_LEAST_SEEN * whole).astype(seen.dtype)
    return np.maximum(seen, least[..., None], out=seen)


def rotation_between_bins(
    bins: float, frequencies: NDArray[np.integer], n_azimuthal: int
) -> NDArray[np.complexfloating]:
    """Factor of each frequency along phi that rotates by bins, linearly between whole ones.

    Edges of gaps would ring, were they rotated by parts of bins as smooth patterns can be.

    Parameters
    ----------
    bins
        How many.
    frequencies
        ``(n_frequencies,)``.
    n_azimuthal
        Bins all around.

    Examples
    --------
    >>> spectrum = np.fft.rfft([0.0, 1, 0, 0, 0, 0])
    >>> turned = rotation_between_bins(1.25, np.arange(4), 6) * spectrum
    >>> np.fft.irfft(turned, n=6).round(9).tolist()
    [0.0, 0.0, 0.75, 0.25, 0.0, 0.0]
    """
    whole = np.floor(bins)
    steps = np.exp(-2j * np.pi / n_azimuthal * np.outer([whole, whole + 1], frequencies))
    part = bins - whole
    return (1 - part) * steps[0] + part * steps[1]
