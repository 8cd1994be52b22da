"""Results of blocks, put together: sums are added, rows are laid side by side."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


@dataclass(frozen=True)
class Gathered:
    """Rows of results, with the positions that they belong to.

    Parameters
    ----------
    parts
        Positions ``(n,)`` and results ``(n, …)`` of some blocks.

    Examples
    --------
    >>> one = Gathered([(np.array([2, 3]), np.array([20, 30]))])
    >>> other = Gathered([(np.array([0]), np.array([0]))])
    >>> merge(one, other).ordered(np.array([0, 2, 3])).tolist()
    [0, 20, 30]
    """

    parts: list[tuple[NDArray[np.int64], NDArray]]

    def __add__(self, other: "Gathered") -> "Gathered":
        return Gathered(self.parts + other.parts)

    def ordered(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        """Results in the order of all positions, which are ascending; the parts are used up.

        Parameters
        ----------
        positions
            ``(n_positions,)``, each of which has one row.
        """
        first = self.parts[0][1]
        rows = np.empty((len(positions), *first.shape[1:]), first.dtype)
        while self.parts:
            where, values = self.parts.pop()
            rows[np.searchsorted(positions, where)] = values
        return rows


def merge(a: Any, b: Any, *, in_place: bool = False) -> Any:
    """Put two results of a pass together.

    Numbers and arrays are added; tuples, lists and dataclasses item by item; a class that says
    itself how it is added is taken at its word.

    Parameters
    ----------
    a, b
        Of the same structure.
    in_place
        Whether arrays of `a` may be overwritten, which saves a third of the memory.

    Examples
    --------
    >>> merge((1.0, [np.ones(2)]), (2.0, [np.ones(2)]))
    (3.0, [array([2., 2.])])
    """
    if isinstance(a, np.ndarray):
        return np.add(a, b, out=a if in_place else None)
    if isinstance(a, tuple | list):
        return type(a)(merge(x, y, in_place=in_place) for x, y in zip(a, b, strict=True))
    if is_dataclass(a) and not isinstance(a, type) and not hasattr(a, "__add__"):
        names = [field.name for field in fields(a)]
        parts = (merge(getattr(a, n), getattr(b, n), in_place=in_place) for n in names)
        return type(a)(**dict(zip(names, parts, strict=True)))
    return a + b


def fold(results: Iterable[T]) -> T:
    """Put the results of a task's pieces together, in the memory of the first."""
    return reduce(partial(merge, in_place=True), results)
