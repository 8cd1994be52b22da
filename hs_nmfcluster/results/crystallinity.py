"""Share of the scattered intensity that each group takes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import pixel_size
from hs_nmfcluster.report.cards import answer_card
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.words import group_name, group_number, percent, with_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Crystallinity(Tabular):
    """Shares of the scattered intensity, **not** volume fractions.

    Made by `Groups.crystallinity`; see there for its limits.

    Attributes
    ----------
    shares
        Share of each group at each position, ``(n_groups, *scan_shape)``; they add up to 1.
        NaN where nothing scatters.
    crystalline
        Share of what lies in spots, ``scan_shape``; 0 where no crystal stands out.
    mean_shares
        Share of each group in the intensity of the whole scan, ``(n_groups,)``.
    mean_crystalline, crystalline_error
        Share of the spots in the intensity of the whole scan, and its standard uncertainty.
    crystalline_members
        Number of components with spots in each group, ``(n_groups,)``.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((32, 32), (64, 64), n_particles=4, pixel_size=0.3)
    >>> patterns = signal.inav[:5, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:5, 0].__class__(truth.maps)
    >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
    >>> shares = groups.crystallinity()
    >>> round(float(shares.mean_shares.sum()), 6)
    1.0
    """

    shares: NDArray[np.float64]
    crystalline: NDArray[np.float64]
    mean_shares: NDArray[np.float64]
    mean_crystalline: float
    crystalline_error: float
    crystalline_members: NDArray[np.intp]
    _like: BaseSignal

    def __repr__(self) -> str:
        lines = ["<Shares of the scattered intensity (no volume fractions)"]
        for group, share in enumerate(self.mean_shares):
            count = self.crystalline_members[group]
            noun = "component" if count == 1 else "components"
            kind = f"{count} {noun} with spots" if count else "no spots"
            lines.append(f"  {group_name(group)}: {percent(share)} ({kind})")
        share = with_error(100 * self.mean_crystalline, 100 * self.crystalline_error)
        lines.append(f"  in spots: {share} %")
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        share, error = (100 * value for value in self.in_spots)
        summary = f"{with_error(share, error)} % of the intensity in spots (no volume fraction)"
        lines = [(n, percent(share)) for n, share in enumerate(self.mean_shares)]
        draw = self.plot if self.crystalline.ndim == 2 else None
        return answer_card("Shares of the intensity", summary, lines, draw)

    def share(self, group: int | str) -> float:
        """Share of one group in the intensity of the whole scan.

        Parameters
        ----------
        group
            Number or name of the group.

        Returns
        -------
        float

        Examples
        --------
        >>> 0 < shares.share("i") < 1
        True
        """
        return float(self.mean_shares[group_number(group, len(self.mean_shares))])

    @property
    def in_spots(self) -> tuple[float, float]:
        """Share of what lies in spots in the whole scan, and its standard uncertainty."""
        return self.mean_crystalline, self.crystalline_error

    def to_signal(self, what: Literal["groups", "crystalline"] = "groups") -> BaseSignal:
        """Shares of the groups ``(group | x, y)``, or that of all spots ``(| x, y)``.

        Parameters
        ----------
        what
            ``"groups"`` or ``"crystalline"``.

        Returns
        -------
        BaseSignal
            Shares from 0 to 1; NaN where nothing scatters.

        Raises
        ------
        ValueError
            If it is neither.

        Examples
        --------
        >>> shares.to_signal("crystalline").data.shape
        (32, 32)
        """
        if what not in ("groups", "crystalline"):
            raise ValueError(f"`what` must be 'groups' or 'crystalline', got {what!r}.")
        if what == "groups":
            signal = self._like._deepcopy_with_new_data(self.shares.copy())
        else:
            signal = self._like._deepcopy_with_new_data(
                np.repeat(self.crystalline[None], len(self.shares), axis=0)
            )
            signal = signal.inav[0] if self.shares.ndim < 4 else signal.inav[..., 0]
        signal.metadata.General.title = f"Share of the scattered intensity ({what})"
        return signal

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each group.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> shares.to_dataframe()["components_with_spots"].tolist()
        [2, 1, 1, 0]
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        rows: list[dict[str, Any]] = [
            {"group": group_name(group), "share": share, "components_with_spots": count}
            for group, (share, count) in enumerate(
                zip(self.mean_shares, self.crystalline_members, strict=True)
            )
        ]
        return Table(("group", "share", "components_with_spots"), rows)

    def plot(self) -> "Figure":
        """Draw the share of what lies in spots.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = shares.plot()
        """
        pixel = pixel_size(self._like.axes_manager.signal_axes)
        return plotting.plot_crystallinity(self.crystalline, map_pixel=pixel)
