"""Along which direction of a phase the beam looks: the net that the spots of a pattern form."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from math import gcd

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.crystals import Net, integer_triples
from hs_nmfcluster.materials.spots import Spots

# Zone axes are tried with indices up to this; beyond, nets are so dense that they index anything.
_HIGHEST = 3
# A spot lies on a reflection within so many standard deviations of its position ...
_WITHIN = 2.0
# ... of which across the radius one is at least so many radians: averages of patterns that were
# turned onto each other are not known better.
_ANGLE = 0.015
# So many of the strongest spots are put onto reflections in turn, one of which is a reflection.
_ANCHORS = 3


@dataclass(frozen=True)
class Zone:
    """How the net of a phase seen along one direction indexes the spots of a pattern.

    Attributes
    ----------
    axis
        Direction ``[uvw]`` of the beam, up to symmetry; also of the mirror image, as nobody knows
        from which side a detector shows its patterns.
    indices
        Miller indices of each spot, ``(n, 3)``; zeros where no reflection lies there.
    deviation
        Root mean square distance of indexed spots from their reflections, as a share of their
        distance from the beam.
    """

    axis: tuple[int, int, int]
    indices: NDArray[np.int64]
    deviation: float

    @property
    def indexed(self) -> NDArray[np.bool_]:
        """Which spots are indexed, ``(n,)``."""
        return np.asarray(self.indices.any(axis=1))

    @property
    def label(self) -> str:
        """The direction as text, like ``[1-10]``."""
        return f"[{''.join(map(str, self.axis))}]"


def count_directions(spots: Spots) -> int:
    """Count the lines through the centre on which spots lie: with two there is an angle to compare.

    Examples
    --------
    >>> count_directions(Spots(np.array([-2.0, 2.0, 4.0]), np.zeros(3), *np.full((3, 3), 0.1)))
    1
    """
    return np.unique(directions(spots)).size


def find_zone(spots: Spots, net: Net, tolerance: float = 0.015) -> Zone | None:
    """Find the direction along which a phase shows a pattern's spots.

    The net that indexes the most spots is taken, of these the one with the fewest reflections that
    it could have shown within the radius of the farthest spot, as dense nets index anything.

    Parameters
    ----------
    spots
        Positions in 1/nm.
    net
        Reflections of the phase.
    tolerance
        Relative uncertainty of the phase's spacings.

    Returns
    -------
    Zone or None
        None where the spots form no net, or no direction indexes two of its directions.

    Examples
    --------
    >>> from hs_nmfcluster.materials.crystals import Cell, net_of
    >>> x, y = np.array([3.066, 0.0, -3.066, 0.0]), np.array([0.0, 3.066, 0.0, -3.066])
    >>> square = Spots(x, y, *np.full((3, 4), 0.01))
    >>> find_zone(square, net_of(Cell(0.3262), 0.2)).label
    '[001]'
    """
    if count_directions(spots) < 2:
        return None
    measured = spots.x + 1j * spots.y
    radial, across = allowed_errors(spots, tolerance)
    strongest = np.argsort(-spots.intensity, kind="stable")[:_ANCHORS]
    best: Zone | None = None
    best_rank = (1.0, 0.0, 0.0)
    reach = float((spots.radius + radial).max())
    for axis, hkl, plane in _planes(net, reach):
        for turned in chain(
            *(
                _onto(measured[k], seen, radial[k])
                for seen in (plane, plane.conj())
                for k in strongest
            )
        ):
            nearest, away = _indexed(measured, turned, radial, across)
            found = nearest >= 0
            if count_directions(spots[found]) < 2:
                continue
            rank = (-float(found.sum()), float(len(plane)), float(away[found].mean()))
            if best is None or rank < best_rank:
                shares = away[found] * radial[found] / spots.radius[found]
                indices = np.where(found[:, None], hkl[nearest], 0)
                deviation = float(np.sqrt(np.mean(shares**2)))
                best, best_rank = Zone(axis, indices, deviation), rank
    return best


def allowed_errors(
    spots: Spots, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each spot may lie from a reflection, along the radius and across it, in 1/nm.

    Parameters
    ----------
    spots, tolerance
        As of `find_zone`.
    """
    radial = np.hypot(_WITHIN * spots.sigma, _WITHIN * tolerance * spots.radius)
    across = np.hypot(_WITHIN * spots.sigma, _WITHIN * _ANGLE * spots.radius)
    return radial, across


def directions(spots: Spots) -> NDArray[np.int64]:
    """Give the line through the centre that each spot lies on a number."""
    azimuth = np.deg2rad(spots.azimuth) % np.pi
    order = np.argsort(azimuth, kind="stable")
    error = _WITHIN * np.hypot(spots.sigma / np.maximum(spots.radius, 1e-12), _ANGLE)
    labels = np.zeros(len(spots), dtype=np.int64)
    steps = np.diff(azimuth[order]) > error[order][1:]
    labels[order[1:]] = np.cumsum(steps)
    if len(spots) and azimuth[order[0]] + np.pi - azimuth[order[-1]] <= error[order[0]]:
        # Directions just below 180° are those just above 0°.
        labels[labels == labels.max(initial=0)] = 0
    return labels


def _planes(
    net: Net, reach: float
) -> Iterator[tuple[tuple[int, int, int], NDArray[np.int64], NDArray[np.complex128]]]:
    """Zone axes, the simplest first, with the reflections that each shows, as x + iy in 1/nm."""
    near = np.linalg.norm(net.vectors, axis=1) <= reach
    hkl, vectors = net.indices[near], net.vectors[near]
    axes = integer_triples(np.full(3, float(_HIGHEST)))
    order = np.lexsort((*axes.T[::-1], (axes < 0).sum(axis=1), np.abs(axes).sum(axis=1)))
    seen: set[tuple[float, ...]] = set()
    for u, v, w in axes[order].tolist():
        if gcd(u, v, w) != 1:
            continue
        inside = hkl @ (u, v, w) == 0
        # Two reflections and their opposites make the smallest net.
        if inside.sum() < 4:
            continue
        beam = np.array([u, v, w]) @ net.basis
        beam /= np.linalg.norm(beam)
        first = vectors[inside][0] / np.linalg.norm(vectors[inside][0])
        second = np.cross(beam, first)
        plane = vectors[inside] @ first + 1j * (vectors[inside] @ second)
        key = _angles(plane)
        if key not in seen:
            seen.add(key)
            yield (u, v, w), hkl[inside], plane


def _angles(plane: NDArray[np.complex128]) -> tuple[float, ...]:
    """Tell nets apart but for turns and mirrors: equivalent and opposite axes show the same net."""
    lengths = np.abs(plane)
    products = np.abs((plane[:, None] * plane.conj()).real)
    pairs = np.stack([np.add.outer(lengths, lengths), products], axis=-1).reshape(-1, 2)
    pairs = np.round(pairs[np.lexsort(np.round(pairs, 4).T)], 3)
    return tuple(pairs.ravel().tolist())


def _onto(
    spot: complex, plane: NDArray[np.complex128], error: float
) -> Iterator[NDArray[np.complex128]]:
    """Turn a net so that one of its reflections lies on a spot's direction, for each that may."""
    for reflection in plane[np.abs(np.abs(plane) - abs(spot)) <= error]:
        turn = spot / abs(spot) / (reflection / abs(reflection))
        yield plane * turn


def _indexed(
    measured: NDArray[np.complex128],
    turned: NDArray[np.complex128],
    radial: NDArray[np.float64],
    across: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Nearest reflection of each spot, −1 where none is within the errors, and how far it is."""
    away = (turned[None] - measured[:, None]) * (measured.conj() / np.abs(measured))[:, None]
    distance = np.hypot(away.real / radial[:, None], away.imag / across[:, None])
    nearest = distance.argmin(axis=1)
    least = distance[np.arange(len(measured)), nearest]
    return np.where(least <= 1.0, nearest, -1), least
