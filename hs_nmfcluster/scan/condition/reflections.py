"""Elliptical distortion, from the spots of crystals that lie at many angles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from hs_nmfcluster.scan.condition.ellipse import (
    SECTORS,
    Ellipse,
    ellipse_of,
    jackknifed,
    sector_of,
)
from hs_nmfcluster.scan.condition.sightings import Sightings
from hs_nmfcluster.scan.noise import MAD_TO_SIGMA

# Standard deviations over its pixel's noise that a spot has.
_SPOT = 6.0
# Blocks that tell the noise of each pixel.
_FOR_NOISE = 64
# Pixels that the beam lies off the middle of two mates at most.
_MATES = 1.0
# Pairs that are needed, and the brightest that are used.
_FEWEST, _MOST = 20, 600
# Strongest distortion that is looked for where nothing else tells it, steps from end to end, and
# where the halo does, its standard uncertainties to either side and strength at least.
_STRONGEST, _STEPS = 0.12, 24
_BESIDE, _LEAST_BESIDE, _FINEST = 4.0, 0.006, 0.005
# Pixels within which two spots are on one ring, in the rounds of the fit.
_NEAR = (0.8, 0.5, 0.3, 0.2, 0.2)
# Sectors that a ring has spots in: a net of one crystal has its like at four directions, or six if
# it is hexagonal.
_FILLED = 6
# Condition of the equations from which on spots do not tell it.
_TOLD = 100.0
# Pixels of a camera do not let a strength be known better than this.
_BEST = 0.0005


def fit_reflections(
    sightings: Sightings,
    bad: NDArray[np.bool_],
    centers: NDArray[np.float64],
    scale: tuple[float, float],
    inner: float,
    halo: Ellipse | None = None,
) -> Ellipse | None:
    """Find the ellipse that makes circles of the rings on which crystals' spots lie.

    What neighbouring positions show beyond the mean of all are crystals. Half the way between a
    spot and its Friedel mate is a reciprocal lattice vector, wherever the beam was. On a distorted
    detector its length is ``r (1 + s/2 cos 2(φ - φ₀))``, and the right s and φ₀ bring the vectors
    of one ring together, whatever rings there are. A look over ellipses finds where most fall
    together; least squares on the differences between those that are near find it exactly. Only
    rings with spots at many angles count: of few crystals the nets are none that an ellipse could
    not make more regular than they are. The uncertainty is that of a jackknife over sectors.

    Parameters
    ----------
    sightings
        Patterns of blocks of positions.
    bad
        Pixels of these to leave out.
    centers
        Of the beam ``(x, y)`` in each, in their pixels, ``(n, 2)``.
    scale
        Unit per pixel along x and y.
    inner
        Radius in pixels of what is hidden, or is beam.
    halo
        What the halo says: if it is known at all, only what is near is looked at.

    Returns
    -------
    Ellipse
        None where there are too few pairs of spots, or they are at too few angles.
    """
    # A single block has nothing to stand out of.
    if len(sightings.patterns) < 2:
        return None
    vectors = _reflections(sightings, bad, centers, inner)
    if len(vectors) < _FEWEST:
        return None
    middle, reach = np.zeros(2), _STRONGEST
    if halo is not None and halo.known:
        middle, reach = halo.vector, max(_BESIDE * halo.strength_error, _LEAST_BESIDE)
    unit = np.array(scale) / np.sqrt(scale[0] * scale[1])
    rings = _Rings.of(vectors * unit, middle, reach)
    found = rings.fitted()
    without = [rings.fitted(one) for one in np.unique(rings.sector)]
    if found is None or any(one is None for one in without):
        return None
    return ellipse_of(found, float(np.hypot(jackknifed(np.array(without)), _BEST)))


def _reflections(
    sightings: Sightings, bad: NDArray[np.bool_], centers: NDArray[np.float64], inner: float
) -> NDArray[np.float64]:
    """Half the way from a spot's mate to it, in pixels, ``(n, 2)``; the brightest come first."""
    places, heights = _spots(sightings, bad, centers, inner)
    if not len(places):
        return np.empty((0, 2))
    block = places[:, 0].astype(np.int64)
    offsets = places[:, 1:] - centers[block]
    # Blocks so far apart that no spot of one is near those of another.
    apart = 4.0 * max(bad.shape) * block[:, None]
    away, mate = cKDTree(np.hstack([apart, offsets])).query(
        np.hstack([apart, -offsets]), distance_upper_bound=2 * _MATES
    )
    first = np.flatnonzero(np.isfinite(away) & (np.arange(len(mate)) < mate))
    second = mate[first]
    brightest = np.argsort(-np.minimum(heights[first], heights[second]), kind="stable")[:_MOST]
    return (offsets[first] - offsets[second])[brightest] / 2


def _spots(
    sightings: Sightings, bad: NDArray[np.bool_], centers: NDArray[np.float64], inner: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Block, x and y of what stands out of the mean of all, ``(n, 3)``, and its significance."""
    blur = max(inner / 4, 0.7)
    patterns = (sightings.patterns / sightings.weights[:, None, None]).astype(np.float32)
    patterns -= patterns.mean(axis=0)
    patterns[:, bad] = 0
    excess = ndimage.gaussian_filter(patterns, (0, blur, blur), truncate=3.0)
    excess -= ndimage.gaussian_filter(patterns, (0, 3 * blur, 3 * blur), truncate=2.0)
    some = excess[:: -(-len(excess) // _FOR_NOISE)]
    noise = ndimage.gaussian_filter(MAD_TO_SIGMA * np.median(np.abs(some), axis=0), 2.0)
    margin = 2
    beyond = np.zeros(bad.shape, bool)
    beyond[margin:-margin, margin:-margin] = noise[margin:-margin, margin:-margin] > 0
    block, row, column = np.nonzero((excess > _SPOT * noise) & beyond)
    around = np.stack([excess[block, row + v, column + u] for v in (-1, 0, 1) for u in (-1, 0, 1)])
    distance = np.hypot(*(np.stack([column, row], axis=1) - centers[block]).T)
    found = (around[4] >= around.max(axis=0)) & (distance > inner + 2 * blur + 1)
    block, row, column, around = block[found], row[found], column[found], around[:, found]
    x = column + _vertex(around[3], around[4], around[5])
    y = row + _vertex(around[1], around[4], around[7])
    return np.stack([block, x, y], axis=1), around[4] / noise[row, column]


def _vertex(
    left: NDArray[np.float32], middle: NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Offset of a Gaussian's middle from the highest of three pixels."""
    low = 1e-3 * middle
    before, at, after = (np.log(np.maximum(one, low)) for one in (left, middle, right))
    return np.asarray((before - after) / 2 / np.minimum(before - 2 * at + after, -1e-3), np.float64)


@dataclass(frozen=True, eq=False)
class _Rings:
    """Reciprocal lattice vectors, and those two and two that an ellipse may bring onto one ring.

    Parameters
    ----------
    logarithm, terms
        Of the radii, ``(n,)``, and half of what an ellipse's vector adds to them, ``(2, n)``.
    sector
        Of each, ``(n,)``.
    first, second
        Indices of two.
    pixels
        Radius of the two.
    middle, reach
        Vector in the middle of the ellipses that are looked for, and how far around it.
    """

    logarithm: NDArray[np.float64]
    terms: NDArray[np.float64]
    sector: NDArray[np.int64]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    pixels: NDArray[np.float64]
    middle: NDArray[np.float64]
    reach: float

    @classmethod
    def of(
        cls, vectors: NDArray[np.float64], middle: NDArray[np.float64], reach: float
    ) -> "_Rings":
        """Find the twos among vectors ``(n, 2)`` in pixels."""
        radius, angle = np.hypot(*vectors.T), np.arctan2(vectors[:, 1], vectors[:, 0])
        logarithm = np.log(radius)
        terms = np.stack([np.cos(2 * angle), np.sin(2 * angle)]) / 2
        sector = sector_of(angle)
        rest = logarithm - middle @ terms
        pixels = np.sqrt(radius[:, None] * radius)
        near = pixels * (np.abs(rest[:, None] - rest) - reach) < 3 * max(_NEAR)
        first, second = np.nonzero(np.triu(near, 1))
        return cls(logarithm, terms, sector, first, second, pixels[first, second], middle, reach)

    def fitted(self, left_out: int | None = None) -> NDArray[np.float64] | None:
        """Vector of the ellipse that brings radii together, None where they do not tell it.

        Parameters
        ----------
        left_out
            Sector that does not count.
        """
        counts = self.sector != left_out
        found = self._sharpest(counts)
        both = counts[self.first] & counts[self.second]
        first, second, pixels = self.first[both], self.second[both], self.pixels[both]
        apart = self.logarithm[first] - self.logarithm[second]
        turned = self.terms[:, first] - self.terms[:, second]
        for near in _NEAR:
            off = pixels * (apart - found @ turned)
            shared = self._shared(first, second, np.abs(off) < 2 * near)
            weights = np.exp(-0.5 * (off / near) ** 2) * pixels**2 * shared
            normal = (weights * turned) @ turned.T
            if not normal.any() or np.linalg.cond(normal) > _TOLD:
                return None
            found = np.linalg.solve(normal, (weights * turned) @ apart)
        return np.asarray(found)

    def _shared(
        self, first: NDArray[np.intp], second: NDArray[np.intp], near: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether both of two have neighbours at many angles."""
        filled = np.zeros((len(self.sector), SECTORS), bool)
        filled[first[near], self.sector[second[near]]] = True
        filled[second[near], self.sector[first[near]]] = True
        # A vector is at an angle itself.
        filled[np.arange(len(filled)), self.sector] = True
        many = filled.sum(axis=1) >= _FILLED
        return np.asarray(many[first] & many[second])

    def _sharpest(self, counts: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Vector of the ellipse, of those within reach, for which most radii fall together."""
        step = max(2 * self.reach / _STEPS, min(_FINEST, self.reach))
        steps = np.arange(-self.reach, self.reach + step / 2, step)
        logarithm, terms = self.logarithm[counts], self.terms[:, counts]
        best, found = -1.0, self.middle
        for one in np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2):
            if np.hypot(*one) > self.reach + step / 2:
                continue
            radii = logarithm - (self.middle + one) @ terms
            bins = np.round((radii - radii.min()) / step).astype(np.int64)
            height = ndimage.gaussian_filter1d(
                np.bincount(bins).astype(float), 1.0, mode="constant"
            )
            sharp = float((height**2).sum())
            if sharp > best:
                best, found = sharp, self.middle + one
        return found
