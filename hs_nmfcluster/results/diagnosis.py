"""What is unnatural in the components of a factorization, as an object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge import axes
from hs_nmfcluster.factorization.constraints import (
    MapResolution,
    SmoothPatterns,
    hole_filling,
    limit_maps,
)
from hs_nmfcluster.factorization.constraints.unnatural import unnatural_drops, unresolved_power
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.scan.arguments import check_positive

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# Components that a figure has room for.
_SHOWN = 8


@dataclass(eq=False, repr=False)
class Diagnosis(Tabular):
    """Result of :meth:`~hs_nmfcluster.Factorization.diagnose`: ``(k,)``, one number a component.

    Parameters
    ----------
    missing
        Intensity missing in the holes of each pattern, as a share of the pattern's.
    depth
        Depth of its deepest hole of the size of a spot, 0 … 1.
    unresolved
        Share of each map's variance beyond the resolution; NaN without a limit.
    spot_radius
        Radius of a spot in the unit of the detector's axes; None where it is not known.
    limit
        Smallest resolvable distance in the unit of the scan axes, None if none was given.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((16, 16), (32, 32), pixel_size=0.6, n_particles=2)
    >>> nmf = s.decompose_als_nmf(3, restarts=1, print_info=False, show_progressbar=False)
    >>> diagnosis = nmf.diagnose(limit=3.0)
    >>> diagnosis.missing.shape
    (3,)
    """

    missing: NDArray[np.float64]
    depth: NDArray[np.float64]
    unresolved: NDArray[np.float64]
    spot_radius: float | None
    limit: float | None
    _patterns: BaseSignal
    _maps: BaseSignal
    _filled: NDArray[np.float64] | None

    def __repr__(self) -> str:
        parts = []
        if self.spot_radius is not None:
            parts.append(
                f"holes below {self.spot_radius:.3g}: {np.nanmedian(self.missing):.2%} of a "
                f"pattern missing (at most {np.nanmax(self.missing):.2%}), depth up to "
                f"{np.nanmax(self.depth):.0%}"
            )
        if self.limit is not None:
            parts.append(
                f"beyond {self.limit:g}: {np.median(self.unresolved):.2%} of a map's variance "
                f"(at most {self.unresolved.max():.2%})"
            )
        return f"<Diagnosis of {len(self.missing)} components; {'; '.join(parts)}>"

    def to_dataframe(self) -> "DataFrame":
        """One row a component.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> list(diagnosis.to_dataframe())
        ['missing', 'depth', 'unresolved']
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        return Table.of(self, "missing", "depth", "unresolved")

    def plot(self) -> "Figure":
        """Draw patterns, their holes, maps and the maps' spectra, of the first eight components.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            For a scan that is not along two axes.

        Examples
        --------
        >>> figure = diagnosis.plot()
        """
        scan_axes = self._maps.data.ndim - 1
        if scan_axes != 2:
            raise ValueError(
                "Spectra are drawn of the maps of a scan along two axes; this one has "
                f"{scan_axes}. `missing`, `depth` and `unresolved` are known all the same."
            )
        return plotting.plot_diagnosis(
            self._patterns.data[:_SHOWN],
            self._maps.data[:_SHOWN],
            filled=None if self._filled is None else self._filled[:_SHOWN],
            limit=self.limit,
            pattern_pixel=axes.pixel_size(self._patterns.axes_manager.signal_axes),
            map_pixel=axes.pixel_size(self._maps.axes_manager.signal_axes),
        )


def diagnose(
    patterns: BaseSignal,
    maps: BaseSignal,
    detector_mask: NDArray[np.bool_],
    center: tuple[float, float],
    *,
    limit: float | None,
    spot_radius: float | None,
) -> Diagnosis:
    """Do what :meth:`~hs_nmfcluster.Factorization.diagnose` documents.

    Parameters
    ----------
    patterns, maps, detector_mask, center
        Of the factorization.
    limit, spot_radius
        As there; None where the radius is not known.
    """
    if spot_radius is not None:
        spot_radius = check_positive("spot_radius", spot_radius)
    if spot_radius is None and limit is None:
        raise ValueError(
            "There is nothing to diagnose: the mean pattern showed no direct beam to take a spot's "
            "radius from. Give `spot_radius`, `limit` or both."
        )
    k = len(patterns.data)
    missing, depth, filled = np.full(k, np.nan), np.full(k, np.nan), None
    if spot_radius is not None:
        missing, depth, filled = _drops(patterns, maps, detector_mask, center, spot_radius)
    unresolved = np.full(k, np.nan) if limit is None else _unresolved(maps, limit)
    return Diagnosis(missing, depth, unresolved, spot_radius, limit, patterns, maps, filled)


def _drops(
    signal: BaseSignal,
    maps: BaseSignal,
    left_out: NDArray[np.bool_],
    center: tuple[float, float],
    spot_radius: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    patterns, detector = signal.data, axes.detector_of(signal, center)
    weights = np.nanmean(maps.data.reshape(len(patterns), -1), axis=1)
    mean = np.nan_to_num(np.tensordot(weights, patterns, axes=1))
    filling = hole_filling(SmoothPatterns(spot_radius), mean, left_out, detector)
    rows = patterns[:, ~left_out]
    drops = unnatural_drops(rows, filling)
    filled = np.full(patterns.shape, np.nan)
    filled[:, ~left_out] = filling(rows)
    return drops.share, drops.depth, filled


def _unresolved(signal: BaseSignal, limit: float) -> NDArray[np.float64]:
    maps = signal.data.reshape(len(signal.data), -1)
    positions = np.flatnonzero(np.isfinite(maps).all(axis=0))
    band = limit_maps(MapResolution(limit), axes.map_axes(signal), positions)
    return unresolved_power(maps[:, positions], band)
