"""Whether intensities can be trusted: recovered against true signal fraction.

Each scan holds crystals of all signal fractions at once, every one another kind or in-plane angle.
Of the component matched with a crystal two numbers are taken: *spots*, the share of the scattered
electrons that its spots hold (its pattern as a sum of the true halo and the true crystal, by
non-negative least squares), and *whole*, the share of the electrons in the pixels analysed that
the component holds, with all that it has of the halo. Each is the slope of the component's map
against the crystal's true one, times the true fraction.

    python benchmarks/validation/linearity.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from _common import FOUND, FULL, SMALL, Geometry, Table, dose_for, factorize, main, matched
from _common import mean_and_spread as spread_of
from numpy.typing import NDArray
from scipy.optimize import nnls

from hs_nmfcluster.simulation import DEFAULT_FAMILIES, Truth, linear_mixture
from hs_nmfcluster.simulation.particles import scatter_particles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.factorization import Factorization

SCAN_STEP, DIAMETER = 1.5, 7.0


@dataclass(frozen=True)
class Settings:
    """What is scanned; one particle for each fraction."""

    geometry: Geometry = SMALL
    fractions: Sequence[float] = (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
    electrons_per_pixel: Sequence[float] = (300,)
    n_components: int = 20
    restarts: int = 5
    seeds: int = 10


FULL_SETTINGS = Settings(FULL, electrons_per_pixel=(30, 300), restarts=10)


def study(settings: Settings) -> Table:
    """Recovered fractions of all true ones, mean and spread over seeds."""
    columns = ("e/pixel", "true %", "found", "spots %", "spots % ±", "whole %", "whole % ±")
    rows: list[tuple[float, ...]] = []
    for electrons in settings.electrons_per_pixel:
        values = np.array([_recovered(settings, electrons, seed) for seed in range(settings.seeds)])
        for index, fraction in enumerate(settings.fractions):
            spots, whole = 100 * values[:, index].T
            share = float(np.isfinite(spots).mean())
            rows.append(
                (electrons, 100 * fraction, share, *spread_of(spots), *spread_of(whole)),
            )
    return Table(columns, rows)


def _recovered(settings: Settings, electrons: float, seed: int) -> NDArray[np.float64]:
    """Fractions ``(n, 2)`` of spots and of whole components, NaN where not found."""
    geometry, n = settings.geometry, len(settings.fractions)
    # Every family gets weak and strong crystals, other ones with another seed.
    order = np.random.default_rng(seed).permutation(n)
    drawn = scatter_particles(
        geometry.arguments["scan_shape"],
        SCAN_STEP,
        DEFAULT_FAMILIES,
        -(-n // len(DEFAULT_FAMILIES)),
        n,
        DIAMETER,
        0.0,
        seed,
    )
    particles = [
        replace(particle, fraction=settings.fractions[index])
        for particle, index in zip(drawn, order, strict=True)
    ]
    signal, truth = linear_mixture(
        geometry.arguments["scan_shape"],
        geometry.arguments["detector_shape"],
        pixel_size=geometry.arguments["pixel_size"],
        particles=particles,
        dose=dose_for(geometry, electrons),
        seed=seed,
    )
    found = factorize(signal, settings.n_components, settings.restarts, seed)
    fractions = np.full((n, 2), np.nan)
    for particle, slopes in _slopes(found, truth):
        fractions[order[particle]] = truth.particle_fractions[particle] * np.asarray(slopes)
    return fractions


def _slopes(found: "Factorization", truth: Truth) -> Iterator[tuple[int, tuple[float, float]]]:
    """Particle, and slopes of its spots and of the whole component, of what was found."""
    kept = ~found.detector_mask
    halo = truth.patterns[0][kept]
    match = matched(found, truth)
    for index, true, score in zip(match.found, match.true, match.scores, strict=True):
        if score < FOUND or not truth.crystalline[true]:
            continue
        crystal, pattern = truth.patterns[true][kept], found.patterns.data[index][kept]
        (_, spots), _ = nnls(np.column_stack([halo, crystal]), pattern)
        true_map, found_map = truth.maps[true].ravel(), found.maps.data[index].ravel()
        slope = float(np.polyfit(true_map, found_map, 1)[0])
        particle = int(np.flatnonzero(truth.particle_components == true)[0])
        yield particle, (slope * spots, slope * float(pattern.sum() / halo.sum()))


def figure(table: Table) -> "Figure":
    """Recovered against true fraction, one panel a dose."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        COLUMN_WIDTH,
        FONT_SIZE,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    doses = list(dict.fromkeys(table.column("e/pixel").tolist()))
    drawn = new_figure(COLUMN_WIDTH * len(doses), 3.0)
    panels = drawn.subplots(1, len(doses), sharey=True, squeeze=False)[0]
    for ax, dose in zip(panels, doses, strict=True):
        curve = table.where(**{"e/pixel": dose})
        true = curve.column("true %")
        ax.plot(true, true, color="0.6", linewidth=0.8, linestyle="--", label="true")
        for index, kind in enumerate(("spots", "whole")):
            ax.errorbar(
                true,
                curve.column(f"{kind} %"),
                curve.column(f"{kind} % ±"),
                marker="os"[index],
                markersize=3,
                linewidth=1,
                capsize=2,
                color=group_color(index),
                label=("spots", "whole component")[index],
            )
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_title(f"{dose:g} electrons per pixel", fontsize=FONT_SIZE)
        tidy(
            ax,
            x="true signal fraction (%)",
            y="recovered signal fraction (%)" if ax is panels[0] else "",
        )
    panels[0].legend(fontsize=SMALL_FONT_SIZE, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "linearity",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": FULL_SETTINGS},
        study,
        figure,
    )
