"""Components that are not one crystal on its zone axis: two at once, or one that is tilted."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize

from hs_nmfcluster.clustering.correlation import azimuthal_spectra, centered_patterns

# Share of a pattern that a second crystal takes, and how much what the first one leaves must look
# like it. In 561 components of simulated scans that hold one crystal 1.4 % come out as two; of 208
# sums of two with weights 1 and 0.5 to 1, 93 %.
_SHARE, _LIKENESS = 0.12, 0.5
# Share of a pattern that both must explain: each part is explained by the sum, but only half.
_EXPLAINED = 0.7
# Share of the power of spots that are not opposite each other from which on a crystal is tilted.
_TILTED = 0.5


class Compounds(NamedTuple):
    """What components consist of.

    Attributes
    ----------
    double
        ``(n,)`` of bool: whether a component shows the spots of two others.
    parts
        ``(n, 2)``: which two others explain it best, −1 where there are none.
    asymmetry
        ``(n,)``: share of the spots' power that has no opposite, from 0 to 1.
    tilted
        ``(n,)`` of bool: whether that is more than half, as where of two Friedel mates only one
        is excited.
    """

    double: NDArray[np.bool_]
    parts: NDArray[np.intp]
    asymmetry: NDArray[np.float64]
    tilted: NDArray[np.bool_]


def find_compounds(polar_patterns: NDArray[np.floating], noise: NDArray[np.floating]) -> Compounds:
    """Look for components that hold two crystals, and for tilted ones.

    Each pattern is explained by the other one that, rotated, is most like it; then what is left
    by yet another, or by the same one at another angle.

    Parameters
    ----------
    polar_patterns
        ``(n, n_radial, n_azimuthal)`` of crystals, NaN where not measured.
    noise
        Share of noise of each, see `relative_distances`.

    Examples
    --------
    >>> spots = np.zeros((3, 4, 36))
    >>> spots[0, 1, [0, 9, 18, 27]] = spots[1, 2, [0, 6, 18, 24]] = 1
    >>> spots[2] = np.roll(spots[0], 5, axis=1) + np.roll(spots[1], 8, axis=1)
    >>> found = find_compounds(spots, np.zeros(3))
    >>> found.double.tolist(), found.parts[2].tolist(), found.tilted.tolist()
    ([False, False, True], [1, 0], [False, False, False])
    """
    n, _, n_phi = polar_patterns.shape
    patterns = centered_patterns(polar_patterns)
    patterns -= patterns.mean(axis=-1, keepdims=True)
    spectra = azimuthal_spectra(patterns)
    # Frequency first, so that one frequency of all patterns is one matrix for BLAS.
    others = np.ascontiguousarray(spectra.conj().swapaxes(1, 2))
    norms = np.sqrt(np.square(patterns).sum(axis=(1, 2)))
    double, parts = np.zeros(n, dtype=bool), np.full((n, 2), -1)
    for k in range(n):
        double[k], parts[k] = _explained(patterns, others, norms, k, float(noise[k]))
    power = np.square(np.abs(spectra[1 : (n_phi + 1) // 2])).sum(axis=-1)
    total, odd = power.sum(axis=0), power[::2].sum(axis=0)
    # Of spots with opposites all power is even, of spots without half of it, as of noise.
    # What is all noise holds no signal, but a rounding error of it may.
    least = np.finfo(float).eps * total + np.finfo(float).tiny
    signal = np.maximum((1 - noise) * total, least)
    asymmetry = np.clip(2 * (odd - noise * total / 2) / signal, 0.0, 1.0)
    return Compounds(double, parts, asymmetry, asymmetry > _TILTED)


def _explained(
    patterns: NDArray[np.floating],
    others: NDArray[np.complexfloating],
    norms: NDArray[np.floating],
    k: int,
    noise: float,
) -> tuple[bool, tuple[int, int]]:
    """Whether two others explain a pattern much better than one, and which."""
    own = patterns[k]
    power = float(np.square(own).sum())
    norms = np.where(np.arange(len(norms)) == k, 0.0, norms)
    first, turned, _ = _most_alike(patterns, others, norms, own)
    if first < 0 or power == 0:
        return False, (-1, -1)
    left = own - turned * (np.vdot(turned, own) / np.vdot(turned, turned))
    second, other, likeness = _most_alike(patterns, others, norms, left)
    both = np.stack([turned.ravel(), other.ravel()], axis=1).astype(np.float64)
    rest = optimize.nnls(both, own.ravel().astype(np.float64))[1]
    gained = (float(np.square(left).sum()) - rest**2) / power
    explained = 1 - rest**2 / power > _EXPLAINED * (1 - noise)
    return gained > _SHARE and likeness > _LIKENESS and explained, (first, second)


def _most_alike(
    patterns: NDArray[np.floating],
    others: NDArray[np.complexfloating],
    norms: NDArray[np.floating],
    target: NDArray[np.floating],
) -> tuple[int, NDArray[np.floating], float]:
    """Which pattern, of those with a norm, is most like a target, it rotated, and how alike."""
    spectrum = fft.rfft(target, axis=-1).T
    products = np.matmul(spectrum[:, None, :], others)[:, 0].T
    correlation = fft.irfft(products, n=patterns.shape[-1], axis=-1)
    alike = np.divide(
        correlation.max(axis=1), norms, out=np.full(len(patterns), -np.inf), where=norms > 0
    )
    best = int(alike.argmax())
    if not np.isfinite(alike[best]):
        return -1, target, 0.0
    turned = np.roll(patterns[best], int(correlation[best].argmax()), axis=-1)
    size = float(np.sqrt(np.square(target).sum()))
    return best, turned, float(alike[best] / size) if size > 0 else 0.0
