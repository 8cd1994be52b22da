"""How many starts are enough: best error and stable components against restarts.

Each scan is factorized with more and more restarts of the same seed. *Excess* is how far the error
lies above the smallest of all runs on this scan; *stable* counts the components that return in
other restarts (stability of at least 0.8); *kept* is the share of the stable components of the
longest run that are there already (correlation of the patterns of at least 0.95), and *recall* that
of the true crystals that are found.

    python benchmarks/validation/restarts.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import FULL, SMALL, Geometry, Table, dose_for, factorize, main, matched
from _common import mean_and_spread as spread_of

from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.validation import map_correlation, recall_precision

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.factorization import Factorization

STABLE, SAME = 0.8, 0.95
QUANTITIES = ("excess %", "stable", "kept", "recall")


@dataclass(frozen=True)
class Settings:
    """What is scanned; the linear mixture has this signal fraction and dose."""

    geometry: Geometry = SMALL
    restarts: Sequence[int] = (1, 2, 3, 5, 10, 20)
    specimens: Sequence[str] = ("linear_mixture", "nanocrystals_in_glass")
    n_components: int = 20
    fraction: float = 0.01
    electrons_per_pixel: float = 300
    seeds: int = 3


FULL_SETTINGS = Settings(FULL, (1, 2, 3, 5, 10, 20, 40), seeds=5)


def study(settings: Settings) -> Table:
    """Convergence with the number of restarts, mean and spread over seeds."""
    found = [name for quantity in QUANTITIES for name in (quantity, f"{quantity} ±")]
    rows: list[tuple[Any, ...]] = []
    for specimen in settings.specimens:
        values = np.array([_numbers(settings, specimen, seed) for seed in range(settings.seeds)])
        for restarts, of_seeds in zip(settings.restarts, np.moveaxis(values, 1, 0), strict=True):
            summary = [number for column in of_seeds.T for number in spread_of(column)]
            rows.append((specimen, restarts, *summary))
    return Table(("specimen", "restarts", *found), rows)


def _numbers(settings: Settings, specimen: str, seed: int) -> list[list[float]]:
    """Measure the four quantities at each number of restarts."""
    if specimen == "linear_mixture":
        signal, truth = linear_mixture(
            **settings.geometry.arguments,
            signal_fraction=settings.fraction,
            dose=dose_for(settings.geometry, settings.electrons_per_pixel),
            seed=seed,
        )
    else:
        signal, truth = nanocrystals_in_glass(**settings.geometry.arguments, seed=seed)
    runs = [factorize(signal, settings.n_components, n, seed) for n in settings.restarts]
    smallest, longest = min(run.mse for run in runs), runs[-1]
    return [
        [
            100 * (run.mse / smallest - 1),
            float((run.stability >= STABLE).sum()) if len(run.restart_mse) > 1 else np.nan,
            _kept(run, longest),
            recall_precision(matched(run, truth), truth.crystalline)[0],
        ]
        for run in runs
    ]


def _kept(run: "Factorization", longest: "Factorization") -> float:
    stable = longest.stability >= STABLE
    if not stable.any():
        return np.nan
    likeness = map_correlation(longest.patterns.data[stable], run.patterns.data)
    return float((likeness.max(axis=1) >= SAME).mean())


def figure(table: Table) -> "Figure":
    """One panel a quantity, one curve a specimen."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        PAGE_WIDTH,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    labels = ("MSE above the smallest (%)", "stable components", "share kept", "recall")
    drawn = new_figure(PAGE_WIDTH, 2.2)
    panels = drawn.subplots(1, len(QUANTITIES))
    for ax, quantity, label in zip(panels, QUANTITIES, labels, strict=True):
        for index, specimen in enumerate(dict.fromkeys(table.column("specimen").tolist())):
            curve = table.where(specimen=specimen)
            ax.errorbar(
                curve.column("restarts"),
                curve.column(quantity),
                curve.column(f"{quantity} ±"),
                marker="o",
                markersize=3,
                linewidth=1,
                capsize=2,
                color=group_color(index),
                label=specimen,
            )
        ax.set_xscale("log")
        if quantity in ("kept", "recall"):
            ax.set_ylim(-0.05, 1.05)
        ticks = sorted(set(table.column("restarts").tolist()))
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
        tidy(ax, x="restarts", y=label)
    drawn.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
    )
    return drawn


if __name__ == "__main__":
    main(
        "restarts",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": FULL_SETTINGS},
        study,
        figure,
    )
