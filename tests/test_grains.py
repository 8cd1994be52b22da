"""Grains of crystals that fill the scan: there is no matrix, whatever is commonest."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from sklearn.metrics import adjusted_rand_score

from hs_nmfcluster import NMFDiffraction2D

Y, X = np.mgrid[:48, :48] - 23.5


def net(first, second, angle):
    """Discs on a net with a basis of length and angle (degrees), turned."""
    a, b = (r * np.exp(1j * np.deg2rad(phi + angle)) for r, phi in (first, second))
    discs = np.zeros(X.shape)
    for h in range(-9, 10):
        for k in range(-9, 10):
            at = h * a + k * b
            discs += np.exp(-(abs(at) ** 2) / 400) / (
                1 + np.exp(np.minimum(4 * (abs(X + 1j * Y - at) - 2), 50))
            )
    return discs


def grains(counts, seed):
    """Scan of grains seen along one of two axes, most along a threefold one, and their axes."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :40]
    grain = cKDTree(rng.uniform(0, 40, (24, 2))).query(np.stack([rows, columns], -1))[1]
    axes = np.repeat([0, 1], [16, 8])
    bases = ((11, 0), (11, 60)), ((6, 0), (13, 90))
    patterns = np.stack([net(*bases[axis], rng.uniform(0, 360)) for axis in axes])
    return NMFDiffraction2D(rng.poisson(counts * patterns[grain]).astype("uint16")), axes[grain]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_commonest_crystal_is_no_matrix(seed):
    s, axes = grains(100, seed)
    nmf = s.decompose_als_nmf(random_state=0, print_info=False, show_progressbar=False)
    groups = nmf.hierarchical_cluster(show_progressbar=False).cut()
    strongest = (nmf.maps.data * np.nansum(nmf.patterns.data, axis=(1, 2))[:, None, None]).argmax(
        axis=0
    )
    assert adjusted_rand_score(axes.ravel(), groups.labels[strongest].ravel()) > 0.8
