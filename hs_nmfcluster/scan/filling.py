"""Pixels that are not known, from those around them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def filled(image: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Image whose bad pixels are means of the good ones nearby, weighted by nearness.

    Examples
    --------
    >>> image, bad = np.arange(12.0).reshape(3, 4), np.zeros((3, 4), bool)
    >>> bad[1, 1] = True
    >>> round(float(filled(image, bad)[1, 1]), 1)
    5.1
    """
    if not bad.any() or bad.all():
        return image
    good = np.where(bad, 0.0, 1.0)
    known = np.where(bad, 0.0, image)
    result, missing = known.copy(), bad.copy()
    sigma = 1.0
    # Where good pixels are so rare that none of them count as nearby, it is the mean of all.
    while missing.any() and sigma < max(image.shape):
        weight = ndimage.gaussian_filter(good, sigma, mode="nearest")
        value = ndimage.gaussian_filter(known, sigma, mode="nearest")
        now = missing & (weight > 0.02)
        result[now] = value[now] / weight[now]
        missing &= ~now
        sigma *= 2
    result[missing] = image[~bad].mean()
    return result
