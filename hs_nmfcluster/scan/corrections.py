"""What is known to be wrong with a scan, and how its patterns are put right."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.words import counted


@dataclass(frozen=True, eq=False)
class Corrections:
    """What is done to the patterns of a scan whenever they are read; None where nothing is.

    Parameters
    ----------
    bad_pixels
        Pixels that are not used, ``(n_v, n_u)``, True = bad: dead, hot and noisy ones, gaps and
        their bright edges, a beam stop, rows that hold no electrons.
    left_out
        Positions that are not used, ``scan_shape``, True = left out: blank, repeated and
        flyback frames.
    shifts
        How far the beam lies from where it is on average, ``(*scan_shape, 2)`` as (x, y) in
        pixels; patterns are moved back by it.
    distortion
        Matrix ``(2, 2)`` of determinant 1 that takes offsets (x, y) from the beam as measured to
        undistorted ones.
    gain
        Relative response of each pixel, ``(n_v, n_u)`` with mean 1; patterns are divided by it.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.scan.corrections import Corrections
    >>> bool(Corrections()), bool(Corrections(distortion=np.eye(2)))
    (False, True)
    """

    bad_pixels: NDArray[np.bool_] | None = None
    left_out: NDArray[np.bool_] | None = None
    shifts: NDArray[np.float64] | None = None
    distortion: NDArray[np.float64] | None = None
    gain: NDArray[np.float64] | None = None

    def __bool__(self) -> bool:
        """Whether anything is corrected."""
        return any(getattr(self, one.name) is not None for one in fields(self))

    def described(self) -> dict[str, Any] | None:
        """Give what is corrected in numbers.

        Returns
        -------
        dict or None
            Numbers of bad pixels and of positions left out, the largest offset of the beam in
            pixels, the ellipse and its axis in degrees, the standard deviation of the response;
            None where nothing is corrected.

        Examples
        --------
        >>> Corrections(gain=np.array([[0.9, 1.1]])).described()
        {'gain': 0.1}
        """
        found: dict[str, Any] = {}
        if self.bad_pixels is not None:
            found["bad_pixels"] = int(self.bad_pixels.sum())
        if self.left_out is not None:
            found["left_out"] = int(self.left_out.sum())
        if self.shifts is not None:
            found["drift"] = round(float(np.hypot(*np.moveaxis(self.shifts, -1, 0)).max()), 3)
        if self.distortion is not None:
            found["ellipse"] = round(ellipticity(self.distortion)[0], 5)
            found["ellipse_axis"] = round(ellipticity(self.distortion)[1], 2)
        if self.gain is not None:
            found["gain"] = round(float(np.nanstd(self.gain)), 5)
        return found or None

    def in_words(self) -> str:
        """Say what is corrected.

        Returns
        -------
        str

        Examples
        --------
        >>> Corrections(bad_pixels=np.eye(2, dtype=bool)).in_words()
        '2 bad pixels'
        """
        return in_words(self.described() or {})

    def digest(self) -> str:
        """Tell these corrections from others.

        Returns
        -------
        str
            The same for the same arrays only.

        Examples
        --------
        >>> Corrections().digest() == Corrections(gain=np.ones((2, 2))).digest()
        False
        """
        digest = hashlib.sha256()
        for one in fields(self):
            value = getattr(self, one.name)
            digest.update(one.name.encode())
            if value is not None:
                digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()[:16]


#: Patterns are taken as they are.
NOTHING = Corrections()


def in_words(numbers: Mapping[str, Any]) -> str:
    """Say what is corrected, given in numbers.

    Examples
    --------
    >>> in_words({"bad_pixels": 1, "drift": 1.23})
    '1 bad pixel, a beam that moves by up to 1.2 px'
    """
    parts = []
    if "bad_pixels" in numbers:
        parts.append(counted(int(numbers["bad_pixels"]), "bad pixel"))
    if "left_out" in numbers:
        parts.append(f"{counted(int(numbers['left_out']), 'position')} of no use")
    if "drift" in numbers:
        parts.append(f"a beam that moves by up to {numbers['drift']:.2g} px")
    if "ellipse" in numbers:
        strength, axis = numbers["ellipse"], numbers["ellipse_axis"]
        parts.append(f"an elliptical distortion of {100 * strength:.2g} % at {axis:.0f}°")
    if "gain" in numbers:
        parts.append(f"pixels whose response differs by {100 * numbers['gain']:.2g} %")
    return ", ".join(parts) or "nothing"


def ellipticity(distortion: NDArray[np.floating]) -> tuple[float, float]:
    """Find what becomes of a circle: long over short axis less 1, and the angle of the long axis.

    Parameters
    ----------
    distortion
        As of `Corrections`.

    Returns
    -------
    tuple of float
        The angle in degrees from +x towards +y, 0 to 180.

    Examples
    --------
    >>> ellipticity(np.diag([0.5**0.5, 2**0.5]))
    (1.0, 0.0)
    """
    axes, sizes, _ = np.linalg.svd(np.linalg.inv(distortion))
    angle = np.rad2deg(np.arctan2(axes[1, 0], axes[0, 0])) % 180
    return round(float(sizes[0] / sizes[1] - 1), 12), round(float(angle), 9) % 180
