"""Sizes and numbers of the particles of each group (maps ii′ and iii′ of the paper's Fig. 7b)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from hyperspy.signal import BaseSignal
from hyperspy.signals import Signal2D
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import axis_units
from hs_nmfcluster.materials.sizes import GroupSizes
from hs_nmfcluster.report.cards import answer_card
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.pages import GROUPS, n_pages, page_of
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.scan.units import PixelSize, nm_per
from hs_nmfcluster.words import counted, group_name, group_number, plurals, with_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


_COLUMNS = (
    "group",
    "component",
    "x",
    "y",
    "diameter",
    "sigma",
    "long_axis",
    "short_axis",
    "axis_angle",
    "at_edge",
    "height",
    "units",
)


# Particles longer than wide by this factor are called elongated.
_ELONGATED = 1.2


@dataclass(frozen=True, repr=False)
class ParticleSizes(Tabular):
    """Sizes and numbers of particles in each group.

    Made by `Groups.particle_sizes`. ``sizes["ii"]``, or ``sizes[1]``, is group ii; iteration goes
    through the groups.

    Attributes
    ----------
    groups : tuple of GroupSizes
        Particles of each group.
    units : str
        ``"nm"``, or the scan's own unit (``"px"``) where that is no length.
    area : float
        Area of the scan in `units` squared.
    probe_size : float
        Full width of the probe that blurs the outlines, as given or as found from them.
    shape : str
        ``"disc"`` or ``"sphere"``: what the diameters were measured as; ``"disc or sphere"`` where
        noise does not let tell, and the diameters lie between.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((32, 32), (64, 64), n_particles=4, pixel_size=0.3)
    >>> patterns = signal.inav[:5, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:5, 0].__class__(truth.maps)
    >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
    >>> sizes = groups.particle_sizes()
    >>> [len(group.particles) for group in sizes]
    [2, 1, 1, 0]
    """

    groups: tuple[GroupSizes, ...]
    units: str
    area: float
    probe_size: float
    shape: str
    _maps: tuple[NDArray[np.float64], PixelSize]

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.groups)

    def __iter__(self) -> Iterator[GroupSizes]:
        """Go through the groups."""
        return iter(self.groups)

    def __getitem__(self, group: int | str) -> GroupSizes:
        """Return one group, by its number or its name."""
        return self.groups[group_number(group, len(self))]

    def __repr__(self) -> str:
        look = f", measured as {plurals(self.shape)} seen by a probe of {self.probe_size:.2g}"
        scale = "" if self.units == "nm" else " – scan not calibrated"
        lines = [f"<Particle sizes of {counted(len(self), 'group')} in {self.units}{look}{scale}"]
        lines += [f"  {group_name(number)}: {self.describe(number)}" for number in range(len(self))]
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        summary = f"in {self.units}, measured as {self.shape}"
        lines = [(number, self.describe(number)) for number in range(len(self))]
        return answer_card("Particle sizes", summary, lines, self.plot)

    def describe(self, number: int) -> str:
        """Say what is known of the particles of one group.

        Parameters
        ----------
        number
            Number of the group.

        Returns
        -------
        str

        Examples
        --------
        >>> sizes.describe(3)
        'no particles'
        """
        group = self[number]
        if not group.particles:
            return "no particles"
        edge = f" ({group.n_at_edge} cut by the edge)" if group.n_at_edge else ""
        mean, error = group.mean
        diameter = ", too small to measure"
        if np.isfinite(mean):
            diameter = f", diameter {with_error(mean, error)}"
            if group.aspect_ratio > _ELONGATED:
                diameter += f", {group.aspect_ratio:.1f} times as long as wide"
        width = (
            ""
            if np.isnan(group.mean_width)
            else f"; shift-corrected map {with_error(group.mean_width, group.mean_width_sigma)}"
            " at half height"
        )
        density = with_error(*self.number_density(number))
        return (
            f"{counted(len(group.particles), 'particle')}{edge}{diameter}{width}; "
            f"{density} per {self.units}²"
        )

    @property
    def pixel(self) -> PixelSize:
        """Step of the scan."""
        return self._maps[1]

    def number_density(self, group: int) -> tuple[float, float]:
        """Particles per area of the scan, and its counting error.

        Particles that the edge cuts count half. The thickness is not known, so this is no
        density in space.

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
        >>> density, error = sizes.number_density(0)
        >>> round(density * sizes.area, 1)
        2.0
        """
        number = self[group].effective_number
        return number / self.area, np.sqrt(number) / self.area

    def density_limits(self, group: int | str) -> tuple[float, float]:
        """Limits between which the number of particles per area lies (95 %).

        Exact limits of counting: of a group without a particle, from 0 to what would hardly have
        been missed by chance.

        Parameters
        ----------
        group
            Number or name of the group.

        Returns
        -------
        tuple of float
            Per `units` squared.

        Examples
        --------
        >>> low, high = sizes.density_limits("i")
        >>> low < sizes.number_density(0)[0] < high
        True
        """
        low, high = self[group].number_limits
        return low / self.area, high / self.area

    def histogram(
        self, bins: int | Sequence[float] = 10, group: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Histogram of the diameters of whole particles.

        Parameters
        ----------
        bins
            Number of bins or their edges, as in `numpy.histogram`.
        group
            Number of the group; by default all together.

        Returns
        -------
        tuple of numpy.ndarray
            Counts and edges of the bins.

        Examples
        --------
        >>> counts, edges = sizes.histogram(bins=[0, 5, 10])
        >>> int(counts.sum())
        4
        """
        chosen = self.groups if group is None else (self[group],)
        return np.histogram(np.concatenate([g.diameters for g in chosen]), bins)

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each particle.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> sizes.to_dataframe()["group"].tolist()
        ['i', 'i', 'ii', 'iii']
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        rows: list[dict[str, Any]] = []
        for number, group in enumerate(self):
            rows += [
                {"group": group_name(number), **vars(particle), "units": self.units}
                for particle in group.particles
            ]
        return Table(_COLUMNS, rows)

    def to_signal(self) -> Signal2D:
        """Particles as an image ``(group | x, y)``: the number of each, from 1, in its disc.

        The discs have the equivalent diameter, at least a pixel; the number is the row of
        `to_dataframe` plus 1.

        Returns
        -------
        hyperspy.api.signals.Signal2D
            0 where there is no particle.

        Examples
        --------
        >>> int(sizes.to_signal().data.max())
        4
        """
        maps, pixel = self._maps
        y, x = np.indices(maps.shape[1:])
        numbers = np.zeros(maps.shape, dtype=np.int64)
        rows = [(g, p) for g, group in enumerate(self) for p in group.particles]
        for row, (group, particle) in enumerate(rows):
            away = np.hypot(x * pixel.x - particle.x, y * pixel.y - particle.y)
            radius = np.fmax(particle.diameter, pixel.x + pixel.y) / 2
            numbers[group][away <= radius] = row + 1
        axes = [
            {"name": "group", "size": len(self), "navigate": True},
            *(
                {"name": name, "size": size, "scale": scale, "units": self.units, "navigate": False}
                for name, size, scale in zip("yx", maps.shape[1:], (pixel.y, pixel.x), strict=True)
            ),
        ]
        return Signal2D(numbers, axes=axes, metadata={"General": {"title": "Particles"}})

    @property
    def pages(self) -> int:
        """Number of pages of the figure."""
        return n_pages(len(self), GROUPS)

    def plot(self, bins: int | Sequence[float] | None = None, *, page: int = 1) -> "Figure":
        """Draw the maps with the outlined particles, and the histogram of their diameters.

        Parameters
        ----------
        bins
            Number of bins or their edges; by default some of a round width.
        page
            Of 12 groups each, from 1; see `pages`.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = sizes.plot(bins=5)
        """
        maps, pixel = self._maps
        outlines = [
            [
                (p.x, p.y, p.long_axis, p.short_axis, p.axis_angle, p.at_edge)
                for p in group.particles
            ]
            for group in self.groups
        ]
        return plotting.plot_particles(
            maps,
            outlines,
            map_pixel=pixel,
            bins=bins,
            shown=page_of(len(self), page, GROUPS),
            units=self.units,
        )


def scan_scale(
    maps: BaseSignal | None, units: str | None, probe_size: float | None
) -> tuple[tuple[float, float], str]:
    """Step of the scan along x and y, and its unit: nm if the axes allow."""
    if maps is None:
        raise ValueError(
            "Particle sizes need maps, which these groups have not: cluster the components of a "
            "factorization."
        )
    if maps.data.ndim != 3:
        raise ValueError(
            f"Particle sizes need a scan along two axes; this one has {maps.data.ndim - 1}."
        )
    if 1 in maps.data.shape[1:]:
        raise ValueError(
            f"Particle sizes need a scan along two axes; this one is a line of {maps.data[0].size} "
            "positions."
        )
    if units not in (None, "nm", "px"):
        raise ValueError(f"`units` must be 'nm', 'px' or None, got {units!r}.")
    x, y = maps.axes_manager._axes[:0:-1]
    factors = [nm_per(axis_units(axis)) for axis in (x, y)]
    if units == "px":
        return (1.0, 1.0), "px"
    if factors[0] is not None and factors[1] is not None:
        return (abs(x.scale) * factors[0], abs(y.scale) * factors[1]), "nm"
    if units == "nm" or probe_size is not None:
        asked = '`units="nm"`' if units == "nm" else "`probe_size` in nm"
        raise ValueError(
            f"{asked} needs calibrated scan axes, but they are in {axis_units(x)!r} and "
            f"{axis_units(y)!r}. Set `scale` and `units` of the navigation axes before the "
            "decomposition."
        )
    return (1.0, 1.0), "px"
