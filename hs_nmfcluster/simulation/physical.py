"""A specimen simulated from its atoms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.simulation.camera import Camera
from hs_nmfcluster.simulation.chunks import position_generator
from hs_nmfcluster.simulation.crystal import ZRCU_B19, UnitCell
from hs_nmfcluster.simulation.experiment import Experiment, require_positive
from hs_nmfcluster.simulation.glass import Glass
from hs_nmfcluster.simulation.ideal import ideal_components
from hs_nmfcluster.simulation.instrument import Instrument
from hs_nmfcluster.simulation.optics import Microscope
from hs_nmfcluster.simulation.particles import Particle, scatter_particles
from hs_nmfcluster.simulation.specimen import Crystallite, PhaseGrating, Specimen
from hs_nmfcluster.simulation.truth import Truth


@dataclass(frozen=True)
class Zone:
    """A family of crystallites: those seen along one zone axis.

    Attributes
    ----------
    cell
        Their structure.
    axis
        ``[u, v, w]``.
    """

    cell: UnitCell
    axis: tuple[int, int, int]

    @property
    def name(self) -> str:
        """The axis as it is written, for instance ``"[1-10]"``."""
        return "[" + "".join(str(index) for index in self.axis) + "]"

    @cached_property
    def symmetry(self) -> int:
        """Order of the rotation axis of its pattern."""
        return self.cell.symmetry(self.axis)

    def lattice_spacings(self, largest: float) -> tuple[float, ...]:
        """Spacings in nm of its visible reflections up to a spatial frequency in 1/nm."""
        lengths = np.linalg.norm(self.cell.zone(self.axis, largest)[0], axis=1)
        return tuple(round(float(1 / length), 8) for length in np.unique(lengths.round(9)))


def nanocrystals_in_glass(
    scan_shape: tuple[int, ...] = (58, 58),
    detector_shape: tuple[int, int] = (128, 128),
    *,
    cell: UnitCell = ZRCU_B19,
    zone_axes: Sequence[tuple[int, int, int]] = ((0, 0, 1), (0, 1, 0), (1, 1, 1)),
    glass: Glass | None = None,
    thickness: float = 30.0,
    particles: Sequence[Particle] | None = None,
    angles_per_family: int = 5,
    n_particles: int = 15,
    diameter: float = 7.0,
    mistilt: float = 0.5,
    dose: float = 1.5e6,
    noise: bool = True,
    scan_step: float = 1.5,
    pixel_size: float = 0.16,
    center: tuple[float, float] | None = None,
    beam_energy: float = 300.0,
    convergence_angle: float = 0.5,
    debye_waller: float = 0.005,
    point_spread: float = 0.0,
    seed: int = 0,
    instrument: Instrument | None = None,
    lazy: bool = False,
    chunks: Sequence[int] | int | None = None,
) -> tuple[Any, Truth]:
    """Simulate a scan of nanocrystals in a metallic glass from the atoms.

    The specimen is a slab of randomly packed spheres in which spherical crystallites, cut from
    the unit cell, replace the glass. It acts as one phase grating (projected potentials of
    neutral atoms; no propagation inside the slab), the probe is a focused, diffraction-limited
    wave, and every pattern is the squared Fourier transform of their product. Halo rings, speckle
    and spots arise by themselves. The defaults are the paper's experiment: B19' ZrCu in
    Zr50Cu40Al10, 58 x 58 positions 1.5 nm apart, 300 kV, 0.5 mrad (probe of 2 nm).

    Parameters
    ----------
    scan_shape, scan_step, noise, seed
        Of the scan, as for `linear_mixture`.
    detector_shape, pixel_size, center, beam_energy, convergence_angle, point_spread
        Of the microscope, as for `linear_mixture`.
    cell
        Structure of the crystallites.
    zone_axes
        Zone axes ``[u, v, w]`` along which crystallites are seen: the families.
    glass
        The matrix; by default Zr50Cu40Al10.
    thickness
        Of the slab in nm.
    particles
        The crystallites, if they shall not be drawn at random; their `family` is the name of a
        zone axis like ``"[100]"`` or ``"[1-10]"``, and their `fraction` is not used.
    angles_per_family, n_particles, diameter
        Of the random crystallites, as for `linear_mixture`.
    mistilt
        Standard deviation in degrees of the crystallites' tilt off their zone axis.
    dose
        Electrons per pattern, those scattered beyond the detector included.
    debye_waller
        Thermal factor B of all atoms in nm^2.
    instrument, lazy, chunks
        As for `linear_mixture`.

    Returns
    -------
    signal
        `NMFDiffraction2D` of counts (``uint16``, or ``uint32`` where that is too small).
    truth
        Patterns are per incident electron: of the matrix, the rings with the direct beam; of a
        crystal, the spots of the bare crystallite, averaged over probe positions. Maps are the
        dose times, for a crystal, its thickness at the position over its diameter, and for the
        matrix its share of the slab. Their product is the expected data but for speckle and for
        the interference of glass and crystal; ``noise=False`` gives the expected data itself.

    Raises
    ------
    ValueError
        If an argument is out of its range, a particle belongs to no zone axis, or so many do not
        fit into the scan.

    See Also
    --------
    hs_nmfcluster.simulation.linear_mixture : an exact mixture of given patterns; faster.

    Notes
    -----
    The glass is not one packing of millions of atoms: slices of a periodic cube of 12000 atoms
    are stacked, each turned and shifted at random (see `Specimen`).

    Examples
    --------
    >>> from hs_nmfcluster.simulation import Glass, nanocrystals_in_glass
    >>> signal, truth = nanocrystals_in_glass(
    ...     (4, 6), (32, 32), pixel_size=0.6, thickness=5.0, diameter=3.0, n_particles=1,
    ...     convergence_angle=2.0, glass=Glass(edge=2.5),
    ... )
    >>> signal.data.shape, truth.families
    ((4, 6, 32, 32), ('amorphous', '[001]'))
    """
    microscope = Microscope(
        detector_shape, center, pixel_size, beam_energy, convergence_angle, point_spread
    )
    experiment = Experiment(microscope, scan_shape, scan_step, dose, noise, seed, instrument)
    require_positive(diameter=diameter, thickness=thickness, convergence_angle=convergence_angle)
    if not zone_axes or not all(any(axis) for axis in zone_axes):
        raise ValueError(f"zone_axes must be one or more axes other than [000], got {zone_axes}")
    if mistilt < 0:
        raise ValueError(f"mistilt must be 0 or larger, got {mistilt}")
    zones = [Zone(cell, axis) for axis in zone_axes]
    if particles is None:
        particles = scatter_particles(
            scan_shape, scan_step, zones, angles_per_family, n_particles, diameter, 0.0, seed
        )
    crystallites = _crystallites(particles, zones, thickness, scan_step, mistilt, seed)
    specimen = Specimen(
        glass or Glass(),
        thickness,
        crystallites,
        PhaseGrating(microscope.grid_pixel, beam_energy, debye_waller),
        seed,
    )
    camera = Camera(specimen, experiment)
    truth = ideal_components(camera, particles, zones)
    truth = replace(truth, instrument=instrument)
    empty = microscope.pattern(np.ones((microscope.window,) * 2))
    highest = 1.5 * dose * float(empty.max())
    data = experiment.record(camera.expected, highest, lazy=lazy, chunks=chunks)
    signal = experiment.signal(
        data,
        truth,
        "Simulated nanocrystals in glass",
        model="nanocrystals_in_glass",
        thickness=thickness,
    )
    return signal, truth


def _crystallites(
    particles: Sequence[Particle],
    zones: Sequence[Zone],
    thickness: float,
    scan_step: float,
    mistilt: float,
    seed: int,
) -> list[Crystallite]:
    by_name = {zone.name: zone for zone in zones}
    crystallites = []
    for number, particle in enumerate(particles):
        if particle.family not in by_name:
            raise ValueError(
                f"particle of family {particle.family!r}, but the zone axes are {list(by_name)}"
            )
        zone = by_name[particle.family]
        rng = position_generator(seed, number + 2, "specimen")
        tilt = _tilt(np.deg2rad(mistilt) * rng.normal(size=2))
        room = max(thickness - particle.diameter, 0.0)
        x, y = (scan_step * value for value in particle.position)
        z = (thickness - room) / 2 + room * rng.uniform()
        crystallites.append(
            Crystallite(
                zone.cell,
                tilt @ zone.cell.orientation(zone.axis, particle.angle),
                (x, y, float(z)),
                particle.diameter,
                rng.uniform(size=3),
            )
        )
    return crystallites


def _tilt(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotate about x and then about y, angles in rad."""
    (cos_x, cos_y), (sin_x, sin_y) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_x, -sin_x], [0.0, sin_x, cos_x]])
    about_y = np.array([[cos_y, 0.0, sin_y], [0.0, 1.0, 0.0], [-sin_y, 0.0, cos_y]])
    return about_y @ about_x
