"""What constraints of maps and patterns are worth: errors against the truth, over doses.

Both specimens are scanned in steps well below the probe's width, so that there is something beyond
the resolution, and factorized freely, under each constraint and under both. *Pattern error* is the
distance of a pattern, of unit norm, from all non-negative mixtures of the true patterns: a mixture
has no holes. *Map error* is likewise that of a map from all mixtures of the true maps. Both are
means over the components matched with a crystal and the one with the largest map, the matrix.
*True MSE* is that of the model against the data without noise, *MSE* against the data, both over
the MSE of a perfect model. *Holes* and *beyond* are what `Factorization.diagnose` says: intensity
missing in the holes of a pattern, and variance of a map beyond the resolution, in per cent, the
mean over all components. *ARI* compares the groups at the true number of groups with the true
families. The glass has speckle, which is no mixture, and weighs more than the noise in the MSE.

    python benchmarks/validation/constraints.py [--seeds N] [--size SIZE] [-o DIR]

The sizes ``weak`` and ``weaker`` are mixtures with crystals at the limit of what can be detected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import (
    FOUND,
    Geometry,
    Table,
    dose_for,
    factorize,
    found_labels,
    main,
    matched,
    mean_and_spread,
)
from numpy.typing import NDArray
from scipy.optimize import nnls

from hs_nmfcluster import MapResolution, SmoothPatterns
from hs_nmfcluster.simulation import Truth, linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.validation import adjusted_rand_index, recall_precision

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.factorization.constraints import Constraint
    from hs_nmfcluster.results.factorization import Factorization

SPECIMENS = {"linear_mixture": linear_mixture, "nanocrystals_in_glass": nanocrystals_in_glass}
#: Distance in nm that a probe of 0.5 mrad at 300 kV resolves, wavelength / (2 semi-angle).
LIMIT = 1.97
CONSTRAINTS: dict[str, list["Constraint"]] = {
    "none": [],
    "maps": [MapResolution(LIMIT)],
    "patterns": [SmoothPatterns()],
    "both": [MapResolution(LIMIT), SmoothPatterns()],
}
QUANTITIES = (
    "recall",
    "pattern error",
    "map error",
    "ARI",
    "true MSE",
    "MSE",
    "holes %",
    "beyond %",
    "passes",
)


#: Steps of less than half the limit.
FINE = Geometry(50, 80, scan_step=0.75, diameter=6.0)


@dataclass(frozen=True)
class Settings:
    """What is scanned.

    Attributes
    ----------
    geometry
        With steps that sample the probe.
    signal_fraction
        Of the linear mixture.
    """

    geometry: Geometry = FINE
    specimens: Sequence[str] = tuple(SPECIMENS)
    electrons_per_pixel: Sequence[float] = (3, 30, 300)
    signal_fraction: float = 0.05
    numbers: Sequence[int] = (10, 15)
    restarts: int = 5
    seeds: int = 2


FULL_SETTINGS = Settings(
    Geometry(80, 128, 24, 5, scan_step=0.75, diameter=6.0),
    electrons_per_pixel=(3, 10, 30, 100, 300),
    numbers=(16, 20, 30),
    restarts=10,
    seeds=5,
)

WEAK = Settings(
    specimens=("linear_mixture",),
    electrons_per_pixel=(3, 10, 30),
    signal_fraction=0.01,
    numbers=(10,),
    seeds=4,
)
WEAKER = replace(WEAK, electrons_per_pixel=(10, 30, 100), signal_fraction=0.005)


@dataclass(frozen=True)
class Scan:
    """Simulated counts, and what they would be without noise."""

    signal: Any
    expected: NDArray[np.float64]
    truth: Truth


def study(settings: Settings) -> Table:
    """Scores under every choice of constraints, means over seeds."""
    columns = ("specimen", "e/pixel", "n_k", "constraints", *QUANTITIES, "pattern error ±")
    rows: list[tuple[Any, ...]] = []
    for specimen in settings.specimens:
        found: dict[tuple[float, int, str], list[tuple[float, ...]]] = {}
        for seed in range(settings.seeds):
            for electrons, scan in _scans(settings, specimen, seed):
                for number in settings.numbers:
                    for name, chosen in CONSTRAINTS.items():
                        result = factorize(
                            scan.signal, number, settings.restarts, seed, constraints=chosen
                        )
                        scores = found.setdefault((electrons, number, name), [])
                        scores.append(_scores(result, scan))
        for key, scores in sorted(found.items(), key=lambda item: item[0][:2]):
            means = [mean_and_spread(column)[0] for column in zip(*scores, strict=True)]
            spread = mean_and_spread(row[QUANTITIES.index("pattern error")] for row in scores)[1]
            rows.append((specimen, *key, *means, spread))
    return Table(columns, rows)


def _scans(settings: Settings, specimen: str, seed: int) -> Iterator[tuple[float, Scan]]:
    """One specimen at every dose; its expectation, which takes long, is simulated once."""
    arguments = settings.geometry.arguments | {"seed": seed}
    if specimen == "linear_mixture":
        arguments["signal_fraction"] = settings.signal_fraction
    unit = dose_for(settings.geometry, 1.0)
    ideal, truth = SPECIMENS[specimen](**arguments, dose=unit, noise=False)
    for electrons in settings.electrons_per_pixel:
        expected = electrons * ideal.data.astype(np.float64)
        signal = ideal._deepcopy_with_new_data(np.random.default_rng(seed).poisson(expected))
        yield electrons, Scan(signal, expected, truth)


def _scores(found: "Factorization", scan: Scan) -> tuple[float, ...]:
    """Give the quantities, in their order."""
    truth, kept = scan.truth, ~found.detector_mask
    match = matched(found, truth)
    crystals = match.found[(match.scores >= FOUND) & truth.crystalline[match.true]]
    counted = np.union1d(crystals, 0)
    patterns = found.patterns.data[:, kept]
    maps = found.maps.data.reshape(found.n_components, -1)
    model = (maps.T @ patterns).reshape(*truth.maps.shape[1:], -1)
    expected, counts = scan.expected[..., kept], scan.signal.data[..., kept]
    noise = np.mean((counts - expected) ** 2)
    diagnosis = found.diagnose(LIMIT)
    return (
        recall_precision(match, truth.crystalline, threshold=FOUND)[0],
        float(np.mean([_pattern_error(p, truth.patterns[:, kept]) for p in patterns[counted]])),
        float(np.mean([_map_error(m, truth.maps) for m in maps[counted]])),
        _group_score(found, scan),
        float(np.mean((model - expected) ** 2) / noise),
        float(found.mse / noise),
        100 * float(np.nanmean(diagnosis.missing)),
        100 * float(diagnosis.unresolved.mean()),
        float(found.passes),
    )


def _pattern_error(pattern: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    unit = true / np.linalg.norm(true, axis=1, keepdims=True)
    return float(nnls(unit.T, pattern / np.linalg.norm(pattern))[1])


def _map_error(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    basis = np.linalg.qr(true.reshape(len(true), -1).T)[0]
    return float(np.linalg.norm(found - basis @ (basis.T @ found)) / np.linalg.norm(found))


def _group_score(found: "Factorization", scan: Scan) -> float:
    truth = scan.truth
    families = found_labels(matched(found, truth), truth, found.n_components)
    crystals = families > 0
    if crystals.sum() < 2:
        return np.nan
    tree = scan.signal.hierarchical_cluster(found, show_progressbar=False)
    labels = tree.cut(n_groups=len(truth.spacings) + 1).labels
    return float(adjusted_rand_index(labels[crystals], families[crystals]))


def figure(table: Table) -> "Figure":
    """Errors against the dose, a line of panels for each specimen, at the first number."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        FONT_SIZE,
        PAGE_WIDTH,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    shown = ("pattern error", "map error", "true MSE", "recall")
    specimens = list(dict.fromkeys(table.column("specimen").tolist()))
    drawn = new_figure(PAGE_WIDTH, 0.4 + 1.7 * len(specimens))
    panels = drawn.subplots(len(specimens), len(shown), squeeze=False)
    for line, specimen in zip(panels, specimens, strict=True):
        of_specimen = table.where(specimen=specimen)
        number = of_specimen.column("n_k")[0]
        for ax, quantity in zip(line, shown, strict=True):
            for index, name in enumerate(CONSTRAINTS):
                curve = of_specimen.where(n_k=number, constraints=name)
                ax.plot(
                    curve.column("e/pixel"),
                    curve.column(quantity),
                    marker="os^d"[index],
                    markersize=3,
                    linewidth=1,
                    color=group_color(index),
                    label=name,
                )
            ax.set_xscale("log")
            ax.set_ylim(0, 1.05 if quantity == "recall" else None)
            ax.set_title(quantity, fontsize=FONT_SIZE)
            tidy(ax, x="electrons per pixel", y=specimen if ax is line[0] else "")
    drawn.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(CONSTRAINTS),
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
    )
    return drawn


def components(settings: Settings) -> "Figure":
    """Matrix and a crystal of the mixture: truth, PCA, NMF, and NMF under both constraints."""
    from hs_nmfcluster.plotting import draw_spectrum
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.panels import bare, draw_image
    from hs_nmfcluster.plotting.style import FONT_SIZE, PAGE_WIDTH
    from hs_nmfcluster.scan.units import PixelSize

    scan = _medium(settings, "linear_mixture")
    lines = _lines(scan, settings)
    drawn = new_figure(PAGE_WIDTH, PAGE_WIDTH / 6 * len(lines))
    panels = drawn.subplots(len(lines), 6, squeeze=False)
    pixel = PixelSize(settings.geometry.scan_step, settings.geometry.scan_step, "nm")
    for line, (name, (patterns, maps)) in zip(panels, lines.items(), strict=True):
        for kind in range(2):
            pattern, image, spectrum = line[3 * kind : 3 * kind + 3]
            for ax, values, colors in ((pattern, patterns[kind], 0), (image, maps[kind], 1)):
                cmap, norm = _colors(values, colors)
                draw_image(ax, values, cmap=cmap, norm=norm, pixel=PixelSize(), scale_bar=False)
            draw_spectrum(spectrum, maps[kind], pixel=pixel, limit=LIMIT)
        line[0].set_ylabel(name, fontsize=FONT_SIZE)
        bare(line[0])
    for column, title in enumerate(2 * ("pattern", "map", "spectrum of the map")):
        panels[0, column].set_title(title, fontsize=FONT_SIZE)
    return drawn


def _medium(settings: Settings, specimen: str) -> Scan:
    """Make the scan at the second dose."""
    scans = [scan for _, scan in _scans(settings, specimen, 0)]
    return scans[min(1, len(scans) - 1)]


def _colors(values: NDArray[np.float64], kind: int) -> tuple[str, Any]:
    """Colour map and scale: two-sided where there is less than nothing."""
    from matplotlib.colors import Normalize

    from hs_nmfcluster.plotting.panels import intensity_norm
    from hs_nmfcluster.plotting.style import MAP_CMAP, PATTERN_CMAP

    largest = float(np.nanmax(np.abs(values)))
    if np.nanmin(values) < -0.02 * largest:
        return "RdBu_r", Normalize(-largest, largest)
    return (MAP_CMAP if kind else PATTERN_CMAP), intensity_norm(values)


def _lines(
    scan: Scan, settings: Settings
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Two patterns and maps of each line of the figure."""
    truth, number = scan.truth, settings.numbers[0]
    masked = np.where(truth.detector_mask, np.nan, truth.patterns)
    lines = {"truth": (masked[:2], truth.maps[:2]), "PCA": _pca(scan)}
    for label, name in (("NMF", "none"), ("constrained NMF", "both")):
        found = factorize(scan.signal, number, settings.restarts, 0, constraints=CONSTRAINTS[name])
        match = matched(found, truth)
        crystal = int(match.found[match.true == 1][0])
        chosen = [0, crystal]
        lines[label] = (found.patterns.data[chosen], found.maps.data[chosen])
    return lines


def _pca(scan: Scan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leading two singular vectors of the data, signs so that most of a pattern is positive."""
    kept = ~scan.truth.detector_mask
    rows = scan.signal.data[..., kept].reshape(-1, kept.sum()).astype(np.float64)
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    signs = np.where((right[:2] ** 3).sum(axis=1) < 0, -1.0, 1.0)
    patterns = np.full((2, *kept.shape), np.nan)
    patterns[:, kept] = signs[:, None] * right[:2]
    maps = (signs * values[:2] * left[:, :2]).T
    return patterns, maps.reshape(2, *scan.signal.data.shape[:2])


def course(settings: Settings) -> "Figure":
    """Error of the best start against the iteration, all on the data, from random starts."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        FONT_SIZE,
        PAGE_WIDTH,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    drawn = new_figure(PAGE_WIDTH, 2.4)
    panels = drawn.subplots(1, len(settings.specimens), squeeze=False)[0]
    for ax, specimen in zip(panels, settings.specimens, strict=True):
        scan = _medium(settings, specimen)
        histories = {}
        for name, chosen in CONSTRAINTS.items():
            found = factorize(
                scan.signal,
                settings.numbers[0],
                settings.restarts,
                0,
                constraints=chosen,
                compression=None,
                solver="hals",
                tolerance=1e-9,
                max_iterations=60,
            )
            histories[name] = found.history[found.best_restart]
        least = histories["none"].min()
        for index, (name, history) in enumerate(histories.items()):
            ax.plot(
                np.arange(1, len(history) + 1),
                100 * (history / least - 1),
                color=group_color(index),
                linewidth=1,
                label=name,
            )
        ax.set_yscale("symlog", linthresh=0.1)
        ax.set_title(specimen, fontsize=FONT_SIZE)
        tidy(ax, x="iteration", y="MSE over the smallest (%)" if ax is panels[0] else "")
    panels[-1].legend(fontsize=SMALL_FONT_SIZE, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "constraints",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": FULL_SETTINGS, "weak": WEAK, "weaker": WEAKER},
        study,
        figure,
        {"constraints_components": components, "constraints_course": course},
    )
