"""How often a phase would explain a net of spots that is none of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.crystals import Net
from hs_nmfcluster.materials.spots import Spots
from hs_nmfcluster.materials.zones import allowed_errors, directions

# Random nets, how far their sides lie from the measured ones at most (logarithm), and their angle.
_DRAWS, _SPREAD, _TURN = 1000, 0.15, 15.0
# Angles of nets of high symmetry.
_SPECIAL = (60.0, 90.0)


@dataclass(frozen=True)
class Mesh:
    """Two spots that span a net: all others follow from them.

    Attributes
    ----------
    sides, side_errors
        Distances of the two from the beam, the shorter one first, and what a reflection may be off.
    angle, angle_error
        Angle between the lines on which they lie, in degrees from 0 to 90, and the same of it.
    """

    sides: NDArray[np.float64]
    side_errors: NDArray[np.float64]
    angle: float
    angle_error: float


def mesh_of(spots: Spots, tolerance: float) -> Mesh:
    """Take the two shortest spots of a net that lie in different directions.

    Parameters
    ----------
    spots
        In more than one direction, positions in 1/nm.
    tolerance
        Relative uncertainty of a phase's spacings.

    Examples
    --------
    >>> spots = Spots(np.array([2.0, 0.0, 2.0]), np.array([0.0, 1.0, 1.0]), *np.full((3, 3), 0.01))
    >>> mesh_of(spots, 0.015).sides, round(mesh_of(spots, 0.015).angle)
    (array([1., 2.]), 90)
    """
    order = np.argsort(spots.radius, kind="stable")
    lines = directions(spots)[order]
    first, second = order[0], order[np.flatnonzero(lines != lines[0])[0]]
    radial, across = allowed_errors(spots, tolerance)
    both = np.array([first, second])
    turned = np.hypot(*(across[both] / spots.radius[both]))
    between = abs(spots.azimuth[second] - spots.azimuth[first]) % 180.0
    return Mesh(
        spots.radius[both],
        radial[both],
        float(min(between, 180.0 - between)),
        float(np.rad2deg(turned)),
    )


def random_nets_explained(meshes: Sequence[Mesh], nets: Sequence[Net]) -> NDArray[np.bool_]:
    """Which random nets like each measured one some phases explain, ``(n_phases, n_nets, draws)``.

    Random nets are as large and about as oblique as the measured; nets of equal sides, of right
    angles and of 60° stay so, as many crystals have them.

    Parameters
    ----------
    meshes
        Of measured nets.
    nets
        The phases.

    Examples
    --------
    >>> from hs_nmfcluster.materials.crystals import Cell, net_of
    >>> gold = net_of(Cell(0.408, space_group="F m -3 m"), 0.1)
    >>> oblique = Mesh(np.array([4.25, 6.93]), np.array([0.08, 0.13]), 72.5, 2.0)
    >>> explained = random_nets_explained([oblique], [gold])
    >>> explained.shape, bool(explained.mean() < 0.03)
    ((1, 1, 1000), True)
    """
    explained = np.zeros((len(nets), len(meshes), _DRAWS), dtype=bool)
    for number, mesh in enumerate(meshes):
        drawn = list(_drawn(mesh, np.random.default_rng(number)))
        for phase, net in enumerate(nets):
            explained[phase, number] = _explained(net, mesh, drawn)
    return explained


def chance_of_net(explained: NDArray[np.bool_], best: int) -> float:
    """Chance that a random net is explained by some phase which says as much as the best one.

    A phase that explains more of them, as large cells do, says less: that it is among the
    candidates takes nothing from what another one says.

    Parameters
    ----------
    explained
        Which random nets each phase explains, ``(n_phases, draws)``.
    best
        Number of the phase that explains the measured net.

    Examples
    --------
    >>> explained = np.zeros((2, 99), dtype=bool)
    >>> explained[0, :2] = explained[1, 20:] = True
    >>> chance_of_net(explained, 0), chance_of_net(explained, 1)
    (0.03, 0.82)
    """
    number = explained.sum(axis=1)
    as_telling = explained[number <= number[best]].any(axis=0)
    return float((1 + as_telling.sum()) / (1 + explained.shape[1]))


def _drawn(mesh: Mesh, rng: np.random.Generator) -> Iterator[tuple[float, float, float]]:
    """Sides and angle of random nets."""
    short, long = mesh.sides
    moves = rng.uniform(-_SPREAD, _SPREAD, (_DRAWS, 2))
    if long - short <= np.hypot(*mesh.side_errors):
        moves[:, 1] = moves[:, 0]
    turns = rng.uniform(-_TURN, _TURN, _DRAWS)
    if any(abs(mesh.angle - special) <= mesh.angle_error for special in _SPECIAL):
        turns[:] = 0.0
    for (first, second), turn in zip(np.exp(moves), turns, strict=True):
        angle = abs(mesh.angle + turn)
        yield short * first, long * second, min(angle, 180.0 - angle)


def _explained(
    net: Net, mesh: Mesh, drawn: Sequence[tuple[float, float, float]]
) -> NDArray[np.bool_]:
    """Whether two reflections of a phase span each of some nets."""
    # One of each pair of opposite reflections.
    vectors = net.vectors[: len(net.vectors) // 2]
    lengths = np.linalg.norm(vectors, axis=1)
    found = np.zeros(len(drawn), dtype=bool)
    for number, (short, long, angle) in enumerate(drawn):
        first = vectors[np.abs(lengths - short) <= mesh.side_errors[0] * short / mesh.sides[0]]
        second = vectors[np.abs(lengths - long) <= mesh.side_errors[1] * long / mesh.sides[1]]
        if len(first) and len(second):
            norms = np.linalg.norm(first, axis=1)[:, None] * np.linalg.norm(second, axis=1)
            between = np.rad2deg(np.arccos(np.clip(np.abs(first @ second.T) / norms, 0.0, 1.0)))
            found[number] = (np.abs(between - angle) <= mesh.angle_error).any()
    return found
