"""Lattice spacings of groups: the numbers beside the paper's Fig. 7b."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import hypot, nan
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from hyperspy.signals import Signal1D

from hs_nmfcluster import plotting
from hs_nmfcluster.materials.rings import Ring
from hs_nmfcluster.materials.spacings import GroupRings, Profiles
from hs_nmfcluster.materials.spots import Spots
from hs_nmfcluster.report.cards import answer_card
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.pages import GROUPS, n_pages, page_of
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.scan.arguments import check_positive, check_relative_error
from hs_nmfcluster.scan.units import format_units
from hs_nmfcluster.words import counted, group_name, group_number, with_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_COLUMNS = (
    "group",
    "spacing",
    "sigma",
    "spots",
    "intensity",
    "radius",
    "radius_sigma",
    "radius_units",
    "halo_radius",
    "halo_width",
)


@dataclass(frozen=True)
class Spacing:
    """One ring of spots as a lattice spacing.

    Attributes
    ----------
    d, sigma
        Lattice spacing and its standard uncertainty in nm; NaN where the pattern's axes are not
        calibrated.
    n_spots
        Number of spots on the ring.
    intensity
        Their share of the pattern's intensity.
    radius, radius_sigma
        Radius of the ring in the unit of the pattern's axes.
    """

    d: float
    sigma: float
    n_spots: int
    intensity: float
    radius: float
    radius_sigma: float


@dataclass(frozen=True, repr=False)
class LatticeSpacings(Tabular):
    """Lattice spacings of each group, with what was measured to get there.

    Made by `Groups.lattice_spacings`. ``spacings["ii"]``, or ``spacings[1]``, are the spacings of
    group ii, the largest first; iteration goes through the groups.

    Attributes
    ----------
    groups : tuple of GroupRings
        Rings of spots, or the halo, of each group.
    profiles : Profiles
        Radial profiles.
    units : str
        Unit of the pattern's axes and of all radii.
    per_nm : float or None
        1/nm in that unit; None where it is not calibrated.
    camera_error : float
        Relative uncertainty of `per_nm`, contained in every sigma.
    matrix : tuple of int
        Numbers of the groups that hold no crystal.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
    >>> patterns = signal.inav[:4, 0]
    >>> patterns.data = truth.patterns
    >>> groups = ClusterTree.from_patterns(patterns, radial_range=(2, 8)).cut(n_groups=4)
    >>> spacings = groups.lattice_spacings()
    >>> [round(spacing.d, 3) for spacing in spacings["ii"]]
    [0.228, 0.161]
    """

    groups: tuple[GroupRings, ...]
    profiles: Profiles
    units: str
    per_nm: float | None
    camera_error: float = 0.0
    matrix: tuple[int, ...] = ()

    @property
    def calibrated(self) -> bool:
        """Whether spacings are known in nm, not only radii."""
        return self.per_nm is not None

    @property
    def spots(self) -> list[Spots | None]:
        """Spots on the rings of each group in 1/nm; None without, or where it is not calibrated."""
        return [
            None if group.spots is None or self.per_nm is None else group.spots.scaled(self.per_nm)
            for group in self.groups
        ]

    @cached_property
    def _spacings(self) -> tuple[tuple[Spacing, ...], ...]:
        return tuple(tuple(map(self._spacing, group.rings)) for group in self.groups)

    def _spacing(self, ring: Ring) -> Spacing:
        d = sigma = nan
        if self.per_nm is not None:
            d = 1.0 / (ring.radius * self.per_nm)
            sigma = d * hypot(ring.sigma / ring.radius, self.camera_error)
        return Spacing(d, sigma, ring.n_spots, ring.intensity, ring.radius, ring.sigma)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.groups)

    def __iter__(self) -> Iterator[tuple[Spacing, ...]]:
        """Go through the groups."""
        return iter(self._spacings)

    def __getitem__(self, group: int | str) -> tuple[Spacing, ...]:
        """Return the spacings of one group, by its number or its name."""
        return self._spacings[group_number(group, len(self))]

    def __repr__(self) -> str:
        units = format_units(self.units)
        what = "in nm" if self.calibrated else f"– axes not calibrated: radii in {units}"
        lines = [f"<Lattice spacings of {counted(len(self), 'group')} {what}"]
        lines += [
            f"  {group_name(group)}: {', '.join(self.describe(group))}"
            for group in range(len(self))
        ]
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        units = "nm" if self.calibrated else format_units(self.units)
        lines = [(group, "; ".join(self.describe(group))) for group in range(len(self))]
        return answer_card("Lattice spacings", f"in {units}", lines, self.plot)

    def describe(self, group: int) -> tuple[str, ...]:
        """Say what one group's pattern shows, one text for each ring.

        Parameters
        ----------
        group
            Number of the group.

        Returns
        -------
        tuple of str

        Examples
        --------
        >>> len(spacings.describe(1))
        2
        """
        found = self.groups[group]
        if found.rings:
            return tuple(_written(spacing, self.calibrated) for spacing in self[group])
        text = "no spots"
        if found.halo is not None:
            halo, units = found.halo, format_units(self.units)
            text += f"; halo at {with_error(halo.radius, halo.sigma)} {units}"
        if found.exceptions:
            text += f"; spots only in component {', '.join(map(str, found.exceptions))}"
        return (text,)

    def calibrate(self, measured: float, known: float, error: float = 0.0) -> Self:
        """Correct the camera constant by a ring whose spacing is known.

        Parameters
        ----------
        measured
            Where the ring was measured: its spacing in nm as given here, or its radius where the
            axes are not calibrated.
        known
            Its true spacing in nm.
        error
            Relative uncertainty of this calibration; it replaces that of before.

        Returns
        -------
        LatticeSpacings
            The same rings with corrected spacings.

        Raises
        ------
        TypeError, ValueError
            If a number is not positive, or the error negative.

        Examples
        --------
        >>> corrected = spacings.calibrate(spacings["ii"][0].d, known=0.230, error=0.002)
        >>> round(corrected["ii"][0].d, 3)
        0.23
        """
        measured = check_positive("measured", measured)
        known = check_positive("known", known)
        error = check_relative_error("error", error)
        per_nm = 1.0 / (known * measured) if self.per_nm is None else self.per_nm * measured / known
        return replace(self, per_nm=per_nm, camera_error=error)

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each ring; one without spacing for a group without spots.

        Returns
        -------
        pandas.DataFrame
            Spacings in nm, radii in the unit of the pattern's axes, intensities as shares.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> spacings.to_dataframe().groupby("group")["spots"].sum().tolist()
        [8, 8, 6, 0]
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        rows: list[dict[str, Any]] = []
        for number, (group, spacings) in enumerate(zip(self.groups, self, strict=True)):
            rows += [
                {
                    "group": group_name(number),
                    "spacing": spacing.d,
                    "sigma": spacing.sigma,
                    "spots": spacing.n_spots,
                    "intensity": spacing.intensity,
                    "radius": spacing.radius,
                    "radius_sigma": spacing.radius_sigma,
                    "radius_units": self.units,
                }
                for spacing in spacings
            ]
            if not spacings:
                rows.append({"group": group_name(number), "spots": 0, "radius_units": self.units})
                if group.halo is not None:
                    halo = {"halo_radius": group.halo.radius, "halo_width": group.halo.width}
                    rows[-1].update(halo)
        return Table(_COLUMNS, rows)

    def to_signal(self) -> Signal1D:
        """Radial profiles as a signal ``(profile, group | r)``: mean, maximum, background.

        Returns
        -------
        hyperspy.api.signals.Signal1D

        Examples
        --------
        >>> spacings.to_signal().axes_manager.navigation_shape
        (3, 4)
        """
        profiles = self.profiles
        r = profiles.radii
        axes = [
            {"name": "group", "size": len(self), "navigate": True},
            {"name": "profile", "size": 3, "navigate": True},
            {
                "name": "r",
                "size": r.size,
                "offset": float(r[0]),
                "scale": float(r[1] - r[0]) if r.size > 1 else 1.0,
                "units": self.units,
                "navigate": False,
            },
        ]
        data = np.stack([profiles.mean, profiles.maximum, profiles.background], axis=1)
        title = "Radial profiles: mean, maximum, background"
        return Signal1D(data, axes=axes, metadata={"General": {"title": title}})

    @property
    def pages(self) -> int:
        """Number of pages of the figure."""
        return n_pages(len(self), GROUPS)

    def plot(self, *, page: int = 1) -> "Figure":
        """Draw the radial profile of each group with its rings.

        Parameters
        ----------
        page
            Of 12 groups each, from 1; see `pages`.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = spacings.plot()
        """
        units = format_units(self.units)
        marks = [
            [
                (s.radius, f"{s.d:.3f} nm" if self.calibrated else f"{s.radius:.3g} {units}")
                for s in spacings
            ]
            for spacings in self
        ]
        profiles = self.profiles
        return plotting.plot_spacings(
            profiles.radii,
            profiles.mean,
            profiles.maximum,
            profiles.background,
            marks=marks,
            halos=[None if g.halo is None else g.halo.radius for g in self.groups],
            matrix=self.matrix,
            shown=page_of(len(self), page, GROUPS),
            units=self.units,
        )


def _written(spacing: Spacing, calibrated: bool) -> str:
    value, sigma = (
        (spacing.d, spacing.sigma) if calibrated else (spacing.radius, spacing.radius_sigma)
    )
    return (
        f"{with_error(value, sigma)} "
        f"({counted(spacing.n_spots, 'spot')}, {100 * spacing.intensity:.2g} %)"
    )
