"""How the direct beam moved while the scan was taken."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BeamCourse:
    """Where the direct beam was, relative to where it was on average.

    Parameters
    ----------
    columns, lines
        Places of the scan, ``(n_lines, n_columns)`` on a scan whose leading axes are flattened.
    """

    kind: str
    largest: float
    error: float
    significance: float
    _shifts: NDArray[np.float64] | None = None

    @property
    def moved(self) -> bool:
        """Whether it moved, beyond doubt."""
        return self._shifts is not None

    def shifts(self, scan_shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Offsets ``(x, y)`` in pixels, ``(*scan_shape, 2)``."""
        if self._shifts is None:
            return np.zeros((*scan_shape, 2))
        return self._shifts.reshape(*scan_shape, 2)
