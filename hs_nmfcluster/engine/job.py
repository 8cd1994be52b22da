"""A long job on a scan: makes the passes over the data, counts them, and loses nothing done."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray

from hs_nmfcluster.engine import scheduling
from hs_nmfcluster.engine.checkpoint import Checkpoint
from hs_nmfcluster.engine.cutting import Cut
from hs_nmfcluster.engine.matrix import Block, ScanMatrix, cut_now, map_rows, select
from hs_nmfcluster.engine.merging import Gathered, merge
from hs_nmfcluster.engine.shelf import Shelf

T = TypeVar("T")

# Blocks that each worker gets at a time: enough that waiting for the last of them costs little.
_BLOCKS_AT_A_TIME = 16
# No rounding changes ‖X‖² by this share from one pass to another.
_CHANGED = 1e-9
# Seconds after which a part of a pass is written down.
_PART_SECONDS = 60.0


class Progress(Protocol):
    """Whoever watches a job."""

    def expect(self, passes: int) -> None:
        """Take note that about so many passes are left."""

    def advance(self, share: float, n_bytes: int, seconds: float) -> None:
        """Take note of a share of a pass, the bytes it read and the time it took."""

    def say(self, message: str) -> None:
        """Show in a few words how things stand."""


class ReadingError(OSError):
    """A chunk of the data cannot be read."""


@dataclass
class Job:
    """What goes on while a scan is worked on.

    Parameters
    ----------
    progress
        Is told of every part of a pass.
    checkpoint
        Keeps the state after every pass, and after parts of long ones.
    source
        Name of the file, for messages.
    on_interrupt
        Ctrl-C while a factorization is improved: ``"raise"``, or ``"return"`` what there is.
    budget
        Bytes that it may take; None where nobody has said.
    announce
        Takes each line that there is to say before the long work.
    passes
        Passes over the data made so far, those of a job that this one goes on with included.
    stopped
        Whether it was interrupted and finishes with what there is. What comes then is not kept:
        the same call can still go on from before.

    Examples
    --------
    >>> job = Job()
    >>> scan = ScanMatrix.from_array(np.ones((3, 2, 4, 4)))
    >>> float(job.visit(scan, lambda rows, positions: rows[:].sum()))
    96.0
    >>> job.passes
    1
    """

    progress: Progress | None = None
    checkpoint: Checkpoint | None = None
    source: str = ""
    on_interrupt: Literal["raise", "return"] = "raise"
    budget: int | None = None
    announce: Callable[[str], None] | None = None
    passes: int = 0
    stopped: bool = False

    def visit(
        self,
        matrix: ScanMatrix,
        task: Callable[..., T],
        *shared: Any,
        put_aside: Callable[[T], T] | None = None,
    ) -> T:
        """Make one pass over the data.

        Parameters
        ----------
        matrix
            The scan.
        task
            Called as ``task(rows, positions, *shared)`` for every block; its results are put
            together by :func:`~hs_nmfcluster.engine.merging.merge`.
        *shared
            What every task needs, sent to each worker once.
        put_aside
            Is given the result of every part of the pass, in this process, and returns what is to
            be kept of it in memory.

        Raises
        ------
        ReadingError
            If a block cannot be read, naming it.
        """
        work = scheduling.Pass(task, shared, matrix.is_lazy)
        part = self._part_done(matrix, task, shared)
        at_a_time = _BLOCKS_AT_A_TIME * scheduling.n_workers()
        written = time.monotonic()
        for segment in matrix.segments(part.blocks, at_a_time):
            begun = time.monotonic()
            try:
                found = work.compute(segment)
            except KeyboardInterrupt as interrupt:
                self._keep(part)
                raise self._stopped(part, matrix) from interrupt
            except Exception as error:
                self._keep(part)
                self._name_fault(segment, matrix, error)
                raise
            found = found if put_aside is None else put_aside(found)
            total = found if part.total is None else merge(part.total, found)
            part = replace(part, blocks=part.blocks + len(segment), total=total)
            self._tell(segment, matrix, time.monotonic() - begun)
            if time.monotonic() - written > _PART_SECONDS:
                self._keep(part)
                written = time.monotonic()
        self._check_source()
        self.passes += 1
        self.forget("pass")
        result: T = part.total
        return result

    def collect(
        self, matrix: ScanMatrix, task: Callable[..., NDArray], *shared: Any
    ) -> NDArray[Any]:
        """Make one pass in which every row gives a row of results.

        Parameters
        ----------
        matrix
            The scan.
        task
            Called as ``task(rows, positions, *shared)``, returns ``(n, …)`` for n rows.
        *shared
            What every task needs.

        Returns
        -------
        numpy.ndarray
            ``(n_positions, …)`` in the order of the matrix' positions.
        """
        return self.visit(matrix, _KeepPositions(task), *shared).ordered(matrix.positions)

    def collect_on_cluster(
        self, matrix: ScanMatrix, task: Callable[..., NDArray], columns: int, *shared: Any
    ) -> da.Array:
        """Make one pass in which every row gives a row of results, which stay on the workers.

        Parameters
        ----------
        matrix
            The scan, taken from a dask array.
        task
            Called as ``task(rows, positions, *shared)``, returns ``(n, columns)`` for n rows.
        columns
            Numbers a row.
        *shared
            What every task needs.

        Returns
        -------
        dask.array.Array
            ``(*scan_shape, columns)`` float64, computed; NaN at masked positions.
        """
        keep = np.zeros(int(np.prod(matrix.scan_shape)), bool)
        keep[matrix.positions] = True
        rows = map_rows(_WithGaps(task), matrix, keep, columns, *shared)
        result = scheduling.compute_there(rows)
        self._check_source()
        self.passes += 1
        if self.progress is not None:
            self.progress.advance(1.0, sum(block.n_bytes for block in matrix.blocks), 0.0)
        return result

    def hold(self, matrix: ScanMatrix) -> ScanMatrix:
        """Read the data and keep them, here or on the workers of the user's cluster.

        Of patterns in memory that are moved or divided, keep what becomes of them.

        Raises
        ------
        ReadingError
            If a block cannot be read, naming it.
        """
        if not matrix.is_lazy:
            held = [block.rows for block in matrix.blocks]
            return matrix.with_rows(scheduling.side_by_side(cut_now, held))
        rows = []
        at_a_time = _BLOCKS_AT_A_TIME * scheduling.n_workers()
        self.say("reading")
        for segment in matrix.segments(0, at_a_time):
            try:
                rows += scheduling.compute_rows([cut_now(block.rows) for block in segment])
            except Exception as error:
                self._name_fault(segment, matrix, error)
                raise
        return matrix.with_rows(rows)

    def shelf(self, name: str) -> Shelf:
        """Where arrays are put aside, in the folder of the checkpoint if there is one."""
        return Shelf() if self.checkpoint is None else self.checkpoint.shelf(name)

    def recall(self, name: str) -> Any | None:
        """Return a state that was kept, and count the passes that led to it."""
        kept = None if self.checkpoint is None or self.stopped else self.checkpoint.recall(name)
        if kept is None:
            return None
        passes, state = kept
        self._advance_to(passes)
        return state

    def keep(self, name: str, state: Any) -> None:
        """Keep a state, together with the number of passes made."""
        if self.checkpoint is not None and not self.stopped:
            self.checkpoint.keep(name, (self.passes, state))

    def forget(self, name: str) -> None:
        """Drop a state that is not needed any more."""
        if self.checkpoint is not None and not self.stopped:
            self.checkpoint.forget(name)

    def once(self, name: str, function: Callable[[], T]) -> T:
        """Return what the function returns, kept from before if it was done before."""
        known = self.recall(name)
        if known is not None:
            found: T = known
            return found
        found = function()
        self.keep(name, found)
        return found

    def expect(self, passes: int) -> None:
        """Announce that about so many passes are left."""
        if self.progress is not None:
            self.progress.expect(passes)

    def say(self, message: str) -> None:
        """Announce how things stand."""
        if self.progress is not None:
            self.progress.say(message)

    def tell(self, line: str) -> None:
        """Say a line that stays."""
        if self.announce is not None:
            self.announce(line)

    def __post_init__(self) -> None:
        self._from_folder = bool(self.source) and Path(self.source).is_dir()

    def _check_source(self) -> None:
        # What is missing in a zarr store reads as zeros, without an error.
        if self._from_folder and not Path(self.source).is_dir():
            raise ReadingError(f"{self.source!r} is gone: it was deleted while it was read.")

    def _advance_to(self, passes: int) -> None:
        if self.progress is not None and passes > self.passes:
            self.progress.advance(passes - self.passes, 0, 0.0)
        self.passes = max(self.passes, passes)

    def _part_done(
        self, matrix: ScanMatrix, task: Callable[..., Any], shared: tuple[Any, ...]
    ) -> "_Part":
        """Return what was done before of this very pass: the same task with the same numbers."""
        if self.checkpoint is None or self.stopped:
            return _Part("", 0, None)
        of = tokenize(_divided(matrix), matrix.n_pixels, task, *shared)
        found = self.checkpoint.recall("pass")
        if not isinstance(found, _Part) or found.of != of:
            return _Part(of, 0, None)
        if self.progress is not None:
            self.progress.advance(found.blocks / len(matrix.blocks), 0, 0.0)
        return found

    def _keep(self, part: "_Part") -> None:
        if self.checkpoint is not None and not self.stopped and part.blocks:
            self.checkpoint.keep("pass", part)

    def _tell(self, segment: tuple[Block, ...], matrix: ScanMatrix, seconds: float) -> None:
        if self.progress is not None:
            n_bytes = sum(block.n_bytes for block in segment)
            self.progress.advance(len(segment) / len(matrix.blocks), n_bytes, seconds)

    def _stopped(self, part: "_Part", matrix: ScanMatrix) -> KeyboardInterrupt:
        where = f"in pass {self.passes + 1}, after {part.blocks} of {len(matrix.blocks)} chunks"
        if self.checkpoint is None:
            return KeyboardInterrupt(f"Stopped {where}. With `checkpoint=` it could go on.")
        return KeyboardInterrupt(
            f"Stopped {where}. What is done is in {str(self.checkpoint.folder)!r}: the same "
            "call goes on from there."
        )

    def _name_fault(self, segment: tuple[Block, ...], matrix: ScanMatrix, error: Exception) -> None:
        """Raise an error that says which chunk cannot be read, if that is what is wrong."""
        fault = scheduling.first_failing(segment)
        if fault is None:
            return
        block, cause = fault
        index = next(i for i, other in enumerate(matrix.blocks) if other is block)
        of_file = f" of {self.source!r}" if self.source else ""
        raise ReadingError(
            f"Chunk {index + 1} of {len(matrix.blocks)}{of_file}, positions "
            f"{_box(block.positions, matrix.scan_shape)}, cannot be read: "
            f"{type(cause).__name__}: {cause}{_where_to_look(cause)}"
        ) from error


def _where_to_look(cause: Exception) -> str:
    if not isinstance(cause, FileNotFoundError) or scheduling.active_client() is None:
        return ""
    return (
        ". Each worker of the cluster opens the file itself: load it by its whole path, of a "
        "folder that all of them see"
    )


@dataclass(frozen=True)
class _Part:
    """How far a pass has come: the first so many blocks, merged.

    Parameters
    ----------
    of
        Names the task, the numbers that it shares and the division into blocks: a part is of no
        use to any other pass.
    blocks
        How many blocks are done.
    total
        Their results.
    """

    of: str
    blocks: int
    total: Any


@dataclass(frozen=True)
class _WithGaps:
    """A task on whole chunks of patterns, which leaves masked positions out."""

    task: Callable[..., NDArray]

    def __call__(
        self,
        patterns: NDArray,
        positions: NDArray[np.int64],
        cut: Cut,
        columns: int,
        *shared: Any,
    ) -> NDArray[np.float64]:
        result = np.full((positions.size, columns), np.nan)
        kept = positions.ravel() >= 0
        if kept.any():
            here = positions.ravel()[kept]
            result[kept] = self.task(select(patterns, kept, here, cut), here, *shared)
        return result.reshape(*positions.shape, columns)


@dataclass(frozen=True)
class _KeepPositions:
    task: Callable[..., NDArray]

    def __call__(self, rows: NDArray, positions: NDArray[np.int64], *shared: Any) -> Gathered:
        return Gathered([(positions, self.task(rows, positions, *shared))])


def check_unchanged(square: float, before: float) -> None:
    """Refuse data that are not those of an earlier pass.

    Parameters
    ----------
    square, before
        ‖X‖² as this pass found it, and as one before did, perhaps of the job that this one goes on
        with.

    Raises
    ------
    ReadingError
        If they differ by more than rounding.
    """
    if abs(square - before) > _CHANGED * before:
        raise ReadingError(
            "The data have changed while they were read, or are not those of `checkpoint`: the sum "
            f"of their squares was {before:.12g} when this job began and is {square:.12g} now."
        )


def _divided(matrix: ScanMatrix) -> NDArray[np.int64]:
    """Where the blocks of a matrix begin, and how long they are."""
    return np.array([(block.positions[0], len(block.positions)) for block in matrix.blocks])


def _box(positions: NDArray[np.int64], scan_shape: tuple[int, ...]) -> str:
    """Ranges of array indices that some positions lie in, slowest axis first."""
    indices = np.unravel_index(positions, scan_shape or (1,))
    return " × ".join(f"{axis.min()}…{axis.max()}" for axis in indices)
