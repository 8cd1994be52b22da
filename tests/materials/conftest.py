"""Groups whose truth is known: true patterns and maps of a simulated specimen, with some noise."""

from functools import cache

import hyperspy.api as hs
import numpy as np
import pytest

from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.simulation import linear_mixture

SCAN = {"name": "x", "scale": 1.5, "units": "nm"}


def groups_of(
    truth, *, noise=0.0, pixel_size=0.2, units="1/nm", scan_units="nm", off=(0.0, 0.0), seed=0
):
    """Groups as a good factorization finds them.

    Noise is a share of the halo's maximum, `off` the error of the beam centre in pixels.
    """
    rng = np.random.default_rng(seed)
    n = truth.n_components
    data = np.where(truth.detector_mask, np.nan, truth.patterns)
    data /= np.nanmax(data[0])
    # What a factorization leaves of the halo in the pattern of a crystal.
    data[1:] += 0.3 * data[0]
    data = np.maximum(data + noise * rng.normal(size=data.shape), 0.0)
    patterns = NMFDiffraction2D(data)
    center = np.add(truth.center, off)
    for axis, position in zip(patterns.axes_manager.signal_axes, center, strict=True):
        axis.scale, axis.offset, axis.units = pixel_size, -position * pixel_size, units
    maps = truth.maps / truth.maps.max()
    grain = 0.02 * rng.normal(size=maps.shape) * maps.max((1, 2))[:, None, None]
    maps = hs.signals.Signal2D(np.maximum(maps + grain, 0))
    for axis in maps.axes_manager.signal_axes:
        axis.scale, axis.units = 1.5, scan_units
    tree = ClusterTree.from_patterns(patterns, maps, show_progressbar=False)
    return tree.cut(n_groups=len(truth.spacings) + 1), n


@pytest.fixture(scope="session")
def specimen():
    """Truth of a specimen with three families, each at three angles."""
    _, truth = linear_mixture(
        (48, 52), (96, 96), pixel_size=0.2, angles_per_family=3, n_particles=14, seed=4, lazy=True
    )
    return truth


@pytest.fixture(scope="session")
def groups(specimen):
    return groups_of(specimen, noise=0.02)[0]


@pytest.fixture(scope="session")
def family(specimen, groups):
    """Name of the family of each group."""
    return [specimen.families[members[0]] for members in groups]


@pytest.fixture(scope="session")
def remade(specimen):
    """Make groups of the same specimen in other units or with other noise, once each."""
    return cache(lambda **options: groups_of(specimen, **options)[0])
