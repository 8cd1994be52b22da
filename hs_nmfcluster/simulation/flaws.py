"""What of a real instrument is where: the draws of its imperfections, the same in every chunk."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hs_nmfcluster.scan.condition.ellipse import stretch
from hs_nmfcluster.scan.corrections import Corrections
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation.instrument import Instrument

#: Kinds of patterns, see `frame_kinds`.
GOOD, BLANK, REPEATED, FLYBACK = range(4)
# Blur of the shadow's edge in pixels.
_PENUMBRA = 0.7
# Share of the electrons that must come for a pixel to say how many there are.
_LIT = 0.95
# Offset of the beam in pixels when it begins its way back.
_LAG = 4.0
_STREAMS = "pixels", "gain", "jumps", "frames", "levels"


def known_corrections(
    instrument: Instrument, scan_shape: tuple[int, ...], detector: Detector
) -> Corrections:
    """Give what would put the scan right: the truth for those who look for it.

    Parameters
    ----------
    instrument
        That spoiled it.
    scan_shape
        In array order.
    detector
        Shape of the detector, and where the beam is on average.
    """
    bad = bad_pixels(instrument, detector)
    left_out = frame_kinds(instrument, scan_shape) != GOOD
    undistorted = stretch(1 / (1 + instrument.ellipse / 100), instrument.ellipse_axis)
    return Corrections(
        bad_pixels=bad if bad.any() else None,
        left_out=left_out if left_out.any() else None,
        shifts=beam_shifts(instrument, scan_shape) if instrument.drift else None,
        distortion=undistorted if instrument.ellipse else None,
        gain=response(instrument, detector.shape) if instrument.gain else None,
    )


def distortion(instrument: Instrument) -> NDArray[np.float64]:
    """Matrix ``(2, 2)`` that takes offsets (x, y) from the beam to where they are seen."""
    return stretch(1 + instrument.ellipse / 100, instrument.ellipse_axis)


def bad_pixels(instrument: Instrument, detector: Detector) -> NDArray[np.bool_]:
    """Pixels that do not say how many electrons came, ``(n_v, n_u)``."""
    shape = detector.shape
    bad = np.any(single_pixels(instrument, shape), axis=0) | gap(instrument, shape)
    if instrument.edge != 1:
        bad |= gap_edges(instrument, shape)
    bad[: instrument.metadata_rows] = True
    return np.asarray(bad | (shadow(instrument, detector) < _LIT))


def single_pixels(
    instrument: Instrument, shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Hot, dead and noisy pixels, ``(n_v, n_u)`` each.

    Raises
    ------
    ValueError
        If the detector has not so many.
    """
    numbers = instrument.hot_pixels, instrument.dead_pixels, instrument.noisy_pixels
    n_v, n_u = shape
    if sum(numbers) > n_v * n_u // 2:
        raise ValueError(
            f"hot_pixels, dead_pixels and noisy_pixels are {sum(numbers)} together, more "
            f"than half of the {n_v * n_u} pixels of the detector"
        )
    # The last column has no neighbour on the right.
    inside = np.arange(n_v * n_u).reshape(shape)[:, :-1].ravel()
    drawn = _generator(instrument, "pixels").permutation(inside)
    neighbour = drawn[0] + 1
    drawn = np.concatenate([[drawn[0], neighbour], drawn[1:][drawn[1:] != neighbour]])
    if instrument.hot_pixels < 2:
        drawn = np.delete(drawn, 1)
    flags = np.zeros((3, n_v * n_u), bool)
    for kind, (start, stop) in zip(flags, pairwise(np.cumsum((0, *numbers))), strict=True):
        kind[drawn[start:stop]] = True
    hot, dead, noisy = flags.reshape(3, n_v, n_u)
    return hot, dead, noisy


def hot_levels(instrument: Instrument, shape: tuple[int, int]) -> NDArray[np.float64]:
    """How much each pixel counts by itself, over the mean of the detector, ``(n_v, n_u)``."""
    levels = 10 ** _generator(instrument, "levels").uniform(1, 3, size=shape)
    return np.where(single_pixels(instrument, shape)[0], levels, 0.0)


def gap(instrument: Instrument, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Rows and columns between the chips, ``(n_v, n_u)``."""
    row, column = (np.abs(2 * np.arange(n) - (n - 1)) < instrument.cross for n in shape)
    return np.asarray(row[:, None] | column[None, :])


def gap_edges(instrument: Instrument, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of the chips that lie at the gap, ``(n_v, n_u)``."""
    inside = gap(instrument, shape)
    if not instrument.cross:
        return inside
    return gap(replace(instrument, cross=instrument.cross + 2), shape) & ~inside


def shadow(instrument: Instrument, detector: Detector) -> NDArray[np.float64]:
    """Share of the electrons that pass the beam stop, ``(n_v, n_u)``."""
    radius = instrument.beam_stop
    if not radius:
        return np.ones(detector.shape)
    row, column = np.indices(detector.shape)
    x, y = column - detector.center[0], row - detector.center[1]
    behind = (np.hypot(x, y) <= radius) | ((np.abs(x) <= radius / 2) & (y > 0))
    return np.asarray(gaussian_filter(1.0 - behind, _PENUMBRA, mode="nearest"))


def response(instrument: Instrument, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Sensitivity of each pixel, ``(n_v, n_u)`` with mean 1."""
    spread = instrument.gain / 100 * _generator(instrument, "gain").normal(size=shape)
    sensitivity = np.maximum(1 + spread, 0.1)
    return np.asarray(sensitivity / sensitivity.mean())


def beam_shifts(instrument: Instrument, scan_shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Offset ``(x, y)`` of the beam from its mean place in pixels, ``(*scan_shape, 2)``."""
    along = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in scan_shape]
    grid = np.meshgrid(*along, indexing="ij")
    column, line = grid[-1], grid[-2] if len(grid) > 1 else grid[-1]
    if instrument.course == "linear":
        offsets = np.stack([column, line], axis=-1)
    elif instrument.course == "parabola":
        offsets = np.stack([column**2 + line, line**2 - 0.5 * column], axis=-1)
    else:
        levels = np.array([[-1.0, 0.3], [0.8, -1.0], [0.1, 0.9]])
        jumps = np.sort(_generator(instrument, "jumps").uniform(-0.7, 0.7, 2))
        offsets = levels[np.digitize(line, jumps)]
    offsets = offsets - offsets.reshape(-1, 2).mean(axis=0)
    largest = float(np.abs(offsets).max())
    return np.asarray(instrument.drift * offsets / (largest or 1.0))


def frame_kinds(instrument: Instrument, scan_shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Whether the pattern of each position is good, blank, repeated or of the flight back."""
    kinds = np.full(scan_shape, GOOD, np.int64)
    kinds[..., : instrument.flyback] = FLYBACK
    flat = kinds.reshape(-1)
    # The first pattern has none before it.
    drawn = 1 + _generator(instrument, "frames").permutation(flat.size - 1)
    n_blank, n_repeated = (round(s * flat.size) for s in (instrument.blank, instrument.repeated))
    flat[drawn[:n_blank]] = BLANK
    flat[drawn[n_blank : n_blank + n_repeated]] = REPEATED
    return kinds


def beam_lag(instrument: Instrument, column: int) -> float:
    """Offset of the beam along x in pixels in a column of the flight back."""
    return _LAG * (1 - column / instrument.flyback)


def _generator(instrument: Instrument, what: str) -> np.random.Generator:
    return np.random.default_rng((instrument.seed, _STREAMS.index(what)))
