"""Arrays put aside in a file, and read again one by one when they are needed."""

from dataclasses import dataclass
from math import prod
from os import SEEK_END
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from threading import Lock
from typing import IO, Any
from weakref import finalize

import dask
import numpy as np
from numpy.typing import NDArray

#: Bytes up to which no file is needed.
ROOM = 2**24


class ShelfError(OSError):
    """There is no room to put something aside, or it is not there any more."""


@dataclass(frozen=True)
class Placed:
    """Where an array lies in the file of a shelf.

    Parameters
    ----------
    offset
        First byte.
    shape, dtype
        Of the array.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def n_bytes(self) -> int:
        """How long it is."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class Shelf:
    """Holds arrays that together may be larger than memory, for any number of threads.

    Parameters
    ----------
    path
        The file, to which arrays are added if it exists: what is put aside there outlasts the
        process. Without one, arrays are kept in memory, and in a temporary file (where dask has
        its own, ``temporary-directory``) as soon as they take more than 16 MiB.

    Examples
    --------
    >>> shelf = Shelf()
    >>> place = shelf.put(np.arange(3.0))
    >>> shelf.get(place)
    array([0., 1., 2.])
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._lock = path, Lock()
        self._folder = dask.config.get("temporary-directory", None)
        self._file: IO[bytes] | SpooledTemporaryFile[bytes]
        if path is None:
            # Open as long as there is somebody who may ask for an array.
            self._file = SpooledTemporaryFile(ROOM, buffering=0, dir=self._folder)  # noqa: SIM115
        else:
            self._file = path.open("a+b", buffering=0)
        finalize(self, self._file.close)

    def put(self, array: NDArray[Any]) -> Placed:
        """Put an array aside, and say where.

        Raises
        ------
        ShelfError
            If there is no room for it.
        """
        content = array.tobytes()
        try:
            with self._lock:
                offset = self._file.seek(0, SEEK_END)
                room = self._file.write(content)
        except OSError as error:
            raise ShelfError(f"{self._where()} cannot be written: {error.strerror}.") from error
        if room < len(content):
            raise ShelfError(f"{self._where()} cannot be written: no space is left.")
        return Placed(offset, array.shape, array.dtype.str)

    def get(self, place: Placed) -> NDArray[Any]:
        """Read an array, which cannot be written to.

        Raises
        ------
        ShelfError
            If the file has become shorter since.
        """
        with self._lock:
            self._file.seek(place.offset)
            content = self._file.read(place.n_bytes)
        if len(content) < place.n_bytes:
            raise ShelfError(
                f"{self._where()} is shorter than it was: what was put aside there is lost. Remove "
                "the folder of the checkpoint, and the job begins again."
            )
        return np.frombuffer(content, place.dtype).reshape(place.shape)

    def _where(self) -> str:
        if self._path is not None:
            return repr(str(self._path))
        folder = self._folder or gettempdir()
        return f"A temporary file in {str(folder)!r} (dask's 'temporary-directory')"
