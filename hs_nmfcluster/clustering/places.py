"""Components that describe one crystal together: at one place, with spots in the same directions.

With more components than crystals, a factorization describes the middle of a crystal by one, its
rim or a bent part by others. Their spots differ in brightness, so that their patterns are no more
alike than those of different crystals; but they lie in the same directions without any rotation.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from hs_nmfcluster.clustering.correlation import azimuthal_spectra, centered_patterns

# Share of its height above which a map is where the component is; positions around it count too.
_HALF, _AROUND = 0.5, 1
# Share of a component that must lie where its host is.
_WITHIN = 0.7
# Least correlation without rotation, as a share of the best of all rotations and on its own.
_AS_IT_LIES, _ALIKE = 0.8, 0.15


def find_hosts(
    polar_patterns: NDArray[np.floating], maps: NDArray[np.floating]
) -> NDArray[np.intp]:
    """Find of each crystal component the stronger one that describes the same crystal.

    Parameters
    ----------
    polar_patterns
        ``(n, n_radial, n_azimuthal)``, NaN where not measured.
    maps
        ``(n, *scan_shape)``, NaN where not measured.

    Returns
    -------
    numpy.ndarray
        ``(n,)`` indices, −1 for a component that is the strongest of its crystal.

    Examples
    --------
    >>> patterns = np.zeros((3, 4, 36))
    >>> patterns[:2, 1, [0, 18]] = patterns[2, 1, [5, 23]] = 1
    >>> maps = np.zeros((3, 15))
    >>> maps[0, 2:7], maps[1, 2], maps[2, 6] = 3, 1, 1
    >>> find_hosts(patterns, maps).tolist()
    [-1, 0, -1]
    """
    if len(maps) < 2:
        return np.full(len(maps), -1)
    patterns = centered_patterns(polar_patterns)
    patterns -= patterns.mean(axis=-1, keepdims=True)
    rows = np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
    rows = np.maximum(np.nan_to_num(rows - np.nanmedian(rows, axis=1, keepdims=True)), 0.0)
    strength = np.linalg.norm(rows, axis=1) * np.sqrt(np.square(patterns).sum(axis=(1, 2)))
    inside = rows * (rows >= _HALF * rows.max(axis=1, keepdims=True, initial=0.0))
    near = np.stack(
        [ndimage.binary_dilation(one > 0, iterations=_AROUND) for one in inside.reshape(maps.shape)]
    ).reshape(rows.shape)
    totals = inside.sum(axis=1)
    # shares[i, j]: how much of i lies where j is.
    shares = (inside @ near.T) / np.where(totals > 0, totals, 1.0)[:, None]
    hosts = np.full(len(maps), -1)
    order = np.argsort(-strength, kind="stable")
    for place, k in enumerate(order):
        for other in order[:place]:
            if (
                hosts[other] < 0
                and shares[k, other] >= _WITHIN
                and _as_they_lie(patterns[k], patterns[other])
            ):
                hosts[k] = other
                break
    return hosts


def _as_they_lie(first: NDArray[np.floating], second: NDArray[np.floating]) -> bool:
    """Whether two patterns are most alike without being rotated."""
    spectra = azimuthal_spectra(np.stack([first, second]))
    products = (spectra[:, 0] * spectra[:, 1].conj()).sum(axis=1)
    correlation = fft.irfft(products, n=first.shape[-1])
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    # A bin to either side, as crystals may bend.
    unturned = float(max(correlation[0], correlation[1], correlation[-1]))
    return unturned > max(_AS_IT_LIES * float(correlation.max()), _ALIKE * norm)
