"""How surely a component belongs to its group."""

import numpy as np
import pytest
from scipy import integrate, stats

from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.clustering import membership as module
from hs_nmfcluster.clustering.membership import membership, of_a_kind
from hs_nmfcluster.clustering.relative import Relative


def relative_of(places, noise=0.0):
    """Distances of places on a line."""
    return Relative(np.abs(np.subtract.outer(places, places)), np.full(len(places), noise))


def drawn_pairs(rng, n, noise, share_of_a_kind):
    """Distances of pairs, each of which is of a kind or not, as noise leaves them."""
    same = rng.random(n) < share_of_a_kind
    true = np.where(same, rng.exponential(0.05, n), rng.random(n) ** (1 / 3))
    error = np.hypot(0.02, np.sqrt(2) * 0.3 * noise / (1 - noise))
    return same, true + error * rng.normal(size=n)


class TestLikelihoods:
    @pytest.mark.parametrize("error", [0.02, 0.1, 0.8])
    @pytest.mark.parametrize("distance", [0.0, 0.03, 0.3, 0.9, 1.0])
    def test_equal_the_integrals(self, distance, error):
        priors = {
            module._likelihood_of_a_kind: (stats.expon(scale=0.05).pdf, 1.5),
            module._likelihood_of_two: (lambda x: 3 * x**2, 1.0),
        }
        for likelihood, (prior, end) in priors.items():
            expected, _ = integrate.quad(
                lambda x, prior=prior: prior(x) * stats.norm.pdf(distance, x, error),
                0,
                end,
                points=(0.05, min(max(distance, 0.01), end)),
                limit=200,
            )
            found = likelihood(np.array([distance]), np.array([error]))[0]
            assert found == pytest.approx(expected, rel=1e-5)


class TestOfAKind:
    @pytest.mark.parametrize("share", [0.1, 0.5])
    @pytest.mark.parametrize("noise", [0.0, 0.2, 0.35])
    def test_what_is_said_is_so(self, share, noise):
        rng = np.random.default_rng(1)
        n = 300
        same, found = drawn_pairs(rng, n * (n - 1) // 2, noise, share)
        distances = np.zeros((n, n))
        rows, columns = np.triu_indices(n, 1)
        distances[rows, columns] = distances[columns, rows] = found
        said = of_a_kind(distances, np.full(n, noise))[rows, columns]
        for low in np.arange(0, 1, 0.1):
            bin_ = (said >= low) & (said < low + 0.1)
            if bin_.sum() > 200:
                assert said[bin_].mean() == pytest.approx(same[bin_].mean(), abs=0.08)

    def test_symmetric_and_sure_of_itself(self):
        found = of_a_kind(relative_of([0, 0.1, 0.5, 3.0]).distances, np.array([0, 0.5, 1, 0.2]))
        np.testing.assert_array_equal(found, found.T)
        np.testing.assert_array_equal(found.diagonal(), 1)
        assert np.isfinite(found).all()

    def test_the_farther_the_less(self):
        distances = relative_of(np.linspace(0, 1, 30)).distances
        found = of_a_kind(distances, np.zeros(30))[0]
        assert (np.diff(found) <= 0).all()
        assert found[1] > 0.9
        assert found[-1] < 1e-6

    def test_nothing_is_known_of_noise(self):
        rng = np.random.default_rng(0)
        distances = relative_of(rng.random(20)).distances
        found = of_a_kind(distances, np.ones(20))[np.triu_indices(20, 1)]
        assert ((found > 0.1) & (found < 0.9)).all()


class TestMembership:
    def test_two_kinds_in_one_group(self):
        relative = relative_of([0.0, 0.01, 0.02, 0.8, 0.81, 0.82])
        found = membership(relative, np.ones(6, bool), np.zeros(6, int))
        np.testing.assert_allclose(found.own, 0.4, atol=0.01)
        assert (found.limits[0, 0], found.limits[0, 1]) == (1, 6)

    def test_one_kind_in_two_groups(self):
        relative = relative_of([0.0, 0.01, 0.02, 0.03, 0.8])
        found = membership(relative, np.ones(5, bool), np.array([0, 0, 0, 1, 2]))
        assert found.limits.tolist() == [[4, 4], [4, 4], [1, 1]]
        # What is alone, but like others, is said to be of their kind.
        assert found.own[3] < 0.1
        assert found.other[3] > 0.9
        assert found.neighbour[3] == 0
        assert found.own[4] > 0.99

    def test_of_nothing_else(self):
        crystals = np.array([True, False, True])
        found = membership(relative_of([0, 0.5, 0.9]), crystals, np.array([0, 1, 2]))
        assert np.isnan(found.own[1])
        assert np.isnan(found.other[1])
        assert found.neighbour.tolist() == [2, -1, 0]
        assert np.isnan(found.limits[1]).all()

    def test_without_crystals(self):
        found = membership(relative_of([0.0, 0.5]), np.zeros(2, bool), np.zeros(2, int))
        assert repr(found) == "<Membership: sure of 0 of 0 crystals>"
        assert np.isnan(found.limits).all()

    def test_some_that_are_compared_stand_for_all(self):
        labels = np.repeat([0, 1], 20)
        some = np.arange(0, 40, 5)
        relative = relative_of(labels[some] * 0.9)._replace(components=some)
        crystals = np.ones(40, bool)
        found = membership(relative, crystals, labels)
        assert np.isfinite(found.own).sum() == 8
        assert found.limits.tolist() == [[20, 20], [20, 20]]
        crystals[30:] = False
        assert membership(relative, crystals, labels).limits.tolist() == [[20, 20], [10, 10]]


class TestOfGroups:
    def test_drawn_patterns(self, draw):
        families = np.array([0, 0, 0, 1, 1, 2])
        patterns = NMFDiffraction2D(draw.family_patterns(families, 37.0 * np.arange(6)))
        for axis, centre in zip(patterns.axes_manager.signal_axes, (30.3, 31.1), strict=True):
            axis.offset = -centre
        tree = ClusterTree.from_patterns(patterns)
        right = tree.cut(n_groups=3).membership
        assert right.limits.tolist() == [[3, 3], [2, 2], [1, 1]]
        assert right.own.min() > 0.9
        assert "sure of 6 of 6" in repr(right)
        merged = tree.cut(n_groups=2)
        own = merged.membership.own
        wrong = [k for members in merged if len(set(families[members])) > 1 for k in members]
        assert own[wrong].max() < 0.9
        assert own[[k for k in range(6) if k not in wrong]].min() > 0.9

    def test_distances_without_a_scale(self, draw):
        patterns = NMFDiffraction2D(draw.family_patterns([0, 0, 1], [0.0, 0.0, 0.0]))
        tree = ClusterTree.from_patterns(patterns, metric="cosine", center=(30.3, 31.1))
        found = tree.cut(n_groups=2).membership
        assert np.isnan(found.own).all()
        assert np.isnan(found.limits).all()
