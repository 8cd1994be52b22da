"""Components that describe one crystal together: at one place, with spots in the same directions.

With more components than crystals, a factorization describes the middle of a crystal by one, its
rim or a bent part by others. Their spots differ in brightness, so that their patterns are no more
alike than those of different crystals; but they lie in the same directions without any rotation.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, sparse

from hs_nmfcluster.clustering.alignable import PolarPatterns
from hs_nmfcluster.clustering.correlation import azimuthal_spectra, centered_patterns

# Share of its height above which a map is where the component is; positions around it count too.
_HALF, _AROUND = 0.5, 1
# Share of a component that must lie where its host is.
_WITHIN = 0.7
# Least correlation without rotation, as a share of the best of all rotations and on its own.
_AS_IT_LIES, _ALIKE = 0.8, 0.15
# Polar patterns that are made ready together.
_AT_A_TIME = 64


def find_hosts(polar_patterns: PolarPatterns, maps: NDArray[np.floating]) -> NDArray[np.intp]:
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
    hosts = np.full(len(maps), -1)
    if len(maps) < 2:
        return hosts
    inside, near, norms = _where(maps)
    strength = norms * np.concatenate(
        [np.sqrt(np.square(some).sum(axis=(1, 2))) for some in _in_parts(polar_patterns)]
    )
    # shares[i, j]: how much of i lies where j is.
    shares = sparse.csr_array(inside @ near.T)
    rank = np.argsort(np.argsort(-strength, kind="stable"))
    for k in np.argsort(rank):
        row = slice(shares.indptr[k], shares.indptr[k + 1])
        others = shares.indices[row][shares.data[row] >= _WITHIN]
        others = others[(rank[others] < rank[k]) & (hosts[others] < 0)]
        for other in others[np.argsort(rank[others])]:
            if _as_they_lie(*(_without_rings(polar_patterns[i : i + 1])[0] for i in (k, other))):
                hosts[k] = other
                break
    return hosts


def _where(
    maps: NDArray[np.floating],
) -> tuple[sparse.csr_array, sparse.csr_array, NDArray[np.float64]]:
    """Where each component is, as shares of it; positions there and around; norms of the maps."""
    inside, near, norms = [], [], np.zeros(len(maps))
    # One after the other: the maps may be thousands.
    for k, scan in enumerate(maps):
        heights = np.asarray(scan, dtype=np.float64)
        heights = np.maximum(np.nan_to_num(heights - np.nanmedian(heights)), 0.0)
        norms[k] = np.linalg.norm(heights)
        strong = heights * (heights >= _HALF * heights.max(initial=0.0))
        around = ndimage.binary_dilation(strong > 0, iterations=_AROUND)
        inside.append(sparse.coo_array((strong / (strong.sum() or 1.0)).reshape(1, -1)))
        near.append(sparse.coo_array(around.reshape(1, -1).astype(np.float64)))
    return sparse.vstack(inside, "csr"), sparse.vstack(near, "csr"), norms


def _in_parts(polar_patterns: PolarPatterns) -> Iterator[NDArray[np.floating]]:
    for start in range(0, polar_patterns.shape[0], _AT_A_TIME):
        yield _without_rings(polar_patterns[start : start + _AT_A_TIME])


def _without_rings(polar_patterns: NDArray[np.floating]) -> NDArray[np.floating]:
    patterns = centered_patterns(polar_patterns)
    return patterns - patterns.mean(axis=-1, keepdims=True)


def _as_they_lie(first: NDArray[np.floating], second: NDArray[np.floating]) -> bool:
    """Whether two patterns are most alike without being rotated."""
    spectra = azimuthal_spectra(np.stack([first, second]))
    products = (spectra[:, 0] * spectra[:, 1].conj()).sum(axis=1)
    correlation = fft.irfft(products, n=first.shape[-1])
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    # A bin to either side, as crystals may bend.
    unturned = float(max(correlation[0], correlation[1], correlation[-1]))
    return unturned > max(_AS_IT_LIES * float(correlation.max()), _ALIKE * norm)
