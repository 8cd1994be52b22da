"""Which reflections of known phases explain lattice spacings, and how much that says."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, log, log10

import numpy as np

from hs_nmfcluster.materials.crystals import Reflections, candidates, reflections_of
from hs_nmfcluster.scan.arguments import check_positive

#: Spacings count as explained within so many standard deviations.
WITHIN = 2.0
# Chance that a spacing comes from something else than the phase in question.
_FOREIGN = 0.05
# Share of a spacing within which the reflections of a phase are counted to say how dense they are.
_SURROUNDINGS = 0.1


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
    """

    group: int
    d: float
    sigma: float
    reflection: str | None
    calculated: float
    forbidden: bool
    others: tuple[str, ...]
    score: float

    @property
    def explained(self) -> bool:
        """Whether an allowed reflection lies within the errors."""
        return self.reflection is not None and not self.forbidden

    @property
    def deviation(self) -> float:
        """Measured over calculated spacing, less 1, in per cent."""
        return 100.0 * (self.d / self.calculated - 1.0)


def match_phases(
    spacings: Sequence[Sequence[tuple[float, float]]],
    given: object,
    *,
    tolerance: float = 0.015,
) -> dict[str, tuple[Explanation, ...]]:
    """Explain measured spacings by each of the candidate phases.

    Parameters
    ----------
    spacings
        For each group its spacings in nm, each with its standard uncertainty.
    given
        Candidates, see `Groups.match_phases`.
    tolerance
        Relative uncertainty of the candidates' spacings and of the camera constant.

    Returns
    -------
    dict
        For each phase one `Explanation` for each measured spacing.

    Raises
    ------
    TypeError, ValueError
        If there is no candidate, or one is not understood.

    Examples
    --------
    >>> from hs_nmfcluster.materials.crystals import Cell
    >>> found = match_phases([[(0.230, 0.001), (0.163, 0.001)]], {"B2": Cell(0.3262)})
    >>> [one.reflection for one in found["B2"]]
    ['(110)', '(200)']
    """
    tolerance = check_positive("tolerance", tolerance)
    named = candidates(given)
    measured = [
        (number, check_positive("spacing", d), float(sigma))
        for number, group in enumerate(spacings)
        for d, sigma in group
    ]
    smallest = 0.85 * min((d for _, d, _ in measured), default=0.1)
    explanations = {}
    for name, candidate in named.items():
        reflections = reflections_of(name, candidate, smallest)
        explanations[name] = tuple(
            explain(d, sigma, reflections, tolerance, group) for group, d, sigma in measured
        )
    return explanations


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
        Relative uncertainty of the phase's own spacings (composition, strain) and of the camera
        constant.
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
    distance = max(abs(log(d / calculated)), total / d)
    score = -log10(-np.expm1(-2 * distance * density))
    return Explanation(group, d, total, label, calculated, False, others, score)
