"""How near to this machine's peak the passes over the data run.

The products of a pass with the data are set beside the rates that this machine's BLAS reaches on
bare products of the same shapes, and a bare read of the data.

    python benchmarks/kernels.py [--width 210] [--rank 20] [--repeats 3] [--scan 58 58]
        [--detector 128 128] [--seed 0] [--threads 2]

`width` is the number of components of all runs of a pass together; by default two finalists at
each of 5, 10, ..., 30. Rates of passes count only the products with the data as work, but all the
time: reading, conversion to float64, small solves, sums.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import _common
import numpy as np
from numpy.typing import NDArray

_SQUARE = 2048


def rates(folder: Path, width: int, rank: int, repeats: int) -> list[tuple[str, float, str]]:
    """Measure name, rate and unit of everything, all in one process."""
    X = _common.read_matrix(folder)
    return [
        *_bare_products(X.shape, width, repeats),
        *_passes(X, width, rank, repeats),
        *_reading(X, repeats),
    ]


def _bare_products(
    shape: tuple[int, int], width: int, repeats: int
) -> list[tuple[str, float, str]]:
    rng = np.random.default_rng(0)
    n, p = shape
    found = []
    for dtype, name in ((np.float32, "sgemm"), (np.float64, "dgemm")):
        # One piece of rows, as a pass takes them.
        rows = min(n, 32 * 2**20 // (8 * p))
        cases = {
            f"{name} {_SQUARE} × {_SQUARE}": (_SQUARE, _SQUARE, _SQUARE),
            f"{name} S Xᵀ": (width, p, rows),
            f"{name} C X": (width, rows, p),
        }
        for label, (a, b, c) in cases.items():
            left = rng.random((a, b), dtype=np.float64).astype(dtype)
            right = rng.random((b, c), dtype=np.float64).astype(dtype)
            seconds = _best(lambda left=left, right=right: left @ right, repeats)
            found.append((label, 2e-9 * a * b * c / seconds, "GFLOP/s"))
    return found


def _passes(
    X: NDArray[np.float32], width: int, rank: int, repeats: int
) -> list[tuple[str, float, str]]:
    from hs_nmfcluster.engine.job import Job
    from hs_nmfcluster.engine.matrix import ScanMatrix
    from hs_nmfcluster.factorization.compression import compress
    from hs_nmfcluster.factorization.iteration import Run, iterate
    from hs_nmfcluster.factorization.krylov import block_width
    from hs_nmfcluster.factorization.settings import Settings
    from hs_nmfcluster.factorization.updates import SOLVERS, normalise

    n, p = X.shape
    matrix = ScanMatrix.from_array(X.reshape(n, 1, p))
    rng = np.random.default_rng(0)
    square = float(np.einsum("ij,ij->", X, X, dtype=np.float64))
    found = []
    for label, solver, number in (
        (f"pass, {width // rank} × {rank} components, hals", "hals", width // rank),
        (f"pass, {width // rank} × {rank} components, als", "als", width // rank),
        (f"pass, 1 × {rank} components, hals", "hals", 1),
    ):
        patterns = [normalise(rng.random((rank, p))) for _ in range(number)]

        def one_pass(patterns: list[NDArray[np.float64]] = patterns, solver: str = solver) -> None:
            runs = [Run(S, stream) for stream, S in enumerate(patterns)]
            iterate(
                matrix,
                runs,
                square,
                SOLVERS[solver],
                Settings(tolerance=0.0, max_iterations=1),
                Job(),
            )

        work = 4e-9 * n * p * rank * number
        found.append((label, work / _best(one_pass, repeats), "GFLOP/s"))
    start = time.perf_counter()
    job = Job()
    compression = compress(matrix, rank, job=job)
    seconds = time.perf_counter() - start
    # Two products with every block of vectors, one at last with those that are kept.
    vectors = min(block_width(rank), n, p)
    work = 4e-9 * n * p * vectors * (job.passes - 1)
    work += 2e-9 * n * p * len(compression.basis)
    label = f"compress, rank {rank} ({job.passes} passes, {seconds:.2f} s)"
    return [*found, (label, work / seconds, "GFLOP/s")]


def _reading(X: NDArray[np.float32], repeats: int) -> list[tuple[str, float, str]]:
    gigabytes = X.nbytes / 1e9
    counts = X[: len(X) // 2].astype(np.uint16)
    return [
        ("bare sum of float32", gigabytes / _best(X.sum, repeats), "GB/s"),
        (
            "float32 to float64",
            gigabytes / _best(lambda: _converted(X), repeats),
            "GB/s",
        ),
        (
            "uint16 to float64",
            counts.nbytes / 1e9 / _best(lambda: _converted(counts), repeats),
            "GB/s",
        ),
    ]


def _converted(rows: NDArray) -> None:
    step = max(1, 32 * 2**20 // (8 * rows.shape[1]))
    for start in range(0, len(rows), step):
        rows[start : start + step].astype(np.float64)


def _best(function: Callable[[], object], repeats: int) -> float:
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=210)
    parser.add_argument("--rank", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    _common.add_arguments(parser)
    arguments = parser.parse_args()
    _common.use_threads(arguments.threads)
    with _common.written_scan(arguments) as folder:
        found = _common.alone(rates, folder, arguments.width, arguments.rank, arguments.repeats)
    print(f"{arguments.scan} × {arguments.detector}, {arguments.threads} threads")
    reference = {
        kind: min(rate for label, rate, _ in found if label in (f"{kind} S Xᵀ", f"{kind} C X"))
        for kind in ("sgemm", "dgemm")
    }
    print("Shares are of the slower of the two bare products of the same shapes.")
    print(f"{'':<44}{'rate':>8} {'':<9}{'of dgemm':>9}{'of sgemm':>9}")
    for label, rate, unit in found:
        shares = (
            "".join(f"{100 * rate / reference[kind]:>8.0f}%" for kind in ("dgemm", "sgemm"))
            if unit == "GFLOP/s"
            else ""
        )
        print(f"{label:<44}{rate:>8.2f} {unit:<9}{shares}")


if __name__ == "__main__":
    main()
