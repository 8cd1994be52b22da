"""What a user sees at the defaults: families by the own cut, crystals and matrix, particles.

Each specimen is factorized, clustered, cut and measured without an argument but the number of
components, which is the truth or up to twice it. A component counts as a crystal of a family if
its pattern, without the mean of its rings, correlates with a true one by more than 0.5, as matrix
below 0.25; what lies between is part of a crystal and counts for neither. Told are

* the adjusted Rand index (ARI) of the crystals' groups at the own cut, at the best of all cuts, and
  of the plain tree at its own cut;
* how many families of crystals the answer begins with, and whether the cut was called clear;
* how many crystals were called matrix, and matrix crystals;
* how many particles were found, how far their diameters are off in the mean and how many of them
  within two of their uncertainties, and how many particles and spacings in groups of matrix;
* the share of the intensity in spots over the true one, and its uncertainty over that;
* whether the true phase was named by all groups together (of ZrCu and gold, whose cells are known),
  and how often one that is not there, by them or by a group. Candidates are both and six cells
  drawn at random.

    python benchmarks/validation/defaults.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import Table, factorize, main
from numpy.typing import NDArray
from particles import compared, share_of_crystals

from hs_nmfcluster.materials import Cell
from hs_nmfcluster.simulation import UnitCell, linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.simulation.patterns import SpotFamily
from hs_nmfcluster.validation import adjusted_rand_index

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.groups import Groups
    from hs_nmfcluster.results.tree import ClusterTree

FAMILIES = (
    SpotFamily("A", (0.259, 0.170), 90.0),
    SpotFamily("B", (0.228, 0.228), 90.0),
    SpotFamily("C", (0.191, 0.191), 60.0),
    SpotFamily("D", (0.228, 0.162), 70.0),
    SpotFamily("E", (0.210, 0.210), 90.0),
    SpotFamily("F", (0.259, 0.210), 82.0),
    SpotFamily("G", (0.170, 0.170), 60.0),
    SpotFamily("H", (0.240, 0.150), 90.0),
)
GOLD = UnitCell(
    (0.4078,) * 3,
    (90.0,) * 3,
    ("Au",) * 4,
    ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)),
)
# Zone axes of the physical specimens; [011] and [112] of gold share their 111 spots.
ZRCU_AXES = ((0, 0, 1), (0, 1, 0), (1, 1, 1), (1, 0, 0))
GOLD_AXES = ((0, 1, 1), (1, 1, 2), (1, 1, 1), (0, 0, 1))
#: Their cells, as a user gives them, by the names of the specimens.
PHASES = {
    "zrcu": Cell(0.3278, 0.4161, 0.5245, beta=103.9, space_group="P2_1/m"),
    "gold": Cell(0.4078, space_group="Fm-3m"),
}
#: Correlations from which a component is a crystal, and below which it is matrix.
CRYSTAL, MATRIX = 0.5, 0.25


@dataclass(frozen=True)
class Specimen:
    """What is simulated.

    Attributes
    ----------
    name
        Of the simulation.
    n_families
        Number of structures or zone axes.
    dose
        Electrons per pixel of the matrix (linear) or per pattern (physical).
    factor
        Number of components over the true one.
    signal
        Share of a particle in the intensity (linear).
    """

    name: str
    n_families: int
    dose: float
    factor: float
    signal: float = 0.05

    def simulate(self, seed: int) -> tuple[Any, Any]:
        """Scan and truth."""
        if self.name == "linear":
            return _linear(self, seed)
        gold = self.name == "gold"
        axes = (GOLD_AXES if gold else ZRCU_AXES)[: self.n_families]
        return nanocrystals_in_glass(
            (38, 38),
            (64, 64),
            pixel_size=0.32,
            zone_axes=axes,
            angles_per_family=3,
            n_particles=3 * self.n_families,
            dose=self.dose,
            seed=seed,
            **({"cell": GOLD} if gold else {}),
        )

    def __str__(self) -> str:
        return f"{self.name}, {self.n_families} families, {self.dose:g} e, k x {self.factor:g}"


def _linear(specimen: Specimen, seed: int) -> tuple[Any, Any]:
    n = specimen.n_families
    families = (FAMILIES if seed % 2 else FAMILIES[::-1])[:n]
    arguments: dict[str, Any] = {
        "scan_shape": (32, 32) if n <= 4 else (44, 44),
        "detector_shape": (64, 64),
        "pixel_size": 0.32,
        "families": families,
        "angles_per_family": 3,
        "n_particles": max(3 * n, 6),
        "signal_fraction": specimen.signal,
        "seed": seed,
    }
    _, truth = linear_mixture(**arguments, noise=False, lazy=True)
    dose = specimen.dose / truth.patterns[0][~truth.detector_mask].mean()
    return linear_mixture(**arguments, dose=float(dose))


SMALL = (
    Specimen("linear", 1, 30, 2),
    Specimen("linear", 3, 30, 1),
    Specimen("linear", 3, 3, 1.5),
    Specimen("linear", 5, 30, 1.5, 0.03),
    Specimen("zrcu", 3, 1.5e6, 1.5),
    Specimen("gold", 2, 1.5e6, 1.5),
)
FULL = (
    *SMALL,
    Specimen("linear", 2, 300, 1.5, 0.02),
    Specimen("linear", 2, 3, 1),
    Specimen("linear", 3, 300, 2, 0.01),
    Specimen("linear", 3, 0.5, 1),
    Specimen("linear", 3, 1, 2),
    Specimen("linear", 4, 30, 1.3, 0.02),
    Specimen("linear", 5, 10, 2),
    Specimen("linear", 6, 20, 1.2),
    Specimen("linear", 8, 30, 1),
    Specimen("linear", 8, 100, 1.5, 0.03),
    Specimen("zrcu", 1, 1.5e6, 2),
    Specimen("zrcu", 2, 1e6, 1.2),
    Specimen("zrcu", 3, 1.5e6, 2),
    Specimen("zrcu", 3, 2e4, 1.5),
    Specimen("zrcu", 4, 3e5, 1.3),
    Specimen("gold", 2, 1.5e6, 2),
    Specimen("gold", 3, 1.5e6, 1.2),
)


@dataclass(frozen=True)
class Settings:
    """What is analysed."""

    specimens: tuple[Specimen, ...] = SMALL
    restarts: int = 5
    seeds: int = 2
    first_seed: int = 0


def study(settings: Settings) -> Table:
    """One row for each specimen and seed."""
    columns = (
        "specimen",
        "seed",
        "families",
        "groups",
        "told",
        "ARI",
        "clear",
        "best ARI",
        "plain ARI",
        "crystals",
        "missed",
        "matrix",
        "mistaken",
        "true particles",
        "particles",
        "bias %",
        "2 sigma",
        "in matrix",
        "spacings in matrix",
        "in spots",
        "its error",
        "phase named",
        "phases wrong",
    )
    rows = []
    for specimen in settings.specimens:
        for seed in range(settings.first_seed, settings.first_seed + settings.seeds):
            rows.append((str(specimen), seed, *_row(specimen, seed, settings.restarts)))
    table = Table(columns, rows)
    print("\n".join(verdict(table)))
    return table


def _row(specimen: Specimen, seed: int, restarts: int) -> Iterator[Any]:
    signal, truth = specimen.simulate(seed)
    n_components = max(2, round(specimen.factor * truth.n_components))
    nmf = factorize(signal, n_components, restarts, seed)
    families = families_of(nmf.patterns.data, truth, nmf.detector_mask)
    tree = signal.hierarchical_cluster(nmf, show_progressbar=False)
    plain = signal.hierarchical_cluster(nmf, crystals_first=False, show_progressbar=False)
    groups = tree.cut()
    crystals, matrix = families > 0, families == 0
    sizes, spacings = groups.particle_sizes(), groups.lattice_spacings()
    yield len(set(families[crystals].tolist()))
    yield len(groups) - len(groups.matrix)
    # The number that the answer begins with, as a user reads it.
    number = groups.summary().split()[0]
    yield int(number) if number.isdigit() else 0
    yield _score(groups, families)
    yield str(tree.suggest_cut().clear)
    yield _best(tree, families)
    yield _score(plain.cut(), families)
    yield int(crystals.sum())
    yield int((crystals & ~tree.crystalline).sum())
    yield int(matrix.sum())
    yield int((matrix & tree.crystalline).sum())
    yield len(truth.particle_positions)
    yield sum(len(sizes[g].particles) for g in range(len(groups)))
    *_, bias, _, within = compared(sizes, truth)
    yield bias
    yield within
    yield sum(len(sizes[g].particles) for g in groups.matrix)
    yield sum(len(spacings[g]) for g in groups.matrix)
    true = share_of_crystals(truth)
    yield from (share / true for share in groups.crystallinity().in_spots)
    match = groups.match_phases(PHASES | _absent_phases(seed))
    yield int(match.best() == (specimen.name,))
    choices = [None, *(group for group in range(len(groups)) if group not in groups.matrix)]
    named = [match.best(choice) for choice in choices]
    yield sum(bool(names) and specimen.name not in names for names in named)


def _absent_phases(seed: int) -> dict[str, Cell]:
    """Cells drawn at random, by their space groups."""
    edges = np.random.default_rng(seed).uniform(0.3, 0.6, (6, 3))
    cubic = ("Pm-3m", "Im-3m", "Fm-3m")
    absent = {name: Cell(a, space_group=name) for name, (a, *_) in zip(cubic, edges, strict=False)}
    (a, _, c), abc, oblique = edges[3:]
    return absent | {
        "I4/mmm": Cell(a, c=c, space_group="I4/mmm"),
        "Pnma": Cell(*abc, space_group="Pnma"),
        "P2_1/c": Cell(*oblique, beta=100.0, space_group="P2_1/c"),
    }


def _score(groups: "Groups", families: NDArray[np.integer]) -> float:
    crystals = families > 0
    if not crystals.any():
        return np.nan
    return adjusted_rand_index(groups.labels[crystals], families[crystals])


def _best(tree: "ClusterTree", families: NDArray[np.integer]) -> float:
    places = np.unique(tree.thresholds[tree.thresholds > 0])
    return max((_score(tree.cut(distance=float(place)), families) for place in places), default=1.0)


def families_of(
    patterns: NDArray[np.floating], truth: Any, mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Family of each component from 1, 0 for matrix, −1 for part of a crystal."""
    y, x = np.indices(mask.shape)
    rings = np.round(np.hypot(x - truth.center[0], y - truth.center[1])).astype(int)
    kept = ~mask & np.isfinite(patterns).all(axis=0)
    found, true = (_without_rings(p, rings, kept) for p in (patterns, truth.patterns))
    likeness = np.where(truth.crystalline, found @ true.T, -1.0)
    best = likeness.max(axis=1)
    families = truth.labels[likeness.argmax(axis=1)]
    return np.where(best > CRYSTAL, families, np.where(best > MATRIX, -1, 0))


def _without_rings(
    patterns: NDArray[np.floating], rings: NDArray[np.integer], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    rows = patterns[:, kept].astype(np.float64)
    labels = rings[kept]
    for ring in np.unique(labels):
        rows[:, labels == ring] -= rows[:, labels == ring].mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=rows, where=norms > 0)


def verdict(table: Table) -> list[str]:
    """Lines that say how often the defaults were right."""
    ari, clear = table.column("ARI").astype(float), table.column("clear") == "True"
    known = np.isfinite(ari)
    right = ari >= 0.95
    exact = (table.column("told") == table.column("families")) & right
    plain = table.column("plain ARI").astype(float) >= 0.95

    def total(name: str) -> int:
        return int(table.column(name).astype(int).sum())

    particles, true = table.column("particles").astype(int), table.column("true particles")
    bias = table.column("bias %").astype(float)
    within = np.abs(particles - true.astype(int)) <= 0.1 * true.astype(int)
    share, error = (table.column(name).astype(float) for name in ("in spots", "its error"))
    sound = (np.abs(share - 1) <= np.maximum(error, 0.2))[np.isfinite(share)]
    known_phase = np.array([not name.startswith("linear") for name in table.column("specimen")])
    verdicts = table.column("groups").astype(int) + 1
    named = table.column("phase named").astype(int)
    return [
        f"own cut right (ARI >= 0.95): {right[known].sum()} of {known.sum()}, and the number of "
        f"families told {exact[known].sum()}; of the plain tree {plain[known].sum()}",
        f"called clear: {clear.sum()}, of these wrong: {(clear & known & ~right).sum()}",
        f"crystals called matrix: {total('missed')} of {total('crystals')}; matrix called "
        f"crystals: {total('mistaken')} of {total('matrix')}",
        f"number of particles within 10 %: {within.sum()} of {len(within)}; in matrix: "
        f"{total('in matrix')} particles, {total('spacings in matrix')} spacings",
        f"diameters off by {np.nanmean(bias):.1f} % on average, by at most 3 % in the mean of "
        f"{(np.abs(bias) <= 3).sum()} of {np.isfinite(bias).sum()}; the truth within two "
        f"uncertainties for {np.nanmean(table.column('2 sigma').astype(float)):.0%}",
        f"share in spots within 20 % or its uncertainty: {sound.sum()} of {sound.size}; on average "
        f"{np.nanmean(share):.2f} of the true one",
        f"the phase named for {named[known_phase].sum()} of {known_phase.sum()} specimens of ZrCu "
        f"and gold; one that is not there by {total('phases wrong')} of {verdicts.sum()} verdicts",
    ]


def figure(table: Table) -> "Figure":
    """ARI at the own cut and at the best one, a line for each specimen."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import PAGE_WIDTH, group_color, tidy

    names = list(dict.fromkeys(table.column("specimen").tolist()))
    drawn = new_figure(PAGE_WIDTH, 0.22 * len(names) + 1.0)
    ax = drawn.add_subplot()
    for place, name in enumerate(names):
        of_specimen = table.where(specimen=name)
        for index, column in enumerate(("ARI", "best ARI", "plain ARI")):
            values = of_specimen.column(column).astype(float)
            ax.plot(
                values,
                np.full(len(values), place + 0.2 * (index - 1)),
                "o",
                markersize=3,
                color=group_color(index),
                label=column if place == 0 else None,
            )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    tidy(ax, x="adjusted Rand index of the families")
    drawn.legend(loc="outside lower center", ncols=3, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "defaults",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings(FULL, first_seed=540)},
        study,
        figure,
    )
