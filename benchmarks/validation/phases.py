"""Verdicts on phases: how often random spacings and nets are given one, and a phase its own.

Candidates are the four of the paper and a large cell without symmetry (P1, 1.0 x 1.2 x 1.5 nm),
which has a reflection near everything. *random* are spacings drawn between 0.1 and 0.32 nm; *B2*
are the largest of the B2 phase, which is among the candidates; *B2 and a stray one* have a random
one beside them. All are known to 0.3 %, drawn so, and the camera constant as well as told. Of the
*nets* all spots are known, within 8/nm, and candidates are gold and the paper's four. Told are the
shares in which the *right* phase was named alone, a *wrong* one alone, and *some*: one, or several
that are not distinguishable.

    python benchmarks/validation/phases.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING

import numpy as np
from _common import Table, main
from numpy.typing import NDArray

from hs_nmfcluster.materials import Cell
from hs_nmfcluster.materials.phases import match_phases
from hs_nmfcluster.materials.spots import Spots
from hs_nmfcluster.results.phases import PhaseMatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The paper names the phases; their cells are those of `tests/materials/test_phases.py`.
CANDIDATES = {
    "ZrCu B2": Cell(0.3262, space_group="Pm-3m"),
    "ZrCu B19'": Cell(0.3278, 0.4161, 0.5245, beta=103.9, space_group="P2_1/m"),
    "Zr2Cu": Cell(0.32204, c=1.11832, space_group="I4/mmm"),
    "AlCu2Zr": Cell(0.6216, space_group="Fm-3m"),
    "P1": Cell(1.0, 1.2, 1.5),
}
GOLD = Cell(0.4078, space_group="Fm-3m")
RIGHT = "ZrCu B2"
KINDS = ("random", RIGHT, f"{RIGHT} and a stray one")
NETS = ("oblique", "rectangular", "square", "hexagonal")
#: Relative uncertainty of spacings.
ERROR = 0.003


@dataclass(frozen=True)
class Settings:
    """What is drawn.

    Attributes
    ----------
    numbers
        Of spacings, a stray one included.
    camera_errors
        Relative uncertainty of the camera constant.
    draws, nets
        Sets of spacings, and nets, of each kind.
    seeds
        Repetitions.
    """

    numbers: Sequence[int] = (3, 4)
    camera_errors: Sequence[float] = (0.0,)
    draws: int = 500
    nets: int = 100
    seeds: int = 1


def study(settings: Settings) -> Table:
    """One row for each kind, number of spacings and uncertainty of the camera constant."""
    columns = ("spacings", "number", "camera %", "draws", "right", "wrong", "some")
    rows = []
    seeds = range(settings.seeds)
    for kind, number, camera in product(KINDS, settings.numbers, settings.camera_errors):
        named = [_verdicts(kind, number, camera, settings.draws, seed) for seed in seeds]
        rows.append((kind, number, 100 * camera, *_shares(chain(*named), RIGHT in kind)))
    for kind in NETS:
        named = [_verdicts_on_nets(kind, settings.nets, seed) for seed in seeds]
        rows.append((f"{kind} net", np.nan, 0.0, *_shares(chain(*named), False)))
    return Table(columns, rows)


def _shares(verdicts: Iterable[tuple[str, ...]], known: bool) -> tuple[float, ...]:
    """Count verdicts, and say which shares of them are right, wrong, and any at all."""
    named = list(verdicts)
    right = np.mean([phases == (RIGHT,) for phases in named]) if known else 0.0
    one, some = np.mean([len(p) == 1 for p in named]), np.mean([len(p) > 0 for p in named])
    return len(named), right if known else np.nan, one - right, some


def _verdicts(
    kind: str, number: int, camera: float, draws: int, seed: int
) -> list[tuple[str, ...]]:
    """Phases that are named for each set of spacings."""
    rng = np.random.default_rng((seed, number))
    found = []
    for _ in range(draws):
        d = _drawn(kind, number, rng) * np.exp(camera * rng.normal())
        measured = [[(float(one), ERROR * float(one)) for one in d]]
        match = match_phases(measured, CANDIDATES, camera_error=camera)
        found.append(PhaseMatch(match.explanations, 1, match.chances).best(0))
    return found


def _verdicts_on_nets(kind: str, draws: int, seed: int) -> list[tuple[str, ...]]:
    """Phases that are named for each net."""
    rng = np.random.default_rng(seed)
    known = {name: cell for name, cell in CANDIDATES.items() if name != "P1"}
    found = []
    for _ in range(draws):
        spots = _net(kind, rng)
        rings = np.unique(spots.radius.round(3))
        measured = [[(1 / r, ERROR / r) for r in rings.tolist()]]
        match = match_phases(measured, known | {"gold": GOLD}, spots=[spots])
        found.append(PhaseMatch(match.explanations, 1, match.chances, match.nets).best(0))
    return found


def _net(kind: str, rng: np.random.Generator) -> Spots:
    """Spots of a net that is none of a phase."""
    first, second = rng.uniform(2.5, 4.5), rng.uniform(2.5, 5.0)
    if kind in ("square", "hexagonal"):
        second = first
    angle = {"oblique": rng.uniform(60.0, 90.0), "hexagonal": 60.0}.get(kind, 90.0)
    n, m = np.mgrid[-3:4, -3:4]
    z = (n * first + m * second * np.exp(1j * np.deg2rad(angle))).ravel()
    z = z[(np.abs(z) > 0) & (np.abs(z) < 8)]
    return Spots(z.real, z.imag, np.full(z.size, 0.02), 1 / np.abs(z), np.ones(z.size))


def _drawn(kind: str, number: int, rng: np.random.Generator) -> NDArray[np.float64]:
    random = rng.uniform(0.1, 0.32, number)
    if RIGHT not in kind:
        return random
    own = CANDIDATES[RIGHT].reflections(0.1).d[: number - ("stray" in kind)]
    measured = own * (1 + ERROR * rng.normal(size=own.size))
    return np.append(measured, random[: number - own.size])


def figure(table: Table) -> "Figure":
    """Shares of right and of wrong verdicts of each kind."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import PAGE_WIDTH, group_color, tidy

    kinds = list(dict.fromkeys(table.column("spacings").tolist()))
    drawn = new_figure(PAGE_WIDTH, 0.25 * len(kinds) + 0.9)
    ax = drawn.add_subplot()
    places = [kinds.index(kind) for kind in table.column("spacings")]
    for index, name in enumerate(("right", "wrong")):
        values = table.column(name).astype(float)
        ax.plot(values, places, "o", markersize=4, color=group_color(index), label=name)
    ax.axvline(0.05, color="0.6", linewidth=0.8)
    ax.set_yticks(range(len(kinds)), kinds)
    ax.set_ylim(len(kinds) - 0.5, -0.5)
    tidy(ax, x="share of verdicts")
    ax.legend(frameon=False)
    return drawn


if __name__ == "__main__":
    main(
        "phases",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings((2, 3, 4, 5, 6), (0.0, 0.01), nets=300)},
        study,
        figure,
    )
