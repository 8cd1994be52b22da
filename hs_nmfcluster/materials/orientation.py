"""In-plane angles: the symmetry of a pattern, how sure an angle is, and where it holds."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.correlation import (
    azimuthal_spectra,
    correlation_over_rotations,
    parabola_offset,
)
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.segments import background_and_noise
from hs_nmfcluster.scan.local_maps import LocalMaps, Maps
from hs_nmfcluster.scan.noise import robust_sigma

#: Orders of rotation axes that a plane of a crystal can have, the highest first.
ORDERS = (6, 4, 3, 2)
# A pattern has an axis if what its rotations have in common reaches this share of what its best
# rotation has. Noise takes the same off all rotations.
_LIKE_THE_BEST = 0.7
# The best rotation itself must reach this share of the pattern's own norm, and stand so many
# standard deviations above what all rotations have by chance.
_ANY_SYMMETRY = 0.15
_SIGNIFICANT = 6.0
# Bands of the radius of which one is left out to learn how sure an angle is.
_BANDS = 8
# A crystal is where its component's map is above half of its height.
_HALF = 0.5


@dataclass(frozen=True)
class Rotation:
    """Result of comparing a pattern with its group's average over all rotations.

    Attributes
    ----------
    angle, sigma
        Degrees by which the pattern is rotated against the average, and their uncertainty.
    correlation
        Correlation coefficient there.
    confidence
        How far the peak of the correlation stands above everything that is not the peak, as a
        share of its height: 0 is arbitrary, 1 unmistakable.
    """

    angle: float
    sigma: float
    correlation: float
    confidence: float


def rotation_curve(
    polar: NDArray[np.floating], reference: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Correlation of a pattern with a reference that is rotated bin by bin, ``(n_azimuthal,)``.

    The mean of each radius is left out, where a comparison of patterns leaves out that of the
    whole: a halo says something about likeness and nothing about rotation.

    Parameters
    ----------
    polar, reference
        ``(n_radial, n_azimuthal)``; NaN counts as the mean of its radius.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.tile([1.0, 0, 0, 0, 0, 0], 4)[None]
    >>> rotation_curve(np.roll(square, 2), square).argmax()
    np.int64(2)
    """
    return np.clip(_curves_of_bands(polar, reference, 1)[0], -1.0, 1.0)


def rotational_symmetry(polar: NDArray[np.floating]) -> int:
    """Order of the rotation axis of a pattern, from its own rotational autocorrelation.

    Parameters
    ----------
    polar
        ``(n_radial, n_azimuthal)`` over the full circle.

    Returns
    -------
    int
        6, 4, 3, 2 or 1. Patterns of thin crystals are symmetric to their centre, so that a
        threefold axis shows as a sixfold one.

    Examples
    --------
    >>> import numpy as np
    >>> spot = np.eye(1, 360, 7)
    >>> shifts = [360 // n * np.arange(n) for n in (6, 4, 3, 2, 1)]
    >>> [rotational_symmetry(sum(np.roll(spot, k) for k in ks)) for ks in shifts]
    [6, 4, 3, 2, 1]
    """
    autocorrelation = rotation_curve(polar, polar)
    heights = {order: _lowest_of_axis(autocorrelation, order) for order in ORDERS}
    best = max(heights.values())
    chance = robust_sigma(autocorrelation, float(np.median(autocorrelation)))
    if best < max(_ANY_SYMMETRY, _SIGNIFICANT * chance):
        return 1
    return next(order for order in ORDERS if heights[order] >= _LIKE_THE_BEST * best)


def compare(
    polar: NDArray[np.floating], reference: NDArray[np.floating], order: int, near: float
) -> Rotation:
    """Angle of a pattern against a reference, refined around a known one.

    Parameters
    ----------
    polar, reference
        ``(n_radial, n_azimuthal)``.
    order
        Order of the reference's rotation axis.
    near
        Angle in degrees that was recorded before; of the equivalent ones the nearest to it is
        returned.

    Notes
    -----
    The uncertainty is that of a jackknife over bands of the radius (Efron 1982), each of which is
    left out in turn: it holds whatever makes the spots of a crystal disagree, noise or bending.
    """
    curves = _curves_of_bands(polar, reference, _BANDS)
    period = 360.0 / order
    step = 360.0 / curves.shape[1]
    # Equivalent rotations are averaged, which halves the noise of a fourfold pattern.
    angles = np.arange(max(2, round(period / step))) * step
    turned = angles + period * np.arange(order)[:, None]
    folded = np.stack([_at(curve, turned).mean(axis=0) for curve in curves])
    whole = folded.sum(axis=0)
    peak = int(whole.argmax())
    beside = np.array([peak - 1, peak, peak + 1]) % whole.size
    angle = (peak + float(parabola_offset(*whole[beside]))) * step
    angle = near + (angle - near + period / 2) % period - period / 2
    without = parabola_offset(*(whole - folded)[:, beside].T)
    n = len(folded)
    sigma = step * float(np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))
    return Rotation(float(angle), sigma, float(whole[peak]), _sharpness(whole, peak))


def _curves_of_bands(
    polar: NDArray[np.floating], reference: NDArray[np.floating], most: int
) -> NDArray[np.float64]:
    """Part a `rotation_curve` by bands of the radius, ``(n_bands, n_azimuthal)``."""
    pair = np.stack([_without_halo(reference), _without_halo(polar)])
    norm = float(np.linalg.norm(pair, axis=(1, 2)).prod()) or 1.0
    bands = np.array_split(pair, min(most, pair.shape[1]), axis=1)
    spectra = (azimuthal_spectra(band) for band in bands)
    n = polar.shape[1]
    curves = [correlation_over_rotations(one[:, :1], one[:, 1:], n)[0, 0] for one in spectra]
    return np.stack(curves).astype(np.float64) / norm


def _lowest_of_axis(autocorrelation: NDArray[np.float64], order: int) -> float:
    """Lowest value at the rotations of an axis, each at its best within a degree."""
    places = np.arange(1, order) * (360.0 / order)
    around = np.linspace(-1.0, 1.0, 5)
    return float(_at(autocorrelation, places[:, None] + around).max(axis=1).min())


def _at(curve: NDArray[np.float64], angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Values of a periodic curve at angles in degrees."""
    samples = np.arange(curve.size + 1) * (360.0 / curve.size)
    values = np.interp(np.ravel(angles) % 360, samples, np.append(curve, curve[0]))
    return np.reshape(values, np.shape(angles))


def _sharpness(folded: NDArray[np.float64], peak: int) -> float:
    """Height of a peak over the highest value beyond its own flanks, as a share of its height."""
    height = folded[peak]
    if height <= 0:
        return 0.0
    rolled = np.roll(folded, -peak)
    rise = np.flatnonzero(np.diff(rolled) > 0)
    fall = np.flatnonzero(np.diff(rolled[::-1]) > 0)
    first, last = (int(flank[0]) if flank.size else 0 for flank in (rise, fall))
    beyond = rolled[max(first, 1) : rolled.size - max(last, 0)]
    return float(np.clip((height - beyond.max(initial=0.0)) / height, 0.0, 1.0))


def _without_halo(polar: NDArray[np.floating]) -> NDArray[np.float64]:
    measured = np.isfinite(polar)
    counts = np.maximum(measured.sum(axis=1, keepdims=True), 1)
    values = np.where(measured, polar, 0.0)
    return np.where(measured, values - values.sum(axis=1, keepdims=True) / counts, 0.0)


class Angles(NamedTuple):
    """In-plane angles of all components; fields as of `OrientationMap`."""

    angles: NDArray[np.float64]
    sigma: NDArray[np.float64]
    confidence: NDArray[np.float64]
    correlation: NDArray[np.float64]
    symmetry: tuple[int, ...]
    labels: NDArray[np.intp]

    def of(self, components: NDArray[np.intp]) -> "Angles":
        """Angles of some of the components."""
        return Angles(
            self.angles[components],
            self.sigma[components],
            self.confidence[components],
            self.correlation[components],
            self.symmetry,
            self.labels[components],
        )


def measure_angles(groups: GroupArrays) -> Angles:
    """Measure the in-plane angles of the groups' crystals.

    Parameters
    ----------
    groups
        The groups.
    """
    limits, grid = groups.limits, groups.grid
    crystals = groups.spot_shares > 0
    radial = (grid.radii >= limits[0]) & (grid.radii <= limits[1])
    averages = grid.transform(groups.averages)[:, radial]
    angles, sigma, confidence, correlation = np.full((4, len(groups.components)), np.nan)
    symmetry = []
    for number, members in enumerate(groups.members):
        if crystals[members].mean() <= 0.5:
            symmetry.append(0)
            continue
        order = rotational_symmetry(averages[number])
        symmetry.append(order)
        shown = members[crystals[members]]
        for k in shown:
            polar = grid.transform(groups.components[k])[radial]
            found = compare(polar, averages[number], order, groups.rotations[k])
            angles[k], sigma[k] = found.angle, found.sigma
            confidence[k], correlation[k] = found.confidence, found.correlation
        angles[shown] = (angles[shown] - angles[shown[0]]) % (360.0 / order)
        # The average holds each of them, and agrees with it by so much.
        n = int(groups.whole[members].sum())
        sigma[shown] = np.hypot(sigma[shown], sigma[shown[0]]) * n / max(n - 1, 1)
        # The zero is none of the measured angles.
        sigma[shown[0]] = 0.0
    return Angles(angles, sigma, confidence, correlation, tuple(symmetry), groups.labels)


def map_angles(found: Angles, maps: Maps) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Map angles and their confidence, ``(n_groups, *scan_shape)``; NaN where there is no crystal.

    Parameters
    ----------
    found
        Angles of the components.
    maps
        Map of each component, ``(n, *scan_shape)``.
    """
    usable = np.isfinite(found.angles)
    owners = strongest_component(maps, found.labels, usable, len(found.symmetry))
    return _painted(owners, found.angles), _painted(owners, found.confidence)


def strongest_component(
    maps: Maps, labels: NDArray[np.intp], usable: NDArray[np.bool_], n_groups: int
) -> NDArray[np.intp]:
    """Find the component of each group that a position belongs to, -1 where none does.

    Parameters
    ----------
    maps
        ``(n, *scan_shape)``.
    labels, usable
        Group of each component, and whether it counts, ``(n,)``.
    n_groups
        Number of groups.

    Returns
    -------
    numpy.ndarray
        ``(n_groups, *scan_shape)``.

    Examples
    --------
    >>> maps = np.array([[0.0, 4, 0, 0, 0], [0, 0, 0, 2, 0]])
    >>> strongest_component(maps, np.array([0, 0]), np.array([True, True]), 1)
    array([[-1,  0, -1,  1, -1]])
    """
    owners = np.full((n_groups, *maps.shape[1:]), -1, dtype=np.intp)
    strongest = np.zeros(owners.shape)
    local = LocalMaps.known(maps)
    for k in np.flatnonzero(usable).tolist():
        one = local.maps[k]
        excess = np.nan_to_num(one.values - background_and_noise(one.values)[0])
        before = strongest[labels[k]][one.window]
        stronger = (excess >= _HALF * excess.max()) & (excess > before)
        owners[labels[k]][one.window][stronger] = k
        before[stronger] = excess[stronger]
    return owners


def _painted(owners: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(owners >= 0, values[owners], np.nan)
