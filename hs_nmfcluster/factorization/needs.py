"""How much memory a factorization needs: known before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

from dask.utils import format_bytes

from hs_nmfcluster.engine.matrix import ScanMatrix, rows_a_piece
from hs_nmfcluster.engine.shelf import ROOM
from hs_nmfcluster.factorization.compression import most_positions
from hs_nmfcluster.factorization.krylov import block_width, most_vectors
from hs_nmfcluster.factorization.neighbourhoods.tiling import GROUP
from hs_nmfcluster.factorization.search import FINALISTS
from hs_nmfcluster.factorization.tasks import SOLVED_TOGETHER
from hs_nmfcluster.factorization.whole_maps import BATCH_BYTES
from hs_nmfcluster.scan.blocks import most_bytes
from hs_nmfcluster.scan.local_maps import DENSE_BYTES

# Copies that are alive at a time: of a piece of rows, of patterns in a step, of maps.
_PIECES, _STEPS, _MAPS = SOLVED_TOGETHER + 2, 4, 5
_FLOAT, _SINGLE = 8, 4


@dataclass(frozen=True)
class Needs:
    """Most memory that the parts of a factorization take, in bytes.

    Parameters
    ----------
    chunks
        Chunks being worked on, one a worker.
    patterns
        Patterns of all runs, the sums from which they follow, the vectors of the compression; or
        before them those by which the scan is inspected, where these take more.
    compressed
        The compressed scan and the maps of the runs in it.
    maps
        Maps of the result; in neighbourhoods those that each of them found.
    result
        What is put together of these when no chunk is needed any more.
    """

    chunks: int
    patterns: int
    compressed: int
    maps: int
    result: int = 0

    @property
    def total(self) -> int:
        """Bytes of all parts that are there at a time."""
        return max(self.chunks, self.result) + self.patterns + self.compressed + self.maps

    def __str__(self) -> str:
        parts = ", ".join(
            f"{name} {format_bytes(getattr(self, name))}"
            for name in ("chunks", "patterns", "compressed", "maps")
        )
        later = f"; once these are gone, result {format_bytes(self.result)}" if self.result else ""
        return f"{format_bytes(self.total)} ({parts}{later})"


def factorization_needs(
    matrix: ScanMatrix,
    ranks: Sequence[int],
    restarts: int,
    *,
    compressed: bool,
    blocks_at_a_time: int,
    threads: int,
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
    blocks_at_a_time
        Blocks that are worked on at a time in this process: none where a cluster does it, with the
        memory of its workers.
    threads
        Runs in the compressed problem that are worked on at a time.
    limited
        Whether maps are limited to a resolution, and therefore needed whole.

    Returns
    -------
    Needs

    Notes
    -----
    With p pixels, n positions, w blocks at a time, k the largest rank and K the sum of all runs'
    ranks: a block is held as a chunk, its kept part and six pieces of it in float64; a step of r
    runs holds (4 + w) r k p numbers, and five times r k p on a cluster, whose workers add the sums
    up; the compression a subspace of at most q' vectors, twice; the compressed scan has at most m
    positions and q = 5 k columns.
    """
    p, n, k = matrix.n_pixels, matrix.n_positions, max(ranks)
    block = max(len(b.positions) * p * matrix.dtype.itemsize + b.n_bytes for b in matrix.blocks)
    own = block if matrix.is_lazy else 0
    rows = min(rows_a_piece(p), n)
    chunks = blocks_at_a_time * (own + _PIECES * rows * p * _FLOAT)
    all_runs = restarts * sum(ranks)
    stepping = min(restarts, FINALISTS) * sum(ranks) if compressed else all_runs
    sums = max(blocks_at_a_time, 1)
    numbers = (_STEPS + sums) * stepping * p
    maps = _MAPS * n * (max(k, stepping) if limited else k) * _FLOAT
    if limited:
        maps += _MAPS * min(BATCH_BYTES, n * all_runs * _FLOAT)
    inspected = _inspection(matrix)
    if not compressed:
        return Needs(chunks, max(numbers * _FLOAT, inspected), 0, maps)
    vectors = most_vectors(k, min(n, p))
    subspace = (2 * vectors + (2 + sums) * block_width(k)) * p
    # Of all runs in float32 while they are tried, in float64 in the result.
    numbers = max(numbers + 3 * all_runs * p // 2, subspace)
    m = most_positions(n)
    exploring = 2 * m * min(5 * k, vectors) + threads * 5 * k * (m + p)
    # In the pass for the true MSE of all runs: their products with a block, their maps there.
    positions = max(len(b.positions) for b in matrix.blocks)
    exploring = max(exploring, blocks_at_a_time * 4 * all_runs * positions)
    return Needs(chunks, max(numbers * _FLOAT, inspected), exploring * _FLOAT, maps)


def _inspection(matrix: ScanMatrix) -> int:
    """Bytes of the sums of neighbouring patterns, and of these blurred where no beam is seen."""
    return 2 * most_bytes(matrix.scan_shape, matrix.n_pixels)


# Of neighbourhoods whose size and number of components are not known yet: the usual ones, each with
# one crystal that is not known from another.
_USUAL_POSITIONS, _USUAL_PIECES, _USUAL_CRYSTALS = 23**2, 8, 1
# Of a number that was given, so many describe the matrix; the others are seen from two windows.
_OF_MATRIX, _SEEN_FROM = 2, 2
# Copies of a neighbourhood's rows that are alive at a time, in float64, with its Gram matrices: as
# they are, and in float32.
_COPIES = 2
# Distance of neighbours, over their size.
_APART = 0.75
# Copies of the maps of components while these are solved, each in a window twice as large.
_LOCAL_MAPS, _LARGER = 5, 2


def neighbourhood_needs(
    matrix: ScanMatrix,
    size: Sequence[int] | None,
    n_components: int | None,
    blocks_at_a_time: int,
) -> Needs:
    """Estimate the most memory that a factorization in neighbourhoods takes beside held data.

    Parameters
    ----------
    matrix
        The scan.
    size
        Of a neighbourhood along the last axes of the scan; None where it is to be chosen.
    n_components
        Of each; None where the data are to tell.
    blocks_at_a_time
        As of :func:`factorization_needs`.

    Returns
    -------
    Needs

    Notes
    -----
    Only neighbourhoods in work are in memory, with the chunks that they are cut out of. What is
    found is kept: of each its maps and products with the data; patterns only of the result, and
    while pieces are joined those of two rows of neighbourhoods.
    """
    p, n = matrix.n_pixels, matrix.n_positions
    m = min(_USUAL_POSITIONS if size is None else prod(size), n)
    k = n_components or _USUAL_PIECES
    block = max(b.n_bytes for b in matrix.blocks) if matrix.is_lazy else 0
    # Neighbours overlap: together they hold some positions twice.
    windows = max(2 * n / m, 1)
    crystals: float = _USUAL_CRYSTALS
    if n_components is not None:
        crystals = max(n_components - _OF_MATRIX, 1) / _SEEN_FROM
    components = _OF_MATRIX + crystals * windows
    # Chunks that a group of neighbourhoods is still to need: about two rows of them across it.
    side = sqrt(max(len(b.positions) for b in matrix.blocks))
    across = min(2 * (_APART * GROUP * sqrt(m) / side + 1), len(matrix.blocks))
    held = max(4 * blocks_at_a_time, across) if blocks_at_a_time else 0
    chunks = int(held * block) + blocks_at_a_time * _COPIES * _FLOAT * m * (p + m)
    # Of two rows of neighbourhoods: patterns, and while they are compared their contrast.
    lately, patterns = 2 * sqrt(windows) * k * p * _SINGLE, components * p * _SINGLE
    # What is put aside: patterns in half precision, and crystals to be compared.
    aside = min(windows * k * p * _SINGLE / 2, ROOM) + min(patterns, ROOM)
    # Maps and products, where they are, and the squares there.
    found = windows * m * (2 * _SINGLE * k + 2 * _FLOAT)
    maps = _LOCAL_MAPS * components * _LARGER * m * _SINGLE
    dense = components * n * _FLOAT
    # Handed out whole where they are few, and once more for HyperSpy's own methods.
    maps = max(maps, 2 * dense if dense <= DENSE_BYTES else 0)
    return Needs(
        chunks,
        int(max(aside, _inspection(matrix))),
        0,
        int(found),
        int(lately + max(lately, patterns + maps)),
    )
