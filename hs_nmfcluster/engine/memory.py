"""How much memory there is, here or on the workers of a cluster."""

from pathlib import Path
from typing import Any

import psutil
from dask.utils import parse_bytes

from hs_nmfcluster.engine.chunks import CHUNK_BYTES

# Share of the free memory that data may be kept in where no budget is given.
_SHARE = 0.5
# Chunks are made so small that all that are being worked on take a fraction of the budget.
_CHUNKS_SHARE, _LEAST_CHUNK = 12, 2**20

_PROCESS, _GROUPS = Path("/proc/self"), Path("/sys/fs/cgroup")
# Limit, use, and what of the use is given back on demand: version 2 and version 1.
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


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
    for group in _control_groups():
        left = _left_of_group(group)
        free = free if left is None else min(free, left)
    return min(free, _left_of_address_space())


def default_budget() -> int:
    """Bytes that a job may take where no budget is given."""
    return int(_SHARE * free_memory())


def cluster_budget(client: Any) -> int:
    """Bytes that data may be kept in on the workers of a `distributed.Client`."""
    return int(_SHARE * sum(worker["memory_limit"] or 0 for worker in _workers(client)))


def chunk_bytes(budget: int, workers: int) -> int:
    """Size of the chunks to read, for a budget and a number of workers."""
    return int(min(max(budget // (_CHUNKS_SHARE * workers), _LEAST_CHUNK), CHUNK_BYTES))


def cluster_chunk_bytes(client: Any) -> int:
    """Size of the chunks for the workers of a `distributed.Client`, whatever memory is here."""
    limits = [w["memory_limit"] / w["nthreads"] for w in _workers(client) if w["memory_limit"]]
    # None yet where they come as there is work.
    return chunk_bytes(int(_SHARE * min(limits)), 1) if limits else CHUNK_BYTES


def _workers(client: Any) -> list[dict[str, Any]]:
    return list(client.scheduler_info(n_workers=-1)["workers"].values())


def _control_groups() -> list[Path]:
    """Folders of the control groups that this process is in, with those that hold them.

    A job system or a container sets its limit on a group within others, each of which may have
    one of its own (man cgroups).
    """
    try:
        lines = (_PROCESS / "cgroup").read_text().splitlines()
    except OSError:  # no such thing on this system
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _GROUPS / "memory" if controllers else _GROUPS
        own = root / path.lstrip("/")
        found += [own, *(folder for folder in own.parents if folder.is_relative_to(root))]
    return found


def _left_of_group(group: Path) -> int | None:
    """Bytes that a control group allows beyond what it uses, None where it sets no limit."""
    for limit_name, used_name, cache_name in _GROUP_FILES:
        limit, used = _number_in(group / limit_name), _number_in(group / used_name)
        if limit is not None and used is not None:
            # Pages of files that nobody has used lately are given back when memory is asked for.
            return max(limit - used + _entry(group / "memory.stat", cache_name), 0)
    return None


def _entry(path: Path, name: str) -> int:
    try:
        lines = dict(line.split() for line in path.read_text().splitlines())
        return int(lines.get(name, 0))
    except (OSError, ValueError):
        return 0


def _number_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
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
