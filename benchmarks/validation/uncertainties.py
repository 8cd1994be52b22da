"""Whether what is said to be uncertain by so much is: lattice spacings and in-plane angles.

Each specimen is factorized, clustered and measured at the defaults, and what was measured of the
groups that hold one family is compared with the truth. *Pull* is the root mean square of the errors
over their uncertainties, which is 1 if these are right, *in 2 sigma* the share of the errors within
twice their uncertainty, 95 % if they are right and errors are Gaussian. Spacings are those of rings
with a per cent of the intensity, against the nearest true one; those farther than 3 % from any are
counted as *unlisted*: by multiple scattering a crystal may show spots that its structure forbids.
Angles are those of all crystals but the first of each group, from which they are counted.

    python benchmarks/validation/uncertainties.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import Table, located, main
from numpy.typing import NDArray

from hs_nmfcluster.simulation import Truth, linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.validation import spacing_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.groups import Groups

SIMULATIONS = {"discs": linear_mixture, "spheres": nanocrystals_in_glass}
# Share of a group's intensity from which on a ring is looked at, and how far a true one may be.
_STRONG, _UNLISTED = 0.01, 0.03


@dataclass(frozen=True)
class Settings:
    """What is simulated: doses in electrons per pattern, and size of scan and detector."""

    specimens: Sequence[str] = tuple(SIMULATIONS)
    doses: Sequence[float] = (1.5e6, 5e4, 5e3)
    scan: int = 40
    detector: int = 128
    seeds: int = 2
    first_seed: int = 100


def study(settings: Settings) -> Table:
    """One row for each specimen and dose, all seeds together."""
    columns = ("specimen", "dose", "spacings", "in 2 sigma", "pull", "unlisted")
    columns += ("angles", "angles in 2 sigma", "angles' pull", "median sigma °")
    rows = []
    for name in settings.specimens:
        for dose in settings.doses:
            spacings: list[float] = []
            angles: list[tuple[float, float]] = []
            for seed in range(settings.first_seed, settings.first_seed + settings.seeds):
                measured = _measured(name, dose, seed, settings)
                spacings.extend(_spacing_pulls(*measured))
                angles.extend(_angle_errors(*measured))
            rows.append((name, dose, *_scores(np.array(spacings)), *_of_angles(angles)))
    return Table(columns, rows)


Families = dict[int, list[tuple[int, int]]]


def _measured(
    name: str, dose: float, seed: int, settings: Settings
) -> tuple["Groups", Families, Truth]:
    """Give groups, and of those with one family the components and their true crystals."""
    signal, truth = SIMULATIONS[name](
        (settings.scan,) * 2,
        (settings.detector,) * 2,
        pixel_size=0.16 * 128 / settings.detector,
        n_particles=9,
        angles_per_family=3,
        dose=dose,
        seed=seed,
    )
    nmf: Any = signal.decompose_als_nmf(random_state=seed, print_info=False, show_progressbar=False)
    groups = nmf.hierarchical_cluster(show_progressbar=False).cut()
    pairs: Families = {}
    for k, true in zip(*(found.tolist() for found in located(nmf, truth)), strict=True):
        pairs.setdefault(int(groups.labels[k]), []).append((k, true))
    alike = {
        group: those
        for group, those in pairs.items()
        if len({truth.families[true] for _, true in those}) == 1
    }
    return groups, alike, truth


def _spacing_pulls(groups: "Groups", families: Families, truth: Truth) -> Iterator[float]:
    found = groups.lattice_spacings()
    for group, those in families.items():
        strong = [one for one in found[group] if one.intensity >= _STRONG]
        if strong:
            true = truth.spacings[truth.families[those[0][1]]]
            errors = spacing_errors([one.d for one in strong], true)
            for one, error in zip(strong, errors.tolist(), strict=True):
                yield error * one.d / one.sigma if abs(error) < _UNLISTED else np.inf


def _angle_errors(
    groups: "Groups", families: Families, truth: Truth
) -> Iterator[tuple[float, float]]:
    """Errors and uncertainties of the angles between the first crystal of a group and others."""
    found = groups.orientation_map()
    for those in families.values():
        period = 360.0 / truth.symmetry[truth.families[those[0][1]]]
        zero = [(k, true) for k, true in those if found.sigma[k] == 0]
        for k, true in those:
            if zero and found.sigma[k] > 0:
                right = truth.angles[true] - truth.angles[zero[0][1]]
                error = (found.angles[k] - right + period / 2) % period - period / 2
                yield float(error), float(found.sigma[k])


def _scores(pulls: NDArray[np.float64]) -> tuple[Any, ...]:
    listed = pulls[np.isfinite(pulls)]
    if not listed.size:
        return (0, np.nan, np.nan, pulls.size)
    inside = float((np.abs(listed) <= 2).mean())
    return listed.size, inside, float(np.sqrt(np.mean(listed**2))), pulls.size - listed.size


def _of_angles(angles: Sequence[tuple[float, float]]) -> tuple[Any, ...]:
    if not angles:
        return (0, np.nan, np.nan, np.nan)
    errors, sigmas = np.array(angles).T
    number, inside, pull, _ = _scores(errors / sigmas)
    return number, inside, pull, float(np.median(sigmas))


def figure(table: Table) -> "Figure":
    """Shares within two uncertainties against the dose."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import COLUMN_WIDTH, group_color, tidy

    drawn = new_figure(COLUMN_WIDTH, 2.6)
    ax = drawn.add_subplot()
    for index, name in enumerate(dict.fromkeys(table.column("specimen").tolist())):
        rows = table.where(specimen=name)
        for column, line in (("in 2 sigma", "o-"), ("angles in 2 sigma", "s--")):
            label = f"{name}, {'angles' if 'angles' in column else 'spacings'}"
            shares = 100 * rows.column(column).astype(float)
            ax.plot(
                rows.column("dose").astype(float), shares, line, c=group_color(index), label=label
            )
    ax.axhline(95, color="0.6", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_ylim(0, 103)
    tidy(ax, x="electrons per pattern", y="within 2 σ (%)")
    ax.legend(frameon=False, loc="lower right")
    return drawn


if __name__ == "__main__":
    main(
        "uncertainties",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": Settings(scan=58, seeds=5)},
        study,
        figure,
    )
