"""Whether crystals are of their group's kind as surely as is said, and as many as is said.

Specimens are those of `defaults.py`, and weak ones, in which groups hold two kinds, or many
crystals are not seen. Each is factorized, clustered and cut at the defaults, and crystals whose
family is known (by their pattern as there, or else by their map) are compared with what
`Groups.membership` says.

* *said* and *is*: of crystals that are said to be of their group's kind so surely, the mean of what
  is said, and the share of the other members of their group that truly are of their family;
* *hold*: of groups that hold so many kinds, the share in which the true number of crystals of the
  family that most of its members are of lies within the limits; *one number* is the share of the
  groups for which both limits are the same.

    python benchmarks/validation/memberships.py [--seeds N] [--size small|full] [-o DIR]
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _common import Table, factorize, located, main
from defaults import FULL, SMALL, Specimen, families_of
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.groups import Groups

WEAK = (
    Specimen("linear", 3, 1, 1.3),
    Specimen("linear", 4, 2, 1.3, 0.03),
    Specimen("linear", 5, 1.5, 1.3, 0.04),
    Specimen("linear", 6, 3, 1.2, 0.03),
    Specimen("linear", 8, 5, 1.2, 0.03),
    Specimen("linear", 8, 2, 1.2),
    Specimen("zrcu", 2, 5e3, 1.3),
    Specimen("zrcu", 3, 1e4, 1.5),
    Specimen("zrcu", 4, 5e3, 1.3),
    Specimen("zrcu", 4, 2e4, 1.3),
    Specimen("gold", 3, 2e3, 1.3),
    Specimen("gold", 3, 3e4, 1.3),
    Specimen("gold", 4, 3e3, 1.3),
    Specimen("gold", 4, 1e4, 1.3),
)
#: Edges of what is said.
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 1.0)
#: Crystals from which on a share is drawn.
ENOUGH = 10


@dataclass(frozen=True)
class Settings:
    """What is simulated; the weak ones come after the others."""

    specimens: tuple[Specimen, ...] = SMALL
    weak: tuple[Specimen, ...] = WEAK[:2]
    restarts: int = 5
    seeds: int = 1
    first_seed: int = 0


class Found(NamedTuple):
    """Of crystals what is said and what is, ``(n, 2)``, and of groups two marks, ``(m, 2)``."""

    crystals: NDArray[np.float64]
    groups: NDArray[np.float64]


def study(settings: Settings) -> Table:
    """One row for each bin of what is said, and one of limits, of either sort of specimens."""
    rows: list[tuple[object, ...]] = []
    seeds = range(settings.first_seed, settings.first_seed + settings.seeds)
    for name, specimens in (("of defaults.py", settings.specimens), ("weak", settings.weak)):
        found = [_found(one, seed, settings.restarts) for one in specimens for seed in seeds]
        if found:
            crystals, groups = (np.concatenate(part) for part in zip(*found, strict=True))
            rows += _rows(name, crystals, groups)
    return Table(("specimens", "what", "number", "said", "is", "hold", "one number"), rows)


def _rows(
    name: str, crystals: NDArray[np.float64], groups: NDArray[np.float64]
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    places = np.digitize(crystals[:, 0], BINS[1:-1])
    for place, (low, high) in enumerate(pairwise(BINS)):
        inside = crystals[places == place]
        if len(inside):
            rows.append(
                (name, f"{low:g} to {high:g}", len(inside), *inside.mean(axis=0), np.nan, np.nan)
            )
    if len(groups):
        rows.append((name, "limits", len(groups), np.nan, np.nan, *groups.mean(axis=0)))
    return rows


def _found(specimen: Specimen, seed: int, restarts: int) -> Found:
    signal, truth = specimen.simulate(seed)
    n_components = max(2, round(specimen.factor * truth.n_components))
    nmf = factorize(signal, n_components, restarts, seed)
    families = families_of(nmf.patterns.data, truth, nmf.detector_mask)
    by_map, true = located(nmf, truth)
    seen = np.zeros(n_components, dtype=np.int64)
    seen[by_map] = truth.labels[true]
    families = np.where(families > 0, families, seen)
    groups = nmf.hierarchical_cluster(show_progressbar=False).cut()
    return Found(_of_crystals(groups, families), _of_groups(groups, families))


def _of_crystals(groups: "Groups", families: NDArray[np.int64]) -> NDArray[np.float64]:
    own = groups.membership.own
    known = np.isfinite(own) & (families > 0)
    pairs = []
    for k in np.flatnonzero(known):
        mates = known & (groups.labels == groups.labels[k])
        mates[k] = False
        if mates.any():
            pairs.append((own[k], float((families[mates] == families[k]).mean())))
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _of_groups(groups: "Groups", families: NDArray[np.int64]) -> NDArray[np.float64]:
    """Whether the limits hold, and whether both are the same."""
    own, limits = groups.membership.own, groups.membership.limits
    known = np.isfinite(own) & (families > 0)
    marks = []
    for number, members in enumerate(groups):
        kinds = families[members[known[members]]]
        if kinds.size:
            counts = np.bincount(kinds)
            # Of two kinds with as many members each, either is the group's.
            true = [
                (families[known] == kind).sum() for kind in np.flatnonzero(counts == counts.max())
            ]
            least, most = limits[number]
            marks.append((any(least <= n <= most for n in true), least == most))
    return np.array(marks, dtype=np.float64).reshape(-1, 2)


def figure(table: Table) -> "Figure":
    """Draw what is against what is said, where there are enough crystals to tell."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import COLUMN_WIDTH, group_color, tidy

    drawn = new_figure(COLUMN_WIDTH, COLUMN_WIDTH)
    ax = drawn.add_subplot()
    ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    for index, name in enumerate(dict.fromkeys(table.column("specimens").tolist())):
        rows = table.where(specimens=name)
        said, share = (rows.column(column).astype(float) for column in ("said", "is"))
        known = np.isfinite(said) & (rows.column("number").astype(int) >= ENOUGH)
        ax.plot(said[known], share[known], "o-", color=group_color(index), label=name)
    ax.set_xlim(0, 1.02)
    ax.set_ylim(0, 1.02)
    tidy(ax, x="said to be of its group's kind", y="members of the same family")
    ax.legend(frameon=False, loc="lower right")
    return drawn


if __name__ == "__main__":
    main(
        "memberships",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings(FULL, WEAK, seeds=2, first_seed=580)},
        study,
        figure,
    )
