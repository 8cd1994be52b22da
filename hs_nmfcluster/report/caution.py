"""One thing to distrust, and words for it."""

from dataclasses import dataclass


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
