"""Progress as HyperSpy shows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hyperspy.defaults_parser import preferences
from hyperspy.external.progressbar import progressbar

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


class PassBar:
    """One bar for a whole job, over passes and the chunks within them.

    Parameters
    ----------
    bar
        A tqdm bar.
    """

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._bytes, self._seconds = 0, 0.0
        self._message = ""
        self._bar.total = 1.0

    def expect(self, passes: int) -> None:
        """Set the end of the bar so many passes ahead."""
        self._bar.total = self._bar.n + passes

    def advance(self, share: float, n_bytes: int, seconds: float) -> None:
        """Move on by a share of a pass."""
        self._bytes, self._seconds = self._bytes + n_bytes, self._seconds + seconds
        self._bar.total = max(self._bar.total, self._bar.n + share)
        self._describe(self._bar.n + share)
        self._bar.update(share)

    def say(self, message: str) -> None:
        """Show a message beside the bar."""
        self._message = message
        self._describe(self._bar.n)

    def write(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.write(line)

    def finish(self) -> None:
        """Fill the bar: fewer passes may have been needed than expected."""
        self._bar.total = self._bar.n
        self._describe(self._bar.n)
        self._bar.refresh()

    def _describe(self, n: float) -> None:
        passes = f"pass {n:.1f} of about {self._bar.total:.0f}"
        rate = f"{self._bytes / self._seconds / 1e9:.2f} GB/s" if self._seconds else ""
        parts = [part for part in (passes, rate, self._message) if part]
        # Shown at the next update: how often that is, tqdm decides.
        self._bar.set_postfix_str(", ".join(parts), refresh=False)


@contextmanager
def pass_progress(show: bool | None, description: str) -> Iterator[PassBar | None]:
    """Show how far a job is: passes, throughput, the time left if it takes all it may.

    A bar over parts of passes works under every scheduler.

    Parameters
    ----------
    show
        HyperSpy's ``show_progressbar``: None takes its preference.
    description
        Stands before the bar.

    Yields
    ------
    PassBar or None
        To be told of what is done.
    """
    if not (preferences.General.show_progressbar if show is None else show):
        yield None
        return
    with progressbar(desc=description, total=1.0, bar_format=_FORMAT) as bar:
        watched = PassBar(bar)
        yield watched
        watched.finish()
