"""What stability says: of true and of surplus components, here and among independent starts.

*Stability* is the mean correlation of a component's pattern with its counterparts in the other
restarts. All restarts of this package start among the same leading singular vectors and, but for
the best, stop early; for comparison the patterns of the best are looked for in as many runs from
random maps (the paper's starts), each iterated on the compressed scan until it has converged.
*True* components are paired with a crystal or a halo (similarity of at least 0.5), *surplus* ones
with nothing. Beside their mean stands the share that is at least as stable as some mark.

    python benchmarks/validation/stability.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import FOUND, FULL, SMALL, Geometry, Table, dose_for, factorize, main, matched
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.compression import compress
from hs_nmfcluster.factorization.descent import descend
from hs_nmfcluster.factorization.iteration import random_runs
from hs_nmfcluster.factorization.settings import Settings as FitSettings
from hs_nmfcluster.factorization.stability import pattern_stability
from hs_nmfcluster.factorization.updates import SOLVERS
from hs_nmfcluster.simulation import Truth, linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.validation import match_components

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.factorization import Factorization

#: The first is that of reports and suggestions.
MARKS = (0.8, 0.85, 0.9)
SPECIMENS = {"linear_mixture": linear_mixture, "nanocrystals_in_glass": nanocrystals_in_glass}


@dataclass(frozen=True)
class Settings:
    """What is scanned; independent runs end at this tolerance or after so many iterations."""

    geometry: Geometry = SMALL
    specimens: Sequence[str] = tuple(SPECIMENS)
    electrons_per_pixel: Sequence[float] = (3, 30, 300)
    n_components: Sequence[int] = (20,)
    restarts: int = 6
    tolerance: float = 1e-6
    max_iterations: int = 400
    seeds: int = 2


FULL_SETTINGS = Settings(FULL, n_components=(20, 30), restarts=10)


def study(settings: Settings) -> Table:
    """Stability of all components of all seeds, by search and by whether they are true."""
    summaries = [
        name for kind in ("true", "surplus") for name in (kind, *(f"{kind} ≥{m:g}" for m in MARKS))
    ]
    rows: list[tuple[Any, ...]] = []
    for specimen in settings.specimens:
        for electrons in settings.electrons_per_pixel:
            for k in settings.n_components:
                found = [
                    _stabilities(settings, specimen, electrons, k, seed)
                    for seed in range(settings.seeds)
                ]
                true, here, random = np.concatenate(found, axis=1)
                for starts, values in (("here", here), ("independent", random)):
                    summary = (*_summary(values[true > 0]), *_summary(values[true == 0]))
                    rows.append((specimen, electrons, k, starts, *summary))
    return Table(("specimen", "e/pixel", "k", "starts", *summaries), rows)


def _stabilities(
    settings: Settings, specimen: str, electrons: float, k: int, seed: int
) -> NDArray[np.float64]:
    """Whether each component is true, and its stability in both searches, ``(3, k)``."""
    dose = dose_for(settings.geometry, electrons)
    signal, truth = SPECIMENS[specimen](**settings.geometry.arguments, dose=dose, seed=seed)
    found = factorize(signal, k, settings.restarts, seed)
    kept = ~found.detector_mask
    others = _independent(settings, ScanMatrix.from_array(signal.data, None, ~kept), k, seed)
    random = pattern_stability(found.patterns.data[:, kept], others)
    return np.array([_true(found, truth), found.stability, random])


def _independent(settings: Settings, matrix: ScanMatrix, k: int, seed: int) -> NDArray[np.float64]:
    """Patterns of converged runs that have nothing in common, ``(restarts, k, n_pixels)``."""
    starts = FitSettings(restarts=settings.restarts, seed=seed)
    runs, _ = random_runs(matrix, k, SOLVERS["hals"], starts, Job())
    patterns = np.array([run.patterns for run in runs])
    return descend(
        compress(matrix, k, seed=seed),
        patterns,
        tolerance=settings.tolerance,
        max_iterations=settings.max_iterations,
    ).patterns


def _true(found: "Factorization", truth: Truth) -> NDArray[np.bool_]:
    """Which components are paired with a crystal or, by their patterns alone, with a halo."""
    true = np.zeros(len(found.patterns.data), dtype=bool)
    crystals = matched(found, truth)
    true[crystals.found[crystals.scores >= FOUND]] = True
    halos = match_components(
        found.patterns.data[~true],
        truth.patterns[~truth.crystalline],
        found.maps.data[~true],
        truth.maps[~truth.crystalline],
        by="both",
        mask=found.detector_mask,
    )
    true[np.flatnonzero(~true)[halos.found[halos.scores >= FOUND]]] = True
    return true


def _summary(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Mean, and share at or above each mark."""
    if not values.size:
        return (np.nan,) * (1 + len(MARKS))
    return float(values.mean()), *(float((values >= mark).mean()) for mark in MARKS)


def figure(table: Table) -> "Figure":
    """Stability of true and of surplus components, one panel a specimen."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        COLUMN_WIDTH,
        FONT_SIZE,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    specimens = list(dict.fromkeys(table.column("specimen").tolist()))
    k = max(table.column("k").tolist())
    drawn = new_figure(COLUMN_WIDTH * len(specimens), 3.0)
    panels = drawn.subplots(1, len(specimens), sharey=True, squeeze=False)[0]
    for ax, specimen in zip(panels, specimens, strict=True):
        for index, kind in enumerate(("true", "surplus")):
            for starts, line in (("here", "-"), ("independent", "--")):
                curve = table.where(specimen=specimen, k=k, starts=starts)
                ax.plot(
                    curve.column("e/pixel"),
                    curve.column(kind),
                    line,
                    marker="o",
                    markersize=3,
                    linewidth=1,
                    color=group_color(index),
                    label=f"{kind}, {starts}",
                )
        ax.axhline(MARKS[0], color="0.6", linewidth=0.8)
        ax.set_xscale("log")
        ax.set_ylim(0, 1.02)
        ax.set_title(f"{specimen}, k = {k}", fontsize=FONT_SIZE)
        tidy(ax, x="electrons per pixel", y="stability" if ax is panels[0] else "")
    panels[0].legend(fontsize=SMALL_FONT_SIZE, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "stability",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": FULL_SETTINGS},
        study,
        figure,
    )
