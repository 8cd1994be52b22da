"""Whole scans against neighbourhoods: crystals found and invented, by size of the scan and dose.

Each specimen is factorized as a whole, with as many components as it has crystals and one for the
matrix, in neighbourhoods with and without weighting by counting statistics, and by scikit-learn's
NMF of the same rank, each with its own defaults. A crystal (kind and in-plane angle) counts as
found where pattern, freed of the halo, and map are matched by a component; a component is *false*
that matches no crystal and is not among what the factorization itself calls matrix (neighbourhoods)
or, where it makes no such statement, shows spots by the same test.

    python benchmarks/validation/tiles.py [--seeds N] [--size small|medium|full|large] [-o DIR]
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import FOUND, Table, main, mean_and_spread
from numpy.typing import NDArray

from hs_nmfcluster.materials.significance import spot_evidence
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation import Truth, linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.validation import match_components

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Settings:
    """What is scanned: ``(specimen, rows, columns, particles)``, and at which doses."""

    specimens: Sequence[tuple[str, int, int, int]] = (("mixture", 40, 60, 10),)
    detector: int = 64
    electrons_per_pixel: Sequence[float] = (0.3, 3)
    whole_ranks: Sequence[int | None] = (20, None)
    scikit_learn: bool = True
    seeds: int = 1


FULL_SETTINGS = Settings(
    (("atoms", 58, 58, 15), ("atoms", 96, 192, 45)), 128, (0.03, 0.3, 3, 30), seeds=2
)
# What the guide shows: both doses, the whole scan beside, without what takes longest.
MEDIUM_SETTINGS = Settings((("atoms", 96, 192, 45),), 128, (0.3, 3), scikit_learn=False, seeds=2)
LARGE_SETTINGS = Settings(
    (("mixture", 128, 128, 100), ("atoms", 256, 256, 150)),
    64,
    (0.3, 3),
    scikit_learn=False,
)


@dataclass(frozen=True)
class _Result:
    patterns: NDArray[Any]
    maps: NDArray[Any]
    claimed: NDArray[np.bool_]


def study(settings: Settings) -> Table:
    """Found, false and processor time of every way, mean over seeds."""
    columns = ("specimen", "positions", "e/pixel", "way", "crystals", "found", "false", "CPU s")
    rows: list[tuple[Any, ...]] = []
    for name, height, width, n_particles in settings.specimens:
        for electrons in settings.electrons_per_pixel:
            of_ways: dict[str, list[tuple[float, ...]]] = {}
            for seed in range(settings.seeds):
                signal, truth = _scan(
                    name, (height, width), settings.detector, n_particles, electrons, seed
                )
                for way, run in _ways(signal, truth, settings, seed):
                    start = time.process_time()
                    result = run()
                    seconds = time.process_time() - start
                    found, false = _count(result, truth)
                    crystals = int(truth.crystalline.sum())
                    of_ways.setdefault(way, []).append((crystals, found, false, seconds))
            for way, values in of_ways.items():
                means = [mean_and_spread(column)[0] for column in zip(*values, strict=True)]
                rows.append((name, f"{height} x {width}", electrons, way, *means))
                print(rows[-1], flush=True)
    return Table(columns, rows)


def _scan(
    name: str, shape: tuple[int, int], detector: int, n_particles: int, electrons: float, seed: int
) -> tuple[Any, Truth]:
    """Simulate a specimen whose analysed pixels have that many electrons on average."""
    simulate = linear_mixture if name == "mixture" else nanocrystals_in_glass
    arguments: dict[str, Any] = {
        "scan_shape": shape,
        "detector_shape": (detector,) * 2,
        "pixel_size": 0.16 * 128 / detector,
        "n_particles": n_particles,
        "angles_per_family": -(-n_particles // 3),
        "seed": seed,
    }
    small = arguments | {"scan_shape": (4, 4), "n_particles": 0, "noise": False, "dose": 1e6}
    bare, truth = simulate(**small)
    per_electron = bare.data[..., ~truth.detector_mask].mean() / 1e6
    return simulate(**arguments, dose=electrons / per_electron)


def _ways(
    signal: Any, truth: Truth, settings: Settings, seed: int
) -> Iterator[tuple[str, Callable[[], _Result]]]:
    quiet = {"random_state": seed, "print_info": False, "show_progressbar": False}

    def by_us(*arguments: Any, **keywords: Any) -> _Result:
        nmf = signal.decompose_als_nmf(*arguments, **keywords, **quiet)
        patterns, maps = np.nan_to_num(nmf.patterns.data), np.asarray(nmf.maps.data)
        matrix = nmf.settings.get("matrix_components")
        claimed = _with_spots(nmf.patterns.data, maps, nmf.center)
        if matrix is not None:
            claimed = np.ones(len(patterns), bool)
            claimed[matrix] = False
        return _Result(patterns, maps, claimed)

    for rank in settings.whole_ranks:
        k = int(truth.crystalline.sum()) + 1 if rank is None else rank
        yield f"whole, k = {k}", lambda k=k: by_us(k)
    yield "neighbourhoods, unweighted", lambda: by_us(weighting=None)
    yield "neighbourhoods", by_us
    if settings.scikit_learn:
        k = int(truth.crystalline.sum()) + 1
        yield f"scikit-learn, k = {k}", lambda: _by_scikit_learn(signal, truth, k, seed)


def _by_scikit_learn(signal: Any, truth: Truth, k: int, seed: int) -> _Result:
    from sklearn.decomposition import NMF

    kept = ~truth.detector_mask
    model = NMF(k, init="nndsvda", random_state=seed, max_iter=200)
    rows = signal.data[..., kept].reshape(-1, kept.sum()).astype(np.float32)
    with warnings.catch_warnings():
        # That it has not converged is its own default.
        warnings.simplefilter("ignore")
        maps = model.fit_transform(rows).T.reshape(k, *signal.data.shape[:2])
    patterns = np.full((k, *kept.shape), np.nan)
    patterns[:, kept] = model.components_
    center = tuple((n - 1) / 2 for n in kept.shape[::-1])
    return _Result(np.nan_to_num(patterns), maps, _with_spots(patterns, maps, center))


def _with_spots(patterns: NDArray[Any], maps: NDArray[Any], center: Any) -> NDArray[np.bool_]:
    detector = Detector(patterns.shape[1:], center)
    return spot_evidence(patterns, detector, maps).crystalline


def _count(result: _Result, truth: Truth) -> tuple[int, int]:
    match = match_components(
        result.patterns,
        truth.patterns,
        result.maps,
        truth.maps,
        by="both",
        mask=truth.detector_mask,
        background=truth.patterns[~truth.crystalline],
    )
    crystals = truth.crystalline
    found = (match.scores >= FOUND) & crystals[match.true]
    real = (match.similarity[:, crystals] >= FOUND).any(axis=1)
    return int(found.sum()), int((result.claimed & ~real).sum())


def figure(table: Table) -> "Figure":
    """Share of the crystals found against dose, one panel a specimen."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        FONT_SIZE,
        PAGE_WIDTH,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    specimens = list(
        dict.fromkeys(zip(table.column("specimen"), table.column("positions"), strict=True))
    )
    drawn = new_figure(PAGE_WIDTH, 2.4)
    panels = drawn.subplots(1, len(specimens), sharey=True, squeeze=False)[0]
    for ax, (name, positions) in zip(panels, specimens, strict=True):
        of_specimen = table.where(specimen=name, positions=positions)
        for index, way in enumerate(dict.fromkeys(of_specimen.column("way").tolist())):
            curve = of_specimen.where(way=way)
            recall = curve.column("found").astype(float) / curve.column("crystals").astype(float)
            ax.plot(
                curve.column("e/pixel").astype(float),
                recall,
                marker="os^vD"[index % 5],
                markersize=3,
                linewidth=1,
                color=group_color(index),
                label=way,
            )
        ax.set_xscale("log")
        ax.set_ylim(-0.05, 1.05)
        ax.set_title(f"{name}, {positions} positions", fontsize=FONT_SIZE)
        tidy(ax, x="electrons per pixel", y="crystals found" if ax is panels[0] else "")
    panels[-1].legend(fontsize=SMALL_FONT_SIZE, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "tiles",
        __doc__.splitlines()[0],
        {
            "small": Settings(),
            "medium": MEDIUM_SETTINGS,
            "full": FULL_SETTINGS,
            "large": LARGE_SETTINGS,
        },
        study,
        figure,
    )
