"""What a factorization leaves of the scan: where a missed phase shows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge import axes
from hs_nmfcluster.bridge.progress import pass_progress
from hs_nmfcluster.engine.cutting import Placement
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.residual import (
    excess,
    position_excess,
    residual_sums,
    standing_out,
)
from hs_nmfcluster.scan.local_maps import LocalMaps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of the positions, the share that the factorization describes worst and at least this many.
_WORST_SHARE, _WORST_NUMBER = 0.01, 3


@dataclass(frozen=True, eq=False, repr=False)
class Residual:
    """What the components leave of a scan, X − C S.

    Made by `Factorization.residual`. Where nothing but counting noise is left, `mean` and `worst`
    are grey noise without features and both excesses are about 1 everywhere. A phase that no
    component describes shows as positions and pixels of large excess, and `worst` shows its
    pattern.

    Attributes
    ----------
    mean : NMFDiffraction2D
        Mean residual over all positions, ``(| x, y)``, in the data's intensity unit.
    worst : NMFDiffraction2D
        Mean residual over `worst_positions`.
    worst_positions : numpy.ndarray
        The hundredth of the positions with the largest excess, ``scan_shape`` of bool.
    pattern_excess : NMFDiffraction2D
        Mean square residual over mean intensity of every pixel, in units of its median.
    position_excess : Signal2D
        Likewise of every position (Signal1D for a one-dimensional scan).
    mse : float
        Mean square residual, as `Factorization.mse`.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((16, 16), (32, 32), pixel_size=0.6, n_particles=2)
    >>> nmf = s.decompose_als_nmf(3, restarts=1, print_info=False, show_progressbar=False)
    >>> residual = nmf.residual(s, show_progressbar=False)
    >>> bool(residual.share_left < 0.01)
    True
    """

    mean: BaseSignal
    worst: BaseSignal
    worst_positions: NDArray[np.bool_]
    pattern_excess: BaseSignal
    position_excess: BaseSignal
    mse: float

    @property
    def share_left(self) -> float:
        """Share of the positions whose excess stands out by six robust standard deviations."""
        values = self.position_excess.data
        return float(standing_out(values).sum() / max(np.isfinite(values).sum(), 1))

    def __repr__(self) -> str:
        if not np.isfinite(self.position_excess.data).any():
            return f"<Residual: MSE {self.mse:.6g}; the model has no intensity to compare it with>"
        return (
            f"<Residual: MSE {self.mse:.6g}; at the worst position "
            f"{np.nanmax(self.position_excess.data):.3g} times the usual; "
            f"{100 * self.share_left:.2g} % of the positions stand out>"
        )

    def plot(self) -> "Figure":
        """Draw where the scan and where the patterns are not described, and by which pattern.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = residual.plot()
        """
        return plotting.plot_residual(
            self.position_excess.data,
            self.pattern_excess.data,
            self.mean.data,
            self.worst.data,
            n_worst=int(self.worst_positions.sum()),
            map_pixel=axes.pixel_size(self.position_excess.axes_manager.signal_axes),
            pattern_pixel=axes.pixel_size(self.mean.axes_manager.signal_axes),
        )


def measure_residual(
    signal: BaseSignal,
    patterns: BaseSignal,
    maps: BaseSignal,
    position_mse: NDArray[np.float64],
    detector_mask: NDArray[np.bool_],
    expected: tuple[float, float | None],
    placement: Placement | None = None,
    show_progressbar: bool | None = None,
) -> Residual:
    """Compare a scan with the components of its factorization; see `Factorization.residual`."""
    _check_same_shape(signal, maps.data.shape[1:] + detector_mask.shape)
    by_position = position_excess(position_mse, patterns.data, maps.data)
    # Where the model has no intensity, as of a blank frame, there is no excess over it to rank by.
    worst = _worst(by_position if np.isfinite(by_position).any() else position_mse)
    kept = ~detector_mask
    matrix = ScanMatrix.from_array(
        signal.data, np.isnan(position_mse), detector_mask, placement=placement
    )
    C, means = _maps_by_position(maps)
    S = patterns.data[:, kept]
    with pass_progress(show_progressbar, "Residual") as bar:
        sums = residual_sums(Job(bar), matrix, C, S, worst.ravel())
    found_mse = float(sums.square.sum() / matrix.size)
    _check_same_data(found_mse, sums.data_square / matrix.size, *expected)

    mean = sums.total / matrix.n_positions
    # Of the data: what no component describes has no intensity in the model.
    intensity = means @ S + mean
    pixels = excess(sums.square / matrix.n_positions, intensity)
    values_of = (mean, sums.worst / worst.sum(), pixels)
    titles = ("Mean residual", "Mean residual at the worst positions", "Excess of the residual")
    of_all, at_worst, pattern_excess = (
        _pattern(patterns, kept, *pair) for pair in zip(values_of, titles, strict=True)
    )
    return Residual(
        mean=of_all,
        worst=at_worst,
        worst_positions=worst,
        pattern_excess=pattern_excess,
        position_excess=axes.scan_image(signal, by_position, "Excess of the residual"),
        mse=found_mse,
    )


def _maps_by_position(
    maps: BaseSignal,
) -> tuple[NDArray[np.floating] | LocalMaps, NDArray[np.float64]]:
    """C, and the mean of each map; of maps that are lazy, as there are so many, without zeros."""
    if isinstance(maps.data, da.Array):
        local = LocalMaps.known(maps.data)
        return local, local.means()
    C = maps.data.reshape(len(maps.data), -1).T
    return C, np.nanmean(C, axis=0)


def _worst(by_position: NDArray[np.float64]) -> NDArray[np.bool_]:
    measured = int(np.isfinite(by_position).sum())
    number = min(max(_WORST_NUMBER, round(_WORST_SHARE * measured)), measured)
    order = np.argsort(-np.nan_to_num(by_position, nan=-np.inf), axis=None, kind="stable")
    worst = np.zeros(by_position.size, dtype=bool)
    worst[order[:number]] = True
    return worst.reshape(by_position.shape)


def _pattern(like: BaseSignal, kept: NDArray[np.bool_], values: NDArray, title: str) -> BaseSignal:
    image = np.full(kept.shape, np.nan)
    image[kept] = values
    return axes.diffraction_signal(image, axes.signal_axes(like), title)


def _check_same_shape(signal: BaseSignal, needed: tuple[int, ...]) -> None:
    if signal.data.shape != needed:
        raise ValueError(
            f"`signal` must be the scan that was factorized, of shape {needed} (array order), got "
            f"{signal.data.shape}."
        )


def _check_same_data(
    mse: float, mean_square: float, expected_mse: float, expected_mean_square: float | None
) -> None:
    if expected_mean_square is not None:
        if not np.isclose(mean_square, expected_mean_square, rtol=1e-6):
            raise ValueError(
                "`signal` is not the scan that was factorized: the mean square of its data is "
                f"{mean_square:.6g}, of that one's {expected_mean_square:.6g}."
            )
    elif not np.isclose(mse, expected_mse, rtol=1e-3):
        raise ValueError(
            "`signal` is not the scan that was factorized: the model leaves a mean square error "
            f"of {mse:.6g} in it, of {expected_mse:.6g} in that one."
        )
