"""How often a scan without crystals is said to hold one, and what that costs where there are some.

Scans of matrix alone are analysed by default. *Reported* are those with a component called a
crystal, *confirmed* those in which one of these is in the held-out electrons too
(`s.confirm_components()`).

Beside it the same of scans with nine crystals, near the limit of detection and above: how many have
a component whose pattern and map are theirs, as counted by `validation.match_components`, of how
many this is called a crystal, and of how many confirmed.

    python benchmarks/validation/matrix_only.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import FOUND, Table, main, matched

from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Settings:
    """What is scanned: electrons a pattern of each kind of specimen, shares of them in crystals."""

    mixture: Sequence[float] = (2e4, 2e5, 2e6)
    atoms: Sequence[float] = (2e4, 2e5, 1.5e6)
    side: int = 38
    seeds: int = 2
    first_seed: int = 0
    power_seeds: int = 1
    fractions: Sequence[Sequence[float]] = ((0.012, 0.025), (0.004, 0.008), (0.001, 0.002))


def study(settings: Settings) -> Table:
    """One row for each kind and dose."""
    rows = []
    kinds = (("linear", linear_mixture, settings.mixture),)
    kinds += (("atoms", nanocrystals_in_glass, settings.atoms),)
    for name, simulate, doses in kinds:
        for dose in doses:
            seeds = range(settings.first_seed, settings.first_seed + settings.seeds)
            found = [_crystals(simulate, dose, settings.side, n) for n in seeds]
            both = zip(*found, strict=True)
            rows.append((name, dose, settings.seeds, *(sum(n > 0 for n in one) for one in both)))
    print(power(settings))
    return Table(("specimen", "dose", "scans", "reported", "confirmed"), rows)


def power(settings: Settings) -> Table:
    """Crystals that are found, reported and confirmed, one row for each kind, dose and share."""
    rows = []
    kinds: list[tuple[str, Any, float, dict[str, float]]] = [
        ("linear", linear_mixture, dose, {"signal_fraction": share})
        for dose, shares in zip(settings.mixture, settings.fractions, strict=True)
        for share in shares
    ]
    kinds += [("atoms", nanocrystals_in_glass, dose, {}) for dose in settings.atoms]
    for name, simulate, dose, more in kinds:
        counted = np.zeros(4, int)
        for seed in range(settings.first_seed, settings.first_seed + settings.power_seeds):
            signal, truth = simulate(
                (settings.side,) * 2,
                (64, 64),
                pixel_size=0.32,
                n_particles=9,
                dose=dose,
                seed=seed,
                **more,
            )
            counted += list(_of_crystals(signal, truth, seed))
        rows.append((name, dose, more.get("signal_fraction", np.nan), *counted.tolist()))
    columns = ("specimen", "dose", "share", "crystals", "found", "reported", "confirmed")
    return Table(columns, rows)


def _of_crystals(signal: Any, truth: Any, seed: int) -> Iterator[int]:
    """Count the crystals, and those found, reported and confirmed."""
    quiet = {"show_progressbar": False}
    nmf = signal.decompose_als_nmf(random_state=seed, print_info=False, **quiet)
    match = matched(nmf, truth)
    own = match.found[(match.scores >= FOUND) & truth.crystalline[match.true]]
    yield int(truth.crystalline.sum())
    yield own.size
    if nmf.n_components < 2:
        yield from (0, 0)
        return
    yield int(signal.hierarchical_cluster(nmf, **quiet).crystalline[own].sum())
    confirmed = signal.confirm_components(nmf, random_state=seed, **quiet).confirmed
    yield int(confirmed[own].sum())


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
        {"small": Settings(), "full": Settings(seeds=20, power_seeds=4)},
        study,
        figure,
    )
