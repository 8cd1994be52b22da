"""What a smaller error is worth: recovery of the crystals against the tolerance and polishing.

Each scan is factorized to several tolerances, once polished on the data and once not
(``max_iterations=1``). *MSE* is the excess of the error on the data, and *model* that of the error
against the scan without noise, both over those of the first row of the scan, in %. *patterns* and
*maps* are the mean correlations with those of the true crystals, as they are; *spots* that of the
patterns once the halo is taken out of them; and *recall* the share of the crystals found. Where a
crystal has no partner it counts as 0.

    python benchmarks/validation/tolerance.py [--seeds N] [--size small|full] [-o DIR]
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import FOUND, FULL, SMALL, Geometry, Table, dose_for, factorize, main, matched
from numpy.typing import NDArray

from hs_nmfcluster.simulation import Truth, linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.validation import cosine_similarity, map_correlation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.factorization import Factorization

QUANTITIES = ("MSE %", "model %", "patterns", "spots", "maps", "recall", "passes")
SPECIMENS: dict[str, Callable[..., tuple[Any, Truth]]] = {
    "linear_mixture": linear_mixture,
    "linear_mixture, weak": partial(linear_mixture, signal_fraction=0.01),
    "nanocrystals_in_glass": nanocrystals_in_glass,
}


@dataclass(frozen=True)
class Settings:
    """What is scanned, and how it is factorized."""

    geometry: Geometry = SMALL
    specimens: Sequence[str] = tuple(SPECIMENS)
    electrons_per_pixel: Sequence[float] = (3, 30, 300)
    n_components: Sequence[int] = (12, 20)
    tolerances: Sequence[float] = (1e-3, 1e-4, 1e-5, 1e-6)
    restarts: int = 5
    seeds: int = 2


FULL_SETTINGS = Settings(FULL, n_components=(20,), restarts=10, seeds=2)


def study(settings: Settings) -> Table:
    """Recovery at each tolerance, mean over seeds."""
    ways = [
        (tolerance, polished) for polished in (True, False) for tolerance in settings.tolerances
    ]
    rows: list[tuple[Any, ...]] = []
    for specimen in settings.specimens:
        for electrons in settings.electrons_per_pixel:
            for k in settings.n_components:
                found = [
                    _numbers(settings, specimen, electrons, k, ways, seed)
                    for seed in range(settings.seeds)
                ]
                for (tolerance, polished), means in zip(ways, np.mean(found, axis=0), strict=True):
                    way = "yes" if polished else "no"
                    rows.append((specimen, electrons, k, way, f"{tolerance:g}", *map(float, means)))
    return Table(("specimen", "e/pixel", "k", "polished", "tolerance", *QUANTITIES), rows)


def _numbers(
    settings: Settings,
    specimen: str,
    electrons: float,
    k: int,
    ways: Sequence[tuple[float, bool]],
    seed: int,
) -> NDArray[np.float64]:
    """All quantities of each way to factorize one scan, ``(ways, quantities)``."""
    simulate, arguments = SPECIMENS[specimen], settings.geometry.arguments
    dose = dose_for(settings.geometry, electrons)
    signal, truth = simulate(**arguments, dose=dose, seed=seed)
    expected, _ = simulate(**arguments, dose=dose, seed=seed, noise=False)
    numbers = []
    for tolerance, polished in ways:
        limit = {} if polished else {"max_iterations": 1}
        run = factorize(signal, k, settings.restarts, seed, tolerance=tolerance, **limit)
        numbers.append((run.mse, _model_error(run, expected), *_recovery(run, truth), run.passes))
    table = np.array(numbers, dtype=float)
    table[:, :2] = 100 * (table[:, :2] / table[0, :2] - 1)
    return table


def _model_error(found: "Factorization", expected: Any) -> float:
    """Mean square of what the model is off the scan without noise."""
    kept = ~found.detector_mask
    maps = found.maps.data.reshape(len(found.maps.data), -1)
    model = maps.T @ found.patterns.data[:, kept]
    data = np.asarray(expected.data, dtype=float)[..., kept].reshape(model.shape)
    return float(np.mean((data - model) ** 2))


def _recovery(found: "Factorization", truth: Truth) -> tuple[float, float, float, float]:
    """Correlation of patterns, of spots and of maps with the true crystals', and recall."""
    match = matched(found, truth)
    kept, n = ~found.detector_mask, int(truth.crystalline.sum())
    pairs = [(i, j) for i, j in zip(match.found, match.true, strict=True) if truth.crystalline[j]]
    of_found, of_true = (list(indices) for indices in zip(*pairs, strict=True))
    patterns, true_patterns = (
        found.patterns.data[:, kept][of_found],
        truth.patterns[:, kept][of_true],
    )
    halos = np.linalg.qr(truth.patterns[~truth.crystalline][:, kept].T)[0]
    spots, true_spots = (rows - (rows @ halos) @ halos.T for rows in (patterns, true_patterns))
    return (
        float(np.diag(map_correlation(patterns, true_patterns)).sum() / n),
        float(np.diag(cosine_similarity(spots, true_spots)).sum() / n),
        float(np.diag(map_correlation(found.maps.data[of_found], truth.maps[of_true])).sum() / n),
        float(np.sum(match.scores[np.isin(match.true, of_true)] >= FOUND) / n),
    )


def figure(table: Table) -> "Figure":
    """Correlation of the patterns against the tolerance, one panel a specimen."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        COLUMN_WIDTH,
        FONT_SIZE,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    specimens = list(dict.fromkeys(table.column("specimen").tolist()))
    doses = list(dict.fromkeys(table.column("e/pixel").tolist()))
    k = max(table.column("k").tolist())
    drawn = new_figure(COLUMN_WIDTH * len(specimens), 3.0)
    panels = drawn.subplots(1, len(specimens), sharey=True, squeeze=False)[0]
    for ax, specimen in zip(panels, specimens, strict=True):
        for index, dose in enumerate(doses):
            for polished, line in (("yes", "-"), ("no", "--")):
                label = f"{dose:g} e/pixel" if polished == "yes" else ""
                if polished == "no" and dose == doses[-1]:
                    label = "not polished"
                chosen = {"specimen": specimen, "e/pixel": dose, "k": k, "polished": polished}
                curve = table.where(**chosen)
                ax.plot(
                    curve.column("tolerance").astype(float),
                    curve.column("patterns"),
                    line,
                    marker="o",
                    markersize=3,
                    linewidth=1,
                    color=group_color(index),
                    label=label,
                )
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.set_title(f"{specimen}, k = {k}", fontsize=FONT_SIZE)
        tidy(ax, x="tolerance", y="correlation of patterns" if ax is panels[0] else "")
    panels[0].legend(fontsize=SMALL_FONT_SIZE, frameon=False)
    return drawn


if __name__ == "__main__":
    # That runs which are not polished have not converged is what they are for.
    logging.getLogger("hs_nmfcluster").setLevel(logging.ERROR)
    main(
        "tolerance",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": FULL_SETTINGS},
        study,
        figure,
    )
