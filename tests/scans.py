"""Small scans of known make, and a comparison of results, for several test modules."""

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster import Factorization, LazyNMFDiffraction2D, NMFDiffraction2D

SHAPE = (5, 6, 7, 9)
# How a scan of this shape may come out of a reader.
CHUNKS: dict[str, tuple] = {
    "one giant": SHAPE,
    "single patterns": (1, 1, 7, 9),
    "both scan axes": (2, 4, 7, 9),
    "detector axes": (5, 6, 3, 4),
    "all axes": (3, 2, 4, 5),
    "tiny": (1, 1, 2, 2),
    "uneven": ((1, 4), (5, 1), (6, 1), (2, 7)),
}


def n_blocks(chunks: tuple) -> int:
    """Number of blocks of a scan of `SHAPE` in these chunks, none of which is put to another."""
    return int(np.prod([len(sizes) for sizes in da.core.normalize_chunks(chunks, SHAPE)[:2]]))


def counts(
    shape: tuple[int, ...] = SHAPE, *, k: int = 3, level: float = 40.0, seed: int = 0
) -> NDArray[np.int64]:
    """Counts of a mixture of k sparse patterns with Poisson noise, ``(*scan, n_v, n_u)``."""
    rng = np.random.default_rng(seed)
    positions, pixels = int(np.prod(shape[:-2])), int(np.prod(shape[-2:]))
    maps = rng.random((positions, k)) ** 3
    patterns = rng.random((k, pixels)) ** 3
    return rng.poisson(level * maps @ patterns).reshape(shape)


def signal(data: NDArray, chunks: tuple | None = None) -> NMFDiffraction2D:
    """Signal of an array, lazy if chunks are given."""
    if chunks is None:
        return NMFDiffraction2D(data)
    return LazyNMFDiffraction2D(da.from_array(data, chunks=chunks))


def decompose(s: NMFDiffraction2D, n_components: int = 3, **kwargs: object) -> Factorization:
    """A short run of the paper's procedure that says nothing, on all pixels."""
    settings = {
        "restarts": 2,
        "max_iterations": 8,
        "tolerance": 1e-12,
        "compression": None,
        "signal_mask": None,
        "corrections": None,
        "random_state": 7,
        "print_info": False,
        "show_progressbar": False,
    }
    return s.decompose_als_nmf(n_components, **(settings | kwargs))


def assert_same(a: Factorization, b: Factorization, rtol: float = 1e-9) -> None:
    """Same numbers up to rounding, whatever the signal looked like."""
    for x, y in (
        (a.patterns.data, b.patterns.data),
        (a.maps.data, b.maps.data),
        (a.position_mse, b.position_mse),
        (a.stability, b.stability),
        (a.restart_mse, b.restart_mse),
        (np.concatenate(a.history), np.concatenate(b.history)),
        (np.array([a.mse]), np.array([b.mse])),
    ):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * np.nanmax(np.abs(y), initial=0))
    np.testing.assert_array_equal(a.detector_mask, b.detector_mask)
    assert (a.best_restart, a.passes, a.center) == (b.best_restart, b.passes, b.center)


class Watcher:
    """Progress that takes down what it is told."""

    def __init__(self):
        self.passes, self.n_bytes, self.said, self.expected = 0.0, 0, [], []

    def expect(self, passes):
        self.expected.append(self.passes + passes)

    def advance(self, share, n_bytes, seconds):
        assert seconds >= 0
        self.passes += share
        self.n_bytes += n_bytes

    def say(self, message):
        self.said.append(message)


def tight(s: NMFDiffraction2D, n_components: int, **settings: object) -> dict[str, int]:
    """Argument that leaves no room to keep lazy data: they are read in every pass."""
    short = settings | {"max_iterations": 1}
    return {"max_memory": decompose(s, n_components, **short).settings["memory_estimate"]}


def assert_bar_ended(printed: str, found: Factorization) -> str:
    """Check the last line of the bar of a decomposition, and return it."""
    last = printed.replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("ALS-NMF: 100%")
    assert f"pass {found.passes:.1f} of about {found.passes}, " in last
    return last
