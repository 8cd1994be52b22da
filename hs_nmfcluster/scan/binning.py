"""Smaller images, and bins of histograms."""

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
    # One axis after the other is several times faster than both at once.
    if measured.all():
        means: NDArray[np.float64] = blocks.mean(axis=1).mean(axis=2)
        return means
    number = measured.sum(axis=1).sum(axis=2)
    total = np.where(measured, blocks, 0.0).sum(axis=1).sum(axis=2)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def round_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins of a round width around some positive values, some eight of them.

    Where all values are alike, bins are no finer than a sixtieth of the largest: an axis that
    shows nothing but differences that do not matter says too much.

    Parameters
    ----------
    values
        ``(n,)``, at least one.

    Examples
    --------
    >>> round_edges(np.array([1.2, 8.9])).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    """
    step = _rounded_up(max(float(np.ptp(values)) / 8, float(values.max()) / 60, 1e-9))
    first, last = np.floor(values.min() / step) - 1, np.ceil(values.max() / step) + 1
    edges: NDArray[np.float64] = step * np.arange(max(first, 0.0), last + 1)
    return edges


def _rounded_up(value: float) -> float:
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * min(step for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)))
