"""Smaller images."""

import numpy as np
from numpy.typing import NDArray


def binned(image: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Mean of blocks of pixels, those not measured left out.

    Parameters
    ----------
    image
        ``(rows, columns)``; NaN where not measured.
    step
        Pixels along a side of a block; what is left over at the end is dropped.

    Examples
    --------
    >>> binned(np.array([[1.0, 3.0], [np.nan, 2.0]]), 2).tolist()
    [[2.0]]
    """
    rows, columns = (max(n // step, 1) for n in image.shape)
    blocks = image[: rows * step, : columns * step]
    blocks = blocks.reshape(rows, len(blocks) // rows, columns, -1)
    measured = np.isfinite(blocks)
    number = measured.sum(axis=(1, 3))
    total = np.where(measured, blocks, 0.0).sum(axis=(1, 3))
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
