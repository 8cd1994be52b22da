"""From a signal to its factorization: checks, survey, mask, fit, and the result in place."""

import logging
from collections.abc import Iterable, Sequence
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
from hs_nmfcluster.factorization.rank import RankStudy, rank_curves, suggest
from hs_nmfcluster.factorization.result import Factorization
from hs_nmfcluster.factorization.start import draw_seed
from hs_nmfcluster.factorization.survey import Survey, survey
from hs_nmfcluster.factorization.updates import SOLVERS
from hs_nmfcluster.progress import pass_progress

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hs_nmfcluster.masks import Mask

_logger = logging.getLogger(__name__)

_COMPRESSIONS = ("auto", None)
_SURVEY_PASSES = 1
# Pixels by which a centre can be off before rotations and spacings suffer visibly.
_DISAGREEMENT = 1.0
_VERSIONS_OF = ("hs_nmfcluster", "hyperspy", "rosettasciio", "dask", "numpy", "scipy")


@dataclass(frozen=True)
class Arguments:
    """Checked arguments of a decomposition; ``random_state`` repeats it."""

    n_components: int
    restarts: int
    solver: str
    compression: str | None
    tolerance: float
    max_iterations: int
    ridge: float
    random_state: int


def check_arguments(
    *,
    n_components: object,
    restarts: object,
    solver: object,
    compression: object,
    tolerance: object,
    max_iterations: object,
    ridge: object,
    random_state: Any,
) -> Arguments:
    """Check what needs no look at the data.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    checks.check_choice("solver", solver, tuple(SOLVERS))
    checks.check_choice("compression", compression, _COMPRESSIONS)
    return Arguments(
        checks.check_whole_number("n_components", n_components),
        checks.check_whole_number("restarts", restarts),
        str(solver),
        None if compression is None else "auto",
        checks.check_positive("tolerance", tolerance),
        checks.check_whole_number("max_iterations", max_iterations),
        checks.check_not_negative("ridge", ridge),
        draw_seed(random_state),
    )


@dataclass(frozen=True)
class Prepared:
    """A scan that has been checked and looked at, as a matrix without what masks leave out."""

    matrix: ScanMatrix
    look: Survey
    center: tuple[float, float]
    center_from: str
    mask: masks.DetectorMask


def prepare(
    signal: "BaseSignal",
    n_components: int,
    *,
    navigation_mask: "Mask | None",
    signal_mask: "Mask | Literal['auto'] | None",
    center: Sequence[float] | None,
    print_info: bool,
) -> Prepared:
    """Check everything that can be wrong before long work, in one pass over the data.

    Raises
    ------
    TypeError, ValueError
        Naming the argument or what is wrong with the data.
    """
    checks.check_scan(signal)
    left_out = masks.navigation_mask_array(signal, navigation_mask)
    if isinstance(signal_mask, str) and signal_mask != "auto":
        raise ValueError(f'`signal_mask` must be "auto", None or a mask, got {signal_mask!r}.')
    given = None if isinstance(signal_mask, str) else _given_mask(signal, signal_mask)
    if center is not None:
        axes.find_center(signal, center)
    _check_rank_early(signal, n_components, left_out, given)

    look = survey(signal.data, left_out)
    position, how = axes.find_center(signal, center, look.mean)
    detector = axes.detector_of(signal, position)
    mask = given or masks.default_detector_mask(look.mean, detector)
    checks.check_values(look, mask.array, axes.scan_shape(signal))
    matrix = ScanMatrix.from_array(signal.data, left_out, mask.array)
    checks.check_rank(n_components, matrix.n_positions, matrix.n_pixels)
    _report_negative(look, mask.array)
    if print_info:
        _print_geometry(position, how, mask)
        _print_disagreement(position, look.mean)
    return Prepared(matrix, look, position, how, mask)


def decompose(
    signal: "BaseSignal", arguments: Arguments, prepared: Prepared, show_progressbar: bool | None
) -> Factorization:
    """Do what :meth:`~hs_nmfcluster.signals.NMFDiffraction2D.decompose_als_nmf` documents."""
    result = _fit(prepared.matrix, arguments, show_progressbar)
    factorization = Factorization._from_fit(
        signal,
        result,
        prepared.matrix.positions,
        prepared.mask.array,
        prepared.center,
        asdict(arguments) | _provenance(signal, prepared),
        result.passes + _SURVEY_PASSES,
    )
    learning_results.store(
        signal, factorization.patterns.data, factorization.maps.data, result.mean_square
    )
    # Clustering must not estimate again what may have been given here.
    signal.learning_results.beam_center = prepared.center
    return factorization


def study_ranks(
    signal: "BaseSignal",
    ranks: NDArray[np.int64],
    arguments: dict[str, Any],
    prepared: Prepared,
    show_progressbar: bool | None,
) -> RankStudy:
    """Do what `NMFDiffraction2D.estimate_number_of_components` documents."""
    with pass_progress(show_progressbar, "Rank study") as progress:
        curves = rank_curves(
            prepared.matrix,
            ranks,
            restarts=arguments["restarts"],
            tolerance=arguments["tolerance"],
            seed=arguments["random_state"],
            progress=progress,
        )
    kept = ~prepared.mask.array
    counted = not prepared.look.negative[kept].any()
    noise_mse = float(prepared.look.mean[kept].mean()) if counted else np.nan
    best = curves.nmf_mse.min(axis=1)
    stacks = []
    for patterns in curves.patterns:
        stack = np.full((len(patterns), *kept.shape), np.nan)
        stack[:, kept] = patterns
        stacks.append(axes.pattern_stack(signal, stack, prepared.center, "NMF patterns"))
    return RankStudy(
        ranks=ranks,
        nmf_mse=curves.nmf_mse,
        pca_mse=curves.pca_mse,
        noise_mse=noise_mse,
        stability=curves.stability,
        patterns=stacks,
        suggestion=suggest(ranks, best, curves.pca_mse, noise_mse, curves.stability),
        passes=curves.passes + _SURVEY_PASSES,
        settings=arguments | _provenance(signal, prepared),
    )


def check_ranks(ranks: Iterable[int]) -> NDArray[np.int64]:
    """Return the numbers of components of a study, ascending.

    Raises
    ------
    TypeError, ValueError
        If they are not whole numbers ≥ 1, or there is none.
    """
    checked = sorted({checks.check_whole_number("ranks", rank) for rank in ranks})
    if not checked:
        raise ValueError("`ranks` is empty: give one or more numbers of components, ascending.")
    return np.array(checked)


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
    with pass_progress(show_progressbar, "ALS-NMF") as progress:
        result = fit(
            matrix,
            arguments.n_components,
            restarts=arguments.restarts,
            solver=arguments.solver,
            compressed=arguments.compression is not None,
            tolerance=arguments.tolerance,
            max_iterations=arguments.max_iterations,
            ridge=arguments.ridge,
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
    if (x, y) == ((mean_pattern.shape[1] - 1) / 2, (mean_pattern.shape[0] - 1) / 2):
        return  # what the estimate says where there is no beam to be seen
    if np.hypot(x - center[0], y - center[1]) > _DISAGREEMENT:
        print(
            f"  but the mean pattern shows it at x = {x:.2f}, y = {y:.2f} px; "
            f"`center=({x:.2f}, {y:.2f})` takes that"
        )


def _provenance(signal: "BaseSignal", prepared: Prepared) -> dict[str, Any]:
    return {
        "signal_mask": prepared.mask.description,
        "center_from": prepared.center_from,
        "positions_kept": prepared.matrix.n_positions,
        "pixels_kept": prepared.matrix.n_pixels,
        "data_shape": list(signal.data.shape),
        "data_dtype": str(signal.data.dtype),
        "title": signal.metadata.General.title,
        "file": signal.metadata.get_item("General.original_filename", ""),
        "versions": {name: version(name) for name in _VERSIONS_OF},
    }
