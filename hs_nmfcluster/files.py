"""Files and folders that are written whole or not at all."""

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
from rsciio.utils.path import overwrite as ask

# Followed by who writes: machine, process, and a random number.
_WRITING = ".writing-"
_HOST = platform.node().replace(os.sep, "") or "here"


def is_unfinished(path: Path) -> bool:
    """Whether something is what a process is writing, or was when it was killed."""
    return path.name.startswith(_WRITING)


def is_leftover(path: Path) -> bool:
    """Whether something is what a process was writing that runs no more.

    What was written on another machine is left alone, as nobody here knows.
    """
    if not is_unfinished(path):
        return False
    host, _, process = path.name.removeprefix(_WRITING).rpartition("-")[0].rpartition("-")
    if not process.isdecimal():
        return True
    return host == _HOST and not psutil.pid_exists(int(process))


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `path` only when all went well.

    Whatever ends the writing, an interrupt too, leaves nothing behind but the old file.

    Parameters
    ----------
    path
        File, or folder of a ``.zspy`` store, to write or replace.

    Yields
    ------
    pathlib.Path
        Of the same name, in a temporary folder beside it.
    """
    folder = path.parent / f"{_WRITING}{_HOST}-{os.getpid()}-{uuid4().hex[:8]}"
    # Not `tempfile`, whose folder stays if an interrupt comes just after it was made.
    try:
        folder.mkdir()
        temporary = folder / path.name
        yield temporary
        if path.is_dir():
            _replace_folder(path, temporary, folder / "old")
        else:
            temporary.replace(path)
    finally:
        _remove(folder)


def _replace_folder(path: Path, new: Path, old: Path) -> None:
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def may_overwrite(path: Path, overwrite: bool | None) -> bool:
    """Whether an existing file may be replaced; None asks, as HyperSpy does."""
    if overwrite is not None:
        return overwrite
    return bool(ask(os.fspath(path)))
