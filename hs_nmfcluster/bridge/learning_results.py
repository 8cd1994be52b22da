"""HyperSpy's ``learning_results`` from a factorization, and back.

HyperSpy's own methods (``get_decomposition_model``, ``plot_decomposition_results``, …) work on
these arrays; objects do not survive its ``save``, so a :class:`Factorization` is mirrored here.
"""

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray


def store(
    signal: BaseSignal,
    patterns: NDArray[np.float64],
    maps: NDArray[np.float64] | da.Array,
    mean_square: float,
    center: tuple[float, float],
    solver: str,
    *,
    weighted: bool,
) -> None:
    """Write patterns and maps into ``signal.learning_results``.

    Parameters
    ----------
    signal
        The scan.
    patterns
        ``(k, n_v, n_u)``, NaN where masked.
    maps
        ``(k, *scan_shape)``, NaN where masked.
    mean_square
        ‖X‖² / size, of which ``explained_variance_ratio`` gives each component's share,
        ‖c‖² / ‖X‖². Shares of components that overlap do not add up to the whole.
    center
        Beam centre ``(x, y)`` in pixels: clustering must not estimate again what may have been
        given here.
    solver
        Which update rule found them.
    weighted
        Whether by counting statistics, as HyperSpy's ``normalize_poissonian_noise``.
    """
    # What a cluster keeps is not fetched for a mirror.
    if isinstance(maps, np.ndarray):
        _mirror(signal, patterns, maps, mean_square, solver)
        signal.learning_results.poissonian_noise_normalized = weighted
    signal.learning_results.beam_center = center


def _mirror(
    signal: BaseSignal,
    patterns: NDArray[np.float64],
    maps: NDArray[np.float64],
    mean_square: float,
    solver: str,
) -> None:
    results = signal.learning_results
    results.__dict__.clear()
    k = len(patterns)
    results.factors = patterns.reshape(k, -1).T.copy()
    results.loadings = maps.reshape(k, -1).T.copy()
    size = np.isfinite(results.loadings[:, 0]).sum() * np.isfinite(results.factors[:, 0]).sum()
    squares = np.array([np.nansum(one**2) for one in maps])
    results.explained_variance_ratio = squares / (mean_square * size)
    results.number_significant_components = k
    results.decomposition_algorithm = f"{solver.upper()}-NMF"
    results.output_dimension = k
    results.unfolded = False
    results.original_shape = tuple(signal.data.shape)


def has_nmf(signal: BaseSignal) -> bool:
    """Whether ``learning_results`` hold a decomposition of this signal's shape."""
    factors, loadings = signal.learning_results.factors, signal.learning_results.loadings
    manager = signal.axes_manager
    return (
        factors is not None
        and loadings is not None
        and len(factors) == manager.signal_size
        and len(loadings) == manager.navigation_size
    )


def recall(signal: BaseSignal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Patterns ``(k, n_v, n_u)`` and maps ``(k, *scan_shape)`` from ``learning_results``."""
    manager, results = signal.axes_manager, signal.learning_results
    patterns = np.asarray(results.factors).T.reshape(-1, *manager.signal_shape[::-1])
    maps = np.asarray(results.loadings).T.reshape(-1, *manager.navigation_shape[::-1])
    return patterns, maps


def match(signal: BaseSignal, patterns: NDArray[np.float64], maps: NDArray[np.float64]) -> bool:
    """Whether ``learning_results`` are just these patterns and maps."""
    if not has_nmf(signal):
        return False
    pairs = zip(recall(signal), (patterns, maps), strict=True)
    return all(np.array_equal(known, given, equal_nan=True) for known, given in pairs)
