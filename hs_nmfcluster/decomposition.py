"""From a signal to its factorization: checks, survey, mask, fit, and the result in place."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster import axes, checks, masks
from hs_nmfcluster.detector import estimate_beam_center
from hs_nmfcluster.factorization import learning_results
from hs_nmfcluster.factorization.fit import Fit, fit
from hs_nmfcluster.factorization.matrix import ScanMatrix
from hs_nmfcluster.factorization.result import Factorization
from hs_nmfcluster.factorization.start import draw_seed
from hs_nmfcluster.factorization.survey import Survey, survey
from hs_nmfcluster.progress import fit_progress

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hs_nmfcluster.masks import Mask

_logger = logging.getLogger(__name__)

_SOLVERS = ("als",)
# Pixels by which a centre can be off before rotations and spacings suffer visibly.
_DISAGREEMENT = 1.0
_VERSIONS_OF = ("hs_nmfcluster", "hyperspy", "rosettasciio", "dask", "numpy", "scipy")


@dataclass(frozen=True)
class Arguments:
    """Checked arguments of a decomposition; ``random_state`` repeats it."""

    n_components: int
    restarts: int
    solver: str
    tolerance: float
    max_iterations: int
    random_state: int


def check_arguments(
    *,
    n_components: object,
    restarts: object,
    solver: object,
    tolerance: object,
    max_iterations: object,
    random_state: Any,
) -> Arguments:
    """Check what needs no look at the data.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    if solver not in _SOLVERS:
        raise ValueError(f"`solver` must be one of {_SOLVERS}, got {solver!r}.")
    return Arguments(
        checks.check_whole_number("n_components", n_components),
        checks.check_whole_number("restarts", restarts),
        str(solver),
        checks.check_positive("tolerance", tolerance),
        checks.check_whole_number("max_iterations", max_iterations),
        draw_seed(random_state),
    )


def decompose(
    signal: "BaseSignal",
    arguments: Arguments,
    *,
    navigation_mask: "Mask | None",
    signal_mask: "Mask | Literal['auto'] | None",
    center: Sequence[float] | None,
    print_info: bool,
    show_progressbar: bool | None,
) -> Factorization:
    """Do what :meth:`~hs_nmfcluster.signals.NMFDiffraction2D.decompose_als_nmf` documents."""
    checks.check_scan(signal)
    left_out = masks.navigation_mask_array(signal, navigation_mask)
    automatic = isinstance(signal_mask, str)
    if isinstance(signal_mask, str) and signal_mask != "auto":
        raise ValueError(f'`signal_mask` must be "auto", None or a mask, got {signal_mask!r}.')
    given = None if automatic else _given_mask(signal, signal_mask)
    if center is not None:
        axes.find_center(signal, center)
    _check_rank_early(signal, arguments.n_components, left_out, given)

    look = survey(signal.data, left_out)
    position, how = axes.find_center(signal, center, look.mean)
    detector = axes.detector_of(signal, position)
    mask = given or masks.default_detector_mask(look.mean, detector)
    checks.check_values(look, mask.array, axes.scan_shape(signal))
    matrix = ScanMatrix.from_array(signal.data, left_out, mask.array)
    checks.check_rank(arguments.n_components, matrix.n_positions, matrix.n_pixels)
    _report_negative(look, mask.array)
    if print_info:
        _print_geometry(position, how, mask)
        _print_disagreement(position, look.mean)

    result = _fit(matrix, arguments, show_progressbar)
    settings = _settings(signal, arguments, mask, how, matrix)
    factorization = Factorization._from_fit(
        signal, result, matrix.positions, mask.array, position, settings, result.passes + 1
    )
    learning_results.store(
        signal, factorization.patterns.data, factorization.maps.data, result.mean_square
    )
    # Clustering must not estimate again what may have been given here.
    signal.learning_results.beam_center = position
    return factorization


def _check_rank_early(
    signal: "BaseSignal",
    n_components: int,
    left_out: NDArray[np.bool_] | None,
    given: masks.DetectorMask | None,
) -> None:
    """Refuse what no automatic mask could make possible, before the data are read."""
    manager = signal.axes_manager
    n_positions = manager.navigation_size if left_out is None else int((~left_out).sum())
    n_pixels = manager.signal_size if given is None else int((~given.array).sum())
    checks.check_rank(n_components, n_positions, n_pixels)


def _given_mask(signal: "BaseSignal", mask: "Mask | None") -> masks.DetectorMask:
    if mask is None:
        shape = signal.axes_manager.signal_shape[::-1]
        return masks.DetectorMask(np.zeros(shape, dtype=bool), "none")
    return masks.DetectorMask(masks.signal_mask_array(signal, mask), "given")


def _fit(matrix: ScanMatrix, arguments: Arguments, show_progressbar: bool | None) -> Fit:
    with fit_progress(show_progressbar, arguments.max_iterations) as progress:
        result = fit(
            matrix,
            arguments.n_components,
            restarts=arguments.restarts,
            tolerance=arguments.tolerance,
            max_iterations=arguments.max_iterations,
            seed=arguments.random_state,
            progress=progress,
        )
    if not result.converged[result.best]:
        _logger.warning(
            "The best restart had not converged to tolerance = %g after max_iterations = %d; "
            "see plot_convergence().",
            arguments.tolerance,
            arguments.max_iterations,
        )
    return result


def _report_negative(look: Survey, mask: NDArray[np.bool_]) -> None:
    negative = int(look.negative[~mask].sum())
    if negative:
        share = negative / (look.n_positions * int((~mask).sum()))
        _logger.warning(
            "%.3g %% of the values are negative, the smallest is %g; they are kept as they are.",
            100 * share,
            look.minimum[~mask].min(),
        )


def _print_geometry(center: tuple[float, float], how: str, mask: masks.DetectorMask) -> None:
    print(f"Beam centre: x = {center[0]:.2f}, y = {center[1]:.2f} px ({how})")
    kept = 1 - mask.array.mean()
    print(f"Detector mask: {mask.description}; {100 * kept:.1f} % of the pixels kept")


def _print_disagreement(center: tuple[float, float], mean_pattern: NDArray) -> None:
    """Say where the mean pattern shows the beam, if that is not where it was taken to be."""
    x, y = estimate_beam_center(mean_pattern)
    if np.hypot(x - center[0], y - center[1]) > _DISAGREEMENT:
        print(
            f"  but the mean pattern shows it at x = {x:.2f}, y = {y:.2f} px; "
            f"`center=({x:.2f}, {y:.2f})` takes that"
        )


def _settings(
    signal: "BaseSignal",
    arguments: Arguments,
    mask: masks.DetectorMask,
    center_from: str,
    matrix: ScanMatrix,
) -> dict[str, Any]:
    return asdict(arguments) | {
        "signal_mask": mask.description,
        "center_from": center_from,
        "positions_kept": matrix.n_positions,
        "pixels_kept": matrix.n_pixels,
        "data_shape": list(signal.data.shape),
        "data_dtype": str(signal.data.dtype),
        "title": signal.metadata.General.title,
        "file": signal.metadata.get_item("General.original_filename", ""),
        "versions": {name: version(name) for name in _VERSIONS_OF},
    }
