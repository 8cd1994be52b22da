"""Atoms as a phase grating."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from hs_nmfcluster.simulation.scattering import phase_factor

#: Beyond this distance (nm) the projected potential of an atom is taken as zero.
ATOM_RADIUS = 0.6


@dataclass(frozen=True)
class PhaseGrating:
    """Transmission function of atoms on a grid of square pixels.

    Attributes
    ----------
    pixel
        Edge of a pixel in nm.
    beam_energy
        In kV.
    debye_waller
        Thermal factor B in nm^2.
    """

    pixel: float
    beam_energy: float
    debye_waller: float = 0.005

    @property
    def margin(self) -> int:
        """Pixels around an area from which atoms act on it."""
        return int(np.ceil(ATOM_RADIUS / self.pixel)) + 2

    def phase(
        self,
        atoms: Mapping[str, NDArray[np.floating]],
        n_pixels: int,
    ) -> NDArray[np.float64]:
        """Phase shift of a square area.

        Parameters
        ----------
        atoms
            Positions ``(n, 2)`` as ``(x, y)`` in pixels from the middle of the area's first
            pixel, for each element; those within `margin` outside count too.
        n_pixels
            Edge of the area.

        Returns
        -------
        phase
            In rad, shape ``(n_pixels, n_pixels)``.
        """
        margin = self.margin
        size = n_pixels + 2 * margin
        total = np.zeros((size, size // 2 + 1), dtype=complex)
        for element in sorted(atoms):
            density = spread(atoms[element] + margin, size)
            total += scipy.fft.rfft2(density) * self._kernel(element, size)
        phase = scipy.fft.irfft2(total, s=(size, size))
        return phase[margin:-margin, margin:-margin]

    def _kernel(self, element: str, size: int) -> NDArray[np.complex128]:
        return _kernel(element, size, self.pixel, self.beam_energy, self.debye_waller)


@lru_cache(maxsize=32)
def _kernel(
    element: str, size: int, pixel: float, beam_energy: float, debye_waller: float
) -> NDArray[np.complex128]:
    per_pixel = np.hypot(scipy.fft.fftfreq(size)[:, np.newaxis], scipy.fft.rfftfreq(size))
    spreading = (
        np.sinc(scipy.fft.fftfreq(size))[:, np.newaxis] * np.sinc(scipy.fft.rfftfreq(size))
    ) ** 4
    # Phases are squared in the wave: without a soft end of the band below the grid's limit,
    # the squares would be folded back into the pattern.
    band = np.clip((0.5 - per_pixel) / 0.075, 0.0, 1.0)
    band = 0.5 - 0.5 * np.cos(np.pi * band)
    factor = phase_factor(element, per_pixel / pixel, beam_energy, debye_waller)
    blurred = scipy.fft.irfft2(factor * band / spreading / pixel**2, s=(size, size))
    # A kernel of finite extent makes every block exact, whatever lies beyond its margin.
    distance = pixel * size * np.abs(scipy.fft.fftfreq(size))
    distance = np.hypot(distance[:, np.newaxis], distance)
    window = np.clip((ATOM_RADIUS - distance) / (0.3 * ATOM_RADIUS), 0.0, 1.0)
    window = 0.5 - 0.5 * np.cos(np.pi * window)
    return scipy.fft.rfft2(blurred * window)


def spread(points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Spread unit weights over a grid by cubic B-splines.

    Parameters
    ----------
    points
        ``(x, y)`` in pixels, shape ``(n, 2)``; points nearer than two pixels to the edge, or
        beyond it, are left out.
    size
        Edge of the square grid.

    Returns
    -------
    density
        Shape ``(size, size)``.
    """
    points = points[((points >= 1) & (points < size - 2)).all(axis=1)]
    base = np.floor(points).astype(np.int64)
    along_x, along_y = (_spline_weights(t) for t in (points - base).T)
    density = np.zeros(size * size)
    for row in range(4):
        start = (base[:, 1] + row - 1) * size + base[:, 0] - 1
        for column in range(4):
            weight = along_y[row] * along_x[column]
            density += np.bincount(start + column, weight, size * size)
    return density.reshape(size, size)


def _spline_weights(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return (
        np.stack(
            [
                (1 - t) ** 3,
                3 * t**3 - 6 * t**2 + 4,
                -3 * t**3 + 3 * t**2 + 3 * t + 1,
                t**3,
            ]
        )
        / 6
    )
