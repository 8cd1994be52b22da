"""The folder that a run writes into: its own while it lasts, and of one scan at a time."""

import json
import os
import platform
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

import psutil

from hs_nmfcluster.cli.products import Product
from hs_nmfcluster.files import is_leftover, written_whole

SUMMARY = "summary.json"
_LOCK = ".hs-nmfcluster.lock"


class OutputFolder:
    """A folder, what is in it of an earlier run, and what of this one.

    Parameters
    ----------
    path
        The folder.
    earlier
        Names of the files of an earlier run on the same scan, which this one replaces.
    """

    def __init__(self, path: Path, earlier: Iterable[str] = ()) -> None:
        self.path = path
        self.earlier = set(earlier)
        self.names: list[str] = []

    def write(self, product: Product) -> None:
        """Write a file, which is whole or absent.

        Raises
        ------
        FileExistsError
            If there is one that no run has written.
        """
        path = self.path / product.name
        if path.exists() and product.name not in {*self.names, *self.earlier, SUMMARY}:
            raise FileExistsError(
                f"{path} is there already, and is none that this program has written; it stays."
            )
        with written_whole(path) as temporary:
            product.write(temporary)
        if product.name not in self.names:
            self.names.append(product.name)

    def clear(self, kept: Iterable[str] = ()) -> list[str]:
        """Remove the files of the earlier run but some; give the names of those removed."""
        removed = sorted(self.earlier - {*kept, *self.names, SUMMARY})
        for name in removed:
            with suppress(FileNotFoundError):
                (self.path / name).unlink()
        self.earlier.clear()
        return removed


@contextmanager
def output_folder(
    folder: str | os.PathLike[str], source: str, *, overwrite: bool = False
) -> Iterator[OutputFolder]:
    """Make the folder, lock it and see that it may be written, before any long work.

    Parameters
    ----------
    folder
        To be made if there is none.
    source
        What the results are of: the file's path.
    overwrite
        Whether results of something else may be replaced.

    Raises
    ------
    ValueError
        If it cannot be made or written, another run is writing into it, or it holds the results of
        something else.
    """
    path = _made(Path(folder))
    lock = path / _LOCK
    _take(lock)
    try:
        for leftover in filter(is_leftover, path.iterdir()):
            rmtree(leftover, ignore_errors=True)
        yield OutputFolder(path, _earlier_files(path, source, overwrite=overwrite))
    finally:
        lock.unlink(missing_ok=True)


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the summary of a run; empty if there is none.

    Raises
    ------
    ValueError
        If there is a file of that name which is none.
    """
    path = folder / SUMMARY
    if not path.exists():
        return {}
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(summary["files"], list):
            return dict(summary)
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{path} is no summary that this program has written.")


def check_no_result(path: Path) -> None:
    """Refuse a file that a run has written as the scan of another.

    Raises
    ------
    ValueError
        If it is among the files of the summary beside it.
    """
    try:
        summary = read_summary(path.parent)
    except (OSError, ValueError):
        return
    if path.name in summary.get("files", ()):
        raise ValueError(
            f"{path} is a result of the run on {summary.get('source')}, no scan: "
            f"`hs-nmfcluster recut {path.parent}` cuts its tree anew, `hs-nmfcluster join` "
            "clusters several runs together."
        )


def file_name(name: str) -> str:
    """Name of a scan as that of a folder.

    Examples
    --------
    >>> file_name("300 °C / 10 min")
    '300_°C_10_min'
    """
    return re.sub(r"[^\w.°+-]+", "_", name).strip("._") or "scan"


def _made(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(
            f"The output folder {str(path)!r} cannot be written: {error.strerror}."
        ) from error
    return path


def _take(lock: Path) -> None:
    """Make a file that only one process can make, and that says which."""
    try:
        with lock.open("x", encoding="utf-8") as file:
            json.dump({"host": platform.node(), "process": os.getpid()}, file)
        return
    except FileExistsError:
        owner = _owner(lock)
    if owner.get("host") == platform.node() and not _runs(owner.get("process")):
        lock.unlink(missing_ok=True)
        _take(lock)
        return
    where = f"process {owner.get('process', '?')} on {owner.get('host', 'another machine')}"
    raise ValueError(
        f"Another run is writing into {str(lock.parent)!r}: {where}. Choose another folder by "
        f"`--output`; if it runs no more, remove {lock}."
    )


def _owner(lock: Path) -> dict[str, Any]:
    try:
        owner = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is being written, or was removed just now
        return {}
    return owner if isinstance(owner, dict) else {}


def _runs(process: Any) -> bool:
    return isinstance(process, int) and psutil.pid_exists(process)


def _earlier_files(path: Path, source: str, *, overwrite: bool) -> list[str]:
    summary = read_summary(path)
    if not summary:
        return []
    earlier = summary.get("source")
    if earlier != source and not overwrite:
        raise ValueError(
            f"{str(path)!r} holds the results of {earlier or 'an unknown file'}. Choose another "
            "folder by `--output`, or have them replaced by `--overwrite`."
        )
    return [str(name) for name in summary["files"]]
