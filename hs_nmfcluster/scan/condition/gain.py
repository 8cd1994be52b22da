"""The response of the pixels, as far as counting statistics let it be seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class GainPattern:
    """Response of each pixel relative to its neighbours'.

    Parameters
    ----------
    response
        ``(n_v, n_u)``, mean 1.
    spread
        Standard deviation of the responses, without the noise of counting.
    error
        Standard uncertainty of the response of a typical pixel.
    significance
        How sure it is that responses differ at all, in standard deviations.
    """

    response: NDArray[np.float64]
    spread: float
    error: float
    significance: float

    @property
    def certain(self) -> bool:
        """Whether dividing by it does more good than harm."""
        return self.significance > 6.0 and self.error < self.spread
