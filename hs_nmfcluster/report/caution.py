"""One thing to distrust, and words for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.plotting import group_name


@dataclass(frozen=True)
class Caution:
    """Something to distrust.

    Parameters
    ----------
    title
        In a few words.
    text
        What was seen, what it means, what to do.
    serious
        Whether results are likely to change, not only to be less certain.
    """

    title: str
    text: str
    serious: bool = False


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
