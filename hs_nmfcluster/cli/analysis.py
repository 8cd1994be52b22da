"""The whole analysis of one scan: what the command line runs."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hs_nmfcluster.bridge import axes
from hs_nmfcluster.cli.steps import Steps
from hs_nmfcluster.factorization.constraints import Constraint
from hs_nmfcluster.materials.phases import match_phases
from hs_nmfcluster.report.findings import Asked, Findings
from hs_nmfcluster.report.subject import Groups
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.joining import cluster
from hs_nmfcluster.results.tree import ClusterTree
from hs_nmfcluster.scan import arguments as checks
from hs_nmfcluster.scan.survey import NoElectronsError
from hs_nmfcluster.scan.units import inverse_nm_per
from hs_nmfcluster.signals import NMFDiffraction2D

DEFAULT_COMPONENTS = 20


@dataclass(frozen=True)
class Options:
    """What can be chosen about an analysis.

    Radii are in the signal's unit, the centre in pixels, the beam's energy in kV (by default as the
    file says), the probe's size in nm; phases are CIF files.

    Raises
    ------
    TypeError, ValueError
        What needs no scan to be found wrong: numbers of components, restarts and groups, distance,
        energy, size of the probe.
    """

    n_components: int | None = None
    tiles: tuple[int, int] | str | None = "auto"
    weighting: Literal["auto", "poisson"] | None = "auto"
    restarts: int | None = None
    center: tuple[float, float] | None = None
    inner: float | None = None
    outer: float | None = None
    corrections: Literal["auto"] | None = "auto"
    distance: float | None = None
    n_groups: int | None = None
    constraints: tuple[Constraint, ...] = ()
    random_state: int = 0
    phases: tuple[str | os.PathLike[str], ...] = ()
    beam_energy: float | None = None
    probe_size: float | None = None
    particle_shape: Literal["auto", "disc", "sphere"] = "auto"
    max_memory: int | str | None = None
    checkpoint: str | os.PathLike[str] | None = None
    print_info: bool = True
    show_progressbar: bool | None = None

    def __post_init__(self) -> None:
        for name in ("n_components", "restarts", "n_groups"):
            if getattr(self, name) is not None:
                checks.check_whole_number(name, getattr(self, name))
        for name in ("distance", "probe_size"):
            if getattr(self, name) is not None:
                checks.check_positive(name, getattr(self, name))
        if self.beam_energy is not None:
            checks.check_beam_energy(self.beam_energy)
        most = None if isinstance(self.tiles, tuple) else self.n_components
        if most is not None and self.n_groups is not None and self.n_groups > most:
            raise ValueError(
                f"`n_groups` must be at most {most}, the number of components, got {self.n_groups}."
            )


def analyse(
    signal: NMFDiffraction2D, options: Options, steps: Steps, source: str = ""
) -> Iterator[Findings]:
    """Decompose a scan, order its components, cut the tree, and measure the groups.

    Parameters
    ----------
    signal
        The scan.
    options
        Choices; without a number of components the scan is factorized in neighbourhoods or, where
        constraints or `tiles` ask for the whole scan, into 20, or as many as the data allow.
    steps
        Does what follows the decomposition, step by step, and says what was found.
    source
        Where the scan comes from, in words.

    Yields
    ------
    Findings
        All that is known, each time that there is more. Without groups if there is a single
        component, the scan alone if all of it is dark.

    Raises
    ------
    TypeError, ValueError
        As the methods that it calls; what can be known before the long work is refused before.
    """
    check_phases(axes.detector_of(signal, (0.0, 0.0)).units, options)
    try:
        nmf = _decompose(signal, options, steps.say)
    except NoElectronsError as error:
        # A dark scan is a result too, and no reason to stop a row of runs.
        steps.complain(str(error))
        yield Findings(signal=signal, missing={"factorization": str(error)})
        return
    steps("factorization", lambda: steps.say(repr(nmf)))
    findings = Findings(
        signal=signal, factorization=nmf, source=source, beam_energy=options.beam_energy
    )
    yield findings
    if nmf.n_components < 2:
        steps.say("A single component is not clustered.")
    else:
        for more in _cluster(signal, findings, options, steps):
            findings = more
            yield findings
    residual = steps.told(
        "residual", nmf.residual, signal, show_progressbar=options.show_progressbar
    )
    yield replace(findings, residual=residual)


def _cluster(
    signal: NMFDiffraction2D, findings: Findings, options: Options, steps: Steps
) -> Iterator[Findings]:
    tree = steps.told(
        "tree",
        signal.hierarchical_cluster,
        findings.factorization,
        center=options.center,
        show_progressbar=options.show_progressbar,
    )
    if tree is not None:
        yield replace(findings, tree=tree)
        yield from cut(tree, findings, options, steps)


def cut(
    tree: ClusterTree, findings: Findings, options: Options, steps: Steps
) -> Iterator[Findings]:
    """Cut a tree and measure the groups.

    Parameters
    ----------
    tree
        The tree.
    findings
        What is known already.
    options
        Choices, of which those that concern the factorization are not looked at.
    steps
        Does it step by step, and says what was found.

    Yields
    ------
    Findings
        All that is known, each time that there is more.
    """
    groups = steps.told("groups", tree.cut, distance=options.distance, n_groups=options.n_groups)
    if groups is not None:
        yield from measure(groups, findings, options, steps)


def measure(
    groups: Groups, findings: Findings, options: Options, steps: Steps
) -> Iterator[Findings]:
    """Measure groups.

    Parameters
    ----------
    groups
        The groups.
    findings, options, steps
        As of `cut`.

    Yields
    ------
    Findings
        All that is known, each time that there is more.
    """
    missing: dict[str, str] = {}
    findings = replace(findings, groups=groups, missing=missing)
    yield findings
    asked = Asked(missing)
    for name, question in _questions(groups, options).items():
        answer: dict[str, Any] = {name: steps.told(name, asked, name, question)}
        findings = replace(findings, **answer)
        yield findings
    if options.phases and findings.spacings is not None:
        phases = steps.told(
            "phases", groups.match_phases, options.phases, spacings=findings.spacings
        )
        yield replace(findings, phases=phases)


def _questions(groups: Groups, options: Options) -> dict[str, Callable[[], Any]]:
    return {
        "spacings": lambda: groups.lattice_spacings(beam_energy=options.beam_energy),
        "sizes": lambda: groups.particle_sizes(
            probe_size=options.probe_size, shape=options.particle_shape
        ),
        "orientation": groups.orientation_map,
        "crystallinity": groups.crystallinity,
    }


def join(factorizations: Mapping[str, Factorization], options: Options) -> ClusterTree:
    """Cluster the components of several scans in one tree.

    Parameters
    ----------
    factorizations
        Of each scan, by its name.
    options
        Choices; those about the factorization have no effect.

    Raises
    ------
    TypeError, ValueError
        As `hs_nmfcluster.cluster`; if a phase is not understood, or spacings would not be known in
        nm.
    """
    if options.phases:
        match_phases([], options.phases)
    tree = cluster(
        list(factorizations.values()),
        names=list(factorizations),
        beam_energy=options.beam_energy,
        max_memory=options.max_memory,
        show_progressbar=options.show_progressbar,
    )
    check_phases(tree.grid.detector.units, options)
    return tree


def with_beam_energy(options: Options, signal: NMFDiffraction2D) -> Options:
    """Take the energy of the beam from the file, where none is chosen."""
    if options.beam_energy is not None:
        return options
    energy = signal.metadata.get_item("Acquisition_instrument.TEM.beam_energy", None)
    return replace(options, beam_energy=checks.known_beam_energy(energy))


def check_phases(units: str, options: Options) -> None:
    """Refuse what `Groups.match_phases` would refuse after the long work.

    Parameters
    ----------
    units
        Of the detector's axes.
    options
        With the phases and the beam's energy.

    Raises
    ------
    TypeError, ValueError
        If a phase is not understood, or spacings would not be known in nm.
    """
    if not options.phases:
        return
    match_phases([], options.phases)
    if inverse_nm_per(units, options.beam_energy) is None:
        energy = ", or give the beam's energy" if "rad" in units else ""
        raise ValueError(
            f"Phases need spacings in nm, but the detector's axes are in {units!r}: calibrate them"
            f"{energy}."
        )


def _decompose(
    signal: NMFDiffraction2D, options: Options, say: Callable[[str], None]
) -> Factorization:
    def decompose(n_components: int | Literal["auto"], tiles: Any) -> Factorization:
        return signal.decompose_als_nmf(
            n_components,
            tiles=tiles,
            weighting=options.weighting,
            restarts=options.restarts,
            center=options.center,
            signal_mask=(
                "auto" if options.inner is options.outer is None else (options.inner, options.outer)
            ),
            corrections=options.corrections,
            constraints=options.constraints or None,
            random_state=options.random_state,
            max_memory=options.max_memory,
            checkpoint=options.checkpoint,
            print_info=options.print_info,
            show_progressbar=options.show_progressbar,
        )

    if options.n_components is not None:
        return decompose(options.n_components, options.tiles)
    if options.tiles is not None and not options.constraints:
        return decompose("auto", options.tiles)
    n_components = DEFAULT_COMPONENTS
    while True:
        try:
            return decompose(n_components, None)
        except checks.TooManyComponentsError as error:
            n_components = error.allowed
            say(f"Components: {n_components}, as many as the data allow")
