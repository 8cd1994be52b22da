"""From the true number of components to twice it: the same families, the same particles.

Specimens of `defaults.py` are factorized with more and more components and analysed at the
defaults. Told are the families and the particles that the answer counts for each number, whether
they stay the same, and whether both are the true ones.

    python benchmarks/validation/more_components.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from _common import Table, factorize, main
from defaults import Specimen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPECIMENS = (
    Specimen("linear", 3, 30, 1),
    Specimen("linear", 5, 10, 1),
    Specimen("linear", 2, 300, 1, 0.02),
    Specimen("zrcu", 3, 1.5e6, 1),
    Specimen("zrcu", 4, 3e5, 1),
    Specimen("gold", 2, 1.5e6, 1),
)


@dataclass(frozen=True)
class Settings:
    """What is analysed.

    Attributes
    ----------
    specimens
        Their own factor is not used.
    factors
        Numbers of components over the true one.
    restarts, seeds, first_seed
        As in `defaults.py`.
    """

    specimens: Sequence[Specimen] = SPECIMENS
    factors: Sequence[float] = (1.0, 1.25, 1.5, 1.75, 2.0)
    restarts: int = 5
    seeds: int = 1
    first_seed: int = 801


def study(settings: Settings) -> Table:
    """One row for each specimen and seed."""
    columns = ("specimen", "seed", "families", "told", "particles", "found", "same", "right")
    rows = []
    for specimen in settings.specimens:
        for seed in range(settings.first_seed, settings.first_seed + settings.seeds):
            signal, truth = specimen.simulate(seed)
            answers = []
            for factor in settings.factors:
                number = round(factor * truth.n_components)
                nmf = factorize(signal, number, settings.restarts, seed)
                groups = signal.hierarchical_cluster(nmf, show_progressbar=False).cut()
                sizes = groups.particle_sizes()
                told = groups.summary().split()[0]
                answers.append((told, sum(len(group.particles) for group in sizes)))
            families, particles = zip(*answers, strict=True)
            true = str(specimen.n_families), len(truth.particle_positions)
            name = f"{specimen.name}, {specimen.n_families} families, {specimen.dose:g} e"
            found = " ".join(map(str, particles))
            same, right = (str(set(answers) == one) for one in ({answers[0]}, {true}))
            rows.append((name, seed, true[0], " ".join(families), true[1], found, same, right))
    return Table(columns, rows)


def figure(table: Table) -> "Figure":
    """Particles that were found over those that there are, against the number of components."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import COLUMN_WIDTH, tidy

    drawn = new_figure(COLUMN_WIDTH, 2.4)
    ax = drawn.add_subplot()
    for true, found in zip(table.column("particles"), table.column("found"), strict=True):
        numbers = [int(number) / int(true) for number in found.split()]
        ax.plot(range(len(numbers)), numbers, "o-", markersize=3)
    tidy(ax, x="step from the true number of components to twice it", y="particles over true ones")
    return drawn


if __name__ == "__main__":
    main(
        "more_components",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings(seeds=4)},
        study,
        figure,
    )
