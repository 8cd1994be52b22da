"""Sizes of the particles of each group, and how many there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hs_nmfcluster.materials.crystal_maps import find_crystals
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.mean_particle import width_of_mean_particle
from hs_nmfcluster.materials.outlines import Look, find_look
from hs_nmfcluster.materials.particles import Particle, measured, once_each
from hs_nmfcluster.materials.segments import OWN, Segment, find_segments
from hs_nmfcluster.scan.arguments import check_positive, check_relative_error
from hs_nmfcluster.scan.local_maps import LocalMaps, Maps

# Chance on either side of limits.
_TAIL = 0.025
_SHAPES = ("auto", "disc", "sphere")


@dataclass(frozen=True)
class GroupSizes:
    """Particles of one group.

    Attributes
    ----------
    particles
        Each particle once.
    mean_width, mean_width_sigma
        Full width at half maximum of the shift-corrected map; NaN for a group without particles.
    common_error
        Relative uncertainty that the diameters of all particles share: no number of them makes
        their mean better known.
    """

    particles: tuple[Particle, ...]
    mean_width: float
    mean_width_sigma: float
    common_error: float = 0.0

    @property
    def diameters(self) -> NDArray[np.float64]:
        """Diameters of the particles that are resolved and that no edge cuts."""
        return np.array([p.diameter for p in self._whole], dtype=np.float64)

    @property
    def _whole(self) -> list[Particle]:
        return [p for p in self.particles if not p.at_edge and np.isfinite(p.diameter)]

    @property
    def n_at_edge(self) -> int:
        """Number of particles that the edge cuts."""
        return sum(particle.at_edge for particle in self.particles)

    @property
    def mean(self) -> tuple[float, float]:
        """Mean diameter of the whole particles and its standard error.

        The error holds the scatter of the particles, the uncertainty of each, and what is not
        known of all of them alike.
        """
        whole = self._whole
        if not whole:
            return nan, nan
        diameters = self.diameters
        mean = float(diameters.mean())
        scatter = diameters.std(ddof=1) if len(whole) > 1 else 0.0
        single = np.mean([p.sigma for p in whole])
        error = max(scatter, single) / np.sqrt(len(whole))
        return mean, float(np.hypot(error, self.common_error * mean))

    @property
    def mean_limits(self) -> tuple[float, float]:
        """Limits between which the mean diameter lies (95 %); NaN where none was measured.

        By Student's distribution, as the scatter of a few particles is hardly known itself.
        """
        mean, error = self.mean
        n = len(self._whole)
        common = self.common_error * mean
        own = np.sqrt(max(error**2 - common**2, 0.0))
        # Of a single particle its own uncertainty is known, but no scatter.
        factor = stats.t.isf(_TAIL, n - 1) if n > 1 else stats.norm.isf(_TAIL)
        reach = float(np.hypot(factor * own, stats.norm.isf(_TAIL) * common))
        return mean - reach, mean + reach

    @property
    def number_limits(self) -> tuple[float, float]:
        """Limits between which the number to be expected in such a scan lies (95 %).

        Exact ones of counting (Garwood, Biometrika 28, 437, 1936): of none found, 0 to 3.7.
        """
        n = self.effective_number
        low = stats.chi2.ppf(_TAIL, 2 * n) / 2 if n > 0 else 0.0
        return float(low), float(stats.chi2.isf(_TAIL, 2 * n + 2) / 2)

    @property
    def aspect_ratio(self) -> float:
        """Median of long over short axis, NaN where no whole particle is resolved."""
        ratios = [p.aspect_ratio for p in self._whole]
        return float(np.median(ratios)) if ratios else nan

    @property
    def effective_number(self) -> float:
        """Number of particles, those that an edge cuts counted half.

        So the number divided by the area of the scan does not depend on how much edge it has:
        about one of two particles that reach over the edge has its middle inside.
        """
        return len(self.particles) - self.n_at_edge / 2


def measure_particles(
    groups: GroupArrays,
    maps: Maps,
    aligned_maps: Iterable[NDArray[np.floating]],
    *,
    scale: tuple[float, float],
    probe_size: float | None = None,
    narrowest_probe: float | None = None,
    min_height: float = 0.15,
    shape: str = "auto",
) -> tuple[tuple[GroupSizes, ...], Look]:
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
    narrowest_probe
        Full width that diffraction lets the probe have at least, None if not known.

    Returns
    -------
    tuple
        The particles of each group, and how all of them look.
    """
    candidates = _candidates(groups, LocalMaps.known(maps), min_height)
    pixel = float(np.sqrt(abs(scale[0] * scale[1])))
    probe, narrowest = (
        None if width is None else width / pixel for width in (probe_size, narrowest_probe)
    )
    look = find_look([segment for _, segment in candidates], shape, probe, narrowest)
    particles: list[list[Particle]] = [[] for _ in groups.members]
    for component, segment in candidates:
        found = measured(segment, look, scale, component)
        particles[groups.labels[component]].append(found)
    widths = [
        width_of_mean_particle(aligned, scale=scale) if own else (nan, nan)
        for own, aligned in zip(particles, aligned_maps, strict=True)
    ]
    in_order = [sorted(own, key=lambda p: (p.component, p.y, p.x)) for own in particles]
    sizes = tuple(
        GroupSizes(tuple(own), *width, common_error=look.unknown)
        for own, width in zip(in_order, widths, strict=True)
    )
    return sizes, look


def _candidates(
    groups: GroupArrays, maps: LocalMaps, min_height: float
) -> list[tuple[int, Segment]]:
    """Segments of the images of all crystals, each place once, with their components."""
    crystals = find_crystals(groups, maps)
    found = []
    for number in range(len(crystals)):
        for segment in find_segments(crystals.image(number, maps), min_height):
            column, row = (round(place) for place in segment.middle)
            strongest, own = crystals.strongest(number, maps, (row, column))
            if own > OWN * segment.height:
                found.append((strongest, segment))
    found.sort(key=lambda one: -one[1].height)
    usual = _usual_heights(groups, found)
    high = [(k, one) for k, one in found if one.height >= min_height * usual[groups.labels[k]]]
    kept = once_each([(*one.middle, one.radius) for _, one in high])
    return [high[number] for number in kept]


def _usual_heights(groups: GroupArrays, found: list[tuple[int, Segment]]) -> dict[int, float]:
    """Height of the particles of each group: that which its higher quarter reaches."""
    heights: dict[int, list[float]] = {}
    for component, segment in found:
        heights.setdefault(int(groups.labels[component]), []).append(segment.height)
    return {group: float(np.quantile(own, 0.75)) for group, own in heights.items()}


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
    if shape not in _SHAPES:
        raise ValueError(f"`shape` must be 'auto', 'disc' or 'sphere', got {shape!r}.")
    return size, height
