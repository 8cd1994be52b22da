"""Patterns as they were measured, to be held against what was made of them."""

from typing import Any

import dask
import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.engine.sources import dense
from hs_nmfcluster.report.packing import in_bytes, packed
from hs_nmfcluster.report.subject import Sizes
from hs_nmfcluster.scan.binning import binned

# Bytes of all patterns together; pixels along a side, fewer of which show no spots; the most.
_MOST_BYTES, _FEWEST, _LARGEST = 3_000_000, 40, 128
# Particles whose pattern is kept where not all positions can be.
_MOST_PARTICLES = 120


def measured_patterns(
    signal: BaseSignal, sizes: Sizes | None, analysed: NDArray[np.bool_]
) -> dict[str, Any] | None:
    """Keep the patterns of all positions of a small scan, of a large one those of its particles.

    Parameters
    ----------
    signal
        The scan. Only what is kept is read of lazy data.
    sizes
        Its particles.
    analysed
        ``(n_v, n_u)`` of bool. What lies outside, as the direct beam, is drawn no brighter than
        the brightest pixel inside.

    Returns
    -------
    dict or None
        None where neither is to be had.
    """
    data = signal.data
    if data.ndim != 4:
        return None
    rows, columns = data.shape[:2]
    side = int(np.sqrt(_MOST_BYTES / (rows * columns)))
    places = np.arange(rows * columns) if side >= _FEWEST else _of_particles(sizes, rows, columns)
    if not places.size:
        return None
    side = min(max(int(np.sqrt(_MOST_BYTES / places.size)), _FEWEST), _LARGEST)
    step = -(-max(data.shape[2:]) // side)
    scaled, _ = in_bytes(_read(data, places, step, analysed))
    return {"places": places.tolist(), "patterns": packed(scaled), "step": step}


def _of_particles(sizes: Sizes | None, rows: int, columns: int) -> NDArray[np.int64]:
    """Positions nearest to the middles of the particles, as flat indices."""
    # Of several scans nobody knows here which one the signal is.
    if sizes is None or hasattr(sizes, "scans"):
        return np.empty(0, dtype=np.int64)
    found = [
        (round(p.y / abs(sizes.pixel.y)), round(p.x / abs(sizes.pixel.x)))
        for group in sizes
        for p in group.particles
    ][:_MOST_PARTICLES]
    inside = [(y, x) for y, x in found if 0 <= y < rows and 0 <= x < columns]
    return np.unique([y * columns + x for y, x in inside]).astype(np.int64)


def _read(
    data: Any, places: NDArray[np.int64], step: int, analysed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    columns = data.shape[1]
    frames = [data[place // columns, place % columns] for place in places.tolist()]
    measured = (dense(frame).astype(float) for frame in dask.compute(*frames))
    return np.stack([binned(_dimmed(frame, analysed), step) for frame in measured])


def _dimmed(frame: NDArray[np.float64], analysed: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.minimum(frame, np.nanmax(frame[analysed])) if analysed.any() else frame
