"""Where the direct beam is, and how wide, from one pattern.

Everything here takes one pattern as a plain array ``(n_v, n_u)``; a centre is ``(x, y)`` in
pixels, column first, with 0 the middle of the first pixel.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.fft import irfft2, next_fast_len, rfft2

from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.filling import filled

# A pixel this many times brighter than its brightest neighbour is a defect: the point spread
# of every camera puts more than this into the neighbours of a real spot.
_HOT_PIXEL_RATIO = 10.0
# A peak lower than this many standard deviations of the noise is noise: the highest of a million
# smoothed pixels reaches five.
_BEAM_TO_NOISE = 7.0
# Share of the direct beam's height at which the default mask takes it to have ended. The beam
# is >= 100 times brighter than the halo around it, so what is left is below the halo.
_BEAM_END = 0.005
# Share of its height at which a spot's disk has ended, its blurred edge included.
_DISK_END = 0.05
# Correlation of a pattern with itself, turned by 180°, below which it is not symmetric.
_SYMMETRIC = 0.2
# Standard deviations of the correlation of noise, which the highest of all places does not reach.
_BY_CHANCE = 6.0
# Steps of a centroid at most, and the last one in pixels.
_STEPS, _SETTLED = 100, 1e-4
# Lines that are taken for a beam before it is found.
_LINES = 8
# Share of the circle around it that a beam fills at least, and of it that must be seen.
_ROUND, _SEEN = 0.4, 0.5


def estimate_beam_center(
    pattern: NDArray, bad: NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """Sub-pixel position of the direct beam in a pattern.

    The brightest spot is found after removal of defect pixels; a centroid under a Gaussian
    window as wide as the spot is then iterated to its fixed point, which for any symmetric beam
    is its centre. A beam cut by the detector's edge is found by a circle through its rim, and one
    that bad pixels hide, by a beam stop for instance, by the symmetry of all else.

    Parameters
    ----------
    pattern
        Mean pattern ``(n_v, n_u)``, any real dtype.
    bad
        Pixels to leave out, ``(n_v, n_u)``, True = bad. Without it, single pixels, pairs and
        lines of one pixel's width are told from a beam.

    Returns
    -------
    tuple of float
        ``(x, y)`` in pixels. The middle of the detector where the pattern shows no beam.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.beam import estimate_beam_center
    >>> y, x = np.mgrid[:40, :60]
    >>> beam = np.exp(-((x - 23.4) ** 2 + (y - 17.8) ** 2) / 8)
    >>> [round(c, 3) for c in estimate_beam_center(beam)]
    [23.4, 17.8]
    """
    unknown = _unknown(pattern, bad)
    image = _without_defects(pattern, unknown)
    core = _seen_core(image, unknown)
    n_v, n_u = image.shape
    if core is not None:
        if _touches_edge(core):
            return _circle_through_rim(core)
        middle = ndimage.center_of_mass(core)[::-1]
        width = max(np.sqrt(core.sum() / np.pi), 1.0)
        beam = image - _background(image)[0]
        return windowed_centroid(beam, unknown, middle, width) or middle
    symmetric = None if bad is None else center_of_symmetry(image, unknown)
    return symmetric or ((n_u - 1) / 2, (n_v - 1) / 2)


def beam_is_seen(pattern: NDArray, bad: NDArray[np.bool_] | None = None) -> bool:
    """Whether a pattern shows the direct beam, not hidden by bad pixels.

    Parameters
    ----------
    pattern
        Mean pattern ``(n_v, n_u)``.
    bad
        Pixels to leave out, True = bad.

    Examples
    --------
    >>> beam_is_seen(np.ones((40, 60)))
    False
    """
    unknown = _unknown(pattern, bad)
    return _seen_core(_without_defects(pattern, unknown), unknown) is not None


def center_of_symmetry(pattern: NDArray, bad: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Point about which a pattern is most like itself when it is turned by 180°.

    Rings and Friedel pairs both are. The correlation is over the pixels of which both partners
    are good.

    Parameters
    ----------
    pattern
        ``(n_v, n_u)``.
    bad
        Pixels to leave out.

    Returns
    -------
    tuple of float
        ``(x, y)`` in pixels; None where the pattern is not symmetric.

    Examples
    --------
    >>> y, x = np.mgrid[:40, :60]
    >>> ring = np.exp(-((np.hypot(x - 28.3, y - 17.8) - 12) ** 2) / 20)
    >>> [round(c, 1) for c in center_of_symmetry(ring, np.hypot(x - 30, y - 20) < 5)]
    [28.3, 17.8]
    """
    if bad.all():
        return None
    good = 1.0 - bad
    # Square roots: the few brightest pixels are not to decide alone.
    image = np.sqrt(np.maximum(np.where(bad, 0.0, pattern), 0.0))
    image = np.where(bad, 0.0, image - image[~bad].mean())
    shape = [next_fast_len(2 * n - 1, real=True) for n in image.shape]
    of_good, of_image, of_square = (rfft2(x, shape) for x in (good, image, image**2))
    number = irfft2(of_good**2, shape)
    total = irfft2(of_image * of_good, shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total**2 / number
        alike = (irfft2(of_image**2, shape) - mean) / (irfft2(of_square * of_good, shape) - mean)
    # A few pixels in a corner are alike by chance.
    alike = np.where(number > 0.3 * number.max(), alike, -np.inf)
    peak = np.unravel_index(np.argmax(alike), alike.shape)
    # A few pixels are symmetric by chance: each pair of partners counts once.
    by_chance = _BY_CHANCE * np.sqrt(2.0 / max(number[peak], 1.0))
    if not alike[peak] > max(_SYMMETRIC, by_chance):
        return None
    v, u = (_parabola_peak(np.moveaxis(alike, axis, 0), peak, axis) / 2 for axis in (0, 1))
    return u, v


def _parabola_peak(values: NDArray[np.float64], peak: tuple[np.intp, ...], axis: int) -> float:
    """Place of a maximum between samples along the first axis, where `axis` has been moved."""
    i, other = int(peak[axis]), int(peak[1 - axis])
    if not 0 < i < len(values) - 1:
        return float(i)
    before, at, after = values[i - 1 : i + 2, other]
    curvature = before - 2 * at + after
    if not np.isfinite(curvature) or curvature >= 0:
        return float(i)
    return float(i + 0.5 * (before - after) / curvature)


def estimate_beam_radius(
    pattern: NDArray, detector: Detector, bad: NDArray[np.bool_] | None = None
) -> float:
    """Radius of the direct beam's disk or spot, its tail included, in the detector's units.

    Taken from the azimuthal mean around ``detector.center``: where it has fallen to the level
    beyond the beam, plus 0.5 % of the beam's height.

    Parameters
    ----------
    pattern
        Mean pattern ``(n_v, n_u)``.
    detector
        Geometry with the beam's centre.
    bad
        Pixels to leave out, True = bad.

    Returns
    -------
    float
        0 where the pattern shows no beam around the centre. Where bad pixels hide the beam, the
        radius beyond which something is seen.
    """
    profile, _, hidden = _azimuthal_mean(pattern, detector, bad)
    shown = _shown_radius(profile, hidden, detector)
    # A stop hides the beam and its tail: what follows is the specimen's.
    after = profile[min(hidden + 3, profile.size - 1)]
    if hidden > 1 and profile[hidden] < min(2 * after, 5 * np.median(profile)):
        return hidden * detector.pixel
    return max(shown, hidden * detector.pixel)


def _shown_radius(profile: NDArray[np.float64], hidden: int, detector: Detector) -> float:
    """Where the beam has ended in a profile of which the first rings may be hidden."""
    if profile.size < 3 or profile[0] <= np.median(profile):
        return 0.0
    profile = np.where(np.arange(profile.size) < hidden, profile[hidden], profile)
    half = _first_below(profile, (profile[0] + np.median(profile)) / 2)
    beyond = profile[min(max(4 * half, half + 2), profile.size - 1) :]
    level = np.median(beyond)
    end = _first_below(profile, level + _BEAM_END * (profile[0] - level))
    # Radii past a few widths of the beam belong to a halo or to diffuse scattering, not to it;
    # and whatever the beam, half the detector is to be left.
    return min(end, 3 * half + 1, profile.size // 2) * detector.pixel


def estimate_disk_radius(
    pattern: NDArray, detector: Detector, bad: NDArray[np.bool_] | None = None
) -> float:
    """Radius of the direct beam's disk, which is that of every spot, in the detector's units.

    Where the azimuthal mean around ``detector.center`` has fallen to 5 % of its height above
    the level beyond, to a fraction of a pixel. Unlike :func:`estimate_beam_radius`, without the
    beam's tail: the spots' tails are lost in the halo.

    Parameters
    ----------
    pattern
        Mean pattern ``(n_v, n_u)``.
    detector
        Geometry with the beam's centre.
    bad
        Pixels to leave out, True = bad.

    Returns
    -------
    float
        0 where the pattern shows no beam around the centre.

    Examples
    --------
    >>> import numpy as np
    >>> detector = Detector((41, 41), center=(20.0, 20.0))
    >>> round(estimate_disk_radius(1000.0 * (detector.radius() <= 5), detector), 1)
    6.0
    """
    profile, radii, _ = _azimuthal_mean(pattern, detector, bad)
    end = estimate_beam_radius(pattern, detector, bad)
    if end == 0:
        return 0.0
    beyond = profile[min(round(end / detector.pixel), profile.size - 1) :]
    level = beyond[0] + _DISK_END * (profile[0] - beyond[0])
    outer = max(_first_below(profile, level), 1)
    inner = outer - 1
    drop = profile[inner] - profile[outer]
    share = (profile[inner] - level) / drop if drop > 0 else 0.0
    return float(radii[inner] + share * (radii[outer] - radii[inner]))


def _azimuthal_mean(
    pattern: NDArray, detector: Detector, bad: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Mean of rings of one pixel's width out to the inscribed circle, their radii, first ring seen.

    Rings of which no pixel is good are as those beside them.
    """
    unknown = _unknown(pattern, bad)
    image, radius = _without_defects(pattern, unknown), detector.radius()
    bins = np.round(radius / detector.pixel).astype(int).ravel()
    good = 1.0 - unknown.ravel()
    counts = np.bincount(bins, good)
    known = np.flatnonzero(counts)
    rings = np.arange(counts.size)
    if not known.size:
        return np.zeros(rings.size), detector.pixel * np.arange(float(rings.size)), 0
    sums = [np.bincount(bins, good * x.ravel()) for x in (image, radius)]
    profile, radii = (np.interp(rings, known, one[known] / counts[known]) for one in sums)
    # A centre between four pixels has none within half a pixel of it, hidden or not.
    empty = int(np.bincount(bins, minlength=1)[0] == 0)
    hidden = int(known[0]) if known[0] > empty else 0
    number = int(detector.inscribed_radius / detector.pixel) + 1
    return profile[:number], radii[:number], min(hidden, number - 1)


def _first_below(profile: NDArray[np.float64], level: float) -> int:
    below = np.flatnonzero(profile <= level)
    return int(below[0]) if below.size else profile.size - 1


def _unknown(pattern: NDArray, bad: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Pixels of which nothing is known."""
    nothing = ~np.isfinite(np.asarray(pattern, dtype=np.float64))
    return nothing if bad is None else nothing | bad


def _without_defects(pattern: NDArray, unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    image = np.where(unknown, 0.0, np.asarray(pattern, dtype=np.float64))
    image = filled(image, unknown)
    level, noise = _background(image)
    neighbours = np.ones((3, 3), dtype=bool)
    neighbours[1, 1] = False
    # The brightest neighbour of one of a pair is the other.
    brightest = ndimage.rank_filter(image, -2, footprint=neighbours, mode="nearest")
    hot = image - level > _HOT_PIXEL_RATIO * np.maximum(brightest - level, noise)
    return np.where(hot, brightest, image)


def _background(image: NDArray[np.float64]) -> tuple[float, float]:
    """Level and standard deviation of the noise, from the darkest tenth of the pixels.

    So few, because a disk may fill most of the detector.
    """
    lowest, low = np.percentile(image, (1, 10))
    # Quantiles of the normal distribution.
    noise = (low - lowest) / (2.326 - 1.282)
    return min(float(low + 1.282 * noise), float(np.median(image))), float(noise)


def _beam_core(image: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Find the pixels above half the height of the brightest spot; None where there is none."""
    smooth = ndimage.gaussian_filter(image - _background(image)[0], 1.0, mode="nearest")
    level, noise = _background(smooth)
    for _ in range(_LINES):
        peak = np.unravel_index(np.argmax(smooth), smooth.shape)
        if smooth[peak] <= max(level + _BEAM_TO_NOISE * noise, 0.0):
            return None
        labels, _ = ndimage.label(smooth >= smooth[peak] / 2)
        core = np.asarray(labels == labels[peak])
        if not _is_line(core):
            return core
        smooth = np.where(ndimage.binary_dilation(core, iterations=3), level, smooth)
    return None


def _seen_core(image: NDArray[np.float64], unknown: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Find the beam's pixels; None where it is hidden, or what is brightest is no beam."""
    core = _beam_core(image)
    if core is None or unknown[core].mean() > 1 - _SEEN:
        return None
    # Around a hidden beam an arc of the halo may be what is brightest.
    fitting = _touches_edge(core) or _is_round(core) or not unknown.any()
    return core if fitting else None


def _is_line(core: NDArray[np.bool_]) -> bool:
    """Whether it goes from edge to edge in a few pixels' width, as no beam does."""
    rows, columns = np.asarray(core.any(axis=1)), np.asarray(core.any(axis=0))
    lengths = rows.sum(), columns.sum()
    across = bool(rows[0] and rows[-1]), bool(columns[0] and columns[-1])
    return any(
        both and core.sum() < 6 * length for both, length in zip(across, lengths, strict=True)
    )


def _is_round(core: NDArray[np.bool_]) -> bool:
    """Whether it fills the circle around its middle that holds it, unlike a ring or its arc."""
    y, x = np.nonzero(core)
    if not core[round(y.mean()), round(x.mean())]:
        return False
    reach = np.hypot(y - y.mean(), x - x.mean()).max() + 0.5
    return bool(core.sum() > _ROUND * np.pi * reach**2)


def _touches_edge(core: NDArray[np.bool_]) -> bool:
    return bool(core[[0, -1]].any() or core[:, [0, -1]].any())


def windowed_centroid(
    image: NDArray[np.float64],
    unknown: NDArray[np.bool_],
    center: tuple[float, float],
    width: float,
) -> tuple[float, float] | None:
    """Iterate the centroid under a Gaussian window: it ends in the middle of what is symmetric.

    Parameters
    ----------
    image
        Pattern without background, ``(n_v, n_u)``. What is negative does not count.
    unknown
        Pixels to leave out, with their partners opposite the centre.
    center
        Where to begin, ``(x, y)`` in pixels.
    width
        Standard deviation of the window in pixels.

    Returns
    -------
    tuple of float
        ``(x, y)`` in pixels; None where there is nothing under the window.

    Examples
    --------
    >>> y, x = np.mgrid[:20, :30]
    >>> spot = np.exp(-((x - 12.3) ** 2 + (y - 9.1) ** 2) / 4)
    >>> found = windowed_centroid(spot, spot < 0, (13.0, 9.0), 2.0)
    >>> [round(c, 2) for c in found]
    [12.3, 9.1]
    """
    y, x = (np.arange(float(n)) for n in image.shape)
    good, weight = 1.0 - unknown, np.where(unknown, 0.0, np.maximum(image, 0.0))
    hidden, found = bool(unknown.any()), np.array(center, dtype=np.float64)
    for i in range(_STEPS):
        seen = weight
        if hidden:
            # Without the partner of an unknown pixel what is left is symmetric again.
            opposite = np.meshgrid(2 * found[1] - y, 2 * found[0] - x, indexing="ij")
            seen = weight * ndimage.map_coordinates(
                good, opposite, order=1, mode="constant", cval=1.0
            )
        of_rows = np.exp(-((y - found[1]) ** 2) / (2 * width**2))
        of_columns = np.exp(-((x - found[0]) ** 2) / (2 * width**2))
        by_column = of_rows @ seen
        total = by_column @ of_columns
        if total <= 0:
            return None
        moments = by_column @ (of_columns * x), (of_rows * y) @ (seen @ of_columns)
        step = np.array(moments) / total - found
        # The window pulls the centroid half-way back for a beam as wide as itself; partners that
        # come and go could make it swing for ever.
        found += (1.5 / (1 + i / 5) if hidden else 1.5) * step
        if np.abs(step).max() < _SETTLED:
            break
    return float(found[0]), float(found[1])


def _circle_through_rim(core: NDArray[np.bool_]) -> tuple[float, float]:
    """Least-squares circle (Kasa) through the rim pixels that are not on the detector's edge."""
    rim = core & ~ndimage.binary_erosion(core, border_value=1)
    y, x = np.nonzero(rim)
    matrix = np.column_stack([x, y, np.ones_like(x)]).astype(np.float64)
    if len(x) < 3 or np.linalg.matrix_rank(matrix) < 3:
        y0, x0 = ndimage.center_of_mass(core)
        return float(x0), float(y0)
    solution, *_ = np.linalg.lstsq(matrix, x.astype(float) ** 2 + y.astype(float) ** 2)
    n_v, n_u = core.shape
    # The centre of a beam cut by more than half lies outside; the nearest pixel stands for it.
    return (
        float(np.clip(solution[0] / 2, 0, n_u - 1)),
        float(np.clip(solution[1] / 2, 0, n_v - 1)),
    )
