"""Where the work on blocks is done: threads here, or whatever dask scheduler the user has set."""

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

import dask
import numpy as np
from dask.base import get_scheduler
from dask.delayed import Delayed
from dask.system import CPU_COUNT
from dask.threaded import get as run_by_threads
from threadpoolctl import ThreadpoolController

from hs_nmfcluster.engine.matrix import Block
from hs_nmfcluster.engine.merging import merge

Item = TypeVar("Item")
Result = TypeVar("Result")

# Results larger than this stay where they were computed, if that is a cluster.
_LARGEST_GATHERED = 2**30
# The largest block of memory of which glibc learns that it is to be kept.
_KEPT = 31 * 2**20
# Times that a part of a pass is tried again when a worker is lost with what was sent to it.
_ATTEMPTS = 4
_BY_ITSELF: ContextVar[bool] = ContextVar("by_itself", default=False)


def active_client() -> Any | None:
    """Return the `distributed.Client` that dask would use now, or None."""
    # Whoever has a client has imported it. Importing it, as dask does to look for one, takes half
    # a second.
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    owner = getattr(get_scheduler(), "__self__", None)
    return owner if isinstance(owner, distributed.Client) else None


def n_workers() -> int:
    """Blocks that are worked on at a time."""
    client = active_client()
    if client is not None:
        return max(sum(client.nthreads().values()), 1)
    if dask.config.get("scheduler", None) in ("sync", "synchronous", "single-threaded"):
        return 1
    return n_threads()


def n_threads() -> int:
    """Things that this process does at a time, wherever blocks are worked on."""
    return int(dask.config.get("num_workers", None) or CPU_COUNT)


class Pass:
    """A task on blocks, wherever the blocks are computed.

    Parameters
    ----------
    task
        Called as ``task(rows, positions, *shared)`` for every block.
    shared
        What every task needs, sent to each worker once.
    lazy
        Whether the blocks are promises; arrays in memory are worked on by threads here, whatever
        the scheduler.
    """

    def __init__(
        self,
        task: Callable[..., Any],
        shared: Sequence[Any],
        lazy: bool,
    ) -> None:
        self._task, self._shared, self._lazy = task, shared, lazy
        self._client: Any = active_client() if lazy else None
        self._promises: list[Any] | None = None

    def compute(self, blocks: Sequence[Block]) -> Any:
        """Return the merged results of some blocks."""
        if self._client is not None:
            return self._compute_distributed(blocks)
        if len(blocks) == 1 and not self._lazy:
            return self._task(blocks[0].rows, blocks[0].positions, *self._shared)
        if not self._lazy:
            _keep_freed_memory()
        shared = [_promise(item) for item in self._shared]
        with one_blas_thread_each():
            # Not by name: dask imports `distributed` to look a name up.
            options = {} if self._lazy else {"scheduler": run_by_threads}
            return dask.compute(self._graph(blocks, shared), **options)[0]

    def _compute_distributed(self, blocks: Sequence[Block]) -> Any:
        from distributed import CancelledError, KilledWorker

        for attempt in range(_ATTEMPTS):
            if self._promises is None:
                # One by one: a list would be taken apart into what it holds.
                self._promises = [
                    self._client.scatter([item], broadcast=True, hash=False)[0]
                    for item in self._shared
                ]
            try:
                # The workers may be threads of this process, and BLAS theirs and ours.
                with one_blas_thread_each():
                    return dask.compute(self._graph(blocks, self._promises))[0]
            except (CancelledError, KilledWorker):
                # What was sent is lost with the last worker that held it.
                self._promises = None
                if attempt == _ATTEMPTS - 1:
                    raise
        return None

    def _graph(self, blocks: Sequence[Block], shared: Sequence[Any]) -> Delayed:
        task = dask.delayed(self._task, pure=False, traverse=False)
        put_together = dask.delayed(merge, pure=False)
        parts: list[Delayed] = []
        within = False
        for block in blocks:
            found = task(block.rows, block.positions, *shared)
            # One after the other what needs the same chunks: dask then takes them up in this order,
            # with fewer chunks in memory.
            if within:
                parts[-1] = put_together(parts[-1], found)
            else:
                parts.append(found)
            within = not block.ends_chunk
        while len(parts) > 1:
            pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
            parts = [put_together(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
        return parts[0]


def compute_rows(rows: Sequence[Any]) -> list[Any]:
    """Compute rows and keep them: as arrays here, or as promises on the workers of a cluster."""
    with one_blas_thread_each():
        return list((dask.persist if active_client() is not None else dask.compute)(*rows))


@contextmanager
def by_itself() -> Iterator[None]:
    """Let a task that is one of many at work do all that it does in its own thread.

    Also where it is the last one left: products in single precision round otherwise on two cores.
    """
    token = _BY_ITSELF.set(True)
    try:
        with _blas().limit(limits=1, user_api="blas"):
            yield
    finally:
        _BY_ITSELF.reset(token)


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to items by threads: chains of products too small for BLAS on two cores.

    By the threads that also make the passes: the C library keeps freed memory for the thread that
    had it, so that others would need their own. Within a task (`by_itself`) one after the other.
    """
    everything = list(items)
    if _BY_ITSELF.get():
        return [function(item) for item in everything]
    # Given by their numbers, as dask would look for promises in all that an item holds.
    task = dask.delayed(lambda i: function(everything[i]), pure=False, traverse=False)
    # Dask takes up tasks in the order of their names.
    promises = [task(i, dask_key_name=f"{i:09d}") for i in range(len(everything))]
    with _blas().limit(limits=1, user_api="blas"):
        return list(dask.compute(*promises, scheduler=run_by_threads))


def compute_there(collection: Any) -> Any:
    """Compute a dask collection whose numbers stay on the workers of the active cluster."""
    from distributed import wait

    with one_blas_thread_each():
        (result,) = dask.persist(collection)
        wait(result)
    return result


def leaves_on_cluster(n_bytes: int) -> bool:
    """Whether results of that size stay on the workers of the active cluster."""
    return n_bytes > _LARGEST_GATHERED and active_client() is not None


def first_failing(blocks: Sequence[Block]) -> tuple[Block, Exception] | None:
    """Read blocks one by one until one cannot be read."""
    for block in blocks:
        if isinstance(block.rows, Delayed):
            try:
                block.rows.compute()
            except Exception as error:  # whatever the file's reader raises
                return block, error
    return None


@contextmanager
def one_blas_thread_each() -> Iterator[None]:
    """Let each of dask's workers compute on one core, instead of each on all of them."""
    key = "multiprocessing.initializer"
    # A pool of the user's own is already running as they want it.
    ours = not (dask.config.get("pool", None) or dask.config.get(key, None))
    settings = {key: limit_blas} if ours else {}
    with dask.config.set(settings), _blas().limit(limits=1, user_api="blas"):
        yield


def limit_blas() -> None:
    """Take one core for this process's matrix products, if it is a worker of a pool."""
    if multiprocessing.parent_process() is not None:
        _blas().limit(limits=1, user_api="blas")


def _keep_freed_memory() -> None:
    """Let the next pass use the memory of this one again.

    glibc gives what is freed back to the system, unless a larger block was freed before (man
    mallopt, M_MMAP_THRESHOLD), and getting it anew page by page takes a tenth of the first passes.
    """
    np.empty(_KEPT, np.uint8)


@cache
def _blas() -> ThreadpoolController:
    # Looking for the libraries takes milliseconds, a pass over a small scan less.
    np.eye(2) @ np.eye(2)
    return ThreadpoolController()


def _promise(item: Any) -> Delayed:
    return dask.delayed(item, pure=False, traverse=False)
