"""How the direct beam moved while the scan was taken."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.blocks import BlockLayout
from hs_nmfcluster.scan.noise import MAD_TO_SIGMA

# A movement of less than so many pixels, over the whole scan, is none that matters.
_MATTERS = 0.1
# A beam that moved by no more than this, in pixels, is left where it is: crystals that the probe
# meets at their rims move it by as much, and nothing that is measured by more.
_WORTH = 0.5
# By how much a course must lower the sum of squares, over the variance, to be believed, how much
# a jump must, and how far, in pixels, it must go.
_BELIEVED, _JUMP, _STEP = 40.0, 60.0, 0.15
# At most so many jumps are looked for, each so many lines of blocks from the next.
_MOST_JUMPS, _APART = 6, 2
# Places that are so many standard deviations off a course do not count for it.
_OUTLIER = 5.0
_KINDS = ("still", "plane", "parabola")


@dataclass(frozen=True, eq=False)
class BeamCourse:
    """Where the direct beam was, relative to where it was on average.

    Parameters
    ----------
    kind
        ``"still"``, ``"plane"`` or ``"parabola"``, the latter two with ``" and jumps"`` where
        there are any, or ``"jumps"`` alone.
    largest
        Largest offset along x or y in pixels.
    error
        Standard uncertainty of an offset.
    significance
        Largest offset over its uncertainty.
    layout
        Of the scan.
    degree, jumps
        Degree of the polynomial in column and line, and first lines after a jump.
    coefficients
        Of the polynomial's terms and of the jumps, in pixels along (x, y), ``(n, 2)``.

    Examples
    --------
    >>> still = BeamCourse("still", 0.0, 0.0, 0.0, BlockLayout((4, 6), (32, 32)))
    >>> still.moved
    False
    """

    kind: str
    largest: float
    error: float
    significance: float
    layout: BlockLayout = field(repr=False)
    degree: int = 0
    jumps: tuple[float, ...] = ()
    coefficients: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 2)))

    @property
    def moved(self) -> bool:
        """Whether it moved, beyond doubt."""
        return self.kind != "still"

    @property
    def worth_correcting(self) -> bool:
        """Whether it moved by more than crystals that the probe meets at their rims move it.

        And is known to better than that: a course that is not would do more harm than the drift.
        """
        return self.largest > _WORTH > self.error

    def at(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the offsets of the beam at some places.

        Parameters
        ----------
        places
            ``(column, line)`` of each, ``(n, 2)``.

        Returns
        -------
        offsets
            ``(x, y)`` in pixels, ``(n, 2)``.

        Examples
        --------
        >>> still.at(np.array([[3.0, 1.0]]))
        array([[0., 0.]])
        """
        return _terms(places, self.layout, self.degree, self.jumps) @ self.coefficients

    def shifts(self, scan_shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Give the offset of the beam at every position.

        Parameters
        ----------
        scan_shape
            Of the scan, in array order.

        Returns
        -------
        offsets
            ``(x, y)`` in pixels, ``(*scan_shape, 2)``.

        Examples
        --------
        >>> still.shifts((4, 6)).shape
        (4, 6, 2)
        """
        columns, lines = self.layout.places(np.arange(int(np.prod(scan_shape))))
        return self.at(np.column_stack([columns, lines])).reshape(*scan_shape, 2)


def find_course(
    centers: NDArray[np.float64],
    places: NDArray[np.float64],
    weights: NDArray[np.float64],
    layout: BlockLayout,
) -> BeamCourse:
    """Find the simplest course that explains where the beam was seen.

    Parameters
    ----------
    centers
        Beam ``(x, y)`` in pixels in some blocks of positions, ``(n, 2)``.
    places
        Their mean ``(column, line)``, ``(n, 2)``, line by line.
    weights
        Positions of each.
    layout
        Of the scan.
    """
    still = BeamCourse("still", 0.0, 0.0, 0.0, layout)
    if len(centers) < 8:
        return still
    noise = _scatter(centers, places)
    if not np.isfinite(noise).all() or (noise <= 0).all():
        return still
    scale = np.maximum(noise, 1e-4)
    weights = weights / weights.mean()
    fits = [_fit(centers / scale, places, weights, layout, degree, scale) for degree in range(3)]
    costs = [fit[0] for fit in fits]
    plain = _solve(centers / scale, _terms(places, layout, 0, ()), weights)[1]
    best = int(np.argmin(costs))
    _, jumps, coefficients, left = fits[best]
    if plain - costs[best] < _BELIEVED:
        return still
    kind = _KINDS[best] if best else "jumps"
    kind += " and jumps" if best and jumps else ""
    n_terms = len(coefficients)
    error = float(np.sqrt(max(left, 1.0) * n_terms / len(centers)) * scale.max())
    course = _centered(BeamCourse(kind, 0.0, error, 0.0, layout, best, jumps, coefficients * scale))
    largest = float(np.abs(course.at(_everywhere(layout))).max())
    if largest < _MATTERS:
        return still
    return BeamCourse(
        kind, largest, error, largest / error, layout, best, jumps, course.coefficients
    )


def _centered(course: BeamCourse) -> BeamCourse:
    """Course whose offsets average to zero over the scan."""
    mean = course.at(_everywhere(course.layout)).mean(axis=0)
    coefficients = course.coefficients.copy()
    coefficients[0] -= mean
    return BeamCourse(
        course.kind,
        course.largest,
        course.error,
        course.significance,
        course.layout,
        course.degree,
        course.jumps,
        coefficients,
    )


def _everywhere(layout: BlockLayout) -> NDArray[np.float64]:
    """Places ``(column, line)`` all over a scan, its corners among them."""
    columns, lines = (
        np.unique(np.linspace(0, n - 1, min(n, 100)).round())
        for n in (layout.n_columns, layout.n_lines)
    )
    return np.stack(np.meshgrid(columns, lines), axis=-1).reshape(-1, 2)


def _terms(
    places: NDArray[np.float64], layout: BlockLayout, degree: int, jumps: tuple[float, ...]
) -> NDArray[np.float64]:
    """Columns of the linear model: powers of column and line from -1 to 1, steps at jumps."""
    x = 2 * places[:, 0] / max(layout.n_columns - 1, 1) - 1
    y = 2 * places[:, 1] / max(layout.n_lines - 1, 1) - 1
    if layout.n_columns == 1:
        x = np.zeros_like(x)
    powers = [(i, j) for total in range(degree + 1) for i in range(total + 1) for j in [total - i]]
    terms = [x**i * y**j for i, j in powers if layout.n_columns > 1 or i == 0]
    terms += [(places[:, 1] >= line).astype(float) for line in jumps]
    return np.stack(terms, axis=1)


def _scatter(centers: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the standard deviation of the centres along x and y, from blocks of neighbouring lines.

    Neither a smooth course nor a few jumps change it.
    """
    differences = []
    for column in np.unique(places[:, 0].round()):
        of_column = centers[places[:, 0].round() == column]
        differences.append(np.diff(of_column, axis=0))
    steps = np.concatenate(differences)
    if len(steps) < 4:
        return np.full(2, np.nan)
    middle = np.median(steps, axis=0)
    return np.asarray(MAD_TO_SIGMA * np.median(np.abs(steps - middle), axis=0) / np.sqrt(2))


def _solve(
    centers: NDArray[np.float64], terms: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Least squares in which single outliers count no more than so much; and the sum of squares."""
    robust = weights.copy()
    coefficients: NDArray[np.float64] = np.zeros((terms.shape[1], 2))
    for _ in range(3):
        root = np.sqrt(robust)[:, None]
        coefficients = np.asarray(np.linalg.lstsq(root * terms, root * centers, rcond=None)[0])
        off = np.abs(centers - terms @ coefficients).max(axis=1) * np.sqrt(weights)
        limit = _OUTLIER * max(MAD_TO_SIGMA * float(np.median(off)), 1.0)
        robust = weights * np.minimum(1.0, (limit / np.maximum(off, 1e-12)) ** 2)
    left = centers - terms @ coefficients
    return coefficients, float((robust[:, None] * left**2).sum())


def _fit(
    centers: NDArray[np.float64],
    places: NDArray[np.float64],
    weights: NDArray[np.float64],
    layout: BlockLayout,
    degree: int,
    scale: NDArray[np.float64],
) -> tuple[float, tuple[float, ...], NDArray[np.float64], float]:
    """Cost, jumps, coefficients and reduced sum of squares of the best course of a degree."""
    jumps: tuple[float, ...] = ()
    coefficients, squares = _solve(centers, _terms(places, layout, degree, jumps), weights)
    lines = np.unique(places[:, 1])
    possible = (lines[1:] + lines[:-1]) / 2
    while len(jumps) < _MOST_JUMPS and len(lines) > 4 * _APART:
        line = _most_likely_jump(centers, places, weights, layout, degree, jumps, possible)
        if line is None:
            break
        tried = (*jumps, line)
        found, lower = _solve(centers, _terms(places, layout, degree, tried), weights)
        step = np.abs(found[-1] * scale).max()
        if squares - lower < _JUMP or step < _STEP:
            break
        jumps, coefficients, squares = tried, found, lower
    n = len(centers)
    cost = squares + 2 * len(coefficients) * np.log(n) + 10 * len(jumps)
    return cost, jumps, coefficients, squares / max(2 * n - 2 * len(coefficients), 1)


def _most_likely_jump(
    centers: NDArray[np.float64],
    places: NDArray[np.float64],
    weights: NDArray[np.float64],
    layout: BlockLayout,
    degree: int,
    jumps: tuple[float, ...],
    possible: NDArray[np.float64],
) -> float | None:
    """Line after which one more step explains most, given what is already in the model."""
    terms = _terms(places, layout, degree, jumps)
    basis = np.linalg.qr(np.sqrt(weights)[:, None] * terms)[0]
    root = np.sqrt(weights)[:, None]
    left = root * centers - basis @ (basis.T @ (root * centers))
    best, found = 0.0, None
    for line in possible[_APART - 1 : len(possible) - _APART + 1]:
        if any(abs(line - other) < _APART * layout.lines_each for other in jumps):
            continue
        step = (root[:, 0] * (places[:, 1] >= line))[:, None]
        step = step - basis @ (basis.T @ step)
        size = float((step**2).sum())
        gain = float(((step.T @ left) ** 2).sum()) / size if size > 1e-9 else 0.0
        if gain > best:
            best, found = gain, float(line)
    return found
