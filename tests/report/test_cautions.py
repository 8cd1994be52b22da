"""What a report warns of: each warning where it is due, none where it is not."""

from dataclasses import replace

import numpy as np
import pytest

from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.clustering.compounds import Compounds
from hs_nmfcluster.clustering.relative import Relative
from hs_nmfcluster.materials.particles import Particle
from hs_nmfcluster.materials.phases import match_phases
from hs_nmfcluster.materials.rings import Ring
from hs_nmfcluster.materials.significance import SpotEvidence
from hs_nmfcluster.materials.sizes import GroupSizes
from hs_nmfcluster.materials.spacings import GroupRings, Profiles
from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.answer_cautions import of_phases, of_sizes, of_spacings
from hs_nmfcluster.report.cautions import cautions, inversions, of_factorization, of_groups
from hs_nmfcluster.results.phases import PhaseMatch
from hs_nmfcluster.results.sizes import ParticleSizes
from hs_nmfcluster.results.spacings import LatticeSpacings
from hs_nmfcluster.scan.units import PixelSize


def titles(found):
    return {caution.title for caution in found}


@pytest.fixture(scope="module")
def good(scan):
    """As many components as there are, found again by every restart."""
    return scan.decompose_als_nmf(
        4,
        restarts=3,
        center=(22, 20),
        corrections=None,
        random_state=0,
        print_info=False,
        show_progressbar=False,
    )


class TestFactorization:
    def test_nothing_to_say_of_a_good_one(self, good):
        sure = replace(good, stability=np.ones(4), restart_mse=np.full(3, good.mse))
        assert titles(of_factorization(sure)) == set()

    def test_missed_crystals(self, scan):
        nmf = scan.decompose_als_nmf(
            2, restarts=2, center=(22, 20), random_state=0, print_info=False, show_progressbar=False
        )
        found = {c.title: c for c in of_factorization(nmf)}
        assert found["Structure left"].serious
        assert "positions" in found["Structure left"].text

    def test_components_that_do_not_return(self, good):
        nmf = replace(good, stability=np.array([1.0, 0.3, 0.9, 0.5]))
        found = {c.title: c for c in of_factorization(nmf)}
        assert "Components 1, 3 did" in found["Components that do not return"].text
        assert not found["Components that do not return"].serious
        nmf = replace(good, stability=np.array([1.0, 0.3, 0.2, 0.5]))
        assert next(c for c in of_factorization(nmf) if "return" in c.title).serious

    def test_single_restart(self, good):
        nmf = replace(good, stability=np.full(4, np.nan))
        assert "Stability not known" in titles(of_factorization(nmf))

    def test_advice_does_not_contradict_itself(self, good):
        unstable = replace(good, stability=np.array([1.0, 0.3, 0.2, 0.5]))
        missed = unstable.position_mse.copy()
        missed[2:5, 2:5] *= 30
        for nmf in (unstable, replace(unstable, position_mse=missed)):
            said = " ".join(caution.text for caution in of_factorization(nmf))
            assert ("fewer components" in said) != ("more components" in said)

    def test_restarts_differ(self, good):
        nmf = replace(good, restart_mse=good.mse * np.array([1.0, 1.02, 1.0]))
        assert "Restarts differ" in titles(of_factorization(nmf))

    def test_not_converged(self, good):
        history = [np.arange(9.0, 1, -1)] * 3
        settings = good.settings | {"max_iterations": 8}
        nmf = replace(good, history=history, settings=settings)
        assert "Not converged" in titles(of_factorization(nmf))
        nmf = replace(good, history=history, settings=settings | {"max_iterations": 9})
        assert "Not converged" not in titles(of_factorization(nmf))

    def test_far_above_pca(self, good):
        assert "Far above PCA" in titles(of_factorization(replace(good, pca_mse=0.9 * good.mse)))
        for pca_mse in (np.nan, 0.0, 1e-30):
            found = titles(of_factorization(replace(good, pca_mse=pca_mse)))
            assert "Far above PCA" not in found

    def test_few_positions(self, good):
        few = np.full_like(good.position_mse, np.nan)
        few[0, :10] = 1.0
        assert "Few positions" in titles(of_factorization(replace(good, position_mse=few)))

    @pytest.mark.parametrize(("off", "said"), [(0.0, False), (3.9, False), (4.1, True)])
    def test_center_off_the_beam(self, good, off, said):
        settings = good.settings | {"center_off": off}
        found = titles(of_factorization(replace(good, settings=settings)))
        assert ("Centre off the beam" in found) == said

    def test_scan_put_right(self, good):
        assert "Scan put right" not in titles(of_factorization(good))
        settings = good.settings | {"corrections": {"bad_pixels": 3, "drift": 1.2}}
        (found,) = (
            caution
            for caution in of_factorization(replace(good, settings=settings))
            if caution.title == "Scan put right"
        )
        assert found.text.startswith("3 bad pixels, a beam that moves by up to 1.2 px: corrected")

    def test_estimated_center(self, good):
        assert "given" in good.settings["center_from"]
        settings = good.settings | {"center_from": "estimated from the mean pattern"}
        assert "Estimated centre" in titles(of_factorization(replace(good, settings=settings)))


def tree_of(distances, relative=None, noise=None, evidence=None):
    """A tree of four with these distances; first 0 and 1, then 2, then 3 join."""
    patterns = NMFDiffraction2D(np.random.default_rng(0).random((4, 9, 9)))
    tree = ClusterTree.from_patterns(patterns, center=(4, 4), crystals_first=False)
    linkage = [[0, 1, 0, 2], [2, 4, 0, 3], [3, 5, 0, 4]]
    tree.linkage = np.array(linkage, dtype=float)
    tree.linkage[:, 2] = distances
    if relative is None:
        relative = np.zeros((4, 4))
        for i, j in zip(*np.triu_indices(4, 1), strict=True):
            relative[i, j] = relative[j, i] = distances[j - 1]
    tree.relative = Relative(relative, np.zeros(4) if noise is None else noise)
    tree.evidence = evidence
    return tree


class TestCut:
    def test_clear_cut(self):
        found = of_groups(tree_of([0.10, 0.12, 0.9]).cut())
        # The fourth one is alone, and that is all there is to say.
        assert titles(found) == {"Single components"}

    def test_inversions_above_the_cut(self):
        found = of_groups(tree_of([0.1, 0.9, 0.6]).cut(distance=0.5))
        assert "Inversions above the cut" in titles(found)
        found = of_groups(tree_of([0.2, 0.1, 0.9]).cut(distance=0.5))
        assert "Inversions above the cut" not in titles(found)

    def test_small_inversions_are_noise(self):
        assert inversions(tree_of([0.1, 0.600, 0.595]).linkage).size == 0
        assert inversions(tree_of([0.1, 0.60, 0.50]).linkage).tolist() == [2]

    def test_groups_wider_than_the_cut(self):
        groups = tree_of([0.6, 0.3, 0.9]).cut(distance=0.5)
        assert len(groups) == 2
        assert "Groups wider than the cut" in titles(of_groups(groups))

    @pytest.mark.parametrize("how", [{"distance": 0.11}, {"n_groups": 3}])
    def test_another_cut_than_suggested(self, how):
        found = {c.title: c for c in of_groups(tree_of([0.10, 0.12, 0.9]).cut(**how))}
        assert "suggests 2 groups instead of 3" in found["Cut by hand"].text
        assert not found["Cut by hand"].serious

    def test_cut_that_is_not_clear(self):
        tree = tree_of([0.1, 0.25, 0.5])
        found = {c.title: c for c in of_groups(tree.cut())}
        assert found["Cut not clear"].serious
        number, score = tree.suggest_cut().finer
        assert f"{number} groups {score:.2f}" in found["Cut not clear"].text

    def test_components_at_the_border(self):
        noise = np.array([0.1, 0.9, 0.1, 0.1])
        found = {c.title: c for c in of_groups(tree_of([0.1, 0.12, 0.9], noise=noise).cut())}
        assert found["Components at the border"].text.startswith("Component 1 may")

    def test_what_is_not_one_crystal(self):
        tree = tree_of([0.1, 0.12, 0.9])
        double, tilted = np.arange(4) == 2, np.arange(4) < 2
        parts = np.array([[-1, -1], [-1, -1], [3, 0], [-1, -1]])
        tree.compounds = Compounds(double, parts, np.zeros(4), tilted)
        found = {c.title: c for c in of_groups(tree.cut())}
        assert "Component 2 shows the spots of 3 and 0 at" in (
            found["Two crystals in one component"].text
        )
        assert found["Tilted crystals"].text.startswith("Components 0, 1 show")

    def test_matrix_is_neither_alone_nor_wide(self):
        evidence = SpotEvidence(
            np.array([1.0, 0.5, 9.0, 9.0]),
            np.array([False, False, True, True]),
            np.array([True, False, False, False]),
        )
        tree = tree_of([0.8, 0.85, 0.9], evidence=evidence)
        tree.linkage[1:, :2] = [[2, 3], [4, 5]]
        tree.relative.distances[2, 3] = tree.relative.distances[3, 2] = 0.01
        tree.linkage[1, 2] = 0.01
        none = np.zeros(4, dtype=bool)
        tree.compounds = Compounds(none, np.full((4, 2), -1), np.zeros(4), none)
        groups = tree.cut()
        assert [members.tolist() for members in groups] == [[2, 3], [0, 1]]
        found = {c.title: c for c in of_groups(groups)}
        assert set(found) == {"Crystal or matrix"}
        assert "component 0 shows" in found["Crystal or matrix"].text


def spacings_of(*rings, per_nm=1.0, camera_error=0.01):
    radii = np.arange(5.0)
    flat = np.ones((1, 5))
    own = tuple(Ring(radius, sigma, n_spots, 1.0) for radius, sigma, n_spots in rings)
    profiles = Profiles(radii, flat, flat, flat)
    return LatticeSpacings((GroupRings(own),), profiles, "1/nm", per_nm, camera_error)


class TestSpacings:
    def test_good_ones(self):
        assert titles(of_spacings(spacings_of((4.0, 0.01, 4), camera_error=1e-3))) == set()

    def test_nothing_measured(self):
        assert titles(of_spacings(spacings_of(camera_error=0.0))) == set()

    def test_camera_constant(self):
        found = of_spacings(spacings_of((4.0, 0.001, 4), camera_error=0.0))
        assert titles(found) == {"Camera constant"}

    def test_not_calibrated(self):
        assert titles(of_spacings(spacings_of((4.0, 0.1, 4), per_nm=None))) == {"No spacings"}

    def test_uncertain(self):
        found = list(of_spacings(spacings_of((4.0, 0.2, 4), (8.0, 0.01, 4), camera_error=1e-3)))
        assert [c.text for c in found] == ["Known to no better than 1 %: 0.25 nm (i)."]

    def test_single_pairs(self):
        found = list(of_spacings(spacings_of((4.0, 0.01, 2), (8.0, 0.01, 4), camera_error=1e-3)))
        assert [c.title for c in found] == ["Rings of one pair"]
        assert found[0].text.startswith("1 of 2 rings")


SPACINGS = [(0.3, 0.001), (0.2, 0.001), (0.15, 0.001)]


def sizes_of(*diameters, units="nm", shape="disc"):
    particles = tuple(Particle(5.0, 5.0, d, 0.1, False, 1.0) for d in diameters)
    maps = np.ones((1, 9, 9)), PixelSize(1.5, 1.5, units)
    return ParticleSizes((GroupSizes(particles, 5.0, 0.1),), units, 182.0, 1.0, shape, maps)


class TestSizes:
    def test_good_ones(self):
        assert titles(of_sizes(sizes_of(*[6.0] * 12))) == set()

    def test_none(self):
        assert titles(of_sizes(sizes_of(shape="sphere"))) == set()

    def test_what_is_wrong(self):
        found = titles(of_sizes(sizes_of(3.0, 3.5, units="px", shape="sphere")))
        assert found == {
            "No sizes in nm",
            "Taken for spheres",
            "Small particles",
            "Few particles",
        }


class TestPhases:
    def match(self, spacings, candidates):
        found = match_phases([spacings, []], candidates, tolerance=0.002)
        return PhaseMatch(found.explanations, 2, found.chances)

    def test_not_distinguishable(self):
        match = self.match(SPACINGS, {"a": [0.3, 0.2, 0.15], "b": [0.3, 0.2001, 0.15]})
        assert titles(of_phases(match)) == {"Phases of group i"}

    def test_unexplained(self):
        match = self.match([*SPACINGS, (0.1, 0.001)], {"a": [0.3, 0.2, 0.15]})
        (found,) = of_phases(match)
        assert found.text == "a leaves 0.1 nm unexplained."

    def test_explained(self):
        match = self.match(SPACINGS, {"a": [0.3, 0.2, 0.15], "b": [0.4]})
        assert titles(of_phases(match)) == set()


class TestAll:
    def test_nothing_known_nothing_said(self):
        assert cautions(Findings()) == []

    def test_serious_first(self, groups):
        findings = Findings.of_groups(groups)
        found = [caution.serious for caution in cautions(findings)]
        assert found == sorted(found, reverse=True)
        assert found
