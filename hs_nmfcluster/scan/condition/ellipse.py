"""Elliptical distortion, from the rings that every specimen shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.noise import MAD_TO_SIGMA

# A distortion is one if it is so many times its standard uncertainty, and so large at least.
_CERTAIN, _MATTERS = 5.0, 0.0015
# Where it is known to no better than this, rings can hardly be seen, or single spots decide.
_KNOWN = 0.005
# Sectors of half a turn that are left out one after the other to learn how sure a fit is.
SECTORS = 18
# Rounds of the fit, and the strength left when it has converged.
_ROUNDS, _CONVERGED = 12, 1e-4
# Pixels that are so many standard deviations of their ring off are spots.
_SPOT = 3.0
# Pixels that are needed.
_LEAST = 200


@dataclass(frozen=True)
class Ellipse:
    """What becomes of a circle on the detector.

    Parameters
    ----------
    strength, strength_error
        Long over short axis minus 1, and its standard uncertainty.
    axis, axis_error
        Direction of the long axis in degrees, from +x (columns) to +y (rows), 0 to 180, and its
        standard uncertainty.
    """

    strength: float
    axis: float
    strength_error: float
    axis_error: float

    @property
    def significance(self) -> float:
        """Strength over its uncertainty."""
        return self.strength / self.strength_error if self.strength_error > 0 else np.inf

    @property
    def least(self) -> float:
        """Strength from which on it would be certain."""
        return max(_CERTAIN * self.strength_error, _MATTERS)

    @property
    def certain(self) -> bool:
        """Whether it is there beyond doubt."""
        return self.strength > self.least and self.known

    @property
    def known(self) -> bool:
        """Whether rings are clear enough to tell it."""
        return self.strength_error < _KNOWN

    @property
    def vector(self) -> NDArray[np.float64]:
        """Logarithm of its axes' ratio times (cos 2φ₀, sin 2φ₀)."""
        double = 2 * np.deg2rad(self.axis)
        return np.log1p(self.strength) * np.array([np.cos(double), np.sin(double)])

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Matrix ``(2, 2)`` of determinant 1 from offsets (x, y) as measured to undistorted ones.

        Examples
        --------
        >>> Ellipse(0.21, 0.0, 0.01, 1.0).matrix.round(3).tolist()
        [[0.909, 0.0], [0.0, 1.1]]
        """
        return stretch(1 / (1 + self.strength), self.axis)


def fit_ellipse(
    image: NDArray[np.float64],
    bad: NDArray[np.bool_],
    center: tuple[float, float],
    scale: tuple[float, float],
    inner: float,
) -> Ellipse | None:
    """Find the ellipse that the rings and the halo of a pattern are.

    On a distorted detector a profile P(r) shows as P + s/2 r P' cos 2(φ - φ₀), to first order in
    the strength s, where P' is its slope. That is fitted to all pixels at once, beside a wrong
    centre (P' cos φ) and an intensity that is not the same all around (P cos 2φ), in rounds in
    which what was found is put right. Spots do not count. The uncertainty is that of a jackknife
    over sectors, so that what single spots or the texture of a few crystals say is not believed.

    Parameters
    ----------
    image
        Mean pattern, ``(n_v, n_u)``.
    bad
        Pixels to leave out.
    center
        Of the beam ``(x, y)`` in pixels.
    scale
        Unit per pixel along x and y.
    inner
        Radius in pixels of what is hidden, or is beam.

    Returns
    -------
    Ellipse
        None where there are too few pixels, or no slope among them.
    """
    unit = np.array(scale) / np.sqrt(scale[0] * scale[1])
    y, x = np.indices(image.shape)
    offsets = np.stack([(x - center[0]) * unit[0], (y - center[1]) * unit[1]])
    outer = _inscribed(image.shape, center, unit)
    near = (np.hypot(*offsets) > inner + 1) & (np.hypot(*offsets) < outer) & ~bad
    if near.sum() < _LEAST or outer < inner + 6:
        return None
    offsets, values = offsets[:, near], image[near]
    undo, shift = np.eye(2), np.zeros(2)
    for _ in range(_ROUNDS):
        fit = _Fit.of(undo @ (offsets - shift[:, None]), values)
        if fit is None:
            return None
        across, along, *_, dx, dy = fit.coefficients
        undo = stretch(1 / (1 + 2 * np.hypot(across, along)), _axis(across, along)) @ undo
        shift = shift + np.linalg.inv(undo) @ np.array([dx, dy])
        left = float(2 * np.hypot(across, along))
        if left < _CONVERGED:
            break
    assert fit is not None
    error = fit.error()
    if left > error:
        return None
    # The rounds may have added a turn, which no ring shows: what is left is symmetric.
    _, stretches, directions = np.linalg.svd(undo)
    axis = np.rad2deg(np.arctan2(directions[1, 1], directions[1, 0]))
    return _ellipse(float(stretches[0] / stretches[1] - 1), float(axis), error)


def ellipse_of(vector: NDArray[np.float64], error: float) -> Ellipse:
    """Make an ellipse of its vector and the uncertainty of that."""
    return _ellipse(float(np.expm1(np.hypot(*vector))), _axis(*vector), error)


def sector_of(angle: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find in which sector of half a turn, from 0 to 17, an angle in radians is."""
    return np.floor(angle / np.pi * SECTORS).astype(np.int64) % SECTORS


def jackknifed(found: NDArray[np.float64]) -> float:
    """Give the uncertainty of either of two numbers that were found without each part in turn.

    Parameters
    ----------
    found
        ``(n_parts, 2)``.
    """
    n = len(found)
    spread = found - found.mean(axis=0)
    return float(np.sqrt((n - 1) / n * (spread**2).sum() / 2))


def _ellipse(strength: float, axis: float, error: float) -> Ellipse:
    of_axis = np.rad2deg(error / strength) / 2 if strength > 0 else np.inf
    return Ellipse(strength, axis % 180, error, float(min(of_axis, 90.0)))


@dataclass(frozen=True, eq=False)
class _Fit:
    """Least squares on what is not round.

    Parameters
    ----------
    terms, values
        Regressors and deviations, both over their noise, ``(n, 6)`` and ``(n,)``.
    sectors
        Of each pixel.
    coefficients
        Half the strength times cos 2φ₀ and sin 2φ₀, two of the intensity, and the centre.
    """

    terms: NDArray[np.float64]
    values: NDArray[np.float64]
    sectors: NDArray[np.int64]
    coefficients: NDArray[np.float64]

    @classmethod
    def of(cls, offsets: NDArray[np.float64], values: NDArray[np.float64]) -> "_Fit | None":
        """Fit offsets ``(2, n)`` from the centre."""
        radius = np.hypot(*offsets)
        angle = np.arctan2(offsets[1], offsets[0])
        level, slope, noise = _profile(radius, values)
        used = np.abs(values - level) < _SPOT * noise
        if used.sum() < _LEAST or not np.abs(slope[used] / noise[used]).max() > 0:
            return None
        double = np.stack([np.cos(2 * angle), np.sin(2 * angle)])
        single = np.stack([np.cos(angle), np.sin(angle)])
        terms = np.concatenate([-radius * slope * double, level * double, -slope * single])
        terms, left = (terms / noise)[:, used].T, ((values - level) / noise)[used]
        sectors = sector_of(angle)[used]
        coefficients = np.array(np.linalg.lstsq(terms, left, rcond=None)[0], dtype=np.float64)
        return cls(terms, left, sectors, coefficients)

    def error(self) -> float:
        """Give the standard uncertainty of the strength, by leaving out sectors."""
        gram, target = self.terms.T @ self.terms, self.terms.T @ self.values
        found = []
        for sector in np.unique(self.sectors):
            own = self.sectors == sector
            terms, values = self.terms[own], self.values[own]
            less = gram - terms.T @ terms
            found.append(np.linalg.lstsq(less, target - terms.T @ values, rcond=None)[0][:2])
        return 2 * jackknifed(np.array(found))


def _profile(
    radius: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Level, slope and noise at each pixel, from medians in rings of a pixel's width."""
    _, ring, number = np.unique(
        np.round(radius).astype(np.int64), return_inverse=True, return_counts=True
    )
    radii = np.bincount(ring, radius) / number
    middle = _medians(values, ring, number)
    smooth = ndimage.gaussian_filter1d(middle, 1.0, mode="nearest")
    slopes = np.gradient(smooth, radii) if len(radii) > 1 else np.zeros(1)
    # Within a ring the level changes with the radius.
    level = np.interp(radius, radii, middle)
    noise = MAD_TO_SIGMA * _medians(np.abs(values - level), ring, number)
    noise = np.maximum(noise, 1e-3 * np.abs(middle).max() + 1e-300)
    return level, np.interp(radius, radii, slopes), noise[ring]


def _medians(
    values: NDArray[np.float64], ring: NDArray[np.intp], number: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Median in each ring; number is that of the values in each."""
    ordered = values[np.lexsort((values, ring))]
    starts = np.cumsum(number) - number
    return np.asarray((ordered[starts + (number - 1) // 2] + ordered[starts + number // 2]) / 2)


def _axis(across: float, along: float) -> float:
    """Direction in degrees of what is longest where the strength times (cos 2φ, sin 2φ) is this."""
    return float(np.rad2deg(np.arctan2(along, across)) / 2)


def _inscribed(
    shape: tuple[int, ...], center: tuple[float, float], unit: NDArray[np.float64]
) -> float:
    n_v, n_u = shape
    return float(
        min(
            min(center[0], n_u - 1 - center[0]) * unit[0],
            min(center[1], n_v - 1 - center[1]) * unit[1],
        )
    )


def stretch(ratio: float, axis: float) -> NDArray[np.float64]:
    """Matrix of determinant 1 that makes offsets along an axis longer by a ratio than across it.

    Parameters
    ----------
    ratio
        Of the lengths of what was a circle.
    axis
        Degrees from +x to +y.
    """
    cos, sin = np.cos(np.deg2rad(axis)), np.sin(np.deg2rad(axis))
    turn = np.array([[cos, -sin], [sin, cos]])
    return turn @ np.diag([np.sqrt(ratio), 1 / np.sqrt(ratio)]) @ turn.T
