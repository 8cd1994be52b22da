"""What a camera counts at any positions of a scan over a specimen of atoms."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.simulation.chunks import poisson_counts
from hs_nmfcluster.simulation.optics import Microscope
from hs_nmfcluster.simulation.specimen import Specimen


@dataclass(frozen=True)
class Camera:
    """Counts at any positions of the scan.

    Attributes
    ----------
    specimen, microscope
        What is seen, and with what.
    scan_shape
        Shape of the scan.
    scan_step
        In nm.
    dose
        Electrons per pattern.
    seed
        Of the noise.
    noise
        Whether counts are drawn.
    """

    specimen: Specimen
    microscope: Microscope
    scan_shape: tuple[int, ...]
    scan_step: float
    dose: float
    seed: int
    noise: bool

    def expected(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the expected electrons at flat scan indices ``(n,)``, shape ``(n, n_v, n_u)``."""
        microscope = self.microscope
        patterns = np.empty((len(positions), *microscope.detector_shape))
        for pattern, position in zip(patterns, positions, strict=True):
            index = np.unravel_index(int(position), self.scan_shape)
            y = index[-2] if len(index) > 1 else 0
            # The probe is put on the nearest pixel of the grid, a hundredth of its width away.
            x, y = (round(n * self.scan_step / microscope.grid_pixel) for n in (index[-1], y))
            half = microscope.window // 2
            area = self.specimen.transmission(x - half, y - half, microscope.window)
            pattern[:] = microscope.pattern(area)
        return self.dose * patterns

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        """Draw the counts, or give the expectation where there is no noise."""
        expected = self.expected(positions)
        return poisson_counts(expected, positions, self.seed) if self.noise else expected
