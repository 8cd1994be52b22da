"""Local maps shifted onto each other: as dense ones, without the rest of the scan."""

import numpy as np
import pytest

from hs_nmfcluster.clustering.agglomeration import follow
from hs_nmfcluster.clustering.alignable import ShiftableMaps
from hs_nmfcluster.clustering.averages import aligned_average
from hs_nmfcluster.clustering.cuts import displacements
from hs_nmfcluster.clustering.local_alignment import local_average, local_displacements
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

SCAN = (60, 70)
MIDDLES = [(12.0, 15.0), (30.4, 40.0), (50.0, 22.7), (31.0, 55.0)]
# ((0, 1), (2, 3)), and 3 apart from all.
LINKAGE = np.array([[0, 1, 0.1, 2], [4, 2, 0.2, 3], [5, 3, 0.9, 4]])
KEPT = np.array([True, True, False])


@pytest.fixture
def maps():
    """A particle of the same kind in each of four windows."""
    y, x = np.indices(SCAN)
    found = []
    for row, column in MIDDLES:
        whole = np.exp(-((y - row) ** 2 + ((x - column) / 1.5) ** 2) / 8)
        start = int(row) - 9, int(column) - 12
        window = tuple(slice(at, at + 22) for at in start)
        found.append(LocalMap(start, whole[window].astype(np.float32)))
    return LocalMaps(found, np.zeros(SCAN, bool))


def test_displacements(maps):
    apart = local_displacements(maps, LINKAGE, KEPT)
    expected = np.array(MIDDLES) - MIDDLES[0]
    expected[3] = 0
    np.testing.assert_allclose(apart, expected, atol=0.15)
    shifts = follow(ShiftableMaps(maps.dense()), LINKAGE, KEPT)
    np.testing.assert_allclose(apart, displacements(LINKAGE, shifts, KEPT), atol=0.15)


def test_average(maps):
    apart = local_displacements(maps, LINKAGE, KEPT)
    members = np.array([0, 1, 2])
    found = local_average(maps, members, apart)
    whole = aligned_average(maps.dense()[members], -apart[members])
    assert found.shape == SCAN
    np.testing.assert_allclose(found[8:-8, 8:-8], np.nan_to_num(whole)[8:-8, 8:-8], atol=0.03)
    assert found.max() > 0.95


def test_what_reaches_over_the_scan_is_not_shifted(maps, monkeypatch):
    monkeypatch.setattr("hs_nmfcluster.clustering.local_alignment._FARTHEST", 30)
    wide = [*maps.maps[:3], LocalMap((0, 0), np.ones(SCAN, np.float32))]
    kept = np.ones(3, bool)
    apart = local_displacements(LocalMaps(wide, maps.left_out), LINKAGE, kept)
    np.testing.assert_allclose(apart[:3], np.array(MIDDLES[:3]) - MIDDLES[0], atol=0.15)
    assert (apart[3] == 0).all()


def test_beyond_the_rim_is_lost(maps):
    moved = local_average(maps, np.array([0, 2]), np.array([[0.0, 0], [0, 0], [-20, 0], [0, 0]]))
    assert 0.2 < moved.sum() / maps.added(np.array([0])).sum() < 0.9
