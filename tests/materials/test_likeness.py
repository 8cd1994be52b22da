"""Close calls between crystal and matrix: decided by likeness under rotation, by nothing else."""

import numpy as np
import pytest
from scipy import ndimage

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.materials.likeness import decided_by_likeness
from hs_nmfcluster.materials.significance import SpotEvidence
from hs_nmfcluster.scan.detector import Detector

GRID = PolarGrid.covering(Detector((61, 61), (30, 30)), radial_range=(4, 30))


def rows_of_spots(angle):
    """Spots so dense that they fill their rings, on a halo, turned."""
    y, x = np.mgrid[:61, :61] - 30.0
    image = np.zeros((61, 61))
    for row in range(-3, 4):
        for column in range(-6, 7):
            image += np.exp(-((x - 4.5 * column) ** 2 + (y - 9 * row) ** 2) / 3)
    turned = ndimage.rotate(image, angle, reshape=False, order=1)
    return turned + 2 * halo(0)


def halo(seed):
    r = np.hypot(*(np.mgrid[:61, :61] - 30.0))
    return np.exp(-((r - 15) ** 2) / 60) + 0.02 * np.random.default_rng(seed).random((61, 61))


def evidence(crystalline, uncertain):
    flags = [np.array(one, dtype=bool) for one in (crystalline, uncertain)]
    return SpotEvidence(np.where(flags[0], 8.0, 3.0), *flags)


@pytest.mark.parametrize("angle", [23.0, 140.0])
def test_a_turned_crystal_is_one(angle):
    patterns = np.stack([rows_of_spots(0), rows_of_spots(angle), halo(1)])
    found = decided_by_likeness(evidence([1, 0, 0], [0, 1, 1]), patterns, GRID)
    assert found.crystalline.tolist() == [True, True, False]
    assert found.uncertain.tolist() == [False, True, True]


def test_what_was_no_close_call_stays():
    patterns = np.stack([rows_of_spots(0), rows_of_spots(40)])
    found = decided_by_likeness(evidence([1, 0], [0, 0]), patterns, GRID)
    assert found.crystalline.tolist() == [True, False]


@pytest.mark.parametrize("crystalline", [[0, 0], [1, 1]])
def test_nothing_to_compare(crystalline):
    patterns = np.stack([rows_of_spots(0), rows_of_spots(40)])
    before = evidence(crystalline, [1, 1])
    assert decided_by_likeness(before, patterns, GRID) is before
