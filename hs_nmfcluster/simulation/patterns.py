"""Ideal diffraction patterns: direct beam, halo rings, nets of spots."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import erfc


@dataclass(frozen=True)
class SpotFamily:
    """A crystal structure seen along one zone axis: a centrosymmetric net of spots.

    Attributes
    ----------
    name
        Name of the family.
    spacings
        Lattice spacings ``(d1, d2)`` in nm of the two shortest reciprocal-lattice vectors.
    angle
        Angle between these two vectors in degrees.
    falloff
        Intensity of a spot at the spatial frequency q (1/nm) is ``exp(-(q / falloff)**2)``.

    Examples
    --------
    >>> SpotFamily("square", (0.2, 0.2)).symmetry
    4
    """

    name: str
    spacings: tuple[float, float]
    angle: float = 90.0
    falloff: float = 5.0

    @property
    def symmetry(self) -> int:
        """Order of the rotation axis of the net: 2, 4 or 6."""
        if not np.isclose(*self.spacings):
            return 2
        if np.isclose(self.angle, 90.0):
            return 4
        return 6 if np.isclose(self.angle, (60.0, 120.0)).any() else 2

    def spots(self, largest: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Spots of the net that are no farther out than a spatial frequency.

        Parameters
        ----------
        largest
            Largest spatial frequency in 1/nm.

        Returns
        -------
        vectors
            Positions in 1/nm as ``(x, y)``, shape ``(m, 2)``; the first basis vector lies
            along +x.
        intensities
            Shape ``(m,)``.

        Examples
        --------
        >>> vectors, intensities = SpotFamily("square", (0.2, 0.2)).spots(5.0)
        >>> vectors.shape
        (4, 2)
        """
        g1, g2 = 1.0 / np.asarray(self.spacings)
        angle = np.deg2rad(self.angle)
        basis = np.array([[g1, 0.0], [g2 * np.cos(angle), g2 * np.sin(angle)]])
        reach = int(np.ceil(largest / (min(g1, g2) * abs(np.sin(angle)))))
        orders = np.arange(-reach, reach + 1)
        vectors = np.stack(np.meshgrid(orders, orders), axis=-1).reshape(-1, 2) @ basis
        radii = np.hypot(*vectors.T)
        vectors = vectors[(radii > 0) & (radii <= largest)]
        return vectors, np.exp(-((vectors**2).sum(axis=1)) / self.falloff**2)

    def lattice_spacings(self, largest: float) -> tuple[float, ...]:
        """Spacings of the net.

        Parameters
        ----------
        largest
            Largest spatial frequency in 1/nm.

        Returns
        -------
        spacings
            In nm, the largest first.

        Examples
        --------
        >>> SpotFamily("square", (0.2, 0.2)).lattice_spacings(8.0)
        (0.2, 0.14142136)
        """
        lengths = np.unique(np.hypot(*self.spots(largest)[0].T).round(9))
        return tuple(round(float(1 / length), 8) for length in lengths)


@dataclass(frozen=True)
class Halo:
    """Diffraction of an amorphous matrix: smooth rings on a decaying background.

    Attributes
    ----------
    radii
        Radii of the rings in 1/nm.
    widths
        Standard deviations of the rings in 1/nm.
    weights
        Heights of the rings.
    background
        Height at zero angle of the exponential background.
    decay
        Spatial frequency in 1/nm over which the background falls by e.

    Examples
    --------
    >>> Halo(radii=(4.5,), widths=(0.6,), weights=(1.0,)).background
    0.5
    """

    radii: tuple[float, ...] = (4.1, 7.0)
    widths: tuple[float, ...] = (0.55, 0.9)
    weights: tuple[float, ...] = (1.0, 0.3)
    background: float = 0.5
    decay: float = 2.2

    def intensity(self, frequency: NDArray[np.floating]) -> NDArray[np.float64]:
        """Intensity at some spatial frequencies.

        Parameters
        ----------
        frequency
            Spatial frequencies in 1/nm.

        Returns
        -------
        intensity
            Same shape.

        Examples
        --------
        >>> import numpy as np
        >>> Halo(background=0.0).intensity(np.array([4.1])).round(3).tolist()
        [1.002]
        """
        total = self.background * np.exp(-frequency / self.decay)
        for radius, width, weight in zip(self.radii, self.widths, self.weights, strict=True):
            total = total + weight * np.exp(-0.5 * ((frequency - radius) / width) ** 2)
        return total


def soft_disc(distance: NDArray[np.floating], radius: float, edge: float) -> NDArray[np.float64]:
    """Disc whose edge is blurred: half its height at the radius.

    Parameters
    ----------
    distance
        Distance from the middle.
    radius
        Radius of the disc, so that ``2 * radius`` is the full width at half maximum.
    edge
        Standard deviation of the blur.

    Returns
    -------
    height
        Values between 0 and 1, shape of `distance`.

    Examples
    --------
    >>> float(soft_disc(np.array(3.0), 3.0, 0.5))
    0.5
    """
    return 0.5 * erfc((distance - radius) / (np.sqrt(2.0) * edge))


def rotated(vectors: NDArray[np.floating], angle: float) -> NDArray[np.float64]:
    """Rotate ``(x, y)`` vectors from +x towards +y.

    Parameters
    ----------
    vectors
        Shape ``(m, 2)``.
    angle
        Degrees.

    Returns
    -------
    vectors
        Shape ``(m, 2)``.

    Examples
    --------
    >>> rotated(np.array([[1.0, 0.0]]), 90).round(6)
    array([[0., 1.]])
    """
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return vectors @ np.array([[cos, sin], [-sin, cos]])


@dataclass(frozen=True)
class PatternPainter:
    """Draws ideal patterns on one detector.

    Attributes
    ----------
    shape
        ``(n_v, n_u)``.
    center
        Direct beam ``(x, y)`` in pixels.
    pixel_size
        1/nm.
    spot_radius
        Radius of the direct beam and of the spots in 1/nm.
    edge
        Blur of their edges in pixels.
    point_spread
        Standard deviation of the detector's point spread in pixels.
    """

    shape: tuple[int, int]
    center: tuple[float, float]
    pixel_size: float
    spot_radius: float
    edge: float = 0.7
    point_spread: float = 0.0

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Distance of each pixel from the direct beam in 1/nm."""
        return self._distance((0.0, 0.0)) * self.pixel_size

    def _distance(self, vector: NDArray[np.floating] | tuple[float, float]) -> NDArray[np.float64]:
        rows, columns = np.indices(self.shape)
        x = self.center[0] + vector[0] / self.pixel_size
        y = self.center[1] + vector[1] / self.pixel_size
        return np.hypot(columns - x, rows - y)

    def spot(self, vector: NDArray[np.floating] | tuple[float, float]) -> NDArray[np.float64]:
        """Draw one spot, of height 1.

        Parameters
        ----------
        vector
            Position ``(x, y)`` from the direct beam in 1/nm.

        Returns
        -------
        pattern
            Shape `shape`.
        """
        return soft_disc(self._distance(vector), self.spot_radius / self.pixel_size, self.edge)

    def crystal(self, family: SpotFamily, angle: float) -> NDArray[np.float64]:
        """Draw the spots of a family at an in-plane angle, of unit sum.

        Parameters
        ----------
        family
            The family.
        angle
            In-plane angle in degrees.

        Returns
        -------
        pattern
            Shape `shape`, without direct beam.
        """
        corner = float(self.frequencies.max()) + self.spot_radius
        vectors, intensities = family.spots(corner)
        pattern = np.zeros(self.shape)
        for vector, intensity in zip(rotated(vectors, angle), intensities, strict=True):
            pattern += intensity * self.spot(vector)
        return self._detected(pattern)

    def halo(self, halo: Halo) -> NDArray[np.float64]:
        """Draw the rings of an amorphous matrix, of unit sum.

        Parameters
        ----------
        halo
            The rings.

        Returns
        -------
        pattern
            Shape `shape`, without direct beam.
        """
        return self._detected(halo.intensity(self.frequencies))

    def beam(self) -> NDArray[np.float64]:
        """Draw the direct beam, of unit sum.

        Returns
        -------
        pattern
            Shape `shape`.
        """
        return self._detected(self.spot((0.0, 0.0)))

    def _detected(self, pattern: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.point_spread > 0:
            pattern = gaussian_filter(pattern, self.point_spread, mode="constant")
        total = pattern.sum()
        return pattern / total if total > 0 else pattern
