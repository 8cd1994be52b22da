import numpy as np
import pytest
from scipy import sparse
from scipy.cluster.hierarchy import is_valid_linkage

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.clustering import cuts, many, similarity
from hs_nmfcluster.clustering.agglomeration import agglomerate
from hs_nmfcluster.clustering.alignable import FixedRows, RotatablePatterns, ShiftableMaps
from hs_nmfcluster.clustering.many import agglomerate_neighbours
from hs_nmfcluster.clustering.mirror import MirrorablePatterns
from hs_nmfcluster.clustering.neighbours import neighbour_pairs
from hs_nmfcluster.clustering.similarity import compare_pairs, pairwise
from hs_nmfcluster.clustering.tree import Plan, grow
from hs_nmfcluster.validation import adjusted_rand_index


def noisy_families(seed, n=240, n_families=8, shape=(10, 48), noise=0.5):
    """Polar patterns of some families, rotated by whole bins, and their families."""
    rng = np.random.default_rng(seed)
    kinds = rng.random((n_families, *shape)) ** 6
    labels = rng.integers(n_families, size=n)
    turned = [np.roll(kinds[k], rng.integers(shape[1]), axis=1) for k in labels]
    return np.array(turned) + noise * kinds.std() * rng.normal(size=(n, *shape)), labels


def by_neighbours(items, number, few):
    return grow(items, Plan(len(items), number, 0, few))


def groups_of(linkage, number):
    labels = np.empty(len(linkage) + 1, dtype=int)
    kept = np.arange(len(linkage)) < len(labels) - number
    for group, members in enumerate(cuts.members(linkage, kept)):
        labels[members] = group
    return labels


class TestInvariants:
    @pytest.mark.parametrize("n_azimuthal", [47, 48])
    def test_no_rotation_changes_them(self, n_azimuthal):
        pattern = np.random.default_rng(0).random((1, 6, n_azimuthal))
        items = RotatablePatterns(np.concatenate([pattern, np.roll(pattern, 11, axis=2)]))
        one, other = items.invariants(slice(None))
        np.testing.assert_allclose(one, other, atol=1e-12)
        assert np.linalg.norm(one) == pytest.approx(1)

    def test_no_shift_changes_them(self):
        maps = np.zeros((2, 15, 18))
        maps[0, 3:6, 4:8] = maps[1, 9:12, 10:14] = np.random.default_rng(1).random((3, 4))
        one, other = ShiftableMaps(maps).invariants(slice(None))
        # Not 1, as the mean that is taken off lies elsewhere against the particle.
        assert one @ other > 0.99
        assert np.linalg.norm(one) == pytest.approx(1)

    @pytest.mark.parametrize(
        "items",
        [
            RotatablePatterns(noisy_families(2, 30)[0]),
            RotatablePatterns(noisy_families(2, 30, shape=(10, 47))[0]),
            ShiftableMaps(np.random.default_rng(3).random((30, 7, 9)) ** 3),
            FixedRows(np.random.default_rng(4).random((30, 20)), "correlation"),
            FixedRows(np.random.default_rng(4).random((30, 20)), "euclidean"),
        ],
    )
    def test_their_product_bounds_the_similarity(self, items):
        values = items.invariants(np.arange(30))
        # The parabola that places a peak between samples may lie a little above the curve.
        assert (values @ values.T >= pairwise(items)[0] - 0.03).all()

    def test_flat_patterns_have_none(self):
        items = RotatablePatterns(np.ones((2, 4, 12)))
        np.testing.assert_array_equal(items.invariants(slice(None)), 0)


class TestNeighbourPairs:
    def test_each_pair_once_and_sorted(self):
        items = RotatablePatterns(noisy_families(0)[0])
        first, second = neighbour_pairs(items, 5)
        assert (first < second).all()
        codes = first * 240 + second
        assert (np.diff(codes) > 0).all()
        assert (np.bincount(np.concatenate([first, second]), minlength=240) >= 5).all()

    def test_finds_the_most_similar(self):
        items = RotatablePatterns(noisy_families(1)[0])
        full = pairwise(items)[0] - 2 * np.eye(240)
        near = np.zeros((240, 240), dtype=bool)
        near[neighbour_pairs(items, 12)] = True
        assert (near | near.T)[np.arange(240), full.argmax(axis=1)].mean() > 0.9

    def test_among_some(self):
        places = np.arange(0, 240, 3)
        first, second = neighbour_pairs(RotatablePatterns(noisy_families(2)[0]), 4, places)
        assert np.isin(np.concatenate([first, second]), places).all()

    def test_more_neighbours_than_there_are(self):
        items = FixedRows(np.eye(5), "cosine")
        assert len(neighbour_pairs(items, 99)[0]) == 10

    def test_things_without_any_invariants(self):
        assert len(neighbour_pairs(RotatablePatterns(np.ones((6, 4, 12))), 2)[0]) >= 6


class TestComparePairs:
    def test_as_all_pairs(self):
        items = RotatablePatterns(noisy_families(3, 40)[0])
        full, shifts = pairwise(items)
        first, second = neighbour_pairs(items, 6)
        values, moves = compare_pairs(items, first, second)
        np.testing.assert_allclose(values, full[first, second], atol=1e-12)
        np.testing.assert_allclose(moves, shifts[first, second], atol=1e-9)

    def test_in_small_blocks(self, monkeypatch):
        items = ShiftableMaps(np.random.default_rng(5).random((9, 6, 7)) ** 3)
        full = pairwise(items)
        pairs = neighbour_pairs(items, 8)
        monkeypatch.setattr(similarity, "BLOCK_BYTES", 1)
        for found, expected in zip(pairwise(items), full, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-12)
        np.testing.assert_allclose(compare_pairs(items, *pairs)[0], full[0][pairs], atol=1e-12)


class TestAgglomerateNeighbours:
    def test_all_neighbours_are_the_full_tree(self):
        patterns, _ = noisy_families(4, 60)
        items = RotatablePatterns(patterns)
        expected = agglomerate(items, pairwise(items)[0])
        merges, _ = by_neighbours(RotatablePatterns(patterns), 60, 2)
        np.testing.assert_allclose(merges.linkage, expected.linkage, atol=1e-12)
        np.testing.assert_allclose(merges.shifts, expected.shifts, atol=1e-9)

    def test_few_are_the_full_tree(self):
        patterns, _ = noisy_families(4, 60)
        items = RotatablePatterns(patterns)
        expected = agglomerate(items, pairwise(items)[0])
        items = RotatablePatterns(patterns)
        pairs = neighbour_pairs(items, 1)
        found = agglomerate_neighbours(items, pairs, compare_pairs(items, *pairs)[0], 1, few=60)
        np.testing.assert_array_equal(found.linkage, expected.linkage)

    @pytest.mark.parametrize("seed", range(3))
    def test_finds_the_families(self, seed):
        patterns, families = noisy_families(seed, 400)
        merges, compared = by_neighbours(RotatablePatterns(patterns), 8, 30)
        assert is_valid_linkage(merges.linkage)
        assert adjusted_rand_index(groups_of(merges.linkage, 8), families) > 0.99
        assert compared.similarity.nnz < 400 * 18

    def test_rotations_lead_to_the_patterns(self):
        pattern = np.random.default_rng(6).random((6, 72)) ** 4
        angles = np.arange(72) * 5.0
        turned = np.array([np.roll(pattern, k, axis=1) for k in range(72)])
        merges, _ = by_neighbours(RotatablePatterns(turned), 4, 10)
        found = cuts.displacements(merges.linkage, merges.shifts, np.ones(71, dtype=bool))[:, 0]
        np.testing.assert_allclose((found - angles + 180) % 360, 180, atol=1e-6)

    @pytest.mark.parametrize("number", [1, 2])
    def test_runs_out_of_neighbours(self, number):
        # Pairs far from all others: a round ends before half of them have been joined.
        rows = np.eye(40)
        rows[1::2] = rows[::2] + 0.01
        merges, _ = by_neighbours(FixedRows(rows, "cosine"), number, 2)
        assert is_valid_linkage(merges.linkage)
        assert merges.linkage[-1, 3] == 40

    def test_maps(self):
        rng = np.random.default_rng(7)
        maps = np.zeros((60, 20, 20))
        labels = rng.integers(2, size=60)
        for scan, label in zip(maps, labels, strict=True):
            y, x = rng.integers(0, 12, 2)
            scan[y : y + 3 + 4 * label, x : x + 8] = 1
        merges, compared = by_neighbours(ShiftableMaps(maps), 6, 10)
        assert adjusted_rand_index(groups_of(merges.linkage, 2), labels) == 1
        assert len(compared.shifts) == 2

    def test_progress_sees_every_merge(self):
        seen = []
        items = RotatablePatterns(noisy_families(8, 50)[0])
        grow(items, Plan(50, 4, 0, 10), lambda steps: (seen.append(s) or s for s in steps))
        assert seen == list(range(49))


class TestPlan:
    def test_memory_of_all_pairs_grows_with_their_number(self):
        small, large = (Plan.of(n, 0, 1, None).n_bytes for n in (20_000, 40_000))
        assert large - small > 2.9 * (small - Plan.of(2, 0, 1, None).n_bytes)

    def test_twenty_thousand_fit(self):
        items = similarity.RotatablePatterns.bytes_of((20_000, 64, 360))
        assert Plan.of(20_000, items, 1, 32).n_bytes < 2.7e9


@pytest.fixture(scope="module")
def large():
    """Tree of more components than are compared all with all, and their families."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-8:9, -8:9]
    families, angles = rng.integers(3, size=2100), rng.uniform(0, 2 * np.pi, 2100)
    patterns = np.zeros((2100, 17, 17), dtype=np.float32)
    for pattern, family, angle in zip(patterns, families, angles, strict=True):
        for phi in np.arange(family + 1) * 1.3:
            px, py = 6 * np.cos(phi + angle), 6 * np.sin(phi + angle)
            pattern += np.exp(-((x - px) ** 2 + (y - py) ** 2) / 3)
    patterns += rng.normal(scale=0.02, size=patterns.shape).astype(np.float32)
    signal = NMFDiffraction2D(patterns)
    maps = NMFDiffraction2D(rng.random((2100, 4, 5)))
    return ClusterTree.from_patterns(
        signal,
        maps,
        center=(8, 8),
        n_azimuthal=72,
        crystals_first=False,
        show_progressbar=False,
    ), families


@pytest.mark.slow
class TestLargeTree:
    def test_says_how_it_was_made(self, large):
        tree, _ = large
        assert tree.settings["pairs"] == "neighbours"
        assert tree.settings["n_neighbors"] == 32
        assert tree.settings["memory_estimate"] > 256 * 2**20
        assert "32 neighbours" in repr(tree)

    def test_groups(self, large):
        tree, families = large
        assert adjusted_rand_index(tree.cut(n_groups=3).labels, families) > 0.99

    def test_similarity_is_that_of_the_pairs(self, large):
        tree, _ = large
        assert isinstance(tree.similarity, sparse.csr_array)
        some = np.array([5, *tree.similarity[[5]].indices[:10]])
        full = tree.compare("cross_correlation", components=some)
        np.testing.assert_allclose(tree.similarity[[5]].toarray()[0, some], full[0], atol=1e-6)
        np.testing.assert_array_equal(tree.similarity.diagonal(), 1)
        assert abs(tree.similarity - tree.similarity.T).max() == 0
        assert abs(tree.rotations + tree.rotations.T).max() == 0

    def test_figures(self, large):
        tree, _ = large
        assert tree.plot_similarity("cross_correlation").axes[0].images[0].get_array().shape == (
            400,
            400,
        )
        assert tree.plot_scatter_tableau(by="maps").axes[0].images[0].get_array().shape == (60, 60)

    @pytest.mark.parametrize("kind", ["distance", "sequence"])
    def test_dendrogram_shows_groups(self, large, kind):
        tree, _ = large
        groups = tree.cut(n_groups=3)
        figure = groups.plot_dendrogram(kind)
        names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert sorted(names) == sorted(str(len(members)) for members in groups)
        assert "shift-corrected 2" in [ax.get_label() for ax in figure.axes]

    @pytest.mark.parametrize("n_groups", [1, 1000])
    def test_dendrogram_of_one_or_very_many_groups(self, large, n_groups):
        tree, _ = large
        figure = tree.plot_dendrogram(n_groups=n_groups)
        counts = [int(text.get_text()) for text in figure.axes[0].get_yticklabels()]
        assert len(counts) == 60
        assert sum(counts) == 2100

    @pytest.mark.parametrize("kind", ["distance", "sequence"])
    def test_explorer_shows_the_upper_part(self, large, kind):
        tree, families = large
        explorer = tree.explore(kind)
        assert len(explorer.groups) == tree.suggest_cut().n_groups == 3
        assert adjusted_rand_index(explorer.groups.labels, families) > 0.99
        brackets = [c for c in explorer.figure.axes[0].collections if "merge" in c.get_label()]
        assert len(brackets) == 299

    def test_figures_and_text_of_groups_show_some(self, large):
        groups = large[0].cut(n_groups=60)
        labels = [ax.get_label() for ax in groups.plot().axes]
        assert sum(label.startswith("members") for label in labels) == 12
        labels = [ax.get_label() for ax in groups.plot_components().axes]
        assert "pattern 39" in labels
        assert "pattern 40" not in labels
        assert repr(groups).endswith("… and 40 more>")

    def test_round_trip(self, large, tmp_path):
        tree, _ = large
        tree.save(tmp_path / "tree.hspy")
        back = hs_nmfcluster.load(tmp_path / "tree.hspy")
        assert repr(back) == repr(tree)
        assert back.settings == tree.settings
        for name in ("similarity", "rotations"):
            assert abs(getattr(back, name) - getattr(tree, name)).max() == 0

    def test_all_pairs_if_asked(self, large):
        tree, _ = large
        some = NMFDiffraction2D(tree.patterns.data[:, ::2, ::2])
        full = ClusterTree.from_patterns(
            some, center=(4, 4), n_radial=2, n_azimuthal=12, n_neighbors=None, metric="cosine"
        )
        assert full.similarity.shape == (2100, 2100)
        assert full.settings["pairs"] == "all"

    def test_memory_is_refused_before(self, large):
        tree, _ = large
        with pytest.raises(ValueError, match=r"2100 components.*100.00 MiB.*`max_memory`"):
            ClusterTree.from_patterns(tree.patterns, center=(8, 8), max_memory="100 MiB")

    @pytest.mark.parametrize(("n_neighbors", "error"), [(0, ValueError), (2.5, TypeError)])
    def test_bad_number(self, large, n_neighbors, error):
        with pytest.raises(error, match="n_neighbors"):
            ClusterTree.from_patterns(large[0].patterns, center=(8, 8), n_neighbors=n_neighbors)

    def test_the_limit_is_documented(self):
        assert f"more than {many.FEW} components" in ClusterTree.__doc__ + "".join(
            ClusterTree.from_patterns.__doc__.split("\n")
        )


@pytest.fixture(scope="module")
def mixed():
    """Tree of very many crystals of two families and matrix, and what each is (0: matrix)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-16:17, -16:17]
    halo = 3 * np.exp(-(((np.hypot(x, y) - 8) / 3) ** 2))
    kinds, angles = rng.integers(3, size=2100), rng.uniform(0, 2 * np.pi, 2100)
    patterns = np.empty((2100, 33, 33), dtype=np.float32)
    for pattern, kind, angle in zip(patterns, kinds, angles, strict=True):
        image = halo * rng.uniform(0.7, 1.3) + 0.5
        for phi, r in ((0, 9), (1.1, 13))[:kind]:
            for opposite in (0, np.pi):
                px, py = r * np.cos(phi + angle + opposite), r * np.sin(phi + angle + opposite)
                image = image + 12 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 2.5)
        pattern[:] = rng.poisson(8 * image)
    signal = NMFDiffraction2D(patterns)
    return ClusterTree.from_patterns(
        signal, center=(16, 16), n_azimuthal=90, show_progressbar=False
    ), kinds


@pytest.mark.slow
class TestLargeTreeOfCrystalsAndMatrix:
    def test_crystals_are_told_first(self, mixed):
        tree, kinds = mixed
        assert (tree.crystalline == (kinds > 0)).mean() > 0.95
        groups = tree.cut()
        assert adjusted_rand_index(groups.labels, kinds) > 0.9
        matrix = groups.labels[np.flatnonzero(~tree.crystalline)]
        assert set(matrix) == set(groups.matrix)

    def test_only_crystals_are_compared(self, mixed):
        tree, _ = mixed
        pairs = tree.similarity.tocoo()
        apart = pairs.row != pairs.col
        assert tree.crystalline[pairs.row[apart]].all()
        assert tree.crystalline[pairs.col[apart]].all()
        np.testing.assert_array_equal(tree.similarity.diagonal(), 1)

    def test_a_sample_of_crystals_judges_the_cut_of_all(self, mixed):
        tree, _ = mixed
        assert tree.judged.size == 1000
        assert tree.crystalline[tree.judged].all()
        assert tree.relative.distances.shape == (1000, 1000)
        suggested = tree.suggest_cut()
        assert len(tree.cut()) == suggested.n_groups == len(tree.cut(suggested.distance))
        own = tree.cut().separation.own
        np.testing.assert_array_equal(np.flatnonzero(np.isfinite(own)), tree.judged)

    def test_in_words(self, mixed):
        tree, _ = mixed
        assert "crystals, " in repr(tree)
        assert "2 families of crystals" in tree.cut().summary()

    def test_round_trip(self, mixed, tmp_path):
        tree, _ = mixed
        tree.cut().save(tmp_path / "groups.hspy")
        back = hs_nmfcluster.load(tmp_path / "groups.hspy")
        assert repr(back.tree) == repr(tree)
        np.testing.assert_array_equal(back.tree.hosts, tree.hosts)
        np.testing.assert_array_equal(back.labels, tree.cut().labels)


def test_mirror_images_among_neighbours():
    patterns = noisy_families(9, 40, n_families=2, noise=0.02)[0]
    patterns[::2] = patterns[::2, :, ::-1]
    full = pairwise(MirrorablePatterns(patterns))[1]
    _, compared = by_neighbours(MirrorablePatterns(patterns), 6, 10)
    rows, columns = compared.similarity.nonzero()
    for axis, shifts in enumerate(compared.shifts):
        np.testing.assert_allclose(shifts[rows, columns], full[rows, columns, axis], atol=1e-6)


def test_a_single_crystal_among_neighbours():
    merges, compared = by_neighbours(RotatablePatterns(noisy_families(1, 1)[0]), 6, 10)
    assert merges.linkage.shape == (0, 4)
    assert compared.similarity.toarray().tolist() == [[1.0]]
