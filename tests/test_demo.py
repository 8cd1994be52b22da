"""The whole analysis on the demo specimen, whose truth is known."""

import numpy as np
import pytest

from hs_nmfcluster.results.tree import ClusterTree
from hs_nmfcluster.simulation import linear_mixture
from hs_nmfcluster.validation import adjusted_rand_index, match_components, rotation_errors


@pytest.fixture(scope="module")
def specimen():
    return linear_mixture()


@pytest.fixture(scope="module")
def factorization(specimen):
    s, _ = specimen
    return s.decompose_als_nmf(
        20, restarts=3, random_state=0, print_info=False, show_progressbar=False
    )


@pytest.fixture(scope="module")
def match(specimen, factorization):
    _, truth = specimen
    found = match_components(
        factorization.patterns.data,
        truth.patterns,
        factorization.maps.data,
        truth.maps,
        by="both",
        mask=factorization.detector_mask,
        background=truth.patterns[~truth.crystalline],
    )
    good = found.scores > 0.5
    return found.found[good], found.true[good]


@pytest.fixture(scope="module")
def families(specimen, factorization, match):
    """True family of every component, 0 = amorphous."""
    _, truth = specimen
    labels = np.zeros(factorization.n_components, dtype=int)
    labels[match[0]] = truth.labels[match[1]]
    return labels


def best_agreement(tree: ClusterTree, families: np.ndarray) -> float:
    """Adjusted Rand index of the crystals at the best of all cuts."""
    crystals = families > 0
    return max(
        adjusted_rand_index(tree.cut(n_groups=n).labels[crystals], families[crystals])
        for n in range(1, len(families) + 1)
    )


@pytest.mark.slow
class TestDemo:
    def test_every_crystal_is_found(self, specimen, match):
        _, truth = specimen
        assert set(np.flatnonzero(truth.crystalline)) <= set(match[1])

    def test_every_family_is_one_group_at_some_cut(self, specimen, factorization, families):
        tree = specimen[0].hierarchical_cluster(factorization)
        groupings = [tree.cut(n_groups=n) for n in range(1, 21)]
        for family in (1, 2, 3):
            members = set(np.flatnonzero(families == family))
            assert any(members == set(g.tolist()) for groups in groupings for g in groups)

    def test_default_cut_finds_the_families(self, specimen, factorization, families):
        groups = specimen[0].hierarchical_cluster(factorization).cut()
        crystals = families > 0
        assert adjusted_rand_index(groups.labels[crystals], families[crystals]) >= 0.9

    def test_rotations(self, specimen, factorization, match, families):
        _, truth = specimen
        groups = specimen[0].hierarchical_cluster(factorization).cut()
        found, true = match
        crystals = families[found] > 0
        found, true = found[crystals], true[crystals]
        symmetry = [truth.symmetry[truth.families[t]] for t in true]
        errors = rotation_errors(
            groups.rotations[found], truth.angles[true], groups.labels[found], symmetry
        )
        assert np.mean(np.abs(errors) < 1.5) >= 0.9

    @pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
    def test_plain_metrics_do_not_separate(self, specimen, factorization, families, metric):
        ours = specimen[0].hierarchical_cluster(factorization)
        plain = specimen[0].hierarchical_cluster(factorization, metric=metric)
        assert best_agreement(ours, families) >= 0.99
        assert best_agreement(plain, families) < 0.6

    def test_halo_is_amorphous(self, families):
        assert families[0] == 0
