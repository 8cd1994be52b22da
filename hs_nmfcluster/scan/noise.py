"""The noise of measured values, from what few of them cannot change."""

import numpy as np
from numpy.typing import NDArray

#: Standard deviation of the normal distribution over its median absolute deviation.
MAD_TO_SIGMA = 1.4826


def robust_sigma(values: NDArray[np.floating], level: float) -> float:
    """Find the standard deviation around a level by median deviation; NaN does not count.

    Examples
    --------
    >>> round(robust_sigma(np.array([-1.0, 1.0, -1.0, 1.0, 99.0, np.nan]), 0.0), 4)
    1.4826
    """
    return MAD_TO_SIGMA * float(np.nanmedian(np.abs(values - level)))
