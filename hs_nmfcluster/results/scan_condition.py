"""The state of a scan, as an object that shows itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hs_nmfcluster import plotting
from hs_nmfcluster.report.caution import Caution
from hs_nmfcluster.report.condition import condition_cautions, condition_facts
from hs_nmfcluster.report.markup import Picture, card, figure_uri
from hs_nmfcluster.scan.condition.condition import Condition
from hs_nmfcluster.scan.corrections import Corrections
from hs_nmfcluster.scan.units import PixelSize

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class ScanCondition:
    """What is wrong with a scan; made by :meth:`~hs_nmfcluster.NMFDiffraction2D.inspect_scan`.

    Attributes
    ----------
    condition
        All that was found, as arrays and numbers, each with its significance.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import Instrument, linear_mixture
    >>> instrument = Instrument(drift=2.0, ellipse=3.0, dead_pixels=20, blank=0.01)
    >>> s, truth = linear_mixture((24, 24), (64, 64), n_particles=3, pixel_size=0.3,
    ...     instrument=instrument)
    >>> condition = s.inspect_scan()
    >>> condition.condition.course.moved, int(condition.condition.pixels.dead.sum())
    (True, 20)
    """

    condition: Condition
    _pattern_pixel: PixelSize
    _map_pixel: PixelSize

    @property
    def corrections(self) -> Corrections:
        """What an analysis does about it: nothing but what is certain.

        Examples
        --------
        >>> condition.corrections.distortion.round(2).tolist() # doctest: +ELLIPSIS
        [[0.9..., ...], [..., ...]]
        """
        return self.condition.corrections

    @property
    def cautions(self) -> list[Caution]:
        """What was found, how strong it is, and what to do, in plain words.

        Examples
        --------
        >>> condition.cautions[0].title
        'The beam moved'
        """
        return condition_cautions(self.condition)

    def __repr__(self) -> str:
        lines = [f"  {name}: {value}" for name, value in condition_facts(self.condition)]
        found = [f"  ! {caution.title}: {caution.text}" for caution in self.cautions]
        return "\n".join(["<ScanCondition", *lines, *(found or ["  Nothing wrong found"])]) + ">"

    def _repr_html_(self) -> str:
        """Give what a notebook shows."""
        cautions = self.cautions
        facts = condition_facts(self.condition)
        facts += [(caution.title, caution.text) for caution in cautions]
        with plotting.off_screen():
            picture = Picture((figure_uri(self.plot()),), description="state of the scan")
        found = ", ".join(c.title.lower() for c in cautions) or "nothing wrong found"
        return card("ScanCondition", found, facts, [picture])

    def plot(self) -> "Figure":
        """Draw the mean pattern, what is bad in it, and the course of the beam.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = condition.plot()
        """
        condition = self.condition
        left_out = condition.frames.left_out
        ellipse = condition.ellipse
        certain = ellipse is not None and ellipse.certain
        shifts = condition.course.shifts(left_out.shape)
        return plotting.plot_condition(
            np.where(condition.pixels.hidden, np.nan, condition.mean_pattern),
            condition.pixels.bad,
            shifts,
            left_out,
            center=condition.center,
            ellipse=(ellipse.strength, ellipse.axis) if ellipse and certain else None,
            pattern_pixel=self._pattern_pixel,
            map_pixel=self._map_pixel,
        )
