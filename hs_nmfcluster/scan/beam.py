"""Where the direct beam is, and how wide, from one pattern.

Everything here takes one pattern as a plain array ``(n_v, n_u)``; a centre is ``(x, y)`` in
pixels, column first, with 0 the middle of the first pixel.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.scan.detector import Detector

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


def estimate_beam_center(pattern: NDArray) -> tuple[float, float]:
    """Sub-pixel position of the direct beam in a pattern.

    The brightest spot is found after removal of defect pixels; a centroid under a Gaussian
    window as wide as the spot is then iterated to its fixed point, which for any symmetric beam
    is its centre. A beam cut by the detector's edge is found by a circle through its rim.

    Parameters
    ----------
    pattern
        Mean pattern ``(n_v, n_u)``, any real dtype.

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
    spot = _beam_spot(pattern)
    if spot is None:
        n_v, n_u = np.shape(pattern)
        return (n_u - 1) / 2, (n_v - 1) / 2
    image, core = spot
    if _touches_edge(core):
        return _circle_through_rim(core)
    return _windowed_centroid(image, core)


def estimate_beam_radius(pattern: NDArray, detector: Detector) -> float:
    """Radius of the direct beam's disk or spot, its tail included, in the detector's units.

    Taken from the azimuthal mean around ``detector.center``: where it has fallen to the level
    beyond the beam, plus 0.5 % of the beam's height.

    Parameters
    ----------
    pattern
        Mean pattern ``(n_v, n_u)``.
    detector
        Geometry with the beam's centre.

    Returns
    -------
    float
        0 where the pattern shows no beam around the centre.
    """
    profile, _ = _azimuthal_mean(pattern, detector)
    if profile.size < 3 or profile[0] <= np.median(profile):
        return 0.0
    half = _first_below(profile, (profile[0] + np.median(profile)) / 2)
    beyond = profile[min(max(4 * half, half + 2), profile.size - 1) :]
    level = np.median(beyond)
    end = _first_below(profile, level + _BEAM_END * (profile[0] - level))
    # Radii past a few widths of the beam belong to a halo or to diffuse scattering, not to it;
    # and whatever the beam, half the detector is to be left.
    return min(end, 3 * half + 1, profile.size // 2) * detector.pixel


def estimate_disk_radius(pattern: NDArray, detector: Detector) -> float:
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
    profile, radii = _azimuthal_mean(pattern, detector)
    end = estimate_beam_radius(pattern, detector)
    if end == 0:
        return 0.0
    beyond = profile[min(round(end / detector.pixel), profile.size - 1) :]
    level = beyond[0] + _DISK_END * (profile[0] - beyond[0])
    outer = max(_first_below(profile, level), 1)
    inner = outer - 1
    share = (profile[inner] - level) / (profile[inner] - profile[outer])
    return float(radii[inner] + share * (radii[outer] - radii[inner]))


def _azimuthal_mean(
    pattern: NDArray, detector: Detector
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of rings of one pixel's width out to the inscribed circle, and the rings' radii."""
    image, radius = _without_defects(pattern), detector.radius()
    bins = np.round(radius / detector.pixel).astype(int)
    counts = np.bincount(bins.ravel())
    profile = np.bincount(bins.ravel(), image.ravel()) / np.maximum(counts, 1)
    radii = np.bincount(bins.ravel(), radius.ravel()) / np.maximum(counts, 1)
    # A centre between four pixels has none within half a pixel of it.
    profile[0] = profile[0] if counts[0] else profile[min(1, profile.size - 1)]
    number = int(detector.inscribed_radius / detector.pixel) + 1
    return profile[:number], radii[:number]


def _first_below(profile: NDArray[np.float64], level: float) -> int:
    below = np.flatnonzero(profile <= level)
    return int(below[0]) if below.size else profile.size - 1


def _without_defects(pattern: NDArray) -> NDArray[np.float64]:
    image = np.asarray(pattern, dtype=np.float64)
    finite = np.isfinite(image)
    image = np.where(finite, image, np.median(image[finite]) if finite.any() else 0.0)
    level, noise = _background(image)
    neighbours = np.ones((3, 3), dtype=bool)
    neighbours[1, 1] = False
    brightest = ndimage.maximum_filter(image, footprint=neighbours, mode="nearest")
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


def _beam_spot(pattern: NDArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Pattern above its background, and the connected pixels above half the beam's height."""
    image = _without_defects(pattern)
    image -= _background(image)[0]
    smooth = ndimage.gaussian_filter(image, 1.0, mode="nearest")
    level, noise = _background(smooth)
    peak = np.unravel_index(np.argmax(smooth), smooth.shape)
    if smooth[peak] <= max(level + _BEAM_TO_NOISE * noise, 0.0):
        return None
    labels, _ = ndimage.label(smooth >= smooth[peak] / 2)
    return image, labels == labels[peak]


def _touches_edge(core: NDArray[np.bool_]) -> bool:
    return bool(core[[0, -1]].any() or core[:, [0, -1]].any())


def _windowed_centroid(image: NDArray[np.float64], core: NDArray[np.bool_]) -> tuple[float, float]:
    y, x = np.indices(image.shape)
    center = np.array(ndimage.center_of_mass(core))
    width = max(np.sqrt(core.sum() / np.pi), 1.0)
    for _ in range(100):
        window = np.exp(-((y - center[0]) ** 2 + (x - center[1]) ** 2) / (2 * width**2))
        weight = np.maximum(image, 0.0) * window
        centroid = np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum()
        step = centroid - center
        # The window pulls the centroid half-way back for a beam as wide as itself.
        center = center + 1.5 * step
        if np.abs(step).max() < 1e-4:
            break
    return float(center[1]), float(center[0])


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
