"""In-plane angles of crystals, as an image."""

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import pixel_size
from hs_nmfcluster.report.cards import answer_card
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.pages import GROUPS, n_pages, page_of
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.words import counted, group_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


_COLUMNS = (
    "component",
    "group",
    "angle",
    "sigma",
    "symmetry",
    "period",
    "correlation",
    "confidence",
)


@dataclass(frozen=True, repr=False)
class OrientationMap(Tabular):
    """In-plane angles of the crystals of each group.

    Made by `Groups.orientation_map`.

    Attributes
    ----------
    angles
        Angle of each component in degrees against the first crystal of its group, 0 to below
        ``360 / symmetry``, ``(n,)``; NaN for components without spots and in amorphous groups.
    sigma
        Standard uncertainty of these in degrees, that of the first crystal included, ``(n,)``; 0
        for that crystal itself. From how far the rings of spots agree.
    confidence
        Sharpness of the correlation peak of each component, 0 to 1, ``(n,)``; NaN likewise.
    correlation
        Correlation coefficient of each component with the average of its group, ``(n,)``.
    symmetry
        Order of the rotation axis of each group's pattern, ``(n_groups,)``; 0 for amorphous ones.
    labels
        Group of each component, ``(n,)``.
    angle_maps, confidence_maps
        ``(n_groups, *scan_shape)``, NaN where the group has no crystal.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((32, 32), (64, 64), n_particles=4, pixel_size=0.3)
    >>> patterns = signal.inav[:5, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:5, 0].__class__(truth.maps)
    >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
    >>> angles = groups.orientation_map()
    >>> angles.periods
    (180.0, 90.0, 60.0, nan)
    """

    angles: NDArray[np.float64]
    sigma: NDArray[np.float64]
    confidence: NDArray[np.float64]
    correlation: NDArray[np.float64]
    symmetry: tuple[int, ...]
    labels: NDArray[np.intp]
    angle_maps: NDArray[np.float64]
    confidence_maps: NDArray[np.float64]
    _like: BaseSignal

    @property
    def periods(self) -> tuple[float, ...]:
        """Degrees after which each group's pattern repeats; NaN for amorphous groups."""
        return tuple(360.0 / order if order else nan for order in self.symmetry)

    def __repr__(self) -> str:
        lines = [f"<In-plane angles of {counted(len(self.symmetry), 'group')}"]
        lines += [
            f"  {group_name(group)}: {self.describe(group)}" for group in range(len(self.symmetry))
        ]
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        lines = [(group, self.describe(group)) for group in range(len(self.symmetry))]
        draw = self.plot if any(self.symmetry) else None
        return answer_card("In-plane angles", "against the first crystal of each", lines, draw)

    def describe(self, group: int) -> str:
        """Say at which angles the crystals of one group lie.

        Parameters
        ----------
        group
            Number of the group.

        Returns
        -------
        str

        Examples
        --------
        >>> angles.describe(3)
        'no spots, no angle'
        """
        order = self.symmetry[group]
        if not order:
            return "no spots, no angle"
        members = np.flatnonzero((self.labels == group) & np.isfinite(self.angles))
        if not members.size:
            return "no crystal in this scan"
        # Rounded first: what is just below a whole turn is no turn at all.
        shown = np.round(self.angles, 1) % (360 / order)
        angles = ", ".join(f"{k}: {shown[k]:.1f}°" for k in members)
        lowest, widest = self.confidence[members].min(), self.sigma[members].max()
        return (
            f"{order}-fold pattern, modulo {360 / order:g}° – {angles} "
            f"(± {max(widest, 0.1):.1f}° at most, confidence ≥ {lowest:.2f})"
        )

    def to_signal(self, quantity: Literal["angle", "confidence"] = "angle") -> BaseSignal:
        """Angles in degrees, or their confidence, as an image ``(group | x, y)``.

        Parameters
        ----------
        quantity
            ``"angle"`` or ``"confidence"``.

        Returns
        -------
        BaseSignal
            NaN where the group has no crystal.

        Raises
        ------
        ValueError
            If it is neither.

        Examples
        --------
        >>> angles.to_signal("confidence").axes_manager.signal_shape
        (32, 32)
        """
        data = {"angle": self.angle_maps, "confidence": self.confidence_maps}
        if quantity not in data:
            raise ValueError(f"`quantity` must be 'angle' or 'confidence', got {quantity!r}.")
        signal = self._like._deepcopy_with_new_data(data[quantity].copy())
        title = "In-plane angle (°)" if quantity == "angle" else "Confidence of the in-plane angle"
        signal.metadata.General.title = title
        return signal

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each component.

        Together with `ParticleSizes.to_dataframe`, merged on ``component``, it gives the angle of
        each particle.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> angles.to_dataframe()["symmetry"].tolist()
        [0, 2, 2, 4, 6]
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        rows: list[dict[str, Any]] = [
            {
                "component": k,
                "group": group_name(int(group)),
                "angle": self.angles[k],
                "sigma": self.sigma[k],
                "symmetry": self.symmetry[group],
                "period": self.periods[group],
                "correlation": self.correlation[k],
                "confidence": self.confidence[k],
            }
            for k, group in enumerate(self.labels)
        ]
        return Table(_COLUMNS, rows)

    @property
    def pages(self) -> int:
        """Number of pages of the figure."""
        return n_pages(len(self.symmetry), GROUPS)

    def plot(self, *, page: int = 1) -> "Figure":
        """Draw each group's angles in cyclic colours, with a wheel that says which is which.

        Parameters
        ----------
        page
            Of 12 groups each, from 1; see `pages`.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = angles.plot()
        """
        pixel = pixel_size(self._like.axes_manager.signal_axes)
        shown = page_of(len(self.symmetry), page, GROUPS)
        return plotting.plot_orientation(
            self.angle_maps, self.symmetry, map_pixel=pixel, shown=shown
        )
