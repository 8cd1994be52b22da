"""How many threads BLAS takes, asked in this process or in one that imports this module."""

from threadpoolctl import threadpool_info


def blas_threads():
    """Numbers of threads of the BLAS libraries that are loaded."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def look(rows, _):
    """Return how many blocks there are, and BLAS threads in them."""
    assert rows[:].size
    return 1, sum(blas_threads())
