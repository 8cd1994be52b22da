"""How a long job on a signal is run: memory, checkpoint, interrupts, progress."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import dask
import numpy as np
from hyperspy.signal import BaseSignal

from hs_nmfcluster.bridge.axes import file_of
from hs_nmfcluster.bridge.progress import pass_progress
from hs_nmfcluster.engine import memory
from hs_nmfcluster.engine.checkpoint import Checkpoint, stored_identity
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.random_numbers import draw_seed
from hs_nmfcluster.engine.sources import dense, plain
from hs_nmfcluster.scan import arguments as checks
from hs_nmfcluster.words import say

# Patterns by which a scan is recognised, beside its shape and dtype.
_PATTERNS_COMPARED = 5
# Passes that a compressed search takes, from the first look to the last maps.
_USUAL_PASSES = 15


@dataclass(frozen=True)
class Conduct:
    """Checked arguments that change how a job is run, but not its result.

    Parameters
    ----------
    budget
        Bytes that it may take; None where the user has not said.
    checkpoint
        Folder for its state, or None.
    on_interrupt
        ``"raise"`` or ``"return"``.
    print_info, show_progressbar
        As in HyperSpy.
    """

    budget: int | None
    checkpoint: str | os.PathLike[str] | None
    on_interrupt: Literal["raise", "return"]
    print_info: bool
    show_progressbar: bool | None

    @classmethod
    def checked(
        cls,
        *,
        max_memory: int | str | None,
        checkpoint: Any,
        on_interrupt: Any,
        print_info: bool,
        show_progressbar: bool | None,
    ) -> "Conduct":
        """Check the arguments.

        Raises
        ------
        TypeError, ValueError
            Naming the argument, what was given and what is allowed.
        """
        checks.check_choice("on_interrupt", on_interrupt, ("raise", "return"))
        if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
            raise TypeError(f"`checkpoint` must be a path or None, got {checkpoint!r}.")
        if checkpoint is not None:
            stored_identity(checkpoint)
        budget = memory.read_budget(max_memory)
        return cls(budget, checkpoint, on_interrupt, print_info, show_progressbar)

    def seed(self, random_state: int | np.random.Generator | None) -> int:
        """Draw the seed, or take that of the job that is to go on."""
        known = None if self.checkpoint is None else stored_identity(self.checkpoint)
        if random_state is None and known is not None:
            return int(known["arguments"]["random_state"])
        return draw_seed(random_state)


@contextmanager
def running(
    signal: BaseSignal,
    name: str,
    arguments: dict[str, Any],
    selection: dict[str, Any],
    conduct: Conduct,
) -> Iterator[Job]:
    """Set up a job: what watches it, what keeps its state.

    Parameters
    ----------
    signal
        The scan.
    name
        Stands before the progress bar.
    arguments, selection
        What determines the result, beside the data: numbers, text, lists.
    conduct
        How to run it.

    Raises
    ------
    CheckpointError
        If the folder of the checkpoint holds another job.
    """
    checkpoint = None
    if conduct.checkpoint is not None:
        identity = {
            "job": name,
            "hs_nmfcluster": version("hs_nmfcluster"),
            "arguments": arguments,
            "selection": selection,
            "data": fingerprint(signal),
        }
        checkpoint = Checkpoint(conduct.checkpoint, identity)
    with pass_progress(conduct.show_progressbar, name, _USUAL_PASSES) as bar:
        yield Job(
            bar,
            checkpoint,
            _source_of(signal),
            conduct.on_interrupt,
            conduct.budget,
            (say if bar is None else bar.say_apart) if conduct.print_info else None,
        )


def fingerprint(signal: BaseSignal) -> dict[str, Any]:
    """Recognise a scan: by shape, dtype and a few of its patterns."""
    data = plain(signal.data) if signal._lazy else signal.data
    n_positions = int(np.prod(data.shape[:-2], dtype=np.int64))
    spread = np.unique(np.linspace(0, n_positions - 1, _PATTERNS_COMPARED).astype(int))
    chosen = [data[np.unravel_index(i, data.shape[:-2] or (1,))] for i in spread]
    patterns = np.ascontiguousarray(np.stack([dense(one) for one in dask.compute(*chosen)]))
    return {
        "shape": list(data.shape),
        "dtype": str(data.dtype.newbyteorder("=")),
        "patterns": hashlib.sha256(patterns.astype("<f8").tobytes()).hexdigest()[:16],
    }


def _source_of(signal: BaseSignal) -> str:
    """Name of the file that a signal was loaded from, if it was."""
    name = file_of(signal)
    return str(Path(signal.tmp_parameters.get_item("folder", "")) / name) if name else ""
