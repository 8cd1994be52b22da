"""The calibration of a detector, as an object."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.corrected import Corrected
from hs_nmfcluster.materials.calibration import find_profile_rings, fit_scale, mean_profile
from hs_nmfcluster.results.tables import Table, Tabular
from hs_nmfcluster.scan.beam import estimate_beam_radius
from hs_nmfcluster.scan.condition.ellipse import fit_ellipse
from hs_nmfcluster.scan.detector import Distortion, as_distortion
from hs_nmfcluster.scan.units import inverse_nm_per
from hs_nmfcluster.words import counted

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Tabular):
    """Scale of a detector, found from rings of known spacing.

    Made by `NMFDiffraction2D.calibrate`.

    Attributes
    ----------
    scale : tuple of float
        1/nm in a pixel along ``(x, y)``.
    error : float
        Relative standard uncertainty of the scale.
    center : tuple of float
        Direct beam ``(x, y)`` in pixels, where the axes are zero.
    ellipse, ellipse_error : float
        Long over short axis of what should be a circle, less 1, and its standard uncertainty; NaN
        where nothing round was seen.
    ellipse_axis, ellipse_axis_error : float
        Direction of the long axis in degrees, from +x towards +y, 0 to 180.
    d : numpy.ndarray
        Spacings in nm of the rings that were used, ``(n,)``.
    measured : numpy.ndarray
        What the calibrated pattern gives for them.
    sigma : numpy.ndarray
        Their standard uncertainties, without that of the scale.
    distortion : tuple or None
        Matrix that makes circles of the ellipses, as of `Corrections`.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((8, 8), (96, 96), n_particles=0, pixel_size=0.2)
    >>> calibration = s.calibrate(ring=0.24, show_progressbar=False)
    >>> len(calibration.d)
    1
    """

    scale: tuple[float, float]
    error: float
    center: tuple[float, float]
    ellipse: float
    ellipse_error: float
    ellipse_axis: float
    ellipse_axis_error: float
    d: NDArray[np.float64]
    measured: NDArray[np.float64]
    sigma: NDArray[np.float64]
    distortion: Distortion | None = None

    def __repr__(self) -> str:
        x, y = self.scale
        scale = f"{x:.5g}" if np.isclose(x, y, rtol=1e-9) else f"({x:.5g}, {y:.5g})"
        round_ = "no ellipse seen"
        if np.isfinite(self.ellipse):
            round_ = (
                f"ellipse {100 * self.ellipse:.2g} ± {100 * self.ellipse_error:.1g} % at "
                f"{self.ellipse_axis:.0f} ± {self.ellipse_axis_error:.0f}°"
            )
        return (
            f"<Calibration: {scale} 1/nm a pixel ± {100 * self.error:.2g} % from "
            f"{counted(len(self.d), 'ring')}; {round_}>"
        )

    def to_dataframe(self) -> "DataFrame":
        """One row a ring.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> list(calibration.to_dataframe())
        ['d', 'measured', 'sigma']
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        return Table.of(self, "d", "measured", "sigma")


def calibrated(right: Corrected, d: NDArray[np.float64]) -> Calibration:
    """Calibrate a detector by the mean of patterns that have been put right.

    Parameters
    ----------
    right
        The patterns.
    d
        Spacings in nm that are known.

    Raises
    ------
    ValueError
        If no ring is found that fits.
    """
    detector = right.detector
    inner = estimate_beam_radius(right.mean, detector)
    missing = np.isnan(right.mean)
    ellipse = fit_ellipse(
        np.where(missing, 0.0, right.mean),
        missing,
        detector.center,
        detector.scale,
        inner / detector.pixel,
    )
    distortion = as_distortion(right.corrections.distortion)
    if distortion is None and ellipse is not None and ellipse.certain:
        distortion = as_distortion(ellipse.matrix)
    detector = replace(detector, distortion=distortion)
    radii, profile = mean_profile(right.mean, detector)
    rings = find_profile_rings(radii, profile, inner)
    fit = fit_scale(rings, d, inverse_nm_per(detector.units))
    if fit is None:
        where = ", ".join(f"{ring.radius:.4g}" for ring, _ in rings) or "nowhere"
        raise ValueError(
            f"No ring of the mean pattern fits `ring` = {', '.join(f'{one:.4g}' for one in d[:6])} "
            f"nm: rings are seen at {where} {detector.units}."
        )
    measured = 1 / (fit.factor * fit.radii)
    return Calibration(
        scale=(detector.scale[0] * fit.factor, detector.scale[1] * fit.factor),
        error=fit.error,
        center=detector.center,
        ellipse=ellipse.strength if ellipse else np.nan,
        ellipse_error=ellipse.strength_error if ellipse else np.nan,
        ellipse_axis=ellipse.axis if ellipse else np.nan,
        ellipse_axis_error=ellipse.axis_error if ellipse else np.nan,
        d=fit.d,
        measured=measured,
        sigma=measured * fit.sigma / fit.radii,
        distortion=distortion,
    )
