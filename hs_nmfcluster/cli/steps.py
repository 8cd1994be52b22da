"""The steps of a run, of which one that fails takes no other along."""

import traceback
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

# Errors that tell a user what is wrong; of others a developer needs the traceback.
_IN_WORDS = (ValueError, TypeError, OSError, MemoryError)


class Steps:
    """Does one step after the other, and takes down which could not be done.

    Parameters
    ----------
    say
        Takes each line of what was found.
    complain
        Takes each line of what went wrong.
    """

    def __init__(self, say: Callable[[str], None], complain: Callable[[str], None]) -> None:
        self.say = say
        self.complain = complain
        self.failed: dict[str, str] = {}
        self.tracebacks: list[str] = []

    def __call__(self, name: str, step: Callable[..., T], *args: Any, **arguments: Any) -> T | None:
        """Do a step; None if it could not be done, which is said once."""
        try:
            return step(*args, **arguments)
        except Exception as error:  # whatever it is, the other steps do without
            self._take_down(name, error)
            return None

    def told(self, name: str, step: Callable[..., T], *args: Any, **arguments: Any) -> T | None:
        """Do a step and say what was found."""
        found = self(name, step, *args, **arguments)
        if found is not None:
            self(name, lambda: self.say(repr(found)))
        return found

    def part(self, name: str) -> "Steps":
        """Begin a part of the run, of which nothing is said but what goes wrong."""
        return Steps(lambda _: None, lambda line: self.complain(f"{name}: {line}"))

    def take_over(self, name: str, part: "Steps") -> None:
        """Take down what could not be done in a part of the run."""
        self.failed |= {f"{name}: {step}": reason for step, reason in part.failed.items()}

    def _take_down(self, name: str, error: Exception) -> None:
        if name in self.failed:
            return
        reason = in_one_line(error)
        self.failed[name] = reason
        if not isinstance(error, _IN_WORDS):
            self.tracebacks.append(f"{name}\n{''.join(traceback.format_exception(error))}")
        self.complain(f"{name} could not be made, all else goes on: {reason}")


def in_one_line(error: BaseException) -> str:
    """Say what an error says, with its kind where the text alone tells nothing."""
    text = " ".join(str(error).split())
    if isinstance(error, _IN_WORDS) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
