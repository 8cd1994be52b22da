"""Groups of components as plain arrays: what all answers are measured from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.spots import Spots, find_spots, own_spot_shares
from hs_nmfcluster.scan.beam import estimate_beam_radius
from hs_nmfcluster.scan.detector import Detector


def spot_limits(patterns: NDArray[np.floating], grid: PolarGrid) -> tuple[float, float]:
    """Radii between which spots are looked for: those compared, without the direct beam.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured, as at the direct beam where a mask left it out.
    grid
        Bins of r and phi in which patterns are compared.
    """
    inner, outer = (float(r) for r in (grid.radii[0], grid.radii[-1]))
    column, row = (round(c) for c in grid.detector.center)
    if np.isfinite(patterns[:, row, column]).any():
        inner = max(inner, estimate_beam_radius(np.nansum(patterns, axis=0), grid.detector))
    return inner, outer + grid.radial_step / 2


@dataclass(frozen=True, eq=False)
class GroupArrays:
    """Groups of components as plain arrays.

    Parameters
    ----------
    members
        Components of each group.
    components
        Pattern of each component, ``(n, n_v, n_u)``; NaN where not measured.
    rotations
        Degrees by which each component is rotated against the first of its group, ``(n,)``.
    averages
        Rotation-corrected average pattern of each group, ``(n_groups, n_v, n_u)``.
    grid
        Bins of r and phi in which patterns were compared.
    crystalline
        Which components are crystals, ``(n,)``; None asks whether each shows spots of its own.
    hosts
        Component that describes the same crystal better, ``(n,)``, −1 for none; None where that was
        not asked.
    """

    members: tuple[NDArray[np.intp], ...]
    components: NDArray[np.floating]
    rotations: NDArray[np.float64]
    averages: NDArray[np.floating]
    grid: PolarGrid
    crystalline: NDArray[np.bool_] | None = None
    hosts: NDArray[np.intp] | None = None

    @property
    def detector(self) -> Detector:
        """Geometry of the patterns."""
        return self.grid.detector

    @property
    def labels(self) -> NDArray[np.intp]:
        """Group of each component, ``(n,)``."""
        labels = np.empty(len(self.components), dtype=np.intp)
        for number, members in enumerate(self.members):
            labels[members] = number
        return labels

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Radii between which spots are looked for: those that were compared.

        The direct beam is left out where no mask did so.
        """
        return spot_limits(self.averages, self.grid)

    @cached_property
    def own_spots(self) -> tuple[Spots, ...]:
        """Spots of each component."""
        return tuple(
            find_spots(pattern, self.detector, radial_range=self.limits)
            for pattern in self.components
        )

    @cached_property
    def spot_shares(self) -> NDArray[np.float64]:
        """Share of each component's intensity that lies in spots of its own, ``(n,)``."""
        ring = self.detector.ring(*self.limits)
        shares = own_spot_shares(self.components[:, ring], self.own_spots)
        return shares if self.crystalline is None else np.where(self.crystalline, shares, 0.0)

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Components that are not parts of a crystal that another describes better, ``(n,)``."""
        return np.ones(len(self.components), bool) if self.hosts is None else self.hosts < 0

    def is_matrix(self, group: int) -> bool:
        """Whether a group is known to hold no crystal."""
        return self.crystalline is not None and not self.crystalline[self.members[group]].any()

    @property
    def crystals(self) -> NDArray[np.bool_]:
        """Which components are crystals, ``(n,)``."""
        return self.spot_shares > 0 if self.crystalline is None else self.crystalline
