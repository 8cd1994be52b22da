"""From groups to the sizes of their particles."""

from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from hs_nmfcluster.bridge.axes import axis_units
from hs_nmfcluster.materials.particles import (
    corrected,
    corrected_diameter,
    find_particles,
    once_each,
    width_of_mean_particle,
)
from hs_nmfcluster.results.sizes import GroupSizes, ParticleSizes
from hs_nmfcluster.scan.arguments import check_positive, check_relative_error
from hs_nmfcluster.scan.units import nm_per

if TYPE_CHECKING:
    from hs_nmfcluster.results.groups import Groups

# Diameter over width at half height. Intensity goes with the square of a sphere's thickness.
_FACTORS = {"disc": 1.0, "sphere": np.sqrt(2.0)}


def particle_sizes(
    groups: "Groups",
    *,
    probe_size: float | None,
    units: str | None,
    min_height: float,
    shape: str,
) -> ParticleSizes:
    """Measure the particles of each group; see `Groups.particle_sizes`."""
    from hs_nmfcluster.scan.units import PixelSize

    min_height = check_relative_error("min_height", min_height)
    if probe_size is not None:
        probe_size = check_positive("probe_size", probe_size)
    if shape not in _FACTORS:
        raise ValueError(f"`shape` must be 'disc' or 'sphere', got {shape!r}.")
    scale, unit = _scan_scale(groups, units, probe_size)
    tree = groups.tree
    assert tree.maps is not None
    assert groups.maps is not None
    assert groups.aligned_maps is not None
    crystals = groups.spot_shares > 0
    found = []
    for number, members in enumerate(groups):
        particles = [
            corrected(replace(particle, component=int(k)), probe_size, _FACTORS[shape])
            for k in members[crystals[members]]
            for particle in find_particles(tree.maps.data[k], scale=scale, min_height=min_height)
        ]
        width = nan, nan
        if crystals[members].mean() > 0.5:
            aligned = groups.aligned_maps.data[number]
            measured = width_of_mean_particle(aligned, scale=scale)
            width = corrected_diameter(*measured, probe_size, _FACTORS[shape])
        found.append(GroupSizes(tuple(once_each(particles)), *width))
    maps = np.asarray(groups.maps.data, dtype=np.float64)
    area = maps[0].size * scale[0] * scale[1]
    pixel = PixelSize(scale[0], scale[1], unit)
    return ParticleSizes(tuple(found), unit, area, probe_size, (maps, pixel))


def _scan_scale(
    groups: "Groups", units: str | None, probe_size: float | None
) -> tuple[tuple[float, float], str]:
    """Step of the scan along x and y, and its unit: nm if the axes allow."""
    maps = groups.tree.maps
    if maps is None:
        raise ValueError(
            "Particle sizes need maps, which these groups have not: cluster the components of a "
            "factorization."
        )
    if maps.data.ndim != 3:
        raise ValueError(
            f"Particle sizes need a scan along two axes; this one has {maps.data.ndim - 1}."
        )
    if units not in (None, "nm", "px"):
        raise ValueError(f"`units` must be 'nm', 'px' or None, got {units!r}.")
    x, y = maps.axes_manager._axes[:0:-1]
    factors = [nm_per(axis_units(axis)) for axis in (x, y)]
    if units == "px":
        return (1.0, 1.0), "px"
    if factors[0] is not None and factors[1] is not None:
        return (abs(x.scale) * factors[0], abs(y.scale) * factors[1]), "nm"
    if units == "nm" or probe_size is not None:
        asked = '`units="nm"`' if units == "nm" else "`probe_size` in nm"
        raise ValueError(
            f"{asked} needs calibrated scan axes, but they are in {axis_units(x)!r} and "
            f"{axis_units(y)!r}. Set `scale` and `units` of the navigation axes before the "
            "decomposition."
        )
    return (1.0, 1.0), "px"
