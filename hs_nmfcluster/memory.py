"""How much memory there is, and how much a factorization needs: known before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from dask.utils import format_bytes, parse_bytes

from hs_nmfcluster.factorization.chunks import CHUNK_BYTES
from hs_nmfcluster.factorization.compression import most_positions
from hs_nmfcluster.factorization.iteration import SOLVED_TOGETHER
from hs_nmfcluster.factorization.krylov import block_width, most_vectors
from hs_nmfcluster.factorization.matrix import ScanMatrix, rows_a_piece
from hs_nmfcluster.factorization.search import FINALISTS
from hs_nmfcluster.factorization.whole_maps import BATCH_BYTES

# Share of the free memory that data may be kept in where no budget is given.
_SHARE = 0.5
# Chunks are made so small that all that are being worked on take a fraction of the budget.
_CHUNKS_SHARE, _LEAST_CHUNK = 12, 2**20
# Copies that are alive at a time: of a piece of rows, of patterns in a step, of maps.
_PIECES, _STEPS, _MAPS = SOLVED_TOGETHER + 2, 4, 5
_FLOAT = 8

_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


@dataclass(frozen=True)
class Needs:
    """Most memory that the parts of a factorization take, in bytes.

    Parameters
    ----------
    chunks
        Chunks being worked on, one a worker.
    patterns
        Patterns of all runs, the sums from which they follow, the vectors of the compression.
    compressed
        The compressed scan and the maps of the runs in it.
    maps
        Maps of the result.
    """

    chunks: int
    patterns: int
    compressed: int
    maps: int

    @property
    def total(self) -> int:
        """Bytes of all parts."""
        return self.chunks + self.patterns + self.compressed + self.maps

    def __str__(self) -> str:
        parts = ", ".join(
            f"{name} {format_bytes(getattr(self, name))}"
            for name in ("chunks", "patterns", "compressed", "maps")
        )
        return f"{format_bytes(self.total)} ({parts})"


def factorization_needs(
    matrix: ScanMatrix,
    ranks: Sequence[int],
    restarts: int,
    *,
    compressed: bool,
    workers: int,
    limited: bool = False,
) -> Needs:
    """Estimate the most memory that a factorization takes beside data kept in memory.

    Parameters
    ----------
    matrix
        The scan.
    ranks
        Numbers of components that are tried.
    restarts
        Starts of each.
    compressed
        Whether all restarts converge in the compressed problem.
    workers
        Blocks that are worked on at a time.
    limited
        Whether maps are limited to a resolution, and therefore needed whole.

    Returns
    -------
    Needs

    Notes
    -----
    With p pixels, n positions, w workers, k the largest rank and K the sum of all runs' ranks:
    a worker holds a chunk, its kept part and six pieces of it in float64; a step of r runs
    holds (4 + w) r k p numbers; the compression a subspace of at most q' vectors, twice; the
    compressed scan has at most m positions and q = 5 k columns.
    """
    p, n, k = matrix.n_pixels, matrix.n_positions, max(ranks)
    block = max(len(b.positions) * p * matrix.dtype.itemsize + b.n_bytes for b in matrix.blocks)
    own = block if matrix.is_lazy else 0
    rows = min(rows_a_piece(p), n)
    chunks = workers * (own + _PIECES * rows * p * _FLOAT)
    all_runs = restarts * sum(ranks)
    stepping = min(restarts, FINALISTS) * sum(ranks) if compressed else all_runs
    numbers = (_STEPS + workers) * stepping * p
    maps = _MAPS * n * (max(k, stepping) if limited else k) * _FLOAT
    if limited:
        maps += _MAPS * min(BATCH_BYTES, n * all_runs * _FLOAT)
    if not compressed:
        return Needs(chunks, numbers * _FLOAT, 0, maps)
    vectors = most_vectors(k, min(n, p))
    subspace = (2 * vectors + (2 + workers) * block_width(k)) * p
    # Of all runs in float32 while they are tried, in float64 in the result.
    numbers = max(numbers + 3 * all_runs * p // 2, subspace)
    m = most_positions(n)
    exploring = 2 * m * min(5 * k, vectors) + workers * 5 * k * (m + p)
    # In the pass for the true MSE of all runs: their products with a block, their maps there.
    positions = max(len(b.positions) for b in matrix.blocks)
    exploring = max(exploring, workers * 4 * all_runs * positions)
    return Needs(chunks, numbers * _FLOAT, exploring * _FLOAT, maps)


def read_budget(max_memory: int | str | None) -> int | None:
    """Return ``max_memory`` in bytes.

    Raises
    ------
    TypeError, ValueError
        If it is neither a positive number of bytes nor text like ``"4 GB"``.

    Examples
    --------
    >>> read_budget("1.5 GB")
    1500000000
    """
    if max_memory is None:
        return None
    given = f"`max_memory` must be a number of bytes or text like '4 GB', got {max_memory!r}."
    if isinstance(max_memory, bool) or not isinstance(max_memory, int | float | str):
        raise TypeError(given)
    if isinstance(max_memory, str) and not any(map(str.isdigit, max_memory)):
        raise ValueError(given)
    try:
        budget = int(parse_bytes(max_memory))
    except (ValueError, OverflowError) as error:
        raise ValueError(given) from error
    if budget <= 0:
        raise ValueError(given)
    return budget


def free_memory() -> int:
    """Bytes that can be taken now: free on the machine and within this process's limits."""
    free = int(psutil.virtual_memory().available)
    for limit_file, used_file in _CGROUPS:
        limit, used = _number_in(limit_file), _number_in(used_file)
        if limit is not None and used is not None:
            free = min(free, max(limit - used, 0))
    return min(free, _left_of_address_space())


def default_budget() -> int:
    """Bytes that a job may take where no budget is given."""
    return int(_SHARE * free_memory())


def cluster_budget(client: Any) -> int:
    """Bytes that data may be kept in on the workers of a `distributed.Client`."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return int(_SHARE * sum(worker["memory_limit"] or 0 for worker in workers))


def chunk_bytes(budget: int, workers: int) -> int:
    """Size of the chunks to read, for a budget and a number of workers."""
    return int(min(max(budget // (_CHUNKS_SHARE * workers), _LEAST_CHUNK), CHUNK_BYTES))


def _number_in(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # "max", or no such file on this system
        return None


def _left_of_address_space() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 2**62
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return 2**62
    return max(limit - int(psutil.Process().memory_info().vms), 0)
