"""Peaks of an image: where they are, and the pixels above half their height."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True)
class Peak:
    """A peak and the connected pixels around it that are above half its height.

    Attributes
    ----------
    summit
        Row and column of its highest pixel.
    height
        Value there.
    rows, columns
        Pixels of the region, each ``(n,)``.
    """

    summit: tuple[int, int]
    height: float
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @property
    def area(self) -> int:
        """Number of pixels in the region."""
        return self.rows.size

    def at_edge(self, shape: tuple[int, int]) -> bool:
        """Whether the region touches the edge of an image of this shape."""
        n_rows, n_columns = shape
        return bool((self.rows % (n_rows - 1) == 0).any() if n_rows > 1 else False) or bool(
            (self.columns % (n_columns - 1) == 0).any() if n_columns > 1 else False
        )


def find_peaks(image: NDArray[np.floating], lowest: NDArray[np.floating] | float) -> list[Peak]:
    """Peaks above a level, the highest first, each with its region above half height.

    A local maximum within the region of a higher peak is part of that peak; a region stops
    where one of a higher peak begins.

    Parameters
    ----------
    image
        ``(n_y, n_x)``, its background at zero; NaN where not measured.
    lowest
        Smallest height of a peak, one for all or one a pixel.

    Returns
    -------
    list of Peak

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.materials.peaks import find_peaks
    >>> image = np.array([[0.0, 3, 4, 0, 0, 2, 0]])
    >>> [(peak.summit, peak.area) for peak in find_peaks(image, 1.0)]
    [((0, 2), 2), ((0, 5), 1)]
    """
    values = np.where(np.isfinite(image), image, -np.inf)
    summits = (values == ndimage.maximum_filter(values, size=3)) & (values > np.maximum(lowest, 0))
    taken = np.zeros(values.shape, dtype=bool)
    peaks = []
    rows, columns = np.nonzero(summits)
    for place in np.argsort(-values[rows, columns], kind="stable"):
        summit = int(rows[place]), int(columns[place])
        if taken[summit]:
            continue
        height = float(values[summit])
        region = _connected(values, taken, summit, height / 2)
        taken[region] = True
        peaks.append(Peak(summit, height, *region))
    return peaks


def _connected(
    values: NDArray[np.float64], taken: NDArray[np.bool_], summit: tuple[int, int], level: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels above a level that hang together with a summit.

    Looked for in a window that grows until it holds them all: the whole image for each of many
    peaks would take as long as their number times its size.
    """
    reach = 4
    while True:
        first = [max(place - reach, 0) for place in summit]
        window = tuple(
            slice(start, place + reach + 1) for start, place in zip(first, summit, strict=True)
        )
        labels, _ = ndimage.label((values[window] >= level) & ~taken[window])
        inside = labels == labels[summit[0] - first[0], summit[1] - first[1]]
        rows, columns = np.nonzero(inside)
        rows, columns = rows + first[0], columns + first[1]
        spread = max(np.abs(rows - summit[0]).max(), np.abs(columns - summit[1]).max())
        if spread < reach or reach > max(values.shape):
            return rows, columns
        reach *= 2
