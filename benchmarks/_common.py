"""What the benchmarks of the factorization share: the scan, fresh processes, measurements."""

import argparse
import contextlib
import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

# Geometry of the default specimen, which smaller scans are cut down from.
_SCAN, _DETECTOR, _PARTICLES, _PIXEL = 58, 128, 24, 0.16
_MEMORY = "/proc/self/status"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SCIKIT_LEARN = {"init": "random", "solver": "cd", "tol": 1e-4, "max_iter": 200}
# Until the gradient has fallen by that factor, which takes some thousand iterations.
SCIKIT_LEARN_CONVERGED = SCIKIT_LEARN | {"tol": 1e-6, "max_iter": 3000}


class Job(NamedTuple):
    """What a method needs to know; small, so that it can be sent to a fresh process."""

    folder: Path
    ranks: tuple[int, ...]
    starts: int
    seed: int


@dataclass(frozen=True)
class Measured:
    """What one method took and found.

    Parameters
    ----------
    seconds
        Wall time of the method alone, the data being in memory (or in a file, if lazy).
    gibibytes
        Peak of the process above what it held before it read the data.
    mse
        Best of all starts, for each rank.
    passes
        Passes over the data, all ranks and starts together.
    starts
        Starts of each rank.
    """

    seconds: float
    gibibytes: float
    mse: tuple[float, ...]
    passes: int
    starts: int


class Outcome(NamedTuple):
    """What a method returns: best MSE of each rank, passes, and seconds that do not count."""

    mse: Sequence[float]
    passes: int
    aside: float = 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every benchmark of the factorization."""
    parser.add_argument("--scan", type=int, nargs=2, default=(_SCAN, _SCAN))
    parser.add_argument("--detector", type=int, nargs=2, default=(_DETECTOR, _DETECTOR))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())


def add_repeats(parser: argparse.ArgumentParser) -> None:
    """How often what takes seconds is timed."""
    parser.add_argument("--repeats", type=int, default=5, help="of what is ours; medians count")


def add_comparison_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the benchmarks that compare whole methods."""
    add_arguments(parser)
    parser.add_argument("--restarts", type=int, default=10)
    add_repeats(parser)
    parser.add_argument(
        "--sklearn-starts",
        type=int,
        help="starts of each rank that scikit-learn is timed with; the time is scaled to all",
    )
    parser.add_argument(
        "--sklearn-converged",
        type=int,
        default=0,
        metavar="STARTS",
        help="also let so many of scikit-learn's starts converge, which takes many minutes",
    )
    parser.add_argument(
        "--hyperspy-starts",
        type=int,
        default=1,
        help="starts of each rank that HyperSpy's lazy methods are timed with, likewise scaled",
    )
    parser.add_argument(
        "--ornmf",
        action="store_true",
        help="also time HyperSpy's ORNMF, which takes more than minutes even on small scans",
    )


def use_threads(number: int) -> None:
    """Let this process and those that it starts run on so many cores only.

    Must come before the libraries that read the environment are loaded, hence in the parent.
    """
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(number)))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])


def write_scan(folder: Path, scan: Sequence[int], detector: Sequence[int], seed: int) -> None:
    """Simulate the demo specimen, cut down to a size, and write it and its mask as float32."""
    from hs_nmfcluster.bridge import axes
    from hs_nmfcluster.scan import masks
    from hs_nmfcluster.simulation import linear_mixture

    share = scan[0] * scan[1] / _SCAN**2
    pixel = _PIXEL * _DETECTOR / min(detector)
    signal, _ = linear_mixture(
        tuple(scan),
        tuple(detector),
        n_particles=max(1, round(_PARTICLES * share * 0.8)) if share < 1 else _PARTICLES,
        pixel_size=pixel,
        seed=seed,
    )
    mean = signal.get_mean_pattern().data
    center, _ = axes.find_center(signal, None, mean)
    mask = masks.default_detector_mask(mean, axes.detector_of(signal, center))
    np.save(folder / "scan.npy", signal.data.astype(np.float32))
    np.save(folder / "mask.npy", mask.array)


@contextlib.contextmanager
def written_scan(arguments: argparse.Namespace) -> Iterator[Path]:
    """Folder with the scan that the command line asks for, as long as the context lasts."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        alone(write_scan, folder, arguments.scan, arguments.detector, arguments.seed)
        yield folder


def read_mask(folder: Path) -> NDArray[np.bool_]:
    """Detector mask, True = left out."""
    return np.load(folder / "mask.npy")


def read_matrix(folder: Path) -> NDArray[np.float32]:
    """Positions × kept pixels."""
    data = np.load(folder / "scan.npy", mmap_mode="r")
    rows = data.reshape(-1, data.shape[-2] * data.shape[-1])
    return np.ascontiguousarray(rows[:, ~read_mask(folder).ravel()])


def read_signal(folder: Path, *, lazy: bool) -> Any:
    """Signal of the scan; if lazy, in chunks of rows of the scan that are read when needed."""
    import dask.array as da

    from hs_nmfcluster import LazyNMFDiffraction2D, NMFDiffraction2D

    if not lazy:
        return NMFDiffraction2D(np.load(folder / "scan.npy"))
    data = np.load(folder / "scan.npy", mmap_mode="r")
    rows = max(1, 32 * 2**20 // data[0].nbytes)
    return LazyNMFDiffraction2D(da.from_array(data, chunks=(rows, -1, -1, -1)))


def others(job: Job, arguments: argparse.Namespace) -> dict[str, Measured]:
    """Time the methods that this package is compared with."""
    few = job._replace(starts=min(arguments.sklearn_starts or job.starts, job.starts))
    lazy = job._replace(starts=min(arguments.hyperspy_starts, job.starts))
    results = {"scikit-learn NMF": alone(scikit_learn, few)}
    if arguments.sklearn_converged:
        converged = job._replace(starts=min(arguments.sklearn_converged, job.starts))
        results["scikit-learn NMF, converged"] = alone(scikit_learn_converged, converged)
    results |= {
        'HyperSpy lazy "NMF"': alone(hyperspy_mini_batch, lazy),
    }
    if arguments.ornmf:
        results['HyperSpy lazy "ORNMF"'] = alone(hyperspy_online, lazy)
    return results


def load_libraries() -> None:
    """Import what the methods import, so that neither its time nor its memory is theirs."""
    for name in (
        "hyperspy.api",
        "sklearn.decomposition",
        "hs_nmfcluster.factorization.decomposition",
    ):
        import_module(name)


def measure(read: Callable[[Path], T], method: Callable[[T, Job], Outcome], job: Job) -> Measured:
    """Read the data, run a method on them and say what it took."""
    before = memory("VmRSS")
    data = read(job.folder)
    start = time.perf_counter()
    with quiet():
        mse, passes, aside = method(data, job)
    seconds = time.perf_counter() - start - aside
    return Measured(
        seconds, memory("VmHWM") - before, tuple(float(m) for m in mse), passes, job.starts
    )


def memory(entry: str) -> float:
    """Resident memory of this process in GiB: ``VmRSS`` now, ``VmHWM`` at its peak.

    The peak that ``resource`` reports is inherited from the parent on Linux.
    """
    if Path(_MEMORY).exists():
        lines = Path(_MEMORY).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 2**20
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 2**30


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings of methods that stop before they have converged, no progress, no prints."""
    with (
        warnings.catch_warnings(),
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        warnings.simplefilter("ignore")
        yield


def alone(function: Callable[..., T], *arguments: object) -> T:
    """Run in a fresh process, whose peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def best_of_starts(signal: Any, job: Job, **settings: Any) -> Outcome:
    """Best factorization of the first rank by ``decompose_als_nmf``."""
    from hyperspy.signals import Signal2D

    nmf = signal.decompose_als_nmf(
        job.ranks[0],
        restarts=job.starts,
        signal_mask=Signal2D(read_mask(job.folder)),
        random_state=job.seed,
        print_info=False,
        show_progressbar=False,
        **settings,
    )
    return Outcome([nmf.mse], nmf.passes)


def median_of(repeats: int, method: Callable[..., Measured], *arguments: object) -> Measured:
    """Measure in so many fresh processes; the median of time and memory."""
    found = [alone(method, *arguments) for _ in range(repeats)]
    return replace(
        found[0],
        seconds=median(one.seconds for one in found),
        gibibytes=median(one.gibibytes for one in found),
    )


def mean_square_error(X: NDArray[np.float32], maps: NDArray[Any], patterns: NDArray[Any]) -> float:
    """‖X − C S‖² / size in float64, some rows at a time."""
    total = 0.0
    for start in range(0, len(X), 256):
        part = slice(start, start + 256)
        model = maps[part].astype(np.float64) @ patterns.astype(np.float64)
        total += float(((X[part] - model) ** 2).sum())
    return total / X.size


def scikit_learn(job: Job) -> Measured:
    """Coordinate descent from random starts, what HyperSpy's ``decomposition("NMF")`` runs."""
    load_libraries()
    return measure(read_matrix, partial(_scikit_learn, options=SCIKIT_LEARN), job)


def scikit_learn_converged(job: Job) -> Measured:
    """Let the same go on until it has converged, for its error rather than its time."""
    load_libraries()
    return measure(read_matrix, partial(_scikit_learn, options=SCIKIT_LEARN_CONVERGED), job)


def _scikit_learn(X: NDArray[np.float32], job: Job, options: dict[str, Any]) -> Outcome:
    from sklearn.decomposition import NMF

    errors, passes, aside = [], 0, 0.0
    for rank in job.ranks:
        of_rank = []
        for start in range(job.starts):
            nmf = NMF(rank, random_state=job.seed + start, **options)
            maps = nmf.fit_transform(X)
            # An iteration looks at X for the maps and again for the patterns.
            passes += 2 * nmf.n_iter_
            clock = time.perf_counter()
            of_rank.append(mean_square_error(X, maps, nmf.components_))
            aside += time.perf_counter() - clock
        errors.append(min(of_rank))
    return Outcome(errors, passes, aside)


def hyperspy_mini_batch(job: Job) -> Measured:
    """HyperSpy's ``decomposition("NMF")`` of a lazy signal: scikit-learn's MiniBatchNMF."""
    return _hyperspy(job, "NMF")


def hyperspy_online(job: Job) -> Measured:
    """HyperSpy's ``decomposition("ORNMF")`` of a lazy signal."""
    return _hyperspy(job, "ORNMF")


def _hyperspy(job: Job, algorithm: str) -> Measured:
    def run(signal: Any, job: Job) -> Outcome:
        return _lazy_decomposition(signal, job, algorithm)

    load_libraries()
    return measure(lambda folder: read_signal(folder, lazy=True), run, job)


def _lazy_decomposition(signal: Any, job: Job, algorithm: str) -> Outcome:
    from hyperspy.signals import Signal2D

    mask = read_mask(job.folder)
    rows = np.load(job.folder / "scan.npy", mmap_mode="r").reshape(-1, mask.size)
    errors, aside = [], 0.0
    for rank in job.ranks:
        of_rank = []
        for start in range(job.starts):
            signal.decomposition(
                algorithm=algorithm,
                output_dimension=rank,
                signal_mask=Signal2D(mask),
                print_info=False,
                random_state=job.seed + start,
            )
            result = signal.learning_results
            patterns = np.asarray(result.factors).T[:, ~mask.ravel()]
            clock = time.perf_counter()
            of_rank.append(_lazy_error(rows, mask, np.asarray(result.loadings), patterns))
            aside += time.perf_counter() - clock
        errors.append(min(of_rank))
    # One to learn, one to project.
    return Outcome(errors, 2 * len(job.ranks) * job.starts, aside)


def _lazy_error(
    rows: NDArray[np.float32],
    mask: NDArray[np.bool_],
    maps: NDArray[Any],
    patterns: NDArray[Any],
) -> float:
    total = 0.0
    for start in range(0, len(rows), 256):
        X = rows[start : start + 256, ~mask.ravel()]
        total += mean_square_error(X, maps[start : start + 256], patterns) * X.size
    return total / (len(rows) * patterns.shape[1])


def print_comparison(
    results: dict[str, Measured], ranks: Sequence[int], restarts: int, data_gibibytes: float
) -> None:
    """Print one table of methods; MSE as the excess over the first method's."""
    reference = next(iter(results.values()))
    print("MSE of the first method: ", end="")
    print(", ".join(f"k = {k}: {mse:.6g}" for k, mse in zip(ranks, reference.mse, strict=True)))
    print("Below: MSE relative to it in %. Seconds are for all starts; where fewer were timed,")
    print("scaled to their number. Memory: peak resident (VmHWM) above what the imports take, with")
    print(f"the data; these are {data_gibibytes:.3f} GiB as float32 without masked pixels.")
    header = "".join(f"{f'k={k}':>9}" for k in ranks)
    print(
        f"{'method':<34}{'timed':>6}{'seconds':>10}{'ratio':>8}{header}"
        f"{'peak GiB':>10}{'passes':>8}"
    )
    for name, found in results.items():
        factor = restarts / found.starts
        seconds = found.seconds * factor
        excess = "".join(
            f"{100 * (mse / ours - 1):>+9.3f}"
            for mse, ours in zip(found.mse, reference.mse, strict=True)
        )
        scaled = "~" if factor != 1 else ""
        print(
            f"{name:<34}{found.starts:>6}{scaled + format(seconds, '.2f'):>10}"
            f"{seconds / reference.seconds:>8.1f}{excess}{found.gibibytes:>10.2f}"
            f"{scaled + format(found.passes * factor, '.0f'):>8}"
        )
