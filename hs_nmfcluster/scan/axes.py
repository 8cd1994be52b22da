"""The axes of a scan and of its detector, as plain numbers, and a scan as data between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.beam import estimate_beam_center
from hs_nmfcluster.scan.detector import Detector, Distortion
from hs_nmfcluster.scan.units import inverse_nm_per, ratio


@dataclass(frozen=True)
class Axis:
    """Calibration of one axis.

    Parameters
    ----------
    size
        Number of samples.
    scale, offset
        Step, and value of the first sample.
    units
        ``"px"`` where it has none.
    """

    size: int
    scale: float = 1.0
    offset: float = 0.0
    units: str = "px"


@dataclass(frozen=True)
class DetectorAxes:
    """Calibration of a detector's columns, x, and rows, y.

    Parameters
    ----------
    x, y
        Its axes.
    distortion
        As of a :class:`~hs_nmfcluster.scan.detector.Detector`.

    Examples
    --------
    >>> axes = DetectorAxes(Axis(9, 0.5, -2.0, "1/nm"), Axis(7, 0.5, -1.5, "1/nm"))
    >>> axes.zero
    (4.0, 3.0)
    >>> axes.around((4.0, 3.0)).units
    '1/nm'
    """

    x: Axis
    y: Axis
    distortion: Distortion | None = None

    @property
    def zero(self) -> tuple[float, float] | None:
        """Pixel ``(x, y)`` where both axes are zero, None unless inside the detector.

        The first pixel itself does not count: there lies the zero of every axis that nobody has
        calibrated.
        """
        if self.x.scale == 0 or self.y.scale == 0:
            return None
        center = tuple(-axis.offset / axis.scale for axis in (self.x, self.y))
        inside = all(0 < c < a.size - 1 for c, a in zip(center, (self.x, self.y), strict=True))
        return (float(center[0]), float(center[1])) if inside else None

    def check_center(self, center: Sequence[float]) -> tuple[float, float]:
        """Return a beam centre as two numbers.

        Raises
        ------
        TypeError, ValueError
            If it is not a pair of finite numbers on the detector.
        """
        values = np.asarray(center, dtype=object).ravel()
        try:
            x, y = (float(value) for value in values)
        except (TypeError, ValueError):
            raise TypeError(
                f"`center` must be two numbers (x, y) in pixels, got {center!r}."
            ) from None
        n_u, n_v = self.x.size, self.y.size
        if not (0 <= x <= n_u - 1 and 0 <= y <= n_v - 1):
            raise ValueError(
                f"`center` = ({x:g}, {y:g}) lies outside the detector: x must be within 0 … "
                f"{n_u - 1} and y within 0 … {n_v - 1} pixels."
            )
        return x, y

    def find_center(
        self,
        center: Sequence[float] | None,
        mean_pattern: NDArray,
        beam: tuple[float, float] | None = None,
    ) -> tuple[tuple[float, float], str]:
        """Beam centre in pixels and how it was found.

        Parameters
        ----------
        center
            ``(x, y)`` given by the user, which overrides everything.
        mean_pattern
            ``(n_v, n_u)``, from which the centre is estimated where the axes do not tell.
        beam
            Where it shows the beam, if that is known already.

        Raises
        ------
        TypeError, ValueError
            As :meth:`check_center`.
        """
        if center is not None:
            return self.check_center(center), "given"
        if self.zero is not None:
            return self.zero, "zero of the calibrated axes"
        found = estimate_beam_center(mean_pattern) if beam is None else beam
        return found, "estimated from the mean pattern"

    def around(self, center: tuple[float, float]) -> Detector:
        """Geometry around a centre in pixels.

        Where their scale is not usable, radii are in pixels; axes in different units are converted
        to 1/nm, or else to the unit of the rows.

        Raises
        ------
        ValueError
            If the axes are in different units, and one of them is not understood as a reciprocal
            length.
        """
        shape = (self.y.size, self.x.size)
        usable = all(np.isfinite(axis.scale) and axis.scale != 0 for axis in (self.x, self.y))
        if not usable:
            return Detector(shape, center, distortion=self.distortion)
        scale = abs(self.x.scale), abs(self.y.scale)
        if self.x.units == self.y.units:
            return Detector(shape, center, scale, self.x.units, self.distortion)
        factors = [inverse_nm_per(axis.units) for axis in (self.x, self.y)]
        same = ratio(self.x.units, self.y.units)
        if (factors[0] is None or factors[1] is None) and same is not None:
            return Detector(
                shape, center, (scale[0] * same, scale[1]), self.y.units, self.distortion
            )
        if factors[0] is None or factors[1] is None:
            raise ValueError(
                f"The detector's axes are in different units, x in {self.x.units!r} and y in "
                f"{self.y.units!r}, which cannot be converted into each other. Set `scale` and "
                "`units` of `s.axes_manager.signal_axes`."
            )
        scale = scale[0] * factors[0], scale[1] * factors[1]
        return Detector(shape, center, scale, "1/nm", self.distortion)


@dataclass(frozen=True)
class ScanAxes:
    """Shape of a scan and the calibration of its last two axes, or of its only one.

    Parameters
    ----------
    shape
        In array order.
    steps
        Steps of the axes along which maps are resolved, in array order.
    units
        Their units.
    """

    shape: tuple[int, ...]
    steps: tuple[float, ...]
    units: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan: data and the geometry of both of its spaces.

    Parameters
    ----------
    data
        ``(*scan_shape, n_v, n_u)``.
    axes
        Of the scan.
    detector
        Of the detector.
    title, file
        What it is, and where it is from.
    """

    data: NDArray | da.Array
    axes: ScanAxes
    detector: DetectorAxes
    title: str = ""
    file: str = ""
