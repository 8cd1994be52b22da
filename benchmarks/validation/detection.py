"""How weak a crystal may be to be found: recall against signal fraction, dose and n_k.

Crystals of one signal fraction each scan (share of the scattered electrons in a particle's middle)
lie in one amorphous matrix. Recall is the share of the true crystals (kind and in-plane angle)
whose pattern, freed of the halo, and map are matched by a component. As a control, the same
components are matched with the crystals of another seed, which are not there.

*Limit* is the norm of a crystal's part of the data (its map times the difference of its pattern
from the halo) over the smallest that singular vectors can tell from white noise of the same mean
variance, ``sigma (n m)^(1/4)`` for n positions and m pixels [1]_; the mean over the crystals is
given. Below 1 no singular vector of the data points to the crystal.

    python benchmarks/validation/detection.py [--seeds N] [--size small|full|paper|tight] [-o DIR]

.. [1] F. Benaych-Georges, R. R. Nadakuditi, "The singular values and vectors of low rank
   perturbations of large rectangular random matrices", J. Multivar. Anal. 111, 120 (2012).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from _common import (
    FOUND,
    FULL,
    SMALL,
    Geometry,
    Table,
    dose_for,
    factorize,
    main,
    matched,
    mean_and_spread,
)
from numpy.typing import NDArray

from hs_nmfcluster.simulation import Truth, linear_mixture
from hs_nmfcluster.validation import recall_precision

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.factorization import Factorization


@dataclass(frozen=True)
class Settings:
    """What is scanned."""

    geometry: Geometry = SMALL
    fractions: Sequence[float] = (0.0025, 0.005, 0.01, 0.02, 0.05, 0.2)
    electrons_per_pixel: Sequence[float] = (30, 300)
    numbers: Sequence[int] = (10, 20, 30)
    restarts: int = 5
    seeds: int = 2
    tolerance: float = 1e-5


FULL_SETTINGS = Settings(
    FULL,
    (0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
    (10, 30, 100, 300, 1000),
    restarts=10,
    seeds=5,
)
#: The weakest crystals of the paper, by the default analysis.
PAPER_SETTINGS = Settings(FULL, (0.01,), (300,), (20,), restarts=10, seeds=3)
#: Where more components than needed cost recall, iterated further.
TIGHT_SETTINGS = Settings(SMALL, (0.01,), (30,), tolerance=1e-6)


def study(settings: Settings) -> Table:
    """Recall for every combination, mean and spread over seeds."""
    columns = ("e/pixel", "signal %", "n_k", "recall", "recall ±", "score", "control", "limit")
    rows: list[tuple[float, ...]] = []
    for electrons in settings.electrons_per_pixel:
        for fraction in settings.fractions:
            scores = list(_scores(settings, electrons, fraction))
            for position, number in enumerate(settings.numbers):
                recalls, *others = zip(*(of_seed[position] for of_seed in scores), strict=True)
                means = (mean_and_spread(values)[0] for values in others)
                rows.append((electrons, 100 * fraction, number, *mean_and_spread(recalls), *means))
    return Table(columns, rows)


def _scores(
    settings: Settings, electrons: float, fraction: float
) -> Iterator[list[tuple[float, ...]]]:
    """Recall, mean score, recall of absent crystals and limit at each n_k, for every seed."""
    dose = dose_for(settings.geometry, electrons)
    arguments = settings.geometry.arguments | {"signal_fraction": fraction, "dose": dose}
    for seed in range(settings.seeds):
        signal, truth = linear_mixture(**arguments, seed=seed)
        _, absent = linear_mixture(**arguments, seed=seed + 1000, lazy=True)
        limit = float(np.mean(over_limit(truth)))
        results: list[tuple[float, ...]] = []
        for number in settings.numbers:
            found = factorize(signal, number, settings.restarts, seed, tolerance=settings.tolerance)
            match = matched(found, truth)
            crystals = truth.crystalline[match.true]
            score = match.scores[crystals].sum() / truth.crystalline.sum()
            results.append((_recall(found, truth), float(score), _recall(found, absent), limit))
        yield results


def over_limit(truth: Truth) -> NDArray[np.float64]:
    """Strength of each crystal in units of the weakest that stands out of the noise."""
    kept = ~truth.detector_mask
    halo, electrons = truth.patterns[0][kept], truth.maps.sum(axis=0)
    contrast = truth.patterns[truth.crystalline][:, kept] - halo
    maps = truth.maps[truth.crystalline].reshape(len(contrast), -1)
    noise = np.sqrt(electrons.mean() * halo.mean())
    strength = np.linalg.norm(maps, axis=1) * np.linalg.norm(contrast, axis=1)
    return np.asarray(strength / noise / (electrons.size * halo.size) ** 0.25)


def _recall(found: "Factorization", truth: Truth) -> float:
    return recall_precision(matched(found, truth), truth.crystalline, threshold=FOUND)[0]


def figure(table: Table) -> "Figure":
    """Recall against signal fraction, one panel a dose."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        FONT_SIZE,
        PAGE_WIDTH,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    doses = list(dict.fromkeys(table.column("e/pixel").tolist()))
    drawn = new_figure(PAGE_WIDTH, 2.4)
    panels = drawn.subplots(1, len(doses), sharey=True, squeeze=False)[0]
    for ax, dose in zip(panels, doses, strict=True):
        of_dose = table.where(**{"e/pixel": dose})
        for index, number in enumerate(dict.fromkeys(of_dose.column("n_k").tolist())):
            curve = of_dose.where(n_k=number)
            ax.errorbar(
                # Beside each other where they would hide each other.
                curve.column("signal %") * 1.06 ** (index - 1),
                curve.column("recall"),
                curve.column("recall ±"),
                marker="os^"[index % 3],
                markersize=3,
                linewidth=1,
                capsize=2,
                color=group_color(index),
                label=f"$n_k$ = {number}",
            )
        ax.plot(
            of_dose.column("signal %"), of_dose.column("control"), ".", color="0.6", label="control"
        )
        ax.axvline(1, color="0.7", linewidth=0.8, linestyle=":")
        ax.set_xscale("log")
        ticks = list(dict.fromkeys(of_dose.column("signal %").tolist()))
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.set_ylim(-0.05, 1.05)
        ax.set_title(f"{dose:g} electrons per pixel", fontsize=FONT_SIZE)
        tidy(ax, x="signal fraction (%)", y="recall" if ax is panels[0] else "")
    panels[-1].legend(fontsize=SMALL_FONT_SIZE, frameon=False, loc="center right")
    return drawn


if __name__ == "__main__":
    main(
        "detection",
        __doc__.splitlines()[0],
        {
            "small": Settings(),
            "full": FULL_SETTINGS,
            "paper": PAPER_SETTINGS,
            "tight": TIGHT_SETTINGS,
        },
        study,
        figure,
    )
