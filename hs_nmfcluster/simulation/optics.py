"""The probe, and the pattern that it gives on the detector."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.units import electron_wavelength

#: Full width at half maximum of a diffraction-limited probe, in units of lambda / alpha.
AIRY_WIDTH = 0.515


@dataclass(frozen=True)
class Microscope:
    """A convergent probe and a pixel detector.

    Each detector pixel gathers ``oversampling ** 2`` samples of the wave's Fourier transform,
    so that the window that the probe stands in is several probes wide; the transform covers half
    as much again as the detector.

    Attributes
    ----------
    detector_shape
        ``(n_v, n_u)``.
    center
        Direct beam ``(x, y)`` in pixels; by default the middle of the detector.
    pixel_size
        1/nm.
    beam_energy
        In kV.
    convergence_angle
        Semi-angle in mrad.
    point_spread
        Standard deviation of the detector's point spread in pixels.
    """

    detector_shape: tuple[int, int]
    center: tuple[float, float] | None
    pixel_size: float
    beam_energy: float = 300.0
    convergence_angle: float = 0.5
    point_spread: float = 0.0

    @property
    def detector(self) -> Detector:
        """Geometry of the detector."""
        center = self.center
        if center is None:
            center = ((self.detector_shape[1] - 1) / 2, (self.detector_shape[0] - 1) / 2)
        return Detector(self.detector_shape, center, (self.pixel_size, self.pixel_size), "1/nm")

    @property
    def disc_radius(self) -> float:
        """Radius of the direct beam in 1/nm."""
        return 1e-3 * self.convergence_angle / electron_wavelength(self.beam_energy)

    @property
    def probe_width(self) -> float:
        """Full width of the probe at half maximum in nm."""
        return AIRY_WIDTH / self.disc_radius

    @cached_property
    def oversampling(self) -> int:
        """Samples per detector pixel along each axis."""
        return max(2, int(np.ceil(6 * self.probe_width * self.pixel_size)))

    @cached_property
    def window(self) -> int:
        """Edge in pixels of the square that the probe stands in."""
        reach = max(
            max(c + 0.5, n - 0.5 - c)
            for c, n in zip(self.detector.center, self.detector_shape[::-1], strict=True)
        )
        samples = 3 * reach * self.oversampling
        return 2 * int(scipy.fft.next_fast_len(int(np.ceil(samples / 2)), real=False))

    @property
    def grid_pixel(self) -> float:
        """Edge in nm of a pixel of the window."""
        return self.oversampling / (self.window * self.pixel_size)

    @cached_property
    def _first_sample(self) -> NDArray[np.int64]:
        middle = (self.oversampling - 1) / 2
        return np.array(
            [round(self.window / 2 - self.oversampling * c - middle) for c in self.detector.center]
        )

    @cached_property
    def probe(self) -> NDArray[np.complex64]:
        """Wave of the probe in the middle of its window, of unit total intensity."""
        n, b = self.window, self.oversampling
        # The beam is tilted by less than a sample, to stand exactly at the centre asked for.
        beam = self._first_sample + b * np.array(self.detector.center) + (b - 1) / 2 - n / 2
        samples = n * scipy.fft.fftfreq(n)
        distance = np.hypot(samples - beam[0], (samples - beam[1])[:, np.newaxis])
        radius = self.disc_radius / self.pixel_size * b
        aperture = np.clip(radius - distance + 0.5, 0.0, 1.0)
        aperture /= np.linalg.norm(aperture)
        wave = scipy.fft.fftshift(scipy.fft.ifft2(aperture)) * n
        return wave.astype(np.complex64)

    @cached_property
    def _samples(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        n_v, n_u = self.detector_shape
        columns = self._first_sample[0] + np.arange(n_u * self.oversampling) - self.window // 2
        rows = self._first_sample[1] + np.arange(n_v * self.oversampling) - self.window // 2
        return rows % self.window, columns % self.window

    def pattern(self, transmission: NDArray[Any]) -> NDArray[np.float64]:
        """Diffraction pattern of what stands in the window.

        Parameters
        ----------
        transmission
            Transmission function, shape ``(window, window)``.

        Returns
        -------
        pattern
            Share of the incident electrons in each pixel, shape `detector_shape`.
        """
        wave = scipy.fft.fft2(self.probe * transmission)
        rows, columns = self._samples
        seen = wave[rows[:, np.newaxis], columns]
        intensity = seen.real.astype(np.float64) ** 2 + seen.imag.astype(np.float64) ** 2
        b = self.oversampling
        binned = sum(intensity[row::b, column::b] for row in range(b) for column in range(b))
        binned = np.asarray(binned) / self.window**2
        if self.point_spread > 0:
            binned = gaussian_filter(binned, self.point_spread, mode="constant")
        return binned
