"""A specimen that is exactly a linear mixture of known patterns."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.simulation.experiment import Experiment, require_positive
from hs_nmfcluster.simulation.instrument import Instrument
from hs_nmfcluster.simulation.optics import Microscope
from hs_nmfcluster.simulation.particles import (
    Particle,
    distinct_components,
    known_specimen,
    particle_map,
    scatter_particles,
    shares_of_matrix,
)
from hs_nmfcluster.simulation.patterns import Halo, PatternPainter, SpotFamily
from hs_nmfcluster.simulation.truth import Truth

#: Leading spacings are those of the paper's groups ii, iii and iv (Fig. 7b).
DEFAULT_FAMILIES = (
    SpotFamily("A", (0.259, 0.170), 90.0),
    SpotFamily("B", (0.228, 0.228), 90.0),
    SpotFamily("C", (0.191, 0.191), 60.0),
)


def linear_mixture(
    scan_shape: tuple[int, ...] = (58, 58),
    detector_shape: tuple[int, int] = (128, 128),
    *,
    families: Sequence[SpotFamily] = DEFAULT_FAMILIES,
    halos: Sequence[Halo] = (Halo(),),
    particles: Sequence[Particle] | None = None,
    angles_per_family: int = 5,
    n_particles: int = 24,
    diameter: float = 7.0,
    signal_fraction: float = 0.05,
    dose: float = 1.5e6,
    noise: bool = True,
    scan_step: float = 1.5,
    pixel_size: float = 0.16,
    center: tuple[float, float] | None = None,
    beam_energy: float = 300.0,
    convergence_angle: float = 0.5,
    probe_width: float = 2.0,
    point_spread: float = 0.0,
    beam_to_halo: float = 120.0,
    seed: int = 0,
    instrument: Instrument | None = None,
    lazy: bool = False,
    chunks: Sequence[int] | int | None = None,
) -> tuple[Any, Truth]:
    """Simulate a scan of crystalline particles in an amorphous matrix, as an exact mixture.

    At every position the electrons are shared between the matrix and the particles that the
    probe meets, and each contributes its pattern: Eq. (1) of the paper, ``X = S C``, holds
    exactly before the noise. The defaults are the geometry of the paper (58 x 58 positions
    1.5 nm apart, 128 x 128 detector pixels, 300 kV, 0.5 mrad) and three families of crystals
    with its leading spacings, each seen at five in-plane angles.

    Parameters
    ----------
    scan_shape
        Shape of the scan in array order, ``(n_y, n_x)``; one to three axes.
    detector_shape
        ``(n_v, n_u)``.
    families
        Crystal structures as nets of spots.
    halos
        Amorphous patterns. Several share the matrix by maps that vary slowly.
    particles
        The particles, if they shall not be drawn at random; `angles_per_family`,
        `n_particles`, `diameter` and `signal_fraction` are then unused.
    angles_per_family
        Number of in-plane angles of each family, spread over the range that the family's
        symmetry leaves.
    n_particles
        Number of particles, dealt to the families and their angles in turn; the particles
        beyond ``len(families) * angles_per_family`` repeat an angle at another place.
    diameter
        Diameter of the particles in nm.
    signal_fraction
        Share of the scattered electrons that a particle takes in its middle, 0 to 1.
    dose
        Electrons per pattern, direct beam included.
    noise
        Draw Poisson counts. Without, the expected electrons are returned as float32.
    scan_step
        Distance of the positions in nm.
    pixel_size
        Detector pixel in 1/nm.
    center
        Direct beam ``(x, y)`` in pixels; by default the middle of the detector.
    beam_energy
        In kV.
    convergence_angle
        Semi-angle in mrad; it sets the radius of the spots.
    probe_width
        Full width of the probe at half maximum in nm; it blurs the maps.
    point_spread
        Standard deviation of the detector's point spread in pixels.
    beam_to_halo
        Height of the direct beam over that of the (first) halo, 100 or more in thin specimens.
    seed
        Same seed, same data, whatever the chunks.
    instrument
        What a real microscope and camera do to the patterns; by default a perfect one.
    lazy
        Return a lazy signal whose chunks are made when they are needed.
    chunks
        Positions per chunk along each scan axis of a lazy signal.

    Returns
    -------
    signal
        `NMFDiffraction2D` of counts (``uint16``, or ``uint32`` where that is too small).
    truth
        What the specimen is made of; also in the signal's metadata.

    Raises
    ------
    ValueError
        If an argument is out of its range, a particle belongs to no family, the particles take
        more than everything at a position, or so many do not fit into the scan.

    See Also
    --------
    hs_nmfcluster.simulation.nanocrystals_in_glass : simulated from atoms, with speckle.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((12, 24), (32, 32), pixel_size=0.6, n_particles=2)
    >>> signal.data.shape, truth.families
    ((12, 24, 32, 32), ('amorphous', 'A', 'B'))
    """
    microscope = Microscope(
        detector_shape, center, pixel_size, beam_energy, convergence_angle, point_spread
    )
    experiment = Experiment(microscope, scan_shape, scan_step, dose, noise, seed, instrument)
    require_positive(diameter=diameter, beam_to_halo=beam_to_halo)
    if not halos:
        raise ValueError("halos must hold at least one Halo, the matrix")
    if not 0 <= signal_fraction <= 1:
        raise ValueError(f"signal_fraction must lie between 0 and 1, got {signal_fraction}")
    if particles is None:
        particles = scatter_particles(
            scan_shape,
            scan_step,
            families,
            angles_per_family,
            n_particles,
            diameter,
            signal_fraction,
            seed,
        )
    detector = microscope.detector
    painter = PatternPainter(
        detector_shape,
        detector.center,
        pixel_size,
        microscope.disc_radius,
        point_spread=point_spread,
    )
    patterns = _patterns(painter, halos, particles, families, beam_to_halo)
    shares = _shares(particles, families, len(halos), scan_shape, scan_step, probe_width, seed)
    maps = dose * shares
    blur = 3 * (painter.edge + point_spread) * pixel_size
    truth = known_specimen(
        patterns, maps, particles, families, detector, painter.spot_radius + blur
    )
    truth = replace(truth, instrument=instrument)
    expected = partial(_mixed, maps.reshape(len(maps), -1), patterns)
    data = experiment.record(expected, dose * float(patterns.max()), lazy=lazy, chunks=chunks)
    signal = experiment.signal(data, truth, "Simulated linear mixture", model="linear_mixture")
    return signal, truth


def _mixed(
    maps: NDArray[np.float64], patterns: NDArray[np.float64], positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mix what is expected at some positions."""
    return np.tensordot(maps[:, positions].T, patterns, axes=1)


def _patterns(
    painter: PatternPainter,
    halos: Sequence[Halo],
    particles: Sequence[Particle],
    families: Sequence[SpotFamily],
    beam_to_halo: float,
) -> NDArray[np.float64]:
    by_name = {family.name: family for family in families}
    kinds, _ = distinct_components(particles, families)
    scattered = [painter.halo(halo) for halo in halos]
    scattered += [painter.crystal(by_name[name], angle) for name, angle in kinds]
    beam = painter.beam()
    share = beam.max() / (beam.max() + beam_to_halo * scattered[0].max())
    return share * np.stack(scattered) + (1 - share) * beam


def _shares(
    particles: Sequence[Particle],
    families: Sequence[SpotFamily],
    n_halos: int,
    scan_shape: tuple[int, ...],
    scan_step: float,
    probe_width: float,
    seed: int,
) -> NDArray[np.float64]:
    kinds, owner = distinct_components(particles, families)
    crystals = np.zeros((len(kinds), *scan_shape))
    for index, particle in zip(owner, particles, strict=True):
        crystals[index] += particle_map(particle, scan_shape, scan_step, probe_width)
    matrix = 1.0 - crystals.sum(axis=0)
    if matrix.min() < 0:
        raise ValueError(
            f"particles take {1 - matrix.min():.3g} of the scattered electrons at one position; "
            "at most 1 is there: let them overlap less or lower their fraction"
        )
    return np.concatenate([matrix * shares_of_matrix(n_halos, scan_shape, seed), crystals])
