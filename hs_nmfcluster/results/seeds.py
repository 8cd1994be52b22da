"""What is planted in a scan: what a user asks for, like the particles of the scan itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.materials.brightness import Brightness
from hs_nmfcluster.materials.particles import Particle
from hs_nmfcluster.materials.planting import drawn_spots, footprint, radius_of_spots
from hs_nmfcluster.materials.spots import Spots, find_spots
from hs_nmfcluster.results.sizes import ParticleSizes
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.units import PixelSize

#: Steps between particles.
GAP = 2.0
# Neighbourhoods along each axis that a large scan is represented by.
_TILES = 4


@dataclass(frozen=True)
class AskedParticles:
    """What is to be planted, as a user has asked for it; None where the scan is to tell.

    Attributes
    ----------
    diameters, fractions
        In the unit of particle sizes; shares of the electrons.
    pattern
        ``"groups"``, or one pattern ``(n_v, n_u)``.
    number
        Particles at a time.
    seed
        Of places, angles and electrons.
    """

    diameters: tuple[float, ...] | None
    fractions: tuple[float, ...] | None
    pattern: str | NDArray[np.floating]
    number: int | None
    seed: int


def sources_of(
    patterns: dict[int, NDArray[np.floating]], detector: Detector, limits: tuple[float, float]
) -> dict[int, tuple[Spots, float]]:
    """Spots of the patterns that show some, and their radius in pixels."""
    found = {n: find_spots(one, detector, radial_range=limits) for n, one in patterns.items()}
    return {
        n: (own, radius_of_spots(patterns[n], own, detector))
        for n, own in found.items()
        if len(own)
    }


def drawn_pattern(
    source: tuple[Spots, float], angle: float, detector: Detector, kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Pattern of a source, turned, of unit sum over the kept pixels."""
    spots, radius = source
    one = drawn_spots(spots.turned(angle), detector, radius)
    return np.asarray(one / one[kept].sum())


def footprint_of(
    sizes: ParticleSizes, place: tuple[float, float], diameter: float, scan_shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """Where a particle is that looks as those of a scan do; place and diameter in its unit."""
    pixel = sizes.pixel
    return footprint(
        (place[0] / pixel.x, place[1] / pixel.y),
        diameter,
        sizes.probe_size if any(own.particles for own in sizes) else 0.0,
        (abs(pixel.x), abs(pixel.y)),
        (scan_shape[0], scan_shape[1]),
        sphere=sizes.shape != "disc",
    )


def free_positions(
    used: NDArray[np.bool_], known: Sequence[Particle], pixel: PixelSize
) -> NDArray[np.bool_]:
    """Positions without a known particle."""
    free, step = used.copy(), float(np.sqrt(abs(pixel.x * pixel.y)))
    y, x = np.indices(free.shape)
    for one in known:
        away = np.hypot(x * pixel.x - one.x, y * pixel.y - one.y)
        free &= away > np.fmax(one.diameter, step) / 2 + GAP * step
    return free


def per_thickness_of(
    sizes: ParticleSizes,
    group: int,
    pattern: NDArray[np.float64],
    brightness: Brightness,
    free: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Fraction over diameter of the particles of a group that were measured, ``(n,)``."""
    there = brightness.mean[brightness.kept].sum() * brightness.of_pattern(pattern)
    norms = [
        (
            p.diameter,
            brightness.of_particle(*footprint_of(sizes, (p.x, p.y), p.diameter, free.shape), free),
        )
        for p in sizes[group].particles
        if np.isfinite(p.diameter) and not p.at_edge
    ]
    return np.array([norm / there / diameter for diameter, norm in norms if norm > 0])


def sample_of(used: NDArray[np.bool_], settings: dict[str, Any]) -> NDArray[np.bool_]:
    """Part of a large scan that stands for all of it: where most of it is used."""
    tiles = settings["tiles"]
    if tiles is None:
        return used
    size = [_TILES * n for n in tiles[::-1]]
    if all(side >= n for side, n in zip(size, used.shape, strict=True)):
        return used
    share = ndimage.uniform_filter(used.astype(float), size, mode="constant")
    middle = np.unravel_index(share.argmax(), share.shape)
    inside = np.zeros_like(used)
    window = []
    for at, side, n in zip(middle, size, used.shape, strict=True):
        start = int(np.clip(at - side // 2, 0, max(n - side, 0)))
        window.append(slice(start, start + side))
    inside[tuple(window)] = True
    return inside & used


def checked_numbers(name: str, values: object) -> tuple[float, ...] | None:
    """Return some numbers above zero, or None.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    if values is None:
        return None
    given = np.atleast_1d(np.asarray(values))
    if given.dtype.kind not in "iuf" or given.ndim > 1 or not given.size:
        raise TypeError(f"`{name}` must be numbers > 0, got {values!r}.")
    if not ((given > 0) & np.isfinite(given)).all():
        raise ValueError(f"`{name}` must be numbers > 0, got {values!r}.")
    return tuple(float(value) for value in np.unique(given))


def checked_pattern(signal: BaseSignal, pattern: object) -> NDArray[np.float64]:
    """Return a pattern on the detector of a scan.

    Raises
    ------
    ValueError
        If it is of another shape.
    """
    values = np.asarray(getattr(pattern, "data", pattern), dtype=np.float64)
    if values.shape != signal.data.shape[-2:]:
        raise ValueError(
            f'`pattern` must be "groups" or a pattern of shape {signal.data.shape[-2:]} (array '
            f"order), got shape {values.shape}."
        )
    return values
