"""Everything that is known about an analysis, gathered in one place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeVar

from hyperspy.signal import BaseSignal

from hs_nmfcluster.report.subject import (
    Crystallinity,
    DetectionLimit,
    Factorization,
    Groups,
    Orientation,
    Phases,
    RankStudy,
    Residual,
    Sizes,
    Spacings,
    Tree,
    Trust,
)
from hs_nmfcluster.scan.arguments import check_beam_energy

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Findings:
    """What an analysis found; None where something is not known.

    Parameters
    ----------
    signal
        The scan.
    factorization
        Its components.
    tree
        The tree of its components; of the groups, where there are any.
    groups
        The groups that a cut through the tree left.
    residual
        What the components leave of the scan.
    study
        The study of the number of components.
    spacings, sizes, orientation, crystallinity, phases
        What the groups say about the specimen.
    detection_limit, confirmation
        How far to trust that.
    source
        File or command that the scan comes from, where that is known better than the results do.
    beam_energy
        In kV, likewise.
    missing
        Why an answer could not be had, by the name of its field.
    """

    signal: BaseSignal | None = None
    factorization: Factorization | None = None
    tree: Tree | None = None
    groups: Groups | None = None
    residual: Residual | None = None
    study: RankStudy | None = None
    spacings: Spacings | None = None
    sizes: Sizes | None = None
    orientation: Orientation | None = None
    crystallinity: Crystallinity | None = None
    phases: Phases | None = None
    detection_limit: DetectionLimit | None = None
    confirmation: Trust | None = None
    source: str = ""
    beam_energy: float | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.groups is not None:
            object.__setattr__(self, "tree", self.groups.tree)

    @classmethod
    def of_groups(
        cls,
        groups: Groups,
        *,
        signal: BaseSignal | None = None,
        factorization: Factorization | None = None,
        study: RankStudy | None = None,
        spacings: Spacings | None = None,
        sizes: Sizes | None = None,
        candidates: object = None,
        detection_limit: DetectionLimit | None = None,
        confirmation: Trust | None = None,
        beam_energy: float | None = None,
        probe_size: float | None = None,
        particle_shape: Literal["auto", "disc", "sphere"] = "auto",
        show_progressbar: bool | None = None,
    ) -> Self:
        """Ask the groups everything that is not given.

        Parameters
        ----------
        groups
            The groups.
        signal, factorization, study, spacings, sizes, candidates, show_progressbar
            As in `Groups.report`.
        detection_limit, confirmation
            As in `Groups.report`.
        beam_energy, probe_size, particle_shape
            For `Groups.lattice_spacings` and `Groups.particle_sizes`, where these are asked.

        Raises
        ------
        TypeError, ValueError
            As `Factorization.residual` and `Groups.match_phases`; if the beam's energy is none.
        """
        if beam_energy is not None:
            check_beam_energy(beam_energy)
        missing: dict[str, str] = {}
        asked = Asked(missing)
        factorization = groups.tree.factorization if factorization is None else factorization
        residual = None
        if signal is not None and factorization is not None:
            residual = factorization.residual(signal, show_progressbar=show_progressbar)
        spacings = spacings or asked("spacings", groups.lattice_spacings, beam_energy=beam_energy)
        phases = None
        if candidates is not None:
            phases = groups.match_phases(candidates, spacings=spacings)
        return cls(
            signal=signal,
            factorization=factorization,
            groups=groups,
            residual=residual,
            study=study,
            spacings=spacings,
            sizes=sizes
            or asked("sizes", groups.particle_sizes, probe_size=probe_size, shape=particle_shape),
            orientation=asked("orientation", groups.orientation_map),
            crystallinity=asked("crystallinity", groups.crystallinity),
            phases=phases,
            detection_limit=detection_limit,
            confirmation=confirmation,
            missing=missing,
        )


@dataclass(frozen=True)
class Asked:
    """Asks questions that some groups cannot answer, and notes why.

    Parameters
    ----------
    missing
        Why an answer could not be had, by the name of the question.
    """

    missing: dict[str, str]

    def __call__(self, name: str, question: Callable[..., T], **arguments: Any) -> T | None:
        """Ask; None where there is no answer."""
        try:
            return question(**arguments)
        except ValueError as reason:
            self.missing[name] = str(reason)
            return None
