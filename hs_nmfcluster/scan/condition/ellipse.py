"""Elliptical distortion, from the rings that every specimen shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A distortion is one if it is so many times its standard uncertainty.
_CERTAIN = 6.0


@dataclass(frozen=True)
class Ellipse:
    """What becomes of a circle on the detector.

    Parameters
    ----------
    strength, strength_error
        Long over short axis minus 1, and its standard uncertainty.
    axis, axis_error
        Direction of the long axis in degrees, from +x (columns) to +y (rows), 0 to 180, and its
        standard uncertainty.
    """

    strength: float
    axis: float
    strength_error: float
    axis_error: float

    @property
    def significance(self) -> float:
        """Strength over its uncertainty."""
        return self.strength / self.strength_error if self.strength_error > 0 else np.inf

    @property
    def certain(self) -> bool:
        """Whether it is there beyond doubt."""
        return self.significance > _CERTAIN

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Matrix ``(2, 2)`` of determinant 1 from offsets (x, y) as measured to undistorted ones.

        Examples
        --------
        >>> Ellipse(0.21, 0.0, 0.01, 1.0).matrix.round(3).tolist()
        [[0.909, 0.0], [0.0, 1.1]]
        """
        return stretch(1 / (1 + self.strength), self.axis)


def stretch(ratio: float, axis: float) -> NDArray[np.float64]:
    """Matrix of determinant 1 that makes offsets along an axis longer by a ratio than across it.

    Parameters
    ----------
    ratio
        Of the lengths of what was a circle.
    axis
        Degrees from +x to +y.
    """
    cos, sin = np.cos(np.deg2rad(axis)), np.sin(np.deg2rad(axis))
    turn = np.array([[cos, -sin], [sin, cos]])
    return turn @ np.diag([np.sqrt(ratio), 1 / np.sqrt(ratio)]) @ turn.T
