"""How unlike patterns are, measured by how unlike they could be.

All patterns of a scan share the halo of what lies around the crystals. It adds to every similarity
and takes all distances down, by how much no fixed mark can know; noise takes them up again.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.correlation import centered_patterns
from hs_nmfcluster.scan.noise import quantile_of_known, unit_of_counts

# Standard deviations between lower quartile and median of a Gaussian.
_QUARTILE = 0.6745
# Square of second differences between rings over the variance of noise, which linear interpolation
# leaves correlated by a quarter from one pixel to the next.
_ROUGHNESS = 4.0
# So much at most of what varies along rings is put down to noise: more cannot be told from noise
# at all, and dividing by what is left would make distances of it.
_MOST_NOISE = 0.5
# Likeness of rings beyond which patterns have nothing but their rings.
_SAME_RINGS = 1e-6


class Relative(NamedTuple):
    """Relative distances, and how far they are to be trusted.

    Attributes
    ----------
    distances
        ``(n, n)``, 0 on the diagonal. A little more than 1 where even rings differ by chance.
    noise
        Share of each pattern's power along its rings that is noise, ``(n,)``.
    components
        Of a tree of very many components those that these are, ``(n,)`` in rising order; None for
        all.
    """

    distances: NDArray[np.float64]
    noise: NDArray[np.float64]
    components: NDArray[np.intp] | None = None

    def among(
        self, chosen: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
        """Which of the chosen components these hold, their distances and their noise.

        Parameters
        ----------
        chosen
            ``(n_components,)``.
        """
        held = np.arange(len(chosen)) if self.components is None else self.components
        rows = np.flatnonzero(chosen[held])
        return held[rows], self.distances[np.ix_(rows, rows)], self.noise[rows]


def relative_distances(
    polar_patterns: NDArray[np.floating], similarity: NDArray[np.floating]
) -> Relative:
    """Distances on a scale from the same crystal to crystals with nothing but rings in common.

    Two patterns whose rings are equally bright are alike already, even if nothing along the rings
    is: this is the distance 1. Two patterns that differ by no more than their noise are at the
    distance 0. A common halo moves neither.

    Parameters
    ----------
    polar_patterns
        ``(n, n_radial, n_azimuthal)``, NaN where not measured.
    similarity
        Of these, ``(n, n)``, see `pattern_similarity`.

    Returns
    -------
    Relative

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from hs_nmfcluster.clustering.similarity import pattern_similarity
    >>> spots = np.zeros((3, 20, 72))
    >>> spots[:, 6, 5] = spots[:2, 14, 35] = spots[2, 14, 50] = 1
    >>> spots = gaussian_filter(spots, (0, 1.5, 1.5))
    >>> halo = np.arange(20)[:, None] / 10
    >>> [
    ...     relative_distances(p, pattern_similarity(p)[0]).distances[0].round(2).tolist()
    ...     for p in (spots, spots + halo)
    ... ]
    [[0.0, 0.0, 0.53], [0.0, 0.0, 0.54]]
    """
    rings, along, noise = _powers(polar_patterns)
    total = np.sqrt((rings**2).sum(axis=1) + along)
    safe = np.where(total > 0, total, 1.0)
    likeness_of_rings = rings @ rings.T / np.outer(safe, safe)
    signal = np.sqrt(along - np.minimum(noise, _MOST_NOISE * along)) / safe
    unlike = np.maximum(1.0 - likeness_of_rings, _SAME_RINGS)
    same = np.clip(unlike - np.outer(signal, signal), 0.0, None)
    scale = np.maximum(unlike - same, _SAME_RINGS)
    relative = np.clip((1.0 - similarity - same) / scale, 0.0, None)
    np.fill_diagonal(relative, 0.0)
    noise_share = np.divide(noise, along, out=np.zeros(len(along)), where=along > 0)
    return Relative(relative, np.minimum(noise_share, 1.0))


def _powers(
    polar_patterns: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Amplitude of each ring ``(n, n_radial)``; power along rings and of noise in it ``(n,)``."""
    n, n_radial, n_azimuthal = polar_patterns.shape
    rings, along, noise = np.zeros((n, n_radial)), np.zeros(n), np.zeros(n)
    # One after the other: the patterns may be thousands.
    for k in range(n):
        pattern = centered_patterns(polar_patterns[k : k + 1])[0].astype(np.float64)
        missing = np.isnan(polar_patterns[k])
        level = pattern.mean(axis=1)
        rest = pattern - level[:, None]
        # What lies in gaps is as strong as the rest of its ring.
        known = n_azimuthal - missing.sum(axis=1)
        along[k] = (np.square(rest).sum(axis=1) * n_azimuthal / np.maximum(known, 1)).sum()
        rings[k] = np.sqrt(n_azimuthal) * level
        noise[k] = n_azimuthal * _variance_of_noise(polar_patterns[k]).sum()
    return rings, along, noise


def _variance_of_noise(rings: NDArray[np.floating]) -> NDArray[np.float64]:
    """Variance of noise along each ring of a pattern, ``(n_radial,)``.

    It is told from the lower quartile, which spots move least. Where that is no higher than the
    least value, as where few electrons arrive and most bins have none, it says nothing, and the
    noise is at least that of counts.
    """
    lower, middle = (np.nan_to_num(quantile_of_known(rings, share)) for share in (0.25, 0.5))
    noise = np.square((middle - lower) / _QUARTILE)
    silent = ~(lower > np.fmin.reduce(rings, axis=1))
    return np.where(silent, np.maximum(noise, _variance_of_counts(rings)), noise)


def _variance_of_counts(rings: NDArray[np.floating]) -> NDArray[np.float64]:
    """Variance of counts along each ring, if what is rough from ring to ring is counts.

    Spots are smooth beside noise, which has no extent.
    """
    rough = np.full(rings.shape, np.nan)
    rough[1:-1] = np.square(rings[:-2] - 2 * rings[1:-1] + rings[2:]) / _ROUGHNESS
    mean = _mean_of_known(rings)
    return np.maximum(unit_of_counts(mean, _mean_of_known(rough)) * mean, 0.0)


def _mean_of_known(rings: NDArray[np.floating]) -> NDArray[np.float64]:
    known = np.isfinite(rings)
    return np.where(known, rings, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
