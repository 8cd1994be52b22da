"""What results say of themselves, as text and in a notebook."""

import base64
import inspect
import io
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.image import imread
from scans import counts, decompose, signal

from hs_nmfcluster import ClusterTree, Factorization, Groups, RankStudy
from hs_nmfcluster.plotting import group_color
from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.cards import restarts_in_words, restarts_of, stability_in_words
from hs_nmfcluster.report.figures import illustrations
from hs_nmfcluster.report.markup import card, map_uri, pattern_uri


def pixels(uri):
    """Red, green, blue of an image in a data URI."""
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    return imread(io.BytesIO(base64.b64decode(body)))[..., :3]


def sources(html):
    return re.findall(r'<img src="([^"]*)"', html)


@pytest.fixture(scope="module")
def nmf():
    return decompose(signal(counts((5, 6, 20, 24))), 4)


@pytest.fixture(scope="module")
def tree(nmf):
    return ClusterTree.from_patterns(nmf.patterns, nmf.maps)


class TestText:
    def test_one_of_everything(self):
        s = signal(counts())
        one = decompose(s, 1, restarts=1)
        assert "1 component of a 6 × 5 scan" in repr(one)
        assert ", 1 restart," in repr(one)

    def test_several(self, nmf, tree):
        assert "4 components of a 6 × 5 scan, 24 × 20 pixels" in repr(nmf)
        assert "best of 2 restarts" in repr(nmf)
        assert "into 1 group>" in repr(tree) or re.search(r"into [2-4] groups>", repr(tree))
        assert repr(tree.cut(n_groups=1)).startswith("<1 group of 4 components")

    @pytest.mark.parametrize("answer", ["lattice_spacings", "particle_sizes", "orientation_map"])
    def test_answers_of_one_group(self, tree, answer):
        assert " 1 group" in repr(getattr(tree.cut(n_groups=1), answer)())


class TestNotebook:
    def test_factorization(self, nmf):
        html = nmf._repr_html_()
        assert "6 × 5 positions, 24 × 20 pixels" in html
        assert f"{nmf.mse:.6g}" in html
        assert len(sources(html)) == 2 * 4

    def test_maps_on_a_cluster_are_not_fetched(self, nmf):
        html = replace(nmf, maps=nmf.maps.as_lazy())._repr_html_()
        assert len(sources(html)) == 4

    def test_tree(self, tree):
        html = tree._repr_html_()
        (drawn,) = sources(html)
        assert np.ptp(pixels(drawn)) > 0.3
        assert tree.suggest_cut().reason in html

    def test_groups_have_their_colors(self, tree):
        groups = tree.cut(n_groups=3)
        html = groups._repr_html_()
        assert len(sources(html)) == 2 * 3
        colors = [group_color(group, groups.matrix) for group in range(3)]
        for color in colors:
            assert html.count(f"border: 2px solid {color}") == 2 * colors.count(color)

    def test_groups_without_maps(self, nmf):
        groups = ClusterTree.from_patterns(nmf.patterns).cut(n_groups=2)
        assert len(sources(groups._repr_html_())) == 2

    def test_many_components_are_not_all_shown(self):
        nmf = decompose(signal(counts((5, 6, 12, 12))), 14)
        html = nmf._repr_html_()
        assert len(sources(html)) == 2 * 12
        assert "14 components, the first 12 below" in html

    @pytest.mark.parametrize("shape", [(30,), (2, 3, 5)])
    def test_any_scan(self, shape):
        nmf = decompose(signal(counts((*shape, 20, 24))), 3)
        groups = ClusterTree.from_patterns(nmf.patterns, nmf.maps).cut(n_groups=2)
        assert len(sources(nmf._repr_html_() + groups._repr_html_())) == 2 * 3 + 2 * 2

    def test_rank_study(self):
        study = signal(counts()).estimate_number_of_components(
            [1, 2, 3],
            restarts=1,
            signal_mask=None,
            random_state=0,
            print_info=False,
            show_progressbar=False,
        )
        html = study._repr_html_()
        (drawn,) = sources(html)
        assert np.ptp(pixels(drawn)) > 0.3
        assert "with a single restart nothing is known of stability" in html
        assert "1 restart each" in repr(study)

    def test_leaves_pyplot_alone(self, nmf, tree):
        before = plt.figure()
        for result in (nmf, tree, tree.cut()):
            result._repr_html_()
        assert plt.get_fignums() == [before.number]
        assert plt.gcf() is before

    def test_nothing_from_outside(self, nmf, tree):
        for result in (nmf, tree, tree.cut()):
            html = result._repr_html_()
            assert all(source.startswith("data:image/png;base64,") for source in sources(html))
            assert "http" not in html
            assert "<script" not in html


class TestThumbnails:
    def test_masked_pixels_are_grey(self):
        image = np.full((10, 12), np.nan)
        image[3:6, 3:6] = 5.0
        drawn = pixels(pattern_uri(image))
        assert drawn.shape[:2] == (10, 12)
        assert np.ptp(drawn[0, 0]) == 0
        assert np.ptp(drawn[4, 4]) > 0

    def test_large_ones_are_binned(self):
        image = np.zeros((512, 384))
        image[256:, :] = 1.0
        drawn = pixels(pattern_uri(image))
        assert drawn.shape[:2] == (64, 48)
        assert drawn[-1, 0].sum() > drawn[0, 0].sum()

    @pytest.mark.parametrize("shape", [(1, 1), (1, 3), (200, 3), (65, 64), (5,), (2, 3, 4)])
    def test_any_shape(self, shape):
        assert pixels(map_uri(np.random.default_rng(0).random(shape))).size

    def test_nothing_measured(self):
        assert np.ptp(pixels(map_uri(np.full((4, 5), np.nan)))) == 0


class TestWords:
    def test_text_is_escaped(self):
        html = card("<b>", '"><script>alert(1)</script>', [("<i>", "&")])
        assert "<script" not in html
        assert "&lt;b&gt;" in html

    def test_restarts(self):
        assert restarts_in_words(np.zeros(2)) == "best of 2, the worst 0 above"

    def test_restarts_of_neighbourhoods(self, nmf):
        tiled = replace(nmf, settings=nmf.settings | {"tiles": [8, 8], "restarts": 3})
        assert restarts_of(tiled) == "3 of each neighbourhood"
        assert "convergence" not in [
            one.name for one in illustrations(Findings(factorization=tiled))
        ]
        assert "convergence" in [one.name for one in illustrations(Findings(factorization=nmf))]

    def test_stability(self):
        assert stability_in_words(np.array([np.nan])) == "not known from a single restart"
        assert stability_in_words(np.array([0.9, 0.95])).startswith("2 of 2 components return in")


class TestCompletion:
    """What tab completion offers is documented, and offers nothing else."""

    @pytest.mark.parametrize("result", [Factorization, RankStudy, ClusterTree, Groups])
    def test_public_names_are_documented(self, result):
        names = [name for name in dir(result) if not name.startswith("_")]
        assert {"plot" if result is not ClusterTree else "plot_dendrogram"} <= set(names)
        described = inspect.getdoc(result)
        for name in names:
            value = getattr(result, name)
            # A default of a field, which the class describes.
            described_there = value is None and f"\n{name}\n" in described
            assert described_there or inspect.getdoc(value), name
