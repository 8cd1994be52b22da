"""What corrections cost: passes over corrected patterns beside passes over the same as they are.

Scans with faults (58 × 58 positions, 128 × 128 pixels, 16-bit counts) are factorized by the
paper's procedure, with few and with many iterations: the difference is passes and nothing else.
What is left of the shorter run is said beside it: finding the faults, a second look, and patterns
that are put right. In memory these are kept; from a file that does not fit in memory, each pass
reads and puts them right anew.

    python benchmarks/corrections.py [--positions 58] [--seed 0] [--repeats 5]

Processor time, corrected and uncorrected in turns, medians.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import _common

_FAULTS: dict[str, dict[str, float]] = {
    "beam moves by 3 px": {"drift": 3},
    "elliptical by 2 %": {"ellipse": 2},
    "all of a day": {
        "hot_pixels": 25,
        "dead_pixels": 40,
        "ellipse": 2,
        "drift": 1,
        "gain": 5,
    },
}
_FEW, _MANY = 4, 16
_SETTINGS: dict[str, Any] = {
    "n_components": 20,
    "compression": None,
    "tolerance": 1e-12,
    "random_state": 0,
    "print_info": False,
    "show_progressbar": False,
}
# Holds some chunks, and not the scan.
_BUDGET = "300 MB"


def seconds(signal: Any, iterations: int, **settings: Any) -> tuple[float, int]:
    """Processor time of a factorization, and its passes."""
    clock = time.process_time()
    with _common.quiet():
        nmf = signal.decompose_als_nmf(max_iterations=iterations, **_SETTINGS, **settings)
    return time.process_time() - clock, nmf.passes


def costs(signal: Any, corrections: Any, **settings: Any) -> tuple[float, float]:
    """Processor time of a pass, and of all that is done once."""
    settings |= {"corrections": corrections}
    (short, n_short), (long, n_long) = (seconds(signal, n, **settings) for n in (_FEW, _MANY))
    a_pass = (long - short) / (n_long - n_short)
    return a_pass, short - n_short * a_pass


def compare(signal: Any, repeats: int, **settings: Any) -> str:
    """Run both in turns; a line of a table."""
    found = [
        [costs(signal, corrections, **settings) for corrections in (None, "auto")]
        for _ in range(repeats)
    ]
    plain, corrected = ([median(one[i][j] for one in found) for j in (0, 1)] for i in (0, 1))
    ratio = corrected[0] / plain[0]
    return f"{plain[0]:10.3f} {corrected[0]:10.3f} {ratio:7.2f} {corrected[1] - plain[1]:12.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--positions", type=int, default=58, help="along each axis of the scan")
    parser.add_argument("--seed", type=int, default=0)
    _common.add_repeats(parser)
    arguments = parser.parse_args()
    _common.use_threads(1)

    import hyperspy.api as hs

    from hs_nmfcluster.simulation import Instrument, nanocrystals_in_glass

    print(f"{'':44}{'a pass':>10} {'corrected':>10} {'ratio':>7} {'once more / s':>12}")
    for name, faults in _FAULTS.items():
        shape = (arguments.positions,) * 2
        instrument = Instrument(**faults)
        signal, _ = nanocrystals_in_glass(shape, seed=arguments.seed, instrument=instrument)
        print(f"{name + ', in memory':44}{compare(signal, arguments.repeats)}", flush=True)
        with TemporaryDirectory() as folder:
            file = Path(folder) / "scan.zspy"
            with _common.quiet():
                signal.save(file, chunks=(16, shape[0], *signal.data.shape[2:]))
                lazy = hs.load(file, lazy=True)
            line = compare(lazy, arguments.repeats, max_memory=_BUDGET)
            print(f"{name + ', read in every pass':44}{line}", flush=True)


if __name__ == "__main__":
    main()
