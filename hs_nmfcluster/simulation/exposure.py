"""Patterns as a real instrument records them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation import flaws
from hs_nmfcluster.simulation.chunks import position_generator
from hs_nmfcluster.simulation.flaws import BLANK, GOOD, REPEATED
from hs_nmfcluster.simulation.instrument import Instrument

#: Gives the expected electrons ``(n, n_v, n_u)`` at flat scan indices ``(n,)``.
Expected = Callable[[NDArray[np.int64]], NDArray[np.float64]]

# Places of a line that a pattern of the flight back is a mixture of.
_ON_THE_WAY = 4
# Electrons that stand for what a camera writes into rows of metadata.
_WORDS = 4000


@dataclass(frozen=True)
class Exposure:
    """A specimen seen by an instrument.

    Attributes
    ----------
    expected
        Electrons that a perfect instrument would let expect.
    instrument
        The real one.
    detector
        Geometry of the perfect one.
    scan_shape
        In array order.
    level
        Electrons of a pixel on average.
    noise
        Whether counts are drawn.
    seed
        Of the counts.
    """

    expected: Expected
    instrument: Instrument
    detector: Detector
    scan_shape: tuple[int, ...]
    level: float
    noise: bool
    seed: int

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the recorded patterns at flat scan indices ``(n,)``, shape ``(n, n_v, n_u)``."""
        patterns = [self._recorded(int(position)) for position in positions]
        return np.array(patterns).reshape(-1, *self.detector.shape)

    def highest(self, highest: float) -> float:
        """Largest expectation, given that of a perfect instrument."""
        instrument = self.instrument
        brighter = instrument.edge * (1 + 5 * instrument.gain / 100)
        own = 1000.0 * self.level * bool(instrument.hot_pixels)
        return max(highest * max(brighter, 1.0) + own, _WORDS * bool(instrument.metadata_rows))

    @cached_property
    def _kinds(self) -> NDArray[np.int64]:
        return flaws.frame_kinds(self.instrument, self.scan_shape).ravel()

    @cached_property
    def _shifts(self) -> NDArray[np.float64]:
        return flaws.beam_shifts(self.instrument, self.scan_shape).reshape(-1, 2)

    @cached_property
    def _sensitivity(self) -> NDArray[np.float64]:
        """Share of the electrons that each pixel counts."""
        instrument, shape = self.instrument, self.detector.shape
        sensitivity = flaws.shadow(instrument, self.detector)
        sensitivity *= flaws.response(instrument, shape)
        sensitivity[flaws.gap_edges(instrument, shape)] *= instrument.edge
        return sensitivity

    @cached_property
    def _own_counts(self) -> NDArray[np.float64]:
        return self.level * flaws.hot_levels(self.instrument, self.detector.shape)

    @cached_property
    def _noisy(self) -> NDArray[np.bool_]:
        return flaws.single_pixels(self.instrument, self.detector.shape)[2]

    @cached_property
    def _dead(self) -> NDArray[np.bool_]:
        shape = self.detector.shape
        return flaws.single_pixels(self.instrument, shape)[1] | flaws.gap(self.instrument, shape)

    def _recorded(self, position: int) -> NDArray[np.float64]:
        if self._kinds[position] == REPEATED:
            before = np.flatnonzero(self._kinds[:position] != REPEATED)
            return self._recorded(int(before[-1]))
        rates = self._rates(position) + self._own_counts
        rng = position_generator(self.seed, position)
        counts = rng.poisson(rates).astype(np.float64) if self.noise else rates
        return self._read_out(counts, position_generator(self.seed, position, "instrument"))

    def _rates(self, position: int) -> NDArray[np.float64]:
        kind = self._kinds[position]
        if kind == BLANK:
            return np.zeros(self.detector.shape)
        shift = self._shifts[position]
        if kind == GOOD:
            pattern = self.expected(np.array([position]))[0]
        else:
            column = position % self.scan_shape[-1]
            line = position - column
            along = np.linspace(0, self.scan_shape[-1] - 1, _ON_THE_WAY).round().astype(np.int64)
            pattern = self.expected(line + along).mean(axis=0)
            shift = shift + np.array([flaws.beam_lag(self.instrument, column), 0.0])
        return self._sensitivity * self._displaced(pattern, shift)

    def _displaced(
        self, pattern: NDArray[np.float64], shift: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Move and distort an expected pattern; what lies beyond its edge is like the edge.

        By a cubic B-spline that smooths, by 0.6 pixels whatever the shift: one that interpolates
        would ring around the direct beam.
        """
        if not (self.instrument.ellipse or shift.any()):
            return pattern
        inverse = np.linalg.inv(flaws.distortion(self.instrument))[::-1, ::-1]
        center = np.array(self.detector.center[::-1])
        offset = center - inverse @ (center + shift[::-1])
        return np.asarray(
            affine_transform(pattern, inverse, offset, order=3, mode="nearest", prefilter=False)
        )

    def _read_out(
        self, counts: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        instrument, noisy = self.instrument, self._noisy
        if noisy.any():
            bursts = rng.exponential(2 * self.level, noisy.sum()) * (rng.random(noisy.sum()) < 0.5)
            counts[noisy] += np.rint(bursts) if self.noise else bursts
        counts[self._dead] = 0
        rows = slice(0, instrument.metadata_rows)
        counts[rows] = rng.integers(0, _WORDS, counts[rows].shape)
        if instrument.readout_noise:
            counts = np.rint(counts + rng.normal(0, instrument.readout_noise, counts.shape))
        if instrument.saturation is not None:
            counts = np.minimum(counts, instrument.saturation)
        return counts
