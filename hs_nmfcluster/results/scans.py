"""The scans whose components are in one tree, and answers for each of them and together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from hyperspy.signal import BaseSignal

from hs_nmfcluster import plotting
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.sizes import GroupSizes
from hs_nmfcluster.report import subject
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.crystallinity import Crystallinity
from hs_nmfcluster.results.orientation import OrientationMap
from hs_nmfcluster.results.sizes import ParticleSizes
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.scan.units import PixelSize
from hs_nmfcluster.words import group_name, group_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class TreeScan:
    """One of the scans whose components are in a tree.

    Parameters
    ----------
    name
        What it is called in tables and figures.
    patterns
        Its components' patterns, on its own detector.
    maps
        Their maps, or None.
    grid
        The tree's bins of r and phi, around this scan's centre.
    factorization
        Whose components these are, where that is known.
    """

    name: str
    patterns: BaseSignal
    maps: BaseSignal | None
    grid: PolarGrid
    factorization: subject.Factorization | None = None


A = TypeVar("A", bound=Tabular)


@dataclass(frozen=True, repr=False)
class ByScan(Tabular, Generic[A]):
    """One answer for each scan of a tree.

    Attributes
    ----------
    names : tuple of str
        Names of the scans.
    scans : tuple
        The answers, in the order of the scans. Groups have the same numbers in all.
    components : tuple of list
        Which components of the tree those of each scan are.

    Examples
    --------
    >>> import hs_nmfcluster
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> options = {"restarts": 2, "random_state": 0, "print_info": False,
    ...            "show_progressbar": False}
    >>> found = []
    >>> for seed in (0, 1):
    ...     s, truth = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=3, seed=seed)
    ...     found.append(s.decompose_als_nmf(4, **options))
    >>> groups = hs_nmfcluster.cluster(found, names=["1 min", "10 min"]).cut(n_groups=4)
    >>> answer = groups.crystallinity()
    >>> answer.names
    ('1 min', '10 min')
    """

    names: tuple[str, ...]
    scans: tuple[A, ...]
    components: tuple[list[int], ...]

    def of(self, scan: int | str) -> A:
        """Return the answer for one scan.

        Parameters
        ----------
        scan
            Its name or number.

        Returns
        -------
        Crystallinity, OrientationMap or ParticleSizes

        Raises
        ------
        KeyError
            If there is no scan of this name.

        Examples
        --------
        >>> len(answer.of("10 min").to_dataframe()) > 0
        True
        """
        if isinstance(scan, int):
            return self.scans[scan]
        if scan not in self.names:
            raise KeyError(f"There is no scan {scan!r} among {', '.join(map(repr, self.names))}.")
        return self.scans[self.names.index(scan)]

    def __repr__(self) -> str:
        pairs = zip(self.names, self.scans, strict=True)
        return "\n".join(f"{name}: {answer!r}" for name, answer in pairs)

    def to_dataframe(self) -> "DataFrame":
        """Tables of all scans, one below the other, with the name of the scan first.

        Components have the numbers that they have in the tree.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> answer.to_dataframe()["scan"].unique().tolist()
        ['1 min', '10 min']
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        rows: list[dict[str, Any]] = []
        for name, answer, components in zip(self.names, self.scans, self.components, strict=True):
            table = answer._table()
            for row in table.rows:
                numbered = {"component": components[row["component"]]} if "component" in row else {}
                rows.append({"scan": name, **row, **numbered})
        return Table(("scan", *table.columns), rows)


class SharesByScan(ByScan[Crystallinity]):
    """Shares of the scattered intensity in each scan, **not** volume fractions.

    Made by `Groups.crystallinity` of several scans.

    Attributes
    ----------
    names : tuple of str
        Names of the scans.
    scans : tuple of Crystallinity
        The answers, in the order of the scans. Groups have the same numbers in all.
    components : tuple of list
        Which components of the tree those of each scan are.

    Examples
    --------
    >>> import hs_nmfcluster
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> options = {"restarts": 2, "random_state": 0, "print_info": False,
    ...            "show_progressbar": False}
    >>> found = []
    >>> for seed in (0, 1):
    ...     s, truth = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=3, seed=seed)
    ...     found.append(s.decompose_als_nmf(4, **options))
    >>> groups = hs_nmfcluster.cluster(found, names=["1 min", "10 min"]).cut(n_groups=4)
    >>> answer = groups.crystallinity()
    >>> answer.of("10 min").shares.shape
    (4, 24, 24)
    """

    def share(self, group: int | str) -> float:
        """Share of one group, the mean over the scans.

        Parameters
        ----------
        group
            Number or name of the group.

        Returns
        -------
        float

        Examples
        --------
        >>> 0 < answer.share("i") < 1
        True
        """
        return float(np.mean([shares.share(group) for shares in self.scans]))

    @property
    def in_spots(self) -> tuple[float, float]:
        """Share of what lies in spots, the mean over the scans, and its standard uncertainty."""
        shares, errors = np.transpose([one.in_spots for one in self.scans])
        return float(shares.mean()), float(np.linalg.norm(errors) / len(errors))

    def plot(self, scan: int | str = 0) -> "Figure":
        """Draw the share of what lies in spots in one scan.

        Parameters
        ----------
        scan
            Its name or number.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = answer.plot("10 min")
        """
        return self.of(scan).plot()


class OrientationsByScan(ByScan[OrientationMap]):
    """In-plane angles in each scan, all against the first crystal of the group.

    Made by `Groups.orientation_map` of several scans.

    Attributes
    ----------
    names : tuple of str
        Names of the scans.
    scans : tuple of OrientationMap
        The answers, in the order of the scans. Groups have the same numbers in all.
    components : tuple of list
        Which components of the tree those of each scan are.

    Examples
    --------
    >>> import hs_nmfcluster
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> options = {"restarts": 2, "random_state": 0, "print_info": False,
    ...            "show_progressbar": False}
    >>> found = []
    >>> for seed in (0, 1):
    ...     s, truth = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=3, seed=seed)
    ...     found.append(s.decompose_als_nmf(4, **options))
    >>> groups = hs_nmfcluster.cluster(found, names=["1 min", "10 min"]).cut(n_groups=4)
    >>> answer = groups.orientation_map()
    >>> answer.symmetry
    (2, 6, 4, 0)
    """

    @property
    def symmetry(self) -> tuple[int, ...]:
        """Order of the rotation axis of each group's pattern, 0 for amorphous ones."""
        return self.scans[0].symmetry

    def describe(self, group: int) -> str:
        """Say at which angles the crystals of one group lie in each scan.

        Parameters
        ----------
        group
            Number of the group.

        Returns
        -------
        str

        Examples
        --------
        >>> answer.describe(3)
        '1 min: no spots, no angle; 10 min: no spots, no angle'
        """
        pairs = zip(self.names, self.scans, strict=True)
        return "; ".join(f"{name}: {answer.describe(group)}" for name, answer in pairs)

    def plot(self, scan: int | str = 0) -> "Figure":
        """Draw the angles of one scan.

        Parameters
        ----------
        scan
            Its name or number.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = answer.plot("10 min")
        """
        return self.of(scan).plot()


class SizesByScan(ByScan[ParticleSizes]):
    """Sizes and numbers of particles in each group, of several scans together and of each.

    Made by `Groups.particle_sizes` of several scans. ``sizes["ii"]`` and `number_density` are of
    group ii in all scans, each with its own area; ``sizes.of("300 °C")`` is of one scan.

    Attributes
    ----------
    names : tuple of str
        Names of the scans.
    scans : tuple of ParticleSizes
        The answers, in the order of the scans. Groups have the same numbers in all.
    components : tuple of list
        Which components of the tree those of each scan are.

    Examples
    --------
    >>> import hs_nmfcluster
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> options = {"restarts": 2, "random_state": 0, "print_info": False,
    ...            "show_progressbar": False}
    >>> found = []
    >>> for seed in (0, 1):
    ...     s, truth = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=3, seed=seed)
    ...     found.append(s.decompose_als_nmf(4, **options))
    >>> groups = hs_nmfcluster.cluster(found, names=["1 min", "10 min"]).cut(n_groups=4)
    >>> answer = groups.particle_sizes()
    >>> [len(group.particles) for group in answer]
    [2, 2, 2, 0]
    """

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.groups)

    def __iter__(self) -> Iterator[GroupSizes]:
        """Go through the groups."""
        return iter(self.groups)

    def __getitem__(self, group: int | str) -> GroupSizes:
        """Return one group, by its number or its name."""
        return self.groups[group_number(group, len(self))]

    @cached_property
    def groups(self) -> tuple[GroupSizes, ...]:
        """Particles of each group in all scans."""
        found = []
        for group in range(len(self.scans[0])):
            particles = [
                replace(particle, component=components[particle.component])
                for sizes, components in zip(self.scans, self.components, strict=True)
                for particle in sizes[group].particles
            ]
            unknown = max(sizes[group].common_error for sizes in self.scans)
            found.append(GroupSizes(tuple(particles), np.nan, np.nan, unknown))
        return tuple(found)

    @property
    def units(self) -> str:
        """Unit of the diameters."""
        return self.scans[0].units

    @property
    def probe_size(self) -> float:
        """Full width of the probe, as given, or as found in the scans on average."""
        return float(np.mean([sizes.probe_size for sizes in self.scans]))

    @property
    def shape(self) -> str:
        """What the diameters were measured as; of several shapes ``"disc or sphere"``."""
        shapes = {sizes.shape for sizes in self.scans}
        return shapes.pop() if len(shapes) == 1 else "disc or sphere"

    @property
    def area(self) -> float:
        """Area of all scans together in `units` squared."""
        return sum(sizes.area for sizes in self.scans)

    @property
    def pixel(self) -> PixelSize:
        """Step of the coarsest scan."""
        return max((sizes.pixel for sizes in self.scans), key=lambda pixel: pixel.x * pixel.y)

    def __repr__(self) -> str:
        lines = [f"<Particle sizes of {len(self.scans)} scans in {self.units}"]
        lines += [f"  {group_name(group)}: {self.describe(group)}" for group in range(len(self))]
        return "\n".join(lines) + ">"

    def describe(self, number: int) -> str:
        """Say what is known of the particles of one group, in each scan.

        Parameters
        ----------
        number
            Number of the group.

        Returns
        -------
        str

        Examples
        --------
        >>> answer.describe(3)
        '1 min: no particles; 10 min: no particles'
        """
        pairs = zip(self.names, self.scans, strict=True)
        return "; ".join(f"{name}: {sizes.describe(number)}" for name, sizes in pairs)

    def number_density(self, group: int) -> tuple[float, float]:
        """Particles per area of all scans together, and its counting error.

        Parameters
        ----------
        group
            Number of the group.

        Returns
        -------
        tuple of float
            Density and its error, per `units` squared.

        Examples
        --------
        >>> density, error = answer.number_density(0)
        >>> round(density * answer.area, 1)
        2.0
        """
        number = self[group].effective_number
        return number / self.area, np.sqrt(number) / self.area

    def plot(self) -> "Figure":
        """Draw how many particles each group has in each scan, and how large they are.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = answer.plot()
        """
        groups = range(len(self))
        densities = np.array([[s.number_density(group) for s in self.scans] for group in groups])
        diameters = np.array([[s[group].mean for s in self.scans] for group in groups])
        return plotting.plot_series(self.names, densities, diameters, units=self.units)


def sizes_by_scan(
    names: tuple[str, ...], scans: tuple[ParticleSizes, ...], components: tuple[list[int], ...]
) -> SizesByScan:
    """Put the sizes of several scans together.

    Raises
    ------
    ValueError
        If they are not in one unit.
    """
    units = {sizes.units: name for name, sizes in zip(names, scans, strict=True)}
    if len(units) > 1:
        given = ", ".join(f"those of {name!r} in {unit}" for unit, name in units.items())
        raise ValueError(
            f"Particle sizes of several scans need one unit, but {given}: calibrate the scan axes "
            'of all, or ask for `units="px"`.'
        )
    return SizesByScan(names, scans, components)


def unique_names(names: Sequence[Any]) -> tuple[str, ...]:
    """Names as text, numbered where they are empty or the same.

    Examples
    --------
    >>> unique_names(["a", "", "a"])
    ('a 1', 'scan 2', 'a 3')
    """
    written = [str(name or "scan") for name in names]
    return tuple(
        f"{name} {number}" if written.count(name) > 1 or not names[number - 1] else name
        for number, name in enumerate(written, 1)
    )
