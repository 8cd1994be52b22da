"""How the patterns of one scan are put right: what of them is left out, and what comes from where.

Patterns are moved back by taking each value from where it lies, so that counts remain counts (see
:mod:`~hs_nmfcluster.engine.cutting`). Which pixels a bad one falls on then differs from position to
position: a pixel that is missing at most positions is left out, another is filled where it is
missing. A single bad pixel takes the value of one of its neighbours,
now of one, now of another, which has their mean and the noise of counts. Of a gap, a beam stop
or what lies beyond the detector's edge, the pixel opposite the beam is taken, which by Friedel's
law shows the same, or the nearest one where that is missing too.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.engine.cutting import CHOICES, CORNERS, LEVELS, Placement
from hs_nmfcluster.scan.corrections import Corrections
from hs_nmfcluster.scan.detector import Distortion, as_distortion

# Pixels that are missing at more than this share of the positions are left out.
_MOSTLY = 0.5
# Bad pixels side by side that neighbours can stand for.
_FEW = 4
# Neighbours in order of preference, (rows, columns).
_AROUND = np.array([(-1, 0), (0, 1), (1, 0), (0, -1), (-1, -1), (1, 1), (-1, 1), (1, -1)])


@dataclass(frozen=True, eq=False)
class Mending:
    """What is done to the patterns of one scan.

    Parameters
    ----------
    placement
        Where values come from; None where no pattern is changed.
    missing
        Pixels of the corrected patterns that say nothing, ``(n_v, n_u)``.
    left_out
        Positions that are not used, ``scan_shape``; None uses all.
    distortion
        Of the detector.
    noise
        Variance of each pixel of the corrected patterns over its mean, of counts, ``(n_v, n_u)``;
        None where it is 1.
    """

    placement: Placement | None
    missing: NDArray[np.bool_]
    left_out: NDArray[np.bool_] | None
    distortion: Distortion | None
    noise: NDArray[np.float64] | None


def mend(
    corrections: Corrections,
    left_out: NDArray[np.bool_] | None,
    scan_shape: tuple[int, ...],
    pattern_shape: tuple[int, int],
    center: tuple[float, float],
) -> Mending:
    """Work out how corrections are made.

    Parameters
    ----------
    corrections
        What is known to be wrong.
    left_out
        Positions that are left out all the same, ``scan_shape``, or None.
    scan_shape, pattern_shape
        In array order.
    center
        Direct beam ``(x, y)`` in pixels, on average.
    """
    bad = unusable_pixels(corrections, pattern_shape)
    if corrections.left_out is not None:
        left_out = corrections.left_out if left_out is None else left_out | corrections.left_out
    distortion = as_distortion(corrections.distortion)
    moves = _Moves.of(corrections.shifts, scan_shape)
    if moves.nowhere and corrections.gain is None:
        return Mending(None, bad, left_out, distortion, None)
    used = np.ones(len(moves.kinds), bool) if left_out is None else ~left_out.ravel()
    shares = moves.shares(used)
    seen = [[_Seen(bad, move + corner) for corner in moves.corners] for move in moves.whole]
    pairs = list(zip(shares.ravel(), chain.from_iterable(seen), strict=True))
    missing = np.asarray(sum(share * one.missing for share, one in pairs)) > _MOSTLY
    filling = _Filling(bad, center)
    targets = [
        np.flatnonzero(np.any([one.missing for one in of_kind], axis=0) & ~missing)
        for of_kind in seen
    ]
    response = noise = None
    if corrections.gain is not None:
        response = np.where(bad, 1.0, corrections.gain).astype(np.float32).ravel()
        inverse = 1 / response.astype(np.float64)
        noise = np.asarray(sum(share * inverse[one.places] for share, one in pairs))
    placement = Placement(
        kinds=moves.kinds,
        displacements=moves.whole[:, 1] * pattern_shape[1] + moves.whole[:, 0],
        replaced=tuple(targets),
        sources=tuple(
            np.stack([filling.sources(one, where) for one in of_kind]).astype(np.int32)
            for of_kind, where in zip(seen, targets, strict=True)
        ),
        fractions=moves.fractions,
        row=pattern_shape[1],
        response=response,
    )
    return Mending(placement, missing, left_out, distortion, noise)


@dataclass(frozen=True, eq=False)
class _Moves:
    """By how much patterns are moved back.

    Parameters
    ----------
    kinds
        Which of the moves each position has, ``(n_scan,)``.
    whole
        The moves ``(x, y)`` in whole pixels, ``(n_kinds, 2)``.
    fractions
        What is left to be moved of each position, in parts of a pixel, ``(n_scan, 2)``; None where
        nothing is.
    """

    kinds: NDArray[np.int32]
    whole: NDArray[np.int64]
    fractions: NDArray[np.uint8] | None

    @classmethod
    def of(cls, shifts: NDArray[np.floating] | None, scan_shape: tuple[int, ...]) -> "_Moves":
        """Part shifts ``(*scan_shape, 2)`` into whole pixels and fractions."""
        if shifts is None:
            nowhere = np.zeros(int(np.prod(scan_shape)), np.int32)
            return cls(nowhere, np.zeros((1, 2), np.int64), None)
        steps = np.rint(LEVELS * shifts.reshape(-1, 2)).astype(np.int64)
        whole, kinds = np.unique(steps // LEVELS, axis=0, return_inverse=True)
        left = (steps % LEVELS).astype(np.uint8)
        return cls(kinds.ravel().astype(np.int32), whole, left if left.any() else None)

    @property
    def nowhere(self) -> bool:
        """Whether nothing is moved."""
        return self.fractions is None and not self.whole.any()

    @property
    def corners(self) -> NDArray[np.int64]:
        """Pixels around a place that values are taken from."""
        return np.array(CORNERS if self.fractions is not None else CORNERS[:1])

    def shares(self, used: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Share of the values of the used positions, of each kind from each corner."""
        right, down = (
            np.zeros((2, len(self.kinds))) if self.fractions is None else self.fractions.T / LEVELS
        )
        shares = [
            np.bincount(
                self.kinds[used],
                (np.abs(1 - x - right) * np.abs(1 - y - down))[used],
                len(self.whole),
            )
            for x, y in self.corners
        ]
        return np.stack(shares, axis=1) / max(used.sum(), 1)


def unusable_pixels(corrections: Corrections, pattern_shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of the detector that say nothing: bad ones, and those that respond to nothing."""
    bad = np.zeros(pattern_shape, bool)
    if corrections.bad_pixels is not None:
        bad = bad | corrections.bad_pixels
    return bad if corrections.gain is None else bad | ~(corrections.gain > 0)


class _Seen:
    """What of a pattern is seen that lies somewhere else on the detector.

    Parameters
    ----------
    bad
        Pixels of the detector that are not used.
    move
        ``(x, y)`` by which the pattern lies off.
    """

    def __init__(self, bad: NDArray[np.bool_], move: NDArray[np.int64]) -> None:
        n_v, n_u = bad.shape
        rows, columns = np.arange(n_v) + move[1], np.arange(n_u) + move[0]
        inside = ((rows >= 0) & (rows < n_v))[:, None] & ((columns >= 0) & (columns < n_u))
        rows, columns = np.clip(rows, 0, n_v - 1), np.clip(columns, 0, n_u - 1)
        #: Pixel of the detector that each pixel of the pattern comes from, or the next to it.
        self.places = rows[:, None] * n_u + columns
        self.inside = inside
        self.missing = ~inside | bad.ravel()[self.places]


class _Filling:
    """Where values of missing pixels are taken from.

    Parameters
    ----------
    bad
        Pixels of the detector that are not used, ``(n_v, n_u)``.
    center
        Direct beam ``(x, y)`` of the corrected patterns.
    """

    def __init__(self, bad: NDArray[np.bool_], center: tuple[float, float]) -> None:
        self._center, self._shape = center, bad.shape
        labels, n = ndimage.label(bad, np.ones((3, 3)))
        self._single = bad & (np.bincount(labels.ravel(), minlength=n + 1) <= _FEW)[labels]
        rows, columns = ndimage.distance_transform_edt(
            bad, return_distances=False, return_indices=True
        )
        self._nearest = (rows * bad.shape[1] + columns).astype(np.int64).ravel()
        self._good = np.pad(~bad, 1)

    def sources(self, seen: _Seen, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pixels of the detector, ``(CHOICES, m)``, for pixels ``(m,)`` of a moved pattern."""
        places = seen.places.ravel()[targets]
        opposite = self._opposite(seen, targets)
        instead = seen.missing.ravel()[targets] & (opposite >= 0)
        found = np.where(instead, opposite, self._nearest[places])
        choices = np.tile(found, (CHOICES, 1))
        single = self._single.ravel()[places] & seen.inside.ravel()[targets]
        choices[:, single] = self._neighbours(places[single], choices[0, single])
        return choices

    def _opposite(self, seen: _Seen, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the pixel opposite the beam is seen; −1 where it is not."""
        n_v, n_u = self._shape
        y, x = np.unravel_index(targets, self._shape)
        x = np.rint(2 * self._center[0] - x).astype(np.int64)
        y = np.rint(2 * self._center[1] - y).astype(np.int64)
        inside = (x >= 0) & (x < n_u) & (y >= 0) & (y < n_v)
        at = np.where(inside, y * n_u + x, 0)
        measured = inside & ~seen.missing.ravel()[at]
        return np.where(measured, seen.places.ravel()[at], -1)

    def _neighbours(
        self, places: NDArray[np.int64], otherwise: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Good neighbours of single bad pixels, the nearest first and over again."""
        y, x = np.unravel_index(places, self._shape)
        rows, columns = y + _AROUND[:, :1], x + _AROUND[:, 1:]
        good = self._good[rows + 1, columns + 1]
        number = good.sum(axis=0)
        order = np.argsort(~good, axis=0, kind="stable")
        which = order[np.arange(CHOICES)[:, None] % np.maximum(number, 1), np.arange(len(places))]
        chosen = np.take_along_axis(rows * self._shape[1] + columns, which, axis=0)
        return np.where(number > 0, chosen, otherwise)
