import numpy as np
import pytest

from hs_nmfcluster.materials.apertures import without_rings
from hs_nmfcluster.materials.brightness import Brightness
from hs_nmfcluster.materials.planting import footprint
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.local_maps import LocalMaps

SHAPE, FRACTION = (24, 26), 0.08
DETECTOR = Detector((33, 33), (16.0, 16.0))
KEPT = DETECTOR.radius() > 3
MATRIX = 40 * np.exp(-DETECTOR.radius() / 8) + 4
WHERE, SHARES = footprint((11.3, 12.6), 6.0, 1.0, (1.0, 1.0), SHAPE, sphere=True)
FREE = np.ones(SHAPE, bool)
FREE[WHERE] = False


def crystal():
    """Four spots, of which two are weak and far out, of unit sum."""
    pattern = np.zeros((33, 33))
    pattern[16, 24] = pattern[9, 16] = 0.3
    pattern[2, 20] = pattern[29, 12] = 0.2
    return pattern


def scan(share=FRACTION):
    """Maps and patterns without noise: electrons of the matrix and of one particle."""
    shares = np.zeros(SHAPE)
    shares[WHERE] = SHARES
    electrons = share * MATRIX[KEPT].sum()
    return np.stack([np.ones(SHAPE), shares]), np.stack([MATRIX, electrons * crystal()])


def brightness(maps, patterns, **others):
    settings = {"gain": 0.0, "weighted": True} | others
    return Brightness(LocalMaps.known(maps), patterns, MATRIX, KEPT, DETECTOR, **settings)


def fraction(seen):
    """What a particle of the crystal's pattern must scatter to be as bright."""
    unit = seen.of_pattern(crystal()) * MATRIX[KEPT].sum()
    return seen.of_particle(WHERE, SHARES, FREE) / unit


@pytest.mark.parametrize("weighted", [True, False])
def test_is_that_of_the_particle(weighted):
    assert fraction(brightness(*scan(), weighted=weighted)) == pytest.approx(FRACTION, rel=1e-6)


def test_weak_spots_count_by_the_noise_around_them():
    seen = brightness(*scan(), weighted=True)
    own = without_rings(crystal(), KEPT, DETECTOR)
    assert seen.of_pattern(crystal()) == pytest.approx(np.linalg.norm(own / np.sqrt(MATRIX[KEPT])))


def test_does_not_depend_on_how_components_share_it():
    maps, patterns = scan()
    mixed = np.array([[1.0, 0.0], [0.4, 1.0]])
    again = np.tensordot(np.linalg.inv(mixed).T, maps, 1), np.tensordot(mixed, patterns, 1)
    assert fraction(brightness(*again)) == pytest.approx(FRACTION, rel=1e-6)


@pytest.mark.parametrize("weighted", [True, False])
def test_noise_of_the_patterns_is_taken_off(weighted):
    faint = 0.004
    maps, patterns = scan(faint)
    rates, flat = np.tensordot(maps, patterns, (0, 0)), maps.reshape(2, -1)
    found, raw = [], []
    for seed in range(8):
        counts = np.random.default_rng(seed).poisson(rates)
        noisy = np.linalg.lstsq(flat.T, counts.reshape(-1, 33 * 33), rcond=None)[0]
        noisy = noisy.reshape(2, 33, 33)
        found.append(fraction(brightness(maps, noisy, gain=1.0, weighted=weighted)))
        raw.append(fraction(brightness(maps, noisy, weighted=weighted)))
    assert np.mean(found) == pytest.approx(faint, rel=0.1)
    assert np.mean(raw) > 1.2 * faint


def test_of_what_is_not_there_is_nothing():
    maps, patterns = scan()
    maps[1] = 0.0
    assert brightness(maps, patterns, gain=1.0).of_particle(WHERE, SHARES, FREE) == 0.0


def test_positions_that_were_not_measured_do_not_count():
    maps, patterns = scan()
    maps[:, 10:12, :] = np.nan
    assert fraction(brightness(maps, patterns)) == pytest.approx(FRACTION, rel=1e-6)
