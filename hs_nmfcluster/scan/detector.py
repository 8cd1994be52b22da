"""Geometry of the detector: radii and rings around the beam.

Everything here takes one pattern as a plain array ``(n_v, n_u)``; a centre is ``(x, y)`` in
pixels, column first, with 0 the middle of the first pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Rows of a 2 × 2 matrix.
Distortion: TypeAlias = tuple[tuple[float, float], tuple[float, float]]


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
    distortion
        Rows of the 2 × 2 matrix that takes offsets ``(x, y)`` from the beam, in `units`, as they
        are measured to undistorted ones; None where they are the same. It keeps areas:
        its determinant is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> detector = Detector((5, 5), center=(2.0, 2.0), scale=(0.1, 0.1), units="1/nm")
    >>> float(detector.inscribed_radius)
    0.2
    """

    shape: tuple[int, int]
    center: tuple[float, float]
    scale: tuple[float, float] = (1.0, 1.0)
    units: str = "px"
    distortion: Distortion | None = None

    @property
    def matrix(self) -> NDArray[np.float64]:
        """What takes offsets ``(x, y)`` from the beam in pixels to undistorted ones in `units`."""
        scales = np.diag(self.scale)
        return scales if self.distortion is None else np.array(self.distortion) @ scales

    @property
    def undistorted(self) -> "Detector":
        """The same pixels as they would lie without distortion."""
        return self if self.distortion is None else replace(self, distortion=None)

    def offsets(
        self, x: NDArray[Any], y: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Undistorted offsets ``(x, y)`` from the beam, in `units`.

        Parameters
        ----------
        x, y
            Columns and rows in pixels, of shapes that go together.

        Returns
        -------
        tuple of numpy.ndarray

        Examples
        --------
        >>> [float(offset) for offset in detector.offsets(np.array(4.0), np.array(1.0))]
        [0.2, -0.1]
        """
        along = (x - self.center[0]) * self.scale[0], (y - self.center[1]) * self.scale[1]
        if self.distortion is None:
            return along
        return _product(self.distortion, *along)

    def pixels_at(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Columns and rows in pixels where offsets from the beam lie, undoing :meth:`offsets`.

        Parameters
        ----------
        x, y
            Undistorted offsets in `units`.

        Returns
        -------
        tuple of numpy.ndarray

        Examples
        --------
        >>> x, y = detector.pixels_at(np.array(0.2), np.array(-0.1))
        >>> round(float(x), 9), round(float(y), 9)
        (4.0, 1.0)
        """
        along = (x, y)
        if self.distortion is not None:
            along = _product(np.linalg.inv(np.array(self.distortion)), x, y)
        return self.center[0] + along[0] / self.scale[0], self.center[1] + along[1] / self.scale[1]

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
        x, y = self.offsets(np.arange(self.shape[1])[None, :], np.arange(self.shape[0])[:, None])
        return np.hypot(y, x)

    @property
    def inscribed_radius(self) -> float:
        """Radius in `units` of the largest circle around the centre that the detector holds.

        Where the beam lies so near an edge that this circle would hold less than a quarter of
        the shorter side, half the shorter side is taken and the circle is cut by the edge.
        """
        across = self._pixels_across
        half_sides = [(n - 1) / 2 * s for n, s in zip(self.shape[::-1], across, strict=True)]
        to_edges = [
            min(c, n - 1 - c) * s
            for c, n, s in zip(self.center, self.shape[::-1], across, strict=True)
        ]
        if min(to_edges) < min(half_sides) / 2:
            return float(min(half_sides))
        return float(min(to_edges))

    @property
    def pixel(self) -> float:
        """Unit per pixel, averaged over the two axes."""
        return float(np.sqrt(self.scale[0] * self.scale[1]))

    @property
    def finest(self) -> float:
        """Unit per pixel along the direction in which pixels are shortest."""
        if self.distortion is None:
            return min(self.scale)
        return float(np.linalg.svd(self.matrix, compute_uv=False)[-1])

    @property
    def _pixels_across(self) -> tuple[float, float]:
        """Unit from one column to the next, and from one row to the next, at right angles."""
        if self.distortion is None:
            return self.scale
        x, y = 1 / np.linalg.norm(np.linalg.inv(self.matrix), axis=1)
        return float(x), float(y)

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


def as_distortion(
    matrix: NDArray[np.floating] | Sequence[Sequence[float]] | None,
) -> Distortion | None:
    """Give a matrix ``(2, 2)`` the form in which a :class:`Detector` holds it."""
    if matrix is None:
        return None
    (a, b), (c, d) = np.asarray(matrix, dtype=np.float64).tolist()
    return (a, b), (c, d)


def _product(
    matrix: Distortion | NDArray[np.float64], x: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    (a, b), (c, d) = matrix
    return np.asarray(a * x + b * y), np.asarray(c * x + d * y)
