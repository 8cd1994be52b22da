"""From a signal to the matrix that is factorized: checks, first look, masks, memory."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from dask.utils import format_bytes
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge import axes
from hs_nmfcluster.bridge.checks import check_scan
from hs_nmfcluster.bridge.masks import Mask, navigation_mask_array, signal_mask_array
from hs_nmfcluster.bridge.running import Conduct, tell
from hs_nmfcluster.engine import memory, scheduling
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.needs import Needs, factorization_needs
from hs_nmfcluster.scan import arguments as checks
from hs_nmfcluster.scan import masks
from hs_nmfcluster.scan.detector import estimate_beam_center
from hs_nmfcluster.scan.survey import Survey, check_values, survey_matrix

_logger = logging.getLogger(__name__)

# Pixels by which a centre can be off before rotations and spacings suffer visibly.
_DISAGREEMENT = 1.0


@dataclass(frozen=True)
class Selection:
    """What of a scan is used, as far as it is known before the data are read.

    Parameters
    ----------
    left_out
        Positions to leave out, in array order, or None.
    given
        The detector mask, or None where it is to be found.
    center
        Beam centre as given.
    """

    left_out: NDArray[np.bool_] | None
    given: masks.DetectorMask | None
    center: tuple[float, float] | None

    @classmethod
    def checked(
        cls,
        signal: BaseSignal,
        n_components: int,
        *,
        asked_by: str,
        navigation_mask: Mask | None,
        signal_mask: Mask | Literal["auto"] | None,
        center: Sequence[float] | None,
    ) -> "Selection":
        """Check all that can be wrong before the data are read.

        Errors call the number of components what `asked_by` says.

        Raises
        ------
        TypeError, ValueError
            Naming the argument or what is wrong with the signal.
        """
        check_scan(signal)
        left_out = navigation_mask_array(signal, navigation_mask)
        if isinstance(signal_mask, str) and signal_mask != "auto":
            raise ValueError(f'`signal_mask` must be "auto", None or a mask, got {signal_mask!r}.')
        given = None if isinstance(signal_mask, str) else _given_mask(signal, signal_mask)
        where = None if center is None else axes.find_center(signal, center)[0]
        manager = signal.axes_manager
        n_positions = manager.navigation_size if left_out is None else int((~left_out).sum())
        n_pixels = manager.signal_size if given is None else int((~given.array).sum())
        checks.check_rank(asked_by, n_components, n_positions, n_pixels)
        return cls(left_out, given, where)

    def identity(self) -> dict[str, Any]:
        """Describe it by numbers and text, to tell one job from another."""
        return {
            "navigation_mask": None if self.left_out is None else _digest(self.left_out),
            "signal_mask": "auto" if self.given is None else _digest(self.given.array),
            "center": None if self.center is None else list(self.center),
        }


@dataclass(frozen=True)
class Prepared:
    """A scan that has been checked and looked at, as a matrix without what masks leave out.

    Parameters
    ----------
    matrix
        The kept positions and pixels.
    look
        First look at all pixels.
    center, center_from
        Beam centre ``(x, y)`` in pixels, and where it is from.
    mask
        Detector mask.
    held
        Whether the data are in memory.
    reads
        How often the source was read to come here; 0 where it was in memory anyway.
    needs
        Memory that the factorization takes at most.
    """

    matrix: ScanMatrix
    look: Survey
    center: tuple[float, float]
    center_from: str
    mask: masks.DetectorMask
    held: bool
    reads: int
    needs: Needs


@dataclass(frozen=True)
class Demand:
    """How large a factorization is: ranks, restarts, if compressed, if with limited maps.

    Errors call the largest rank what `asked_by` says.
    """

    ranks: Sequence[int]
    restarts: int
    asked_by: str
    compressed: bool = True
    limited: bool = False


def prepare(
    signal: BaseSignal, selection: Selection, demand: Demand, conduct: Conduct, job: Job
) -> Prepared:
    """Look at the data once, find centre and mask, and take the data into memory if they fit.

    Raises
    ------
    ValueError
        Naming what is wrong with the data, or that the memory does not suffice.
    """
    workers = scheduling.n_workers()
    budget = conduct.budget or memory.default_budget()
    chunk_bytes = memory.chunk_bytes(budget, workers)
    whole = ScanMatrix.from_array(signal.data, selection.left_out, None, chunk_bytes)
    needs = _needs(whole, demand, workers)
    _check_memory(needs, conduct)
    room = _room(budget, needs)
    lazy, here = whole.is_lazy, scheduling.active_client() is None
    if lazy and here and whole.n_bytes <= room:
        whole = job.hold(whole)
    look = survey_matrix(whole, signal.data.shape[-2:], job)

    position, how = axes.find_center(signal, selection.center, look.mean)
    detector = axes.detector_of(signal, position)
    mask = selection.given or masks.default_detector_mask(look.mean, detector)
    check_values(look, mask.array, axes.scan_shape(signal))
    if lazy and not whole.is_lazy:
        matrix, reads = whole.without_pixels(mask.array), 1
    else:
        matrix = ScanMatrix.from_array(signal.data, selection.left_out, mask.array, chunk_bytes)
        reads = int(lazy)
    checks.check_rank(demand.asked_by, max(demand.ranks), matrix.n_positions, matrix.n_pixels)
    fits = lazy and whole.is_lazy and matrix.n_bytes <= room
    if fits:
        matrix, reads = job.hold(matrix), 2
    _report_negative(look, mask.array)
    held = fits or not whole.is_lazy
    if conduct.print_info:
        for line in _described(position, how, mask, look.mean, matrix, held, needs, lazy):
            tell(job, line)
    return Prepared(matrix, look, position, how, mask, held, reads, needs)


def _needs(matrix: ScanMatrix, demand: Demand, workers: int) -> Needs:
    limit = min(matrix.n_positions, matrix.n_pixels)
    ranks = [min(rank, limit) for rank in demand.ranks]
    return factorization_needs(
        matrix,
        ranks,
        demand.restarts,
        compressed=demand.compressed,
        workers=workers,
        limited=demand.limited,
    )


def _check_memory(needs: Needs, conduct: Conduct) -> None:
    """Refuse what the user's budget does not allow, and warn of what the machine does not."""
    if conduct.budget is not None and needs.total > conduct.budget:
        raise ValueError(
            f"`max_memory` is {format_bytes(conduct.budget)}, but this takes up to "
            f"{needs}. Allow more, or take fewer restarts or ranks, bin the patterns, or load "
            "the data in smaller chunks."
        )
    free = memory.free_memory()
    if conduct.budget is None and needs.total > free:
        _logger.warning(
            "This may take up to %s of memory, of which %s are free: take fewer restarts or "
            "ranks, bin the patterns, or load the data in smaller chunks.",
            needs,
            format_bytes(free),
        )


def _room(budget: int, needs: Needs) -> int:
    """Bytes that data may be kept in: here, or on the workers of a cluster."""
    client = scheduling.active_client()
    if client is None:
        return max(budget - needs.total, 0)
    return memory.cluster_budget(client)


def _given_mask(signal: BaseSignal, mask: Mask | None) -> masks.DetectorMask:
    if mask is None:
        shape = signal.axes_manager.signal_shape[::-1]
        return masks.DetectorMask(np.zeros(shape, dtype=bool), "none")
    return masks.DetectorMask(signal_mask_array(signal, mask), "given")


def _digest(mask: NDArray[np.bool_]) -> str:
    digest = hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()[:16]
    return f"{int(mask.sum())} left out, {digest}"


def _report_negative(look: Survey, mask: NDArray[np.bool_]) -> None:
    negative = int(look.negative[~mask].sum())
    if negative:
        share = negative / (look.n_positions * int((~mask).sum()))
        _logger.warning(
            "%.3g %% of the values are negative, the smallest is %g; they are kept as they are.",
            100 * share,
            look.minimum[~mask].min(),
        )


def _described(
    center: tuple[float, float],
    how: str,
    mask: masks.DetectorMask,
    mean_pattern: NDArray,
    matrix: ScanMatrix,
    held: bool,
    needs: Needs,
    lazy: bool,
) -> list[str]:
    lines = [f"Beam centre: x = {center[0]:.2f}, y = {center[1]:.2f} px ({how})"]
    lines += _disagreement(center, mean_pattern)
    kept = 1 - mask.array.mean()
    lines.append(f"Detector mask: {mask.description}; {100 * kept:.1f} % of the pixels kept")
    if lazy:
        data = format_bytes(matrix.n_bytes)
        how_read = f"{data} of data kept in memory" if held else f"{data} read in every pass"
        lines.append(f"Memory: at most {needs} beside the data; {how_read}")
    return lines


def _disagreement(center: tuple[float, float], mean_pattern: NDArray) -> list[str]:
    """Say where the mean pattern shows the beam, if that is not where it was taken to be."""
    x, y = estimate_beam_center(mean_pattern)
    if (x, y) == ((mean_pattern.shape[1] - 1) / 2, (mean_pattern.shape[0] - 1) / 2):
        return []  # what the estimate says where there is no beam to be seen
    if np.hypot(x - center[0], y - center[1]) <= _DISAGREEMENT:
        return []
    return [
        f"  but the mean pattern shows it at x = {x:.2f}, y = {y:.2f} px; "
        f"`center=({x:.2f}, {y:.2f})` takes that"
    ]
