"""Time and memory of clustering many patterns, against the naive method and SciPy's linkage.

Patterns of a few kinds, each rotated by a random angle and with Poisson noise, are clustered

- by ``ClusterTree`` (rotation, integration, one row renewed after each merge);
- by SciPy's average linkage on the same precomputed similarity (no integration);
- on a subset, by the naive method: all pairs correlated anew after each merge.

    python benchmarks/clustering.py [--patterns 3000] [--radial 64] [--azimuthal 360]
                                    [--subset 40] [--kinds 12] [--counts 2] [--seed 0]

Each method runs in a process of its own, so that its peak memory is its own; that of ClusterTree
includes the patterns. The adjusted Rand index compares the groups, as many as there are kinds, with
the kinds.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.validation import adjusted_rand_index


class Measured(NamedTuple):
    """What one method took and found."""

    seconds: float
    gigabytes: float
    labels: NDArray[np.intp]
    extra: Any = None


def simulated(
    n: int, radius: int, n_kinds: int, counts: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Patterns ``(n, 2 radius + 1, 2 radius + 1)`` and the kind of each."""
    rng = np.random.default_rng(seed)
    size = 2 * radius + 1
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    nets = rng.uniform((0.2, 0), (0.9, 2 * np.pi), (n_kinds, 6, 2))
    kinds = rng.integers(n_kinds, size=n)
    patterns = np.empty((n, size, size), dtype=np.float32)
    for pattern, kind, angle in zip(patterns, kinds, rng.uniform(0, 2 * np.pi, n), strict=True):
        image = np.full((size, size), 0.02)
        for r, phi in nets[kind]:
            dx = x - radius * r * np.cos(phi + angle)
            dy = y - radius * r * np.sin(phi + angle)
            image += np.exp(-(dx**2 + dy**2) / (2 * (radius / 40) ** 2))
        pattern[:] = rng.poisson(counts * image)
    return patterns, kinds


def tree_of(patterns: NDArray[np.float32], arguments: argparse.Namespace) -> ClusterTree:
    """Cluster patterns about their middle."""
    middle = patterns.shape[-1] // 2
    return ClusterTree.from_patterns(
        NMFDiffraction2D(patterns),
        center=(middle, middle),
        n_radial=arguments.radial,
        n_azimuthal=arguments.azimuthal,
        radial_range=(0, arguments.radial),
        n_neighbors=None,
        show_progressbar=False,
    )


def ours(n: int, arguments: argparse.Namespace) -> Measured:
    """Cluster by this package; the extra is the similarity before any merge."""
    patterns, _ = patterns_of(n, arguments)
    start = time.perf_counter()
    tree = tree_of(patterns, arguments)
    seconds = time.perf_counter() - start
    labels = tree.cut(n_groups=min(arguments.kinds, n)).labels
    return Measured(seconds, peak_memory(), labels, tree.similarity)


def scipy_average(
    similarity: NDArray[np.floating], n: int, arguments: argparse.Namespace
) -> Measured:
    """Average linkage of a similarity that is already there."""
    start = time.perf_counter()
    merges = linkage(squareform(1.0 - similarity, checks=False), "average")
    seconds = time.perf_counter() - start
    labels = fcluster(merges, min(arguments.kinds, n), "maxclust")
    return Measured(seconds, peak_memory(), labels)


def naive(n: int, arguments: argparse.Namespace) -> Measured:
    """Correlate every pair of patterns anew after each merge."""
    patterns, _ = patterns_of(n, arguments)
    middle = patterns.shape[-1] // 2
    signal = NMFDiffraction2D(patterns)
    polar = signal.polar_transform(
        n_radial=arguments.radial,
        n_azimuthal=arguments.azimuthal,
        radial_range=(0, arguments.radial),
        center=(middle, middle),
    ).data.astype(np.float64)
    start = time.perf_counter()
    alive = [(pattern, [index]) for index, pattern in enumerate(polar)]
    labels = np.arange(n)
    while len(alive) > 1:
        if len(alive) == min(arguments.kinds, n):
            for group, (_, members) in enumerate(alive):
                labels[members] = group
        spectra = [fft.rfft(unit(pattern)) for pattern, _ in alive]
        best, pair, shift = -np.inf, (0, 1), 0
        for i, first in enumerate(spectra):
            for j in range(i):
                products = (first * spectra[j].conj()).sum(axis=0)
                correlation = fft.irfft(products, n=arguments.azimuthal)
                if correlation.max() > best:
                    best, pair, shift = correlation.max(), (i, j), int(correlation.argmax())
        second, others = alive.pop(pair[1])
        i = pair[0] - 1
        alive[i] = (alive[i][0] + np.roll(second, shift, axis=1), alive[i][1] + others)
    return Measured(time.perf_counter() - start, peak_memory(), labels)


def unit(pattern: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zero-mean, unit-norm pattern."""
    centered = pattern - pattern.mean()
    return centered / np.linalg.norm(centered)


def patterns_of(
    n: int, arguments: argparse.Namespace
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return the first n of the same patterns for all methods."""
    return simulated(n, arguments.radial, arguments.kinds, arguments.counts, arguments.seed)


def peak_memory() -> float:
    """Largest resident memory of this process so far in GB."""
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 1e9


def alone(function: Callable[..., Measured], *arguments: object) -> Measured:
    """Run in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patterns", type=int, default=3000)
    parser.add_argument("--radial", type=int, default=64)
    parser.add_argument("--azimuthal", type=int, default=360)
    parser.add_argument("--subset", type=int, default=40)
    parser.add_argument("--kinds", type=int, default=12)
    parser.add_argument("--counts", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(
        f"{arguments.patterns} patterns of {arguments.radial} × {arguments.azimuthal} bins, "
        f"{arguments.kinds} kinds, brightest pixel about {arguments.counts:g} counts"
    )
    print(f"{'method':<48}{'patterns':>9}{'seconds':>10}{'peak GB':>9}{'ARI':>7}")
    for n in dict.fromkeys((20, arguments.subset, arguments.patterns)):
        _, kinds = patterns_of(n, arguments)
        tree = alone(ours, n, arguments)
        rows = [
            ("ClusterTree (with polar transform, similarity)", tree),
            (
                "SciPy average linkage (similarity given)",
                alone(scipy_average, tree.extra, n, arguments),
            ),
        ]
        if n <= arguments.subset:
            rows.append(("naive: all pairs anew after each merge", alone(naive, n, arguments)))
        for name, result in rows:
            score = adjusted_rand_index(result.labels, kinds)
            print(
                f"{name:<48}{n:>9}{result.seconds:>10.3f}{result.gigabytes:>9.2f}{score:>7.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
