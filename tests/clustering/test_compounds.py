"""Two crystals in one component, and crystals without opposites."""

import numpy as np
import pytest

from hs_nmfcluster.clustering.compounds import find_compounds


def kinds(seed=0):
    """Three kinds of nets with opposites, polar."""
    rng = np.random.default_rng(seed)
    nets = np.zeros((3, 12, 180))
    for net in nets:
        for _ in range(6):
            r, phi = rng.integers(1, 11), rng.integers(90)
            net[r, [phi, phi + 90]] = rng.uniform(0.5, 1.0)
    return nets


def specimen(noise=0.01, seed=0):
    """Two crystals of each of three kinds, turned at random."""
    rng = np.random.default_rng(seed)
    patterns = np.repeat(kinds(seed), 2, axis=0)
    for pattern in patterns:
        pattern[:] = np.roll(pattern, rng.integers(180), axis=1)
    return patterns + noise * rng.normal(size=patterns.shape)


@pytest.mark.parametrize("seed", range(4))
class TestFindCompounds:
    def test_single_crystals(self, seed):
        found = find_compounds(specimen(seed=seed), np.full(6, 0.02))
        assert not found.double.any()
        assert not found.tilted.any()

    @pytest.mark.parametrize("weight", [0.7, 1.0])
    @pytest.mark.parametrize(("first", "second"), [(0, 2), (2, 4), (0, 1)])
    def test_two_at_once(self, seed, first, second, weight):
        patterns = specimen(seed=seed)
        both = patterns[first] + weight * np.roll(patterns[second], 31, axis=1)
        found = find_compounds(np.concatenate([patterns, [both]]), np.full(7, 0.02))
        np.testing.assert_array_equal(found.double, [False] * 6 + [True])
        assert sorted(found.parts[6] // 2) == sorted([first // 2, second // 2])

    def test_spots_without_opposites(self, seed):
        patterns = specimen(noise=0.001, seed=seed)
        patterns[1, :, :90] = 0
        found = find_compounds(patterns, np.zeros(6))
        assert found.tilted[1]
        assert found.tilted.sum() == 1
        assert found.asymmetry[0] < 0.05

    def test_noise_is_no_asymmetry(self, seed):
        patterns = specimen(noise=0.1, seed=seed)
        noise = 0.1**2 / patterns.var(axis=(1, 2))
        assert not find_compounds(patterns, noise).tilted.any()


def test_nothing_to_compare_with():
    found = find_compounds(np.stack([kinds()[0], np.zeros((12, 180))]), np.zeros(2))
    assert not found.double.any()
    assert (found.parts == -1).all()


def test_nothing_but_noise():
    """Of what is all noise no signal is left to be divided by."""
    found = find_compounds(specimen(noise=0.5, seed=0), np.ones(6))
    assert ((found.asymmetry == 0) | (found.asymmetry == 1)).all()
