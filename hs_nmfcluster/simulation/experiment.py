"""How a specimen is scanned and its patterns recorded: what both simulations are told alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.signals import LazyNMFDiffraction2D, NMFDiffraction2D
from hs_nmfcluster.simulation import flaws
from hs_nmfcluster.simulation.chunks import count_dtype, data_by_position, poisson_counts
from hs_nmfcluster.simulation.exposure import Expected, Exposure
from hs_nmfcluster.simulation.instrument import Instrument
from hs_nmfcluster.simulation.optics import Microscope
from hs_nmfcluster.simulation.truth import Truth


@dataclass(frozen=True)
class Experiment:
    """A scan with a microscope.

    Attributes
    ----------
    microscope
        Beam and detector.
    scan_shape
        Shape of the scan in array order, one to three axes.
    scan_step
        Distance of the positions in nm.
    dose
        Electrons per pattern.
    noise
        Whether counts are drawn.
    seed
        Of the specimen and of the noise.
    instrument
        What the real microscope and camera do to the patterns; None is a perfect one.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """

    microscope: Microscope
    scan_shape: tuple[int, ...]
    scan_step: float
    dose: float
    noise: bool
    seed: int
    instrument: Instrument | None = None

    def __post_init__(self) -> None:
        scan, detector = self.scan_shape, self.microscope.detector_shape
        if not 1 <= len(scan) <= 3 or min(scan) < 1:
            raise ValueError(f"scan_shape must be one to three positive integers, got {scan}")
        if len(detector) != 2 or min(detector) < 2:
            raise ValueError(f"detector_shape must be two integers above 1, got {detector}")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must be 0 or larger and fit into 64 bits, got {self.seed}")
        require_positive(
            dose=self.dose, scan_step=self.scan_step, pixel_size=self.microscope.pixel_size
        )

    def record(
        self,
        expected: Expected,
        highest: float,
        *,
        lazy: bool,
        chunks: Sequence[int] | int | None,
    ) -> Any:
        """Draw the counts, or give the expectation where there is no noise.

        Parameters
        ----------
        expected
            What the specimen lets expect.
        highest
            Largest number of electrons that is expected in a pixel.
        lazy, chunks
            As of `data_by_position`.

        Returns
        -------
        data
            NumPy or dask array, shape ``(*scan_shape, *detector_shape)``.
        """
        make: Any = partial(_drawn, expected, self.seed) if self.noise else expected
        dtype = count_dtype(highest) if self.noise else np.dtype(np.float32)
        if self.instrument is not None:
            make = self._exposure(expected, self.instrument)
            dtype = count_dtype(make.highest(highest)) if self.noise else dtype
            dtype = np.dtype(np.int32) if self.instrument.readout_noise else dtype
        shape = self.microscope.detector_shape
        return data_by_position(make, self.scan_shape, shape, dtype, lazy=lazy, chunks=chunks)

    def _exposure(self, expected: Expected, instrument: Instrument) -> Exposure:
        detector = self.microscope.detector
        level = self.dose / (detector.shape[0] * detector.shape[1])
        # Too many bad pixels are refused before any long work.
        flaws.single_pixels(instrument, detector.shape)
        return Exposure(
            expected, instrument, detector, self.scan_shape, level, self.noise, self.seed
        )

    def signal(self, data: Any, truth: Truth, title: str, *, model: str, **settings: Any) -> Any:
        """Wrap data as the signal that a reader would give.

        Parameters
        ----------
        data
            What `record` gave.
        truth
            Truth of the specimen; it goes into the metadata.
        title
            Title of the signal.
        model, **settings
            What goes under ``Simulation`` in the metadata, beside this experiment.

        Returns
        -------
        signal
            `NMFDiffraction2D`, or its lazy twin for a dask array.
        """
        microscope = self.microscope
        signal_class = NMFDiffraction2D if isinstance(data, np.ndarray) else LazyNMFDiffraction2D
        signal = signal_class(data)
        for axis, name in zip(signal.axes_manager.navigation_axes, "xyz", strict=False):
            axis.name, axis.scale, axis.units = name, self.scan_step, "nm"
        for axis, name, zero in zip(
            signal.axes_manager.signal_axes, ("kx", "ky"), truth.center, strict=True
        ):
            axis.name, axis.scale, axis.units = name, microscope.pixel_size, "1/nm"
            axis.offset = -zero * microscope.pixel_size
        signal.metadata.General.title = title
        for name in ("beam_energy", "convergence_angle"):
            value = getattr(microscope, name)
            signal.metadata.set_item(f"Acquisition_instrument.TEM.{name}", value)
        known = {"model": model, "seed": self.seed, "dose": self.dose, "noise": self.noise}
        known["point_spread"] = microscope.point_spread
        signal.metadata.set_item("Simulation", known | settings)
        truth.attach(signal)
        return signal


def require_positive(**numbers: float) -> None:
    """Refuse numbers that are not positive.

    Raises
    ------
    ValueError
        Naming the first of them.

    Examples
    --------
    >>> require_positive(diameter=7.0, dose=-1.0)
    Traceback (most recent call last):
    ValueError: dose must be positive, got -1.0
    """
    for name, value in numbers.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


def _drawn(expected: Expected, seed: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    return poisson_counts(expected(positions), positions, seed)
