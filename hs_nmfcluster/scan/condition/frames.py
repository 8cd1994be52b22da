"""Patterns that belong to no position: blank, repeated, taken while the beam flew back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.noise import robust_sigma
from hs_nmfcluster.scan.survey import Frames

# Probability of chance below which a finding among all frames is one.
_CHANCE = 1e-6
# Share of the typical total that a blank pattern has at most.
_DIM = 0.01
# Rounding of sums of one and the same pattern, which depends on its neighbours in a chunk.
_SAME = 1e-11
# Where more than this share of the patterns are copies, they are no accident: data without noise.
_MOST_REPEATED = 0.2
# Columns at either end of a line that are looked at for a beam that has not yet settled, and by
# how many standard deviations these must stand out.
_EDGE_COLUMNS, _STANDS_OUT = 4, 6.0
# Parts of the lines that tell how much a specimen that differs from line to line changes columns.
_PARTS = 8


@dataclass(frozen=True, eq=False)
class FrameDefects:
    """Patterns that are not used, ``scan_shape`` each, True = such a one.

    Parameters
    ----------
    blank
        Without a single electron, or with so few that chance cannot be the cause.
    repeated
        The same pattern as one before, to the last electron.
    flyback
        At the ends of lines, taken while the beam was still on its way.
    """

    blank: NDArray[np.bool_]
    repeated: NDArray[np.bool_]
    flyback: NDArray[np.bool_]

    @property
    def left_out(self) -> NDArray[np.bool_]:
        """All of them."""
        return self.blank | self.repeated | self.flyback


def find_frames(
    frames: Frames, scan_shape: tuple[int, ...], dark: float = 0.0, dark_noise: float = 0.0
) -> FrameDefects:
    """Find the patterns that belong to no position.

    Parameters
    ----------
    frames
        A few numbers of each pattern.
    scan_shape
        In array order. Positions that were not looked at are not found.
    dark, dark_noise
        What the bad pixels count in each pattern, on average, and its standard deviation.
    """
    blank = _blank(frames.totals - dark, dark_noise)
    repeated = _repeated(frames, blank)
    flyback = _flyback(frames, blank | repeated, scan_shape)
    return FrameDefects(
        *(_on_scan(flags, frames, scan_shape) for flags in (blank, repeated, flyback))
    )


def _blank(totals: NDArray[np.float64], noise: float) -> NDArray[np.bool_]:
    """Patterns without electrons where chance would hardly leave one so.

    Of Poisson counts of mean m one in exp(m) is empty by chance. A shutter that was half-way
    leaves a hundredth.
    """
    typical = float(np.median(totals))
    nothing = np.zeros(len(totals), bool)
    if typical <= 0 or len(totals) * np.exp(-min(typical, 700.0)) > _CHANCE:
        return nothing
    spread = robust_sigma(totals, typical)
    # Totals below zero tell how far the read-out takes those that are zero.
    read_out = 2 * max(0.0, -float(totals.min()))
    limit = max(_DIM * typical, _STANDS_OUT * noise, min(read_out, 0.5 * typical))
    return np.asarray((totals <= limit) & (typical - limit > _STANDS_OUT * max(spread, noise)))


def _repeated(frames: Frames, blank: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Later ones of any patterns that have the same sums with random weights."""
    found = np.zeros(len(blank), bool)
    lit = np.flatnonzero(~blank)
    if len(lit) < 2:
        return found
    order = lit[np.lexsort((lit, frames.prints[lit, 0]))]
    first, second = frames.prints[order[:-1]], frames.prints[order[1:]]
    same = (np.abs(first - second) <= _SAME * np.abs(first)).all(axis=1)
    # A pattern of a few electrons has twins by chance.
    same &= np.abs(frames.totals[order[1:]]) > -np.log(_CHANCE)
    starts = np.concatenate([[0], np.cumsum(~same)])
    for run in np.unique(starts[1:][same]):
        members = np.sort(order[starts == run])
        found[members[1:]] = True
    return found if found.mean() <= _MOST_REPEATED else np.zeros(len(blank), bool)


def _flyback(
    frames: Frames, known: NDArray[np.bool_], scan_shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Whole columns at either end whose patterns differ from those of the columns beyond."""
    found = np.zeros(len(known), bool)
    n_columns = scan_shape[-1] if scan_shape else 1
    if len(scan_shape) < 2 or n_columns < 4 * _EDGE_COLUMNS:
        return found
    lines, columns = np.divmod(frames.positions, n_columns)
    measures = np.column_stack([frames.totals, frames.middles])
    measures[known] = np.nan
    for side in (1, -1):
        edge = np.arange(3 * _EDGE_COLUMNS)
        order = edge if side == 1 else n_columns - 1 - edge
        for number in range(_EDGE_COLUMNS, 0, -1):
            if _stand_out(measures, lines, columns, order, number):
                found |= np.isin(columns, order[:number]) & ~known
                break
    return found


def _stand_out(
    measures: NDArray[np.float64],
    lines: NDArray[np.int64],
    columns: NDArray[np.int64],
    order: NDArray[np.int64],
    number: int,
) -> bool:
    """Whether the last of so many columns, counted from the edge, is unlike those beyond.

    Beyond the beam has settled; from there a line is drawn to the edge, as shadows and drift are
    smooth. A beam that has not settled has not done so on any line, where a grain of the specimen
    that begins there takes up some.
    """
    beyond = order[_EDGE_COLUMNS:]
    for values in measures.T:
        of = [values[columns == column] for column in (*beyond, order[number - 1])]
        if any(np.isfinite(one).sum() < 3 for one in of):
            continue
        middles = np.array([np.nanmedian(one) for one in of])
        errors = np.array(
            [
                1.25 * robust_sigma(one, middle) / np.sqrt(np.isfinite(one).sum())
                for one, middle in zip(of, middles, strict=True)
            ]
        )
        at = np.arange(_EDGE_COLUMNS, _EDGE_COLUMNS + len(beyond))
        slope = np.polyfit(at, middles[:-1], 1)
        left = middles[:-1] - np.polyval(slope, at)
        of_lines = _error_by_lines(values, lines, columns == order[number - 1], columns, beyond)
        spread = max(float(np.std(left)) * np.sqrt(2), float(errors.max()) * 1.5, of_lines)
        off = abs(middles[-1] - np.polyval(slope, number - 1))
        if spread > 0 and off > _STANDS_OUT * spread:
            return True
    return False


def _error_by_lines(
    values: NDArray[np.float64],
    lines: NDArray[np.int64],
    here: NDArray[np.bool_],
    columns: NDArray[np.int64],
    beyond: NDArray[np.int64],
) -> float:
    """Error of how far a column is from those beyond, as it differs between parts of the lines."""
    there = np.isin(columns, beyond)
    part = lines * _PARTS // (int(lines.max()) + 1)
    off = [
        np.nanmedian(values[here & own]) - np.nanmedian(values[there & own])
        for own in (part == number for number in np.unique(part))
        if np.isfinite(values[here & own]).any() and np.isfinite(values[there & own]).any()
    ]
    return float(np.std(off, ddof=1) / np.sqrt(len(off))) if len(off) > 2 else 0.0


def _on_scan(
    flags: NDArray[np.bool_], frames: Frames, scan_shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    grid = np.zeros(int(np.prod(scan_shape)), bool)
    grid[frames.positions] = flags
    return grid.reshape(scan_shape)
