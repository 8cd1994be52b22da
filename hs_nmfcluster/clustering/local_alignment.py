"""Maps of small parts of a scan, shifted onto each other without the rest of it."""

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import follow
from hs_nmfcluster.clustering.alignable import ShiftableMaps
from hs_nmfcluster.clustering.correlation import translated
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

# A map that reaches farther along an axis of the scan is of no particle, and is not shifted.
_FARTHEST = 128
# Positions around a window that interpolation reaches.
_AROUND = 3


def local_displacements(
    maps: LocalMaps, linkage: NDArray[np.float64], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How far the map of each component lies from that of the first of its group.

    Parameters
    ----------
    maps
        Of the components.
    linkage, kept
        As of :func:`~hs_nmfcluster.clustering.cuts.displacements`.

    Returns
    -------
    numpy.ndarray
        ``(n, n_scan_axes)`` in scan pixels; 0 for maps that reach far over the scan, and for all of
        a group whose first does.
    """
    shapes = np.array([one.values.shape for one in maps])
    small = np.asarray((shapes <= _FARTHEST).all(axis=1))
    common = shapes[small].max(axis=0, initial=1)
    windows = np.full((len(maps), *common), np.nan)
    for k in np.flatnonzero(small).tolist():
        one = maps.maps[k]
        windows[k][tuple(slice(n) for n in one.values.shape)] = one.values
    shifts = follow(ShiftableMaps(windows), linkage, kept)
    apart = cuts.displacements(linkage, shifts, kept)
    starts = np.array([one.start for one in maps], dtype=np.float64)
    for group in cuts.members(linkage, kept):
        apart[group] += starts[group] - starts[group[0]]
        shifted = small[group] & small[group[0]]
        apart[group[~shifted]] = 0.0
    return apart


def local_average(
    maps: LocalMaps, members: NDArray[np.intp], displacements: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of some maps after each has been shifted, seen in the mean of their frames.

    Parameters
    ----------
    maps
        Of the components.
    members
        Which of them.
    displacements
        Of all components, which the shifts undo; the whole-pixel part of their mean is left.

    Returns
    -------
    numpy.ndarray
        ``scan_shape``; what lies beyond the scan counts as zero.
    """
    shifts = -displacements[members]
    moves = shifts - np.round(shifts.mean(axis=0))
    total = np.zeros(maps.left_out.shape)
    for k, move in zip(members.tolist(), moves, strict=True):
        _add(total, maps.maps[k], move)
    return total / len(members)


def _add(total: NDArray[np.float64], one: LocalMap, move: NDArray[np.float64]) -> None:
    """Add a map, shifted, to what there is on the scan."""
    whole = np.floor(move).astype(np.int64)
    values = np.pad(np.nan_to_num(one.values.astype(np.float64)), _AROUND)
    if (move != whole).any():
        values = translated(values, move - whole)
    start = one.start + whole - _AROUND
    low = np.maximum(start, 0)
    high = np.minimum(start + values.shape, total.shape)
    if (high > low).all():
        inside = tuple(slice(a, b) for a, b in zip(low - start, high - start, strict=True))
        total[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] += values[inside]
