"""Pixels that are not known, from those around them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def filled(image: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Image whose bad pixels are means of the good ones nearby, weighted by nearness."""
    if not bad.any() or bad.all():
        return image
    good = np.where(bad, 0.0, 1.0)
    known = np.where(bad, 0.0, image)
    result, missing = known.copy(), bad.copy()
    sigma = 1.0
    while missing.any():
        weight = ndimage.gaussian_filter(good, sigma, mode="nearest")
        value = ndimage.gaussian_filter(known, sigma, mode="nearest")
        now = missing & (weight > 0.02)
        result[now] = value[now] / weight[now]
        missing &= ~now
        sigma *= 2
    return result
