"""The patterns that a specimen gives, position by position."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.simulation.experiment import Experiment
from hs_nmfcluster.simulation.specimen import Specimen


@dataclass(frozen=True)
class Camera:
    """What is expected at any positions of the scan.

    Attributes
    ----------
    specimen, experiment
        What is seen, and how.
    """

    specimen: Specimen
    experiment: Experiment

    def expected(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the expected electrons at flat scan indices ``(n,)``, shape ``(n, n_v, n_u)``."""
        experiment, microscope = self.experiment, self.experiment.microscope
        patterns = np.empty((len(positions), *microscope.detector_shape))
        for pattern, position in zip(patterns, positions, strict=True):
            index = np.unravel_index(int(position), experiment.scan_shape)
            y = index[-2] if len(index) > 1 else 0
            # The probe is put on the nearest pixel of the grid, a hundredth of its width away.
            x, y = (round(n * experiment.scan_step / microscope.grid_pixel) for n in (index[-1], y))
            half = microscope.window // 2
            area = self.specimen.transmission(x - half, y - half, microscope.window)
            pattern[:] = microscope.pattern(area)
        return experiment.dose * patterns
