"""Which known phases explain the lattice spacings of groups (the paper's discussion of Fig. 7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hs_nmfcluster.materials.phases import Explanation, NetFit
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.words import counted, group_name

if TYPE_CHECKING:
    from pandas import DataFrame

# Chance above which an explanation is none, and difference of scores below which two are alike.
_BY_CHANCE, _MARGIN = 0.03, 1.0
_COLUMNS = (
    "phase",
    "group",
    "spacing",
    "sigma",
    "reflection",
    "calculated",
    "deviation_percent",
    "deviation_sigma",
    "forbidden",
    "others",
    "score",
)


@dataclass(frozen=True, repr=False)
class PhaseMatch(Tabular):
    """Candidate phases ranked by how they explain the spacings of groups.

    Made by `Groups.match_phases`.

    Attributes
    ----------
    explanations : dict
        For each phase one `Explanation` for each measured spacing.
    n_groups : int
        Number of groups, those without spots included.
    chances : dict
        For each group with spacings, and for all together (None), the chance that some candidate
        explains random spacings of the same number and errors as well.
    nets : dict
        For each phase and group how it explains the angles between spots, where they form a net.

    Examples
    --------
    >>> from hs_nmfcluster.materials.crystals import Cell
    >>> from hs_nmfcluster.materials.phases import match_phases
    >>> from hs_nmfcluster.results.phases import PhaseMatch
    >>> measured = [[], [(d, 0.001) for d in (0.3258, 0.230, 0.163, 0.1332, 0.1154)]]
    >>> found = match_phases(measured, {"B2": Cell(0.3262), "other": [0.230]})
    >>> match = PhaseMatch(found.explanations, 2, found.chances)
    >>> match.ranking()
    ['B2', 'other']
    """

    explanations: Mapping[str, tuple[Explanation, ...]]
    n_groups: int
    chances: Mapping[int | None, float]
    nets: Mapping[tuple[str, int], NetFit] = field(default_factory=dict)

    def of(self, phase: str, group: int | None = None) -> tuple[Explanation, ...]:
        """How a phase explains the spacings of one group, or of all.

        Parameters
        ----------
        phase
            Name of the phase.
        group
            Number of the group; by default all of them.

        Returns
        -------
        tuple of Explanation

        Examples
        --------
        >>> [one.reflection for one in match.of("B2", 1)]
        ['(100)', '(110)', '(200)', '(211)', '(220)']
        """
        found = self.explanations[phase]
        return tuple(one for one in found if group is None or one.group == group)

    def score(self, phase: str, group: int | None = None) -> float:
        """Add up the scores of the spacings, see `Explanation`, and of the angles, see `NetFit`.

        Parameters
        ----------
        phase
            Name of the phase.
        group
            Number of the group; by default all of them together.

        Returns
        -------
        float

        Examples
        --------
        >>> match.score("B2") > match.score("other")
        True
        """
        angles = sum(
            net.score
            for (name, own), net in self.nets.items()
            if name == phase and (group is None or own == group)
        )
        return sum(one.score for one in self.of(phase, group)) + angles

    def zone_axis(self, phase: str, group: int) -> str | None:
        """Direction of the beam in a phase, from the angles between the spots of a group.

        Parameters
        ----------
        phase
            Name of the phase.
        group
            Number of the group.

        Returns
        -------
        str or None
            Like ``"[110]"``, up to symmetry; None where the spots form no net, or no direction
            explains all of them.

        Examples
        --------
        >>> match.zone_axis("B2", 1) is None
        True
        """
        net = self.nets.get((phase, group))
        if net is None or net.zone is None or net.n_indexed < net.n_directions:
            return None
        return net.zone.label

    def n_explained(self, phase: str, group: int | None = None) -> int:
        """Count the spacings that allowed reflections of a phase explain.

        Parameters
        ----------
        phase
            Name of the phase.
        group
            Number of the group; by default all of them together.

        Returns
        -------
        int

        Examples
        --------
        >>> match.n_explained("other")
        1
        """
        return sum(one.explained for one in self.of(phase, group))

    def unexplained(self, phase: str, group: int | None = None) -> tuple[float, ...]:
        """Measured spacings in nm that no allowed reflection of a phase explains.

        Parameters
        ----------
        phase
            Name of the phase.
        group
            Number of the group; by default all of them together.

        Returns
        -------
        tuple of float

        Examples
        --------
        >>> match.unexplained("other")
        (0.3258, 0.163, 0.1332, 0.1154)
        """
        return tuple(one.d for one in self.of(phase, group) if not one.explained)

    def ranking(self, group: int | None = None) -> list[str]:
        """Names of the phases, the highest score first.

        Parameters
        ----------
        group
            Number of the group; by default all of them together.

        Returns
        -------
        list of str

        Examples
        --------
        >>> match.ranking(1)
        ['B2', 'other']
        """
        return sorted(self.explanations, key=lambda phase: -self.score(phase, group))

    def best(self, group: int | None = None) -> tuple[str, ...]:
        """Phases with the highest score; more than one are **not distinguishable**.

        Their scores, logarithms of probabilities, lie within a factor of ten of the highest. Empty
        where no phase explains any, or none explains the spacings better than chance does: random
        spacings of the same number and errors are explained as well in more than 3 % of cases.

        Parameters
        ----------
        group
            Number of the group; by default all of them together.

        Returns
        -------
        tuple of str

        Examples
        --------
        >>> match.best()
        ('B2',)
        """
        if self.chance(group) > _BY_CHANCE:
            return ()
        ranked = self.ranking(group)
        highest = self.score(ranked[0], group)
        return tuple(p for p in ranked if self.score(p, group) > max(highest - _MARGIN, 0.0))

    def chance(self, group: int | None = None) -> float:
        """Chance that some candidate explains random spacings as well as the best does these.

        Parameters
        ----------
        group
            Number of the group; by default all of them together.

        Returns
        -------
        float
            1 where there are no spacings.

        Examples
        --------
        >>> match.chance(1) < 0.03
        True
        """
        return self.chances.get(group, 1.0)

    def verdict(self, group: int | None = None) -> str:
        """Say the answer in words.

        Parameters
        ----------
        group
            Number of the group; by default all of them together.

        Returns
        -------
        str

        Examples
        --------
        >>> match.verdict(0), match.verdict(1)
        ('no spots', 'B2 (5 of 5 spacings)')
        """
        number = len(self.of(next(iter(self.explanations)), group))
        if number == 0:
            return "no spots"
        first = self.ranking(group)[0]
        if self.n_explained(first, group) == 0:
            return "none of the candidates"
        count = f"{self.n_explained(first, group)} of {number} spacings"
        best = self.best(group)
        together = self.best() if group is not None else ()
        if not best and group is not None and len(together) == 1:
            axis = self.zone_axis(together[0], group)
            if axis is not None:
                return f"{together[0]} along {axis}, as all groups together"
        if not best:
            return f"none better than chance ({first}: {count})"
        if len(best) > 1:
            return f"{', '.join(best)} not distinguishable ({count})"
        axis = None if group is None else self.zone_axis(best[0], group)
        return f"{best[0]} ({count})" if axis is None else f"{best[0]} along {axis} ({count})"

    def __repr__(self) -> str:
        phases, groups = len(self.explanations), self.n_groups
        lines = [f"<Match of {counted(phases, 'phase')} with {counted(groups, 'group')}"]
        lines += [f"  {group_name(group)}: {self.verdict(group)}" for group in range(self.n_groups)]
        lines.append(f"  all groups: {self.verdict()}")
        for phase in self.ranking():
            lines.append(f"  {phase}: score {self.score(phase):.2f}")
            lines += [f"    {_written(one)}" for one in self.explanations[phase]]
        return "\n".join(lines) + ">"

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each phase and measured spacing, the best phase first.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> match.to_dataframe()["phase"].tolist()
        ['B2', 'B2', 'B2', 'B2', 'B2', 'other', 'other', 'other', 'other', 'other']
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        rows: list[dict[str, Any]] = [
            {
                "phase": phase,
                "group": group_name(one.group),
                "spacing": one.d,
                "sigma": one.sigma,
                "reflection": one.reflection,
                "calculated": one.calculated,
                "deviation_percent": one.deviation,
                "deviation_sigma": (one.d / one.factor - one.calculated) / one.sigma,
                "forbidden": one.forbidden,
                "others": " ".join(one.others),
                "score": one.score,
            }
            for phase in self.ranking()
            for one in self.explanations[phase]
        ]
        return Table(_COLUMNS, rows)


def _written(one: Explanation) -> str:
    if one.reflection is None:
        return f"{one.d:.4f} nm: unexplained"
    label = one.reflection or f"{one.calculated:.4f} nm"
    mark = ", forbidden: double diffraction?" if one.forbidden else ""
    others = f"; also {', '.join(one.others)}" if any(one.others) else ""
    return (
        f"{one.d:.4f} nm: {label} at {one.calculated:.4f} nm ({one.deviation:+.1f} %{mark}){others}"
    )
