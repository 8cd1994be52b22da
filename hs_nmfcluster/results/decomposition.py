"""What the methods of the signals that factorize a scan do, and the results they make of it."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge import axes, learning_results
from hs_nmfcluster.bridge.running import Conduct, running
from hs_nmfcluster.factorization.constraints import (
    Constraint,
    Constraints,
    bind,
    check_constraints,
    check_scan_axes,
    describe,
)
from hs_nmfcluster.factorization.fit import Fit, fit
from hs_nmfcluster.factorization.rank_curves import rank_curves
from hs_nmfcluster.factorization.stability import rotated_stability
from hs_nmfcluster.factorization.suggestion import suggest
from hs_nmfcluster.factorization.updates import SOLVERS
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.preparation import Demand, Prepared, Selection, prepare
from hs_nmfcluster.results.rank_study import RankStudy
from hs_nmfcluster.scan import arguments as checks
from hs_nmfcluster.scan.detector import estimate_disk_radius

_logger = logging.getLogger(__name__)

_COMPRESSIONS = ("auto", None)
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
    constraints: tuple[Constraint, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return them as numbers and text."""
        return asdict(self) | {"constraints": describe(self.constraints)}


def check_arguments(
    *,
    n_components: object,
    restarts: object,
    solver: object,
    compression: object,
    tolerance: object,
    max_iterations: object,
    ridge: object,
    seed: int,
    constraints: object = None,
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
        seed,
        check_constraints(constraints),
    )


def decompose(
    signal: BaseSignal, arguments: Arguments, selection: Selection, conduct: Conduct
) -> Factorization:
    """Do what :meth:`~hs_nmfcluster.NMFDiffraction2D.decompose_als_nmf` documents."""
    compressed = arguments.compression is not None
    limited = check_scan_axes(arguments.constraints, axes.scan_axes(signal))
    demand = Demand(
        [arguments.n_components], arguments.restarts, "n_components", compressed, limited
    )
    described, identity = arguments.described(), selection.identity()
    with running(signal, "ALS-NMF", described, identity, conduct) as job:
        prepared = prepare(signal, selection, demand, conduct, job)
        constraints, resolved = _bind(signal, arguments.constraints, prepared)
        result = fit(
            prepared.matrix,
            arguments.n_components,
            restarts=arguments.restarts,
            solver=arguments.solver,
            compressed=compressed,
            tolerance=arguments.tolerance,
            max_iterations=arguments.max_iterations,
            ridge=arguments.ridge,
            seed=arguments.random_state,
            job=job,
            constraints=constraints,
        )
    _report_convergence(result, arguments, job.stopped)
    factorization = Factorization._from_fit(
        signal,
        result,
        prepared.matrix.positions,
        prepared.mask.array,
        prepared.center,
        described | resolved | _provenance(signal, prepared, result.passes),
    )
    patterns, maps = factorization.patterns.data, factorization.maps.data
    if isinstance(maps, np.ndarray):
        learning_results.store(signal, patterns, maps, result.mean_square)
    # Clustering must not estimate again what may have been given here.
    signal.learning_results.beam_center = prepared.center
    return factorization


def study_ranks(
    signal: BaseSignal,
    arguments: dict[str, Any],
    selection: Selection,
    conduct: Conduct,
    chosen: Sequence[Constraint] = (),
) -> RankStudy:
    """Do what `NMFDiffraction2D.estimate_number_of_components` documents."""
    ranks = np.array(arguments["ranks"])
    limited = check_scan_axes(chosen, axes.scan_axes(signal))
    demand = Demand(arguments["ranks"], arguments["restarts"], "max(ranks)", limited=limited)
    described = arguments | {"constraints": describe(chosen)}
    with running(signal, "Rank study", described, selection.identity(), conduct) as job:
        prepared = prepare(signal, selection, demand, conduct, job)
        constraints, resolved = _bind(signal, chosen, prepared)
        curves = rank_curves(
            prepared.matrix,
            ranks,
            restarts=arguments["restarts"],
            tolerance=arguments["tolerance"],
            seed=arguments["random_state"],
            job=job,
            constraints=constraints,
        )
    kept = ~prepared.mask.array
    counted = not prepared.look.negative[kept].any()
    noise_mse = float(prepared.look.mean[kept].mean()) if counted else np.nan
    best = curves.nmf_mse.min(axis=1)
    detector = axes.detector_of(signal, prepared.center)
    stacks, rotated = [], []
    for patterns, others in zip(curves.patterns, curves.others, strict=True):
        stack = _on_detector(patterns, kept)
        # One by one: no memory for all of them beside what they are compared in.
        on_detector = (_on_detector(S, kept) for S in others)
        turned = rotated_stability(stack, on_detector, detector)
        rotated.append(turned.mean())
        stacks.append(axes.pattern_stack(signal, stack, prepared.center, "NMF patterns"))
    return RankStudy(
        ranks=ranks,
        nmf_mse=curves.nmf_mse,
        pca_mse=curves.pca_mse,
        noise_mse=noise_mse,
        stability=curves.stability,
        rotated_stability=np.array(rotated),
        patterns=stacks,
        suggestion=suggest(ranks, best, curves.pca_mse, noise_mse, curves.stability),
        passes=curves.passes,
        settings=described | resolved | _provenance(signal, prepared, curves.passes),
    )


def _on_detector(
    patterns: NDArray[np.floating[Any]], kept: NDArray[np.bool_]
) -> NDArray[np.floating[Any]]:
    """Patterns of the kept pixels, ``(k, n_pixels)``, on the detector, NaN elsewhere."""
    stack = np.full((len(patterns), *kept.shape), np.nan, patterns.dtype)
    stack[:, kept] = patterns
    return stack


def check_ranks(ranks: Iterable[int]) -> list[int]:
    """Return the numbers of components of a study, ascending.

    Raises
    ------
    TypeError, ValueError
        If they are not whole numbers ≥ 1, or there is none.
    """
    if not isinstance(ranks, Iterable):
        raise TypeError(f"`ranks` must be whole numbers like range(5, 31), got {ranks!r}.")
    checked = sorted({checks.check_whole_number("ranks", rank) for rank in ranks})
    if not checked:
        raise ValueError("`ranks` is empty: give one or more numbers of components, ascending.")
    return checked


def _bind(
    signal: BaseSignal, chosen: Sequence[Constraint], prepared: Prepared
) -> tuple[Constraints, dict[str, Any]]:
    """Bind constraints to a scan, with what is to be remembered of them."""
    detector = axes.detector_of(signal, prepared.center)
    constraints, described = bind(
        chosen,
        axes.scan_axes(signal),
        prepared.matrix.positions,
        prepared.look.mean,
        prepared.mask.array,
        detector,
    )
    spot_radius = estimate_disk_radius(prepared.look.mean, detector)
    return constraints, {"constraints": described, "spot_radius": spot_radius}


def _report_convergence(result: Fit, arguments: Arguments, stopped: bool) -> None:
    if stopped:
        _logger.warning("Interrupted: this is what there was then; see plot_convergence().")
    elif not result.converged[result.best]:
        _logger.warning(
            "The best restart had not converged to tolerance = %g after max_iterations = %d; "
            "see plot_convergence().",
            arguments.tolerance,
            arguments.max_iterations,
        )


def _provenance(signal: BaseSignal, prepared: Prepared, passes: int) -> dict[str, Any]:
    return {
        "signal_mask": prepared.mask.description,
        "center_from": prepared.center_from,
        "positions_kept": prepared.matrix.n_positions,
        "pixels_kept": prepared.matrix.n_pixels,
        "data_in_memory": prepared.held,
        "reads_of_the_source": prepared.reads if prepared.held else passes,
        "memory_estimate": prepared.needs.total,
        "data_shape": list(signal.data.shape),
        "data_dtype": str(signal.data.dtype),
        "title": signal.metadata.General.title,
        "file": signal.metadata.get_item("General.original_filename", ""),
        "versions": {name: version(name) for name in _VERSIONS_OF},
    }
