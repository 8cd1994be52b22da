"""From an array of counts to a calibrated signal."""

from typing import Any

import numpy as np

from hs_nmfcluster.signals import LazyNMFDiffraction2D, NMFDiffraction2D
from hs_nmfcluster.simulation.truth import Truth


def calibrated_signal(
    data: Any,
    truth: Truth,
    *,
    scan_step: float,
    pixel_size: float,
    metadata: dict[str, Any],
) -> Any:
    """Wrap simulated counts as the signal a reader would give.

    Parameters
    ----------
    data
        NumPy or dask array, shape ``(*scan_shape, n_v, n_u)``.
    truth
        Truth of the specimen; it goes into the metadata.
    scan_step
        Distance of the probe positions in nm.
    pixel_size
        Detector pixel in 1/nm; the axes are zero at the truth's centre.
    metadata
        ``title``, ``beam_energy`` (kV), ``convergence_angle`` (mrad) and everything that goes
        under ``Simulation`` (seed, dose, ...).

    Returns
    -------
    signal
        `NMFDiffraction2D`, or its lazy twin for a dask array.
    """
    signal = NMFDiffraction2D(data) if isinstance(data, np.ndarray) else LazyNMFDiffraction2D(data)
    for axis, name in zip(signal.axes_manager.navigation_axes, "xyz", strict=False):
        axis.name, axis.scale, axis.units = name, scan_step, "nm"
    for axis, name, zero in zip(
        signal.axes_manager.signal_axes, ("kx", "ky"), truth.center, strict=True
    ):
        axis.name, axis.scale, axis.units = name, pixel_size, "1/nm"
        axis.offset = -zero * pixel_size
    settings = dict(metadata)
    signal.metadata.General.title = settings.pop("title")
    microscope = "Acquisition_instrument.TEM."
    for key in ("beam_energy", "convergence_angle"):
        signal.metadata.set_item(microscope + key, settings.pop(key))
    signal.metadata.set_item("Simulation", settings)
    truth.attach(signal)
    return signal
