"""Words for numbers, groups and metrics, and how they are said."""

import re
import sys
from collections.abc import Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

_DISTANCES = {
    "cross_correlation": "Pseudo-distance (1 − cross-correlation)",
    "correlation": "Pseudo-distance (1 − correlation coefficient)",
    "cosine": "Pseudo-distance (1 − cosine similarity)",
    "euclidean": "Euclidean distance",
}
_NUMERALS = {100: "c", 90: "xc", 50: "l", 40: "xl", 10: "x", 9: "ix", 5: "v", 4: "iv", 1: "i"}
_PLAIN, _SUPERSCRIPTS = "-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_RAISED, _LOWERED = str.maketrans(_PLAIN, _SUPERSCRIPTS), str.maketrans(_SUPERSCRIPTS, _PLAIN)

# Signs that a code page may lack, and how a typewriter has them.
_TYPEWRITTEN = str.maketrans(
    {
        "×": "x",
        "−": "-",
        "–": "-",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "±": "+-",
        "√": "sqrt",
        "Å": "A",
        "µ": "u",
        "°": " deg",
        "′": "'",
    }
)


def say(line: str, stream: TextIO | None = None) -> None:
    r"""Print a line, in such signs as the stream has.

    Where output is redirected, Windows encodes it by the code page of the country, which may lack
    signs that stand here.

    Parameters
    ----------
    line
        What to print.
    stream
        By default ``sys.stdout``.

    Examples
    --------
    >>> import io
    >>> stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    >>> say("r ≤ 3 × 10⁴ Å⁻¹", stream)
    >>> _ = stream.seek(0)
    >>> stream.read()
    'r <= 3 x 10^4 A^-1\n'
    """
    stream = stream or sys.stdout
    try:
        print(line, file=stream, flush=True)
    except UnicodeEncodeError as error:
        line = re.sub(f"[{_SUPERSCRIPTS}]+", lambda run: f"^{run[0].translate(_LOWERED)}", line)
        plain = line.translate(_TYPEWRITTEN).encode(error.encoding, "replace")
        print(plain.decode(error.encoding), file=stream, flush=True)


def counted(number: int, noun: str) -> str:
    """Write a number and its noun, which gets an s unless there is one.

    Examples
    --------
    >>> counted(1, "group"), counted(3, "group")
    ('1 group', '3 groups')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def plurals(names: str) -> str:
    """Write the plural of each of some nouns.

    Examples
    --------
    >>> plurals("sphere"), plurals("disc or sphere")
    ('spheres', 'discs or spheres')
    """
    return " or ".join(f"{name}s" for name in names.split(" or "))


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


def rounded(value: float, digits: int = 3) -> str:
    """Write a number with so many digits, very large and very small ones with a power of ten.

    Examples
    --------
    >>> rounded(1.0324e6), rounded(97.93), rounded(1234.5, 4), rounded(2e-5)
    ('1.03 × 10⁶', '97.9', '1234', '2 × 10⁻⁵')
    """
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text
    if abs(value) < 1e5 and abs(value) >= 1:
        return f"{float(text):.0f}"
    number, exponent = text.split("e")
    return f"{number} × {ten_to_the(int(exponent))}"


def ten_to_the(exponent: int) -> str:
    """Write a power of ten.

    Examples
    --------
    >>> ten_to_the(-5)
    '10⁻⁵'
    """
    return f"10{str(exponent).translate(_RAISED)}"


def percent(share: float, digits: int = 3) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> percent(0.979341), percent(0.0068, 1), percent(0.011)
    ('97.9 %', '0.7 %', '1.10 %')
    """
    text = f"{100 * share:#.{digits}g}".removesuffix(".")
    return f"{text if share and 'e' not in text else rounded(100 * share, digits)} %"


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


def group_number(group: int | str, number: int) -> int:
    """Give the number of a group, of which the number or the name in figures is known.

    Parameters
    ----------
    group
        Number or name.
    number
        How many groups there are.

    Raises
    ------
    KeyError
        If there is no group of this name.
    IndexError
        If there is none of this number.

    Examples
    --------
    >>> group_number("ii", 4), group_number(3, 4)
    (1, 3)
    """
    if not isinstance(group, str):
        if not -number <= group < number:
            raise IndexError(f"There is no group {group}, only 0 to {number - 1}.")
        return group
    names = [group_name(one) for one in range(number)]
    if group not in names:
        raise KeyError(f"There is no group {group!r}, only {joined(names)}.")
    return names.index(group)


def joined(names: Sequence[str], most: int = 12) -> str:
    """Write some names with commas, the first ones of many.

    Examples
    --------
    >>> joined(["3", "7"]), joined(["3", "7", "8"], most=2)
    ('3, 7', '3, 7, …')
    """
    return ", ".join([*names[:most], *["…"] * (len(names) > most)])


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
