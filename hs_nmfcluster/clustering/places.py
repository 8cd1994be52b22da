"""Components that describe one crystal together: at one place, with spots in the same directions.

With more components than crystals, a factorization describes the middle of a crystal by one, its
rim or a bent part by others. Their spots differ in brightness, so that their patterns are no more
alike than those of different crystals; but they lie in the same directions without any rotation.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from hs_nmfcluster.clustering.correlation import azimuthal_spectra, centered_patterns

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


def find_hosts(
    polar_patterns: NDArray[np.floating], maps: NDArray[np.floating]
) -> NDArray[np.intp]:
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
    if len(maps) < 2:
        return np.full(len(maps), -1)
    patterns = centered_patterns(polar_patterns)
    patterns -= patterns.mean(axis=-1, keepdims=True)
    rows = np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
    rows = np.maximum(np.nan_to_num(rows - np.nanmedian(rows, axis=1, keepdims=True)), 0.0)
    strength = np.linalg.norm(rows, axis=1) * np.sqrt(np.square(patterns).sum(axis=(1, 2)))
    highest = rows.max(axis=1, keepdims=True)
    inside = rows * (rows >= _HALF * highest)
    # A round crystal is thin at its rim, so that it reaches far beyond half of its height.
    noise = _CLEAR * np.quantile(rows, 0.75, axis=1, keepdims=True) / _QUARTILE
    lowest = np.minimum(np.maximum(_RIM * highest, noise), _HALF * highest)
    reached = ((rows >= lowest) & (rows > 0)).reshape(maps.shape)
    near = np.stack([ndimage.binary_dilation(one, iterations=_AROUND) for one in reached])
    near = near.reshape(rows.shape)
    totals = inside.sum(axis=1)
    # shares[i, j]: how much of i lies where j is.
    shares = (inside @ near.T) / np.where(totals > 0, totals, 1.0)[:, None]
    hosts = np.full(len(maps), -1)
    order = np.argsort(-strength, kind="stable")
    for place, k in enumerate(order):
        stronger = order[:place][hosts[order[:place]] < 0]
        if not stronger.size or totals[k] == 0:
            continue
        # Rims of several crystals may share a component, of which each has a part.
        within = inside[k, near[stronger].any(axis=0)].sum() / totals[k]
        if within < _WITHIN:
            continue
        there = stronger[shares[k, stronger] >= _PART]
        there = there[np.argsort(-shares[k, there], kind="stable")]
        alike = [
            other
            for other in there
            if _as_they_lie(patterns[k], patterns[other], partly=shares[k, other] < _WITHIN)
        ]
        # What is weak and lies on several crystals, nowhere else, is none of its own, whatever it
        # looks like. What is as strong as they are lies above or below them.
        weak = (strength[k] < _WEAK * strength[there]).all()
        if alike or (weak and there.size > 1 and shares[k, there[0]] < _WITHIN):
            hosts[k] = (alike or there.tolist())[0]
    return hosts


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
