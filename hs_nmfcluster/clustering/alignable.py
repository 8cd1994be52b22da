"""Patterns that can be rotated, maps that can be shifted, rows that stay as they are.

Each is a small class with the same few methods (`Alignable`), so that one loop compares and
agglomerates all of them.
"""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hs_nmfcluster.clustering.correlation import (
    Places,
    azimuthal_spectra,
    centered_maps,
    centered_patterns,
    correlation_over_rotations,
    correlation_peaks,
    normalised,
    translated,
    without_mean,
)
from hs_nmfcluster.clustering.gaps import Visibility, have_gaps, rotation_between_bins
from hs_nmfcluster.clustering.polar import PolarPatterns

Metric = Literal["cross_correlation", "correlation", "cosine", "euclidean"]

# Single precision halves time and memory and changes similarities by some 1e-6, from here on.
_MANY = 256
# Fourier coefficients of maps are kept up to so many bytes.
_KEPT = 256 * 2**20
# Polar patterns that are made ready together.
_AT_A_TIME = 64


class Alignable(Protocol):
    """A set of things that can be compared, moved onto each other and added.

    A *shift* is the movement that brings one thing onto another: degrees of rotation, scan
    pixels along each axis, or nothing at all (``n_shifts == 0``).
    """

    n_shifts: int

    def __len__(self) -> int: ...

    @property
    def bytes_per_pair(self) -> int:
        """Working memory that one pair takes in `compare`."""

    def compare(
        self, rows: Places, columns: Places
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Similarities ``(n_rows, n_columns)`` and shifts that bring the columns onto the rows."""

    def invariants(self, rows: Places) -> NDArray[np.floating]:
        """Take what no shift changes, ``(n_rows, n_values)``, and is alike in things alike.

        The product of two such rows is no smaller than the similarity of the two things.
        """

    def undone(self, shifts: NDArray[np.floating]) -> NDArray[np.floating]:
        """Shifts ``(..., n_shifts)`` that undo these."""

    def merge(self, onto: int, other: int, shift: NDArray[np.floating]) -> None:
        """Shift `other` and add it to `onto`."""

    def move(self, source: int, target: int) -> None:
        """Put a copy of `source` in the place of `target`."""


class RotatablePatterns:
    """Polar patterns, compared by their highest correlation over all rotations.

    Only the Fourier coefficients along phi are kept: a rotation is a phase, a sum of patterns the
    sum of their coefficients.

    Parameters
    ----------
    polar_patterns
        ``(n, n_radial, n_azimuthal)`` over the full circle, NaN where not measured.
    """

    n_shifts = 1

    def __init__(self, polar_patterns: PolarPatterns) -> None:
        n, n_radial, self._n_phi = polar_patterns.shape
        self._frequencies = np.arange(self._n_phi // 2 + 1)
        self._spectra: NDArray[np.complexfloating] = np.empty(
            (len(self._frequencies), n, n_radial), self._precision(n)
        )
        self._visibility: Visibility | None = None
        if have_gaps(polar_patterns):
            self._visibility = Visibility(self._spectra.shape, self._n_phi, self._spectra.dtype)
        # Some at a time: all of them in r and phi would take as much again.
        for start in range(0, n, _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            polar = polar_patterns[some]
            centred = centered_patterns(polar)
            if self._visibility is not None:
                weights = (~np.isnan(polar)).astype(centred.dtype)
                for k, (pattern, known) in enumerate(zip(centred, weights, strict=True), start):
                    self._visibility.put(k, pattern, known)
            self._spectra[:, some] = azimuthal_spectra(centred)
        self._norms = np.array([self._norm(i) for i in range(n)])
        # Counts may be so large that their products overflow single precision.
        largest = self._norms.max() or 1.0
        np.divide(self._spectra, largest, out=self._spectra)
        self._norms /= largest
        if self._visibility is not None:
            self._visibility.scale(1 / largest)

    @staticmethod
    def _precision(n: int) -> np.dtype[np.complexfloating]:
        return np.dtype(np.complex64 if n > _MANY else np.complex128)

    @classmethod
    def bytes_of(cls, shape: tuple[int, ...], *, gaps: bool = False) -> int:
        """Bytes that polar patterns of a shape, with gaps or without, take once they are here."""
        n, n_radial, n_phi = shape
        kinds = 3 if gaps else 1
        return kinds * cls._precision(n).itemsize * n * n_radial * (n_phi // 2 + 1)

    def __len__(self) -> int:
        return len(self._norms)

    @property
    def bytes_per_pair(self) -> int:
        """Bytes of the correlation of one pair and of its Fourier coefficients."""
        kinds = 1 if self._visibility is None else 3
        return kinds * 4 * self._n_phi * self._spectra.itemsize // 2

    def compare(
        self, rows: Places, columns: Places
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Similarities and the rotations in degrees that bring the columns onto the rows."""
        return self._compare(rows, columns)

    def _compare(
        self, rows: Places, columns: Places, *, mirrored: bool = False
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """As `compare`, with phi of the columns reversed if they are mirrored."""
        spectra = self._spectra[:, columns]
        # With phi reversed all coefficients are their complex conjugates.
        spectra = spectra.conj() if mirrored else spectra
        correlation = correlation_over_rotations(self._spectra[:, rows], spectra, self._n_phi)
        if self._visibility is not None:
            of_rings = (spectra[0] @ self._spectra[0, rows].T).real[..., None] / self._n_phi
            along = correlation - of_rings
            along = self._visibility.unhidden(along, rows, columns, mirrored=mirrored)
            correlation = of_rings + along
        values, places = correlation_peaks(correlation, 1)
        values = normalised(values, self._norms[columns, None] * self._norms[rows])
        return values.T, (places * (-360.0 / self._n_phi)).swapaxes(0, 1)

    def invariants(self, rows: Places) -> NDArray[np.floating]:
        """Amplitudes along phi at each radius, of patterns of unit norm."""
        amplitudes = np.abs(self._spectra[:, rows])
        # By Parseval: the coefficients of a real pattern come in pairs, but the first and last.
        weights = np.full(len(self._frequencies), 2.0 / self._n_phi)
        weights[0] /= 2
        if self._n_phi % 2 == 0:
            weights[-1] /= 2
        amplitudes *= np.sqrt(weights, dtype=amplitudes.dtype)[:, None, None]
        values = np.moveaxis(amplitudes, 0, 1).reshape(amplitudes.shape[1], -1)
        return _of_unit_norm(values, self._norms[rows])

    def undone(self, shifts: NDArray[np.floating]) -> NDArray[np.floating]:
        """Opposite rotations."""
        return -shifts

    def merge(self, onto: int, other: int, shift: NDArray[np.floating]) -> None:
        """Rotate `other` by ``shift[0]`` degrees and add it to `onto`."""
        self._merge(onto, other, shift[0])

    def _merge(self, onto: int, other: int, degrees: float, *, mirrored: bool = False) -> None:
        """As `merge`, with phi of the other reversed before it is rotated, if it is mirrored."""
        spectrum = self._spectra[:, other]
        factors = self._rotation(degrees)
        rotated = (spectrum.conj() if mirrored else spectrum) * factors[:, None]
        if self._n_phi % 2 == 0:
            # The highest frequency is sampled at its crests alone: what a rotation by part of a
            # bin takes off them cannot be represented.
            rotated[-1] = rotated[-1].real
        target = self._spectra[:, onto]
        np.add(target, rotated, out=target, casting="same_kind")
        if self._visibility is not None:
            target[:] = self._visibility.merge(onto, other, factors, target, mirrored=mirrored)
        self._norms[onto] = self._norm(onto)

    def _rotation(self, degrees: float) -> NDArray[np.complexfloating]:
        """Factor of each frequency that rotates a pattern."""
        if self._visibility is not None:
            bins = degrees * self._n_phi / 360.0
            return rotation_between_bins(bins, self._frequencies, self._n_phi)
        return np.exp(-1j * np.deg2rad(degrees) * self._frequencies)

    def move(self, source: int, target: int) -> None:
        """Put a copy of `source` in the place of `target`."""
        self._spectra[:, target] = self._spectra[:, source]
        self._norms[target] = self._norms[source]
        if self._visibility is not None:
            self._visibility.move(source, target)

    def _norm(self, i: int) -> float:
        """Norm of a pattern from its coefficients (Parseval)."""
        power = np.square(np.abs(self._spectra[:, i])).sum(axis=1, dtype=np.float64) / self._n_phi
        if self._visibility is not None:
            return float(np.sqrt(power[0] + self._visibility.power[i]))
        twice = 2 * power.sum() - power[0] - (power[-1] if self._n_phi % 2 == 0 else 0.0)
        return float(np.sqrt(twice))


class ShiftableMaps:
    """Maps, compared by their highest correlation over all lateral shifts.

    Parameters
    ----------
    maps
        ``(n, *scan_shape)``, NaN where not measured.
    """

    def __init__(self, maps: NDArray) -> None:
        maps = np.asarray(maps, dtype=np.float64)
        self.n_shifts = maps.ndim - 1
        self._maps = centered_maps(maps)
        self._padded = self._around(maps.shape[1:])
        self._axes = tuple(range(-self.n_shifts, 0))
        self._spectra: NDArray[np.complexfloating] | None = None
        if self._bytes_around(maps.shape) <= _KEPT:
            self._spectra = self._transformed(self._maps)
        self._norms = np.array([np.linalg.norm(scan) for scan in self._maps])

    @staticmethod
    def _around(scan_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Twice the scan, so that nothing leaves it on one side to come in on the other."""
        return tuple(fft.next_fast_len(2 * size - 1, real=True) for size in scan_shape)

    @classmethod
    def bytes_of(cls, shape: tuple[int, ...]) -> int:
        """Bytes that maps of a shape take once they are here."""
        spectra = cls._bytes_around(shape)
        return 8 * int(np.prod(shape)) + (spectra if spectra <= _KEPT else 0)

    @classmethod
    def _bytes_around(cls, shape: tuple[int, ...]) -> int:
        return 8 * shape[0] * int(np.prod(cls._around(shape[1:])))

    def __len__(self) -> int:
        return len(self._maps)

    @property
    def bytes_per_pair(self) -> int:
        """Bytes of the correlation of one pair and of its Fourier coefficients."""
        return 4 * int(np.prod(self._padded)) * self._maps.itemsize

    def compare(
        self, rows: Places, columns: Places
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Similarities and the shifts in scan pixels that bring the columns onto the rows."""
        products = self._of(rows)[:, None] * self._of(columns)[None].conj()
        correlation = fft.irfftn(products, s=self._padded, axes=self._axes)
        values, places = correlation_peaks(correlation, self.n_shifts)
        norms = self._norms[rows, None] * self._norms[columns]
        return normalised(values, norms), places

    def invariants(self, rows: Places) -> NDArray[np.floating]:
        """Amplitudes of the Fourier transform along the scan, of maps of unit norm."""
        amplitudes = np.abs(self._of(rows))
        # As in patterns, but only the first of the coefficients along the last axis are single.
        weights = np.full(amplitudes.shape[-1], 2.0 / np.prod(self._padded))
        weights[0] /= 2
        if self._padded[-1] % 2 == 0:
            weights[-1] /= 2
        values = (amplitudes * np.sqrt(weights)).reshape(len(amplitudes), -1)
        return _of_unit_norm(values, self._norms[rows])

    def undone(self, shifts: NDArray[np.floating]) -> NDArray[np.floating]:
        """Opposite shifts."""
        return -shifts

    def merge(self, onto: int, other: int, shift: NDArray[np.floating]) -> None:
        """Shift `other` by scan pixels and add what remains within the scan to `onto`."""
        self._maps[onto] += translated(self._maps[other], shift)
        self._maps[onto] -= self._maps[onto].mean()
        self._norms[onto] = np.linalg.norm(self._maps[onto])
        if self._spectra is not None:
            self._spectra[onto] = self._transformed(self._maps[onto])

    def move(self, source: int, target: int) -> None:
        """Put a copy of `source` in the place of `target`."""
        for values in (self._maps, self._spectra, self._norms):
            if values is not None:
                values[target] = values[source]

    def _of(self, places: Places) -> NDArray[np.complexfloating]:
        """Fourier coefficients of some: kept, or where all take too much made when needed."""
        kept = self._spectra
        return self._transformed(self._maps[places]) if kept is None else kept[places]

    def _transformed(self, maps: NDArray[np.float64]) -> NDArray[np.complexfloating]:
        return fft.rfftn(maps, s=self._padded, axes=self._axes)


class FixedRows:
    """Rows of numbers, compared as they are: the baselines of the paper's Figs. 6a, 6b and S2.

    Parameters
    ----------
    rows
        ``(n, n_values)`` without NaN.
    metric
        ``"correlation"`` coefficient, ``"cosine"`` of the angle between the rows, or
        ``"euclidean"``: 1 minus the distance between the rows scaled to unit norm.
    """

    n_shifts = 0

    def __init__(self, rows: NDArray, metric: Metric) -> None:
        self._rows = np.array(rows, dtype=np.float64)
        self._metric = metric
        self._units = np.stack([self._unit(row) for row in self._rows])

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def bytes_per_pair(self) -> int:
        """Bytes of one number."""
        return self._rows.itemsize

    def compare(
        self, rows: Places, columns: Places
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Similarities, and no shifts."""
        cosines = np.clip(self._units[rows] @ self._units[columns].T, -1.0, 1.0)
        if self._metric == "euclidean":
            cosines = 1.0 - np.sqrt(2.0 - 2.0 * cosines)
        return cosines, np.empty((*cosines.shape, 0))

    def invariants(self, rows: Places) -> NDArray[np.floating]:
        """Return the rows, of unit norm."""
        return self._units[rows]

    def undone(self, shifts: NDArray[np.floating]) -> NDArray[np.floating]:
        """No shifts."""
        return shifts

    def merge(self, onto: int, other: int, shift: NDArray[np.floating]) -> None:  # noqa: ARG002
        """Add `other` to `onto`."""
        self._rows[onto] += self._rows[other]
        self._units[onto] = self._unit(self._rows[onto])

    def move(self, source: int, target: int) -> None:
        """Put a copy of `source` in the place of `target`."""
        self._rows[target] = self._rows[source]
        self._units[target] = self._units[source]

    def _unit(self, row: NDArray[np.floating]) -> NDArray[np.floating]:
        if self._metric == "correlation":
            row = without_mean(row)
        norm = np.linalg.norm(row)
        return row / norm if norm > 0 else row


def _of_unit_norm(values: NDArray[np.floating], norms: NDArray[np.float64]) -> NDArray[np.floating]:
    """Rows divided by the norms of what they come from; 0 where a norm is 0."""
    factors = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    values *= factors.astype(values.dtype)[:, None]
    return values
