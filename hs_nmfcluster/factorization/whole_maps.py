"""Passes over the data for maps that are needed whole, not row by row.

Where maps are limited to a band, one pass gives ``S Xᵀ``, from which they follow in memory, and
another one ``Cᵀ X``. The first alone gives the exact MSE.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization import tasks
from hs_nmfcluster.factorization.constraints.band_limit import BandLimit
from hs_nmfcluster.factorization.updates import Solver

if TYPE_CHECKING:
    from hs_nmfcluster.factorization.runs import Run, Stack

Matrix = NDArray[np.float64]

# Maps of runs that only are to be compared are solved in batches of this size, a pass each.
BATCH_BYTES = 2**28


@dataclass(frozen=True)
class WholeMaps:
    """Maps of several runs, and what they were solved from.

    Parameters
    ----------
    maps
        Cᵀ of each run, ``(k, n_positions)``.
    products
        S Xᵀ of each run, likewise.
    squares
        ‖x‖² of each position, ``(n_positions,)``.
    """

    maps: list[Matrix]
    products: list[Matrix]
    squares: Matrix

    @property
    def overlaps(self) -> list[float]:
        """⟨X Sᵀ, C⟩ of each run."""
        pairs = zip(self.products, self.maps, strict=True)
        return [float(np.einsum("kn,kn->", product, maps)) for product, maps in pairs]


def solve_limited(
    target: Matrix, gram: Matrix, solver: Solver, band: BandLimit, maps: Matrix | None = None
) -> Matrix:
    """Solve for non-negative maps within a band.

    Among maps within the band, the least-squares problem for X is that for X made to lie within
    it. So the band comes first: noise beyond it is gone before the sign would rectify it. What the
    sign brings back is removed by projections in turn.

    Parameters
    ----------
    target
        ``S Xᵀ`` made to lie within the band, ``(k, n_positions)``.
    gram
        ``S Sᵀ``.
    solver
        The update rule.
    band
        Limit of the maps.
    maps
        Where to start.

    Returns
    -------
    numpy.ndarray
        Cᵀ, ``(k, n_positions)``.
    """
    return band.limit(solver.solve(target, gram, maps))


def whole_maps(
    matrix: ScanMatrix, stack: "Stack", solver: Solver, band: BandLimit, job: Job
) -> WholeMaps:
    """Solve for the maps of several runs, in one pass."""
    rows = job.collect(matrix, tasks.products_and_squares, stack)
    products = np.split(np.ascontiguousarray(rows[:, :-1].T), stack.edges)
    maps = [
        solve_limited(band.fit(product), gram, solver, band)
        for product, gram in zip(products, stack.grams, strict=True)
    ]
    return WholeMaps(maps, products, rows[:, -1])


def project(matrix: ScanMatrix, maps: Sequence[Matrix], job: Job) -> list[Matrix]:
    """Compute Cᵀ X of several runs, ``(k, n_pixels)`` each, in one pass."""
    edges = np.cumsum([len(c) for c in maps])[:-1]
    stacked = np.concatenate(maps)
    return np.split(job.visit(matrix, tasks.projections, stacked, matrix.positions), edges)


def batches(runs: Sequence["Run"], n_positions: int) -> Iterator[list["Run"]]:
    """Hand out as many runs at a time as have maps that fit into memory, one at the least."""
    most = BATCH_BYTES // (8 * n_positions)
    batch: list[Run] = []
    for run in runs:
        if batch and sum(len(other.patterns) for other in batch) + len(run.patterns) > most:
            yield batch
            batch = []
        batch.append(run)
    yield batch
