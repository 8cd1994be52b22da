"""How a scan is factorized, beside the number of components."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.constraints import FREE, Constraints


@dataclass(frozen=True)
class Settings:
    """What travels through a factorization together.

    Parameters
    ----------
    restarts
        Starts of each number of components; in the compressed problem one from the singular
        vectors, the others random.
    tolerance
        A restart has converged when its MSE changes by less than this share of itself. The default
        recovers true components better than smaller ones (``benchmarks/validation/tolerance.py``).
    max_iterations
        Iterations on the data after which a restart is stopped all the same.
    seed
        The same seed gives the same result, whatever the chunking.
    ridge
        Tikhonov term in the solves, in units of the Gram matrix's mean diagonal.
    constraints
        Of maps and patterns, bound to the scan. Limited maps make an iteration on the data of two
        passes.
    pixel_weights
        Square root of the expected counts of each kept pixel, of mean square 1: the data are
        weighted by it and by the like of each position. None weighs all alike.
    overview
        Orthogonal patterns of unit norm that hold much of what is in the scan, not weighted,
        ``(n, n_pixels)``: where the compression begins. None begins it anywhere.
    """

    restarts: int = 10
    tolerance: float = 1e-4
    max_iterations: int = 300
    seed: int = 0
    ridge: float = 0.0
    constraints: Constraints = FREE
    pixel_weights: NDArray[np.float64] | None = None
    overview: NDArray[np.float64] | None = None
