"""What arguments must be before any long work starts."""

import operator
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
# In kV, of the strongest electron microscopes that were built.
_HIGHEST_ENERGY = 3000


def called_otherwise(
    **names: str,
) -> Callable[[Callable[Given, Returned]], Callable[Given, Returned]]:
    """Decorate a method, so that names of arguments of other programs get a hint.

    Parameters
    ----------
    **names
        What is called so elsewhere, and how here.
    """

    def decorate(method: Callable[Given, Returned]) -> Callable[Given, Returned]:
        @wraps(method)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
            for name in kwargs:
                if name in names:
                    raise TypeError(f"`{name}` is called `{names[name]}` here.")
            return method(*args, **kwargs)

        return call

    return decorate


def check_whole_number(name: str, value: object, minimum: int = 1) -> int:
    """Return an argument that must be a whole number of at least `minimum`.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"`{name}` must be a whole number ≥ {minimum}, got {value!r}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be ≥ {minimum}, got {value}.")
    return int(value)


def check_choice(name: str, value: object, allowed: Sequence[object]) -> None:
    """Refuse an argument that is not one of those allowed.

    Raises
    ------
    ValueError
        Naming the argument, what was given and what is allowed.
    """
    if not any(value is choice or value == choice for choice in allowed):
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, allowed))}, got {value!r}.")


def check_not_negative(name: str, value: object) -> float:
    """Return an argument that must be a finite number, zero or above.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    return _finite_number(name, value, "≥ 0", operator.ge)


def check_positive(name: str, value: object) -> float:
    """Return an argument that must be a finite number above zero.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    return _finite_number(name, value, "> 0", operator.gt)


def _finite_number(
    name: str, value: object, allowed: str, compare: Callable[[Any, Any], Any]
) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"`{name}` must be a number {allowed}, got {value!r}.")
    if not (np.isfinite(value) and compare(value, 0)):
        raise ValueError(f"`{name}` must be finite and {allowed}, got {value}.")
    return float(value)


def check_beam_energy(value: object) -> float:
    """Return the energy of a beam in kV. Some thousand would be volts, which no microscope has.

    Raises
    ------
    TypeError, ValueError
        Naming what was given and what is allowed.
    """
    energy = check_positive("beam_energy", value)
    if energy > _HIGHEST_ENERGY:
        raise ValueError(
            f"`beam_energy` is in kV and must be at most {_HIGHEST_ENERGY}, got {energy:g}: "
            f"{energy:g} V are {energy / 1000:g} kV."
        )
    return energy


def known_beam_energy(value: object) -> float | None:
    """Return the energy of a beam in kV as a file gives it, None where it can be none.

    Examples
    --------
    >>> known_beam_energy(200), known_beam_energy(0), known_beam_energy("?")
    (200.0, None, None)
    """
    try:
        return check_beam_energy(value)
    except (TypeError, ValueError):
        return None


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


def check_ring(inner: object, outer: object) -> None:
    """Refuse radii that are not numbers with 0 ≤ inner < outer.

    Raises
    ------
    TypeError, ValueError
        Naming what was given and what is allowed.
    """
    for name, value in (("inner", inner), ("outer", outer)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise TypeError(f"`{name}` must be a number, in the signal's unit, got {value!r}.")
    if not (0 <= inner < outer):  # type: ignore[operator]
        raise ValueError(f"The radii must be 0 ≤ inner < outer, got {inner} and {outer}.")


class TooManyComponentsError(ValueError):
    """More components asked for than the data allow, which is `allowed`."""

    def __init__(self, message: str, allowed: int) -> None:
        super().__init__(message)
        self.allowed = allowed


def check_rank(name: str, n_components: int, n_positions: int, n_pixels: int) -> None:
    """Refuse more components than the scan has positions or pixels.

    Raises
    ------
    TooManyComponentsError
        Naming the argument and what the data allow.
    """
    allowed = min(n_positions, n_pixels)
    if n_components > allowed:
        raise TooManyComponentsError(
            f"`{name}` = {n_components} is more than the data allow: at most {allowed} "
            f"({n_positions} positions × {n_pixels} pixels are left by the masks).",
            allowed,
        )
