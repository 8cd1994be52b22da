"""Arrays put aside: there again as they were, in memory, in a file, after the process."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest

from hs_nmfcluster.engine import job as jobs
from hs_nmfcluster.engine import shelf as shelves
from hs_nmfcluster.engine.checkpoint import Checkpoint
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.shelf import Shelf, ShelfError

# A disk without room.
FULL = Path("/dev/full")


def arrays():
    rng = np.random.default_rng(0)
    shapes = [(3, 50), (0, 50), (7,), (), (2, 3, 4)]
    dtypes = ["f2", "f2", ">u4", "f8", "i1"]
    return [rng.integers(0, 9, s).astype(d) for s, d in zip(shapes, dtypes, strict=True)]


@pytest.mark.parametrize("room", [0, 200, 2**20])
def test_in_memory_and_in_a_file(monkeypatch, room):
    monkeypatch.setattr(shelves, "ROOM", room)
    shelf = Shelf()
    places = []
    for array in arrays():
        places.append(shelf.put(array))
        np.testing.assert_array_equal(shelf.get(places[0]), arrays()[0])
    for place, array in zip(places, arrays(), strict=True):
        np.testing.assert_array_equal(shelf.get(place), array)
        assert shelf.get(place).dtype == array.dtype


def test_by_many_threads(monkeypatch):
    monkeypatch.setattr(shelves, "ROOM", 10_000)
    shelf = Shelf()

    def there_and_back(i):
        place = shelf.put(np.full(100 + i, i))
        return (shelf.get(place) == i).all() and place.shape == (100 + i,)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(there_and_back, range(200)))


def test_outlasts_the_process(tmp_path):
    first = Checkpoint(tmp_path, {"seed": 1})
    places = [first.shelf("rows").put(array) for array in arrays()]
    first.keep("places", places)
    again = Checkpoint(tmp_path, {"seed": 1})
    shelf = again.shelf("rows")
    more = shelf.put(np.arange(4))
    for place, array in zip(again.recall("places"), arrays(), strict=True):
        np.testing.assert_array_equal(shelf.get(place), array)
    np.testing.assert_array_equal(shelf.get(more), np.arange(4))


@pytest.mark.skipif(not FULL.exists(), reason="no such thing on this system")
def test_full():
    with pytest.raises(ShelfError, match=r"full. cannot be written: No space left"):
        Shelf(FULL).put(np.arange(4))


def test_lost(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"seed": 1})
    place = checkpoint.shelf("rows").put(np.arange(4))
    (tmp_path / "rows.bin").unlink()
    with pytest.raises(ShelfError, match=r"rows\.bin' is shorter than it was.*Remove the folder"):
        checkpoint.shelf("rows").get(place)


@dataclass(frozen=True)
class Parts:
    held: tuple

    def __add__(self, other):
        return Parts(self.held + other.held)


def test_what_is_put_aside_is_not_kept_in_memory(monkeypatch):
    """A pass hands over the result of every part, and keeps what it is given in its place."""
    monkeypatch.setattr(jobs, "_BLOCKS_AT_A_TIME", 1)
    data = da.from_array(np.arange(24.0).reshape(6, 1, 2, 2), chunks=(1, 1, 2, 2))
    shelf, parts = Shelf(), []

    def put_aside(found):
        parts.append(len(found.held))
        return Parts(tuple(shelf.put(rows) for rows in found.held))

    with dask.config.set(num_workers=2):
        scan = ScanMatrix.from_array(data, chunk_bytes=1)
        found = jobs.Job().visit(scan, lambda rows, _: Parts((rows[:],)), put_aside=put_aside)
    rows = [shelf.get(place) for place in found.held]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(24.0).reshape(6, 4))
    assert len(parts) > 1
    assert sum(parts) == len(scan.blocks)
