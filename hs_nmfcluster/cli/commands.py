"""What the commands do."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hs_nmfcluster import validation
from hs_nmfcluster.cli import analysis, outputs
from hs_nmfcluster.cli.analysis import Options, analyse
from hs_nmfcluster.factorization.constraints import Constraint, MapResolution, SmoothPatterns
from hs_nmfcluster.io.reading import load_scan
from hs_nmfcluster.io.storage import load
from hs_nmfcluster.report import Findings
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.scans import unique_names
from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Analyse one file and give the summary."""
    chosen = _chosen(options)
    folder = options.output or f"{Path(options.file).stem}_nmf"
    signal, found = load_scan(
        options.file,
        dataset=options.dataset,
        scan_shape=tuple(options.scan_shape) if options.scan_shape else None,
    )
    print(found)
    _, summary = _analyse(signal, chosen, options, folder)
    return summary


def demo(options: argparse.Namespace) -> dict[str, Any]:
    """Analyse a simulated scan, compare with what was put in and give the summary."""
    chosen = _chosen(options)
    print("Simulating a metallic glass with crystallites ...")
    simulate = linear_mixture if options.specimen == "mixture" else nanocrystals_in_glass
    signal, truth = simulate()
    findings, summary = _analyse(signal, chosen, options, options.output or "hs_nmfcluster_demo")
    return summary | {"truth": _compare(findings, truth)}


def join(options: argparse.Namespace) -> dict[str, Any]:
    """Cluster the components of several analyses in one tree and give the summary."""
    chosen = Options(
        distance=options.distance,
        phases=tuple(options.phases),
        beam_energy=options.beam_energy,
        probe_size=options.probe_size,
        max_memory=options.memory,
        show_progressbar=not options.quiet,
    )
    if options.groups is not None:
        # How many components there are, and so groups at most, the tree knows.
        chosen = replace(chosen, n_components=options.groups, n_groups=options.groups)
    names = options.names or [_name_of(Path(path).resolve()) for path in options.results]
    if len(names) != len(options.results):
        raise ValueError(
            f"`--names` must be {len(options.results)}, one for each result, got {len(names)}."
        )
    found = [read_factorization(path) for path in options.results]
    path = outputs.make_folder(options.output or "hs_nmfcluster_join")
    by_name = dict(zip(unique_names(names), found, strict=True))
    together, each = analysis.join(by_name, chosen, print)
    how = {"formats": options.figure_format, "report": options.report}
    summary = outputs.write(together, path, **how)
    folders = {name: outputs.make_folder(path / outputs.file_name(name)) for name in each}
    scans = {name: outputs.write(each[name], folder, **how) for name, folder in folders.items()}
    print(f"Written to {path}: {', '.join(summary['files'])}")
    print(f"of each scan to {', '.join(str(folder) for folder in folders.values())}")
    return {"folder": str(path)} | summary | {"scans": scans}


def _analyse(
    signal: Any, chosen: Options, options: argparse.Namespace, folder: str
) -> tuple[Findings, dict[str, Any]]:
    path = outputs.make_folder(folder)
    findings = analyse(signal, chosen, print)
    summary = outputs.write(findings, path, formats=options.figure_format, report=options.report)
    print(f"Written to {path}: {', '.join(summary['files'])}")
    return findings, {"folder": str(path)} | summary


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
        restarts=options.restarts,
        center=tuple(options.center) if options.center else None,
        inner=options.inner,
        outer=options.outer,
        distance=options.distance,
        n_groups=options.groups,
        constraints=_constraints(options),
        random_state=options.seed,
        phases=tuple(options.phases),
        beam_energy=options.beam_energy,
        probe_size=options.probe_size,
        max_memory=options.memory,
        checkpoint=options.checkpoint,
        show_progressbar=not options.quiet,
    )


def _constraints(options: argparse.Namespace) -> tuple[Constraint, ...]:
    limit = options.map_resolution
    maps = () if limit is None else (MapResolution(limit),)
    return (*maps, SmoothPatterns()) if options.smooth_patterns else maps


def _compare(findings: Findings, truth: Any) -> dict[str, float]:
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
    print(f"Crystals found: {recall:.0%} of {int(truth.crystalline.sum())}")
    compared = {"crystals_found": float(recall)}
    if findings.groups is not None:
        # What is nobody's counterpart is left of the matrix, between the crystals or on them.
        labels = np.zeros(nmf.n_components, dtype=int)
        labels[match.found] = np.where(match.scores > 0.5, truth.labels[match.true], 0)
        agreement = validation.adjusted_rand_index(findings.groups.labels, labels)
        print(f"Groups against true families (adjusted Rand index, at most 1): {agreement:.2f}")
        compared["adjusted_rand_index"] = float(agreement)
    return compared


COMMANDS = {"run": run, "demo": demo, "join": join}
