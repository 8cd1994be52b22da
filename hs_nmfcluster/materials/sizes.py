"""Sizes of the particles of each group, and how many there are."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.particles import (
    Particle,
    corrected,
    corrected_diameter,
    find_particles,
    once_each,
    width_of_mean_particle,
)
from hs_nmfcluster.scan.arguments import check_positive, check_relative_error

# Diameter over width at half height. Intensity goes with the square of a sphere's thickness.
_FACTORS = {"disc": 1.0, "sphere": np.sqrt(2.0)}


@dataclass(frozen=True)
class GroupSizes:
    """Particles of one group.

    Attributes
    ----------
    particles
        Each particle once.
    mean_width, mean_width_sigma
        Full width at half maximum of the shift-corrected map; NaN for a group most of whose
        components are amorphous.
    """

    particles: tuple[Particle, ...]
    mean_width: float
    mean_width_sigma: float

    @property
    def diameters(self) -> NDArray[np.float64]:
        """Diameters of the particles that no edge cuts."""
        return np.array([p.diameter for p in self.particles if not p.at_edge], dtype=np.float64)

    @property
    def n_at_edge(self) -> int:
        """Number of particles that the edge cuts."""
        return sum(particle.at_edge for particle in self.particles)

    @property
    def mean(self) -> tuple[float, float]:
        """Mean diameter of the whole particles and its standard error.

        The error holds the scatter of the particles and the uncertainty of each.
        """
        whole = [p for p in self.particles if not p.at_edge]
        if not whole:
            return nan, nan
        diameters = self.diameters
        scatter = diameters.std(ddof=1) if len(whole) > 1 else 0.0
        single = np.mean([p.sigma for p in whole])
        return float(diameters.mean()), float(max(scatter, single) / np.sqrt(len(whole)))

    @property
    def effective_number(self) -> float:
        """Number of particles, those that an edge cuts counted half.

        So the number divided by the area of the scan does not depend on how much edge it has:
        about one of two particles that reach over the edge has its middle inside.
        """
        return len(self.particles) - self.n_at_edge / 2


def measure_particles(
    groups: GroupArrays,
    maps: NDArray[np.floating],
    aligned_maps: NDArray[np.floating],
    *,
    scale: tuple[float, float],
    probe_size: float | None = None,
    min_height: float = 0.3,
    shape: str = "disc",
) -> tuple[GroupSizes, ...]:
    """Measure the particles of each group.

    Parameters
    ----------
    groups
        The groups.
    maps
        Map of each component, ``(n, n_y, n_x)``.
    aligned_maps
        Shift-corrected map of each group, ``(n_groups, n_y, n_x)``.
    scale
        Step of the scan along ``(x, y)``.
    probe_size, min_height, shape
        As in `Groups.particle_sizes`.
    """
    crystals = groups.spot_shares > 0
    found = []
    for number, members in enumerate(groups.members):
        particles = [
            corrected(replace(particle, component=int(k)), probe_size, _FACTORS[shape])
            for k in members[(crystals & groups.whole)[members]]
            for particle in find_particles(maps[k], scale=scale, min_height=min_height)
        ]
        width = nan, nan
        if crystals[members].mean() > 0.5:
            measured = width_of_mean_particle(aligned_maps[number], scale=scale)
            width = corrected_diameter(*measured, probe_size, _FACTORS[shape])
        found.append(GroupSizes(tuple(once_each(particles)), *width))
    return tuple(found)


def check_size_arguments(
    probe_size: object, min_height: object, shape: object
) -> tuple[float | None, float]:
    """Check the arguments of `Groups.particle_sizes` that need no look at the groups.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    height = check_relative_error("min_height", min_height)
    size = None if probe_size is None else check_positive("probe_size", probe_size)
    if shape not in _FACTORS:
        raise ValueError(f"`shape` must be 'disc' or 'sphere', got {shape!r}.")
    return size, height
