"""Geometry of the detector: radii and rings around the beam.

Everything here takes one pattern as a plain array ``(n_v, n_u)``; a centre is ``(x, y)`` in
pixels, column first, with 0 the middle of the first pixel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detector:
    """Where the pixels of a detector lie around the direct beam.

    Parameters
    ----------
    shape
        Rows and columns, ``(n_v, n_u)``.
    center
        Direct beam ``(x, y)`` in pixels.
    scale
        Unit per pixel along ``(x, y)``, positive.
    units
        Unit of ``scale``; ``"px"`` where the axes are not calibrated.

    Examples
    --------
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> detector = Detector((5, 5), center=(2.0, 2.0), scale=(0.1, 0.1), units="1/nm")
    >>> float(detector.inscribed_radius)
    0.2
    """

    shape: tuple[int, int]
    center: tuple[float, float]
    scale: tuple[float, float] = (1.0, 1.0)
    units: str = "px"

    def radius(self) -> NDArray[np.float64]:
        """Distance of every pixel from the centre, ``(n_v, n_u)``, in `units`.

        Returns
        -------
        numpy.ndarray

        Examples
        --------
        >>> float(detector.radius()[2, 4])
        0.2
        """
        x = (np.arange(self.shape[1]) - self.center[0]) * self.scale[0]
        y = (np.arange(self.shape[0]) - self.center[1]) * self.scale[1]
        return np.hypot(y[:, None], x[None, :])

    @property
    def inscribed_radius(self) -> float:
        """Radius in `units` of the largest circle around the centre that the detector holds.

        Where the beam lies so near an edge that this circle would hold less than a quarter of
        the shorter side, half the shorter side is taken and the circle is cut by the edge.
        """
        half_sides = [(n - 1) / 2 * s for n, s in zip(self.shape[::-1], self.scale, strict=True)]
        to_edges = [
            min(c, n - 1 - c) * s
            for c, n, s in zip(self.center, self.shape[::-1], self.scale, strict=True)
        ]
        if min(to_edges) < min(half_sides) / 2:
            return float(min(half_sides))
        return float(min(to_edges))

    @property
    def pixel(self) -> float:
        """Unit per pixel, averaged over the two axes."""
        return float(np.sqrt(self.scale[0] * self.scale[1]))

    def ring(self, inner: float, outer: float) -> NDArray[np.bool_]:
        """Pixels with ``inner <= r <= outer`` (in `units`), True inside.

        Parameters
        ----------
        inner, outer
            Radii in `units`.

        Returns
        -------
        numpy.ndarray
            Bool, ``(n_v, n_u)``.

        Examples
        --------
        >>> int(detector.ring(0.0, 0.1).sum())
        5
        """
        radius = self.radius()
        # A radius typed with a few digits must not lose the pixels that lie exactly on it.
        slack = 1e-9 * self.pixel
        return (radius >= inner - slack) & (radius <= outer + slack)
