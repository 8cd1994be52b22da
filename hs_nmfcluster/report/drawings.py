"""Small drawings that a page holds as text: histograms of sizes, roses of angles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.report.subject import Orientation, Sizes
from hs_nmfcluster.scan.binning import round_edges
from hs_nmfcluster.words import group_number

# Pixels of a histogram, and of the radius of a rose.
WIDTH, HEIGHT, RADIUS = 200.0, 64.0, 44.0
# Angles of a rose, at most; degrees of a petal.
_PETAL = 10.0


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram in pixels."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Histogram:
    """Diameters of the particles of one group, on a scale that all groups share.

    Parameters
    ----------
    bars
        What is drawn.
    ticks
        Places along the axis in pixels, and what stands there.
    most
        Particles in the highest bar of all groups.
    units
        Of the diameters.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    most: int
    units: str


def histograms(sizes: Sizes) -> list[Histogram | None]:
    """Draw the histogram of each group; None where no whole particle is resolved.

    Parameters
    ----------
    sizes
        Particles of each group.
    """
    diameters = [group.diameters for group in sizes]
    together = np.concatenate(diameters) if diameters else np.empty(0)
    if not together.size:
        return [None] * len(diameters)
    edges = round_edges(together)
    counts = [np.histogram(own, edges)[0] for own in diameters]
    most = max(int(count.max()) for count in counts)
    return [
        _histogram(count, edges, most, sizes.units) if count.any() else None for count in counts
    ]


def _histogram(
    counts: NDArray[np.integer], edges: NDArray[np.float64], most: int, units: str
) -> Histogram:
    places = WIDTH * (edges - edges[0]) / (edges[-1] - edges[0])
    bars = tuple(
        Bar(
            round(places[i] + 0.5, 1),
            round(HEIGHT * (1 - count / most), 1),
            round(places[i + 1] - places[i] - 1.0, 1),
            round(HEIGHT * count / most, 1),
            f"{edges[i]:.4g} to {edges[i + 1]:.4g} {units}: {count}",
        )
        for i, count in enumerate(counts.tolist())
        if count
    )
    every = max(len(edges) // 4, 1)
    ticks = tuple(
        (round(float(places[i]), 1), f"{edges[i]:.4g}") for i in range(0, len(edges), every)
    )
    return Histogram(bars, ticks, most, units)


@dataclass(frozen=True)
class Rose:
    """In-plane angles of the crystals of one group.

    Parameters
    ----------
    petals
        Paths of the sectors, each as long as crystals lie there, with what it says.
    period
        Degrees after which the pattern repeats: the rose does so too.
    number
        Crystals.
    """

    petals: tuple[tuple[str, str], ...]
    period: float
    number: int


def roses(orientation: Orientation) -> list[Rose | None]:
    """Draw the rose of each group; None for groups without angles.

    Parameters
    ----------
    orientation
        Angles of the crystals.
    """
    angles: list[list[float]] = [[] for _ in orientation.symmetry]
    for row in orientation._table().rows:
        if np.isfinite(row["angle"]):
            angles[group_number(row["group"], len(angles))].append(row["angle"])
    return [
        rose(own, order) if order and own else None
        for own, order in zip(angles, orientation.symmetry, strict=True)
    ]


def rose(angles: ArrayLike, symmetry: int) -> Rose:
    """Draw angles as sectors of ten degrees, or less where the pattern repeats soon.

    Parameters
    ----------
    angles
        In degrees.
    symmetry
        Order of the rotation axis.

    Examples
    --------
    >>> drawn = rose([0.0, 1.0, 100.0], 2)
    >>> drawn.number, len(drawn.petals)
    (3, 4)
    """
    period = 360.0 / symmetry
    number = round(max(period / _PETAL, 6))
    width = period / number
    # A sector stands around its angle, so that 359° and 1° are in one.
    places = np.rint(np.asarray(angles, dtype=float) / width).astype(int) % number
    counts = np.bincount(places, minlength=number)
    petals = tuple(
        (
            _sector(
                turn * period + place * width, width, RADIUS * float(np.sqrt(n / counts.max()))
            ),
            f"{place * width:.3g}° ± {width / 2:.2g}°: {n}",
        )
        for turn in range(symmetry)
        for place, n in enumerate(counts.tolist())
        if n
    )
    return Rose(petals, period, len(places))


def _sector(middle: float, width: float, radius: float) -> str:
    """Path of a sector; angles grow clockwise, as in an image whose rows run downwards."""
    ends = np.deg2rad([middle - width / 2, middle + width / 2])
    (x, y), (u, v) = ((radius * np.cos(end), radius * np.sin(end)) for end in ends)
    return f"M0 0L{x:.1f} {y:.1f}A{radius:.1f} {radius:.1f} 0 0 1 {u:.1f} {v:.1f}Z"
