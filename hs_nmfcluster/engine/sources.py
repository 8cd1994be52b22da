"""Where the chunks of a dask array come from: files that any process can open, dense arrays."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from dask.highlevelgraph import HighLevelGraph
from numpy.typing import NDArray

from hs_nmfcluster.lazy import imported


class StoredDataset:
    """An HDF5 dataset that is opened where it is read.

    One that is open cannot be sent to another process, and where h5py's name of its file is
    relative, a worker in another folder would look for it there.

    Parameters
    ----------
    dataset
        Of a file on disk, open.
    """

    def __init__(self, dataset: Any) -> None:
        self._path = str(Path(dataset.file.filename).resolve())
        self._name = dataset.name
        self._filters = "hdf5plugin" in sys.modules
        self.shape, self.dtype, self.ndim = dataset.shape, dataset.dtype, dataset.ndim

    def __getitem__(self, index: Any) -> NDArray:
        if self._filters:
            imported("hdf5plugin")
        with imported("h5py").File(self._path, "r") as file:
            return np.asarray(file[self._name][index])


def plain(data: da.Array) -> da.Array:
    """Return the same data such that any process can read them, in chunks that NumPy knows.

    Parameters
    ----------
    data
        Of open HDF5 files, or in chunks of another kind such as ``sparse.COO`` (event data), which
        are made dense one by one when they are needed.
    """
    data = _detached(data)
    # What it says may be wrong: whoever takes the numbers of a chunk makes it `dense` all the same.
    if isinstance(data._meta, np.ndarray):
        return data
    meta = np.empty((0,) * data.ndim, data.dtype)
    return da.map_blocks(dense, data, dtype=data.dtype, meta=meta)


def dense(block: Any) -> NDArray:
    """Make an array that NumPy knows."""
    return np.asarray(block.todense() if hasattr(block, "todense") else block)


def _detached(data: da.Array) -> da.Array:
    # Whoever has opened a file by it has imported it.
    h5py = sys.modules.get("h5py")
    if h5py is None:
        return data
    graph = data.dask
    stored = {
        name: {key: StoredDataset(value)}
        for name, layer in graph.layers.items()
        for key, value in _only_item(layer)
        if isinstance(value, h5py.Dataset) and Path(value.file.filename).is_file()
    }
    if not stored:
        return data
    layers = {name: stored.get(name, layer) for name, layer in graph.layers.items()}
    return da.Array(
        HighLevelGraph(layers, graph.dependencies), data.name, data.chunks, meta=data._meta
    )


def _only_item(layer: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Give what a layer holds if it is one thing: what `dask.array.from_array` was given."""
    # Blocks of others are not to be made here, only to count them.
    mapping = getattr(layer, "mapping", layer)
    return list(mapping.items()) if isinstance(mapping, dict) and len(mapping) == 1 else []
