"""The detection limit that a scan predicts, and the true one of specimens like it.

*Predicted*: `s.detection_limit()` of a simulated scan of nine particles of three families, 7 nm
large. *True*: in scans of other seeds eight more particles are simulated, of diameters between two
and twelve nanometres, and it is counted which of them the default analysis reports, by place and
pattern. Particles of the linear mixture take a share of the electrons that is proportional to their
diameter; what those of the atomic model take follows from their atoms.

A prediction is right where its half-recall diameter is within 15 % of the true one, and its limits
hold where they overlap with the limits of the true one.

    python benchmarks/validation/detection_limit.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import Table, main
from numpy.typing import NDArray

from hs_nmfcluster.materials.apertures import ring_means
from hs_nmfcluster.materials.recall import RecallFit
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation import Particle, linear_mixture, nanocrystals_in_glass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Step of the scan in nm, positions along each axis, and diameter of the particles that it has.
STEP, SIDE, DIAMETER = 1.5, 48, 7.0
#: Diameters of those that are counted.
SIZES = np.geomspace(2.0, 12.0, 8)
FAMILIES = {"linear": ("A", "B", "C"), "atoms": ("[001]", "[010]", "[111]")}


@dataclass(frozen=True)
class Specimen:
    """What is simulated.

    Attributes
    ----------
    kind
        ``"linear"`` or ``"atoms"``.
    dose
        Electrons a pattern.
    fraction
        Share that a particle of 7 nm takes (linear).
    """

    kind: str
    dose: float
    fraction: float = 0.05

    def simulate(self, seed: int, *, tested: bool) -> tuple[Any, Any]:
        """Scan and truth; the last particles are those that are counted, where there are any."""
        rng = np.random.default_rng(seed)
        sizes = np.concatenate([np.full(9, DIAMETER), rng.permutation(SIZES) if tested else []])
        places = _places(rng, sizes / 2 / STEP)
        names = FAMILIES[self.kind]
        particles = [
            Particle(
                names[n % 3], float(rng.uniform(0, 180)), tuple(at), d, self.fraction * d / DIAMETER
            )
            for n, (at, d) in enumerate(zip(places.tolist(), sizes.tolist(), strict=True))
        ]
        simulate = linear_mixture if self.kind == "linear" else nanocrystals_in_glass
        return simulate(
            (SIDE, SIDE),
            (64, 64),
            particles=particles,
            pixel_size=0.32,
            scan_step=STEP,
            dose=self.dose,
            seed=seed,
            # The mixture blurs edges only: what a wider probe leaves of a small disc it has not.
            **({"probe_width": 1.0} if self.kind == "linear" else {}),
        )

    def __str__(self) -> str:
        return f"{self.kind}, {self.dose:g} e" + (
            f", {100 * self.fraction:g} %" if self.kind == "linear" else ""
        )


SMALL = (Specimen("linear", 2e5), Specimen("atoms", 1.5e6))
FULL = (
    Specimen("linear", 2e4),
    Specimen("linear", 2e4, 0.15),
    Specimen("linear", 2e5),
    Specimen("linear", 2e5, 0.02),
    Specimen("linear", 2e6),
    Specimen("linear", 2e6, 0.01),
    Specimen("atoms", 5e4),
    Specimen("atoms", 2e5),
    Specimen("atoms", 1.5e6),
)


@dataclass(frozen=True)
class Settings:
    """What is studied; `tested` scans tell the truth of each specimen."""

    specimens: tuple[Specimen, ...] = SMALL
    seeds: int = 2
    tested: int = 10


def study(settings: Settings) -> Table:
    """One row for each prediction."""
    columns = ("specimen", "seed", "true", "true low", "true high", "predicted", "low", "high")
    columns += ("ratio", "hold", "false", "time")
    rows: list[tuple[Any, ...]] = []
    for specimen in settings.specimens:
        true = _truth(specimen, settings.tested)
        for seed in range(settings.seeds):
            rows.append((str(specimen), seed, *_row(specimen, seed, true)))
            print(rows[-1], flush=True)
    table = Table(columns, rows)
    ratios, true, low, high, time = (
        table.column(name).astype(float) for name in ("ratio", "true", "low", "high", "time")
    )
    print(
        f"within 15 %: {(np.abs(ratios - 1) <= 0.15).sum()} of {len(ratios)}; limits overlap: "
        f"{(table.column('hold') == 'yes').sum()}; hold the true diameter itself: "
        f"{((low <= true) & (true <= high)).sum()}; median ratio {np.median(ratios):.3g}; CPU time "
        f"over that of the analysis {np.median(time):.2g}, at most {time.max():.2g}"
    )
    return table


def _row(specimen: Specimen, seed: int, true: tuple[float, float, float]) -> Iterator[Any]:
    signal, _ = specimen.simulate(1000 + seed, tested=False)
    start = process_time()
    groups = _analysed(signal, seed)
    groups.particle_sizes()
    between = process_time()
    limit = signal.detection_limit(groups, random_state=seed, show_progressbar=False)
    end = process_time()
    low, half, high = limit.diameter()
    yield from (true[1], true[0], true[2], half, low, high, half / true[1])
    yield "yes" if low <= true[2] and high >= true[0] else "no"
    yield sum(limit.false_positives)
    yield (end - between) / (between - start)


def _truth(specimen: Specimen, tested: int) -> tuple[float, float, float]:
    """Diameter of half recall in scans whose particles are known, between its limits."""
    sizes, found = [], []
    for seed in range(tested):
        signal, truth = specimen.simulate(seed, tested=True)
        reported = _reported(_analysed(signal, seed))
        for number in range(9, len(truth.particle_positions)):
            sizes.append(truth.particle_diameters[number])
            found.append(_is_reported(number, truth, reported))
    return RecallFit.of(np.array(sizes), np.array(found)).diameter()


def _analysed(signal: Any, seed: int) -> Any:
    nmf = signal.decompose_als_nmf(random_state=seed, print_info=False, show_progressbar=False)
    return signal.hierarchical_cluster(nmf, show_progressbar=False).cut()


def _reported(groups: Any) -> list[tuple[Any, NDArray[np.floating]]]:
    """Particles of crystals, and the pattern of each."""
    sizes, patterns = groups.particle_sizes(), groups.tree.patterns.data
    crystals = [g for g in range(len(groups)) if g not in groups.matrix]
    return [(p, patterns[p.component]) for g in crystals for p in sizes[g].particles]


def _is_reported(number: int, truth: Any, reported: list[tuple[Any, Any]]) -> bool:
    x, y = STEP * truth.particle_positions[number]
    true = truth.patterns[truth.particle_components[number]]
    diameter = truth.particle_diameters[number]
    for one, pattern in reported:
        reach = max(np.fmax(diameter, one.diameter) / 2, STEP)
        if np.hypot(one.x - x, one.y - y) <= reach and _alike(pattern, true, truth):
            return True
    return False


def _alike(found: NDArray[np.floating], true: NDArray[np.floating], truth: Any) -> bool:
    kept = np.isfinite(found) & ~truth.detector_mask
    detector = Detector(kept.shape, truth.center)
    a, b = ((p - ring_means(p, kept, detector))[kept] for p in (found, true))
    return bool(a @ b > 0.5 * np.linalg.norm(a) * np.linalg.norm(b))


def _places(rng: np.random.Generator, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middles ``(x, y)`` in positions that leave two steps between particles."""
    while True:
        places = np.full((len(radii), 2), np.inf)
        for number in np.argsort(-radii):
            for _ in range(500):
                at = rng.uniform(radii[number] + 1, SIDE - 2 - radii[number], 2)
                away = np.hypot(*(places - at).T)
                if (away > radii + radii[number] + 2).all():
                    places[number] = at
                    break
        if np.isfinite(places).all():
            return places


def figure(table: Table) -> "Figure":
    """Predicted against true diameters of half recall."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import COLUMN_WIDTH, group_color, tidy

    drawn = new_figure(COLUMN_WIDTH, COLUMN_WIDTH)
    ax = drawn.add_subplot()
    names = list(dict.fromkeys(table.column("specimen").tolist()))
    for number, name in enumerate(names):
        own = table.where(specimen=name)
        true, half = (own.column(c).astype(float) for c in ("true", "predicted"))
        error = [half - own.column("low").astype(float), own.column("high").astype(float) - half]
        ax.errorbar(
            true,
            half,
            error,
            fmt="o",
            markersize=3,
            elinewidth=0.6,
            color=group_color(number),
            label=name,
        )
    ends = np.array([table.column("true").min(), table.column("true").max()], dtype=float)
    ends *= [0.8, 1.25]
    ax.plot(ends, ends, color="0.5", linewidth=0.8)
    ax.fill_between(ends, 0.85 * ends, 1.15 * ends, color="0.5", alpha=0.15, linewidth=0)
    tidy(ax, x="true diameter of half recall (nm)", y="predicted (nm)")
    ax.legend(fontsize=6, frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "detection_limit",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings(FULL)},
        study,
        figure,
    )
