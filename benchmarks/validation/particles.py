"""Particles of specimens whose truth is known: how many, how large, and how crystalline.

Each specimen is decomposed with as many components as it has, and with twice as many, clustered and
cut at the defaults. Counted are particles that were found more than once or are none (*extra*), and
those that were not found (*missed*); a found one has its middle within the true one. *bias* is the
mean error of the diameters of whole particles, *pull* the root mean square of their errors over
their uncertainties, *2 sigma* the share of them within two. *crystalline* is the share in spots
that is found over the true one.

    python benchmarks/validation/particles.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import Table, main
from scipy.optimize import linear_sum_assignment

from hs_nmfcluster.simulation import Truth, linear_mixture, nanocrystals_in_glass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.groups import Groups
    from hs_nmfcluster.results.sizes import ParticleSizes

Simulation = Callable[..., tuple[Any, Truth]]

#: Simulation, its arguments, and the number of components of each specimen by its name.
SPECIMENS: Mapping[str, tuple[Simulation, dict[str, Any], int]] = {
    "discs 5 nm": (
        linear_mixture,
        {"scan_shape": (40, 40), "n_particles": 12, "diameter": 5.0, "dose": 1.5e5},
        13,
    ),
    "discs 7 nm": (linear_mixture, {}, 16),
    "discs 13 nm": (
        linear_mixture,
        {"scan_shape": (48, 48), "n_particles": 9, "diameter": 13.0, "signal_fraction": 0.03},
        10,
    ),
    "spheres 5 nm": (
        nanocrystals_in_glass,
        {"scan_shape": (40, 40), "n_particles": 10, "diameter": 5.0},
        11,
    ),
    "spheres 7 nm": (nanocrystals_in_glass, {}, 16),
    "spheres 7 nm, 2e4 e": (nanocrystals_in_glass, {"dose": 2e4}, 16),
    "spheres 10 nm": (
        nanocrystals_in_glass,
        {"scan_shape": (40, 40), "n_particles": 6, "diameter": 10.0, "dose": 3e5},
        7,
    ),
    "glass": (nanocrystals_in_glass, {"scan_shape": (40, 40), "n_particles": 0}, 10),
}


@dataclass(frozen=True)
class Settings:
    """What is simulated."""

    specimens: Sequence[str] = field(default=tuple(SPECIMENS))
    factors: Sequence[float] = (1.0, 2.0)
    restarts: int = 4
    seeds: int = 1


def study(settings: Settings) -> Table:
    """Compare what is found of every specimen, seed and number of components."""
    columns = ("specimen", "seed", "k", "true", "extra", "missed", "bias %", "pull", "2 sigma")
    rows = []
    for name in settings.specimens:
        simulate, arguments, number = SPECIMENS[name]
        for seed in range(settings.seeds):
            signal, truth = simulate(**arguments, seed=seed)
            for factor in settings.factors:
                groups = _groups(signal, round(factor * number), settings.restarts, seed)
                scores = compared(groups.particle_sizes(), truth)
                crystalline = groups.crystallinity().mean_crystalline / share_of_crystals(truth)
                rows.append((name, seed, round(factor * number), *scores, crystalline))
                print(*rows[-1], flush=True)
    return Table((*columns, "crystalline"), rows)


def _groups(signal: Any, number: int, restarts: int, seed: int) -> "Groups":
    quiet = {"show_progressbar": False}
    nmf = signal.decompose_als_nmf(
        number, restarts=restarts, random_state=seed, print_info=False, **quiet
    )
    return signal.hierarchical_cluster(nmf, **quiet).cut()


def compared(sizes: "ParticleSizes", truth: Truth) -> tuple[float, ...]:
    """Particles that are there, extra and missed; bias in %, pull, and share within 2 sigma."""
    found = [particle for group in sizes for particle in group.particles]
    step = float(np.sqrt(sizes.pixel.x * sizes.pixel.y))
    places = np.array([(p.x, p.y) for p in found]).reshape(-1, 2)
    true = truth.particle_positions * step
    away = np.linalg.norm(places[:, None] - true[None], axis=2)
    mine, theirs = linear_sum_assignment(np.minimum(away, 1e3))
    near = away[mine, theirs] < np.maximum(truth.particle_diameters[theirs] / 2, step)
    pairs = list(zip(mine[near], theirs[near], strict=True))
    whole = [
        (found[a].diameter, found[a].sigma, truth.particle_diameters[b])
        for a, b in pairs
        if not found[a].at_edge and np.isfinite(found[a].diameter)
    ]
    counts = len(true), len(found) - len(pairs), len(true) - len(pairs)
    if not whole:
        return (*counts, np.nan, np.nan, np.nan)
    diameters, sigmas, expected = np.transpose(whole)
    pulls = (diameters - expected) / sigmas
    bias = 100 * float(np.mean(diameters / expected - 1))
    return (*counts, bias, float(np.sqrt(np.mean(pulls**2))), float(np.mean(np.abs(pulls) < 2)))


def share_of_crystals(truth: Truth) -> float:
    """Share of what the crystals scatter into the ring."""
    scattered = truth.patterns[:, ~truth.detector_mask].sum(axis=1)
    scattered = scattered * truth.maps.reshape(len(truth.maps), -1).sum(axis=1)
    return float(scattered[truth.crystalline].sum() / scattered.sum()) or np.nan


def figure(table: Table) -> "Figure":
    """Bias of the diameters of every specimen."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import PAGE_WIDTH, tidy

    drawn = new_figure(PAGE_WIDTH, 2.6)
    ax = drawn.subplots()
    names = [str(name) for name in table.column("specimen")]
    order = list(dict.fromkeys(names))
    ax.plot([order.index(name) for name in names], table.column("bias %"), "o", markersize=4)
    ax.axhspan(-3, 3, color="0.9", zorder=0)
    ax.set_xticks(range(len(order)), order, rotation=30, ha="right")
    tidy(ax, x="", y="error of diameters (%)")
    return drawn


if __name__ == "__main__":
    main(
        "particles",
        __doc__.splitlines()[0],
        {
            "small": Settings(("discs 5 nm", "spheres 5 nm", "glass")),
            "full": Settings(seeds=3),
        },
        study,
        figure,
    )
