"""Products of a few rows of the scan with a few vectors, as fast as wide ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# BLAS copies both factors of a product before it multiplies, which for a few vectors takes longer
# than the multiplication. OpenBLAS does without in products of at most so many multiplications;
# elsewhere parts of this size cost nothing.
_SMALL = 10**6
# With more vectors than these the copies no longer matter.
_FEW = 64


def times(x: NDArray[np.float64], vectors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Multiply rows by vectors, in parts of the pixels where there are only a few vectors.

    Parameters
    ----------
    x
        ``(n, n_pixels)``.
    vectors
        One a column, ``(n_pixels, width)``; rows contiguous, for speed.

    Returns
    -------
    numpy.ndarray
        ``(n, width)``.

    Examples
    --------
    >>> import numpy as np
    >>> times(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    n, n_pixels = x.shape
    width = vectors.shape[1]
    parts = min(-(-n * n_pixels * width // _SMALL), n_pixels)
    if parts < 2 or width > _FEW:
        return x @ vectors
    step = n_pixels // parts
    end = parts * step
    stacked = x[:, :end].reshape(n, parts, step).swapaxes(0, 1)
    result: NDArray[np.float64] = (stacked @ vectors[:end].reshape(parts, step, width)).sum(axis=0)
    if end < n_pixels:
        result += x[:, end:] @ vectors[end:]
    return result
