"""How often a scan without crystals is said to hold one.

Scans of matrix alone are analysed by default. *Reported* are those with a component called a
crystal, *confirmed* those in which one of these is in the held-out electrons too
(`s.confirm_components()`).

    python benchmarks/validation/matrix_only.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from _common import Table, main

from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Settings:
    """What is scanned: electrons a pattern of each kind of specimen."""

    mixture: Sequence[float] = (2e4, 2e5, 2e6)
    atoms: Sequence[float] = (2e4, 2e5, 1.5e6)
    side: int = 38
    seeds: int = 2


def study(settings: Settings) -> Table:
    """One row for each kind and dose."""
    rows = []
    kinds = (("linear", linear_mixture, settings.mixture),)
    kinds += (("atoms", nanocrystals_in_glass, settings.atoms),)
    for name, simulate, doses in kinds:
        for dose in doses:
            found = [_crystals(simulate, dose, settings.side, n) for n in range(settings.seeds)]
            both = zip(*found, strict=True)
            rows.append((name, dose, settings.seeds, *(sum(n > 0 for n in one) for one in both)))
    return Table(("specimen", "dose", "scans", "reported", "confirmed"), rows)


def _crystals(simulate: Any, dose: float, side: int, seed: int) -> tuple[int, int]:
    signal, _ = simulate(
        (side, side), (64, 64), pixel_size=0.32, n_particles=0, dose=dose, seed=seed
    )
    quiet = {"show_progressbar": False}
    nmf = signal.decompose_als_nmf(random_state=seed, print_info=False, **quiet)
    if nmf.n_components < 2:
        return 0, 0
    reported = int(signal.hierarchical_cluster(nmf, **quiet).crystalline.sum())
    if not reported:
        return 0, 0
    return reported, int(signal.confirm_components(nmf, random_state=seed, **quiet).confirmed.sum())


def figure(table: Table) -> "Figure":
    """Share of the scans with a crystal, against the dose."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import COLUMN_WIDTH, group_color, tidy

    drawn = new_figure(COLUMN_WIDTH, 2.2)
    ax = drawn.add_subplot()
    for number, name in enumerate(dict.fromkeys(table.column("specimen").tolist())):
        own = table.where(specimen=name)
        dose, scans = (own.column(c).astype(float) for c in ("dose", "scans"))
        for column, mark in (("reported", "o"), ("confirmed", "x")):
            share = own.column(column).astype(float) / scans
            ax.plot(dose, share, mark + "-", color=group_color(number), label=f"{name}, {column}")
    ax.set_xscale("log")
    ax.set_ylim(-0.02, 1.02)
    tidy(ax, x="electrons a pattern", y="share of the scans")
    ax.legend(fontsize=6, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "matrix_only",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings(seeds=20)},
        study,
        figure,
    )
