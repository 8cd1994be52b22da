"""The analysis that a user has made of a scan, made once more of other data of the same scan."""

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import with_data
from hs_nmfcluster.bridge.progress import pass_progress
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.constraints import MapResolution, SmoothPatterns
from hs_nmfcluster.factorization.held_out import are_counts, counting_gain
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.scan.survey import survey_matrix

_CONSTRAINTS = {one.__name__: one for one in (MapResolution, SmoothPatterns)}
_SAME = (
    "restarts",
    "tolerance",
    "ridge",
    "random_state",
    "compression",
    "max_iterations",
    "weighting",
)


def check_same_scan(signal: BaseSignal, nmf: Factorization) -> None:
    """Refuse a factorization of a scan of another shape.

    Raises
    ------
    ValueError
        Naming both shapes.
    """
    shape = nmf.position_mse.shape + nmf.detector_mask.shape
    if signal.data.shape != shape:
        raise ValueError(
            f"`factorization` is of a scan of shape {shape} (array order), this one is of shape "
            f"{signal.data.shape}."
        )


def counting(
    signal: BaseSignal, nmf: Factorization, show_progressbar: bool | None = None
) -> tuple[float, NDArray[np.float64]]:
    """How a scan counts electrons: variance over mean by counting, and the mean pattern.

    The former is exactly 1 of data that are single electrons. Where patterns are corrected it is
    asked of corrected ones, as what moves looks like noise.

    Parameters
    ----------
    signal, nmf
        The scan, and what was found in it.
    show_progressbar
        Of lazy data; None takes HyperSpy's preference.
    """
    kept, skipped, placement = ~nmf.detector_mask, np.isnan(nmf.position_mse), nmf._placement()
    with pass_progress(show_progressbar if signal._lazy else False, "Counts") as bar:
        looks = [
            survey_matrix(
                ScanMatrix.from_array(signal.data, skipped, placement=one), kept.shape, Job(bar)
            )
            for one in ([None] if placement is None else [None, placement])
        ]
    gain = counting_gain(looks[-1], kept)
    return 1.0 if are_counts(looks[0], kept, gain) else gain, looks[-1].mean


def repeated(
    signal: BaseSignal,
    nmf: Factorization,
    data: NDArray | da.Array,
    *,
    left_out: NDArray[np.bool_] | None = None,
    more: int = 0,
    show_progressbar: bool | None = None,
) -> Factorization:
    """Factorize other data of a scan as it was factorized: same masks, corrections and settings.

    Parameters
    ----------
    signal
        The scan.
    nmf
        What was found in it.
    data
        Of the same shape.
    left_out
        Positions to leave out beside those that were, ``scan_shape``.
    more
        Crystals that are in them beside: a factorization of the whole scan gets so many components
        more.
    show_progressbar
        None takes HyperSpy's preference.
    """
    settings = nmf.settings
    skipped = np.isnan(nmf.position_mse)
    skipped = skipped if left_out is None else skipped | left_out
    constraints = settings.get("constraints") or {}
    n_components = settings["n_components"]
    if n_components is not None and settings["tiles"] is None:
        n_components += more
    tiles = settings["tiles"]
    if tiles is not None:
        # Both are known: what was looked at for them is not looked at again.
        tiles = tiles[:2], settings["tiles_overlap"][:2]
    # Of a compressed problem settings name the rule that solves it, whatever was asked for.
    solver = settings["solver"] if settings["compression"] is None else "als"
    found: Factorization = with_data(signal, data, "Repeated").decompose_als_nmf(
        "auto" if n_components is None else n_components,
        tiles=tiles,
        solver=solver,
        **{name: settings[name] for name in _SAME},
        navigation_mask=skipped if skipped.any() else None,
        signal_mask=nmf.detector_mask,
        corrections=nmf.corrections,
        center=nmf.center,
        constraints=[_CONSTRAINTS[name](**values) for name, values in constraints.items()] or None,
        print_info=False,
        show_progressbar=show_progressbar,
    )
    return found
