"""Where the particles of a simulated specimen lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.profiles import FWHM
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation.chunks import position_generator
from hs_nmfcluster.simulation.patterns import soft_disc
from hs_nmfcluster.simulation.truth import AMORPHOUS, Truth


class Family(Protocol):
    """What a particle needs to know of its family."""

    @property
    def name(self) -> str:
        """Name of the family."""

    @property
    def symmetry(self) -> int:
        """Order of the rotation axis of its pattern."""

    def lattice_spacings(self, largest: float) -> tuple[float, ...]:
        """Spacings in nm of its spots up to a spatial frequency in 1/nm, largest first."""


@dataclass(frozen=True)
class Particle:
    """One crystalline particle.

    Attributes
    ----------
    family
        Name of its family.
    angle
        In-plane angle in degrees.
    position
        Centre ``(x, y)`` in scan pixels.
    diameter
        In nm.
    fraction
        Share of the scattered electrons that it takes in its middle.
    """

    family: str
    angle: float
    position: tuple[float, float]
    diameter: float = 7.0
    fraction: float = 0.05


def particle_map(
    particle: Particle, scan_shape: tuple[int, ...], scan_step: float, probe_width: float
) -> NDArray[np.float64]:
    """Share of the scattered electrons that one particle takes, over the scan.

    Parameters
    ----------
    particle
        The particle; a disc whose edge the probe blurs. A scan of one axis runs along ``y = 0``.
    scan_shape
        One to three axes in array order; the last two are y and x. A first of three axes is a
        repetition (a tilt, a time) in which the particle stays.
    scan_step
        In nm.
    probe_width
        Full width of the probe at half maximum in nm.

    Returns
    -------
    share
        Shape `scan_shape`.
    """
    share = np.zeros(scan_shape)
    near, x, y = surroundings(particle, scan_shape, scan_step, 4 * probe_width)
    edge = probe_width / FWHM
    share[near] = particle.fraction * soft_disc(np.hypot(x, y), particle.diameter / 2, edge)
    return share


def surroundings(
    particle: Particle, scan_shape: tuple[int, ...], scan_step: float, reach: float
) -> tuple[tuple[slice, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Positions around a particle.

    Parameters
    ----------
    particle
        The particle.
    scan_shape, scan_step
        The scan and its step in nm.
    reach
        Distance in nm from the particle's surface up to which positions count.

    Returns
    -------
    near
        Slices of the scan that hold them.
    x, y
        Their distances from the particle's centre in nm along x, shape ``(1, n_x)``, and y,
        shape ``(n_y, 1)``; each has one axis in a scan of one axis.
    """
    radius = (particle.diameter / 2 + reach) / scan_step
    centers = (*particle.position[::-1],) if len(scan_shape) > 1 else particle.position[:1]
    near: list[slice] = [slice(None)] * (len(scan_shape) - len(centers))
    distances = []
    for center, size in zip(centers, scan_shape[-len(centers) :], strict=True):
        first = int(np.clip(np.floor(center - radius), 0, size))
        last = int(np.clip(np.ceil(center + radius) + 1, first, size))
        near.append(slice(first, last))
        distances.append(scan_step * (np.arange(first, last, dtype=np.float64) - center))
    if len(centers) == 1:
        off_line = np.full_like(distances[0], scan_step * particle.position[1])
        return tuple(near), distances[0], off_line
    y, x = np.meshgrid(*distances, indexing="ij", sparse=True)
    return tuple(near), x, y


def distinct_components(
    particles: Sequence[Particle], families: Sequence[Family]
) -> tuple[list[tuple[str, float]], NDArray[np.int64]]:
    """Sort out which particles give the same pattern.

    Parameters
    ----------
    particles
        The particles.
    families
        Their families; angles count modulo the family's symmetry.

    Returns
    -------
    kinds
        Name of the family and in-plane angle in degrees of each component, in the order of the
        families and by angle.
    owner
        Component of each particle, shape ``(len(particles),)``.

    Raises
    ------
    ValueError
        If a particle belongs to none of the families.
    """
    period = {family.name: 360 / family.symmetry for family in families}
    order = list(period)
    of_particles = []
    for particle in particles:
        if particle.family not in period:
            raise ValueError(
                f"particle of family {particle.family!r}, but the families are {order}"
            )
        of_particles.append((particle.family, particle.angle % period[particle.family]))
    kinds = sorted(set(of_particles), key=lambda kind: (order.index(kind[0]), kind[1]))
    return kinds, np.array([kinds.index(kind) for kind in of_particles], dtype=np.int64)


def scatter_particles(
    scan_shape: tuple[int, ...],
    scan_step: float,
    families: Sequence[Family],
    angles_per_family: int,
    n_particles: int,
    diameter: float,
    fraction: float,
    seed: int,
) -> list[Particle]:
    """Draw particles that do not overlap.

    Parameters
    ----------
    scan_shape, scan_step
        The scan and its step in nm.
    families
        Families that the particles belong to in turn.
    angles_per_family
        Number of different in-plane angles of a family. They are drawn one from the middle half
        of each of so many equal parts of the range that the symmetry leaves, so that no two are
        nearly the same.
    n_particles
        Number of particles.
    diameter, fraction
        Of every particle.
    seed
        Of the specimen.

    Returns
    -------
    particles

    Raises
    ------
    ValueError
        If so many do not fit.
    """
    rng = position_generator(seed, 0, "specimen")
    angles = {}
    for family in families:
        part = 360 / family.symmetry / angles_per_family
        angles[family.name] = part * (
            np.arange(angles_per_family) + rng.uniform(0.25, 0.75, angles_per_family)
        )
    places = _apart(scan_shape, n_particles, (diameter + 2.0) / scan_step, rng)
    particles = []
    for number, (x, y) in enumerate(places):
        family = families[number % len(families)]
        angle = angles[family.name][number // len(families) % angles_per_family]
        particles.append(
            Particle(family.name, float(angle), (float(x), float(y)), diameter, fraction)
        )
    return particles


def _apart(
    scan_shape: tuple[int, ...], n_places: int, distance: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    n_y, n_x = scan_shape[-2:] if len(scan_shape) > 1 else (1, scan_shape[0])
    upper = np.array([n_x - 1, n_y - 1], dtype=float)
    margin = np.minimum(distance / 2, upper / 2)
    places = np.empty((0, 2))
    failures = 0
    while len(places) < n_places and failures < 2000:
        place = rng.uniform(margin, upper - margin)
        if (np.hypot(*(places - place).T) >= distance).all():
            places, failures = np.vstack([places, place]), 0
        else:
            failures += 1
    if len(places) < n_places:
        raise ValueError(
            f"n_particles={n_places} do not fit into a scan of shape {scan_shape} without "
            f"overlap, only {len(places)} do: fewer or smaller particles, or a larger scan"
        )
    return places


def shares_of_matrix(n_halos: int, scan_shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """How several halos share the matrix: slowly varying, of unit sum.

    Parameters
    ----------
    n_halos
        Number of halos.
    scan_shape
        Shape of the scan.
    seed
        Of the specimen.

    Returns
    -------
    shares
        Shape ``(n_halos, *scan_shape)``.
    """
    rng = position_generator(seed, 1, "specimen")
    weights = np.ones((n_halos, *scan_shape))
    for weight in weights[: n_halos if n_halos > 1 else 0]:
        for axis, size in enumerate(scan_shape):
            waves = rng.uniform(0.5, 1.5) * np.arange(size) / size + rng.uniform()
            shape = [1] * len(scan_shape)
            shape[axis] = size
            weight *= (1.05 + np.sin(2 * np.pi * waves)).reshape(shape)
    return weights / weights.sum(axis=0)


def known_specimen(
    patterns: NDArray[np.float64],
    maps: NDArray[np.float64],
    particles: Sequence[Particle],
    families: Sequence[Family],
    detector: Detector,
    inner: float,
) -> Truth:
    """Put together the truth of halos and particles.

    Parameters
    ----------
    patterns, maps
        Of the components: first the halos, then the crystals as `distinct_components` orders
        them.
    particles, families
        The particles and all families that they may belong to.
    detector
        Its geometry.
    inner
        Radius in 1/nm up to which the direct beam reaches.

    Returns
    -------
    truth
    """
    kinds, owner = distinct_components(particles, families)
    n_halos = len(patterns) - len(kinds)
    owner = owner + n_halos
    sizes = np.array([particle.diameter for particle in particles], dtype=float)
    outer = detector.inscribed_radius
    used = [family for family in families if any(family.name == name for name, _ in kinds)]
    no_crystal = [np.nan] * n_halos
    crystals = range(n_halos, len(patterns))
    return Truth(
        patterns=patterns,
        maps=maps,
        families=(AMORPHOUS,) * n_halos + tuple(name for name, _ in kinds),
        angles=np.array(no_crystal + [angle for _, angle in kinds]),
        diameters=np.array(no_crystal + [float(sizes[owner == k].mean()) for k in crystals]),
        spacings={family.name: family.lattice_spacings(outer) for family in used},
        symmetry={family.name: family.symmetry for family in used},
        center=detector.center,
        detector_mask=~detector.ring(inner, outer),
        particle_components=owner,
        particle_positions=np.array([p.position for p in particles], float).reshape(-1, 2),
        particle_diameters=sizes,
        particle_fractions=np.array([particle.fraction for particle in particles], dtype=float),
    )
