"""Regions of an image that stand out of its background, touching ones told apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from hs_nmfcluster.scan.noise import robust_sigma

# Pixels over which noise is averaged before regions are looked for.
_SMOOTHING = 0.7
# Smoothing takes noise down by the root of the number of pixels it averages.
_LESS_NOISE = 2 * _SMOOTHING * np.sqrt(np.pi)
# Lowest summit in standard deviations of the noise.
_SIGNIFICANT = 6.0
# Number of summits as high as the lowest one that the background's own tail may have by chance.
_BY_CHANCE = 0.05
# Two summits are two regions if what lies between them is below this share of the lower one; and
# two wide places are if the neck between them is below this share of the narrower one.
_SADDLE = 0.75
# What is narrower than this share of the widest place is a tip, not a region of its own.
_NARROWEST = 0.5
# Parts into which a pixel is divided to see a neck.
_PARTS = 4
# Share of an image that is background at least.
_BACKGROUND = 0.1
#: Least share of the image of a crystal that comes from the components of its own. What others
#: leave in its spots makes an image too, where they are far brighter.
OWN = 0.5


@dataclass(frozen=True)
class Segment:
    """A region of an image, in a window around it.

    Attributes
    ----------
    rows, columns
        First row and column of the window.
    values
        Image in the window less its background, ``(n_y, n_x)``; NaN where not measured or where
        another region is.
    inside
        Pixels above half of the region's height, ``(n_y, n_x)``.
    height
        Height above the background: the mean of the upper quarter of what is inside.
    noise
        Standard deviation of the background.
    at_edge
        Whether the edge of the image, or of what was measured, cuts it.
    """

    rows: int
    columns: int
    values: NDArray[np.float64]
    inside: NDArray[np.bool_]
    height: float
    noise: float
    at_edge: bool

    @property
    def middle(self) -> tuple[float, float]:
        """Column and row of the centre of gravity of what is inside."""
        rows, columns = np.nonzero(self.inside)
        weights = self.values[self.inside]
        return (
            float(self.columns + np.average(columns, weights=weights)),
            float(self.rows + np.average(rows, weights=weights)),
        )

    @property
    def radius(self) -> float:
        """Radius of the circle of the same area as what is inside, in pixels."""
        return float(np.sqrt(self.inside.sum() / np.pi))


def background_and_noise(scan: NDArray[np.floating]) -> tuple[float, float]:
    """Level between the particles of a map, and the standard deviation of its noise.

    Particles may cover most of the map: a tenth of it is enough to tell, as it is looked for from
    the lowest values upwards.

    Examples
    --------
    >>> scan = np.zeros((20, 20))
    >>> scan[:15] = 1.0
    >>> background_and_noise(scan)
    (0.0, 0.0)
    """
    values = np.sort(scan[np.isfinite(scan)])
    level = float(np.quantile(values, _BACKGROUND))
    # Differences of neighbours are noise, but for the few at outlines.
    steps = [np.diff(scan, axis=axis).ravel() for axis in range(scan.ndim)]
    noise = robust_sigma(np.concatenate(steps), 0.0) / np.sqrt(2)
    for _ in range(20):
        lowest = values[: np.searchsorted(values, level + 3 * noise, side="right")]
        if not lowest.size:
            break
        before, level = level, float(np.median(lowest))
        # Below the level nothing adds to the noise.
        noise = robust_sigma(lowest[lowest <= level], level)
        if level == before:
            break
    return level, noise


def find_segments(scan: NDArray[np.floating], min_height: float = 0.3) -> list[Segment]:
    """Find what stands out of the background of an image, each cut at half of its own height.

    Summits between which the image dips are apart (a watershed between them), and so are the parts
    of a region with a neck.

    Parameters
    ----------
    scan
        Image ``(n_y, n_x)``, NaN where not measured.
    min_height
        Least height of a region as a share of the highest one.

    Returns
    -------
    list of Segment
        The highest first.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((20, 30))
    >>> image[5:12, 4:11] = image[5:12, 12:19] = 1.0
    >>> [(round(part.middle[0]), round(part.radius, 1)) for part in find_segments(image)]
    [(7, 3.9), (15, 3.9)]
    """
    excess, smooth, lowest, noise = _above_background(scan, min_height)
    if np.isinf(lowest):
        return []
    missing = ~np.isfinite(scan)
    owners = _owners(smooth, lowest, noise / _LESS_NOISE)
    beside_missing = ndimage.binary_dilation(missing) if missing.any() else missing
    excess[missing] = np.nan
    found = [
        _segment(excess, smooth, owners, number, window, noise, beside_missing)
        for number, window in enumerate(ndimage.find_objects(owners), start=1)
        if window is not None
    ]
    return sorted(found, key=lambda segment: -segment.height)


def what_stands_out(
    scan: NDArray[np.floating], min_height: float = 0.3, own: NDArray[np.floating] | None = None
) -> tuple[NDArray[np.float64], float]:
    """Image less its background where something stands out of it, zero elsewhere.

    Parameters
    ----------
    scan
        Image with any number of axes, NaN where not measured.
    min_height
        As in `find_segments`.
    own
        The part of the image, with its background, that counts: where it is not most of the image,
        nothing stands out. By default all of it counts.

    Returns
    -------
    tuple
        The image, and the standard uncertainty of its sum that noise and level make.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.ones((20, 30))
    >>> image[5:12, 4:11] = 3.0
    >>> float(what_stands_out(image)[0].sum())
    98.0
    """
    excess, smooth, lowest, noise = _above_background(scan, min_height)
    high = smooth > lowest / 2
    if own is not None:
        high &= _smoothed(np.nan_to_num(own)) > OWN * smooth
    around = ndimage.binary_dilation(high, iterations=2) & (smooth.size > 0)
    number, beyond = int(around.sum()), max(int((~around).sum()), 1)
    error = noise * np.sqrt(number * (1 + number / beyond))
    return np.where(around, np.nan_to_num(excess), 0.0), float(error)


def _above_background(
    scan: NDArray[np.floating], min_height: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Image less its background, that smoothed, the lowest summit that counts, and the noise.

    The lowest summit is infinite where none counts.
    """
    level, noise = background_and_noise(scan)
    missing = ~np.isfinite(scan)
    excess = np.where(missing, 0.0, scan - level)
    smooth = _smoothed(excess)
    smooth[missing] = 0.0
    highest = float(smooth.max(initial=0.0))
    less_noise = _LESS_NOISE ** (scan.ndim / 2)
    lowest = max(
        min_height * highest, _SIGNIFICANT * noise / less_noise, _highest_by_chance(smooth)
    )
    return excess, smooth, lowest if 0 < lowest < highest else np.inf, noise


def _smoothed(image: NDArray[np.floating]) -> NDArray[np.float64]:
    # Zero beyond the edge, where else fewer pixels would be averaged and noise stand higher.
    return np.asarray(ndimage.gaussian_filter(image, _SMOOTHING, mode="constant"))


def _highest_by_chance(smooth: NDArray[np.float64]) -> float:
    """Height that no summit of the background reaches, judged by how rare its higher ones are.

    Speckle has many more high summits than noise of the same standard deviation. Their heights fall
    off exponentially; how fast is fitted to those below half of the highest summit of all.
    """
    summits = smooth[(smooth == ndimage.maximum_filter(smooth, 3)) & (smooth > 0)]
    half = 0.5 * float(summits.max(initial=0.0))
    low = summits[summits < half]
    if low.size < 20:
        return 0.0
    middle = float(np.median(low))
    above = low[low > middle] - middle
    span = half - middle
    mean = min(float(above.mean()), 0.499 * span)
    # Maximum likelihood of an exponential of which only what is below the span is seen.
    scale = mean
    for _ in range(100):
        scale = mean + span / np.expm1(min(span / scale, 500.0))
    number = above.size / -np.expm1(-span / scale)
    return middle + scale * float(np.log(number / _BY_CHANCE))


def _owners(smooth: NDArray[np.float64], lowest: float, noise: float) -> NDArray[np.intp]:
    """Find the region that each pixel belongs to, by its number; 0 for none."""
    owners = np.zeros(smooth.shape, dtype=np.intp)
    islands, _ = ndimage.label(smooth > lowest / 2)
    number = 0
    for island, window in enumerate(ndimage.find_objects(islands), start=1):
        mask = islands[window] == island
        values = np.where(mask, smooth[window], 0.0)
        if values.max() < lowest:
            continue
        parts = _split_at_dips(values, mask, lowest, noise)
        for part in range(1, int(parts.max()) + 1):
            own = parts == part
            split = _split_at_necks(values, own)
            owners[window][own] = number + split[own]
            number += int(split.max())
    return owners


def _split_at_dips(
    values: NDArray[np.float64], mask: NDArray[np.bool_], lowest: float, noise: float
) -> NDArray[np.intp]:
    """Divide a region into the basins of its summits that are high enough, numbered from 1."""
    # Of what is hardly above the noise, a dip of the same share says less.
    summits = _summits(np.maximum(values, lowest / 2) + 12 * noise)
    high = ndimage.maximum(values, summits, np.arange(1, summits.max() + 1)) >= lowest
    markers = np.where(np.append(False, high)[summits], summits, 0)
    return _numbered(watershed(-values, markers, mask=mask))


def _summits(heights: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find summits between which heights fall below a share of the lower one; number them."""
    # Beyond its edge an image is as low as it gets, so that summits may lie at the edge.
    scale = np.pad(np.log(heights), 1, constant_values=float(np.log(heights.min())))
    # Summits with no deep dip between them become one plateau.
    flooded = reconstruction(scale + np.log(_SADDLE), scale)
    return np.asarray(label(local_maxima(flooded), connectivity=2)[1:-1, 1:-1], dtype=np.intp)


def _numbered(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """Labels in a row from 1, 0 staying 0."""
    present = np.unique(labels[labels > 0])
    return np.where(labels > 0, np.searchsorted(present, labels) + 1, 0).astype(np.intp)


def _split_at_necks(values: NDArray[np.float64], own: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Divide a region into its wide places, between which it has necks, numbered from 1."""
    part = np.where(own, values, 0.0)
    height = float(part.max())
    padded = np.pad(part, 1)
    finer = [np.arange(_PARTS * (n - 1) + 1) / _PARTS for n in padded.shape]
    fine = ndimage.map_coordinates(padded, np.meshgrid(*finer, indexing="ij"), order=1)
    width = ndimage.distance_transform_edt(fine >= height / 2)
    places = _summits(np.maximum(width, 1.0))
    widths = ndimage.maximum(width, places, np.arange(1, places.max() + 1))
    wide = np.append(False, widths > max(_PARTS, _NARROWEST * width.max()))
    if wide.sum() < 2:
        return own.astype(np.intp)
    labels = watershed(-width, np.where(wide[places], places, 0))
    return _numbered(np.where(own, labels[_PARTS:-_PARTS:_PARTS, _PARTS:-_PARTS:_PARTS], 0))


def _segment(
    excess: NDArray[np.float64],
    smooth: NDArray[np.float64],
    owners: NDArray[np.intp],
    number: int,
    window: tuple[slice, slice],
    noise: float,
    beside_missing: NDArray[np.bool_],
) -> Segment:
    own = owners[window] == number
    highest = float(smooth[window][own].max())
    region = own & (smooth[window] >= highest / 2)
    upper = np.sort(excess[window][region])[-max(1, int(region.sum()) // 4) :]
    rows, columns = np.nonzero(region)
    radius = np.sqrt(rows.size / np.pi)
    # As much around it as a fit of its outline takes.
    margin = int(np.ceil(radius + 4))
    first = [
        max(part.start + int(places.min()) - margin, 0)
        for part, places in zip(window, (rows, columns), strict=True)
    ]
    last = [
        part.start + int(places.max()) + margin + 1
        for part, places in zip(window, (rows, columns), strict=True)
    ]
    around = slice(first[0], last[0]), slice(first[1], last[1])
    owner = owners[around]
    inside = (owner == number) & (smooth[around] >= highest / 2)
    n_rows, n_columns = excess.shape
    rows, columns = np.nonzero(inside)
    rows, columns = rows + first[0], columns + first[1]
    at_rim = (n_rows > 1 and bool((rows % (n_rows - 1) == 0).any())) or (
        n_columns > 1 and bool((columns % (n_columns - 1) == 0).any())
    )
    return Segment(
        first[0],
        first[1],
        np.where((owner == 0) | (owner == number), excess[around], np.nan),
        inside,
        float(upper.mean()),
        noise,
        at_rim or bool(beside_missing[rows, columns].any()),
    )
