"""Words for numbers, groups and metrics."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_DISTANCES = {
    "cross_correlation": "Pseudo-distance (1 − cross-correlation)",
    "correlation": "Pseudo-distance (1 − correlation coefficient)",
    "cosine": "Pseudo-distance (1 − cosine similarity)",
    "euclidean": "Euclidean distance",
}
_NUMERALS = {100: "c", 90: "xc", 50: "l", 40: "xl", 10: "x", 9: "ix", 5: "v", 4: "iv", 1: "i"}


def counted(number: int, noun: str) -> str:
    """Write a number and its noun, which gets an s unless there is one.

    Examples
    --------
    >>> counted(1, "group"), counted(3, "group")
    ('1 group', '3 groups')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_error(value: float, error: float) -> str:
    """Write a value and its uncertainty, to the first digit of the latter, the second after a 1.

    Examples
    --------
    >>> with_error(7.0213, 0.0612), with_error(7.0213, 0.0132), with_error(123.4, 25.0)
    ('7.02 ± 0.06', '7.021 ± 0.013', '123 ± 25')
    """
    if not (np.isfinite(error) and error > 0):
        return f"{value:.3g}"
    first = int(np.floor(np.log10(error)))
    digits = max(0, -first + int(error < 2 * 10.0**first))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def times(shape: Sequence[int]) -> str:
    """Write a shape with multiplication signs.

    Examples
    --------
    >>> times((3, 4))
    '3 × 4'
    """
    return " × ".join(str(n) for n in shape)


def group_name(group: int) -> str:
    """Name of a group as in the paper's Fig. 7b.

    Parameters
    ----------
    group
        Number of the group, 0, 1, ...; -1 means no group.

    Returns
    -------
    str
        Lower-case Roman numeral, i for group 0; an en dash for -1.

    Examples
    --------
    >>> from hs_nmfcluster.words import group_name
    >>> [group_name(group) for group in (0, 3, 8)]
    ['i', 'iv', 'ix']
    """
    if group < 0:
        return "–"
    name, rest = "", group + 1
    for value, numeral in _NUMERALS.items():
        name += numeral * (rest // value)
        rest %= value
    return name


def named_components(components: Sequence[int] | NDArray[np.integer]) -> str:
    """Name some components at the beginning of a sentence.

    Examples
    --------
    >>> named_components([3]), named_components([0, 2])
    ('Component 3', 'Components 0, 2')
    """
    return _named("Component", [str(int(component)) for component in components])


def named_groups(groups: Sequence[int]) -> str:
    """Name some groups at the beginning of a sentence.

    Examples
    --------
    >>> named_groups([0, 3])
    'Groups i, iv'
    """
    return _named("Group", [group_name(group) for group in groups])


def _named(noun: str, names: Sequence[str]) -> str:
    return f"{noun}{'' if len(names) == 1 else 's'} {', '.join(names)}"


def distance_label(metric: str) -> str:
    """Label of the axis of a tree's distances."""
    return _DISTANCES[metric]
