"""How many components: where NMF leaves PCA when the true number is known.

Scans of K components (one matrix, K - 1 crystals) are factorized at many numbers of components.
*Crossing* is the last number at which the error of NMF lies on that of PCA (within 2 % of what the
errors span), *noise* the first at which it is not above that of a perfect model of counted data,
*low* and *high* are what the study suggests, the former how many singular values stand above the
noise, and *gap* is the largest of (NMF - PCA) / PCA in per cent. No NMF has a smaller error than
PCA of the same rank. In the physical specimen, K leaves out that speckle is no mixture.

    python benchmarks/validation/rank.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import FULL, SMALL, Geometry, Table, dose_for, main, mean_and_spread

from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.rank_study import RankStudy

#: NMF has left PCA where its error exceeds PCA's by this share of what the errors span.
LEFT = 0.02
PHYSICAL = "nanocrystals_in_glass"
QUANTITIES = ("crossing", "noise", "low", "high", "gap %")


@dataclass(frozen=True)
class Settings:
    """What is scanned.

    Attributes
    ----------
    angles
        In-plane angles of each of the three families: K = 1 + 3 angles.
    physical_angles
        Likewise of the physical specimens, which have their default signal and dose.
    """

    geometry: Geometry = SMALL
    angles: Sequence[int] = (1, 3, 5)
    physical_angles: Sequence[int] = (3,)
    fractions: Sequence[float] = (0.01, 0.05)
    electrons_per_pixel: float = 300
    ranks: Sequence[int] = tuple(range(2, 25))
    restarts: int = 5
    seeds: int = 2


FULL_SETTINGS = Settings(
    FULL, (1, 3, 5, 7), (3, 5), ranks=tuple(range(2, 31)), restarts=10, seeds=5
)


def study(settings: Settings) -> Table:
    """Errors at every rank relative to counting noise, and what is suggested."""
    found = [name for kind in QUANTITIES for name in (kind, f"{kind} ±")]
    columns = ("specimen", "signal %", "K", *found, "passes")
    rank_columns = tuple(f"{kind} {r}" for kind in ("NMF", "PCA") for r in settings.ranks)
    cases: list[tuple[str, float, int]] = [
        ("linear_mixture", fraction, angles)
        for fraction in settings.fractions
        for angles in settings.angles
    ]
    cases += [(PHYSICAL, np.nan, angles) for angles in settings.physical_angles]
    rows: list[tuple[Any, ...]] = []
    for specimen, fraction, angles in cases:
        results = [_result(settings, fraction, angles, n) for n in range(settings.seeds)]
        summary = [
            number
            for values in zip(*(_numbers(result) for result in results), strict=True)
            for number in mean_and_spread(values)
        ]
        passes = mean_and_spread(result.passes for result in results)[0]
        nmf = np.mean([r.nmf_mse.min(axis=1) / r.noise_mse for r in results], axis=0)
        pca = np.mean([r.pca_mse / r.noise_mse for r in results], axis=0)
        first = (specimen, 100 * fraction, 1 + 3 * angles)
        rows.append((*first, *summary, passes, *nmf.tolist(), *pca.tolist()))
    return Curves(columns + rank_columns, rows, len(columns))


@dataclass(frozen=True)
class Curves(Table):
    """Table whose columns of curves are written but not printed."""

    n_printed: int = 0

    def __str__(self) -> str:
        rows = [row[: self.n_printed] for row in self.rows]
        return str(Table(self.columns[: self.n_printed], rows))


def _result(settings: Settings, fraction: float, angles: int, seed: int) -> "RankStudy":
    geometry = replace(settings.geometry, n_particles=3 * angles, angles_per_family=angles)
    arguments = geometry.arguments | {"seed": seed}
    if np.isnan(fraction):
        signal, _ = nanocrystals_in_glass(**arguments)
    else:
        dose = dose_for(geometry, settings.electrons_per_pixel)
        signal, _ = linear_mixture(**arguments, signal_fraction=fraction, dose=dose)
    result: RankStudy = signal.estimate_number_of_components(
        settings.ranks,
        restarts=settings.restarts,
        random_state=seed,
        print_info=False,
        show_progressbar=False,
    )
    return result


def _numbers(result: "RankStudy") -> tuple[float, ...]:
    """Give the quantities, in their order; NaN where the ranks do not reach one."""
    nmf, pca, ranks = result.nmf_mse.min(axis=1), result.pca_mse, result.ranks
    left = np.flatnonzero(nmf - pca > LEFT * (nmf.max() - pca.min()))
    crossing = float(ranks[left[0] - 1]) if left.size and left[0] > 0 else np.nan
    below = np.flatnonzero(nmf <= result.noise_mse)
    noise = float(ranks[below[0]]) if below.size else np.nan
    low, high = result.suggested
    return crossing, noise, float(low), float(high), 100 * float((nmf / pca - 1).max())


def figure(table: Table) -> "Figure":
    """Errors against the number of components, one panel a row of the table."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        FONT_SIZE,
        PAGE_WIDTH,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    ranks = [int(name.split()[1]) for name in table.columns if name.startswith("NMF ")]
    n_columns = 4 if len(table.rows) > 4 else len(table.rows)
    n_lines = -(-len(table.rows) // n_columns)
    drawn = new_figure(PAGE_WIDTH, 0.4 + 1.9 * n_lines)
    panels = drawn.subplots(n_lines, n_columns, squeeze=False)
    for ax in panels.flat[len(table.rows) :]:
        ax.set_axis_off()
    for ax, row in zip(panels.flat, table.rows, strict=False):
        values: dict[str, Any] = dict(zip(reversed(table.columns), reversed(row), strict=True))
        for index, kind in enumerate(("NMF", "PCA")):
            ax.plot(
                ranks,
                [values[f"{kind} {rank}"] for rank in ranks],
                marker="o."[index],
                markersize=(5, 3)[index],
                markerfacecolor="none" if index == 0 else None,
                linewidth=0.8,
                color=group_color(index),
                label=kind,
            )
        ax.axhline(1, color="0.6", linewidth=0.8, linestyle=":", label="counting noise")
        ax.axvline(values["K"], color="0.3", linewidth=0.8, linestyle="--", label="true number")
        ax.axvspan(
            values["low"] - 0.3, values["high"] + 0.3, color="0.9", zorder=0, label="suggested"
        )
        # With far too few components the error is that of whole crystals and hides the rest.
        lowest = min(values[f"PCA {rank}"] for rank in ranks)
        nearby = values[f"PCA {max(values['K'] - 4, min(ranks))}"]
        room = 0.05 * (nearby - lowest)
        ax.set_ylim(lowest - room, nearby + room)
        kind = "glass" if values["specimen"] == PHYSICAL else f"{values['signal %']:g} %"
        ax.set_title(f"K = {values['K']}, {kind}", fontsize=FONT_SIZE)
        tidy(ax, x="number of components", y="MSE / mean count" if ax in panels[:, 0] else "")
    drawn.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=5,
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
    )
    return drawn


if __name__ == "__main__":
    main(
        "rank", __doc__.splitlines()[0], {"small": Settings(), "full": FULL_SETTINGS}, study, figure
    )
