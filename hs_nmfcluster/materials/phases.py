"""Which reflections of known phases explain lattice spacings, and how much that says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot, log, log10

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.crystals import (
    Net,
    Reflections,
    candidates,
    net_of,
    reflections_of,
)
from hs_nmfcluster.materials.random_nets import (
    Mesh,
    chance_of_net,
    mesh_of,
    random_nets_explained,
)
from hs_nmfcluster.materials.spots import Spots
from hs_nmfcluster.materials.zones import Zone, count_directions, find_zone
from hs_nmfcluster.scan.arguments import check_positive, check_relative_error

#: Spacings count as explained within so many standard deviations.
WITHIN = 2.0
# Chance that a spacing comes from something else than the phase in question.
_FOREIGN = 0.05
# Share of a spacing within which the reflections of a phase are counted to say how dense they are.
_SURROUNDINGS = 0.1
# Spots lie on a ring within so much of its spacing.
_ON_RING = 0.02
# Camera constants that are tried, in standard deviations of its error.
_FACTORS = np.linspace(-2.5, 2.5, 21)
# Random spacings that tell what a score is worth, and how far each lies from a measured one at most
# (logarithm): as far as that the reflections of a phase are about as dense there.
_DRAWS, _SPREAD = 2000, 0.15


@dataclass(frozen=True)
class Explanation:
    """How one phase explains one measured spacing.

    Attributes
    ----------
    group
        Group in which the spacing was measured.
    d, sigma
        Measured spacing in nm and its uncertainty, that of the candidate's cell included.
    reflection
        Miller indices of the reflection nearest within the errors, an allowed one if there is any;
        None where the spacing stays unexplained; empty in plain tables.
    calculated
        Spacing of that reflection in nm; of the nearest of all where it stays unexplained.
    forbidden
        Whether the reflection is forbidden: then only double diffraction can show it.
    others
        Further allowed reflections within the errors.
    score
        What the spacing adds to the score of the phase.
    factor
        Camera constant that suits the phase best, over the given one: one for all spacings.
    """

    group: int
    d: float
    sigma: float
    reflection: str | None
    calculated: float
    forbidden: bool
    others: tuple[str, ...]
    score: float
    factor: float = 1.0

    @property
    def explained(self) -> bool:
        """Whether an allowed reflection lies within the errors."""
        return self.reflection is not None and not self.forbidden

    @property
    def deviation(self) -> float:
        """Measured over calculated spacing, less 1, in per cent, the factor taken off."""
        return 100.0 * (self.d / self.factor / self.calculated - 1.0)


@dataclass(frozen=True)
class NetFit:
    """How a phase explains the angles between those spots of a group whose spacings it explains.

    Attributes
    ----------
    zone
        Direction of the beam that explains the most; None where none does.
    n_directions, n_indexed
        Lines through the beam on which the spots lie, and those that the zone explains.
    mesh
        Spots that span the net.
    """

    zone: Zone | None
    n_directions: int
    n_indexed: int
    mesh: Mesh

    @property
    def complete(self) -> bool:
        """Whether the zone explains all of them."""
        return self.n_indexed == self.n_directions

    @property
    def score(self) -> float:
        """What the angles add to the score of the phase: each unexplained one costs."""
        return log10(_FOREIGN) * (self.n_directions - self.n_indexed)


@dataclass(frozen=True)
class Matches:
    """How phases explain spacings and nets of spots, and what that is worth.

    Attributes
    ----------
    explanations
        For each phase one `Explanation` for each measured spacing.
    chances
        For each group with spacings, and for all together (None), the chance that some candidate
        explains random spacings of the same number and errors as well as the best one explains
        these.
    nets
        For each phase and group how it explains the angles between spots, where they form a net.
    """

    explanations: dict[str, tuple[Explanation, ...]]
    chances: dict[int | None, float]
    nets: dict[tuple[str, int], NetFit]


def match_phases(
    spacings: Sequence[Sequence[tuple[float, float]]],
    given: object,
    *,
    spots: Sequence[Spots | None] = (),
    tolerance: float = 0.015,
    camera_error: float = 0.0,
) -> Matches:
    """Explain measured spacings by each of the candidate phases.

    Parameters
    ----------
    spacings
        For each group its spacings in nm, each with its standard uncertainty, that of the camera
        constant not included.
    given
        Candidates, see `Groups.match_phases`.
    spots
        For each group its spots in 1/nm, whose angles a phase with a cell is to explain too.
    tolerance
        Relative uncertainty of the candidates' spacings.
    camera_error
        Relative uncertainty of the camera constant, a factor that all spacings share.

    Raises
    ------
    TypeError, ValueError
        If there is no candidate, or one is not understood.

    Examples
    --------
    >>> from hs_nmfcluster.materials.crystals import Cell
    >>> found = match_phases([[(0.230, 0.001), (0.163, 0.001)]], {"B2": Cell(0.3262)})
    >>> [one.reflection for one in found.explanations["B2"]]
    ['(110)', '(200)']
    """
    tolerance = check_positive("tolerance", tolerance)
    camera_error = check_relative_error("camera_error", camera_error)
    named = candidates(given)
    groups = np.array([number for number, own in enumerate(spacings) for _ in own], dtype=np.intp)
    d = np.array([check_positive("spacing", d) for own in spacings for d, _ in own])
    sigma = np.array([float(sigma) for own in spacings for _, sigma in own])
    smallest = 0.85 * np.exp(-_SPREAD) * float(d.min(initial=0.1))
    phases = {name: reflections_of(name, one, smallest) for name, one in named.items()}
    explanations = {}
    for name, reflections in phases.items():
        factor = float(_best_factors(d[None], sigma, reflections, tolerance, camera_error)[1][0])
        explanations[name] = tuple(
            replace(
                explain(value / factor, error / factor, reflections, tolerance, int(group)),
                d=float(value),
                factor=factor,
            )
            for value, error, group in zip(d, sigma, groups, strict=True)
        )
    choices: list[int | None] = [None, *(int(group) for group in np.unique(groups))]
    chances = {}
    for group in choices if d.size else ():
        used = np.ones(d.size, dtype=bool) if group is None else groups == group
        chances[group] = _chance(
            d[used], sigma[used], list(phases.values()), tolerance, camera_error
        )
    nets = {name: net_of(one, smallest) for name, one in named.items()} if any(spots) else {}
    cells = {name: net for name, net in nets.items() if net is not None}
    fits = {
        (name, group): fit
        for name, net in cells.items()
        for group, fit in _fits(net, explanations[name], spots, tolerance).items()
    }
    return Matches(explanations, chances | _chances_of_nets(explanations, fits, cells), fits)


def _chances_of_nets(
    explanations: Mapping[str, Sequence[Explanation]],
    fits: Mapping[tuple[str, int], NetFit],
    cells: Mapping[str, Net],
) -> dict[int | None, float]:
    """Chances where a phase explains nets whole: their spacings are not independent of each other.

    That of all together only where one phase does so everywhere.
    """

    def whole(name: str, group: int) -> bool:
        of_group = [one for one in explanations[name] if one.group == group]
        fit = fits.get((name, group))
        return fit is not None and fit.complete and all(one.explained for one in of_group)

    def best(groups: Sequence[int]) -> str | None:
        """Phase with the highest score of those that explain some groups whole."""
        names = [name for name in cells if all(whole(name, group) for group in groups)]
        scores = [sum(one.score for one in explanations[n] if one.group in groups) for n in names]
        return names[int(np.argmax(scores))] if names else None

    groups = sorted({group for _, group in fits})
    named = {group: name for group in groups if (name := best([group])) is not None}
    if not named:
        return {}
    meshes = [fits[name, group].mesh for group, name in named.items()]
    explained = random_nets_explained(meshes, list(cells.values()))
    numbers = {name: number for number, name in enumerate(cells)}
    chances: dict[int | None, float] = {
        group: chance_of_net(explained[:, place], numbers[name])
        for place, (group, name) in enumerate(named.items())
    }
    everywhere = best(groups)
    if everywhere is not None:
        every = np.asarray(explained.all(axis=1))
        chances[None] = chance_of_net(every, numbers[everywhere])
    return chances


def _fits(
    net: Net,
    explanations: Sequence[Explanation],
    spots: Sequence[Spots | None],
    tolerance: float,
) -> dict[int, NetFit]:
    """How a phase explains the angles between spots of each group that shows a net of them."""
    found = {}
    for group, own in enumerate(spots):
        # Measured spacings over the camera constant that suits the phase are its own.
        explained = [one for one in explanations if one.group == group and one.explained]
        if own is None or not explained:
            continue
        rings = np.array([one.d for one in explained])
        on_rings = own[(np.abs(own.radius[:, None] * rings - 1) < _ON_RING).any(axis=1)]
        factor = explained[0].factor
        scaled = on_rings.scaled(factor)
        n_directions = count_directions(scaled)
        if n_directions < 2:
            continue
        zone = find_zone(scaled, net, tolerance)
        indexed = 0 if zone is None else count_directions(scaled[zone.indexed])
        found[group] = NetFit(zone, n_directions, max(indexed, 1), mesh_of(scaled, tolerance))
    return found


def _chance(
    d: NDArray[np.float64],
    sigma: NDArray[np.float64],
    phases: Sequence[Reflections],
    tolerance: float,
    camera_error: float,
) -> float:
    """How often some phase explains random spacings as well as the best one explains these.

    Random ones lie anywhere around the measured, so that reflections are as dense there; their
    errors are as large, as shares of them.
    """
    moves = np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, (_DRAWS, d.size))
    drawn = np.concatenate([d[None], d * np.exp(moves)])
    best = np.full(len(drawn), -np.inf)
    for reflections in phases:
        scores, _ = _best_factors(drawn, sigma / d, reflections, tolerance, camera_error, True)
        best = np.maximum(best, scores)
    return float((1 + (best[1:] >= best[0] - 1e-9).sum()) / (1 + _DRAWS))


def _best_factors(
    d: NDArray[np.float64],
    sigma: NDArray[np.float64],
    reflections: Reflections,
    tolerance: float,
    camera_error: float,
    relative: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Highest score of each row of spacings over all camera constants, and that constant.

    An unlikely constant costs what its probability says, so that none is better than that given
    without need.
    """
    deviations = _FACTORS if camera_error > 0 else np.zeros(1)
    total = np.hypot(sigma * (d if relative else 1.0), tolerance * d)
    scores = np.stack(
        [
            _scores(d * np.exp(-camera_error * away), total, reflections).sum(axis=1)
            - away**2 / 2 / log(10)
            for away in deviations
        ]
    )
    best = scores.argmax(axis=0)
    return scores.max(axis=0), np.exp(camera_error * deviations[best])


def _scores(
    d: NDArray[np.float64], total: NDArray[np.float64], reflections: Reflections
) -> NDArray[np.float64]:
    """Score of each spacing, as that of `explain`."""
    table = np.sort(reflections.d[~reflections.forbidden])
    scores = np.full(d.shape, log10(_FOREIGN))
    forbidden = np.sort(reflections.d[reflections.forbidden])
    for place in np.ndindex(d.shape[1:]):
        column = (slice(None), *place)
        values, errors = d[column], total[column]
        away = _nearest(table, values)
        explained = away <= WITHIN * errors
        doubly = ~explained & (_nearest(forbidden, values) <= WITHIN * errors)
        inside = np.searchsorted(table, values * (1 + _SURROUNDINGS), side="right")
        inside -= np.searchsorted(table, values / (1 + _SURROUNDINGS), side="left")
        density = inside / (2 * log(1 + _SURROUNDINGS))
        distance = np.maximum(away, errors) / values
        chance = -np.expm1(-2 * distance * np.maximum(density, 1e-9))
        scores[column] = np.where(
            explained, -np.log10(chance), np.where(doubly, 0.0, log10(_FOREIGN))
        )
    return scores


def _nearest(table: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each value from the nearest of a sorted table, inf if that is empty."""
    ends = np.concatenate([[-np.inf], table, [np.inf]])
    above = np.searchsorted(ends, values)
    return np.asarray(np.minimum(values - ends[above - 1], ends[above] - values))


def explain(
    d: float, sigma: float, reflections: Reflections, tolerance: float, group: int = 0
) -> Explanation:
    """Find the reflection of a phase that explains a spacing, and how much that says.

    The score is ``-log10(P)``, where P is the probability that a phase whose reflections lie as
    densely (counted within 10 % around the spacing), but at random, would have one as near, or
    within one standard deviation. A phase with many reflections thus gains little from each.
    A spacing that stays unexplained costs ``log10(0.05)``; one that only a forbidden reflection
    explains counts 0.

    Parameters
    ----------
    d, sigma
        Measured spacing and its uncertainty.
    reflections
        Of the phase.
    tolerance
        Relative uncertainty of the phase's own spacings (composition, strain).
    group
        Where the spacing was measured.

    Examples
    --------
    >>> from hs_nmfcluster.materials.crystals import Cell
    >>> found = explain(0.2290, 0.001, Cell(0.3262).reflections(0.15), 0.01)
    >>> found.reflection, round(found.deviation, 2)
    ('(110)', -0.72)
    """
    total = hypot(sigma, tolerance * d)
    if reflections.d.size == 0:
        return Explanation(group, d, total, None, np.nan, False, (), log10(_FOREIGN))
    away = np.abs(d - reflections.d)
    near = away <= WITHIN * total
    usable = near & ~reflections.forbidden
    pool = usable if usable.any() else near if near.any() else np.ones_like(near)
    best = int(np.flatnonzero(pool)[away[pool].argmin()])
    calculated = float(reflections.d[best])
    if not near.any():
        return Explanation(group, d, total, None, calculated, False, (), log10(_FOREIGN))
    label = reflections.labels[best]
    if not usable.any():
        return Explanation(group, d, total, label, calculated, True, (), 0.0)
    order = np.argsort(away, kind="stable")
    others = tuple(reflections.labels[k] for k in order if usable[k] and k != best)
    beside = np.abs(np.log(reflections.d / d)) <= log(1 + _SURROUNDINGS)
    density = (beside & ~reflections.forbidden).sum() / (2 * log(1 + _SURROUNDINGS))
    distance = max(abs(d - calculated), total) / d
    score = -log10(-np.expm1(-2 * distance * density))
    return Explanation(group, d, total, label, calculated, False, others, score)
