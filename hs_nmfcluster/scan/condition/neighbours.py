"""What the good neighbours of each pixel say."""

import numpy as np
from numpy.typing import NDArray

_AROUND = [(v, u) for v in (-1, 0, 1) for u in (-1, 0, 1) if (v, u) != (0, 0)]
_FARTHER = [(v, u) for v in range(-2, 3) for u in range(-2, 3) if max(abs(v), abs(u)) == 2]


def around(image: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values of the eight neighbours in ascending order, ``(8, n_v, n_u)``.

    NaN, which comes last, where a neighbour is bad or off the detector.
    """
    return np.sort(_shifted(image, bad, _AROUND), axis=0)


def farther(image: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Median of the good pixels two away, ``(n_v, n_u)``; NaN where there is none."""
    return _median(np.sort(_shifted(image, bad, _FARTHER), axis=0))


def trimmed_mean(ordered: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean of ordered values without the least and the largest, and how many these are.

    Of fewer than four nothing is left out; NaN where there is none.
    """
    number = np.isfinite(ordered).sum(axis=0)
    left_out = (number >= 4).astype(int)
    rank = np.arange(len(ordered)).reshape(-1, *[1] * (ordered.ndim - 1))
    used = (rank >= left_out) & (rank < number - left_out)
    total = np.where(used, ordered, 0.0).sum(axis=0)
    count = used.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count


def _shifted(
    image: NDArray[np.float64], bad: NDArray[np.bool_], steps: list[tuple[int, int]]
) -> NDArray[np.float64]:
    n_v, n_u = image.shape
    padded = np.pad(np.where(bad, np.nan, image), 2, constant_values=np.nan)
    return np.stack([padded[2 + v : 2 + v + n_v, 2 + u : 2 + u + n_u] for v, u in steps])


def _median(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    number = np.isfinite(ordered).sum(axis=0)
    low, high = np.maximum(number - 1, 0) // 2, number // 2
    high = np.minimum(high, len(ordered) - 1)
    low_value = np.take_along_axis(ordered, low[None], axis=0)[0]
    high_value = np.take_along_axis(ordered, high[None], axis=0)[0]
    return np.where(number > 0, (low_value + high_value) / 2, np.nan)
