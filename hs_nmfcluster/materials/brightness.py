"""How bright the particles of a scan are, in the unit in which synthetic ones are planted.

What decides whether a particle is found is how far it stands out of the counting noise: the norm of
what it adds to the data, each pixel in units of the noise there. So a synthetic particle is as
bright as one of the scan where it adds as much. The intensity in the spots that were found would
not do: a crystal scatters into weak spots besides, and far out, where there is little noise, these
count.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.apertures import without_rings
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.local_maps import LocalMaps

# Positions around a particle that tell what would be there without it.
_MARGIN = 3
# Noise of a pixel is not taken to be less than that of this share of the mean count.
_FAINTEST = 1e-3
_NOTHING = np.finfo(float).tiny


@dataclass(frozen=True, eq=False)
class Brightness:
    """What a scan was found to be made of, and its noise.

    Parameters
    ----------
    maps, patterns
        Of each component, ``(n, n_y, n_x)`` and ``(n, n_v, n_u)``.
    mean
        Mean pattern, ``(n_v, n_u)``.
    kept
        Pixels that are analysed, ``(n_v, n_u)``.
    detector
        Geometry of the patterns.
    gain
        Variance of the data over their mean by counting.
    weighted
        Whether pixels count by their noise, or all alike.
    """

    maps: LocalMaps
    patterns: NDArray[np.floating]
    mean: NDArray[np.float64]
    kept: NDArray[np.bool_]
    detector: Detector
    gain: float
    weighted: bool

    @property
    def _variance(self) -> NDArray[np.float64]:
        """By which squares of each kept pixel are divided."""
        there = self.mean[self.kept]
        floor = max(_FAINTEST * there.mean(), _NOTHING)
        return np.maximum(there, floor) if self.weighted else np.ones(there.size)

    def _squares(self, pattern: NDArray[np.floating]) -> float:
        own = without_rings(pattern, self.kept, self.detector)
        return float((own**2 / self._variance).sum())

    def of_pattern(self, pattern: NDArray[np.floating]) -> float:
        """Norm of a pattern ``(n_v, n_u)`` without its rings."""
        return float(np.sqrt(self._squares(pattern)))

    def of_particle(
        self,
        window: tuple[slice, slice],
        shares: NDArray[np.float64],
        free: NDArray[np.bool_],
    ) -> float:
        """Norm of what a particle adds to the patterns, for a share of 1, less that of the noise.

        Parameters
        ----------
        window, shares
            Where the particle is, and its share there, as of `planting.footprint`.
        free
            Positions without a particle, ``(n_y, n_x)``.
        """
        share = np.zeros(free.shape)
        share[window] = shares
        around = tuple(slice(max(s.start - _MARGIN, 0), s.stop + _MARGIN) for s in window)
        near = np.zeros(free.shape, bool)
        near[around] = free[around]
        near |= share > 0
        which, values = self.maps.at(np.flatnonzero(near))
        measured = np.isfinite(values).all(axis=1)
        share, values = share[near][measured], values[measured]
        contrast = share - share.mean()
        if not (contrast @ share > 0):
            return 0.0
        adds = contrast @ values / (contrast @ share)
        squares = self._squares(np.tensordot(adds, np.nan_to_num(self.patterns[which]), axes=1))
        # The pattern of a component is a mean of counted ones, weighted by its map.
        counted = float((self.gain * self.mean[self.kept] / self._variance).sum())
        noise = counted * float((adds**2 / np.maximum(self.maps.norms[which] ** 2, _NOTHING)).sum())
        return float(np.sqrt(max(squares - noise, 0.0)))
