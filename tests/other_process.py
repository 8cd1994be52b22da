"""A job that says when it reads, to be run in a process of its own, which finds it by its name."""

import multiprocessing
import os
import signal as signals
import time
from io import FileIO
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from scans import decompose

from hs_nmfcluster import LazyNMFDiffraction2D


def start(
    data: NDArray, chunks: tuple, arguments: dict[str, object], pause: float = 0
) -> tuple[BaseProcess, FileIO]:
    """Begin a factorization elsewhere; give its process and what it says, a byte at each read."""
    # Processes are split off one that has all modules, which takes seconds to load them.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hs_nmfcluster.signals", "hs_nmfcluster.results.factorization"])
    listener, speaker = context.Pipe(duplex=False)
    said = FileIO(os.dup(listener.fileno()))
    process = context.Process(target=_run, args=(speaker, data, chunks, arguments, pause))
    process.start()
    speaker.close()
    return process, said


def _run(
    speaker: Connection, data: NDArray, chunks: tuple, arguments: dict[str, object], pause: float
) -> None:
    # A shell that runs the tests in the background has made their children deaf to it.
    signals.signal(signals.SIGINT, signals.default_int_handler)
    # Not the connection, of which dask would make a copy that closes it.
    mouth = speaker.fileno()

    def read(block: NDArray) -> NDArray:
        os.write(mouth, b".")
        time.sleep(pause)
        return block

    lazy = da.from_array(data, chunks=chunks)
    lazy = lazy.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
    decompose(LazyNMFDiffraction2D(lazy), 4, **arguments)
