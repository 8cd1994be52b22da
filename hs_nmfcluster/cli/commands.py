"""Command line: ``hs-nmfcluster run FILE`` and ``hs-nmfcluster demo``.

Exit codes: 0 = done, 2 = the file or an argument cannot be used (one line on stderr says why),
130 = interrupted from the keyboard.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hs_nmfcluster import __version__

if TYPE_CHECKING:
    from hs_nmfcluster.cli.analysis import Options
    from hs_nmfcluster.factorization.constraints import Constraint
    from hs_nmfcluster.report import Findings

_EXIT_CODES = """exit codes:
  0    done
  2    the file or an argument cannot be used; one line on stderr says why
  130  interrupted from the keyboard; no file is left half-written
"""
_EXAMPLES = """examples:
  hs-nmfcluster run scan.mib -o results -k 20 --restarts 10 --report
  hs-nmfcluster demo --report
"""
_RUN_EXAMPLES = """examples:
  hs-nmfcluster run scan.mib -o results -k 20 --restarts 10 --report
  hs-nmfcluster run scan.tvips --scan-shape 128 64 --center 255.5 250
  hs-nmfcluster run scan.blo --inner 1.2 --outer 9 --groups 4
  hs-nmfcluster run scan.hspy --phases B2.cif B19.cif --figure-format svg pdf
  hs-nmfcluster run scan.mib --quiet --json > summary.json
"""
_DEMO_EXAMPLES = """examples:
  hs-nmfcluster demo
  hs-nmfcluster demo -o glass --specimen atoms --report
  hs-nmfcluster demo -k 16 --seed 1 --figure-format png svg
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments
        As typed, without the program's name; by default from ``sys.argv``.

    Returns
    -------
    int
        Exit code.

    Examples
    --------
    >>> main(["run", "no_such_file.mib"])
    2
    """
    options = _parser().parse_args(arguments)
    try:
        # The summary alone goes to stdout, so that a pipe gets nothing but JSON.
        with redirect_stdout(sys.stderr) if options.json else nullcontext():
            summary = options.command(options)
        if options.json:
            from hs_nmfcluster.cli.outputs import as_json

            print(as_json(summary), end="")
        return 0
    except (ValueError, TypeError, OSError) as error:
        print(f"hs-nmfcluster: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nhs-nmfcluster: interrupted; no file is left half-written.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hs-nmfcluster",
        description="Unsupervised analysis of 4D-STEM scans: which diffraction patterns is a "
        "scan made of, where is each, and which are the same crystal only rotated?",
        epilog=f"{_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="analyse one file",
        description="Analyse one file, in chunks, whatever its size.",
        epilog=f"{_RUN_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.set_defaults(command=_run)
    run.add_argument("file", metavar="FILE", help="any format that HyperSpy reads")
    run.add_argument(
        "--dataset", type=int, metavar="N", help="which signal of a file that holds several"
    )
    run.add_argument(
        "--scan-shape",
        type=int,
        nargs=2,
        metavar=("NX", "NY"),
        help="scan shape of a file that knows only a series of patterns",
    )
    demo = commands.add_parser(
        "demo",
        help="analyse a simulated metallic glass",
        description="Analyse a simulated scan of a metallic glass with rotated crystallites, "
        "and compare with what was put in.",
        epilog=f"{_DEMO_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.set_defaults(command=_demo)
    demo.add_argument(
        "--specimen",
        choices=("mixture", "atoms"),
        default="mixture",
        help="an exact mixture of known patterns (default), or scattering by the atoms of "
        "nanocrystals in glass, which takes some times longer to simulate",
    )
    for command in (run, demo):
        _add_options(command)
    return parser


def _add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("-o", "--output", metavar="DIR", help="folder for the results (default: NAME_nmf here)")
    add("-k", "--components", type=int, metavar="K", help="number of components (default: 20)")
    add("--restarts", type=int, default=10, metavar="N", help="random starts (default: 10)")
    add("--center", type=float, nargs=2, metavar=("X", "Y"), help="beam centre in pixels")
    unit = "of the ring of pixels to use, in the signal's unit"
    add("--inner", type=float, metavar="R", help=f"inner radius {unit}")
    add("--outer", type=float, metavar="R", help=f"outer radius {unit}")
    add(
        "--map-resolution",
        type=float,
        metavar="D",
        help="limit maps to what the probe resolves: a distance in the unit of the scan axes",
    )
    add("--smooth-patterns", action="store_true", help="allow no unnatural drops in patterns")
    cut = command.add_mutually_exclusive_group()
    cut.add_argument("--distance", type=float, metavar="D", help="cut the tree at this distance")
    cut.add_argument("--groups", type=int, metavar="N", help="cut the tree into N groups")
    add("--seed", type=int, default=0, metavar="N", help="seed of the random starts (default: 0)")
    add(
        "--phases", nargs="+", default=[], metavar="CIF", help="known phases to match spacings with"
    )
    add(
        "--beam-energy",
        type=float,
        metavar="KV",
        help="for detector axes in mrad (default: of the file)",
    )
    add(
        "--probe-size", type=float, metavar="NM", help="full width of the probe, for particle sizes"
    )
    add(
        "--report", action="store_true", help="write report.html: figures, tables, what to distrust"
    )
    add(
        "--figure-format",
        nargs="+",
        choices=("png", "svg", "pdf"),
        default=["png"],
        metavar="FORMAT",
        help="png, svg, pdf; one or several (default: png)",
    )
    add(
        "--memory", metavar="SIZE", help='most to take, like "4 GB" (default: half of what is free)'
    )
    add(
        "--checkpoint",
        metavar="DIR",
        help="folder to keep the state in; the same command goes on from there",
    )
    add("--json", action="store_true", help="print the summary as JSON, all else to stderr")
    add("-q", "--quiet", action="store_true", help="no progress bars")


def _run(options: argparse.Namespace) -> dict[str, Any]:
    from hs_nmfcluster.io.reading import load_scan

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


def _demo(options: argparse.Namespace) -> dict[str, Any]:
    from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass

    chosen = _chosen(options)
    print("Simulating a metallic glass with crystallites ...")
    simulate = linear_mixture if options.specimen == "mixture" else nanocrystals_in_glass
    signal, truth = simulate()
    findings, summary = _analyse(signal, chosen, options, options.output or "hs_nmfcluster_demo")
    return summary | {"truth": _compare(findings, truth)}


def _analyse(
    signal: Any, chosen: "Options", options: argparse.Namespace, folder: str
) -> tuple["Findings", dict[str, Any]]:
    from hs_nmfcluster.cli import analysis, outputs

    path = outputs.make_folder(folder)
    findings = analysis.analyse(signal, chosen, print)
    summary = outputs.write(findings, path, formats=options.figure_format, report=options.report)
    print(f"Written to {path}: {', '.join(summary['files'])}")
    return findings, {"folder": str(path)} | summary


def _chosen(options: argparse.Namespace) -> "Options":
    from hs_nmfcluster.cli.analysis import Options

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


def _constraints(options: argparse.Namespace) -> tuple["Constraint", ...]:
    from hs_nmfcluster.factorization.constraints import MapResolution, SmoothPatterns

    limit = options.map_resolution
    maps = () if limit is None else (MapResolution(limit),)
    return (*maps, SmoothPatterns()) if options.smooth_patterns else maps


def _compare(findings: "Findings", truth: Any) -> dict[str, float]:
    """Say how much of what the simulation put in was found."""
    import numpy as np

    from hs_nmfcluster import validation

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
