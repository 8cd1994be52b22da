"""A solver of one's own: the multiplicative updates of Lee and Seung (2001)."""

import numpy as np

from hs_nmfcluster.factorization.updates import SOLVERS, Solver, als_rows
from hs_nmfcluster.simulation import linear_mixture


def multiplicative_rows(target, gram, rows=None):
    """Non-negative rows ``(k, n)`` that lower the error ``‖A Y − …‖²`` given AᵀA and Aᵀ…."""
    tiny = np.finfo(target.dtype).tiny
    rows = als_rows(target, gram) if rows is None else rows
    rows = np.maximum(rows, 1e-6 * rows.max())
    for _ in range(20):
        rows = rows * np.maximum(target, 0.0) / np.maximum(gram @ rows, tiny)
    return rows


SOLVERS["multiplicative"] = Solver(multiplicative_rows)

s, truth = linear_mixture((16, 16), (32, 32), pixel_size=0.6, n_particles=2)
quiet = {"print_info": False, "show_progressbar": False, "random_state": 0}
mine = s.decompose_als_nmf(3, solver="multiplicative", compression=None, restarts=3, **quiet)
paper = s.decompose_als_nmf(3, compression=None, restarts=3, **quiet)
print(f"multiplicative {mine.mse:.5g}, als {paper.mse:.5g}")
