"""What is rounding in a factorization: below it nothing decides, whatever the chunks made of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Share of ‖X‖² below which squares are rounding. Sums over chunks round to some 1e-15 of it; what
# is left after a PCA, and data in single precision, are exact to no more than this.
_SHARE = 1e-11
# Share of ‖X‖² below which a change is that of the sums alone.
SUMS = 1e-14


def rounding_of(square: float) -> float:
    """Square that is rounding beside a scan's ‖X‖², or MSE beside its mean square.

    Examples
    --------
    >>> rounding_of(4.0)
    4e-11
    """
    return _SHARE * square


def best_first(errors: Sequence[float] | NDArray[np.float64], rounding: float) -> NDArray[np.intp]:
    """Order errors, the smallest first; those that are rounding alone stay as they are.

    Parameters
    ----------
    errors
        Squares or MSE, ``(n,)``.
    rounding
        See :func:`rounding_of`.

    Returns
    -------
    numpy.ndarray
        Indices ``(n,)``.

    Examples
    --------
    >>> best_first([2.0, 1e-9, 1e-12], rounding=1e-8).tolist()
    [1, 2, 0]
    """
    return np.argsort(np.maximum(errors, rounding), kind="stable")
