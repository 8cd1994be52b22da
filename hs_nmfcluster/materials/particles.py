"""Particles: where they are, how large, and each of them once."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, nan

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.outlines import Look, find_look, outline
from hs_nmfcluster.materials.segments import Segment, find_segments


@dataclass(frozen=True)
class Particle:
    """One particle.

    Attributes
    ----------
    x, y
        Its middle, in the unit of the scan.
    diameter, sigma
        Diameter of the circle of the same area, and its standard uncertainty. NaN where it is not
        resolved.
    at_edge
        Whether the edge of the scan, or of what was measured, cuts it: its diameter is then only
        a lower bound.
    height
        Intensity in its spots in its middle.
    component
        Strongest component of its crystal.
    long_axis, short_axis
        Axes of the ellipse of the same area.
    axis_angle
        Of the long axis, in degrees from +x towards +y, 0 to 180.
    """

    x: float
    y: float
    diameter: float
    sigma: float
    at_edge: bool
    height: float
    component: int = -1
    long_axis: float = nan
    short_axis: float = nan
    axis_angle: float = nan

    @property
    def aspect_ratio(self) -> float:
        """Long over short axis."""
        return self.long_axis / self.short_axis


def find_particles(
    scan: NDArray[np.floating],
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    min_height: float = 0.3,
    shape: str = "auto",
    probe_size: float | None = None,
) -> list[Particle]:
    """Segment a map into particles and measure each.

    Parameters
    ----------
    scan
        Map ``(n_y, n_x)``, NaN where not measured.
    scale
        Size of a pixel along ``(x, y)``.
    min_height
        Least height of a particle as a share of the highest one.
    shape
        ``"disc"``, ``"sphere"``, or ``"auto"``: what fits.
    probe_size
        Full width of the probe at half maximum, found from the edges of the particles if None.

    Returns
    -------
    list of Particle
        The highest first; positions from the middle of the first pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import special
    >>> y, x = np.mgrid[:40, :50]
    >>> disc = 0.5 * special.erfc((np.hypot(x - 20.2, y - 15.7) - 4) / 0.8)
    >>> (particle,) = find_particles(disc, scale=(0.5, 0.5))
    >>> round(particle.x, 1), round(particle.y, 1), round(particle.diameter, 1)
    (10.1, 7.8, 4.0)
    """
    segments = find_segments(scan, min_height)
    pixel = float(np.sqrt(scale[0] * scale[1]))
    look = find_look(segments, shape, None if probe_size is None else probe_size / pixel)
    return [measured(segment, look, scale) for segment in segments]


def measured(
    segment: Segment, look: Look, scale: tuple[float, float], component: int = -1
) -> Particle:
    """Measure the particle of a segment.

    Parameters
    ----------
    segment
        The segment.
    look
        How particles look.
    scale
        Size of a pixel along ``(x, y)``.
    component
        In whose map it was found.
    """
    found = outline(segment, look)
    pixel = float(np.sqrt(abs(scale[0] * scale[1])))
    return Particle(
        found.x * scale[0],
        found.y * scale[1],
        found.diameter * pixel,
        found.sigma * pixel,
        segment.at_edge,
        found.height,
        component,
        found.long_axis * pixel,
        found.short_axis * pixel,
        found.angle,
    )


def once_each(places: Sequence[tuple[float, float, float]]) -> list[int]:
    """Which of some things at places are kept if each place may hold one.

    Parameters
    ----------
    places
        Column, row and radius of each, the first one to be kept first.

    Returns
    -------
    list of int
        Those whose middle lies outside all that were kept before.

    Examples
    --------
    >>> once_each([(3.0, 4.0, 2.0), (4.0, 4.0, 1.0), (9.0, 4.0, 2.0)])
    [0, 2]
    """
    kept: list[int] = []
    cells: dict[tuple[int, int], list[int]] = {}
    # In cells of the largest radius only neighbours need be compared.
    size = max((radius for *_, radius in places), default=1.0) or 1.0
    for number, (x, y, radius) in enumerate(places):
        column, row = int(x // size), int(y // size)
        near = [
            other
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            for other in cells.get((column + i, row + j), ())
        ]
        reach = [max(radius, places[other][2]) for other in near]
        away = [hypot(x - places[other][0], y - places[other][1]) for other in near]
        if all(a > r for a, r in zip(away, reach, strict=True)):
            kept.append(number)
            cells.setdefault((column, row), []).append(number)
    return kept
