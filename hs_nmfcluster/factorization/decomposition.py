"""From a scan and arguments to components, or to a study of their number: arrays all along."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.factorization.arguments import Arguments, StudyArguments
from hs_nmfcluster.factorization.constraints import (
    Constraint,
    Constraints,
    bind,
    check_scan_axes,
)
from hs_nmfcluster.factorization.fit import Fit, fit
from hs_nmfcluster.factorization.neighbourhoods.local import Plan
from hs_nmfcluster.factorization.neighbourhoods.mosaic import (
    Mosaic,
    check_size,
    choose_tiling,
    factorize_in_tiles,
    most_components,
)
from hs_nmfcluster.factorization.neighbourhoods.tiling import Tiling
from hs_nmfcluster.factorization.preparation import (
    Demand,
    DemandInTiles,
    Prepared,
    Selection,
    prepare,
)
from hs_nmfcluster.factorization.rank_curves import RankCurves, rank_curves
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.stability import rotated_stability
from hs_nmfcluster.factorization.suggestion import Suggestion, suggest
from hs_nmfcluster.factorization.weighting import choose_weighting
from hs_nmfcluster.scan.axes import Scan
from hs_nmfcluster.scan.beam import estimate_disk_radius
from hs_nmfcluster.words import counted

_logger = logging.getLogger(__name__)

# Positions of a scan from which on neighbourhoods found more crystals than one factorization.
_LARGE = 2500
_VERSIONS_OF = ("hs_nmfcluster", "hyperspy", "rosettasciio", "dask", "numpy", "scipy")


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
    """Factorize a whole scan, see :meth:`~hs_nmfcluster.NMFDiffraction2D.decompose_als_nmf`."""
    if arguments.n_components is None:
        raise ValueError("A whole scan is factorized into a number of components.")
    compressed = arguments.compression is not None
    limited = check_scan_axes(arguments.constraints, scan.axes)
    demand = Demand(
        [arguments.n_components], arguments.restarts, "n_components", compressed, limited
    )
    prepared = prepare(scan, selection, demand, job)
    if prepared.matrix.n_positions > _LARGE:
        job.tell(
            "One factorization of the whole scan, as in the paper; neighbourhoods, the default, "
            "find more of the crystals in so large a scan"
        )
    constraints, resolved = _bind(scan, arguments.constraints, prepared)
    kept = ~prepared.mask.array
    weighting = choose_weighting(
        arguments.weighting,
        prepared.look,
        kept,
        in_tiles=False,
        noise=prepared.noise,
    )
    settings = Settings(
        restarts=arguments.restarts,
        tolerance=arguments.tolerance,
        max_iterations=arguments.max_iterations,
        seed=arguments.random_state,
        ridge=arguments.ridge,
        constraints=constraints,
        pixel_weights=weighting.pixels,
        overview=prepared.overview,
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
    used: dict[str, Any] = {"solver": "hals"} if compressed else {}
    provenance = _provenance(scan, prepared, found.passes)
    used |= {"mean_square": found.mean_square} | weighting.described
    return Decomposition(found, prepared, arguments.described() | used | resolved | provenance)


@dataclass(frozen=True, eq=False)
class DecompositionInTiles:
    """As `Decomposition`, of a scan that was factorized in neighbourhoods.

    Parameters
    ----------
    mosaic
        What they found.
    prepared, settings
        As of a `Decomposition`.
    """

    mosaic: Mosaic
    prepared: Prepared
    settings: dict[str, Any]


def decompose_in_tiles(
    scan: Scan, arguments: Arguments, selection: Selection, job: Job
) -> DecompositionInTiles:
    """Factorize a scan in neighbourhoods, each read once."""
    size = None
    if isinstance(arguments.tiles, tuple):
        size = check_size(arguments.tiles, scan.axes.shape)
    prepared = prepare(scan, selection, DemandInTiles(size, arguments.n_components), job)
    matrix, kept = prepared.matrix, ~prepared.mask.array
    weighting = choose_weighting(
        arguments.weighting,
        prepared.look,
        kept,
        in_tiles=True,
        noise=prepared.noise,
    )
    tiling, seen = choose_tiling(matrix, size, arguments.tiles_overlap, weighting.pixels, job)
    settings = Settings(
        restarts=arguments.restarts,
        tolerance=arguments.tolerance,
        seed=arguments.random_state,
        pixel_weights=weighting.pixels,
    )
    plan = Plan(arguments.n_components, most_components(tiling), settings)
    job.tell(_tiling_in_words(tiling, seen, plan))
    mosaic = factorize_in_tiles(matrix, tiling, plan, prepared.mean[kept], job)
    found = mosaic.joined.windows.found
    chosen = {
        "solver": "hals",
        "tiles": list(tiling.size[::-1]),
        "tiles_overlap": list(tiling.overlap[::-1]),
        "tiles_numbers": list(tiling.numbers[::-1]),
        "tiles_asked_for": "auto" if size is None else "given",
        "structure_size": [float("nan") if one is None else one for one in seen[::-1]],
        "mean_square": mosaic.mean_square,
        "components_per_tile": [pieces.number for pieces in found],
        "above_noise_per_tile": [pieces.above_noise for pieces in found],
        "spot_radius": estimate_disk_radius(prepared.mean, prepared.detector),
    }
    provenance = _provenance(scan, prepared, mosaic.passes)
    described = arguments.described() | weighting.described
    return DecompositionInTiles(mosaic, prepared, described | chosen | provenance)


def _tiling_in_words(tiling: Tiling, seen: Sequence[float | None], plan: Plan) -> str:
    size, shared = (" × ".join(str(n) for n in one[::-1]) for one in (tiling.size, tiling.overlap))
    known = [one for one in seen if one is not None]
    why = f"structures of {max(known):.0f} positions" if known else "nothing seen beforehand"
    number = "as many components as stand above the noise"
    if plan.n_components is not None:
        number = counted(plan.n_components, "component")
    return (
        f"Neighbourhoods: {prod(tiling.numbers)} of {size} positions, {shared} of them shared "
        f"({why}); in each {number}"
    )


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
    if prepared.matrix.n_positions > _LARGE:
        job.tell(
            "Numbers of components of the whole scan; neighbourhoods, the default of "
            "`decompose_als_nmf`, need none and find more of the crystals in so large a scan"
        )
    constraints, resolved = _bind(scan, arguments.constraints, prepared)
    kept = ~prepared.mask.array
    weighting = choose_weighting(
        arguments.weighting,
        prepared.look,
        kept,
        in_tiles=False,
        noise=prepared.noise,
    )
    resolved |= weighting.described
    settings = Settings(
        restarts=arguments.restarts,
        tolerance=arguments.tolerance,
        seed=arguments.random_state,
        constraints=constraints,
        pixel_weights=weighting.pixels,
        overview=prepared.overview,
    )
    ranks = np.array(arguments.ranks)
    curves = rank_curves(prepared.matrix, ranks, settings, job)
    counted = prepared.look.whole and not prepared.look.negative[kept].any()
    # Weighted data are in units of their noise.
    expected = prepared.mean if prepared.noise is None else prepared.mean * prepared.noise
    level = 1.0 if weighting.pixels is not None else float(expected[kept].mean())
    noise_mse = level if counted else np.nan
    best = curves.nmf_mse.min(axis=1)
    detector = prepared.detector
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
        suggest(ranks, best, curves.pca_mse, noise_mse, curves.stability, curves.above_noise),
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
    detector = prepared.detector
    constraints, described = bind(
        chosen,
        scan.axes,
        prepared.matrix.positions,
        prepared.mean,
        prepared.mask.array,
        detector,
    )
    spot_radius = estimate_disk_radius(prepared.mean, detector)
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
        "corrections": prepared.corrected.corrections.described(),
        "center_from": prepared.corrected.center_from,
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
