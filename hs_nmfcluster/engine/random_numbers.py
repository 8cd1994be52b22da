"""Random starts that depend on the position in the scan, not on how the scan is chunked."""

import numpy as np
from numpy.typing import NDArray


def uniform(seed: int, stream: int, rows: NDArray[np.int64], columns: int) -> NDArray[np.float64]:
    """Uniform random numbers in [0, 1), a pure function of seed, stream, row and column.

    A counter-based generator (the SplitMix64 finaliser of Steele, Lea & Flood, 2014) instead of
    a sequence: each chunk draws its own rows, in any order and on any worker.

    Parameters
    ----------
    seed
        Seed of the whole job.
    stream
        Number of an independent stream, one a restart.
    rows
        Flat index of each row, ``(n,)``: the position in the scan, or the pixel.
    columns
        Numbers wanted a row.

    Returns
    -------
    numpy.ndarray
        ``(n, columns)`` float64.

    Examples
    --------
    >>> import numpy as np
    >>> whole = uniform(0, 1, np.arange(6), 2)
    >>> bool(np.all(uniform(0, 1, np.arange(3, 6), 2) == whole[3:]))
    True
    """
    key = _mix(_mix(np.array([seed], np.uint64)) ^ np.array([stream], np.uint64))
    counter = np.arange(columns, dtype=np.uint64) + rows.astype(np.uint64)[:, None] * columns
    bits: NDArray[np.uint64] = _mix(key ^ _mix(counter))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def generator_at(seed: int, position: int, stream: int) -> np.random.Generator:
    """Random numbers of any law that belong to one position.

    Parameters
    ----------
    seed
        Seed of the whole job.
    position
        Flat index of the position.
    stream
        Number of an independent stream; each purpose has its own, those of
        `simulation.chunks.STREAMS` are below 16.

    Examples
    --------
    >>> first = generator_at(7, 100, 16).poisson(50.0, 3)
    >>> bool((first == generator_at(7, 100, 16).poisson(50.0, 3)).all())
    True
    """
    key = np.array([seed, position], dtype=np.uint64)
    counter = np.array([0, 0, 0, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def whole_numbers(rows: NDArray[np.int64], columns: int, below: int) -> NDArray[np.intp]:
    """Whole numbers from 0, a pure function of row and column, ``(n, columns)``.

    Examples
    --------
    >>> int(whole_numbers(np.arange(100), 50, 4).max())
    3
    """
    of_rows, of_columns = (
        _mix(np.asarray(n, dtype=np.uint64)) >> np.uint64(32) for n in (rows, np.arange(columns))
    )
    # The upper half of a product, which takes a tenth of the time of a remainder.
    bits: NDArray[np.uint64] = of_rows[:, None] ^ of_columns
    bits *= np.uint64(below)
    bits >>= np.uint64(32)
    return bits.view(np.int64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        z = values + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def draw_seed(random_state: int | np.random.Generator | None) -> int:
    """Turn ``random_state`` into one number that repeats the run.

    Parameters
    ----------
    random_state
        A non-negative integer is taken as it is; from a generator one number is drawn; None
        draws a fresh one.

    Raises
    ------
    TypeError, ValueError
        For anything else, and for a number outside 0 … 2**64 - 1.
    """
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer):
        raise TypeError(
            "`random_state` must be None, a non-negative integer or a numpy.random.Generator, "
            f"not {type(random_state).__name__}."
        )
    if not 0 <= random_state < 2**64:
        raise ValueError(f"`random_state` must be 0 … 2**64 - 1, got {random_state}.")
    return int(random_state)
