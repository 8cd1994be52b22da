"""What constraints cost: time, passes and error of one factorization under each.

The demo specimen (float32, default detector mask) is factorized in memory, with its positions said
to be as far apart as ``--step``, so that the probe leaves something of the maps to be limited.

    python benchmarks/constraints.py [--components 20] [--restarts 10] [--step 0.8] [--limit 2]
        [--scan 58 58] [--detector 128 128] [--seed 0] [--threads 2] [--repeats 5]

Each in a process of its own, in turns; medians of the repeats.
"""

import argparse
from pathlib import Path
from statistics import median
from typing import Any

import _common
from _common import Job, Measured, Outcome

_NAMES = ("none", "maps", "patterns", "both")


def constrained(job: Job, name: str, step: float, limit: float) -> Measured:
    """Time a factorization under the constraints of that name."""
    _common.load_libraries()
    from hs_nmfcluster import MapResolution, SmoothPatterns

    maps, patterns = MapResolution(limit), SmoothPatterns()
    constraints = {"none": (), "maps": (maps,), "patterns": (patterns,), "both": (maps, patterns)}

    def read(folder: Path) -> Any:
        signal = _common.read_signal(folder, lazy=False)
        for axis in signal.axes_manager.navigation_axes:
            axis.scale, axis.units = step, "nm"
        return signal

    def run(signal: Any, job: Job) -> Outcome:
        return _common.best_of_starts(signal, job, constraints=constraints[name] or None)

    return _common.measure(read, run, job)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--step", type=float, default=0.8, help="nm between positions")
    parser.add_argument("--limit", type=float, default=2.0, help="nm that the probe resolves")
    _common.add_repeats(parser)
    _common.add_arguments(parser)
    arguments = parser.parse_args()
    _common.use_threads(arguments.threads)
    with _common.written_scan(arguments) as folder:
        job = Job(folder, (arguments.components,), arguments.restarts, arguments.seed)
        turns = [
            {
                name: _common.alone(constrained, job, name, arguments.step, arguments.limit)
                for name in _NAMES
            }
            for _ in range(arguments.repeats)
        ]
    print(
        f"{arguments.scan} × {arguments.detector}, k = {arguments.components}, "
        f"best of {arguments.restarts} starts, steps of {arguments.step} nm, maps limited to "
        f"{arguments.limit} nm, {arguments.threads} threads"
    )
    print(f"{'constraints':<12}{'seconds':>9}{'ratio':>7}{'passes':>8}{'MSE':>10}")
    seconds = {name: median(turn[name].seconds for turn in turns) for name in _NAMES}
    for name, found in turns[0].items():
        print(
            f"{name:<12}{seconds[name]:>9.2f}{seconds[name] / seconds['none']:>7.1f}"
            f"{found.passes:>8}{found.mse[0]:>10.4f}"
        )


if __name__ == "__main__":
    main()
