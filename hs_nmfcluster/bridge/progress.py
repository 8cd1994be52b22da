"""Progress as HyperSpy shows it: a bar in a terminal or notebook, some lines in a log."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hyperspy.defaults_parser import preferences
from hyperspy.external.progressbar import progressbar

from hs_nmfcluster.words import say

Item = TypeVar("Item")

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
# How far a bar may come before the job has ended: more passes may be needed than expected.
_NEARLY = 0.99
# Seconds between two lines of a log, and before the first one: what is refused is refused sooner.
_LOG_INTERVAL, _LOG_DELAY = 30, 2


class PassBar:
    """One bar for a whole job, over passes and the chunks within them.

    What is left of the bar is what is left of the passes, so that it goes on more slowly where
    there are more of them than expected, and never back.

    Parameters
    ----------
    bar
        A tqdm bar with a total of 1.
    usual
        Passes that such a job usually takes. What it expects is known for its next step only.
    """

    def __init__(self, bar: Any, usual: int = 1) -> None:
        self._bar = bar
        self._usual = usual
        self._done, self._expected = 0.0, float(usual)
        self._bytes, self._seconds = 0, 0.0
        self._message = ""

    def expect(self, passes: int) -> None:
        """Set the end of the bar so many passes ahead, or further if that is usual."""
        self._expected = max(self._done + passes, self._usual)

    def advance(self, share: float, n_bytes: int, seconds: float) -> None:
        """Move on by a share of a pass."""
        self._bytes, self._seconds = self._bytes + n_bytes, self._seconds + seconds
        part = min(share / max(self._expected - self._done, share), 1.0)
        self._done += share
        self._expected = max(self._expected, self._done)
        self._describe()
        self._bar.update(max(_NEARLY - self._bar.n, 0.0) * part)

    def say(self, message: str) -> None:
        """Show a message beside the bar."""
        self._message = message
        self._describe()

    def say_apart(self, line: str) -> None:
        """Print a line above the bar."""
        with self._bar.external_write_mode():
            say(line)

    def finish(self) -> None:
        """Fill the bar: fewer passes may have been needed than expected."""
        self._expected = self._done
        self._describe()
        self._bar.update(1.0 - self._bar.n)
        self._bar.refresh()

    def _describe(self) -> None:
        passes = f"pass {self._done:.1f} of about {self._expected:.0f}"
        rate = f"{self._bytes / self._seconds / 1e9:.2f} GB/s" if self._seconds else ""
        parts = [part for part in (passes, rate, self._message) if part]
        # Shown at the next update: how often that is, tqdm decides.
        self._bar.set_postfix_str(", ".join(parts), refresh=False)


@contextmanager
def pass_progress(show: bool | None, description: str, usual: int = 1) -> Iterator[PassBar | None]:
    """Show how far a job is: passes, throughput, the time left if it takes all it may.

    A bar over parts of passes works under every scheduler.

    Parameters
    ----------
    show
        HyperSpy's ``show_progressbar``: None takes its preference.
    description
        Stands before the bar.
    usual
        Passes that such a job usually takes.

    Yields
    ------
    PassBar or None
        To be told of what is done.
    """
    if not is_shown(show):
        yield None
        return
    with progressbar(desc=description, total=1.0, bar_format=_FORMAT, **_in_lines()) as bar:
        watched = PassBar(bar, usual)
        try:
            yield watched
        except Exception:
            # What went wrong is said without half a bar above it.
            bar.leave = False
            raise
        watched.finish()


def step_progress(
    items: Iterable[Item], show: bool | None, description: str, unit: str
) -> Iterable[Item]:
    """Show how far a loop is.

    Parameters
    ----------
    items
        To go through.
    show
        HyperSpy's ``show_progressbar``: None takes its preference.
    description, unit
        Of the bar.
    """
    if not is_shown(show):
        return items
    shown: Iterable[Item] = progressbar(items, desc=description, unit=unit, **_in_lines())
    return shown


def is_shown(show: bool | None) -> bool:
    """Whether to show progress; None takes HyperSpy's preference."""
    return bool(preferences.General.show_progressbar if show is None else show)


def _in_lines() -> dict[str, Any]:
    """Arguments by which a bar is a line now and then, unless a terminal or notebook shows it."""
    in_notebook = type(sys.stderr).__module__.startswith("ipykernel")
    if in_notebook or sys.stderr.isatty():
        return {}
    often = {"mininterval": _LOG_INTERVAL, "maxinterval": _LOG_INTERVAL}
    return {"file": _Lines(), "delay": _LOG_DELAY, **often}


class _Lines:
    """What a bar is written to where going back to the beginning of a line means nothing."""

    def __init__(self) -> None:
        self._last = ""

    def write(self, text: str) -> None:
        line = text.strip()
        if line and line != self._last:
            sys.stderr.write(f"{line}\n")
            self._last = line

    def flush(self) -> None:
        sys.stderr.flush()
