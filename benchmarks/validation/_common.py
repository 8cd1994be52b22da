"""What the validation studies share: specimens, scores, tables, the command line."""

import argparse
import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.simulation import Truth, linear_mixture
from hs_nmfcluster.validation import ComponentMatch, match_components

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.factorization import Factorization

#: Similarity from which a pair of found and true component counts, as in the tests.
FOUND = 0.5


@dataclass(frozen=True)
class Geometry:
    """Size of a simulated scan; the field of view of the detector is always the paper's.

    Attributes
    ----------
    scan
        Positions along each axis of a square scan.
    detector
        Pixels along each axis of a square detector.
    n_particles, angles_per_family, scan_step, diameter
        As for `linear_mixture`.
    """

    scan: int = 32
    detector: int = 64
    n_particles: int = 9
    angles_per_family: int = 3
    scan_step: float = 1.5
    diameter: float = 7.0

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of both simulations."""
        return {
            "scan_shape": (self.scan,) * 2,
            "detector_shape": (self.detector,) * 2,
            "pixel_size": 0.16 * 128 / self.detector,
            "n_particles": self.n_particles,
            "angles_per_family": self.angles_per_family,
            "scan_step": self.scan_step,
            "diameter": self.diameter,
        }

    def __str__(self) -> str:
        return f"{self.scan} x {self.scan} positions, {self.detector} x {self.detector} pixels"


SMALL = Geometry()
#: The paper's scan.
FULL = Geometry(58, 128, 24, 5)


def dose_for(geometry: Geometry, electrons_per_pixel: float) -> float:
    """Electrons per pattern that give the matrix this mean count in the pixels analysed."""
    _, truth = linear_mixture(**geometry.arguments, noise=False, lazy=True)
    return float(electrons_per_pixel / truth.patterns[0][~truth.detector_mask].mean())


def factorize(
    signal: Any, n_components: int, restarts: int, seed: int, **kwargs: Any
) -> "Factorization":
    """Decompose quietly by the default analysis, unless other arguments say otherwise."""
    found: Factorization = signal.decompose_als_nmf(
        n_components,
        **kwargs,
        restarts=restarts,
        random_state=seed,
        print_info=False,
        show_progressbar=False,
    )
    return found


def matched(factorization: "Factorization", truth: Truth) -> ComponentMatch:
    """Pair components by pattern and map, the halos taken out of the patterns."""
    return match_components(
        factorization.patterns.data,
        truth.patterns,
        factorization.maps.data,
        truth.maps,
        by="both",
        mask=factorization.detector_mask,
        background=truth.patterns[~truth.crystalline],
    )


def located(
    factorization: "Factorization", truth: Truth
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Components that are true crystals, and these, by their maps alone."""
    match = match_components(
        np.nan_to_num(factorization.patterns.data),
        truth.patterns,
        np.nan_to_num(np.asarray(factorization.maps.data)),
        truth.maps,
        by="maps",
    )
    good = (match.scores >= FOUND) & truth.crystalline[match.true]
    return match.found[good], match.true[good]


def found_labels(match: ComponentMatch, truth: Truth, n_components: int) -> NDArray[np.int64]:
    """Family of each component, 0 where it is paired with no crystal."""
    labels = np.zeros(n_components, dtype=np.int64)
    good = match.scores >= FOUND
    labels[match.found[good]] = truth.labels[match.true[good]]
    return labels


@dataclass(frozen=True)
class Table:
    """Rows under named columns, floats with three digits.

    Attributes
    ----------
    columns
        Names.
    rows
        As long as `columns` each.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def __str__(self) -> str:
        cells = [[str(name) for name in self.columns]]
        cells += [[_shown(value) for value in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        texts = [all(isinstance(row[i], str) for row in self.rows) for i in range(len(widths))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if text else cell.rjust(width)
                for cell, width, text in zip(line, widths, texts, strict=True)
            ).rstrip()
            for line in cells
        )

    def column(self, name: str) -> NDArray[Any]:
        """All values of one column."""
        return np.array([row[self.columns.index(name)] for row in self.rows])

    def where(self, **values: Any) -> "Table":
        """Only the rows that hold these values."""
        index = {self.columns.index(name): value for name, value in values.items()}
        chosen = [row for row in self.rows if all(row[i] == v for i, v in index.items())]
        return replace(self, rows=chosen)

    def write(self, path: Path) -> None:
        """Write as comma-separated values."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(self.rows)


def mean_and_spread(values: Iterable[float]) -> tuple[float, float]:
    """Mean and standard deviation over seeds, of those that are numbers."""
    known = np.array([value for value in values if np.isfinite(value)])
    return (float(known.mean()), float(known.std())) if known.size else (np.nan, np.nan)


def main(
    name: str,
    about: str,
    sizes: dict[str, Any],
    study: Callable[[Any], Table],
    figure: Callable[[Table], "Figure"],
    others: Mapping[str, Callable[[Any], "Figure"]] | None = None,
) -> None:
    """Run a study from the command line.

    Parameters
    ----------
    name
        Of the files written.
    about
        First line of the help.
    sizes
        Settings, a dataclass with the field ``seeds``, by name of the size.
    study, figure
        Make the table of some settings, and the figure of a table.
    others
        Further figures of some settings, by the names of their files.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seeds", type=int, help="number of seeds, 0, 1, ...")
    parser.add_argument("--size", choices=sorted(sizes), default="small")
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="DIR")
    arguments = parser.parse_args()
    settings = sizes[arguments.size]
    if arguments.seeds is not None:
        if arguments.seeds < 1:
            parser.error(f"--seeds must be 1 or larger, got {arguments.seeds}")
        settings = replace(settings, seeds=arguments.seeds)
    print(settings)
    table = study(settings)
    print(table)
    save(name, table, figure(table), arguments.output)
    for other, draw in (others or {}).items():
        draw(settings).savefig(arguments.output / f"{other}.png", dpi=150)


def save(name: str, table: Table, drawn: "Figure", folder: Path) -> None:
    """Write table and figure into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    table.write(folder / f"{name}.csv")
    drawn.savefig(folder / f"{name}.png", dpi=150)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "–" if np.isnan(value) else f"{value:.3g}"
    return str(value)
