"""The r-phi projection of diffraction patterns (the paper's Fig. 6c) as one linear operator."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hs_nmfcluster.scan.arguments import check_whole_number
from hs_nmfcluster.scan.detector import Detector

# Patterns that go through the operator together: what they are and become lies in the cache.
_AT_A_TIME = 8
# Rounding in a sum of bilinear weights must not decide whether half a bin was measured.
_HALF = 0.5 - 1e-6


class PolarPatterns(Protocol):
    """Polar patterns ``(n, n_radial, n_azimuthal)``: an array, or what makes them when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, n_radial, n_azimuthal)``."""

    def __getitem__(self, places: slice) -> NDArray: ...


@dataclass(frozen=True, eq=False)
class PolarGrid:
    """Bins of r and phi around the centre of a detector.

    A pattern in these bins is the mean of its bilinear interpolation over samples spread evenly
    through each bin, at most one pixel apart, so that no spot falls between two bins. In these
    coordinates a rotation of the pattern is a circular shift along phi.

    Parameters
    ----------
    detector
        Geometry of the detector.
    radii
        Middles of the bins along r, ``(n_radial,)``, in the detector's units.
    angles
        Middles of the bins along phi, ``(n_azimuthal,)``, in degrees from +x towards +y.
    radial_step
        Width of a bin along r in the detector's units.

    See Also
    --------
    covering : the usual way to make a grid.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> from hs_nmfcluster.clustering.polar import PolarGrid
    >>> grid = PolarGrid.covering(Detector((21, 21), center=(10, 10)), n_azimuthal=8)
    >>> grid.transform(np.ones((3, 21, 21))).shape
    (3, 10, 8)
    """

    detector: Detector
    radii: NDArray[np.float64]
    angles: NDArray[np.float64]
    radial_step: float

    @classmethod
    def covering(
        cls,
        detector: Detector,
        *,
        n_radial: int | None = None,
        n_azimuthal: int = 360,
        radial_range: tuple[float, float] | None = None,
    ) -> Self:
        """Bins that cover a range of radii all around the centre.

        Parameters
        ----------
        detector
            Geometry of the detector.
        n_radial
            Number of bins along r; by default one per pixel.
        n_azimuthal
            Number of bins along phi, at least 2.
        radial_range
            ``(inner, outer)`` in the detector's units, by default from 0 to the inscribed
            circle. A larger outer radius is allowed: bins off the detector are NaN.

        Returns
        -------
        PolarGrid

        Raises
        ------
        ValueError
            If a number of bins is too small or no pixel lies in the range.
        TypeError
            If a number of bins is no integer.

        Examples
        --------
        >>> PolarGrid.covering(Detector((21, 21), (10, 10)), radial_range=(2, 10)).shape
        (8, 360)
        """
        inner, outer = _checked_range(detector, radial_range)
        if n_radial is None:
            n_radial = max(1, round((outer - inner) / detector.finest))
        n_radial = check_whole_number("n_radial", n_radial)
        n_azimuthal = check_whole_number("n_azimuthal", n_azimuthal, minimum=2)
        step = (outer - inner) / n_radial
        radii = inner + (np.arange(n_radial, dtype=np.float64) + 0.5) * step
        angles = np.arange(n_azimuthal, dtype=np.float64) * (360.0 / n_azimuthal)
        return cls(detector, radii, angles, step)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_radial, n_azimuthal)``."""
        return self.radii.size, self.angles.size

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """Pixels of the detector in the range of radii, ``(n_v, n_u)``."""
        half = self.radial_step / 2
        return self.detector.ring(float(self.radii[0]) - half, float(self.radii[-1]) + half)

    @cached_property
    def operator(self) -> sparse.csr_array:
        """Weights of the pixels in each bin, ``(n_radial * n_azimuthal, n_v * n_u)``.

        The weights of a bin add up to one; those of a bin more than half off the detector are
        all zero.
        """
        weights = sparse.vstack([self._ring(radius) for radius in self.radii], format="csr")
        on_detector = weights.sum(axis=1)
        factor = np.divide(
            1.0, on_detector, out=np.zeros_like(on_detector), where=on_detector >= _HALF
        )
        operator = sparse.csr_array(sparse.diags_array(factor) @ weights)
        operator.eliminate_zeros()
        return operator

    @cached_property
    def on_detector(self) -> NDArray[np.bool_]:
        """Bins at least half of which lie on the detector, ``(n_radial * n_azimuthal,)``."""
        return np.diff(self.operator.indptr) > 0

    @cached_property
    def _single_precision_operator(self) -> sparse.csr_array:
        return self.operator.astype(np.float32)

    def transform(self, patterns: NDArray) -> NDArray[np.floating]:
        """Patterns in the bins of this grid.

        Parameters
        ----------
        patterns
            ``(..., n_v, n_u)``; NaN marks pixels that were not measured.

        Returns
        -------
        numpy.ndarray
            ``(..., n_radial, n_azimuthal)``, float32 for float32 or short integers, else float64.
            A bin with less than half of its weight on measured pixels is NaN.

        Raises
        ------
        ValueError
            If the patterns have not the detector's shape.

        Examples
        --------
        >>> float(grid.transform(np.eye(21)).max()) <= 1.0
        True
        """
        patterns = np.asarray(patterns)
        if patterns.shape[-2:] != self.detector.shape:
            raise ValueError(
                f"`patterns` have the shape {patterns.shape[-2:]}, the detector of this grid has "
                f"{self.detector.shape}."
            )
        dtype = np.result_type(patterns.dtype, np.float32)
        operator = self._single_precision_operator if dtype == np.float32 else self.operator
        rows = patterns.reshape(-1, operator.shape[1])
        polar = np.empty((len(rows), operator.shape[0]), dtype)
        for start in range(0, len(rows), _AT_A_TIME):
            few = slice(start, start + _AT_A_TIME)
            polar[few] = _averages(operator, rows[few].astype(dtype, copy=False))
        polar[:, ~self.on_detector] = np.nan
        return polar.reshape(patterns.shape[:-2] + self.shape)

    def _ring(self, radius: float) -> sparse.csr_array:
        """Weights of all bins at one radius, not yet normalised for the detector's edge."""
        n_v, n_u = self.detector.shape
        x, y = self._samples(radius)
        inside = (np.abs(x - (n_u - 1) / 2) <= n_u / 2) & (np.abs(y - (n_v - 1) / 2) <= n_v / 2)
        columns, column_weights = _linear_weights(x, n_u)
        rows, row_weights = _linear_weights(y, n_v)
        pixels = rows[..., :, None] * n_u + columns[..., None, :]
        weights = row_weights[..., :, None] * column_weights[..., None, :]
        weights *= inside[..., None, None] / x.shape[1]
        starts = np.arange(self.angles.size + 1) * (pixels.size // self.angles.size)
        ring = sparse.csr_array(
            (weights.ravel(), pixels.ravel(), starts), shape=(self.angles.size, n_v * n_u)
        )
        ring.sum_duplicates()
        return ring

    def _samples(self, radius: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixel coordinates x and y of the samples in each bin, ``(n_azimuthal, n_samples)``."""
        pixel = self.detector.finest
        arc = radius * 2 * np.pi / self.angles.size
        r = radius + self.radial_step * _spread(self.radial_step / pixel)
        phi = self.angles[:, None] + 360.0 / self.angles.size * _spread(arc / pixel)
        turned = np.deg2rad(phi)[:, :, None]
        x, y = self.detector.pixels_at(r * np.cos(turned), r * np.sin(turned))
        return x.reshape(self.angles.size, -1), y.reshape(self.angles.size, -1)


def _spread(width: float) -> NDArray[np.float64]:
    """Places of samples within a bin `width` pixels wide, as shares of it around its middle."""
    count = max(1, int(np.ceil(width - 1e-9)))
    return (np.arange(count) + 0.5) / count - 0.5


def _linear_weights(
    position: NDArray[np.float64], size: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the two pixels around each position and their weights, on a last axis of two."""
    # Within the outer half of an edge pixel there is no second neighbour: its own value holds.
    position = np.clip(position, 0, size - 1)
    below = np.minimum(position.astype(np.intp), max(size - 2, 0))
    fraction = position - below
    pixels = np.stack([below, np.minimum(below + 1, size - 1)], axis=-1)
    return pixels, np.stack([1 - fraction, fraction], axis=-1)


def _averages(operator: sparse.csr_array, rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Averages over the measured pixels of each bin, ``(n, n_bins)``."""
    missing = np.isnan(rows)
    if not missing.any():
        return (operator @ np.ascontiguousarray(rows.T)).T
    sums = (operator @ np.where(missing, 0, rows).T).T
    # One mask for all patterns is the rule; then one product gives the weights of all.
    masks = missing[:1] if (missing == missing[0]).all() else missing
    weights = (operator @ (~masks).T.astype(operator.dtype)).T
    return sums / np.where(weights >= _HALF, weights, np.nan)


def _checked_range(
    detector: Detector, radial_range: tuple[float, float] | None
) -> tuple[float, float]:
    if radial_range is None:
        radial_range = (0.0, detector.inscribed_radius)
    try:
        inner, outer = (float(radius) for radius in radial_range)
    except (TypeError, ValueError):
        raise TypeError(
            f"`radial_range` must be two numbers (inner, outer), got {radial_range!r}."
        ) from None
    if not 0 <= inner < outer < np.inf:
        raise ValueError(
            f"`radial_range` must be (inner, outer) with 0 ≤ inner < outer in {detector.units}, "
            f"got {radial_range}."
        )
    farthest = float(detector.radius().max())
    if inner >= farthest:
        raise ValueError(
            f"`radial_range` starts at {inner:g} {detector.units}, but the farthest pixel lies at "
            f"{farthest:g} {detector.units}."
        )
    return inner, outer
