"""The paragraph for a methods section: what it says is what was done."""

import re

import pytest

from hs_nmfcluster.simulation import linear_mixture

SETTINGS = {"random_state": 7, "print_info": False, "show_progressbar": False}


@pytest.fixture(scope="module")
def scan():
    return linear_mixture(
        (20, 24), (48, 48), n_particles=3, angles_per_family=1, pixel_size=0.4, seed=1
    )[0]


def methods(scan, **kwargs):
    groups = scan.decompose_als_nmf(**SETTINGS, **kwargs).hierarchical_cluster().cut()
    return groups, groups.methods_text()


class TestMethodsText:
    def test_of_neighbourhoods(self, scan):
        groups, text = methods(scan, tiles=16)
        assert "scan of 24 × 20 positions with patterns of 48 × 48 pixels" in text
        assert "overlapping neighbourhood" in text
        assert "weighted by counting statistics [2]" in text
        assert "seed: 7" in text
        assert f"joined to {len(groups.labels)} components" in text
        assert "apart as matrix" in text
        assert f"{len(groups) - len(groups.matrix)} groups of crystals" in text
        assert (
            f"hs_nmfcluster {groups.tree.factorization.settings['versions']['hs_nmfcluster']}"
            in text
        )

    def test_of_the_whole_scan(self, scan):
        _, text = methods(scan, n_components=4, restarts=2)
        assert "into 4 components [1] (restarts: 2, tolerance: 0.0001, seed: 7)" in text
        assert "weighted" not in text

    def test_every_citation_has_its_source(self, scan):
        _, text = methods(scan)
        body, sources = text.split("\n\n")
        cited = sorted(set(re.findall(r"\[(\d)\]", body)))
        assert cited == re.findall(r"^\[(\d)\]", sources, re.MULTILINE)
        assert "10.1038/s41598-024-53289-5" in sources

    def test_of_a_cut_by_hand(self, scan):
        groups, _ = methods(scan)
        by_hand = groups.tree.cut(n_groups=2).methods_text()
        assert "it was cut by hand" in by_hand
        assert "silhouettes" not in by_hand
