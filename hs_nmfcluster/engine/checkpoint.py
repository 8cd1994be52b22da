"""The state of a long job in a folder, from which the same job goes on after it was stopped."""

import importlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.shelf import Shelf
from hs_nmfcluster.files import is_leftover, is_unfinished, written_whole

_IDENTITY = "job.json"
_PACKAGE = "hs_nmfcluster."


class CheckpointError(ValueError):
    """A folder that holds another job, or none."""


class Checkpoint:
    """Named states in a folder; each is written whole or not at all.

    Parameters
    ----------
    folder
        Made where it does not exist.
    identity
        What job this is: nested dictionaries of numbers, text, lists. A folder that holds a job
        with another identity is refused.

    Raises
    ------
    CheckpointError
        If the folder holds another job, naming the differences, or anything that is no job.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> Checkpoint(folder, {"seed": 1}).keep("state", {"S": np.eye(2), "passes": 3})
    >>> Checkpoint(folder, {"seed": 1}).recall("state")["passes"]
    3
    >>> try:
    ...     Checkpoint(folder, {"seed": 2})
    ... except CheckpointError as error:
    ...     print("seed was 1, is 2" in str(error))
    True
    """

    def __init__(self, folder: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self.folder = Path(folder)
        identity = json.loads(json.dumps(identity, default=_plain))
        known = stored_identity(self.folder)
        if known is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(_IDENTITY, json.dumps(identity, indent=2).encode())
        elif known != identity:
            raise CheckpointError(
                f"`checkpoint` {str(self.folder)!r} holds another job: "
                f"{'; '.join(_differences(known, identity))}. Give the arguments of that job, or "
                "another folder."
            )
        for leftover in filter(is_leftover, list(self.folder.iterdir())):
            shutil.rmtree(leftover, ignore_errors=True)

    def recall(self, name: str) -> Any | None:
        """Return the state of that name, or None where there is none."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return _unpack(json.loads(str(arrays["tree"])), arrays)
        except (BadZipFile, OSError, EOFError, KeyError, ValueError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(
                f"The state {path.name!r} of `checkpoint` {str(self.folder)!r} cannot be read "
                f"({error}). Remove that file: the job then does this part again."
            ) from error

    def keep(self, name: str, state: Any) -> None:
        """Write a state: numbers, text, arrays, lists, tuples, dictionaries, own dataclasses."""
        arrays: list[NDArray] = []
        tree = json.dumps(_pack(state, arrays))
        named = {f"a{i}": array for i, array in enumerate(arrays)}
        with written_whole(self.folder / f"{name}.npz") as temporary:
            np.savez(temporary, allow_pickle=False, tree=np.array(tree), **named)

    def shelf(self, name: str) -> Shelf:
        """Where arrays are put aside that states tell the places of."""
        return Shelf(self.folder / f"{name}.bin")

    def forget(self, name: str) -> None:
        """Remove a state that is not needed any more."""
        (self.folder / f"{name}.npz").unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        with written_whole(self.folder / name) as temporary:
            temporary.write_bytes(content)


def stored_identity(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Identity of the job that a folder holds; None where there is no folder, or an empty one.

    Raises
    ------
    CheckpointError
        If there is something else.
    """
    path = Path(folder)
    if not path.exists():
        return None
    if path.is_dir() and all(is_unfinished(inside) for inside in path.iterdir()):
        return None
    try:
        return dict(json.loads((path / _IDENTITY).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"`checkpoint` must be a folder of its own, new or written by the same job before; "
            f"{str(path)!r} is neither."
        ) from error


def _differences(known: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in sorted(known.keys() | new.keys()):
        a, b = known.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{key} ")
        elif a != b:
            found.append(f"{prefix}{key} was {a!r}, is {b!r}")
    return found


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def _pack(value: Any, arrays: list[NDArray]) -> Any:
    """Turn a state into what JSON holds, with its arrays put aside."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": {key: _pack(item, arrays) for key, item in value.items()}}
    if is_dataclass(value):
        kind = type(value)
        parts = {f.name: _pack(getattr(value, f.name), arrays) for f in fields(value)}
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": parts}
    kind_of_list = "tuple" if isinstance(value, tuple) else "list"
    return {kind_of_list: [_pack(item, arrays) for item in value]}


def _unpack(tree: Any, arrays: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        array = arrays[f"a{tree['array']}"]
        return array if array.ndim else array[()]
    if "dict" in tree:
        return {key: _unpack(item, arrays) for key, item in tree["dict"].items()}
    if "class" in tree:
        return _rebuild(tree["class"], tree["fields"], arrays)
    if "tuple" in tree:
        return tuple(_unpack(item, arrays) for item in tree["tuple"])
    return [_unpack(item, arrays) for item in tree["list"]]


def _rebuild(name: str, parts: dict[str, Any], arrays: Any) -> Any:
    module, _, kind = name.partition(":")
    found = None
    # A file must not be able to choose what is run; one of another version may name what is gone.
    if module.startswith(_PACKAGE):
        with suppress(ImportError):
            found = getattr(importlib.import_module(module), kind, None)
    if not is_dataclass(found) or not isinstance(found, type):
        raise CheckpointError(f"`checkpoint` holds a state that is not known here: {name!r}.")
    whole = object.__new__(found)
    for key, item in parts.items():
        object.__setattr__(whole, key, _unpack(item, arrays))
    return whole
