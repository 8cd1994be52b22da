"""The strongest components at each position, for a map that can be recoloured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.local_maps import LocalMaps

# Components that are remembered of a position.
DEPTH = 4
NOBODY = 65535


@dataclass(frozen=True)
class Layers:
    """The strongest components at each position of a map, which may be coarser than the scan.

    Parameters
    ----------
    components
        ``(depth, rows, columns)``, the strongest first; `NOBODY` where there is none.
    heights
        Likewise: the component's map there, 0 to 255 for its brightest position.
    peaks
        Map of each component at its brightest position, ``(n,)``.
    spread
        Mean of each component's map over its peak, ``(n,)``.
    step
        Positions of the scan along a side of a pixel.
    """

    components: NDArray[np.uint16]
    heights: NDArray[np.uint8]
    peaks: NDArray[np.float64]
    spread: NDArray[np.float64]
    step: int


def strongest(maps: NDArray, longest: int) -> Layers:
    """Find the strongest components at each position.

    Parameters
    ----------
    maps
        Map of each component, ``(n, *scan_shape)``, also lazily. Of more than two scan axes the
        leading ones are summed; a line is one row.
    longest
        Pixels along the longer side, at most.

    Examples
    --------
    >>> maps = np.zeros((2, 3, 3))
    >>> maps[0], maps[1, 1, 1] = 1.0, 2.0
    >>> found = strongest(maps, 10)
    >>> found.components[0].tolist()
    [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    """
    local = LocalMaps.known(maps)
    plane = (1, 1, *local.left_out.shape)[-2:]
    step = -(-max(plane) // longest)
    rows, columns = (-(-n // step) for n in plane)
    values = np.zeros((DEPTH, rows, columns))
    owners = np.full((DEPTH, rows, columns), NOBODY, dtype=np.uint16)
    peaks, spread = np.zeros((2, len(local)))
    for number, one in enumerate(local):
        image = np.nan_to_num(one.values.astype(np.float64))
        image = image.reshape(1, -1) if image.ndim < 2 else image
        image = image.reshape(-1, *image.shape[-2:]).sum(axis=0)
        place, binned = _binned(image, (0, 0, *one.start)[-2:], step)
        peaks[number] = binned.max(initial=0.0)
        spread[number] = binned.sum() / (rows * columns * (peaks[number] or 1.0))
        _insert(values[:, place[0], place[1]], owners[:, place[0], place[1]], binned, number)
    with np.errstate(invalid="ignore"):
        shares = values / np.where(owners == NOBODY, 1.0, peaks[np.minimum(owners, len(peaks) - 1)])
    heights = np.rint(255 * np.clip(np.nan_to_num(shares), 0, 1)).astype(np.uint8)
    return Layers(owners, heights, peaks, spread, step)


def _binned(
    image: NDArray[np.float64], start: tuple[int, ...], step: int
) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """Mean of a window of a map in coarser pixels, and which pixels these are."""
    first = [s // step for s in start]
    pad = [
        (s - f * step, -(s + n) % step) for s, f, n in zip(start, first, image.shape, strict=True)
    ]
    whole = np.pad(image, pad)
    rows, columns = (n // step for n in whole.shape)
    binned = whole.reshape(rows, step, columns, step).mean(axis=(1, 3))
    return (slice(first[0], first[0] + rows), slice(first[1], first[1] + columns)), binned


def _insert(
    values: NDArray[np.float64],
    owners: NDArray[np.uint16],
    image: NDArray[np.float64],
    number: int,
) -> None:
    """Put a component where it belongs among the strongest; views are changed in place."""
    own, owner = image.copy(), np.full(image.shape, number, dtype=np.uint16)
    for value, holder in zip(values, owners, strict=True):
        above = own > value
        value[above], own[above] = own[above], value[above]
        holder[above], owner[above] = owner[above], holder[above]
