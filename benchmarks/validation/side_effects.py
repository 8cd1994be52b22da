"""What the constraints do to what they should leave alone.

Prints how far white noise is raised where holes are filled, compared with the closing by a disk;
by how much filling changes true halos, on detectors coarser and coarser; what limited maps still
hold beyond the limit; and how far they are off at an edge of the scan through a particle.

    python benchmarks/validation/side_effects.py
"""

from collections.abc import Iterator, Sequence

import numpy as np
from _common import Geometry, Table
from numpy.typing import NDArray
from scipy import ndimage, signal

from hs_nmfcluster import SmoothPatterns
from hs_nmfcluster.bridge import axes
from hs_nmfcluster.factorization.constraints import hole_filling
from hs_nmfcluster.factorization.constraints.band_limit import BandLimit
from hs_nmfcluster.factorization.constraints.holes import fill_holes
from hs_nmfcluster.simulation import Truth, linear_mixture, nanocrystals_in_glass

Row = tuple[str, str, float]
_SPECIMENS = {"mixture": linear_mixture, "glass": nanocrystals_in_glass}
# The scan and the limit of constraints.py.
_SHAPE, _STEP, _LIMIT, _DIAMETER = (50, 50), 0.75, 1.97, 6.0


def noise(size: int = 512) -> Iterator[Row]:
    """White noise, raised by so many of its standard deviations."""
    pattern = np.random.default_rng(0).standard_normal((size, size))
    for radius in (2, 4):
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        by_disk = ndimage.grey_closing(pattern, footprint=np.hypot(x, y) <= radius)
        filled = fill_holes(pattern[None], radius)[0]
        for name, closed in (("ours", filled), ("by a disk", by_disk)):
            yield (f"noise raised, {name}", f"radius {radius} px", float((closed - pattern).mean()))


def halos(detectors: Sequence[int] = (128, 80, 64, 48, 32)) -> Iterator[Row]:
    """Change of the true patterns of matrices in per cent of their norm."""
    for name, simulate in _SPECIMENS.items():
        for detector in detectors:
            geometry = Geometry(16, detector, 1, 1)
            scan, truth = simulate(**geometry.arguments, noise=False)
            width = _ring_width(truth)
            yield (
                f"halo changed %, {name}",
                f"{detector} px, ring {width:.0f} px wide",
                _change(scan, truth),
            )


def _change(scan: NDArray, truth: Truth) -> float:
    mean = np.asarray(scan.data, dtype=np.float64).mean(axis=(0, 1))
    center, _ = axes.find_center(scan, None, mean)
    left_out = truth.detector_mask
    filling = hole_filling(SmoothPatterns(), mean, left_out, axes.detector_of(scan, center))
    halo = truth.patterns[~truth.crystalline].reshape(-1, *left_out.shape)[:, ~left_out]
    return float(100 * np.linalg.norm(filling(halo) - halo) / np.linalg.norm(halo))


def _ring_width(truth: Truth) -> float:
    """Full width at half maximum of the halo's strongest ring in pixels."""
    n = truth.detector_mask.shape[0]
    halo = truth.patterns[~truth.crystalline].reshape(-1, n, n)[0]
    y, x = np.indices(halo.shape)
    ring = np.round(np.hypot(y - n / 2, x - n / 2)).astype(int)[~truth.detector_mask]
    profile = np.bincount(ring, halo[~truth.detector_mask]) / np.maximum(np.bincount(ring), 1)
    width, *_ = signal.peak_widths(profile, [int(profile.argmax())])
    return float(width[0])


def maps() -> Iterator[Row]:
    """Variance left beyond the limit, and error at an edge through a particle, in per cent."""
    band = BandLimit.of_scan(_SHAPE, (_STEP, _STEP), _LIMIT)
    rough = np.random.default_rng(0).standard_normal((20, _SHAPE[0] * _SHAPE[1]))
    limited = band.limit(np.maximum(rough, 0))
    beyond = ((limited - band.fit(limited)) ** 2).sum() / limited.var(axis=1).sum()
    yield "variance beyond %", "rectified noise", float(100 * beyond / limited.shape[1])
    for share in (0.4, 0.2, 0.0):
        at = share * _DIAMETER
        particle = _particle(at)
        off = np.abs(band.limit(particle.reshape(1, -1)) - particle.ravel()).max()
        yield (
            "error at an edge %",
            f"{at:.1f} nm from a particle's middle",
            float(100 * off / particle.max()),
        )


def _particle(at: float) -> NDArray[np.float64]:
    """Thickness of a sphere, blurred by the probe, `at` from the left edge of the scan."""
    fine, margin = 5, 8.0
    size = [int(fine * (n + 2 * margin / _STEP)) for n in _SHAPE]
    y, x = np.indices(size) * _STEP / fine - margin
    distance = np.hypot(x - at, y - _SHAPE[0] * _STEP / 2)
    thickness = np.sqrt(np.maximum(_DIAMETER**2 / 4 - distance**2, 0))
    blurred = ndimage.gaussian_filter(thickness, fine * _LIMIT / _STEP / 2.355)
    first = round(margin / _STEP * fine)
    rows, columns = (slice(first, first + fine * n, fine) for n in _SHAPE)
    return np.asarray(blurred[rows, columns])


def study() -> Table:
    """Make the table."""
    return Table(("effect", "of", "value"), [*noise(), *halos(), *maps()])


if __name__ == "__main__":
    print(study())
