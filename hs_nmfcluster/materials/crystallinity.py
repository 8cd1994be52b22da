"""Share of the scattered intensity that each group, and that spots, take."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.materials.group_arrays import GroupArrays


class Shares(NamedTuple):
    """Shares of the scattered intensity; fields as of `Crystallinity`."""

    shares: NDArray[np.float64]
    crystalline: NDArray[np.float64]
    mean_shares: NDArray[np.float64]
    mean_crystalline: float
    crystalline_members: NDArray[np.intp]


def measure_shares(groups: GroupArrays, maps: NDArray[np.floating]) -> Shares:
    """Share the scattered intensity at each position between the groups.

    Parameters
    ----------
    groups
        The groups.
    maps
        Map of each component, ``(n, *scan_shape)``.
    """
    ring = groups.detector.ring(*groups.limits)
    intensity = scattered_intensity(groups.components, maps, ring)
    in_spots = groups.spot_shares
    crystals = np.tensordot(in_spots, intensity, axes=1)
    of_groups = np.stack([intensity[members].sum(axis=0) for members in groups.members])
    total = of_groups.sum(axis=0)
    safe = np.where(total > 0, total, np.nan)
    whole = float(np.nansum(total)) or np.nan
    return Shares(
        of_groups / safe,
        crystals / safe,
        np.nansum(of_groups, axis=tuple(range(1, of_groups.ndim))) / whole,
        float(np.nansum(crystals) / whole),
        np.array([(in_spots[members] > 0).sum() for members in groups.members], dtype=np.intp),
    )


def scattered_intensity(
    patterns: NDArray[np.floating], maps: NDArray[np.floating], ring: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Intensity that each component contributes to the ring at each position.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    maps
        ``(n, *scan_shape)``.
    ring
        Pixels that count, ``(n_v, n_u)``.

    Examples
    --------
    >>> scattered_intensity(np.ones((1, 2, 2)), np.array([[3.0]]), np.eye(2, dtype=bool))
    array([[6.]])
    """
    sums = np.nansum(patterns[:, ring].astype(np.float64), axis=1)
    return sums.reshape(-1, *[1] * (maps.ndim - 1)) * maps
