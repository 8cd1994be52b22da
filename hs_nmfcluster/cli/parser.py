"""What can be typed: ``hs-nmfcluster run FILE``, ``recut``, ``join``, ``demo``; help on it."""

import argparse
from typing import Any

from hs_nmfcluster import __version__

_EXIT_CODES = """exit codes:
  0    done
  1    done, but for what stderr says could not be made
  2    the file or an argument cannot be used; one line on stderr says why
  3    an error of this program; stderr says where the traceback is
  130  interrupted from the keyboard; no file is left half-written
"""
_EXAMPLES = """examples:
  hs-nmfcluster run scan.mib -o results --report
  hs-nmfcluster recut results --distance 0.3
  hs-nmfcluster join 1min_nmf 10min_nmf -o annealing --report
  hs-nmfcluster demo --report
"""
_RUN_EXAMPLES = """examples:
  hs-nmfcluster run scan.mib -o results -k 20 --restarts 10 --report
  hs-nmfcluster run scan.tvips --scan-shape 128 64 --center 255.5 250
  hs-nmfcluster run scan.mib --scan-shape 256 256 --flyback 1 --skip-frames 1
  hs-nmfcluster run scan.h5 --reader EMD --transpose
  hs-nmfcluster run scan.blo --inner 1.2 --outer 9 --groups 4
  hs-nmfcluster run scan.hspy --phases B2.cif B19.cif --figure-format svg pdf
  hs-nmfcluster run scan.mib --quiet --json > summary.json
"""
_RECUT_EXAMPLES = """examples:
  hs-nmfcluster recut results --groups 4
  hs-nmfcluster recut results --distance 0.3 -o results_at_0.3 --report
  hs-nmfcluster recut results --phases B2.cif B19.cif --beam-energy 200
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
    """Make the parser; its ``command`` is ``"run"``, ``"recut"``, ``"join"`` or ``"demo"``."""
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
    run.add_argument(
        "--skip-frames",
        type=int,
        default=0,
        metavar="N",
        help="leave out N frames before the first position",
    )
    run.add_argument(
        "--flyback",
        type=int,
        default=0,
        metavar="N",
        help="leave out N frames after each line of --scan-shape",
    )
    run.add_argument(
        "--reader", metavar="NAME", help="reader of a file that several know, such as EMD"
    )
    run.add_argument(
        "--transpose",
        action="store_true",
        help="swap scan and detector, of a file that was written the other way round",
    )
    recut = commands.add_parser(
        "recut",
        help="cut the tree of a run elsewhere",
        description="Cut the saved tree of a run elsewhere and measure the groups anew, in "
        "moments: the scan is neither read nor factorized again.",
        epilog=f"{_RECUT_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    recut.add_argument("folder", metavar="DIR", help="folder that a run has written")
    recut.add_argument(
        "-o", "--output", metavar="DIR", help="folder for the results (default: the same)"
    )
    _add_questions(recut)
    _add_writing(recut)
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


def _tiles(text: str) -> tuple[int, ...] | str | None:
    if text in ("auto", "none"):
        return text if text == "auto" else None
    try:
        sizes = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be auto, none, N or X,Y in positions, got {text!r}"
        ) from None
    return sizes if len(sizes) > 1 else sizes * 2


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
    _add_memory(join)
    _add_questions(join)
    _add_writing(join)


def _add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("-o", "--output", metavar="DIR", help="folder for the results (default: NAME_nmf here)")
    add(
        "-k",
        "--components",
        type=int,
        metavar="K",
        help="number of components of the whole scan, or with --tiles of each neighbourhood "
        "(default: neighbourhoods, each with as many as stand above its noise)",
    )
    add(
        "--tiles",
        type=_tiles,
        default="auto",
        metavar="N",
        help="size of the neighbourhoods in positions, N or X,Y; none factorizes the whole scan at "
        "once (default: auto, unless -k is given)",
    )
    add(
        "--weighting",
        choices=("auto", "poisson", "none"),
        default="auto",
        help="weigh by counting statistics (default: auto, which does so in neighbourhoods)",
    )
    add("--restarts", type=int, metavar="N", help="random starts (default: 10; neighbourhoods: 3)")
    add("--center", type=float, nargs=2, metavar=("X", "Y"), help="beam centre in pixels")
    unit = "of the ring of pixels to use, in the signal's unit"
    add("--inner", type=float, metavar="R", help=f"inner radius {unit} (default: beyond the beam)")
    add("--outer", type=float, metavar="R", help=f"outer radius {unit} (default: inscribed circle)")
    add(
        "--corrections",
        choices=("auto", "none"),
        default="auto",
        help="put bad pixels, a beam that moves, an ellipse and the like right (default: auto)",
    )
    add(
        "--map-resolution",
        type=float,
        metavar="D",
        help="limit maps to what the probe resolves: a distance in the unit of the scan axes",
    )
    add("--smooth-patterns", action="store_true", help="allow no unnatural drops in patterns")
    add("--seed", type=int, default=0, metavar="N", help="seed of the random starts (default: 0)")
    _add_memory(command)
    add(
        "--checkpoint",
        metavar="DIR",
        help="folder to keep the state in; the same command goes on from there",
    )
    _add_questions(command)
    _add_writing(command)


def _add_memory(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--memory", metavar="SIZE", help='most to take, like "4 GB" (default: half of what is free)'
    )


def _add_questions(command: argparse.ArgumentParser) -> None:
    """Add where to cut the tree, and what is to be known of the groups."""
    cut = command.add_mutually_exclusive_group()
    cut.add_argument("--distance", type=float, metavar="D", help="cut the tree at this distance")
    cut.add_argument("--groups", type=int, metavar="N", help="cut the tree into N groups")
    add = command.add_argument
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
        "--probe-size",
        type=float,
        metavar="NM",
        help="full width of the probe, for particle sizes (default: found from outlines)",
    )
    add(
        "--particle-shape",
        choices=("auto", "disc", "sphere"),
        default="auto",
        help="what particles are measured as (default: auto, the one that fits)",
    )


def _add_writing(command: argparse.ArgumentParser) -> None:
    """Add what is written, and what is said meanwhile."""
    add = command.add_argument
    add(
        "--report", action="store_true", help="write report.html: figures, tables, what to distrust"
    )
    add("--emd", action="store_true", help="write results.emd too, to go on in py4DSTEM")
    add(
        "--figure-format",
        nargs="+",
        choices=("png", "svg", "pdf"),
        default=["png"],
        metavar="FORMAT",
        help="png, svg, pdf; one or several (default: png)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace the results of another file that the folder holds",
    )
    add("--json", action="store_true", help="print the summary as JSON, all else to stderr")
    add("-q", "--quiet", action="store_true", help="print nothing but what goes wrong")
