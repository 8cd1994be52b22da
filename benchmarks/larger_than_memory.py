"""A scan larger than memory: time, memory and throughput of its decomposition from a file.

Writes a ``.zspy`` store of a simulated scan (uint16, 128 × 128 positions repeated until it is as
large as asked for), unless the folder holds it already, and, each in a process of its own,

- decomposes it in neighbourhoods, ``decompose_als_nmf()`` without a number, beside a bare chunkwise
  sum: how often the store was read, the peak of the memory, and the same for a quarter of it;
- decomposes it whole, with ``max_memory``, and reports the peak of its memory;
- compares the throughput of each kind of pass with a bare chunkwise sum over the same store, the
  passes and the sums in turns, and with the limit that the machine's own rate of matrix products
  sets to its arithmetic;
- decomposes it, or a part of it, by HyperSpy's lazy ``decomposition("NMF")``; a part by
  ``decompose_als_nmf`` as well.

    python benchmarks/larger_than_memory.py FOLDER [--gigabytes 32] [--components 20]
        [--restarts 10] [--memory "1.5 GB"] [--hyperspy-share 256] [--seed 0] [--tiles-only]
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import _common
import numpy as np

_TILE, _DETECTOR, _CHUNK = 128, 128, 32
_REPEATS = 3


def store(folder: Path, gigabytes: float) -> Path:
    """Path of a store of at least that size, written if it is not there."""
    tiles = max(1, round(gigabytes * 1e9 / (_TILE**2 * _DETECTOR**2 * 2)))
    across = int(np.ceil(np.sqrt(tiles)))
    down = int(np.ceil(tiles / across))
    path = folder / f"scan_{across * _TILE}x{down * _TILE}.zspy"
    if not path.exists():
        _common.alone(_write, path, across, down)
    return path


def _write(path: Path, across: int, down: int) -> None:
    import dask.array as da

    from hs_nmfcluster import LazyNMFDiffraction2D
    from hs_nmfcluster.simulation import linear_mixture

    tile, _ = linear_mixture((_TILE, _TILE), n_particles=80, seed=0)
    data = da.from_array(tile.data.astype(np.uint16), chunks=(_CHUNK, _CHUNK, -1, -1))
    whole = LazyNMFDiffraction2D(da.tile(data, (down, across, 1, 1)))
    for old, new in zip(tile.axes_manager.signal_axes, whole.axes_manager.signal_axes, strict=True):
        new.scale, new.offset, new.units = old.scale, old.offset, old.units
    unfinished = path.with_name(f"unfinished_{path.name}")
    whole.save(unfinished, overwrite=True)
    unfinished.rename(path)


def load(path: Path, share: int = 1) -> Any:
    """Lazy signal of a store, or of a corner of it."""
    import hyperspy.api as hs

    signal = hs.load(path, lazy=True, signal_type="nmf_diffraction")
    rows, columns = (
        max(_CHUNK, int(n / np.sqrt(share)) // _CHUNK * _CHUNK) for n in signal.data.shape[:2]
    )
    return signal.inav[:columns, :rows] if share > 1 else signal


def decompose(path: Path, share: int, k: int, restarts: int, memory: str, seed: int) -> str:
    """Decompose a store, and say in a line what it took."""
    _common.load_libraries()
    signal = load(path, share)
    before = _common.memory("VmRSS")
    start = time.perf_counter()
    nmf = signal.decompose_als_nmf(
        k, restarts=restarts, max_memory=memory, random_state=seed, show_progressbar=False
    )
    seconds = time.perf_counter() - start
    return (
        f"decompose_als_nmf, best of {restarts}: {seconds:.0f} s, {nmf.passes} passes, "
        f"MSE {nmf.mse:.6g}, peak resident {_common.memory('VmHWM'):.2f} GiB "
        f"({_common.memory('VmHWM') - before:.2f} GiB above the imports), "
        f"data in memory: {nmf.settings['data_in_memory']}"
    )


def decompose_in_tiles(path: Path, share: int, memory: str, seed: int) -> str:
    """Decompose a store in neighbourhoods, and say in a line what it took."""
    _common.load_libraries()
    import dask

    signal = load(path, share)
    on_disk = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / share
    start = time.perf_counter()
    dask.compute(_chunkwise_sum(signal.data))
    bare = time.perf_counter() - start
    before, read = _common.memory("VmRSS"), _bytes_read()
    start = time.perf_counter()
    nmf = signal.decompose_als_nmf(max_memory=memory, random_state=seed, show_progressbar=False)
    seconds = time.perf_counter() - start
    return (
        f"in {np.prod(nmf.settings['tiles_numbers'])} neighbourhoods: {seconds:.0f} s, bare sum "
        f"{bare:.0f} s; store read {(_bytes_read() - read) / on_disk:.2f} times; "
        f"{nmf.n_components} components, MSE {nmf.mse:.6g}; peak resident "
        f"{_common.memory('VmHWM'):.2f} GiB ({_common.memory('VmHWM') - before:.2f} GiB above what "
        f"there was; {nmf.settings['memory_estimate'] / 2**30:.2f} GiB were estimated), data in "
        f"memory: {nmf.settings['data_in_memory']}"
    )


def _bytes_read() -> int:
    """Bytes that this process has read from files, whether they were in the page cache or not.

    What neighbourhoods put aside and read again is among them: each walk over it reads about a
    fortieth of what a compressed store takes.
    """
    (line,) = (line for line in Path("/proc/self/io").read_text().splitlines() if "rchar" in line)
    return int(line.split()[1])


def hyperspy(path: Path, share: int, k: int, seed: int) -> str:
    """Do the same by HyperSpy's own lazy NMF, from one start."""
    _common.load_libraries()
    from hyperspy.signals import Signal2D

    from hs_nmfcluster.bridge import axes
    from hs_nmfcluster.scan import masks

    signal = load(path, share)
    mean = signal.get_mean_pattern().data
    center, _ = axes.find_center(signal, None, mean)
    mask = masks.default_detector_mask(mean, axes.detector_of(signal, center)).array
    signal.change_dtype("float32")
    before = _common.memory("VmRSS")
    start = time.perf_counter()
    with _common.quiet():
        signal.decomposition(
            algorithm="NMF",
            output_dimension=k,
            signal_mask=Signal2D(mask),
            print_info=False,
            random_state=seed,
        )
    seconds = time.perf_counter() - start
    peak = _common.memory("VmHWM")
    factors = np.asarray(signal.learning_results.factors).T[:, ~mask.ravel()]
    return (
        f'HyperSpy lazy decomposition("NMF"), one start: {seconds:.0f} s, '
        f"MSE {_mse_of(factors, load(path, share), mask):.6g}, peak resident {peak:.2f} GiB "
        f"({peak - before:.2f} GiB above the imports)"
    )


def _mse_of(patterns: Any, signal: Any, mask: Any) -> float:
    """MSE of patterns with the best maps for them.

    HyperSpy 2.5 returns the maps of scans in chunks along both axes in another order than the
    scan's, which is not to count against its patterns.
    """
    from hs_nmfcluster.engine.job import Job
    from hs_nmfcluster.engine.matrix import ScanMatrix
    from hs_nmfcluster.factorization.fit import finish
    from hs_nmfcluster.factorization.runs import Run
    from hs_nmfcluster.factorization.updates import SOLVERS, normalise

    matrix = ScanMatrix.from_array(signal.data, None, mask)
    runs = [Run(normalise(patterns.astype(np.float64)), 0)]
    return finish(matrix, runs, 0.0, SOLVERS["hals"], pca_mse=np.nan, job=Job()).mse


def passes(path: Path, share: int, k: int, restarts: int, memory: str) -> list[str]:
    """Time each kind of pass and a bare sum in turns."""
    _common.load_libraries()
    import dask

    from hs_nmfcluster.engine import memory as budgets
    from hs_nmfcluster.engine import scheduling
    from hs_nmfcluster.engine.job import Job
    from hs_nmfcluster.engine.matrix import ScanMatrix
    from hs_nmfcluster.factorization import krylov, runs, tasks
    from hs_nmfcluster.factorization.search import FINALISTS
    from hs_nmfcluster.factorization.updates import SOLVERS
    from hs_nmfcluster.scan import masks

    signal = load(path, share)
    chunk = budgets.chunk_bytes(budgets.read_budget(memory), scheduling.n_workers())
    mask = masks.default_detector_mask(signal.get_mean_pattern().data, _detector(signal)).array
    matrix = ScanMatrix.from_array(signal.data, None, mask, chunk)
    rng = np.random.default_rng(0)
    patterns = [rng.random((k, matrix.n_pixels)) for _ in range(restarts)]
    width = krylov.block_width(k)
    vectors = np.linalg.qr(rng.standard_normal((matrix.n_pixels, width)))[0].T
    best = runs.Stack.of(patterns[:FINALISTS])
    all_of_them = runs.Stack.of([S.astype(np.float32) for S in patterns])
    solver = SOLVERS["hals"]
    kinds: dict[str, tuple[Callable[[], Any], float]] = {
        "bare sum": (lambda: dask.compute(_chunkwise_sum(signal.data)), 0.0),
        "compression": (
            lambda: krylov.applied(matrix, vectors, Job()),
            4.0 * width,
        ),
        "true MSE of all starts": (
            lambda: Job().visit(
                matrix,
                tasks.evaluation_sums,
                all_of_them,
                solver,
            ),
            2.0 * restarts * k,
        ),
        "polishing": (
            lambda: Job().visit(matrix, tasks.iteration_sums, best, solver),
            4.0 * FINALISTS * k,
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(_REPEATS):
        for name, (function, _) in kinds.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    rate = _product_rate()
    n_bytes = signal.data.nbytes
    bare = median(seconds["bare sum"])
    lines = [f"{'pass':<26}{'seconds':>9}{'GB/s':>8}{'of the sum':>12}{'limit':>8}"]
    for name, (_, flops) in kinds.items():
        own = median(seconds[name])
        # Reading and products share the cores: their times add up at best.
        limit = bare / (bare + flops * matrix.size / rate)
        lines.append(
            f"{name:<26}{own:>9.2f}{n_bytes / own / 1e9:>8.2f}{bare / own:>12.0%}{limit:>8.0%}"
        )
    lines.append(f"(limit: with products at {rate / 1e9:.0f} GFlop/s, this machine's dgemm)")
    return lines


def _detector(signal: Any) -> Any:
    from hs_nmfcluster.bridge import axes

    center, _ = axes.find_center(signal, None, signal.get_mean_pattern().data)
    return axes.detector_of(signal, center)


def _chunkwise_sum(data: Any) -> Any:
    import dask

    return sum(dask.delayed(np.sum)(chunk) for chunk in data.to_delayed().ravel())


def _product_rate() -> float:
    a = np.random.default_rng(0).random((3000, 3000))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return float(2 * 3000**3 / min(times))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=32.0)
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--memory", default="1.5 GB")
    parser.add_argument("--hyperspy-share", type=int, default=256)
    parser.add_argument("--passes-share", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiles-only", action="store_true")
    given = parser.parse_args(arguments)
    k, restarts, memory = given.components, given.restarts, given.memory
    path = store(given.folder, given.gigabytes)
    shape = _common.alone(_described, path)
    print(f"{shape}, k = {k}, max_memory = {memory}", flush=True)
    for share in (4, 1):
        part = "All" if share == 1 else f"A {share}th"
        tiled = _common.alone(decompose_in_tiles, path, share, memory, given.seed)
        print(f"{part} of it {tiled}", flush=True)
    if given.tiles_only:
        return
    print(f"\nPasses over a {given.passes_share}th of it, medians of {_REPEATS} in turns:")
    for line in _common.alone(passes, path, given.passes_share, k, restarts, memory):
        print(line, flush=True)
    print("\nAll of it:")
    print(_common.alone(decompose, path, 1, k, restarts, memory, given.seed), flush=True)
    share = given.hyperspy_share
    if share > 1:
        print(f"\nA {share}th of it:")
        print(_common.alone(decompose, path, share, k, restarts, memory, given.seed), flush=True)
    print(_common.alone(hyperspy, path, share, k, given.seed), flush=True)


def _described(path: Path) -> str:
    signal = load(path)
    chunk = "×".join(str(sizes[0]) for sizes in signal.data.chunks)
    stored = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return (
        f"{signal.data.shape} {signal.data.dtype}, {signal.data.nbytes / 1e9:.1f} GB "
        f"({stored / 1e9:.1f} GB on disk), chunks {chunk}"
    )


if __name__ == "__main__":
    main()
