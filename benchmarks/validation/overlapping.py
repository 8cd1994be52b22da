"""Crystals that lie over each other: how many of 40, 400 and 1200 are found in one scan.

Aluminium crystals in random orientations, whose spots are simulated by diffsims (not installed with
this package: ``pip install diffsims``), are placed at random in a scan of 256 × 256 positions of
64 × 64 pixels: discs of twelve positions, on a halo that gets nine in ten of the electrons where
there is one crystal. Forty cover a fifteenth of the scan, 1200 all of it twice. For scans with such
numbers of crystals a full recall of 0.93, 0.66 and 0.32 has been published; that simulation is not
at hand, so that the numbers are no more than a guide.

A crystal counts as found where a component's map has a correlation above 0.5 with its disc, in a
window twice as large, and its pattern one above 0.5 with the crystal's, where it is measured, both
without their radial means; no component counts for two. Beside the defaults stand one
factorization of the whole scan with a component for each crystal and one for the halo, and
scikit-learn's NMF with as many, where there are no more than ``--whole`` crystals.

    python benchmarks/validation/overlapping.py [--crystals 40 400 1200] [--positions 256]
        [--dose 2e4] [--whole 40] [--seed 0]
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _common import Table
from numpy.typing import NDArray
from scipy import ndimage, optimize
from sklearn.decomposition import NMF

from hs_nmfcluster import NMFDiffraction2D

_PIXELS, _SCALE, _SPOT = 64, 0.05, 1.3
_RADIUS, _SHARE, _ALIKE = 6.0, 0.1, 0.5
_LATTICE, _ENERGY, _EXCITATION = 4.05, 200, 0.02


@dataclass(frozen=True)
class Scan:
    """A simulated scan.

    Attributes
    ----------
    counts
        ``(n_y, n_x, n_v, n_u)``.
    patterns
        Of the crystals, of unit sum, ``(n, n_v, n_u)``.
    middles
        Rows and columns, ``(n, 2)``.
    """

    counts: NDArray[np.uint16]
    patterns: NDArray[np.float32]
    middles: NDArray[np.float64]


def simulate(n: int, side: int, dose: float, seed: int) -> Scan:
    """Place crystals at random and count electrons."""
    rng = np.random.default_rng(seed)
    patterns = spots_of_aluminium(n, seed)
    middles = rng.uniform(0, side, (n, 2))
    radius = np.hypot(*(np.indices((_PIXELS, _PIXELS)) - (_PIXELS - 1) / 2))
    halo = np.exp(-radius / 8) + 0.3 * np.exp(-(((radius - 9) / 3) ** 2))
    mean = np.full((side, side, _PIXELS, _PIXELS), (1 - _SHARE) * halo / halo.sum(), np.float32)
    for middle, pattern in zip(middles, patterns, strict=True):
        window, disc = around(middle, _RADIUS, side)
        mean[window] += _SHARE * disc[..., None, None] * pattern
    counts = np.empty(mean.shape, np.uint16)
    for line, expected in zip(counts, mean, strict=True):
        line[...] = rng.poisson(dose * expected)
    return Scan(counts, patterns, middles)


def spots_of_aluminium(n: int, seed: int) -> NDArray[np.float32]:
    """Patterns of randomly oriented crystals, kinematically, by diffsims."""
    from diffpy.structure import Atom, Lattice, Structure
    from diffsims.generators.simulation_generator import SimulationGenerator
    from orix.crystal_map import Phase
    from orix.quaternion import Rotation

    places = [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    cell = Lattice(_LATTICE, _LATTICE, _LATTICE, 90, 90, 90)
    structure = Structure([Atom("Al", place) for place in places], cell)
    turns = Rotation(np.random.default_rng(seed).normal(size=(n, 4)))
    found = SimulationGenerator(_ENERGY).calculate_diffraction2d(
        Phase("Al", space_group=225, structure=structure),
        turns,
        reciprocal_radius=_SCALE * _PIXELS / 2,
        max_excitation_error=_EXCITATION,
        with_direct_beam=False,
    )
    patterns = np.zeros((n, _PIXELS, _PIXELS))
    for image, spots in zip(patterns, found.coordinates, strict=True):
        at = np.rint(spots.data[:, :2] / _SCALE + (_PIXELS - 1) / 2).astype(int)
        inside = ((at >= 0) & (at < _PIXELS)).all(axis=1)
        np.add.at(image, tuple(at[inside].T), spots.intensity[inside])
        image[...] = ndimage.gaussian_filter(image, _SPOT)
    return (patterns / patterns.sum(axis=(1, 2), keepdims=True)).astype(np.float32)


def around(
    middle: NDArray[np.float64], reach: float, side: int
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Window around a crystal, and which of its positions are the crystal's."""
    low = np.maximum(np.floor(middle - reach), 0).astype(int)
    high = np.minimum(np.ceil(middle + reach) + 1, side).astype(int)
    window = slice(low[0], high[0]), slice(low[1], high[1])
    rows, columns = np.mgrid[window]
    return window, np.hypot(rows - middle[0], columns - middle[1]) <= _RADIUS


def defaults(scan: Scan) -> tuple[NDArray, NDArray]:
    """Find maps and patterns by the defaults."""
    return _decomposed(scan)


def whole(scan: Scan) -> tuple[NDArray, NDArray]:
    """Find them by one factorization with the true number of components."""
    return _decomposed(scan, n_components=len(scan.patterns) + 1)


def scikit_learn(scan: Scan) -> tuple[NDArray, NDArray]:
    """Find them by scikit-learn, from one random start."""
    rows = scan.counts.reshape(-1, _PIXELS**2).astype(np.float32)
    nmf = NMF(len(scan.patterns) + 1, init="random", random_state=0, max_iter=200)
    maps = nmf.fit_transform(rows).T.reshape(-1, *scan.counts.shape[:2])
    return maps, nmf.components_.reshape(-1, _PIXELS, _PIXELS)


def _decomposed(scan: Scan, **settings: Any) -> tuple[NDArray, NDArray]:
    signal = NMFDiffraction2D(scan.counts)
    nmf = signal.decompose_als_nmf(
        random_state=0, print_info=False, show_progressbar=False, **settings
    )
    return np.asarray(nmf.maps.data), nmf.patterns.data


WAYS: dict[str, Callable[[Scan], tuple[NDArray, NDArray]]] = {
    "defaults": defaults,
    "whole, true number": whole,
    "scikit-learn, true number": scikit_learn,
}


def recall(scan: Scan, maps: NDArray, patterns: NDArray) -> float:
    """Share of the crystals that a component of their own describes."""
    measured = np.isfinite(patterns[0])
    true, found = (_standardised(without_rings(p, measured)) for p in (scan.patterns, patterns))
    alike = true @ found.T
    matched = np.zeros(alike.shape)
    for i, middle in enumerate(scan.middles):
        window, disc = around(middle, 2 * _RADIUS, scan.counts.shape[0])
        there = (
            _standardised(disc[None].astype(float)) @ _standardised(maps[(slice(None), *window)]).T
        )
        matched[i] = np.minimum(there[0], alike[i])
    rows, columns = optimize.linear_sum_assignment(matched > _ALIKE, maximize=True)
    return float((matched[rows, columns] > _ALIKE).mean() * len(rows) / len(scan.middles))


def without_rings(patterns: NDArray, measured: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Measured pixels of patterns, less the mean of each ring."""
    radius = np.hypot(*(np.indices((_PIXELS, _PIXELS)) - (_PIXELS - 1) / 2))
    rings = np.rint(radius).astype(int)[measured]
    rows = patterns[:, measured].astype(np.float64)
    means = np.stack([np.bincount(rings, row) for row in rows]) / np.maximum(np.bincount(rings), 1)
    return rows - means[:, rings]


def _standardised(images: NDArray) -> NDArray[np.float64]:
    rows = images.reshape(len(images), -1).astype(np.float64)
    rows = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crystals", type=int, nargs="+", default=(40, 400, 1200))
    parser.add_argument("--positions", type=int, default=256, help="along each axis")
    parser.add_argument("--dose", type=float, default=2e4, help="electrons a pattern")
    parser.add_argument(
        "--whole", type=int, default=40, help="crystals up to which all ways are tried"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = []
    for number in given.crystals:
        scan = simulate(number, given.positions, given.dose, given.seed)
        for name in list(WAYS)[: None if number <= given.whole else 1]:
            start = time.process_time()
            maps, patterns = WAYS[name](scan)
            seconds = time.process_time() - start
            rows.append((number, name, len(maps), recall(scan, maps, patterns), seconds))
            print(rows[-1], flush=True)
    print(Table(("crystals", "way", "components", "recall", "CPU s"), rows))


if __name__ == "__main__":
    main()
