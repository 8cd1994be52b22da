import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseEvent
from scipy.cluster.hierarchy import is_valid_linkage

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.similarity import map_similarity, pattern_similarity

CENTER = (30.3, 31.1)
METRICS = ("cross_correlation", "correlation", "cosine", "euclidean")


def pattern_signal(patterns, center=CENTER, scale=0.1):
    s = NMFDiffraction2D(np.asarray(patterns))
    for axis, position in zip(s.axes_manager.signal_axes, center, strict=True):
        axis.scale, axis.offset, axis.units = scale, -position * scale, "1/nm"
    return s


@pytest.fixture(scope="module")
def specimen(draw):
    """Ten patterns of three families with their maps, and what they were drawn from."""
    rng = np.random.default_rng(0)
    families = np.array([0, 1, 0, 2, 1, 2, 0, 1, 2, 0])
    angles = rng.uniform(0, 360, 10)
    positions = rng.uniform((6, 6), (24, 19), (10, 2))
    patterns = draw.family_patterns(families, angles) + 0.01 * rng.random((10, 64, 60))
    maps = hs.signals.Signal2D(np.array([draw.particle(p) for p in positions]))
    for axis in maps.axes_manager.signal_axes:
        axis.scale, axis.units = 1.5, "nm"
    return pattern_signal(patterns), maps, families, angles, positions


@pytest.fixture(scope="module")
def tree(specimen):
    return ClusterTree.from_patterns(*specimen[:2])


class TestFromPatterns:
    def test_groups_are_the_families(self, tree, specimen):
        labels = tree.cut().labels
        families = specimen[2]
        np.testing.assert_array_equal(labels[:, None] == labels, families[:, None] == families)

    def test_linkage_is_scipys(self, tree):
        assert is_valid_linkage(tree.linkage)
        assert tree.linkage.shape == (9, 4)

    def test_similarity_is_that_of_the_polar_patterns(self, tree):
        similarity, rotations = pattern_similarity(tree.polar_patterns.data)
        np.testing.assert_array_equal(tree.similarity, similarity)
        np.testing.assert_array_equal(tree.rotations, rotations)
        assert tree.linkage[0, 2] == 1 - np.sort(similarity[np.triu_indices(10, 1)])[-1]

    def test_polar_patterns_are_calibrated(self, tree):
        phi, r = tree.polar_patterns.axes_manager.signal_axes
        assert (phi.name, r.name, r.units) == ("phi", "r", "1/nm")
        assert r.axis[-1] == pytest.approx(2.87 - 0.05, abs=0.05)

    def test_center_overrides_the_axes(self, specimen, tree):
        patterns = NMFDiffraction2D(specimen[0].data)
        other = ClusterTree.from_patterns(patterns, center=CENTER)
        np.testing.assert_allclose(other.linkage, tree.linkage)

    def test_masked_patterns(self, specimen, tree):
        masked = specimen[0].deepcopy()
        radius = tree.grid.detector.radius()
        masked.data[:, (radius < 0.5) | (radius > 2.87)] = np.nan
        other = ClusterTree.from_patterns(masked, radial_range=(0.5, 2.87))
        np.testing.assert_array_equal(other.cut().labels, tree.cut().labels)
        assert np.isfinite(other.linkage).all()

    def test_scan_of_patterns(self, specimen, tree):
        scan = NMFDiffraction2D(specimen[0].data.reshape(5, 2, 64, 60))
        other = ClusterTree.from_patterns(scan, center=CENTER)
        assert len(other) == 10
        np.testing.assert_allclose(other.linkage, tree.linkage)

    def test_lazy(self, specimen, tree):
        other = ClusterTree.from_patterns(specimen[0].as_lazy(), specimen[1].as_lazy())
        np.testing.assert_allclose(other.linkage, tree.linkage)
        assert not other.cut().patterns._lazy

    def test_integers(self, specimen):
        counts = NMFDiffraction2D((specimen[0].data * 1000).astype(">u2"))
        assert len(ClusterTree.from_patterns(counts, center=CENTER).cut()) == 3

    @pytest.mark.parametrize("metric", METRICS[1:])
    def test_other_metrics_do_not_see_rotated_families(self, specimen, metric):
        other = ClusterTree.from_patterns(*specimen[:2], metric=metric)
        labels, families = other.cut(n_groups=3).labels, specimen[2]
        assert ((labels[:, None] == labels) != (families[:, None] == families)).any()
        assert other.rotations is None
        assert other.merge_rotations is None
        np.testing.assert_array_equal(other.cut(n_groups=3).rotations, 0)

    def test_euclidean_distances(self, specimen):
        other = ClusterTree.from_patterns(specimen[0], metric="euclidean", radial_range=(0, 99))
        rows = specimen[0].data.reshape(10, -1)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        distances = np.linalg.norm(rows[:, None] - rows, axis=2)
        np.testing.assert_allclose(1 - other.similarity, distances, atol=1e-7)
        assert other.linkage[0, 2] == pytest.approx(distances[np.triu_indices(10, 1)].min())

    @pytest.mark.parametrize("metric", METRICS)
    def test_maps(self, specimen, metric):
        other = ClusterTree.from_patterns(*specimen[:2], by="maps", metric=metric)
        assert is_valid_linkage(other.linkage)
        assert other.rotations is None
        if metric == "cross_correlation":
            similarity, shifts = map_similarity(specimen[1].data)
            np.testing.assert_array_equal(other.similarity, similarity)
            np.testing.assert_array_equal(other.shifts, shifts)
            assert other.merge_shifts.shape == (9, 2)
        else:
            assert other.shifts is None

    def test_nothing_to_compare_gives_no_warnings(self):
        s = NMFDiffraction2D(np.ones((3, 16, 16)))
        for metric in METRICS:
            other = ClusterTree.from_patterns(s, center=(7, 8), metric=metric)
            assert np.isfinite(other.linkage).all()
            assert len(other.cut(n_groups=3)) == 3


class TestBadInput:
    @pytest.mark.parametrize("name", ["by", "metric"])
    def test_unknown_word(self, specimen, name):
        with pytest.raises(ValueError, match=f"`{name}` must be one of .*'nonsense'"):
            ClusterTree.from_patterns(specimen[0], **{name: "nonsense"})

    def test_maps_missing(self, specimen):
        with pytest.raises(ValueError, match="needs maps"):
            ClusterTree.from_patterns(specimen[0], by="maps")

    def test_one_pattern(self, specimen):
        with pytest.raises(ValueError, match="At least 2"):
            ClusterTree.from_patterns(specimen[0].inav[:1])

    def test_number_of_maps(self, specimen):
        with pytest.raises(ValueError, match="one map for each of the 10"):
            ClusterTree.from_patterns(specimen[0], specimen[1].inav[:4])

    def test_unknown_center(self, specimen):
        with pytest.raises(ValueError, match="center"):
            ClusterTree.from_patterns(NMFDiffraction2D(specimen[0].data))

    def test_center_off_the_detector(self, specimen):
        with pytest.raises(ValueError, match="outside the detector"):
            ClusterTree.from_patterns(specimen[0], center=(-5, 3))

    @pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN everywhere"), (np.inf, "inf")])
    def test_values(self, specimen, value, message):
        bad = specimen[0].deepcopy()
        bad.data[3] = value
        with pytest.raises(ValueError, match=f"pattern 3 .*{message}"):
            ClusterTree.from_patterns(bad)
        maps = specimen[1].deepcopy()
        maps.data[2] = value
        with pytest.raises(ValueError, match=f"map 2 .*{message}"):
            ClusterTree.from_patterns(specimen[0], maps)

    def test_nothing_measured_in_range(self, specimen):
        bad = specimen[0].deepcopy()
        bad.data[4, ::1, :45] = np.nan
        with pytest.raises(ValueError, match="Pattern 4 has no measured pixel"):
            ClusterTree.from_patterns(bad, radial_range=(0, 1))
        with pytest.raises(ValueError, match="measured in all patterns"):
            ClusterTree.from_patterns(bad, radial_range=(0, 1), metric="cosine")

    def test_complex(self):
        with pytest.raises(TypeError, match="real"):
            ClusterTree.from_patterns(hs.signals.ComplexSignal2D(np.ones((3, 8, 8), complex)))


class TestCut:
    def test_both(self, tree):
        with pytest.raises(ValueError, match="not both"):
            tree.cut(distance=0.2, n_groups=2)

    @pytest.mark.parametrize("distance", [0, -0.2, np.nan, np.inf])
    def test_bad_distance(self, tree, distance):
        with pytest.raises(ValueError, match="distance"):
            tree.cut(distance=distance)

    @pytest.mark.parametrize("n_groups", [0, -1, 11])
    def test_bad_number(self, tree, n_groups):
        with pytest.raises(ValueError, match="n_groups"):
            tree.cut(n_groups=n_groups)

    @pytest.mark.parametrize("given", [{"n_groups": 2.0}, {"distance": "0.2"}])
    def test_bad_type(self, tree, given):
        with pytest.raises(TypeError, match=next(iter(given))):
            tree.cut(**given)

    def test_distance_comes_first(self, tree):
        assert tree.cut(0.2).distance == 0.2
        np.testing.assert_array_equal(tree.cut(0.2).labels, tree.cut(distance=0.2).labels)

    def test_a_number_of_groups_is_no_distance(self, tree):
        with pytest.raises(ValueError, match=r"`n_groups=3` cuts into as many groups"):
            tree.cut(3)
        assert len(tree.cut(3.0)) == 1

    def test_every_number(self, tree):
        assert [len(tree.cut(n_groups=n)) for n in range(1, 11)] == list(range(1, 11))

    def test_default_is_the_suggested_one(self, tree):
        suggested = tree.suggest_cut()
        assert len(tree.cut()) == suggested.n_groups == 3
        assert tree.cut().distance == suggested.distance


class TestSave:
    @pytest.mark.parametrize("suffix", ["hspy", "zspy"])
    @pytest.mark.parametrize(
        "kwargs",
        [{}, {"by": "maps"}, {"metric": "cosine"}, {"radial_range": (0.5, 2.5), "n_azimuthal": 90}],
    )
    def test_round_trip(self, specimen, tmp_path, suffix, kwargs):
        tree = ClusterTree.from_patterns(*specimen[:2], **kwargs)
        path = tmp_path / f"tree.{suffix}"
        tree.save(path)
        back = hs_nmfcluster.load(path)
        assert type(back) is ClusterTree
        assert repr(back) == repr(tree)
        for name in ("linkage", "similarity", "rotations", "shifts", "merge_rotations"):
            np.testing.assert_array_equal(getattr(back, name), getattr(tree, name), err_msg=name)
        ours, theirs = tree.cut(), back.cut()
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        np.testing.assert_allclose(ours.patterns.data, theirs.patterns.data)
        np.testing.assert_allclose(ours.shifts, theirs.shifts)
        assert type(theirs.maps) is type(ours.maps)
        assert back.maps.axes_manager[-1].units == "nm"

    def test_without_maps(self, specimen, tmp_path):
        tree = ClusterTree.from_patterns(specimen[0])
        tree.save(tmp_path / "tree.hspy")
        assert hs_nmfcluster.load(tmp_path / "tree.hspy").maps is None

    def test_hyperspy_opens_it(self, tree, tmp_path):
        tree.save(tmp_path / "tree.hspy")
        np.testing.assert_array_equal(hs.load(tmp_path / "tree.hspy").data, tree.patterns.data)


class TestFigures:
    @pytest.mark.parametrize("kind", ["sequence", "distance"])
    @pytest.mark.parametrize("cut", [{}, {"n_groups": 4}, {"distance": 0.1}])
    def test_dendrogram(self, tree, kind, cut, tmp_path):
        figure = tree.plot_dendrogram(kind, **cut)
        figure.savefig(tmp_path / "figure.png")
        assert len(figure.axes) > 3

    def test_dendrogram_into_axes(self, tree):
        _, ax = plt.subplots()
        assert tree.plot_dendrogram(ax=ax) is ax.figure

    @pytest.mark.parametrize("by", ["patterns", "maps"])
    def test_similarity(self, tree, by):
        figure = tree.plot_similarity(by=by)
        assert {"Maximum cross-correlation", "Euclidean distance"} <= {
            ax.get_label() for ax in figure.axes
        }
        assert len(tree.plot_similarity("cosine", by).axes) == 2

    def test_scatter_tableau(self, tree):
        assert tree.plot_scatter_tableau().axes
        assert tree.plot_scatter_tableau("maps").axes

    def test_compare(self, tree, specimen):
        np.testing.assert_array_equal(tree.compare("cross_correlation"), tree.similarity)
        np.testing.assert_allclose(
            tree.compare("correlation", "maps"),
            np.corrcoef(specimen[1].data.reshape(10, -1)),
            atol=1e-12,
        )
        with pytest.raises(ValueError, match="needs maps"):
            ClusterTree.from_patterns(specimen[0]).compare("cosine", "maps")

    def test_repr(self, tree):
        assert repr(tree).startswith("<ClusterTree of 10 patterns by cross_correlation")
        assert "into 3 group" in repr(tree)


class TestPlot:
    def test_is_the_dendrogram(self, tree):
        arguments = {"kind": "sequence", "n_groups": 3}
        drawn, expected = tree.plot(**arguments), tree.plot_dendrogram(**arguments)
        assert [ax.get_label() for ax in drawn.axes] == [ax.get_label() for ax in expected.axes]


class TestPlotPolar:
    def test_pattern_and_polar_form(self, tree):
        figure = tree.plot_polar(1)
        images = [image for ax in figure.axes for image in ax.get_images()]
        shapes = {image.get_array().shape for image in images}
        assert tree.polar_patterns.data.shape[1:] in shapes
        with pytest.raises(IndexError):
            tree.plot_polar(99)


@pytest.mark.slow
class TestExplore:
    @staticmethod
    def click(figure, x):
        place = figure.axes[0].transData.transform((x, 4.0))
        for name in ("button_press_event", "button_release_event"):
            figure.canvas.callbacks.process(name, MouseEvent(name, figure.canvas, *place, 1))

    @staticmethod
    def press_key(figure, key):
        name = "key_press_event"
        figure.canvas.callbacks.process(name, KeyEvent(name, figure.canvas, key))

    def test_starts_at_the_suggested_cut(self, tree):
        explorer = tree.explore()
        assert explorer.distance == tree.suggest_cut().distance
        np.testing.assert_array_equal(explorer.groups.labels, tree.cut().labels)
        assert "into 3 groups of 10 components" in repr(explorer)

    @pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 1.0])
    def test_click_is_a_cut(self, tree, share):
        explorer = tree.explore()
        self.click(explorer.figure, share * 1.02 * tree.linkage[:, 2].max())
        groups = tree.cut(distance=explorer.distance)
        assert explorer.groups.distance == explorer.distance
        np.testing.assert_array_equal(explorer.groups.labels, groups.labels)
        np.testing.assert_array_equal(explorer.groups.patterns.data, groups.patterns.data)
        shown = [ax for ax in explorer.figure.axes if ax.get_label().startswith("shift-corrected")]
        assert len(shown) == min(len(groups), 10)

    def test_keys_visit_every_cut(self, tree):
        explorer = tree.explore()
        found = set()
        for key in ["right"] * 10 + ["left"] * 10:
            self.press_key(explorer.figure, key)
            found.add(len(explorer.groups))
        distances = np.sort(cuts.effective_distances(tree.linkage))
        assert found == {1 + int((distances > h).sum()) for h in [0.0, *distances]}

    def test_sequence(self, tree):
        explorer = tree.explore("sequence")
        assert explorer.distance is None
        assert len(explorer.groups) == 3
        self.click(explorer.figure, 5.2)
        np.testing.assert_array_equal(explorer.groups.labels, tree.cut(n_groups=5).labels)
        for key in ["right"] * 10:
            self.press_key(explorer.figure, key)
        assert len(explorer.groups) == 1

    def test_averages_are_made_once(self, tree):
        explorer = tree.explore()
        patterns = explorer.groups.patterns
        self.click(explorer.figure, 0.98 * explorer.distance)
        assert explorer.groups.patterns is patterns

    def test_without_maps(self, specimen):
        figure = ClusterTree.from_patterns(specimen[0]).explore().figure
        labels = [ax.get_label() for ax in figure.axes]
        assert sorted(labels[1:4]) == ["pattern 0", "pattern 1", "pattern 2"]
        assert labels[4:] == ["pattern scale"]

    @pytest.mark.parametrize("given", [{"kind": "angle"}, {"scaling": "log"}])
    def test_bad_word(self, tree, given):
        with pytest.raises(ValueError, match=next(iter(given))):
            tree.explore(**given)
