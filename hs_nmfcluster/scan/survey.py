"""The first look at a scan, in one pass: sums by which all else about it is judged."""

from dataclasses import dataclass, replace

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix, split_rows
from hs_nmfcluster.engine.merging import Gathered, fold
from hs_nmfcluster.scan.blocks import BlockLayout, Blocks, BlockSums, sum_blocks

# Position of what does not occur.
NOWHERE = np.iinfo(np.int64).max
# Whose squares, summed over any scan, can be told from 0 and from infinity.
_LEAST, _MOST = 1e-100, 1e100
# Share of a squared mean that the difference of it and the mean of squares is not told better than.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Frames:
    """A few numbers of each pattern.

    Parameters
    ----------
    positions
        Flat indices of the positions looked at, ascending, ``(n,)``.
    totals
        Sum of the finite values, ``(n,)``.
    middles
        Centre of mass ``(x, y)`` in pixels, ``(n, 2)``; NaN where the total is not positive.
    prints
        Two sums with random weights, ``(n, 2)``, which two patterns share only if they are one.
    """

    positions: NDArray[np.int64]
    totals: NDArray[np.float64]
    middles: NDArray[np.float64]
    prints: NDArray[np.float64]


@dataclass(frozen=True)
class Survey:
    """Sums over the kept positions of a scan, one number a pixel, ``(n_v, n_u)`` each.

    Parameters
    ----------
    n_positions
        Number of positions looked at.
    whole
        Whether all finite values are whole numbers, as counts are.
    total, square
        Sum of the finite values and of their squares, float64.
    invalid
        Number of NaN and infinite values.
    negative
        Number of negative values.
    minimum, maximum
        Extremes of the finite values.
    at_maximum
        How often the maximum is reached.
    first_invalid
        Flat index of the first position where the pixel is NaN or infinite; :data:`NOWHERE`
        where it never is.
    frames
        A few numbers of each pattern.
    blocks
        Mean patterns of neighbouring positions.
    """

    n_positions: int
    whole: bool
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    invalid: NDArray[np.int64]
    negative: NDArray[np.int64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    at_maximum: NDArray[np.int64]
    first_invalid: NDArray[np.int64]
    frames: Frames
    blocks: Blocks

    @property
    def scan_shape(self) -> tuple[int, ...]:
        """Shape of the scan, of which some positions may not have been looked at."""
        return self.blocks.layout.scan_shape

    def without_sums(self) -> "Survey":
        """Return the same without the patterns of blocks, which take room."""
        return replace(self, blocks=replace(self.blocks, sums=self.blocks.sums[:0].copy()))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean pattern over the finite values; 0 where there is none."""
        return self.total / self._n_finite

    @property
    def variance(self) -> NDArray[np.float64]:
        """Variance of each pixel over the positions, as of a sample."""
        n = self._n_finite
        of_mean = self.mean**2
        squares = self.square / n - of_mean
        # Less than that is rounding.
        squares = np.where(squares > _ROUNDING * of_mean, squares, 0.0)
        return squares * (n / np.maximum(n - 1, 1))

    @property
    def _n_finite(self) -> NDArray[np.int64]:
        return np.maximum(self.n_positions - self.invalid, 1)


@dataclass(frozen=True)
class _Sums:
    """What of a survey is added up in the pass, ``(n_pixels,)`` each."""

    n_positions: int
    whole: bool
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    invalid: NDArray[np.int64]
    negative: NDArray[np.int64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    at_maximum: NDArray[np.int64]
    first_invalid: NDArray[np.int64]
    frames: Gathered
    blocks: BlockSums

    def __add__(self, other: "_Sums") -> "_Sums":
        maximum = np.maximum(self.maximum, other.maximum)
        return _Sums(
            self.n_positions + other.n_positions,
            self.whole and other.whole,
            self.total + other.total,
            self.square + other.square,
            self.invalid + other.invalid,
            self.negative + other.negative,
            np.minimum(self.minimum, other.minimum),
            maximum,
            self.at_maximum * (self.maximum == maximum)
            + other.at_maximum * (other.maximum == maximum),
            np.minimum(self.first_invalid, other.first_invalid),
            self.frames + other.frames,
            self.blocks + other.blocks,
        )


def survey(data: NDArray | da.Array, navigation_mask: NDArray[np.bool_] | None = None) -> Survey:
    """Look at every kept pattern of a scan once.

    Parameters
    ----------
    data
        ``(…, n_v, n_u)``, NumPy or dask, any real dtype.
    navigation_mask
        True = left out, in array order.

    Returns
    -------
    Survey

    Examples
    --------
    >>> import numpy as np
    >>> survey(np.array([[[1, -2], [3, 4]]], dtype=np.int16)).negative.tolist()
    [[0, 1], [0, 0]]
    """
    matrix = ScanMatrix.from_array(data, navigation_mask)
    return survey_matrix(matrix, data.shape[-2:], Job())


def survey_matrix(
    matrix: ScanMatrix, pattern_shape: tuple[int, ...], job: Job, name: str = "survey"
) -> Survey:
    """Do the same for a scan as a matrix of whole patterns.

    Parameters
    ----------
    matrix
        Without a detector mask.
    pattern_shape
        ``(n_v, n_u)``.
    job
        Makes the pass.
    name
        Under which a job keeps it.
    """
    layout = BlockLayout(matrix.scan_shape, (int(pattern_shape[0]), int(pattern_shape[1])))
    weights = _frame_weights(layout.pattern_shape)
    flat = job.once(name, lambda: job.visit(matrix, _survey_rows, layout, weights))
    arrays = ("total", "square", "invalid", "negative", "minimum", "maximum", "at_maximum")
    names = (*arrays, "first_invalid")
    grids = {name: getattr(flat, name).reshape(pattern_shape) for name in names}
    return Survey(
        n_positions=flat.n_positions,
        whole=flat.whole,
        frames=_frames(flat.frames.ordered(matrix.positions), matrix.positions),
        blocks=Blocks.of(flat.blocks, layout),
        **grids,
    )


def _frame_weights(pattern_shape: tuple[int, int]) -> NDArray[np.float64]:
    """Weights of the sums that are taken of each pattern, ``(n_pixels, 5)``."""
    y, x = np.indices(pattern_shape).reshape(2, -1)
    random = np.random.default_rng(0).uniform(0.5, 1.5, size=(x.size, 2))
    return np.column_stack([np.ones(x.size), x, y, random])


def _frames(numbers: NDArray[np.float64], positions: NDArray[np.int64]) -> Frames:
    totals = numbers[:, 0]
    lit = np.where(totals > 0, totals, np.nan)[:, None]
    return Frames(positions, totals, numbers[:, 1:3] / lit, numbers[:, 3:])


def _survey_rows(
    rows: NDArray,
    positions: NDArray[np.int64],
    layout: BlockLayout,
    weights: NDArray[np.float64],
) -> _Sums:
    return fold(
        _survey_piece(part, where, layout, weights) for part, where in split_rows(rows, positions)
    )


def _survey_piece(
    rows: NDArray,
    positions: NDArray[np.int64],
    layout: BlockLayout,
    weights: NDArray[np.float64],
) -> _Sums:
    n_pixels = rows.shape[1]
    minimum, maximum = rows.min(axis=0), rows.max(axis=0)
    invalid = np.zeros(n_pixels, np.int64)
    first = np.full(n_pixels, NOWHERE)
    # A value that is not finite shows in the extremes, which saves looking for it elsewhere.
    if not (np.isfinite(minimum).all() and np.isfinite(maximum).all()):
        finite = np.isfinite(rows)
        invalid = len(rows) - finite.sum(axis=0)
        first = np.where(finite, NOWHERE, positions[:, None]).min(axis=0)
        rows = np.where(finite, rows, 0)
        minimum, maximum = rows.min(axis=0), rows.max(axis=0)
    none_negative = (minimum >= 0).all()
    # Mostly the first pattern tells.
    whole = rows.dtype.kind in "iu" or all(bool((r == np.rint(r)).all()) for r in rows)
    wide = rows.astype(np.float64)
    blocks, total = sum_blocks(wide, positions, layout)
    return _Sums(
        n_positions=len(rows),
        whole=whole,
        total=total,
        square=np.einsum("ij,ij->j", wide, wide),
        invalid=invalid,
        negative=np.zeros(n_pixels, np.int64) if none_negative else (rows < 0).sum(axis=0),
        minimum=minimum.astype(np.float64),
        maximum=maximum.astype(np.float64),
        at_maximum=(rows == maximum).sum(axis=0),
        first_invalid=first,
        frames=Gathered([(positions, wide @ weights)]),
        blocks=blocks,
    )


def sum_rows(matrix: ScanMatrix, job: Job) -> NDArray[np.float64]:
    """Sum the kept pixels of each kept position, in one pass: a virtual image, ``(n_positions,)``.

    Parameters
    ----------
    matrix
        The scan.
    job
        Makes the pass.
    """
    return job.collect(matrix, _sum_block)


def _sum_block(rows: NDArray, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    parts = [x.sum(axis=1, dtype=np.float64) for x, _ in split_rows(rows, positions)]
    return np.concatenate(parts)


class NoElectronsError(ValueError):
    """A scan without a single positive value: nothing is wrong with it, but nothing is in it."""


def check_values(look: Survey, mask: NDArray[np.bool_], scan_shape: tuple[int, ...]) -> None:
    """Refuse data that cannot be factorized.

    Parameters
    ----------
    look
        Survey of the scan.
    mask
        Detector mask ``(n_v, n_u)``, True = left out.
    scan_shape
        In array order, to say where NaN was found.

    Raises
    ------
    NoElectronsError
        No positive value.
    ValueError
        NaN or infinite values among the kept pixels; no positive one left by the masks;
        values too large or too small to be squared.
    """
    firsts = np.where(mask, NOWHERE, look.first_invalid)
    if firsts.min() < NOWHERE:
        position = np.unravel_index(firsts.min(), scan_shape)[::-1]
        row, column = np.unravel_index(np.argmin(firsts), mask.shape)
        raise ValueError(
            f"The data hold {look.invalid[~mask].sum()} NaN or infinite values in "
            f"{np.sum(firsts < NOWHERE)} pixels, first at position "
            f"{tuple(int(i) for i in position)}, pixel (x, y) = ({column}, {row}). Leave them "
            "out with `signal_mask` or `navigation_mask`, or replace them, for instance with "
            "`s.map(np.nan_to_num)`."
        )
    if not (look.maximum > 0).any():
        where = "" if look.n_positions == np.prod(scan_shape) else " that `navigation_mask` keeps"
        raise NoElectronsError(
            f"The data{where} hold no positive value (the largest is {look.maximum.max():g}): "
            "there is nothing that non-negative components could describe."
        )
    largest = np.abs([look.minimum[~mask], look.maximum[~mask]]).max(initial=0)
    if largest and not _LEAST < largest < _MOST:
        raise ValueError(
            f"The largest of the data is {largest:g} in size: squares of such values cannot be "
            f"summed. Divide the data, so that it lies between {_LEAST:g} and {_MOST:g}, or leave "
            "what is out of range out with `signal_mask`."
        )
    if not (look.maximum[~mask] > 0).any():
        raise ValueError(
            "No signal is left after masking: all positive values lie in pixels left "
            "out by `signal_mask`."
        )
