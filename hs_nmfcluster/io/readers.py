"""Which reader of RosettaSciIO opens a file, and whether lazily."""

import glob
import io
import logging
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from dask.utils import format_bytes
from hyperspy.io import load
from rsciio import IO_PLUGINS

from hs_nmfcluster.engine import memory
from hs_nmfcluster.lazy import imported

# All of these are HDF5 files inside, whatever they are called.
_OF_HDF5 = ("HSPY", "EMD", "NeXus", "USID", "Arina", "Delmic", "Tofwerk")
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Errors whose text is written for users; others come from the inside of a reader.
_IN_WORDS = (OSError, ValueError, NotImplementedError, ImportError)


class NotAScanError(ValueError):
    """A file that cannot be read, or that holds no scan of patterns."""


class TooLargeError(MemoryError):
    """A file that can only be read as a whole, for which there is no room."""


@dataclass(frozen=True)
class Opened:
    """What a reader found in a file.

    Parameters
    ----------
    signals
        As HyperSpy makes them.
    reader
        Name of the reader.
    others
        Names of those that know files of this kind too and were not tried.
    """

    signals: list[Any]
    reader: str
    others: tuple[str, ...]


def open_file(path: Path, reader: str | None, max_memory: int | str | None) -> Iterator[Opened]:
    """Open a file by each reader that can, the likeliest first.

    Parameters
    ----------
    path
        Taken literally, whatever signs it is made of.
    reader
        Name of the one to take; None takes those that know such files.
    max_memory
        For readers that only read whole files.

    Yields
    ------
    Opened
        Those of further readers only if they are asked for.

    Raises
    ------
    NotAScanError
        If there is no such file, or none of them opens it.
    ValueError
        If there is no such reader.
    TooLargeError
        If a reader only reads whole files, and there is no room.
    """
    if not path.exists():
        raise NotAScanError(f"{path}: there is no such file.")
    budget = memory.read_budget(max_memory)
    reasons: dict[str, str] = {}
    for names in _candidates(path, reader):
        opened = False
        for name in names:
            try:
                signals = _read(path.absolute(), name, budget)
            except TooLargeError:
                raise
            except Exception as error:  # readers raise whatever they meet in a file
                reasons[name] = _reason(error)
                continue
            if signals:
                opened = True
                yield Opened(signals, name, tuple(names[names.index(name) + 1 :]))
            else:
                reasons[name] = "it holds no signal"
        if opened:
            return
    if path.is_dir() and not reasons:
        raise NotAScanError(f"{path}: it is a folder, and no file that HyperSpy reads.")
    raise NotAScanError(f"{path.name}: {_none_opens(reasons)}")


def _candidates(path: Path, reader: str | None) -> Iterator[list[str]]:
    """Give names of readers, those of the suffix first; then any that know what is inside."""
    if reader is not None:
        yield [_known(reader)]
        return
    suffix = path.suffix[1:].lower()
    claimed = [
        plugin["name"]
        for plugin in IO_PLUGINS
        if suffix and suffix in [extension.lower() for extension in plugin["file_extensions"]]
    ]
    # HyperSpy takes a reader of the suffix's name before others that claim it.
    yield sorted(claimed, key=lambda name: name.lower() != suffix)
    if _is_hdf5(path):
        known = [plugin["name"] for plugin in IO_PLUGINS]
        yield [name for name in _OF_HDF5 if name in known and name not in claimed]


def _known(reader: str) -> str:
    """Return the name of a reader that was given by any of its names."""
    for plugin in IO_PLUGINS:
        names = [plugin["name"], *plugin.get("name_aliases", ())]
        if reader.lower() in [name.lower() for name in names]:
            return str(plugin["name"])
    known = ", ".join(sorted((plugin["name"] for plugin in IO_PLUGINS), key=str.lower))
    raise ValueError(f"`reader` must be one of RosettaSciIO's, {known}; got {reader!r}.")


def _is_hdf5(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE


def _read(path: Path, reader: str, budget: int | None) -> list[Any]:
    """Read a file lazily, or whole where its reader knows no other way."""
    with _readers_silenced(), _globbing_literally(path):
        if not _lazily_is_wrong(path):
            with suppress(NotImplementedError):
                return _listed(load([str(path)], lazy=True, file_format=reader))
        _check_fits(path, reader, budget)
        arguments = _arguments(path, reader)
        return _listed(load([str(path)], lazy=False, file_format=reader, **arguments))


def _listed(loaded: Any) -> list[Any]:
    return list(loaded) if isinstance(loaded, list | tuple) else [loaded]


def _lazily_is_wrong(path: Path) -> bool:
    """Whether a lazy reader would take the bytes of the file for other numbers than they are.

    RosettaSciIO maps arrays into memory as they lie in the file: compressed ones in archives
    (.prz), and those that lie column by column (.npy).
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        with path.open("rb") as file:
            return b"'fortran_order': True" in file.read(256)
    if suffix == ".prz" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(one.compress_type != zipfile.ZIP_STORED for one in archive.infolist())
    return False


def _arguments(path: Path, reader: str) -> dict[str, Any]:
    """Tell a reader what it needs to take the file as it is."""
    if reader != "Arina":
        return {}
    arguments: dict[str, Any] = {}
    with imported("h5py").File(path, "r") as file:
        parts = list(file["entry"]["data"].values())
        n_patterns = sum(len(part) for part in parts)
        if any(part.dtype.itemsize > 2 for part in parts):
            # By default counts above 65535 overflow.
            arguments["dtype"] = "uint32"
    if round(n_patterns**0.5) ** 2 != n_patterns:
        arguments["navigation_shape"] = (n_patterns, 1)
    return arguments


def _check_fits(path: Path, reader: str, budget: int | None) -> None:
    """Refuse what would not fit into memory, before it is read.

    Raises
    ------
    TooLargeError
        Saying how much it takes, and what to do.
    """
    allowed = memory.default_budget() if budget is None else budget
    needed = _size_in_memory(path)
    if needed > allowed:
        raise TooLargeError(
            f"{path.name}: the reader {reader} reads this file only as a whole, which takes "
            f"{format_bytes(needed)}, more than the {format_bytes(allowed)} that may be taken. "
            "Allow more by `max_memory`, or save it as .zspy on a machine that has more."
        )


def _size_in_memory(path: Path) -> int:
    """Bytes of what a file holds, not compressed."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sum(one.file_size for one in archive.infolist())
    if _is_hdf5(path):
        with imported("h5py").File(path, "r") as file:
            return max(_size_of_group(file), path.stat().st_size)
    return path.stat().st_size


def _size_of_group(group: Any) -> int:
    """Bytes of all datasets, also those that are linked to from other files."""
    total = 0
    for name in group:
        with suppress(KeyError, OSError):  # a link to a file that is not there
            item = group[name]
            total += _size_of_group(item) if hasattr(item, "keys") else int(item.nbytes)
    return total


@contextmanager
def _readers_silenced() -> Iterator[None]:
    """Keep readers from reporting at length what is then said in one line."""
    loggers = [logging.getLogger(name) for name in ("hyperspy", "rsciio")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        # Some readers show progress bars of their own.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _globbing_literally(path: Path) -> Iterator[None]:
    """Let readers find the companions of a file whose name holds the signs of a pattern.

    Those of .emi and .mrc look for them by a pattern that begins with the file's own name.
    """
    if glob.escape(str(path)) == str(path):
        yield
        return
    plain = glob.glob

    def literal(pattern: str, *args: Any, **kwargs: Any) -> list[str]:
        pairs = zip(pattern, str(path), strict=False)
        own = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return plain(glob.escape(pattern[:own]) + pattern[own:], *args, **kwargs)

    holders: list[Any] = [glob, imported("rsciio.tia._api")]
    for one in holders:
        one.glob = literal
    try:
        yield
    finally:
        for one in holders:
            one.glob = plain


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if text and isinstance(error, _IN_WORDS) else f"{type(error).__name__}: {text}"


def _none_opens(reasons: dict[str, str]) -> str:
    if not reasons:
        return (
            "no reader of HyperSpy knows files of this name. If it is one that it can read, "
            "name the reader by `reader`."
        )
    given = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in reasons.items())
    return f"no reader of HyperSpy opens this file ({given})."
