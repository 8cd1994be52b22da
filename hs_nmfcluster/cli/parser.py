"""What can be typed: ``hs-nmfcluster run FILE``, ``demo`` and ``join``, and the help on it."""

import argparse
from typing import Any

from hs_nmfcluster import __version__

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
_JOIN_EXAMPLES = """examples:
  hs-nmfcluster join 1min_nmf 10min_nmf 100min_nmf -o annealing --report
  hs-nmfcluster join a.hspy b.hspy --names "300 K" "600 K" --groups 5
"""
_DEMO_EXAMPLES = """examples:
  hs-nmfcluster demo
  hs-nmfcluster demo -o glass --specimen atoms --report
  hs-nmfcluster demo -k 16 --seed 1 --figure-format png svg
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; its ``command`` is ``"run"``, ``"demo"`` or ``"join"``."""
    parser = argparse.ArgumentParser(
        prog="hs-nmfcluster",
        description="Unsupervised analysis of 4D-STEM scans: which diffraction patterns is a "
        "scan made of, where is each, and which are the same crystal only rotated?",
        epilog=f"{_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="analyse one file",
        description="Analyse one file, in chunks, whatever its size.",
        epilog=f"{_RUN_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    demo.add_argument(
        "--specimen",
        choices=("mixture", "atoms"),
        default="mixture",
        help="an exact mixture of known patterns (default), or scattering by the atoms of "
        "nanocrystals in glass, which takes some times longer to simulate",
    )
    for command in (run, demo):
        _add_options(command)
    _add_join(commands)
    return parser


def _add_join(commands: Any) -> None:
    join = commands.add_parser(
        "join",
        help="cluster what several runs have found in one tree",
        description="Cluster the components of several scans in one tree, each with its own "
        "centre, calibration and scan step, and write the tree and its groups, of all scans "
        "together and of each.",
        epilog=f"{_JOIN_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = join.add_argument
    add(
        "results",
        nargs="+",
        metavar="RESULTS",
        help="folders that `run` has written, or files of `Factorization.save`",
    )
    add("-o", "--output", metavar="DIR", help="folder to write to (default: hs_nmfcluster_join)")
    add("--names", nargs="+", metavar="NAME", help="of the scans (default: of files and folders)")
    _add_answers(join)


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
    add("--seed", type=int, default=0, metavar="N", help="seed of the random starts (default: 0)")
    add(
        "--checkpoint",
        metavar="DIR",
        help="folder to keep the state in; the same command goes on from there",
    )
    _add_answers(command)


def _add_answers(command: argparse.ArgumentParser) -> None:
    """Add what all commands can be told about the tree, the groups and what is written."""
    add = command.add_argument
    cut = command.add_mutually_exclusive_group()
    cut.add_argument("--distance", type=float, metavar="D", help="cut the tree at this distance")
    cut.add_argument("--groups", type=int, metavar="N", help="cut the tree into N groups")
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
    add("--json", action="store_true", help="print the summary as JSON, all else to stderr")
    add("-q", "--quiet", action="store_true", help="no progress bars")
