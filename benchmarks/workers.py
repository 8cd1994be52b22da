"""How a decomposition scales over the workers of a cluster, and what that makes of terabytes.

A store written by ``larger_than_memory.py`` is decomposed by threads of one process and by
``dask.distributed`` clusters of one and of two single-threaded worker processes on this machine,
each twice, with data read anew in every pass. The table beyond is arithmetic: bytes and flops of
all passes, and the time at the throughput measured per worker, which has done both. With
``--neighbourhoods`` it is decomposed in these, at the defaults: data are read once then, but for a
first look and for the rims that groups of neighbourhoods share, and flops are not counted.

    python benchmarks/workers.py STORE [--share 64] [--components 20] [--restarts 10]
        [--neighbourhoods]
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import _common
from larger_than_memory import load

_REPEATS = 2
# Room for the computation, but not for the data beside it: they are read in every pass.
_BUDGET, _BUDGET_IN_TILES = "0.6 GB", "0.75 GB"
_SIZES = (("1 TB", 1e12), ("100 TB", 1e14))
_WORKERS = (2, 16, 256)


class Run(NamedTuple):
    """Seconds, passes and MSE of a decomposition, and the flops of its products a byte of data."""

    seconds: float
    passes: int
    mse: float
    flops: float


def threads(path: Path, share: int, k: int | None, restarts: int) -> list[Run]:
    """Time the decomposition by the threads of one process."""
    _common.load_libraries()
    return [_once(path, share, k, restarts) for _ in range(_REPEATS)]


def cluster(path: Path, share: int, k: int | None, restarts: int, workers: int) -> list[Run]:
    """Time it by worker processes of one thread each."""
    _common.load_libraries()
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, memory_limit="4 GB"
        ) as local,
        Client(local),
    ):
        return [_once(path, share, k, restarts) for _ in range(_REPEATS)]


def _once(path: Path, share: int, k: int | None, restarts: int) -> Run:
    from hs_nmfcluster.engine import memory

    # Nor do the workers of a cluster keep them; the size of chunks is none of this.
    memory.cluster_budget = lambda client: 0  # noqa: ARG005
    signal = load(path, share)
    how: dict[str, Any] = {"max_memory": _BUDGET_IN_TILES}
    if k is not None:
        how = {"max_memory": _BUDGET, "n_components": k, "restarts": restarts}
    start = time.perf_counter()
    nmf = signal.decompose_als_nmf(**how, random_state=0, print_info=False, show_progressbar=False)
    assert not nmf.settings["data_in_memory"]
    seconds = time.perf_counter() - start
    if k is None:
        return Run(seconds, 1, nmf.mse, float("nan"))
    kept = 1 - nmf.detector_mask.mean()
    flops = _flops(nmf, k, restarts) * kept / signal.data.dtype.itemsize
    return Run(seconds, nmf.passes, nmf.mse, float(flops))


def _flops(nmf: Any, k: int, restarts: int) -> float:
    """Count the flops of the products of all passes, for each number that is kept."""
    polishing = max(map(len, nmf.history)) - 1
    # All but the survey, the scores, the true error of all starts, the maps, and polishing.
    compressing = nmf.passes - 4 - polishing
    scores, errors, maps = 2 * 5 * k, 2 * restarts * k, 2 * k
    return compressing * 4 * 2 * k + polishing * 4 * k + scores + errors + maps


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what was measured, and what follows from it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--share", type=int, default=64)
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--neighbourhoods", action="store_true")
    given = parser.parse_args(arguments)
    k = None if given.neighbourhoods else given.components
    job: tuple[Any, ...] = (given.store, given.share, k, given.restarts)
    n_bytes = _common.alone(_size, given.store, given.share)
    runs = {
        "one process, 2 threads": _common.alone(threads, *job),
        "cluster, 1 worker": _in_process(cluster, *job, 1),
        "cluster, 2 workers": _in_process(cluster, *job, 2),
    }
    how = "neighbourhoods" if k is None else f"k = {k}, best of {given.restarts}"
    print(f"{n_bytes / 1e9:.2f} GB, {how}")
    print(f"{'':<26}{'seconds':>9}{'passes':>8}{'GB/s':>8}{'MSE':>14}")
    rates = {}
    for name, found in runs.items():
        seconds = median(run.seconds for run in found)
        _, passes, mse, _ = found[0]
        rates[name] = passes * n_bytes / seconds
        print(f"{name:<26}{seconds:>9.1f}{passes:>8}{rates[name] / 1e9:>8.2f}{mse:>14.7g}")
    _print_beyond(rates["cluster, 2 workers"] / 2, runs["cluster, 2 workers"][0])


def _print_beyond(rate: float, run: Run) -> None:
    passes = run.passes
    print(
        f"\nCalculated from {rate / 1e9:.3f} GB/s a worker, {passes} passes, reading shared evenly:"
    )
    headers = "".join(f"{f'{w} workers':>14}" for w in _WORKERS)
    print(f"{'scan':<10}{'bytes read':>12}{'Pflop':>10}{headers}")
    for name, size in _SIZES:
        hours = [passes * size / (rate * workers) / 3600 for workers in _WORKERS]
        cells = "".join(f"{f'{each:.1f} h':>14}" for each in hours)
        print(f"{name:<10}{passes * size / 1e12:>9.0f} TB{run.flops * size / 1e15:>10.3g}{cells}")


def _in_process(function: Any, *arguments: Any) -> Any:
    """Like ``_common.alone``, in a process that may have children of its own."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _size(path: Path, share: int) -> int:
    return int(load(path, share).data.nbytes)


if __name__ == "__main__":
    main()
