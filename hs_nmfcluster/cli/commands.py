"""What the commands do."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from hs_nmfcluster import validation
from hs_nmfcluster.cli.analysis import (
    Options,
    analyse,
    check_phases,
    cut,
    measure,
    with_beam_energy,
)
from hs_nmfcluster.cli.analysis import (
    join as join_scans,
)
from hs_nmfcluster.cli.folder import check_no_result, file_name, output_folder, read_summary
from hs_nmfcluster.cli.outputs import Outputs
from hs_nmfcluster.cli.products import OF_NO_CUT
from hs_nmfcluster.cli.steps import Steps
from hs_nmfcluster.cli.wording import in_words_of_options
from hs_nmfcluster.factorization.constraints import Constraint, MapResolution, SmoothPatterns
from hs_nmfcluster.io.reading import open_scan
from hs_nmfcluster.io.storage import load
from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.subject import Groups
from hs_nmfcluster.report.summary import in_words
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.scans import unique_names
from hs_nmfcluster.results.tree import ClusterTree
from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.words import say

# What a summary says that needs the scan to be known.
_NUMBERS_OF_THE_SCAN = ("positions_standing_out",)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Analyse one file and give the summary."""
    chosen, steps = _chosen(options), _steps(options)
    folder = options.output or f"{Path(options.file).stem}_nmf"
    check_no_result(Path(options.file))
    signal, lines = open_scan(
        options.file,
        dataset=options.dataset,
        reader=options.reader,
        scan_shape=tuple(options.scan_shape) if options.scan_shape else None,
        skip_frames=options.skip_frames,
        flyback=options.flyback,
        transpose=options.transpose,
        max_memory=options.memory,
    )
    for line in lines:
        steps.say(in_words_of_options(line))
    source = str(Path(options.file).resolve())
    _, summary = _analyse(signal, chosen, options, steps, folder, source)
    return summary


def demo(options: argparse.Namespace) -> dict[str, Any]:
    """Analyse a simulated scan, compare with what was put in and give the summary."""
    chosen, steps = _chosen(options), _steps(options)
    steps.say("Simulating a metallic glass with crystallites ...")
    simulate = linear_mixture if options.specimen == "mixture" else nanocrystals_in_glass
    signal, truth = simulate()
    folder, source = options.output or "hs_nmfcluster_demo", f"demo --specimen {options.specimen}"
    findings, summary = _analyse(signal, chosen, options, steps, folder, source)
    compared = steps("comparison", _compare, findings, truth, steps)
    return summary | {"truth": compared, "failed": dict(steps.failed)}


def recut(options: argparse.Namespace) -> dict[str, Any]:
    """Cut a saved tree anew, without the scan, and give the summary."""
    steps, saved = _steps(options), Path(options.folder)
    before = read_summary(saved)
    nmf, tree = _saved(saved / "factorization.hspy"), _saved(saved / "tree.hspy")
    chosen = _cut_chosen(options, before, tree)
    tree.factorization = nmf
    folder = Path(options.output or saved)
    here = folder.resolve() == saved.resolve()
    source = str(before.get("source", "")) or str(saved.resolve())
    with output_folder(folder, source, overwrite=options.overwrite) as opened:
        kept = [name for name in before.get("files", ()) if here and Path(name).stem in OF_NO_CUT]
        about = {"source": source, "beam_energy_kv": chosen.beam_energy}
        about |= {name: before[name] for name in _NUMBERS_OF_THE_SCAN if here and name in before}
        outputs = Outputs(opened, about, steps, kept)
        findings = Findings(
            factorization=nmf, tree=tree, source=source, beam_energy=chosen.beam_energy
        )
        for more in cut(tree, findings, chosen, steps):
            findings = more
            outputs.keep(findings)
        if findings.groups is None:
            raise ValueError(f"The tree cannot be cut: {steps.failed['groups']}")
        return _finish(outputs, findings, options, steps, folder)


def _saved(path: Path) -> Any:
    wanted = {"factorization": Factorization, "tree": ClusterTree}[path.stem]
    if not path.exists():
        raise ValueError(
            f"{str(path.parent)!r} is no folder that `run` has written: it holds no {path.name}."
        )
    found = load(path)
    if not isinstance(found, wanted):
        raise ValueError(f"{path} holds no {wanted.__name__}.")
    return found


def _cut_chosen(
    options: argparse.Namespace, before: Mapping[str, Any], tree: ClusterTree
) -> Options:
    """Take what is chosen about a cut, the beam's energy by default as in the run before."""
    energy = before.get("beam_energy_kv") if options.beam_energy is None else options.beam_energy
    chosen = Options(
        n_components=len(tree),
        distance=options.distance,
        n_groups=options.groups,
        phases=tuple(options.phases),
        beam_energy=energy,
        probe_size=options.probe_size,
        particle_shape=options.particle_shape,
    )
    check_phases(tree.grid.detector.units, chosen)
    return chosen


def join(options: argparse.Namespace) -> dict[str, Any]:
    """Cluster the components of several analyses in one tree and give the summary."""
    steps, found = _steps(options), _named_factorizations(options)
    chosen = Options(
        n_components=sum(nmf.n_components for nmf in found.values()),
        distance=options.distance,
        n_groups=options.groups,
        phases=tuple(options.phases),
        beam_energy=options.beam_energy,
        probe_size=options.probe_size,
        particle_shape=options.particle_shape,
        max_memory=options.memory,
        show_progressbar=not options.quiet,
    )
    sources = [str(Path(path).resolve()) for path in options.results]
    source = " + ".join(sources)
    with ExitStack() as stack:
        path = Path(options.output or "hs_nmfcluster_join")
        opened = stack.enter_context(output_folder(path, source, overwrite=options.overwrite))
        folders = [
            stack.enter_context(output_folder(path / name, one, overwrite=options.overwrite))
            for name, one in zip(_folder_names(found), sources, strict=True)
        ]
        tree = join_scans(found, chosen)
        steps("tree", lambda: steps.say(repr(tree)))
        about = {"source": source, "beam_energy_kv": chosen.beam_energy}
        outputs = Outputs(opened, about, steps)
        findings = Findings(tree=tree)
        outputs.keep(findings)
        for more in cut(tree, findings, chosen, steps):
            findings = more
            outputs.keep(findings)
        if findings.groups is None:
            raise ValueError(f"The tree cannot be cut: {steps.failed['groups']}")
        scans = {}
        for name, one, folder, groups in zip(
            found, sources, folders, findings.groups.scans, strict=True
        ):
            own = steps.part(name)
            of_scan = Outputs(folder, {"scan": name, "source": one}, own)
            scans[name] = _in_scan(groups, of_scan, folder.path, chosen, options, own)
            steps.take_over(name, own)
        summary = _finish(outputs, findings, options, steps, path)
    steps.say(in_words(findings))
    return summary | {"scans": scans}


def _in_scan(
    groups: Groups,
    outputs: Outputs,
    folder: Path,
    chosen: Options,
    options: argparse.Namespace,
    steps: Steps,
) -> dict[str, Any]:
    """Measure groups in one scan of several. What was factorized is written where it was."""
    findings = Findings(groups=groups)
    for more in measure(groups, findings, chosen, steps):
        findings = more
        outputs.keep(findings)
    return _finish(outputs, findings, options, steps, folder)


def _named_factorizations(options: argparse.Namespace) -> dict[str, Factorization]:
    names = options.names or [_name_of(Path(path).resolve()) for path in options.results]
    if len(names) != len(options.results):
        raise ValueError(
            f"`--names` must be {len(options.results)}, one for each result, got {len(names)}."
        )
    found = [read_factorization(path) for path in options.results]
    return dict(zip(unique_names(names), found, strict=True))


def _folder_names(names: Iterable[str]) -> list[str]:
    """Folders of the scans; names that differ in signs only are numbered."""
    return [file_name(name) for name in unique_names([file_name(name) for name in names])]


def _analyse(
    signal: Any,
    chosen: Options,
    options: argparse.Namespace,
    steps: Steps,
    folder: str,
    source: str,
) -> tuple[Findings, dict[str, Any]]:
    chosen = with_beam_energy(chosen, signal)
    with output_folder(folder, source, overwrite=options.overwrite) as opened:
        about = {"source": source, "beam_energy_kv": chosen.beam_energy}
        outputs = Outputs(opened, about, steps)
        findings = Findings(signal=signal)
        for findings in analyse(signal, chosen, steps, source):
            outputs.keep(findings)
        summary = _finish(outputs, findings, options, steps, opened.path)
    if findings.groups is not None:
        steps.say(in_words(findings))
    return findings, summary


def _finish(
    outputs: Outputs,
    findings: Findings,
    options: argparse.Namespace,
    steps: Steps,
    folder: Path,
) -> dict[str, Any]:
    summary = outputs.finish(
        findings,
        formats=options.figure_format,
        report=options.report,
        emd=options.emd,
        show=not options.quiet,
    )
    steps.say(f"Written to {folder}: {', '.join(summary['files'])}")
    return {"folder": str(folder)} | summary


def _steps(options: argparse.Namespace) -> Steps:
    def complain(line: str) -> None:
        say(f"hs-nmfcluster: {in_words_of_options(line)}", sys.stderr)

    return Steps((lambda _: None) if options.quiet else say, complain)


def _name_of(path: Path) -> str:
    """Name of a scan: that of its folder, or of a file that is not called as all are."""
    path = path.parent if path.stem == "factorization" else path
    return path.name if path.is_dir() else path.stem


def read_factorization(path: str) -> Factorization:
    """Read a saved factorization, or that in a folder which ``run`` has written."""
    file = Path(path) / "factorization.hspy" if Path(path).is_dir() else Path(path)
    if Path(path).is_dir() and not file.exists():
        raise ValueError(f"The folder {path!r} holds no factorization.hspy, as `run` writes it.")
    found = load(file)
    if not isinstance(found, Factorization):
        raise ValueError(f"{str(file)!r} holds a {type(found).__name__}, no factorization.")
    return found


def _chosen(options: argparse.Namespace) -> Options:
    return Options(
        n_components=options.components,
        tiles=options.tiles,
        weighting=None if options.weighting == "none" else options.weighting,
        restarts=options.restarts,
        center=tuple(options.center) if options.center else None,
        inner=options.inner,
        outer=options.outer,
        corrections=None if options.corrections == "none" else options.corrections,
        distance=options.distance,
        n_groups=options.groups,
        constraints=_constraints(options),
        random_state=options.seed,
        phases=tuple(options.phases),
        beam_energy=options.beam_energy,
        probe_size=options.probe_size,
        particle_shape=options.particle_shape,
        max_memory=options.memory,
        checkpoint=options.checkpoint,
        print_info=not options.quiet,
        show_progressbar=not options.quiet,
    )


def _constraints(options: argparse.Namespace) -> tuple[Constraint, ...]:
    limit = options.map_resolution
    maps = () if limit is None else (MapResolution(limit),)
    return (*maps, SmoothPatterns()) if options.smooth_patterns else maps


def _compare(findings: Findings, truth: Any, steps: Steps) -> dict[str, float]:
    """Say how much of what the simulation put in was found."""
    nmf = findings.factorization
    if nmf is None:
        return {}
    match = validation.match_components(
        nmf.patterns.data,
        truth.patterns,
        nmf.maps.data,
        truth.maps,
        by="both",
        mask=nmf.detector_mask,
        background=truth.patterns[~truth.crystalline],
    )
    recall, _ = validation.recall_precision(match, truth.crystalline)
    steps.say(f"Crystals found: {recall:.0%} of {int(truth.crystalline.sum())}")
    compared = {"crystals_found": float(recall)}
    if findings.groups is not None:
        # What is nobody's counterpart is left of the matrix, between the crystals or on them.
        labels = np.zeros(nmf.n_components, dtype=int)
        labels[match.found] = np.where(match.scores > 0.5, truth.labels[match.true], 0)
        agreement = validation.adjusted_rand_index(findings.groups.labels, labels)
        steps.say(f"Groups against true families (adjusted Rand index, at most 1): {agreement:.2f}")
        compared["adjusted_rand_index"] = float(agreement)
    return compared


COMMANDS = {"run": run, "demo": demo, "recut": recut, "join": join}
