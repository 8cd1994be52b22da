"""From a scan and arguments to components, or to a study of their number: arrays all along."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.factorization.constraints import (
    Constraint,
    Constraints,
    bind,
    check_constraints,
    check_scan_axes,
    describe,
)
from hs_nmfcluster.factorization.fit import Fit, fit
from hs_nmfcluster.factorization.preparation import Demand, Prepared, Selection, prepare
from hs_nmfcluster.factorization.rank_curves import RankCurves, rank_curves
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.stability import rotated_stability
from hs_nmfcluster.factorization.suggestion import Suggestion, suggest
from hs_nmfcluster.factorization.updates import SOLVERS
from hs_nmfcluster.scan import arguments as checks
from hs_nmfcluster.scan.axes import Scan
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


@dataclass(frozen=True)
class StudyArguments:
    """Checked arguments of a study of the number of components."""

    ranks: list[int]
    restarts: int
    tolerance: float
    random_state: int
    constraints: tuple[Constraint, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return them as numbers and text."""
        return asdict(self) | {"constraints": describe(self.constraints)}


def check_study_arguments(
    *, ranks: Any, restarts: object, tolerance: object, seed: int, constraints: object = None
) -> StudyArguments:
    """Check what needs no look at the data.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    return StudyArguments(
        _check_ranks(ranks),
        checks.check_whole_number("restarts", restarts),
        checks.check_positive("tolerance", tolerance),
        seed,
        check_constraints(constraints),
    )


def _check_ranks(ranks: Any) -> list[int]:
    if not isinstance(ranks, Iterable):
        raise TypeError(f"`ranks` must be whole numbers like range(5, 31), got {ranks!r}.")
    checked = sorted({checks.check_whole_number("ranks", rank) for rank in ranks})
    if not checked:
        raise ValueError("`ranks` is empty: give one or more numbers of components, ascending.")
    return checked


@dataclass(frozen=True)
class Decomposition:
    """Components of a scan, what they were made from, and every argument.

    Parameters
    ----------
    fit
        Patterns and maps of the positions and pixels kept.
    prepared
        The scan as it was factorized.
    settings
        Arguments, and what was derived from them.
    """

    fit: Fit
    prepared: Prepared
    settings: dict[str, Any]


def decompose(scan: Scan, arguments: Arguments, selection: Selection, job: Job) -> Decomposition:
    """Factorize a scan, see :meth:`~hs_nmfcluster.NMFDiffraction2D.decompose_als_nmf`."""
    compressed = arguments.compression is not None
    limited = check_scan_axes(arguments.constraints, scan.axes)
    demand = Demand(
        [arguments.n_components], arguments.restarts, "n_components", compressed, limited
    )
    prepared = prepare(scan, selection, demand, job)
    constraints, resolved = _bind(scan, arguments.constraints, prepared)
    settings = Settings(
        restarts=arguments.restarts,
        tolerance=arguments.tolerance,
        max_iterations=arguments.max_iterations,
        seed=arguments.random_state,
        ridge=arguments.ridge,
        constraints=constraints,
    )
    found = fit(
        prepared.matrix,
        arguments.n_components,
        settings,
        solver=arguments.solver,
        compressed=compressed,
        job=job,
    )
    # Of the compressed problem, which one rule solves whatever was asked for.
    used = {"solver": "hals"} if compressed else {}
    provenance = _provenance(scan, prepared, found.passes)
    return Decomposition(found, prepared, arguments.described() | used | resolved | provenance)


@dataclass(frozen=True)
class Study:
    """Curves over numbers of components, and what follows from them.

    Parameters
    ----------
    curves
        Errors and stability.
    noise_mse
        MSE of a perfect model of counts; NaN where the data are none.
    rotated_stability
        Stability if patterns may be turned in the plane, ``(n,)``.
    patterns
        For each rank the best patterns on the detector, ``(k, n_v, n_u)``; NaN where masked.
    suggestion
        Which numbers are sensible.
    prepared, settings
        As of a `Decomposition`.
    """

    curves: RankCurves
    noise_mse: float
    rotated_stability: NDArray[np.float64]
    patterns: list[NDArray[np.floating[Any]]]
    suggestion: Suggestion
    prepared: Prepared
    settings: dict[str, Any]


def study_ranks(scan: Scan, arguments: StudyArguments, selection: Selection, job: Job) -> Study:
    """Factorize at many ranks; see `NMFDiffraction2D.estimate_number_of_components`."""
    limited = check_scan_axes(arguments.constraints, scan.axes)
    demand = Demand(arguments.ranks, arguments.restarts, "max(ranks)", limited=limited)
    prepared = prepare(scan, selection, demand, job)
    constraints, resolved = _bind(scan, arguments.constraints, prepared)
    settings = Settings(
        restarts=arguments.restarts,
        tolerance=arguments.tolerance,
        seed=arguments.random_state,
        constraints=constraints,
    )
    ranks = np.array(arguments.ranks)
    curves = rank_curves(prepared.matrix, ranks, settings, job)
    kept = ~prepared.mask.array
    counted = prepared.look.whole and not prepared.look.negative[kept].any()
    noise_mse = float(prepared.look.mean[kept].mean()) if counted else np.nan
    best = curves.nmf_mse.min(axis=1)
    detector = scan.detector.around(prepared.center)
    stacks, rotated = [], []
    for patterns, others in zip(curves.patterns, curves.others, strict=True):
        stack = _on_detector(patterns, kept)
        # One by one: no memory for all of them beside what they are compared in.
        on_detector = (_on_detector(S, kept) for S in others)
        rotated.append(rotated_stability(stack, on_detector, detector).mean())
        stacks.append(stack)
    provenance = _provenance(scan, prepared, curves.passes)
    return Study(
        curves,
        noise_mse,
        np.array(rotated),
        stacks,
        suggest(ranks, best, curves.pca_mse, noise_mse, curves.stability),
        prepared,
        arguments.described() | resolved | provenance,
    )


def _on_detector(
    patterns: NDArray[np.floating[Any]], kept: NDArray[np.bool_]
) -> NDArray[np.floating[Any]]:
    """Patterns of the kept pixels, ``(k, n_pixels)``, on the detector, NaN elsewhere."""
    stack = np.full((len(patterns), *kept.shape), np.nan, patterns.dtype)
    stack[:, kept] = patterns
    return stack


def _bind(
    scan: Scan, chosen: Sequence[Constraint], prepared: Prepared
) -> tuple[Constraints, dict[str, Any]]:
    """Bind constraints to a scan, with what is to be remembered of them."""
    detector = scan.detector.around(prepared.center)
    constraints, described = bind(
        chosen,
        scan.axes,
        prepared.matrix.positions,
        prepared.look.mean,
        prepared.mask.array,
        detector,
    )
    spot_radius = estimate_disk_radius(prepared.look.mean, detector)
    return constraints, {"constraints": described, "spot_radius": spot_radius}


def report_convergence(found: Decomposition, *, stopped: bool) -> None:
    """Warn of a result that is not what was asked for."""
    if stopped:
        _logger.warning("Interrupted: this is what there was then; see plot_convergence().")
    elif not found.fit.converged[found.fit.best]:
        _logger.warning(
            "The best restart had not converged to tolerance = %g after max_iterations = %d; "
            "see plot_convergence().",
            found.settings["tolerance"],
            found.settings["max_iterations"],
        )


def _provenance(scan: Scan, prepared: Prepared, passes: int) -> dict[str, Any]:
    return {
        "signal_mask": prepared.mask.description,
        "center_from": prepared.center_from,
        "center_off": prepared.center_off,
        "positions_kept": prepared.matrix.n_positions,
        "pixels_kept": prepared.matrix.n_pixels,
        "data_in_memory": prepared.held,
        "reads_of_the_source": prepared.reads if prepared.held else passes,
        "memory_estimate": prepared.needs.total,
        "data_shape": list(scan.data.shape),
        "data_dtype": str(scan.data.dtype),
        "title": scan.title,
        "file": scan.file,
        "versions": {name: version(name) for name in _VERSIONS_OF},
    }
