"""Results on disk: files of HyperSpy's own formats, written whole or not at all.

A result is saved as its main signal, with the rest of it in the metadata; HyperSpy opens such a
file without this package, :func:`load` gives the result back.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from hyperspy.io import load as load_signal
from hyperspy.misc.utils import DictionaryTreeBrowser
from hyperspy.signal import BaseSignal

from hs_nmfcluster.files import may_overwrite, written_whole

_NODE = "HSNMFCluster"
_SUFFIXES = (".hspy", ".zspy")
# Of each kind of result, what makes it of a file.
_LOADERS = {
    "Factorization": ("hs_nmfcluster.results.factorization", "Factorization", "_from_state"),
    "ClusterTree": ("hs_nmfcluster.results.tree", "ClusterTree", "_from_state"),
    "Groups": ("hs_nmfcluster.results.tree", "ClusterTree", "_cut_from_state"),
}


def load(path: str | os.PathLike[str]) -> Any:
    """Load a result that was written by its ``save`` method.

    Parameters
    ----------
    path
        A ``.hspy`` or ``.zspy`` file.

    Returns
    -------
    Factorization, ClusterTree or Groups
        What was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file holds no result of this package.

    Examples
    --------
    >>> import hs_nmfcluster, numpy as np, tempfile
    >>> s = hs_nmfcluster.NMFDiffraction2D(np.random.default_rng(0).random((4, 5, 8, 8)))
    >>> nmf = s.decompose_als_nmf(2, restarts=2, print_info=False, show_progressbar=False)
    >>> path = tempfile.mkdtemp() + "/result.hspy"
    >>> nmf.save(path)
    >>> hs_nmfcluster.load(path).mse == nmf.mse
    True
    """
    signal, kind, state = read(path)
    module, owner, method = _LOADERS[kind]
    return getattr(getattr(import_module(module), owner), method)(signal, state)


def read(path: str | os.PathLike[str]) -> tuple[BaseSignal, str, dict[str, Any]]:
    """Read what :func:`save` wrote: the signal, the kind of result, the rest of it."""
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no file {os.fspath(path)!r}.")
    not_ours = f"{os.fspath(path)!r} holds no result of hs_nmfcluster"
    if Path(path).suffix not in _SUFFIXES:
        raise ValueError(f"{not_ours}: results are {' or '.join(_SUFFIXES)} files.")
    try:
        # In a list a path is taken literally, brackets and all.
        signal = load_signal([os.fspath(path)])
    except Exception as error:  # whatever h5py or zarr raise on a damaged file
        raise ValueError(f"{not_ours} that can be read: {error}") from error
    metadata = getattr(signal, "metadata", None)
    node = metadata.get_item(_NODE) if metadata is not None else None
    if node is None or node.get_item("kind") not in _LOADERS:
        raise ValueError(f"{not_ours}; open it with hyperspy.api.load.")
    kind, state = node.get_item("kind"), _as_dict(node.get_item("state"))
    delattr(signal.metadata, _NODE)
    return signal, kind, state


def kind_of(signal: BaseSignal) -> str | None:
    """Kind of result that a signal was saved as part of, None of any other signal."""
    kind = signal.metadata.get_item(f"{_NODE}.kind")
    return kind if kind in _LOADERS else None


def _as_dict(tree: Any) -> dict[str, Any]:
    """Nested dictionaries, signals kept as such (``as_dictionary`` would dissolve them)."""
    state: dict[str, Any] = {}
    for key in tree.keys():  # noqa: SIM118  (a DictionaryTreeBrowser iterates over pairs)
        value = tree.get_item(key)
        if isinstance(value, DictionaryTreeBrowser):
            value = _as_dict(value)
        elif isinstance(value, BaseSignal):
            # HyperSpy reads signals inside metadata without asking for their class.
            value.set_signal_type(value.metadata.Signal.signal_type)
        state[key] = value
    return state


def save(
    path: str | os.PathLike[str],
    signal: BaseSignal,
    kind: str,
    state: dict[str, Any],
    overwrite: bool | None = None,
) -> None:
    """Write a result: `signal` with `state` in its metadata.

    Parameters
    ----------
    path
        ``.hspy`` or ``.zspy``.
    signal
        What HyperSpy shows when it opens the file.
    kind
        Name of the result's class.
    state
        Numbers, text, arrays, lists, HyperSpy signals and nested dictionaries of these.
    overwrite
        As in HyperSpy: None asks if the file exists.

    Raises
    ------
    ValueError
        If the suffix is neither ``.hspy`` nor ``.zspy``.
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path)
    if path.suffix not in _SUFFIXES:
        raise ValueError(f"`path` must end in {' or '.join(_SUFFIXES)}, got {path.name!r}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {os.fspath(path.parent)!r} to save into.")
    if path.exists() and not may_overwrite(path, overwrite):
        return
    stored = _without_place(signal)
    stored.metadata.add_dictionary({_NODE: {"kind": kind, "state": _all_without_place(state)}})
    save_whole(stored, path)


def _all_without_place(state: dict[str, Any]) -> dict[str, Any]:
    kept = dict(state)
    for name, value in state.items():
        if isinstance(value, BaseSignal):
            kept[name] = _without_place(value)
        elif isinstance(value, dict):
            kept[name] = _all_without_place(value)
    return kept


def _without_place(signal: BaseSignal) -> BaseSignal:
    """Copy a signal without where it was saved last, a path object that files cannot hold."""
    copy = signal.deepcopy()
    copy.tmp_parameters = DictionaryTreeBrowser()
    return copy


def save_whole(signal: BaseSignal, path: Path) -> None:
    """Save a signal so that the file is complete whenever it exists."""
    with written_whole(path) as temporary:
        signal.save(temporary, overwrite=True)
