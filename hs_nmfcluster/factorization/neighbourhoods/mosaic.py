"""A scan factorized in neighbourhoods: sizes chosen, windows worked on, pieces joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.neighbourhoods import first_look
from hs_nmfcluster.factorization.neighbourhoods.assembly import Joined, Windows
from hs_nmfcluster.factorization.neighbourhoods.joining import same_crystal
from hs_nmfcluster.factorization.neighbourhoods.local import (
    Found,
    NotFiniteError,
    Plan,
    factorize_tile,
)
from hs_nmfcluster.factorization.neighbourhoods.tiling import Tiling

# A window is so many diameters of a particle wide, within these limits: a window that is larger
# holds more noise and more crystals that its singular vectors mix, one that is smaller has fewer
# positions without a crystal to tell it from.
_DIAMETERS, _LEAST_SIDE, _MOST_SIDE = 4.5, 20, 40
# Of a scan along one line, positions of a window for each diameter, and their limits.
_DIAMETERS_IN_LINE, _LEAST_LENGTH, _MOST_LENGTH = 20, 200, 1024
# Particles are taken to be so large where the first look shows none, and windows to overlap by this
# more than a particle, so that each lies in one window whole.
_USUAL, _ROOM = 5.0, 1
# Bytes that a window's patterns may take in float64, of which two copies are made.
_MOST_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class Mosaic:
    """A scan that was factorized in neighbourhoods.

    Parameters
    ----------
    joined
        What each window found, and which pieces are of one crystal.
    shared, pixel_weights
        Mean pattern of the scan, and how its pixels were weighted, ``(n_pixels,)``.
    mean_square
        Mean of the squared data, over the kept positions and pixels.
    passes
        Passes over the data made so far.
    """

    joined: Joined
    shared: NDArray[np.float64]
    pixel_weights: NDArray[np.float64] | None
    mean_square: float
    passes: int


def choose_tiling(
    matrix: ScanMatrix,
    size: tuple[int, ...] | None,
    overlap: tuple[int, ...] | None,
    pixel_weights: NDArray[np.float64] | None,
    job: Job,
) -> tuple[Tiling, tuple[float | None, ...]]:
    """Choose windows by the size of the particles, as a first look at a few places shows it.

    Parameters
    ----------
    matrix
        The scan.
    size
        Of the windows in array order, if it was given.
    overlap
        Of windows of this size, if that was given as well: then there is nothing to look at.
    pixel_weights
        As of a `Plan`.
    job
        Makes the pass.

    Returns
    -------
    Tiling
    tuple
        Diameter of the particles along the axes that windows divide, in positions; None where
        nothing was seen.
    """
    kept = first_look.kept_positions(matrix)
    if size is not None and overlap is not None:
        series = kept.ndim - len(size)
        shared_each = overlap * len(size) if len(overlap) == 1 else overlap
        tiling = Tiling(kept.shape, (1,) * series + size, (0,) * series + shared_each)
        return tiling, (None,) * len(size)
    looked_at = first_look.places(kept.shape, first_look.MEASURED_SIDE)
    windows = [first_look.flat_positions(kept, window) for window in looked_at]
    windows = [positions for positions in windows if len(positions) > 1]
    seen: tuple[float | None, ...] = (None,) * min(kept.ndim, 2)
    if windows:
        looking = matrix.regrouped([windows])
        found = job.once(
            "first look",
            lambda: job.visit(looking, first_look.correlations, kept.shape, pixel_weights),
        )
        seen = first_look.structure_sizes(found)
    diameters: list[float] = [_USUAL if one is None else one for one in seen]
    chosen = _default_size(diameters, matrix.n_pixels) if size is None else size
    # Axes before the last two are series, of time or tilt: nothing is shared along them.
    whole = (1,) * (kept.ndim - len(chosen)) + tuple(chosen)
    shared = [0] * (kept.ndim - len(diameters))
    for along, diameter in zip(whole[-len(diameters) :], diameters, strict=True):
        shared.append(min(ceil(diameter) + _ROOM, along // 2))
    tiling = Tiling(kept.shape, whole, tuple(shared))
    return (tiling.fitted() if size is None else tiling), seen


def check_size(size: tuple[int, ...], scan_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Size of windows along the last axes of a scan, from one for each or for all of them.

    Parameters
    ----------
    size
        As it was asked for, in array order.
    scan_shape
        Of the scan.

    Raises
    ------
    ValueError
        If the scan has fewer axes, or so few positions tell no component.

    Examples
    --------
    >>> check_size((24,), (100, 200))
    (24, 24)
    """
    if len(size) > len(scan_shape):
        raise ValueError(
            f"`tiles` is {' × '.join(map(str, size[::-1]))}, but the scan has one axis: give one "
            "number of positions."
        )
    size = size * min(len(scan_shape), 2) if len(size) == 1 else size
    held = prod(min(pair) for pair in zip(size[::-1], scan_shape[::-1], strict=False))
    # A scan that is smaller is one window.
    least = min(first_look.POSITIONS_A_COMPONENT, prod(scan_shape[-len(size) :]))
    if held < least:
        raise ValueError(
            f"`tiles` of {' × '.join(map(str, size[::-1]))} hold {held} positions of this scan, "
            f"which are too few to tell a component from noise: at least {least}."
        )
    return size


def _default_size(diameters: Sequence[float], n_pixels: int) -> tuple[int, ...]:
    if len(diameters) == 1:
        length = _DIAMETERS_IN_LINE * diameters[0]
        return (int(min(max(length, _LEAST_LENGTH), _MOST_LENGTH)),)
    sides: list[float] = [min(max(_DIAMETERS * d, _LEAST_SIDE), _MOST_SIDE) for d in diameters]
    # Large patterns leave room for fewer positions.
    shrink = min((_MOST_BYTES / (8 * n_pixels * prod(sides))) ** 0.5, 1.0)
    return tuple(max(ceil(shrink * side), _LEAST_SIDE // 2) for side in sides)


def most_components(tiling: Tiling) -> int:
    """Components that a window of a tiling may have at most."""
    held = zip(tiling.size, tiling.scan_shape, strict=True)
    positions = int(np.prod([min(size, n) for size, n in held]))
    return max(ceil(positions / first_look.POSITIONS_A_COMPONENT), 2)


def factorize_in_tiles(
    matrix: ScanMatrix,
    tiling: Tiling,
    plan: Plan,
    shared: NDArray[np.float64],
    job: Job,
) -> Mosaic:
    """Factorize every window and join what they found, in one pass over the data.

    Parameters
    ----------
    matrix
        The scan.
    tiling
        The windows.
    plan
        How each is factorized.
    shared
        Mean pattern of the scan, ``(n_pixels,)``.
    job
        Makes the pass.

    Raises
    ------
    ValueError
        For NaN and infinite values, naming the position.
    """
    kept = first_look.kept_positions(matrix)
    groups, tiles = [], []
    for group in tiling.groups():
        of_tiles = [(tile, first_look.flat_positions(kept, tile.window)) for tile in group]
        of_tiles = [(tile, positions) for tile, positions in of_tiles if len(positions)]
        groups.append([positions for _, positions in of_tiles])
        tiles += [tile for tile, _ in of_tiles]
    in_tiles = matrix.regrouped(groups)
    job.say(f"{len(tiles)} neighbourhoods")
    job.expect(1)
    shelf = job.shelf("patterns")
    try:
        found: Found = job.once(
            "neighbourhoods",
            lambda: job.visit(
                in_tiles, factorize_tile, plan, put_aside=lambda some: some.put_aside(shelf)
            ),
        )
    except NotFiniteError as error:
        where = np.unravel_index(error.args[0], kept.shape)[::-1]
        raise ValueError(
            "The data hold NaN or infinite values, first at position "
            f"{tuple(int(i) for i in where)}. Leave it out with `navigation_mask` or its pixels "
            "with `signal_mask`, or replace them, for instance with `s.map(np.nan_to_num)`."
        ) from error
    squares = np.zeros(kept.size)
    for pieces in found.of_tiles:
        squares[pieces.positions] = pieces.squares
    weights = plan.settings.pixel_weights
    windows = Windows(tiling, tiles, found.of_tiles, kept, shelf)
    return Mosaic(
        Joined(windows, same_crystal(windows, shared, weights)),
        shared,
        weights,
        float(squares.sum()) / matrix.size,
        job.passes,
    )
