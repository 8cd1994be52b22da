"""How small and weak a particle would have been found in this scan, by this analysis."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.materials.recall import RecallFit, share_found
from hs_nmfcluster.report.cards import answer_card
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.planted import COLUMNS, PlantedParticles
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.words import counted, times

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# Share from which a scan holds hardly any particles that were not found.
_MOST = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class DetectionLimit(Tabular):
    """Which synthetic particles were found in a scan.

    Made by :meth:`~hs_nmfcluster.NMFDiffraction2D.detection_limit`.

    Attributes
    ----------
    planted : PlantedParticles
        All particles that were planted.
    units : str
        Of diameters: ``"nm"``, or ``"px"``.
    fractions : tuple of float or None
        Those that were asked for; None where a particle scatters the more electrons the larger it
        is, as one of the crystals that were found does.
    false_positives : tuple of int
        Particles that each analysis found where there is none, neither planted nor found before.
    sample : tuple of int
        Size ``(x, y)`` in positions of the part of the scan that was analysed.
    found_in_scan : int
        Particles of crystals that the scan itself holds.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=2, dose=2e5)
    >>> nmf = s.decompose_als_nmf(random_state=0, print_info=False, show_progressbar=False)
    >>> limit = s.detection_limit(random_state=0, show_progressbar=False)
    >>> low, half, high = limit.diameter()
    >>> bool(1 < low < half < high < 10)
    True
    """

    planted: PlantedParticles
    units: str
    fractions: tuple[float, ...] | None
    false_positives: tuple[int, ...]
    sample: tuple[int, int]
    found_in_scan: int

    def diameter(
        self, recall: float = 0.5, fraction: float | None = None
    ) -> tuple[float, float, float]:
        """Diameter from which so many particles are found, between its limits (95 %).

        Parameters
        ----------
        recall
            Share of them.
        fraction
            One of `fractions`, where several were asked for.

        Returns
        -------
        tuple of float
            Lower limit, diameter, upper limit; infinite where some are lost whatever their size,
            so that this share is never reached.

        Examples
        --------
        >>> limit.diameter(0.9)[1] > limit.diameter(0.5)[1]
        True
        """
        return self._fit(fraction).diameter(recall)

    def recall(self, fraction: float | None = None) -> list[tuple[float, float, float, float, int]]:
        """Share of the particles that was found at each diameter.

        Parameters
        ----------
        fraction
            As of `diameter`.

        Returns
        -------
        list of tuple
            Diameter, lower limit (95 %, Wilson), share, upper limit, number of particles.

        Examples
        --------
        >>> all(low <= share <= high for _, low, share, high, _ in limit.recall())
        True
        """
        own = self._of(fraction)
        sizes = np.unique(own.diameter)
        return [
            (float(d), *share_found(own.found[own.diameter == d]), int((own.diameter == d).sum()))
            for d in sizes
        ]

    @property
    def size_bias(self) -> float:
        """Median of found over true diameter, minus 1, of those that are resolved."""
        return _median_ratio(self.planted.found_diameter, self.planted.diameter)

    @property
    def intensity_bias(self) -> float:
        """Median of found over true fraction, minus 1."""
        return _median_ratio(self.planted.found_fraction, self.planted.fraction)

    def _of(self, fraction: float | None) -> PlantedParticles:
        if self.fractions is None or (fraction is None and len(self.fractions) == 1):
            return self.planted
        if fraction not in self.fractions:
            raise ValueError(f"`fraction` must be one of {self.fractions}, got {fraction!r}.")
        return self.planted.some(self.planted.fraction == fraction)

    def _fit(self, fraction: float | None) -> RecallFit:
        own = self._of(fraction)
        return RecallFit.of(own.diameter, own.found)

    def __repr__(self) -> str:
        return f"<DetectionLimit: {self.in_words()}>"

    def _repr_html_(self) -> str:
        return answer_card("Detection limit", self.in_words(), [], self.plot)

    def in_words(self) -> str:
        """Say what would have been found, in one sentence for each fraction.

        Returns
        -------
        str

        Examples
        --------
        >>> limit.in_words().startswith("half of the particles of ")
        True
        """
        said = [self._sentence(fraction) for fraction in self.fractions or (None,)]
        where = f"{counted(len(self.planted), 'synthetic particle')} in {times(self.sample)}"
        false = sum(self.false_positives)
        return "; ".join([*said, f"{where} positions, {counted(false, 'false positive')}"])

    def _sentence(self, fraction: float | None) -> str:
        fit = self._fit(fraction)
        below, above = fit.bracketed
        share = "" if fraction is None else f"{100 * fraction:.2g} % of the electrons"
        taking = share and f" that scatter {share}"
        tried = self._of(fraction).diameter
        if not above:
            return f"particles{taking} are hardly found, up to {tried.max():.2g} {self.units}"
        (low, half, high), most = fit.diameter(), fit.diameter(_MOST)[1]
        said = (
            f"half of the particles{taking} of {half:.2g} {self.units} ({low:.2g} to {high:.2g}) "
            "would be found"
            if below
            else f"particles{taking} are found from {tried.min():.2g} {self.units} on"
        )
        if most > tried.max():
            reached = 100 * fit.recall(tried.max(keepdims=True))[1, 0]
            return f"{said}, {reached:.0f} % of the largest tried, {tried.max():.2g} {self.units}"
        said += f", {100 * _MOST:.0f} % of those of {most:.2g} {self.units}"
        if not self.found_in_scan:
            said += f": there are hardly any above {most:.2g} {self.units}"
        return said

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each synthetic particle.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> len(limit.to_dataframe()) == len(limit.planted)
        True
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        return Table.of(self.planted, *COLUMNS)

    def plot(self) -> "Figure":
        """Draw recall against diameter, and the diameters as they were found.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = limit.plot()
        """
        curves = []
        for fraction in self.fractions or (None,):
            own = self._of(fraction)
            sizes = np.geomspace(own.diameter.min(), own.diameter.max(), 60)
            fit = self._fit(fraction)
            name = "" if fraction is None else f"{100 * fraction:.2g} %"
            curves.append((name, self.recall(fraction), sizes, fit.recall(sizes), fit.diameter()))
        return plotting.plot_detection_limit(
            curves,
            self.planted.diameter,
            self.planted.found_diameter,
            units=self.units,
        )


def _median_ratio(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    ratios = (found / true)[np.isfinite(found)]
    return float(np.median(ratios) - 1) if ratios.size else np.nan
