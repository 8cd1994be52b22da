"""What arguments of several answers must be."""

import numpy as np


def check_relative_error(name: str, value: object) -> float:
    """Return an argument that must be a number from 0 to below 1.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"`{name}` must be a number ≥ 0 and < 1, got {value!r}.")
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be ≥ 0 and < 1, a relative error, got {value}.")
    return float(value)
