"""What a specimen simulated from atoms would show without speckle: its truth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.profiles import FWHM
from hs_nmfcluster.simulation.camera import Camera
from hs_nmfcluster.simulation.grating import PhaseGrating
from hs_nmfcluster.simulation.optics import Microscope
from hs_nmfcluster.simulation.particles import (
    Family,
    Particle,
    distinct_components,
    known_specimen,
    surroundings,
)
from hs_nmfcluster.simulation.specimen import Crystallite
from hs_nmfcluster.simulation.truth import Truth


def ideal_components(
    camera: Camera, particles: Sequence[Particle], families: Sequence[Family]
) -> Truth:
    """Patterns and maps of the matrix and of the bare crystallites.

    Parameters
    ----------
    camera
        Specimen, microscope and scan.
    particles, families
        As the specimen's crystallites, in the same order.

    Returns
    -------
    truth
        As `nanocrystals_in_glass` describes it.
    """
    specimen, experiment = camera.specimen, camera.experiment
    microscope, detector = experiment.microscope, experiment.microscope.detector
    inner = microscope.disc_radius + (1.5 + 3 * microscope.point_spread) * microscope.pixel_size
    kinds, owner = distinct_components(particles, families)
    crystals = np.zeros((len(kinds), *experiment.scan_shape))
    replaced = np.zeros(experiment.scan_shape)
    example: dict[int, Crystallite] = {}
    for component, particle, crystallite in zip(
        owner, particles, specimen.crystallites, strict=True
    ):
        chord = chord_map(
            particle, experiment.scan_shape, experiment.scan_step, microscope.probe_width
        )
        crystals[component] += chord / particle.diameter
        replaced += chord
        example.setdefault(int(component), crystallite)

    patterns = [_matrix_pattern(camera, replaced, inner)]
    for component in range(len(kinds)):
        spots = _bare_pattern(example[component], specimen.grating, microscope)
        patterns.append(np.where(detector.radius() < inner, 0.0, spots))
    ring = detector.ring(inner, detector.inscribed_radius)
    seen = np.array([pattern[ring].sum() for pattern in patterns])
    weighed = [
        replace(particle, fraction=float(seen[k + 1] / (seen[k + 1] + seen[0])))
        for k, particle in zip(owner, particles, strict=True)
    ]
    maps = np.concatenate([1 - replaced[np.newaxis] / specimen.thickness, crystals])
    return known_specimen(
        np.stack(patterns), experiment.dose * maps, weighed, families, detector, inner
    )


def chord_map(
    particle: Particle, scan_shape: tuple[int, ...], scan_step: float, probe_width: float
) -> NDArray[np.float64]:
    """Thickness of a spherical particle along the beam, averaged over the probe.

    Parameters
    ----------
    particle
        The particle.
    scan_shape
        As of `particle_map`.
    scan_step
        In nm.
    probe_width
        Full width of the probe at half maximum in nm; the probe is taken as a Gaussian.

    Returns
    -------
    thickness
        In nm, shape `scan_shape`.
    """
    thickness = np.zeros(scan_shape)
    near, x, y = surroundings(particle, scan_shape, scan_step, 3 * probe_width)
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()
    sigma = probe_width / FWHM
    for along_x, weight_x in zip(sigma * nodes, weights, strict=True):
        for along_y, weight_y in zip(sigma * nodes, weights, strict=True):
            squared = (x + along_x) ** 2 + (y + along_y) ** 2
            half = np.sqrt(np.maximum(particle.diameter**2 / 4 - squared, 0.0))
            thickness[near] += weight_x * weight_y * 2 * half
    return thickness


def _matrix_pattern(
    camera: Camera, thickness: NDArray[np.float64], inner: float
) -> NDArray[np.float64]:
    # Positions of one corner only: those of a large scan would need the whole specimen.
    experiment, detector = camera.experiment, camera.experiment.microscope.detector
    corner = np.zeros(experiment.scan_shape, dtype=bool)
    corner[tuple(slice(0, 58) for _ in experiment.scan_shape)] = True
    positions = np.flatnonzero(corner & (thickness <= thickness[corner].min() + 1e-3))
    chosen = positions[np.linspace(0, positions.size - 1, min(positions.size, 64)).astype(int)]
    mean = camera.expected(chosen).mean(axis=0) / experiment.dose
    radius = detector.radius()
    beyond = radius >= inner
    ring = np.round(radius[beyond] / detector.pixel).astype(int)
    rings, where = np.unique(ring, return_inverse=True)
    profile = np.bincount(where, mean[beyond]) / np.bincount(where)
    smooth = np.interp(radius / detector.pixel, rings, profile)
    return np.where(radius < inner, mean, smooth)


def _bare_pattern(
    crystallite: Crystallite, grating: PhaseGrating, microscope: Microscope
) -> NDArray[np.float64]:
    """Pattern of a crystallite alone, without direct beam, averaged over its middle."""
    elements, positions = crystallite.atoms()
    positions = (positions[:, :2] - crystallite.center[:2]) / grating.pixel
    steps = crystallite.diameter / 4 / grating.pixel * np.array([-1.0, 0.0, 1.0])
    patterns = []
    for step in np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2):
        placed = positions + step + microscope.window // 2
        atoms = {name: placed[elements == name] for name in np.unique(elements)}
        scattered = np.exp(1j * grating.phase(atoms, microscope.window)) - 1
        patterns.append(microscope.pattern(scattered))
    return np.mean(patterns, axis=0)
