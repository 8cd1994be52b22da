"""Many numbers of components, best of many starts each: this package, scikit-learn, HyperSpy.

The demo specimen (float32, default detector mask) is factorized at every rank

- by ``estimate_number_of_components``, in memory and lazily;
- by scikit-learn's NMF (coordinate descent, tol 1e-4, at most 200 iterations, random starts),
  which is what HyperSpy's ``decomposition("NMF")`` runs on data in memory;
- by HyperSpy's lazy ``decomposition("NMF")`` (scikit-learn's MiniBatchNMF) and, if asked for,
  ``decomposition("ORNMF")``.

    python benchmarks/rank_study.py [--ranks 5 10 15 20 25 30] [--restarts 10]
        [--sklearn-starts N] [--sklearn-converged N] [--hyperspy-starts 1]
        [--scan 58 58] [--detector 128 128]
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
    """Time the study of data in memory."""
    return _measured(job, lazy=False)


def ours_lazy(job: Job) -> Measured:
    """Time the study chunk by chunk."""
    return _measured(job, lazy=True)


def _measured(job: Job, *, lazy: bool) -> Measured:
    _common.load_libraries()
    from hyperspy.signals import Signal2D

    def run(signal: Any, job: Job) -> Outcome:
        study = signal.estimate_number_of_components(
            job.ranks,
            restarts=job.starts,
            signal_mask=Signal2D(_common.read_mask(job.folder)),
            random_state=job.seed,
            print_info=False,
            show_progressbar=False,
        )
        return Outcome(list(study.nmf_mse.min(axis=1)), study.passes)

    return _common.measure(lambda folder: _common.read_signal(folder, lazy=lazy), run, job)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=(5, 10, 15, 20, 25, 30))
    _common.add_comparison_arguments(parser)
    arguments = parser.parse_args()
    _common.use_threads(arguments.threads)
    ranks, restarts = tuple(sorted(arguments.ranks)), arguments.restarts
    with _common.written_scan(arguments) as folder:
        job = Job(folder, ranks, restarts, arguments.seed)
        results = {
            "estimate_number_of_components": _common.median_of(arguments.repeats, ours, job),
            "  lazy": _common.median_of(arguments.repeats, ours_lazy, job),
            **_common.others(job, arguments),
        }
        gibibytes = _common.alone(_common.read_matrix, folder).nbytes / 2**30
    print(
        f"{arguments.scan} × {arguments.detector}, {len(ranks)} ranks, best of {restarts} starts "
        f"each, {arguments.threads} threads"
    )
    _common.print_comparison(results, ranks, restarts, gibibytes)


if __name__ == "__main__":
    main()
