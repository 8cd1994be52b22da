"""What a click in a map asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import NDArray


@dataclass(frozen=True)
class Place:
    """What is at a position of the scan.

    Parameters
    ----------
    text
        In words.
    patterns
        By their titles, in the order in which they are shown; four at most.

    Examples
    --------
    >>> Place("glass", {}).text
    'glass'
    """

    text: str
    patterns: Mapping[str, NDArray]
