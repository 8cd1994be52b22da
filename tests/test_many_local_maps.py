"""A tree of components whose maps together would not fit: only their own parts are ever held."""

import tracemalloc

import dask.array as da
import numpy as np
import pytest
from hyperspy.signals import Signal2D

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

SIDE, NUMBER, WINDOW, DETECTOR = 400, 60, 24, 32


def patterns(rng):
    """Crystals of three kinds at eight angles, and two halos."""
    y, x = np.indices((DETECTOR, DETECTOR)) - (DETECTOR - 1) / 2
    halo = 20 * np.exp(-(((np.hypot(x, y) - 6) / 3) ** 2)) + 2
    found = np.repeat(halo[None], NUMBER + 2, axis=0)
    for k in range(NUMBER):
        angles = rng.integers(8) * np.pi / 8 + np.pi * np.arange(2)
        for radius in (7 + 2 * (k % 3), 12):
            for angle in angles:
                away = (x - radius * np.cos(angle)) ** 2 + (y - radius * np.sin(angle)) ** 2
                found[k] += 60 * np.exp(-away / 3)
    return rng.poisson(found).astype(np.float32)


def made(side):
    """Patterns and maps of components of a scan: as signals, the maps also as local ones."""
    rng = np.random.default_rng(0)
    y, x = np.indices((WINDOW, WINDOW)) - (WINDOW - 1) / 2
    particle = 100 * np.sqrt(np.maximum(1 - np.hypot(x, y) ** 2 / 10, 0))
    maps = []
    for row, column in rng.integers(0, side - WINDOW, (NUMBER, 2)).tolist():
        noise = np.maximum(rng.normal(size=particle.shape), 0)
        maps.append(LocalMap((row, column), (particle + noise).astype(np.float32)))
    for _ in range(2):
        maps.append(LocalMap((0, 0), rng.normal(500, 20, (side, side)).astype(np.float32)))
    local = LocalMaps(maps, np.zeros((side, side), bool))
    scans, crystals = Signal2D(local.lazy()).as_lazy(), NMFDiffraction2D(patterns(rng))
    for axis in crystals.axes_manager.signal_axes:
        axis.offset = -(DETECTOR - 1) / 2
    return crystals, scans, local


@pytest.fixture(scope="module")
def components():
    return made(200)


@pytest.mark.slow
def test_memory():
    """From tree to answers in a fraction of what the maps would take on the whole scan."""
    crystals, maps, local = made(SIDE)
    assert local.n_bytes > 75 * 2**20
    tracemalloc.start()
    try:
        groups = ClusterTree.from_patterns(crystals, maps, show_progressbar=False).cut(n_groups=4)
        sizes = groups.particle_sizes(shape="disc")
        groups.crystallinity()
        groups.orientation_map()
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()
    assert isinstance(groups.tree.maps.data, da.Array)
    assert groups.maps.data.shape == (4, SIDE, SIDE)
    (matrix,) = groups.matrix
    assert sum(len(size.particles) for size in sizes) > 0.8 * NUMBER
    assert not sizes[matrix].particles
    np.testing.assert_allclose(
        groups.maps.data.sum(axis=0), local.added(np.arange(len(local))), rtol=1e-9
    )


@pytest.mark.slow
def test_the_same_as_of_dense_maps(components):
    """What lies on the whole scan beside its zeros is measured alike."""
    crystals, maps, local = components
    dense = Signal2D(local.dense())
    some, whole = (
        ClusterTree.from_patterns(crystals, one, show_progressbar=False).cut(n_groups=4)
        for one in (maps, dense)
    )
    np.testing.assert_array_equal(some.labels, whole.labels)
    np.testing.assert_allclose(some.maps.data, whole.maps.data, rtol=1e-6)
    found, expected = (groups.particle_sizes(shape="disc") for groups in (some, whole))
    for one, other in zip(found, expected, strict=True):
        assert len(one.particles) == len(other.particles)
        np.testing.assert_allclose(one.mean[0], other.mean[0], rtol=1e-3)
    np.testing.assert_allclose(
        some.crystallinity().mean_shares, whole.crystallinity().mean_shares, rtol=1e-4
    )


def test_saved(components, tmp_path):
    crystals, maps, _ = components
    tree = ClusterTree.from_patterns(crystals, maps, show_progressbar=False)
    tree.save(tmp_path / "tree.zspy")
    again = hs_nmfcluster.load(tmp_path / "tree.zspy")
    np.testing.assert_allclose(again.linkage, tree.linkage)
    np.testing.assert_allclose(again.maps.data[3], maps.data[3].compute(), rtol=1e-6)
