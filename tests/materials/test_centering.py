"""The beam of each component, found by its symmetry where it moved during the scan."""

import numpy as np

from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.materials.centering import own_centers
from hs_nmfcluster.scan.detector import Detector

SHAPE, CENTER = (81, 91), (44.6, 40.2)
DETECTOR = Detector(SHAPE, CENTER)


def crystal(center, turn, seed, electrons=4e4):
    """Counts of a crystal's pattern on a halo, its beam masked where it is on average."""
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - center[0], y - center[1])
    pattern = np.exp(-(((radius - 18) / 5) ** 2)) + 0.2
    for one in turn + np.deg2rad([0, 50, 180, 230]):
        for r in (16.0, 32.0):
            u, v = center[0] + r * np.cos(one), center[1] + r * np.sin(one)
            pattern += 8 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 4)
    counts = np.random.default_rng(seed).poisson(electrons * pattern / pattern.sum())
    left_out = np.hypot(x - CENTER[0], y - CENTER[1]) < 5
    return np.where(left_out, np.nan, counts.astype(float))


def offsets(n, reach, seed=0):
    return np.random.default_rng(seed).uniform(-reach, reach, (n, 2))


class TestOwnCenters:
    def test_are_found(self):
        off = offsets(12, 3.0)
        patterns = np.stack([crystal(CENTER + one, 0.3 * k, k) for k, one in enumerate(off)])
        found = own_centers(patterns, DETECTOR)
        moved = np.hypot(*off.T) > 1.2
        assert moved.sum() > 6
        np.testing.assert_allclose((found - CENTER)[moved], off[moved], atol=0.3)
        assert np.abs(found - CENTER - off).max() < 1.2

    def test_still_beam_is_left_alone(self):
        for electrons in (1e3, 1e4, 1e5):
            patterns = [crystal(CENTER, 0.3 * k, k, electrons) for k in range(20)]
            assert own_centers(np.stack(patterns), DETECTOR) is None

    def test_noise_has_no_center(self):
        noise = np.random.default_rng(0).poisson(3, (30, *SHAPE)).astype(float)
        assert own_centers(noise, DETECTOR) is None

    def test_tree_sees_them_around_one_center(self):
        off = offsets(8, 3.0, seed=1)
        turns = np.deg2rad(np.arange(8) * 17.0)
        patterns = [
            crystal(CENTER + one, t, k) for k, (one, t) in enumerate(zip(off, turns, strict=True))
        ]
        tree = ClusterTree.from_patterns(NMFDiffraction2D(np.stack(patterns)), center=CENTER)
        rotations = tree.cut(n_groups=1).rotations
        left = (rotations - rotations[0] - np.rad2deg(turns)) % 180
        assert np.minimum(left, 180 - left).max() < 1.0
        assert tree.linkage[:, 2].max() < 0.2
