"""Components that describe one crystal together: at one place, with spots in the same directions.

With more components than crystals, a factorization describes the middle of a crystal by one, its
rim or a bent part by others. Their spots differ in brightness, so that their patterns are no more
alike than those of different crystals; but they lie in the same directions without any rotation.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, sparse

from hs_nmfcluster.clustering.correlation import azimuthal_spectra, centered_patterns
from hs_nmfcluster.clustering.polar import PolarPatterns
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps, Maps

# Share of its height above which a map is where the component is. Its crystal reaches to where a
# smaller share is left, or the noise ends, and by some positions more.
_HALF, _RIM, _AROUND = 0.5, 0.1, 1
# Standard deviations of noise that count; from median to upper quartile of a Gaussian.
_CLEAR, _QUARTILE = 6.0, 0.6745
# Share of a component that must lie where stronger ones are, and where its host is.
_WITHIN, _PART = 0.7, 0.25
# Strength of a component beside those that it lies on, below which it is taken for their rims.
_WEAK = 0.5
# Least correlation without rotation as a share of the best of all rotations.
_AS_IT_LIES = 0.8
# Bins over which both are blurred for that, as of a bent crystal only rims of spots may differ, and
# least correlation: patterns of different crystals are alike by a quarter where one pair of spots
# lies alike by chance.
_BLURS = (0.0, 0.28), (4.0, 0.5)
# Least correlation with a host in which only a part of the component lies.
_PARTLY_ALIKE = 0.35
# Polar patterns that are made ready together.
_AT_A_TIME = 64


def find_hosts(polar_patterns: PolarPatterns, maps: Maps) -> NDArray[np.intp]:
    """Find of each crystal component the stronger one that describes the same crystal.

    A component lies where stronger ones are, and its spots lie as those of one of them; or it lies
    on several of them.

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
    inside, near, norms = _where(LocalMaps.known(maps))
    strength = norms * np.concatenate(
        [np.sqrt(np.square(some).sum(axis=(1, 2))) for some in _in_parts(polar_patterns)]
    )
    # shares[i, j]: how much of i lies where j is.
    shares = sparse.csr_array(inside @ near.T)
    rank = np.argsort(np.argsort(-strength, kind="stable"))
    for k in np.argsort(rank):
        row = slice(shares.indptr[k], shares.indptr[k + 1])
        others, parts = shares.indices[row], shares.data[row]
        stronger = (rank[others] < rank[k]) & (hosts[others] < 0)
        others, parts = others[stronger], parts[stronger]
        # Rims of several crystals may share a component, of which each has a part.
        if not others.size or _covered(inside[[k]], near[others]) < _WITHIN:
            continue
        in_order = np.argsort(-parts, kind="stable")
        in_order = in_order[parts[in_order] >= _PART]
        there, parts = others[in_order], parts[in_order]
        own = _without_rings(polar_patterns[k : k + 1])[0]
        alike = [
            int(other)
            for other, part in zip(there, parts, strict=True)
            if _as_they_lie(
                own, _without_rings(polar_patterns[other : other + 1])[0], partly=part < _WITHIN
            )
        ]
        # What is weak and lies on several crystals, nowhere else, is none of its own, whatever it
        # looks like. What is as strong as they are lies above or below them.
        weak = (strength[k] < _WEAK * strength[there]).all()
        if alike or (weak and there.size > 1 and parts[0] < _WITHIN):
            hosts[k] = (alike or there.tolist())[0]
    return hosts


def _covered(inside: sparse.csr_array, near: sparse.csr_array) -> float:
    """Share of a component that lies where any of some others is."""
    anywhere = np.asarray(near.sum(axis=0)).ravel() > 0
    return float(inside.data[anywhere[inside.indices]].sum())


def _where(maps: LocalMaps) -> tuple[sparse.csr_array, sparse.csr_array, NDArray[np.float64]]:
    """Where each component is, as shares of it; positions there and around; norms of the maps."""
    inside, near, norms = [], [], np.zeros(len(maps))
    flat = np.arange(maps.left_out.size, dtype=np.int32).reshape(maps.left_out.shape)

    def row(values: NDArray[np.float64], one: LocalMap) -> sparse.coo_array:
        there = np.nonzero(values)
        places = np.zeros(len(there[0]), np.int32), flat[one.window][there]
        return sparse.coo_array((values[there], places), (1, flat.size))

    for k, one in enumerate(maps):
        heights = np.asarray(one.values, dtype=np.float64)
        heights = np.maximum(np.nan_to_num(heights - np.nanmedian(heights)), 0.0)
        norms[k] = np.linalg.norm(heights)
        highest = heights.max(initial=0.0)
        strong = heights * (heights >= _HALF * highest)
        # A round crystal is thin at its rim, so that it reaches far beyond half of its height.
        noise = _CLEAR * np.quantile(heights, 0.75) / _QUARTILE
        lowest = min(max(_RIM * highest, noise), _HALF * highest)
        # What is low everywhere around is another crystal's, of which a little leaked.
        reached = (heights >= lowest) & (heights > 0)
        reached = ndimage.binary_propagation(strong > 0, mask=reached)
        around = ndimage.binary_dilation(reached, iterations=_AROUND)
        inside.append(row(strong / (strong.sum() or 1.0), one))
        near.append(row(around.astype(np.float64), one))
    return sparse.vstack(inside, "csr"), sparse.vstack(near, "csr"), norms


def _in_parts(polar_patterns: PolarPatterns) -> Iterator[NDArray[np.floating]]:
    for start in range(0, polar_patterns.shape[0], _AT_A_TIME):
        yield _without_rings(polar_patterns[start : start + _AT_A_TIME])


def _without_rings(polar_patterns: NDArray[np.floating]) -> NDArray[np.floating]:
    patterns = centered_patterns(polar_patterns)
    return patterns - patterns.mean(axis=-1, keepdims=True)


def _as_they_lie(
    first: NDArray[np.floating], second: NDArray[np.floating], *, partly: bool
) -> bool:
    """Whether two patterns are most alike without being rotated."""
    return any(
        _unturned(
            ndimage.gaussian_filter(first, width, mode=("nearest", "wrap")),
            ndimage.gaussian_filter(second, width, mode=("nearest", "wrap")),
            max(least, _PARTLY_ALIKE) if partly else least,
        )
        for width, least in _BLURS
    )


def _unturned(first: NDArray[np.floating], second: NDArray[np.floating], least: float) -> bool:
    spectra = azimuthal_spectra(np.stack([first, second]))
    products = (spectra[:, 0] * spectra[:, 1].conj()).sum(axis=1)
    correlation = fft.irfft(products, n=first.shape[-1])
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    # A bin to either side, as crystals may bend.
    unturned = float(max(correlation[0], correlation[1], correlation[-1]))
    return unturned > max(_AS_IT_LIES * float(correlation.max()), least * norm)
