"""Crystal or matrix: spots beyond what noise, speckle and alignment explain.

Three things look like spots and are none. *Noise* and *speckle* make a texture around each ring,
whose law is read from the texture itself (`materials/bulk.py`). And a factorization *aligns*
speckle: among thousands of random patterns it finds those that happen to be bright along one to
three directions, and adds them up until these stand out as a pair of spots would. That is no
crystal. Such a component is found all over the scan, though, not in one place, nor here and
nowhere else, as grains are, and it is hardly bright along many directions at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, ndimage, special

from hs_nmfcluster.engine.scheduling import side_by_side
from hs_nmfcluster.materials.bulk import GammaLaw, log_chance_of_peaks
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.noise import quantile_of_known, unit_of_counts, unit_of_counts_in_windows

# Pixels over which a pattern, scan positions over which a map is averaged.
_SMOOTHING, _MAP_SMOOTHING = 1.0, 0.7
# Pixels that are one after averaging.
_GRAIN = 4 * np.pi * _SMOOTHING**2
# Directions along which a factorization may have aligned speckle.
_ALIGNED = 3
# Logarithm of the chance of so many spots that where they are found does not matter, as in grains
# that fill half the scan: six standard deviations, as the law of a texture is not known so far out.
_BEYOND_DOUBT = -23.0
# Share of the variance of a map that two levels explain from which it is of regions: of a texture
# it is 0.64 to 0.66, of all with one maximum and no long tail 0.75 at most, of grains 0.85 to 1.
_REGIONS = 0.85
# And the lower level over the upper one at most: of grains it is 0 to 0.03, of a matrix 0.9.
_ABSENT = 0.5
# Directions beyond those, and places in a map, that are looked at.
_MOST, _PLACES = 12, 4
# Diameters of the highest peak at half its height, and pixels at least, within which two peaks,
# or a peak and the opposite of another, are one direction.
_SAME_DIRECTION, _CLOSE = 1.5, 2.5
# Height from which a pixel, or a position, is kept out of the texture, with so many around it.
_SPOT, _AROUND = 8.0, 2
# Mean square over mean of what one count adds to a component, over its lower quartile, if this
# varies as exponentially as the map by which counts are weighted.
_UNEVEN = 7.0
# Clean pixels on a ring and its neighbours, fewer of which do not tell its texture.
_FEW = 24
# A ring of so many pixels also tells how an elliptical halo goes around it.
_WHOLE_RING = 40
# Texture below this share of a ring's level is the error of interpolating between rings.
_INTERPOLATION = 0.005
# Chance that any one of all components is called a crystal wrongly.
_WRONG = 0.01
# Factors of that mark, below and above, within which a component is called uncertain.
_SURE, _UNLIKELY = 1e3, 10.0
# Quantiles by which the texture of a pattern is known, which spots do not move; and that of a map,
# whose lower half may be cut off at zero.
_PATTERN_LAW, _MAP_LAW = GammaLaw((0.25, 0.5, 0.75)), GammaLaw((0.5, 0.75, 0.9))
# The tail of a map is taken to be exponential at the least, as speckle at single positions is.
_EXPONENTIAL = 1.0
# Standard deviations from median to upper quartile of a Gaussian.
_QUARTILE = 0.6745
# Patterns that are looked at together.
_AT_A_TIME = 64


@dataclass(frozen=True, eq=False)
class SpotEvidence:
    """How surely components show spots.

    Attributes
    ----------
    significance
        ``(n,)`` in standard deviations: how unlikely the spots are by chance.
    crystalline
        ``(n,)`` of bool: whether they are too unlikely.
    uncertain
        ``(n,)`` of bool: whether it was a close call.

    Examples
    --------
    >>> import numpy as np
    >>> no = np.array([False, False])
    >>> evidence = SpotEvidence(np.array([9.1, 0.3]), np.array([True, False]), no)
    >>> evidence.of([0]).crystalline
    array([ True])
    """

    significance: NDArray[np.float64]
    crystalline: NDArray[np.bool_]
    uncertain: NDArray[np.bool_]

    @classmethod
    def of_all(cls, several: "Sequence[SpotEvidence]") -> "SpotEvidence":
        """Put the evidence of several scans one after the other.

        Parameters
        ----------
        several
            Of each scan.

        Returns
        -------
        SpotEvidence

        Examples
        --------
        >>> import numpy as np
        >>> one = SpotEvidence(np.ones(2), np.ones(2, bool), np.zeros(2, bool))
        >>> len(SpotEvidence.of_all([one, one]).significance)
        4
        """
        names = ("significance", "crystalline", "uncertain")
        return cls(**{name: np.concatenate([getattr(s, name) for s in several]) for name in names})

    def of(self, components: Sequence[int] | NDArray[np.intp]) -> "SpotEvidence":
        """Evidence on some of the components.

        Parameters
        ----------
        components
            Their indices.

        Returns
        -------
        SpotEvidence

        Examples
        --------
        >>> import numpy as np
        >>> SpotEvidence(np.array([9.0, 1.0]), *np.eye(2, dtype=bool)).of([1]).significance
        array([1.])
        """
        return SpotEvidence(
            self.significance[components], self.crystalline[components], self.uncertain[components]
        )


def spot_evidence(
    patterns: NDArray[np.floating],
    detector: Detector,
    maps: Iterable[NDArray[np.floating]] | None = None,
    *,
    radial_range: tuple[float, float] = (0.0, np.inf),
    among: int | None = None,
) -> SpotEvidence:
    """Say of each pattern whether it has spots that chance does not explain.

    With maps, a component is a crystal if its pattern has spots and its map has peaks that stand
    out of the map's own texture as well, or says of most positions clearly yes or no; or if it is
    beyond doubt bright along more directions than a factorization aligns in speckle. Without maps
    the patterns are taken for measured ones, in which nothing was aligned, and any spots count.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    detector
        Geometry.
    maps
        ``(n, *scan_shape)``, NaN where not measured; or only the part of the
        scan that is known of each.
    radial_range
        ``(inner, outer)`` in the detector's units, between which spots are looked for.
    among
        Number of patterns that these are some of, any of which may have spots by chance; None:
        these are all.

    Returns
    -------
    SpotEvidence

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> patterns = np.random.default_rng(0).gamma(20.0, size=(2, 64, 64))
    >>> patterns[1, [12, 52, 25, 39], [25, 39, 52, 12]] += 200
    >>> spot_evidence(patterns, Detector((64, 64), (32, 32))).crystalline
    array([False,  True])
    """
    chances = side_by_side(
        lambda some: _log_chances(some.astype(np.float64), detector, radial_range),
        _alike(np.asarray(patterns)),
    )
    any_spots, many_spots = np.concatenate(chances, axis=0).T
    if maps is None:
        log_chance = any_spots
    else:
        in_place = np.array([_log_chance_of_places(scan) for scan in maps])
        log_chance = np.maximum(any_spots, in_place)
        beyond_doubt = many_spots < _BEYOND_DOUBT
        log_chance[beyond_doubt] = np.minimum(log_chance, many_spots)[beyond_doubt]
    mark = np.log(_WRONG / (among or len(patterns)))
    return SpotEvidence(
        significance=np.maximum(-special.ndtri_exp(np.minimum(log_chance, -1e-12)), 0.0),
        crystalline=log_chance < mark,
        uncertain=(log_chance > mark - np.log(_SURE)) & (log_chance < mark + np.log(_UNLIKELY)),
    )


def _alike(patterns: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """Parts of the patterns, in order, that are measured in the same pixels."""
    measured = np.isfinite(patterns).reshape(len(patterns), -1)
    changes = np.flatnonzero((measured[1:] != measured[:-1]).any(axis=1)) + 1
    steps = np.arange(0, len(patterns), _AT_A_TIME)
    return np.split(patterns, np.union1d(changes, steps[1:]))


def _log_chances(
    patterns: NDArray[np.float64], detector: Detector, radial_range: tuple[float, float]
) -> NDArray[np.float64]:
    """Logarithm of the chance of all spots, and of those beyond what is aligned, ``(n, 2)``."""
    usable = np.isfinite(patterns[0]) & detector.ring(*radial_range)
    if not usable.any():
        return np.zeros((len(patterns), 2))
    heights, clean = _Rings(usable, detector).heights(patterns[:, usable])
    chances = np.zeros((len(patterns), 2))
    inside = ndimage.binary_erosion(usable, np.ones((3, 3)))
    for k, (own, texture) in enumerate(zip(heights, clean, strict=True)):
        image = np.full(usable.shape, -np.inf)
        image[usable] = own
        peaks = (image == ndimage.maximum_filter(image, 3)) & (image > 0)
        highest = _by_direction(image, peaks & inside, detector.center)
        # A peak is likelier to rise above a height than a pixel, as little of it lies up there:
        # for a Gaussian texture by the square of the height.
        expected = np.log(max(peaks.sum(), 1)) + np.log1p(highest**2)
        expected += _PATTERN_LAW.log_chance_above(highest / _QUARTILE, _shape_of(texture))
        chances[k] = log_chance_of_peaks(expected), log_chance_of_peaks(expected[_ALIGNED:])
    return chances


def _shape_of(texture: NDArray[np.float64]) -> float:
    known = texture[np.isfinite(texture)]
    return _PATTERN_LAW.shape(np.quantile(known, _PATTERN_LAW.levels)) if known.size else 1.0


def _by_direction(
    image: NDArray[np.float64], peaks: NDArray[np.bool_], center: tuple[float, float]
) -> NDArray[np.float64]:
    """Heights of the highest peaks, of a reflection and its opposite only the higher one."""
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-image[rows, columns], kind="stable")
    # Each direction is bright at two places, and these may be broad.
    order = order[: 8 * (_MOST + _ALIGNED)]
    if not order.size:
        return np.zeros(0)
    places = np.stack([columns[order] - center[0], rows[order] - center[1]], axis=1)
    reach = _SAME_DIRECTION * _width(image, rows[order[0]], columns[order[0]])
    chosen: list[int] = []
    for k, place in enumerate(places):
        others = places[chosen]
        apart = np.minimum(
            np.linalg.norm(others - place, axis=1), np.linalg.norm(others + place, axis=1)
        )
        if (apart > max(reach, _CLOSE)).all():
            chosen.append(k)
        if len(chosen) == _MOST + _ALIGNED:
            break
    return image[rows, columns][order][chosen]


def _width(image: NDArray[np.float64], row: int, column: int) -> float:
    """Diameter of what is connected with a peak above half its height, in pixels."""
    regions, _ = ndimage.label(image > image[row, column] / 2)
    return float(2 * np.sqrt((regions == regions[row, column]).sum() / np.pi))


def _log_chance_of_places(scan: NDArray[np.floating]) -> float:
    """Logarithm of the chance that a map of something found everywhere has peaks like these.

    None where it is of regions, however large a part of the scan they take up.
    """
    measured = np.isfinite(scan)
    if not measured.any():
        return 0.0
    if _of_regions(scan[measured]):
        return -np.inf
    middle, upper = np.quantile(scan[measured], [0.5, 0.75])
    filled = np.where(measured, scan, middle).astype(np.float64)
    values = ndimage.gaussian_filter(filled, _MAP_SMOOTHING)
    # Particles are left out of the texture, as the spots of a pattern are.
    particles = filled > middle + _SPOT * (upper - middle) / _QUARTILE
    clean = measured & ~ndimage.binary_dilation(particles, iterations=_AROUND)
    quantiles = np.quantile(values[clean if clean.any() else measured], _MAP_LAW.levels)
    unit = max(quantiles[2] - quantiles[1], 1e-6 * float(np.ptp(values)))
    if unit <= 0:
        return 0.0
    peaks = (values == ndimage.maximum_filter(values, 3)) & measured
    highest = np.sort((values[peaks] - quantiles[1]) / unit)[::-1][:_PLACES]
    expected = np.log(peaks.sum()) + np.log1p(np.maximum(highest, 0.0))
    shape = min(_MAP_LAW.shape(quantiles), _EXPONENTIAL)
    return log_chance_of_peaks(expected + _MAP_LAW.log_chance_above(highest, shape))


def _of_regions(values: NDArray[np.floating]) -> bool:
    """Whether a map is of something that is here and not there: parted best (Otsu) in two levels.

    A matrix that has a little less beside each crystal also has two, of which neither is low.
    """
    ordered = np.sort(values.astype(np.float64))
    number = np.arange(1, ordered.size)
    below = np.cumsum(ordered - ordered.mean())[:-1]
    # Of values whose mean is zero, what lies below any of them is as far off as what lies above.
    between = below**2 / (number * (ordered.size - number))
    if not between.max(initial=0.0) > _REGIONS * ordered.var():
        return False
    split = int(between.argmax()) + 1
    return bool(ordered[:split].mean() < _ABSENT * ordered[split:].mean())


class _Rings:
    """Pixels by their distance from the centre, in rings one pixel wide.

    Parameters
    ----------
    usable
        ``(n_v, n_u)`` of bool.
    detector
        Geometry.
    """

    def __init__(self, usable: NDArray[np.bool_], detector: Detector) -> None:
        rows, columns = np.nonzero(usable)
        in_pixels = replace(
            detector, scale=(detector.scale[0] / detector.pixel, detector.scale[1] / detector.pixel)
        )
        x, y = in_pixels.offsets(columns, rows)
        self._usable = usable
        self._radius, self._azimuth = np.hypot(x, y), np.arctan2(y, x)
        bins = np.round(self._radius).astype(np.intp)
        rings = np.unique(bins)
        self._own = [np.flatnonzero(bins == ring) for ring in rings]
        self._wide = [np.flatnonzero(np.abs(bins - ring) <= 1) for ring in rings]
        self._middles = np.array([self._radius[ring].mean() for ring in self._own])
        self._weights = self._blurred(np.ones(len(self._radius)))
        self._uncertainty = self._uncertainty_of_unit()

    def heights(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Height of each pixel over the texture of its ring, and the same without spots (NaN).

        Parameters
        ----------
        rows
            ``(n, n_usable)``.
        """
        flat, level = self._flattened(rows)
        smooth = np.stack([self._blurred(row) for row in flat]) / self._weights
        smooth -= self._curve(_over(self._own, smooth, np.median))
        floor = np.maximum(_INTERPOLATION * np.abs(level), self._counting_noise(rows, flat))
        # What spots raise least is the lower quartile: it tells which pixels are spots.
        first = smooth / np.maximum(self._texture(-smooth), floor)
        texture = np.where(self._near_spots(first), np.nan, smooth)
        middle = self._curve(_over(self._own, texture, _median_of_known))
        smooth, texture = smooth - middle, texture - middle
        unit = np.maximum(self._texture(texture), floor) * self._uncertainty
        return smooth / unit, texture / unit

    def _flattened(
        self, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Patterns without their halo, even an elliptical one, and the halo's level."""
        flat = rows
        # The second pass takes off what the slope of a halo within a ring has left.
        for _ in range(2):
            flat = flat - self._curve(_over(self._own, flat, np.median))
        level = rows - flat
        for ring in self._own:
            if ring.size >= _WHOLE_RING:
                flat[:, ring] = _without_harmonics(flat[:, ring], self._azimuth[ring])
        return flat, level

    def _blurred(self, row: NDArray[np.float64], width: float = _SMOOTHING) -> NDArray[np.float64]:
        blurred = ndimage.gaussian_filter(self._image(row), width, mode="constant")
        return np.asarray(blurred[self._usable])

    def _uncertainty_of_unit(self) -> NDArray[np.float64]:
        """Factor by which the texture of a pixel's ring may be larger than it was found."""
        sizes = np.array([[ring.size for ring in self._wide]])
        # Where the edge cuts off part of what is averaged, less noise is averaged out.
        kept = self._blurred(np.ones(len(self._radius)), _SMOOTHING / np.sqrt(2)) / self._weights**2
        return (1 + np.sqrt(_GRAIN / self._curve(sizes)[0])) * np.sqrt(np.maximum(kept, 1.0))

    def _counting_noise(
        self, rows: NDArray[np.float64], flat: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Take counts for the noise: their deviation at each pixel's radius, once averaged.

        Where few electrons arrive most pixels have none, and a quartile says nothing. What one
        count adds is told by rings, on most of which spots may lie, and by small windows, in most
        of which there are none; but these hold single electrons, which weigh unequally in a
        component.
        """
        in_windows = [
            unit_of_counts_in_windows(self._image(row), self._image(row - above), self._usable)
            for row, above in zip(rows, flat, strict=True)
        ]
        mean = np.maximum(_over(self._own, rows, np.mean), 0.0)
        several = np.array([ring.size for ring in self._own]) > 1
        on_rings = unit_of_counts(mean, np.where(several, _over(self._own, flat, np.var), np.nan))
        unit = np.minimum(on_rings, _UNEVEN * np.array(in_windows))
        counts = self._curve(np.asarray(unit, np.float64)[:, None] * mean)
        return np.sqrt(np.maximum(counts, 0.0) / _GRAIN)

    def _image(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        image = np.zeros(self._usable.shape)
        image[self._usable] = row
        return image

    def _near_spots(self, heights: NDArray[np.float64]) -> NDArray[np.bool_]:
        near = np.zeros(heights.shape, dtype=bool)
        image = np.zeros(self._usable.shape, dtype=bool)
        for k, own in enumerate(heights):
            image[self._usable] = own > _SPOT
            near[k] = ndimage.binary_dilation(image, iterations=_AROUND)[self._usable]
        return near

    def _texture(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Upper quartile at each pixel's radius as a standard deviation; NaN is left out."""
        overall = np.nan_to_num(_upper_quartile(rows))
        by_ring = _over(self._wide, rows, _upper_quartile)
        enough = _over(self._wide, np.isfinite(rows), np.sum) >= _FEW
        by_ring = np.where(enough, by_ring, overall[:, None])
        # Where most pixels are zero the quartile is: the texture of all rings holds then.
        by_ring = np.maximum(by_ring, np.maximum(0.2 * overall, np.finfo(float).tiny)[:, None])
        return self._curve(by_ring)

    def _curve(self, by_ring: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at the middles of the rings, interpolated smoothly to every pixel."""
        if len(self._middles) < 2:
            return np.repeat(by_ring, len(self._radius), axis=1)
        curve = interpolate.PchipInterpolator(self._middles, by_ring, axis=1)
        return np.asarray(curve(np.clip(self._radius, self._middles[0], self._middles[-1])))


def _over(
    rings: list[NDArray[np.intp]], rows: NDArray, of: Callable[..., NDArray]
) -> NDArray[np.float64]:
    """Apply a function to the pixels of each ring, ``(n, n_rings)``."""
    return np.stack([of(rows[:, ring], axis=1) for ring in rings], axis=1)


def _upper_quartile(rows: NDArray[np.float64], axis: int = 1) -> NDArray[np.float64]:
    return np.asarray(quantile_of_known(rows, 0.75, axis) / _QUARTILE, np.float64)


def _median_of_known(rows: NDArray[np.float64], axis: int = 1) -> NDArray[np.float64]:
    return np.nan_to_num(quantile_of_known(rows, 0.5, axis))


def _without_harmonics(
    values: NDArray[np.float64], azimuth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values of one ring without what goes once or twice around it, which spots do not change."""
    waves = np.stack([f(m * azimuth) for m in (1, 2) for f in (np.cos, np.sin)])
    basis = np.concatenate([np.ones((1, azimuth.size)), waves])
    solve = np.linalg.pinv(basis)[:, 1:]
    for _ in range(2):
        limit = 3 * np.median(np.abs(values), axis=1, keepdims=True)
        values = values - np.clip(values, -limit, limit) @ solve @ waves
    return values
