"""The whole analysis of one scan: what the command line runs."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hs_nmfcluster.bridge import axes
from hs_nmfcluster.factorization.constraints import Constraint
from hs_nmfcluster.materials.phases import match_phases
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.joining import cluster
from hs_nmfcluster.scan import arguments as checks
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
    restarts: int = 10
    center: tuple[float, float] | None = None
    inner: float | None = None
    outer: float | None = None
    distance: float | None = None
    n_groups: int | None = None
    constraints: tuple[Constraint, ...] = ()
    random_state: int = 0
    phases: tuple[str | os.PathLike[str], ...] = ()
    beam_energy: float | None = None
    probe_size: float | None = None
    max_memory: int | str | None = None
    checkpoint: str | os.PathLike[str] | None = None
    show_progressbar: bool | None = None

    def __post_init__(self) -> None:
        for name in ("n_components", "restarts", "n_groups"):
            if getattr(self, name) is not None:
                checks.check_whole_number(name, getattr(self, name))
        for name in ("distance", "beam_energy", "probe_size"):
            if getattr(self, name) is not None:
                checks.check_positive(name, getattr(self, name))
        most = self.n_components or DEFAULT_COMPONENTS
        if self.n_groups is not None and self.n_groups > most:
            raise ValueError(
                f"`n_groups` must be at most {most}, the number of components, got {self.n_groups}."
            )


def analyse(signal: NMFDiffraction2D, options: Options, say: Callable[[str], None]) -> Findings:
    """Decompose a scan, order its components, cut the tree, and measure the groups.

    Parameters
    ----------
    signal
        The scan.
    options
        Choices; without a number of components 20 are taken, or as many as the data allow.
    say
        Takes each line of what there is to say.

    Returns
    -------
    Findings
        Without groups if there is a single component.

    Raises
    ------
    TypeError, ValueError
        As the methods that it calls; what can be known before the long work is refused before.
    """
    options = replace(options, beam_energy=_beam_energy(signal, options))
    _check_phases(signal, options)
    nmf = _decompose(signal, options, say)
    say(repr(nmf))
    if nmf.n_components < 2:
        say("A single component is not clustered.")
        residual = nmf.residual(signal, show_progressbar=options.show_progressbar)
        return Findings(signal=signal, factorization=nmf, residual=residual)
    tree = signal.hierarchical_cluster(
        nmf, center=options.center, show_progressbar=options.show_progressbar
    )
    say(repr(tree))
    groups = tree.cut(distance=options.distance, n_groups=options.n_groups)
    say(repr(groups))
    findings = Findings.of_groups(
        groups,
        signal=signal,
        candidates=options.phases or None,
        beam_energy=options.beam_energy,
        probe_size=options.probe_size,
        show_progressbar=options.show_progressbar,
    )
    for found in (findings.spacings, findings.sizes, findings.phases, findings.residual):
        if found is not None:
            say(repr(found))
    return findings


def join(
    factorizations: Mapping[str, Factorization], options: Options, say: Callable[[str], None]
) -> tuple[Findings, dict[str, Findings]]:
    """Cluster the components of several scans in one tree, cut it, and measure the groups.

    Parameters
    ----------
    factorizations
        Of each scan, by its name.
    options
        Choices; those about the factorization have no effect.
    say
        Takes each line of what there is to say.

    Returns
    -------
    Findings
        Of all scans together.
    dict
        Findings in each scan, by its name.

    Raises
    ------
    TypeError, ValueError
        As `hs_nmfcluster.cluster` and the methods of the groups.
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
    say(repr(tree))
    groups = tree.cut(distance=options.distance, n_groups=options.n_groups)
    say(repr(groups))
    together, *each = (
        Findings.of_groups(
            of,
            candidates=options.phases or None,
            beam_energy=options.beam_energy,
            probe_size=options.probe_size,
        )
        for of in (groups, *groups.scans)
    )
    for found in (together.spacings, together.sizes, together.phases):
        if found is not None:
            say(repr(found))
    # What was factorized is written where it was.
    by_name = zip((scan.name for scan in tree.scans), each, strict=True)
    return together, {name: replace(found, factorization=None) for name, found in by_name}


def _beam_energy(signal: NMFDiffraction2D, options: Options) -> float | None:
    """Energy in kV as chosen, or as the file says."""
    if options.beam_energy is not None:
        return options.beam_energy
    energy = signal.metadata.get_item("Acquisition_instrument.TEM.beam_energy", None)
    return float(energy) if isinstance(energy, int | float) and energy > 0 else None


def _check_phases(signal: NMFDiffraction2D, options: Options) -> None:
    """Refuse what `Groups.match_phases` would refuse after the long work."""
    if not options.phases:
        return
    match_phases([], options.phases)
    units = axes.detector_of(signal, (0.0, 0.0)).units
    if inverse_nm_per(units, options.beam_energy) is None:
        energy = ", or give the beam's energy" if "rad" in units else ""
        raise ValueError(
            f"Phases need spacings in nm, but the detector's axes are in {units!r}: calibrate them"
            f"{energy}."
        )


def _ring_mask(signal: NMFDiffraction2D, options: Options) -> Any:
    if options.inner is None and options.outer is None:
        return "auto"
    inner = 0.0 if options.inner is None else options.inner
    outer = np.inf if options.outer is None else options.outer
    return signal.get_detector_mask(inner, outer, options.center)


def _decompose(
    signal: NMFDiffraction2D, options: Options, say: Callable[[str], None]
) -> Factorization:
    def decompose(n_components: int) -> Factorization:
        return signal.decompose_als_nmf(
            n_components,
            restarts=options.restarts,
            center=options.center,
            signal_mask=_ring_mask(signal, options),
            constraints=options.constraints,
            random_state=options.random_state,
            max_memory=options.max_memory,
            checkpoint=options.checkpoint,
            show_progressbar=options.show_progressbar,
        )

    if options.n_components is not None:
        return decompose(options.n_components)
    n_components = DEFAULT_COMPONENTS
    while True:
        try:
            return decompose(n_components)
        except checks.TooManyComponentsError as error:
            n_components = error.allowed
            say(f"Components: {n_components}, as many as the data allow")
