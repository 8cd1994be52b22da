"""A tree of tens of thousands of components: time, memory, and how near it is to the full tree.

Patterns of a few families, each rotated by a random angle and with Poisson noise (as in
``clustering.py``), are clustered

- at a size where both can be had, by all pairs and by neighbours until a sixth is left;
- at the full size, as ``ClusterTree`` does it by default.

    python benchmarks/many_components.py [--patterns 20000] [--both 3000] [--families 12]
                                         [--counts 2] [--radial 64] [--azimuthal 360]
                                         [--neighbors 8 32] [--seed 0]

Each tree grows in a process of its own; its peak memory includes the patterns (float32). The
adjusted Rand index (ARI) compares the groups with the families: at the true number of groups, at
the suggested cut, and at the best distance, which a user cannot know. "ARI of both" compares the
groups, as many as there are families, with those of the full tree; "distances" is the mean
difference of the distances of the merges, sorted; "nearest" the share of components whose most
similar other one is among the neighbours that were compared.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from clustering import alone, peak_memory, simulated
from numpy.typing import NDArray

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.many import FEW
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.relative import relative_distances
from hs_nmfcluster.clustering.similarity import item_bytes, items_to_cluster, pattern_similarity
from hs_nmfcluster.clustering.suggestion import suggest
from hs_nmfcluster.clustering.tree import Matrix, Plan, grow
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.validation import adjusted_rand_index

# Patterns by which the cut is suggested.
_JUDGED = 1000
_COLUMNS = (
    f"{'pairs':<16}{'patterns':>9}{'seconds':>9}{'CPU s':>8}{'peak GB':>9}{'said GB':>9}"
    f"{'ARI: true n':>13}{'suggested':>11}{'best':>8}{'of both':>9}{'distances':>11}{'nearest':>9}"
)


class Grown(NamedTuple):
    """What one tree took and found."""

    seconds: float
    cpu_seconds: float
    gigabytes: float
    said: float
    suggested: float
    linkage: NDArray[np.float64]
    similarity: Matrix

    def labels(self, kept: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Group of each component."""
        labels = np.empty(len(kept) + 1, dtype=np.intp)
        for number, members in enumerate(cuts.members(self.linkage, kept)):
            labels[members] = number
        return labels

    def of_number(self, number: int) -> NDArray[np.intp]:
        """Group of each component, of so many groups."""
        return self.labels(np.arange(len(self.linkage)) < len(self.linkage) + 1 - number)

    def at(self, distance: float) -> NDArray[np.intp]:
        """Group of each component at a cut."""
        return self.labels(cuts.effective_distances(self.linkage) <= distance)


def grown(path: Path, n_neighbors: int | None, few: int, arguments: argparse.Namespace) -> Grown:
    """Grow a tree, by neighbours until `few` are left."""
    patterns = np.load(path)
    start, cpu_start = time.perf_counter(), time.process_time()
    middle = patterns.shape[-1] // 2
    grid = PolarGrid.covering(
        Detector(patterns.shape[1:], (middle, middle)),
        n_radial=arguments.radial,
        n_azimuthal=arguments.azimuthal,
        radial_range=(0, arguments.radial),
    )
    compared = ("patterns", "cross_correlation", grid)
    needed = Plan.of(len(patterns), item_bytes(patterns, *compared), 1, n_neighbors).n_bytes
    plan = Plan(len(patterns), n_neighbors, needed, few)
    merges, compared = grow(items_to_cluster(patterns, *compared), plan)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    said = (plan.n_bytes + patterns.nbytes) / 1e9
    taken = seconds, cpu_seconds, peak_memory(), said
    some = np.unique(np.linspace(0, len(patterns) - 1, _JUDGED).astype(np.intp))
    polar = grid.transform(patterns[some])
    relative = relative_distances(polar, pattern_similarity(polar)[0])
    suggested = suggest(merges.linkage, relative._replace(components=some)).distance
    return Grown(*taken, suggested, merges.linkage, compared.similarity)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patterns", type=int, default=20_000)
    parser.add_argument("--both", type=int, default=3000)
    parser.add_argument("--families", type=int, default=12)
    parser.add_argument("--counts", type=float, default=2.0)
    parser.add_argument("--radial", type=int, default=64)
    parser.add_argument("--azimuthal", type=int, default=360)
    parser.add_argument("--neighbors", type=int, nargs="+", default=[32])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(
        f"Patterns of {arguments.radial} × {arguments.azimuthal} bins, {arguments.families} "
        f"families, brightest pixel about {arguments.counts:g} counts"
    )
    print(_COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        for n in dict.fromkeys(n for n in (arguments.both, arguments.patterns) if n):
            path = Path(folder) / "patterns.npy"
            patterns, families = simulated(
                n, arguments.radial, arguments.families, arguments.counts, arguments.seed
            )
            np.save(path, patterns)
            del patterns
            full = None
            if n == arguments.both:
                full = alone(grown, path, None, 0, arguments)
                show("all", full, families)
            for number in arguments.neighbors:
                few = FEW if full is None else n // 6
                show(
                    f"{number} neighbours",
                    alone(grown, path, number, few, arguments),
                    families,
                    full,
                )


def show(name: str, tree: Grown, families: NDArray[np.intp], full: Grown | None = None) -> None:
    """Print one row."""
    n, number = len(families), len(np.unique(families))
    row = f"{name:<16}{n:>9}{tree.seconds:>9.1f}{tree.cpu_seconds:>8.1f}"
    row += f"{tree.gigabytes:>9.2f}{tree.said:>9.2f}"
    best = max(
        adjusted_rand_index(tree.at(distance), families) for distance in np.arange(0.3, 0.9, 0.02)
    )
    for labels, width in ((tree.of_number(number), 13), (tree.at(tree.suggested), 11)):
        row += f"{adjusted_rand_index(labels, families):>{width}.4f}"
    row += f"{best:>8.4f}"
    if full is not None:
        both = adjusted_rand_index(tree.of_number(number), full.of_number(number))
        off = np.abs(np.sort(tree.linkage[:, 2]) - np.sort(full.linkage[:, 2])).mean()
        nearest = (full.similarity - 3 * np.eye(n)).argmax(axis=1)
        found = tree.similarity[np.arange(n), nearest] != 0
        row += f"{both:>9.4f}{off:>11.5f}{found.mean():>9.3f}"
    print(row, flush=True)


if __name__ == "__main__":
    main()
