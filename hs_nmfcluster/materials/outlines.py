"""How large a particle is: a profile fitted to a segment of a map, its axes and uncertainties."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot, nan

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from hs_nmfcluster.materials.profiles import PROFILES, Profile
from hs_nmfcluster.materials.segments import Segment

# Widths of the probe, in pixels, that are tried where it is not known.
_PROBES = np.geomspace(0.5, 4.0, 7)
# So many of the brightest particles tell the width of the probe and the shape.
_ENOUGH = 20
# A disc is what leaves fewer squares than a sphere by so many times what neither profile describes,
# or of so many particles that it is none of their chance; where this is larger, it is a sphere.
_CLEARLY, _SURE, _UNSURE = 3.0, 0.01, 0.2
# Difference of two fits, in squares of the noise, from which on it is none of the noise.
_SIGNIFICANT = 25.0
# Share of the particles, those that are described best, that decide on the shape.
_ALIKE = 0.75
# What is not known of a profile, as a share of the diameter: how a disc's edge is blurred; of a
# sphere, how its intensity grows with its thickness and what a factorization leaves of its rim;
# and of what noise does not let tell from each other.
_UNKNOWN = {"disc": 0.002, "sphere": 0.04}
_UNDECIDED = 0.12
# Diameter of a disc over that of a sphere of the same profile.
_DISC_OF_SPHERE = 0.8
# Neighbouring pixels of a map share their noise: so much more uncertain is what is fitted.
_SHARED_NOISE = 1.6
# A diameter is not known better than this share of a pixel.
_BEST_DIAMETER = 0.01
# A particle narrower than this share of the probe is not resolved.
_RESOLVED = 0.7
# An aspect ratio is not larger than this.
_LONGEST = 6.0


@dataclass(frozen=True)
class Look:
    """How particles look: their shape, and the probe that blurs them.

    Attributes
    ----------
    shape
        Name of the profile.
    probe
        Full width of the probe at half maximum in pixels.
    disc
        Chance that what is measured as a sphere is a disc all the same; None where the shape is
        given, or the outlines tell.
    """

    shape: str
    probe: float
    disc: float | None = None

    @property
    def profile(self) -> Profile:
        """The profile of the shape."""
        return PROFILES[self.shape]

    @property
    def name(self) -> str:
        """The shape in words."""
        return self.shape if self.disc is None else "disc or sphere"

    @property
    def unknown(self) -> float:
        """What is not known of the profile, as a share of the diameter."""
        return _UNKNOWN[self.shape] if self.disc is None else _UNDECIDED

    @property
    def factor(self) -> float:
        """What is expected of the diameter, over that of the profile."""
        return 1.0 if self.disc is None else 1.0 - (1.0 - _DISC_OF_SPHERE) * self.disc


@dataclass(frozen=True)
class Outline:
    """Ellipse around a particle, in pixels.

    Attributes
    ----------
    x, y
        Middle.
    diameter, sigma
        Diameter of the circle of the same area, and its standard uncertainty; NaN where the
        particle is not resolved.
    long_axis, short_axis
        Axes of the ellipse.
    angle
        Of the long axis in degrees from +x towards +y, 0 to 180.
    height
        In the middle.
    """

    x: float
    y: float
    diameter: float
    sigma: float
    long_axis: float
    short_axis: float
    angle: float
    height: float


def find_look(
    segments: Sequence[Segment],
    shape: str = "auto",
    probe: float | None = None,
    narrowest: float | None = None,
) -> Look:
    """Find the shape and the probe that describe the particles of a specimen best.

    One shape and one probe are taken for all. A disc is taken only where it fits clearly better
    than a sphere, since the disc's profile can imitate the sphere's, at another diameter; where it
    fits better, but some particles say otherwise, the shape is not decided, and the diameter lies
    between both: the nearer to a disc's the surer it is one, where these profiles describe the
    particles. A sphere, in turn, imitates a disc if the probe may be as narrow as it likes.

    Parameters
    ----------
    segments
        The particles.
    shape
        ``"disc"``, ``"sphere"`` or ``"auto"``.
    probe
        Full width of the probe at half maximum in pixels, None if not known.
    narrowest
        What diffraction at the aperture lets it be at least, in pixels, None if not known.
    """
    whole = [one for one in segments if not one.at_edge] or list(segments)
    bright = sorted(whole, key=lambda one: -one.height / max(one.noise, 1e-9 * one.height))
    shapes = ["disc", "sphere"] if shape == "auto" else [shape]
    if not bright or (probe is not None and len(shapes) == 1):
        return Look(shapes[-1], 1.0 if probe is None else probe)
    bright = bright[:_ENOUGH]
    looks = {name: Look(name, probe or _best_probe(bright, name, narrowest)) for name in shapes}
    if len(shapes) == 1:
        return looks[shape]
    compared = np.array([_compared(one, looks["disc"], looks["sphere"]) for one in bright])
    alike = np.argsort(compared[:, 1], kind="stable")[: max(1, round(_ALIKE * len(bright)))]
    better, undescribed = compared[alike, :2].sum(axis=0)
    least = _SIGNIFICANT * compared[alike, 2].mean()
    chance = _chance(compared[alike, 0])
    if better > least and (better > _CLEARLY * undescribed or chance < _SURE):
        return looks["disc"]
    described = bool(undescribed <= least)
    if chance > _UNSURE and (abs(better) > least or not described):
        return looks["sphere"]
    # Of particles that are neither, what noise says does not count.
    return replace(looks["sphere"], disc=1 - chance if described else 0.5)


def _compared(segment: Segment, disc: Look, sphere: Look) -> tuple[float, float, float]:
    """By how many squares a disc is better, how many it leaves beyond the noise, and the noise's.

    As shares of the squared height; the noise for one pixel.
    """
    fits = [_fit(segment, look, round_=True) for look in (disc, sphere)]
    noise = (segment.noise / segment.height) ** 2
    beyond = max(fits[0].left - fits[0].pixels * noise, 0.0)
    return fits[1].left - fits[0].left, beyond, _SHARED_NOISE**2 * noise


def _chance(better: NDArray[np.float64]) -> float:
    """Chance that differences of single particles have so large a mean by themselves."""
    if np.ptp(better) == 0:
        return 0.5
    return float(stats.ttest_1samp(better, 0.0, alternative="greater").pvalue)


def _best_probe(segments: Sequence[Segment], shape: str, narrowest: float | None) -> float:
    """Width of the probe for which a shape leaves the least of the particles.

    The mean logarithm of the squares counts, so that no single particle of another form decides.
    """

    def left(width: float) -> float:
        squares = [_fit(one, Look(shape, width), round_=True).left for one in segments]
        return float(np.mean(np.log(np.maximum(squares, 1e-12))))

    widths = _PROBES
    if narrowest is not None:
        widths = np.geomspace(narrowest, max(2 * narrowest, _PROBES[-1]), len(_PROBES))
    best = int(np.argmin([left(float(width)) for width in widths]))
    around = widths[max(best - 1, 0)], widths[min(best + 1, len(widths) - 1)]
    fine = optimize.minimize_scalar(left, bounds=around, method="bounded", options={"xatol": 0.02})
    return float(fine.x)


def outline(segment: Segment, look: Look) -> Outline:
    """Fit an ellipse of some look to a particle.

    Parameters
    ----------
    segment
        The particle.
    look
        From `find_look`.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.materials.segments import find_segments
    >>> y, x = np.mgrid[:40, :50]
    >>> image = 1.0 * (np.hypot((x - 20) / 1.5, y - 15) < 5.8)
    >>> (segment,) = find_segments(image)
    >>> found = outline(segment, Look("disc", 1.0))
    >>> round(found.x), round(found.y), round(found.long_axis), round(found.short_axis)
    (20, 15, 18, 12)
    """
    fit = _fit(segment, look)
    x, y, height, radius, along, across = fit.parameters
    sigma = fit.sigma
    stretch = min(float(np.exp(hypot(along, across))), _LONGEST**0.5)
    # What is fitted is known, however faint, to no better than the profile itself is.
    diameter = 2 * abs(radius) * look.factor
    total = hypot(2 * sigma, look.unknown * diameter, _BEST_DIAMETER)
    known = abs(radius) > _RESOLVED / 2 * look.probe and total < diameter / 2
    strayed = hypot(x - segment.middle[0], y - segment.middle[1]) > segment.radius + 1
    if strayed or height <= 0 or not np.isfinite(total):
        middle, diameter, known = segment.middle, 2 * segment.radius, False
        x, y, height, stretch = *middle, segment.height, 1.0
    return Outline(
        float(x),
        float(y),
        float(diameter) if known else nan,
        float(total) if known else nan,
        float(diameter * stretch) if known else nan,
        float(diameter / stretch) if known else nan,
        float(np.rad2deg(np.arctan2(across, along)) / 2 % 180.0),
        float(height),
    )


@dataclass(frozen=True)
class _Fit:
    parameters: NDArray[np.float64]
    sigma: float
    left: float
    pixels: int


def _fit(segment: Segment, look: Look, *, round_: bool = False) -> _Fit:
    """Fit x, y, height, radius and the two numbers of an ellipse's elongation.

    Squares that are left are given as a share of the squared height.
    """
    middle, start = segment.middle, segment.radius
    places = np.indices(segment.values.shape).astype(np.float64)
    x, y = places[1] + segment.columns, places[0] + segment.rows
    away = np.hypot(x - middle[0], y - middle[1])
    reach = max(1.6 * start, _reach(segment, middle)) + look.probe + 1.0
    near = np.isfinite(segment.values) & (away <= reach)
    x, y, values = x[near], y[near], segment.values[near]
    free = 4 if round_ or values.size < 24 else 6

    def model(p: NDArray[np.float64]) -> NDArray[np.float64]:
        dx, dy = x - p[0], y - p[1]
        radius = abs(p[3]) + 1e-3
        if free == 6:
            dx, dy = _squeezed(dx, dy, p[4], p[5])
        return np.asarray(p[2] * look.profile(np.hypot(dx, dy) / radius, radius / look.probe))

    scale = np.array([1.0, 1.0, segment.height, 1.0, 0.3, 0.3])[:free]
    first = np.array([*middle, segment.height, start, 0.0, 0.0])[:free]
    if values.size <= free:
        return _Fit(np.pad(first, (0, 6 - free)), np.inf, 0.0, 0)
    fit = optimize.least_squares(
        lambda p: model(p) - values, first, x_scale=scale, method="lm", max_nfev=200
    )
    variance = max(2 * fit.cost / (values.size - free), segment.noise**2)
    covariance = np.linalg.pinv((fit.jac * scale).T @ (fit.jac * scale))
    sigma = _SHARED_NOISE * float(np.sqrt(variance * covariance[3, 3]))
    left = 2 * float(fit.cost) / segment.height**2
    return _Fit(np.pad(fit.x, (0, 6 - free)), sigma, left, values.size)


def _squeezed(
    x: NDArray[np.float64], y: NDArray[np.float64], along: float, across: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates in which an ellipse is the circle of the same area.

    Its axes are longer and shorter than the circle's by the exponential of ``hypot(along,
    across)``, and the long one lies at half the angle of that vector.
    """
    size = min(hypot(along, across), 3.0)
    share = np.sinh(size) / size if size > 1e-9 else 1.0
    stay = np.cosh(size)
    return (
        stay * x - share * (along * x + across * y),
        stay * y - share * (across * x - along * y),
    )


def _reach(segment: Segment, middle: tuple[float, float]) -> float:
    """Distance of the farthest pixel inside from the middle."""
    rows, columns = np.nonzero(segment.inside)
    away = np.hypot(columns + segment.columns - middle[0], rows + segment.rows - middle[1])
    return float(away.max(initial=0.0))
