"""Synthetic particles, planted in a scan while it is read, so that one can count which are found.

A particle scatters electrons of the direct beam into its spots, at each position at which the probe
meets it. They come on top of what the matrix scatters, each by chance, so that the noise of what
was there and theirs together are the noise that the scan would have. What little of the matrix a
particle displaces stays.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse, special

from hs_nmfcluster.engine.random_numbers import generator_at
from hs_nmfcluster.materials.apertures import aperture_sums, ring_means
from hs_nmfcluster.materials.profiles import FWHM
from hs_nmfcluster.materials.spots import Spots, owner_of_pixels
from hs_nmfcluster.scan.detector import Detector

# Stream of random numbers by which electrons are taken and scattered.
_STREAM = 17
# Blur of the edge of a spot in pixels, and radii that are tried, over that of an aperture.
_EDGE = 0.5
_RADII = np.geomspace(0.1, 1.0, 20)
# Points along each axis at which the thickness of a particle is taken, a position.
_FINE = 5
# Standard deviations of the probe beyond which it meets nothing.
_REACH = 3.0


@dataclass(frozen=True, eq=False)
class Planting:
    """Particles to be planted in a scan.

    Parameters
    ----------
    shares
        Electrons that each particle adds at each position, over those that are there, sparse,
        ``(n_positions, n)``.
    patterns
        Where each particle scatters them, ``(n, n_v, n_u)`` of unit sum.
    measured
        Pixels over which electrons are counted, ``(n_v, n_u)``.
    gain
        Variance of the data over their mean by counting; 1 of single electrons, 0 without noise.
    shifts
        Of the beam, ``(n_positions, 2)`` in pixels, (x, y); None where it stands still.
    response
        Of the pixels, ``(n_v, n_u)``; None where they are alike.
    """

    shares: sparse.csr_array
    patterns: NDArray[np.float64]
    measured: NDArray[np.bool_]
    gain: float = 1.0
    shifts: NDArray[np.floating] | None = None
    response: NDArray[np.floating] | None = None
    _met: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_met", np.diff(self.shares.indptr) > 0)

    def added(self, position: int) -> NDArray[np.float64]:
        """Electrons to be expected at a position for each that is there, ``(n_v, n_u)``."""
        row = slice(*self.shares.indptr[position : position + 2])
        shares, which = self.shares.data[row], self.shares.indices[row]
        pattern = np.asarray(np.tensordot(shares, self.patterns[which], axes=1))
        if self.shifts is not None:
            moved = ndimage.shift(pattern, self.shifts[position][::-1], order=1)
            pattern = np.asarray(moved, dtype=np.float64)
        if self.response is not None:
            pattern = np.asarray(pattern * self.response, dtype=np.float64)
        return np.maximum(pattern, 0.0)


def planted(
    patterns: NDArray, positions: NDArray[np.int64], planting: Planting, seed: int
) -> NDArray:
    """Plant particles in some of the patterns of a scan.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, not changed.
    positions
        ``(n,)``.
    planting
        The particles.
    seed
        Of the electrons.

    Examples
    --------
    >>> shares = sparse.csr_array([[0.5], [0.0]])
    >>> planting = Planting(shares, np.eye(1, 100).reshape(1, 10, 10), np.ones((10, 10), bool))
    >>> scan = np.full((2, 10, 10), 100)
    >>> found = planted(scan, np.arange(2), planting, seed=0)
    >>> bool(abs(found[0, 0, 0] - 5100) < 300), int(found[1].max())
    (True, 100)
    """
    here = np.flatnonzero(planting._met[positions])
    if not here.size:
        return patterns
    result = patterns.copy()
    most = np.iinfo(result.dtype).max if result.dtype.kind in "iu" else np.inf
    for row in here.tolist():
        position = int(positions[row])
        rng = generator_at(seed, position, _STREAM)
        own = np.asarray(patterns[row])
        there = max(float(own[planting.measured].sum(dtype=np.float64)), 0.0)
        added = planting.added(position) * there
        if planting.gain > 0:
            added = np.asarray(planting.gain * rng.poisson(added / planting.gain))
        added = np.rint(added) if np.isfinite(most) else added
        result[row] = np.minimum(own + added, most)
    return result


def radius_of_spots(pattern: NDArray[np.floating], spots: Spots, detector: Detector) -> float:
    """Radius in pixels with which drawn spots are most like those of a pattern.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``, NaN where not measured.
    spots
        Found in it.
    detector
        Its geometry.
    """
    near = (owner_of_pixels(spots, detector) >= 0) & np.isfinite(pattern)
    excess = (pattern - ring_means(pattern, ~near, detector))[near]
    radii = _RADII * float(spots.reach.max())
    drawn = (drawn_spots(spots, detector, radius)[near] for radius in radii)
    return float(radii[np.argmax([excess @ one / np.linalg.norm(one) for one in drawn])])


def drawn_spots(spots: Spots, detector: Detector, radius: float) -> NDArray[np.float64]:
    """Draw spots without noise and without a halo, ``(n_v, n_u)`` of unit sum.

    Parameters
    ----------
    spots
        Of a pattern.
    detector
        On which they are drawn.
    radius
        Of a spot in pixels.

    Examples
    --------
    >>> spots = Spots(*np.array([[5.0], [0.0], [0.1], [1.0], [3.0]]))
    >>> image = drawn_spots(spots, Detector((41, 41), (20, 20)), 1.3)
    >>> np.unravel_index(image.argmax(), image.shape), round(float(image[:, 22:29].sum()), 2)
    ((np.int64(20), np.int64(25)), 1.0)
    """
    image = np.zeros(detector.shape)
    v, u = np.indices(detector.shape)
    columns, rows = detector.pixels_at(spots.x, spots.y)
    for x, y, intensity in zip(columns, rows, spots.intensity, strict=True):
        away = np.hypot(u - x, v - y) - radius
        disc = special.erfc(away / (np.sqrt(2) * _EDGE))
        image += max(float(intensity), 0.0) * disc / max(disc.sum(), np.finfo(float).tiny)
    return np.asarray(image / image.sum())


def share_in_apertures(spots: Spots, radius: float, detector: Detector) -> float:
    """Share of the intensity of drawn spots that apertures around them hold above their rings.

    Parameters
    ----------
    spots, radius, detector
        As of :func:`drawn_spots`.
    """
    image = drawn_spots(spots, detector, radius)
    return float(aperture_sums(image, owner_of_pixels(spots, detector), len(spots), detector).sum())


def footprint(
    middle: tuple[float, float],
    diameter: float,
    probe: float,
    scale: tuple[float, float],
    scan_shape: tuple[int, int],
    *,
    sphere: bool,
) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """Share of its middle that the probe meets of a particle at the positions around it.

    Parameters
    ----------
    middle
        ``(x, y)`` in positions.
    diameter, probe
        Of the particle, and full width at half maximum of the probe.
    scale
        Step of the scan along ``(x, y)``, in the same unit.
    scan_shape
        ``(n_y, n_x)``.
    sphere
        Whether thickness falls off towards the rim, or not at all, as of a disc.

    Examples
    --------
    >>> where, shares = footprint((5.0, 4.0), 3.0, 0.0, (1.0, 1.0), (20, 20), sphere=False)
    >>> where, shares.astype(int).tolist()
    ((slice(3, 6, None), slice(4, 7, None)), [[1, 1, 1], [1, 1, 1], [1, 1, 1]])
    """
    sigma = probe / FWHM
    reach = [(diameter / 2 + _REACH * sigma) / step for step in scale]
    spans, fine = [], []
    for at, far, n in zip(middle, reach, scan_shape[::-1], strict=True):
        first, last = max(int(np.ceil(at - far)), 0), min(int(at + far) + 1, n)
        spans.append(slice(first, max(last, first)))
        # From beyond the window, so that the probe meets all that there is.
        fine.append(np.arange((last - first + 2 * int(far + 1)) * _FINE) - int(far + 1) * _FINE)
    x, y = (
        (own / _FINE + span.start - at) * step
        for own, span, at, step in zip(fine, spans, middle, scale, strict=True)
    )
    away = np.hypot(x[None, :], y[:, None]) / (diameter / 2)
    if sphere:
        thickness = np.sqrt(np.maximum(1 - away**2, 0.0))
    else:
        thickness = (away <= 1).astype(np.float64)
    blurred = ndimage.gaussian_filter(thickness, [sigma / step * _FINE for step in scale[::-1]])
    start = [int(far + 1) * _FINE for far in reach]
    shares = blurred[start[1] :: _FINE, start[0] :: _FINE]
    columns, rows = spans
    return (rows, columns), shares[: rows.stop - rows.start, : columns.stop - columns.start]


def scattered_places(
    free: NDArray[np.bool_],
    radii: NDArray[np.float64],
    gap: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw places for particles that lie in free positions and do not touch each other.

    Parameters
    ----------
    free
        Positions where a middle may lie that is no nearer than its radius to what is not free,
        ``(n_y, n_x)``.
    radii
        Of the particles in positions, ``(n,)``.
    gap
        Least distance between two of them in positions.
    rng
        Draws them.

    Returns
    -------
    numpy.ndarray
        Middles ``(x, y)`` in positions, ``(n, 2)``; NaN for those that found no place.

    Examples
    --------
    >>> places = scattered_places(np.ones((40, 40), bool), np.full(5, 3.0), 2.0,
    ...     np.random.default_rng(0))
    >>> from scipy.spatial.distance import pdist
    >>> bool(pdist(places).min() >= 8)
    True
    """
    room = ndimage.distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1]
    places = np.full((len(radii), 2), np.nan)
    # The largest first, as long as there is room for them.
    for number in np.argsort(-radii, kind="stable"):
        rows, columns = np.nonzero(room > radii[number] + gap / 2)
        if not rows.size:
            continue
        chosen = int(rng.integers(rows.size))
        at = np.array([columns[chosen], rows[chosen]]) + rng.uniform(-0.5, 0.5, 2)
        places[number] = at
        y, x = np.indices(free.shape)
        away = np.hypot(x - at[0], y - at[1]) - radii[number] - gap / 2
        room = np.minimum(room, np.maximum(away, 0.0))
    return places
