"""Patterns of Gaussian spots on a halo, and groups made of them."""

import numpy as np

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.scan.detector import Detector

DETECTOR = Detector((81, 81), center=(40.0, 40.0))


def pattern_of(places, *, width=1.3, height=1.0, halo=0.0):
    """Gaussian spots at (radius, degrees), on a halo."""
    y, x = np.mgrid[-40:41, -40:41].astype(float)
    pattern = halo * np.exp(-((np.hypot(x, y) - 15) ** 2) / 50)
    for radius, angle in places:
        u, v = radius * np.cos(np.deg2rad(angle)), radius * np.sin(np.deg2rad(angle))
        pattern += height * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * width**2))
    return pattern


def groups_of(*patterns):
    """Each pattern a group of its own, masked out to 4 px."""
    stack = np.array(patterns)
    stack[:, DETECTOR.radius() < 4] = np.nan
    members = tuple(np.array([k]) for k in range(len(stack)))
    grid = PolarGrid.covering(DETECTOR, radial_range=(4.0, 40.0))
    return GroupArrays(members, stack, np.zeros(len(stack)), stack, grid)
