"""One number of components, best of many starts: this package, scikit-learn, HyperSpy.

The demo specimen (float32, default detector mask) is factorized

- by ``decompose_als_nmf``: in memory, lazily, and by the paper's procedure;
- by scikit-learn's NMF (coordinate descent, tol 1e-4, at most 200 iterations, random starts),
  which is what HyperSpy's ``decomposition("NMF")`` runs on data in memory; if asked for, also by
  the same until it has converged (tol 1e-6, at most 3000 iterations);
- by HyperSpy's lazy ``decomposition("NMF")`` (scikit-learn's MiniBatchNMF) and, if asked for,
  ``decomposition("ORNMF")``.

    python benchmarks/single_fit.py [--components 20] [--restarts 10] [--sklearn-starts N]
        [--sklearn-converged N] [--hyperspy-starts 1] [--scan 58 58] [--detector 128 128]
        [--seed 0] [--threads 2] [--repeats 5] [--ornmf]

Each method runs in a process of its own, the default and its lazy form in several, of which the
medians count. Data are in memory before the clock starts, but for the lazy methods, which read
them from a file.
"""

import argparse
from typing import Any

import _common
from _common import Job, Measured, Outcome


def ours(job: Job) -> Measured:
    """Time the default."""
    return _measured(job, lazy=False)


def ours_lazy(job: Job) -> Measured:
    """Time the default, chunk by chunk."""
    return _measured(job, lazy=True)


def ours_as_in_the_paper(job: Job) -> Measured:
    """Time steps 1 to 8 to the letter, a pass an iteration."""
    return _measured(job, lazy=False, compression=None)


def _measured(job: Job, *, lazy: bool, **settings: Any) -> Measured:
    _common.load_libraries()

    def run(signal: Any, job: Job) -> Outcome:
        return _common.best_of_starts(signal, job, **settings)

    return _common.measure(lambda folder: _common.read_signal(folder, lazy=lazy), run, job)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--components", type=int, default=20)
    _common.add_comparison_arguments(parser)
    arguments = parser.parse_args()
    _common.use_threads(arguments.threads)
    ranks, restarts = (arguments.components,), arguments.restarts
    with _common.written_scan(arguments) as folder:
        job = Job(folder, ranks, restarts, arguments.seed)
        results = {
            "decompose_als_nmf": _common.median_of(arguments.repeats, ours, job),
            "  lazy": _common.median_of(arguments.repeats, ours_lazy, job),
            "  compression=None (the paper's)": _common.alone(ours_as_in_the_paper, job),
            **_common.others(job, arguments),
        }
        gibibytes = _common.alone(_common.read_matrix, folder).nbytes / 2**30
    print(
        f"{arguments.scan} × {arguments.detector}, k = {ranks[0]}, best of {restarts} starts, "
        f"{arguments.threads} threads"
    )
    _common.print_comparison(results, ranks, restarts, gibibytes)


if __name__ == "__main__":
    main()
