"""Number of components by cross-validation on thinned counts, beside the number that is suggested.

A tenth of the electrons is held out. Patterns and maps of each number of components come from the
rest, and the Poisson likelihood of the held-out electrons is largest at the number that is named.
*Suggested* is the lower end of `RankStudy.suggested` of all electrons, *K* the number of patterns
that the scan is made of; in the atomic model speckle is no mixture of these.

    python benchmarks/validation/cross_validation.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import Table, main
from numpy.typing import NDArray

from hs_nmfcluster.factorization.held_out import thinned
from hs_nmfcluster.factorization.updates import hals_rows
from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELD_OUT = 0.1
#: Kind, electrons a pattern, share of a particle (linear), angles of each of three families.
SMALL = (("linear", 2e5, 0.05, 3), ("linear", 2e4, 0.05, 3))
FULL = (
    ("linear", 2e5, 0.05, 1),
    *SMALL,
    ("linear", 2e5, 0.05, 5),
    ("linear", 2e5, 0.02, 3),
    ("linear", 2e6, 0.01, 3),
    ("atoms", 1.5e6, 0.0, 3),
)


@dataclass(frozen=True)
class Settings:
    """What is studied."""

    cases: Sequence[tuple[str, float, float, int]] = SMALL
    ranks: Sequence[int] = tuple(range(2, 25))
    side: int = 32
    restarts: int = 4
    seeds: int = 2


def study(settings: Settings) -> Table:
    """One row for each specimen and seed."""
    rows = [
        (f"{case[0]}, {case[1]:g} e, {100 * case[2]:g} %", seed, *_row(settings, case, seed))
        for case in settings.cases
        for seed in range(settings.seeds)
    ]
    return Table(("specimen", "seed", "K", "suggested", "cross-validated"), rows)


def _row(
    settings: Settings, case: tuple[str, float, float, int], seed: int
) -> tuple[int, int, int]:
    kind, dose, fraction, angles = case
    arguments: dict[str, Any] = {"signal_fraction": fraction} if kind == "linear" else {}
    simulate = linear_mixture if kind == "linear" else nanocrystals_in_glass
    signal, truth = simulate(
        (settings.side, settings.side),
        (64, 64),
        pixel_size=0.32,
        n_particles=3 * angles,
        angles_per_family=angles,
        dose=dose,
        seed=seed,
        **arguments,
    )
    counts = signal.data.reshape(-1, 64, 64)
    held = thinned(counts, np.arange(len(counts)), seed + 7, HELD_OUT, True)
    rest = signal._deepcopy_with_new_data((counts - held).reshape(signal.data.shape))
    whole, without = (_studied(one, settings, seed) for one in (signal, rest))
    kept = np.isfinite(without.patterns[0].data[0])
    found, missing = ((counts - held)[:, kept], held[:, kept])
    losses = [_loss(S.data[:, kept], found, missing) for S in without.patterns]
    return truth.n_components, whole.suggested[0], int(without.ranks[np.argmin(losses)])


def _studied(signal: Any, settings: Settings, seed: int) -> Any:
    return signal.estimate_number_of_components(
        settings.ranks,
        restarts=settings.restarts,
        random_state=seed,
        print_info=False,
        show_progressbar=False,
    )


def _loss(
    patterns: NDArray[np.floating], counts: NDArray[np.integer], held: NDArray[np.integer]
) -> float:
    """Minus the Poisson likelihood of held-out counts, but for a constant."""
    S = patterns.astype(np.float64)
    maps = hals_rows(S @ counts.astype(np.float64).T, S @ S.T, sweeps=200)
    expected = np.maximum(HELD_OUT / (1 - HELD_OUT) * maps.T @ S, 1e-3 * held.mean())
    return float((expected - held * np.log(expected)).mean())


def figure(table: Table) -> "Figure":
    """Both numbers against the true one."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import COLUMN_WIDTH, group_color, tidy

    drawn = new_figure(COLUMN_WIDTH, COLUMN_WIDTH)
    ax = drawn.add_subplot()
    true = table.column("K").astype(float)
    for number, column in enumerate(("suggested", "cross-validated")):
        values = table.column(column).astype(float)
        beside = 0.15 * (2 * number - 1)
        ax.plot(true + beside, values, "o", markersize=3, color=group_color(number), label=column)
    ax.plot([0, true.max() + 2], [0, true.max() + 2], color="0.6", linewidth=0.8)
    tidy(ax, x="true number of components", y="number found")
    ax.legend(fontsize=7, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "cross_validation",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings(FULL)},
        study,
        figure,
    )
