"""From a scan to the matrix that is factorized: first look, masks, memory."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import dask.array as da
import numpy as np
from dask.utils import format_bytes
from numpy.typing import NDArray

from hs_nmfcluster.engine import memory, scheduling
from hs_nmfcluster.engine.cutting import Cut
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.corrected import Corrected, Wanted, correct
from hs_nmfcluster.factorization.krylov import block_width
from hs_nmfcluster.factorization.needs import Needs, factorization_needs, neighbourhood_needs
from hs_nmfcluster.factorization.neighbourhoods.first_look import kept_positions, looked_at
from hs_nmfcluster.scan.arguments import TooManyComponentsError, check_rank
from hs_nmfcluster.scan.axes import Scan
from hs_nmfcluster.scan.corrections import Corrections
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.masks import DetectorMask, default_detector_mask, ring_mask
from hs_nmfcluster.scan.mending import Mending
from hs_nmfcluster.scan.survey import Survey, check_values, survey_matrix
from hs_nmfcluster.words import counted

_logger = logging.getLogger(__name__)

# Pixels by which a centre can be off before rotations and spacings suffer visibly.
_DISAGREEMENT = 1.0
# Pixels by which no choice of a centre differs from another.
_FAR_OFF = 4.0


@dataclass(frozen=True)
class Selection:
    """What of a scan is used, as far as it is known before the data are read.

    Parameters
    ----------
    left_out
        Positions to leave out, in array order, or None.
    given
        A detector mask, or None.
    center
        Beam centre as given.
    automatic
        What is left out beside: ``"beam"``, ``"corners"``.
    ring
        Radii between which pixels are kept, in the unit of the detector's axes; None keeps all.
    corrections
        What is put right about the patterns.
    """

    left_out: NDArray[np.bool_] | None
    given: DetectorMask | None
    center: tuple[float, float] | None
    automatic: frozenset[str] = frozenset()
    ring: tuple[float, float] | None = None
    corrections: Wanted = None

    def identity(self) -> dict[str, Any]:
        """Describe it by numbers and text, to tell one job from another."""
        return {
            "navigation_mask": None if self.left_out is None else _digest(self.left_out),
            "signal_mask": [
                *sorted(self.automatic),
                *([] if self.ring is None else self.ring),
                *([] if self.given is None else [_digest(self.given.array)]),
            ],
            "center": None if self.center is None else list(self.center),
            "corrections": self.corrections.digest()
            if isinstance(self.corrections, Corrections)
            else self.corrections,
        }

    def mask(self, corrected: Corrected) -> DetectorMask:
        """Put together what is left out of the detector, and why."""
        missing, parts = corrected.mending.missing, self.automatic
        number = int(missing.sum())
        why = f"{counted(number, 'bad pixel')} left out" if number else "none"
        found = DetectorMask(missing, why)
        if self.ring is not None:
            found = ring_mask(corrected.detector, *self.ring) | found
        if parts:
            found = default_detector_mask(corrected.mean, corrected.detector, parts) | found
        return found if self.given is None else self.given | found


@dataclass(frozen=True)
class Prepared:
    """A scan that has been checked and looked at, as a matrix without what masks leave out.

    Parameters
    ----------
    matrix
        The kept positions and pixels.
    corrected
        What is put right about the patterns, and their geometry.
    mask
        Detector mask.
    held
        Whether the data are in memory.
    reads
        How often the source was read to come here; 0 where it was in memory anyway.
    needs
        Memory that the factorization takes at most.
    overview
        Leading patterns of parts of the scan, ``(n, n_pixels)``, where a compression is to begin
        with them.
    """

    matrix: ScanMatrix
    corrected: Corrected
    mask: DetectorMask
    held: bool
    reads: int
    needs: Needs
    overview: NDArray[np.float64] | None

    @property
    def center_off(self) -> float:
        """Distance of the centre from where the mean pattern shows the beam, in pixels.

        0 where there is no beam to be seen.
        """
        if self.corrected.shown is None:
            return 0.0
        (x, y), center = self.corrected.shown, self.center
        return float(np.hypot(x - center[0], y - center[1]))

    @property
    def look(self) -> Survey:
        """Look at all pixels of the patterns."""
        return self.corrected.look

    @property
    def noise(self) -> NDArray[np.float64] | None:
        """Variance of counts over their mean, of each pixel; None where it is 1."""
        return self.corrected.mending.noise

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean pattern, ``(n_v, n_u)``."""
        return self.corrected.mean

    @property
    def detector(self) -> Detector:
        """Geometry around the beam."""
        return self.corrected.detector

    @property
    def center(self) -> tuple[float, float]:
        """Beam centre ``(x, y)`` in pixels."""
        return self.corrected.detector.center


@dataclass(frozen=True)
class Demand:
    """How large a factorization of the whole scan is.

    Parameters
    ----------
    ranks
        Numbers of components; errors call the largest what `asked_by` says.
    restarts
        Starts of each.
    compressed, limited
        Whether the data are compressed, and the maps limited.
    """

    ranks: Sequence[int]
    restarts: int
    asked_by: str
    compressed: bool = True
    limited: bool = False

    def needs(self, matrix: ScanMatrix, blocks_at_a_time: int) -> Needs:
        """Memory that it takes."""
        limit = min(matrix.n_positions, matrix.n_pixels)
        return factorization_needs(
            matrix,
            [min(rank, limit) for rank in self.ranks],
            self.restarts,
            compressed=self.compressed,
            blocks_at_a_time=blocks_at_a_time,
            threads=scheduling.n_threads(),
            limited=self.limited,
        )

    def looked_at(self, matrix: ScanMatrix) -> ScanMatrix:
        """Part of the scan that the first look is taken of."""
        return matrix

    def overview(self, look: Survey, kept: NDArray[np.bool_]) -> NDArray[np.float64] | None:
        """Leading patterns of parts of the scan, on the pixels that are kept."""
        if not self.compressed:
            return None
        return look.blocks.leading(block_width(max(self.ranks)))[:, kept]

    def check(self, matrix: ScanMatrix) -> None:
        """Refuse more components than positions or pixels."""
        check_rank(self.asked_by, max(self.ranks), matrix.n_positions, matrix.n_pixels)


@dataclass(frozen=True)
class DemandInTiles:
    """How large a factorization in neighbourhoods is.

    Parameters
    ----------
    size
        Of the neighbourhoods in array order; None where it is to be chosen.
    n_components
        Of each; None where the data are to tell.
    """

    size: tuple[int, ...] | None
    n_components: int | None

    def needs(self, matrix: ScanMatrix, blocks_at_a_time: int) -> Needs:
        """Memory that it takes."""
        return neighbourhood_needs(matrix, self.size, self.n_components, blocks_at_a_time)

    def looked_at(self, matrix: ScanMatrix) -> ScanMatrix:
        """Take some places, the same however the data lie; all of a small scan."""
        positions = looked_at(kept_positions(matrix))
        whole = len(positions) == matrix.n_positions
        return matrix if whole else matrix.at(positions)

    def overview(self, look: Survey, kept: NDArray[np.bool_]) -> None:
        """Neighbourhoods are not compressed all at once."""

    def check(self, matrix: ScanMatrix) -> None:
        """Refuse more components than a neighbourhood has positions."""
        if self.n_components is None:
            return
        sizes = matrix.scan_shape if self.size is None else self.size
        pairs = zip(sizes[::-1], matrix.scan_shape[::-1], strict=False)
        most = prod(min(size, along) for size, along in pairs)
        if self.n_components > most:
            raise TooManyComponentsError(
                f"`n_components` = {self.n_components} is more than a neighbourhood of "
                f"{' × '.join(map(str, sizes[::-1]))} positions allows: at most {most}.",
                most,
            )


def prepare(scan: Scan, selection: Selection, demand: Demand | DemandInTiles, job: Job) -> Prepared:
    """Look at the data once, find centre and mask, and take the data into memory if they fit.

    Parameters
    ----------
    scan
        The scan.
    selection
        What of it is used.
    demand
        How large a factorization is to follow.
    job
        Makes the passes, and knows how much memory there is.

    Raises
    ------
    ValueError
        Naming what is wrong with the data, or that the memory does not suffice.
    """
    budget = job.budget or memory.default_budget()
    lazy = isinstance(scan.data, da.Array)
    client = scheduling.active_client() if lazy else None
    if client is None:
        blocks_at_a_time = scheduling.n_workers() if lazy else scheduling.n_threads()
        chunk_bytes = memory.chunk_bytes(budget, blocks_at_a_time)
    else:
        blocks_at_a_time, chunk_bytes = 0, memory.cluster_chunk_bytes(client)

    def read(mask: NDArray[np.bool_] | None, mending: Mending) -> ScanMatrix:
        left_out, placement = mending.left_out, mending.placement
        if held_whole:
            cut = Cut(placement=placement)
            kept = np.ones(prod(scan.axes.shape), bool) if left_out is None else ~left_out.ravel()
            return whole.cut_out(kept, cut if mask is None else cut.without(mask))
        return ScanMatrix.from_array(scan.data, left_out, mask, chunk_bytes, placement)

    whole = ScanMatrix.from_array(scan.data, selection.left_out, None, chunk_bytes)
    needs = demand.needs(whole, blocks_at_a_time)
    _check_memory(needs, job.budget)
    room = max(budget - needs.total, 0) if client is None else memory.cluster_budget(client)
    if lazy and client is None and whole.n_bytes <= room:
        whole = job.hold(whole)
    held_whole = lazy and not whole.is_lazy
    pattern_shape = scan.data.shape[-2:]

    def look_again(mending: Mending) -> Survey:
        again = demand.looked_at(read(None, mending))
        return survey_matrix(again, pattern_shape, job, "survey of corrected patterns")

    corrected = correct(
        scan,
        selection.corrections,
        selection.left_out,
        selection.center,
        # Under no name of its own, so that it can be forgotten there.
        survey_matrix(demand.looked_at(whole), pattern_shape, job),
        look_again,
    )
    mask = selection.mask(corrected)
    check_values(corrected.look, mask.array, scan.axes.shape)
    matrix = read(mask.array, corrected.mending)
    demand.check(matrix)
    overview = demand.overview(corrected.look, ~mask.array)
    # What the sums of neighbouring patterns can tell is known; they take room.
    corrected = replace(corrected, look=corrected.look.without_sums())
    # The data without what the mask leaves out may fit where all of them do not.
    fits = matrix.is_lazy and matrix.n_bytes <= room
    reads = int(lazy) + int(fits)
    if fits:
        matrix = job.hold(matrix)
    held = not lazy or held_whole or fits
    prepared = Prepared(matrix, corrected, mask, held, reads, needs, overview)
    _report(prepared, job, lazy=lazy)
    return prepared


def _check_memory(needs: Needs, budget: int | None) -> None:
    """Refuse what the user's budget does not allow, and warn of what the machine does not."""
    if budget is not None and needs.total > budget:
        raise ValueError(
            f"`max_memory` is {format_bytes(budget)}, but this takes up to "
            f"{needs}. Allow more, or take fewer restarts or ranks, bin the patterns, or load "
            "the data in smaller chunks."
        )
    free = memory.free_memory()
    if budget is None and needs.total > free:
        _logger.warning(
            "This may take up to %s of memory, of which %s are free: take fewer restarts or "
            "ranks, bin the patterns, or load the data in smaller chunks.",
            needs,
            format_bytes(free),
        )


def _digest(mask: NDArray[np.bool_]) -> str:
    digest = hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()[:16]
    return f"{int(mask.sum())} left out, {digest}"


def _report(prepared: Prepared, job: Job, *, lazy: bool) -> None:
    """Say what was taken: centre, mask, and how the data are read."""
    left_out, look = prepared.mask.array, prepared.look
    negative = int(look.negative[~left_out].sum())
    if negative:
        share = negative / (look.n_positions * int((~left_out).sum()))
        _logger.warning(
            "%.3g %% of the values are negative, the smallest is %g; they are kept as they are.",
            100 * share,
            look.minimum[~left_out].min(),
        )
    x, y = prepared.center
    if prepared.corrected.corrections:
        job.tell(f"Corrected: {prepared.corrected.corrections.in_words()}")
    job.tell(f"Beam centre: x = {x:.2f}, y = {y:.2f} px ({prepared.corrected.center_from})")
    _report_disagreement(prepared, job)
    kept = 100 * (1 - left_out.mean())
    job.tell(f"Detector mask: {prepared.mask.description}; {kept:.1f} % of the pixels kept")
    used, of = prepared.matrix.n_positions, prod(prepared.matrix.scan_shape)
    if used < of:
        job.tell(f"Positions: {of - used} of {of} left out")
    if lazy:
        size = format_bytes(prepared.matrix.n_bytes)
        read = "kept in memory" if prepared.held else "read in every pass"
        read = f"{size} of data {read}"
        job.tell(f"Memory: at most {prepared.needs} beside the data; {read}")


def _report_disagreement(prepared: Prepared, job: Job) -> None:
    """Say where the mean pattern shows the beam, if that is not where it was taken to be."""
    off = prepared.center_off
    if off <= _DISAGREEMENT or prepared.corrected.shown is None:
        return
    x, y = prepared.corrected.shown
    shown = f"x = {x:.2f}, y = {y:.2f} px; `center=({x:.2f}, {y:.2f})` takes that"
    if off <= _FAR_OFF:
        job.tell(f"  but the mean pattern shows it at {shown}")
        return
    swapped = np.hypot(y - prepared.center[0], x - prepared.center[1]) < min(off / 2, _FAR_OFF)
    _logger.warning(
        "The centre x = %.2f, y = %.2f px (%s) lies %.3g px off the beam, which the mean pattern "
        "shows at %s.%s",
        *prepared.center,
        prepared.corrected.center_from,
        off,
        shown,
        " Are x and y swapped?" if swapped else "",
    )
