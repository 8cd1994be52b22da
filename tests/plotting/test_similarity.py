from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex

from hs_nmfcluster.plotting import group_color, plot_scatter_tableau, plot_similarity

from .specimen import GROUPS


def similarity(number: int = 6) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(number, 9))
    return np.corrcoef(vectors)


class TestPlotSimilarity:
    @pytest.mark.parametrize("number", [1, 6, 20])
    def test_one_panel_for_each_matrix_on_one_scale(self, number: int, render) -> None:
        matrix = np.atleast_2d(similarity(number))
        figure = plot_similarity({"Patterns": matrix, "Maps": 0.1 * matrix})
        first, second, bar = figure.axes
        assert [ax.get_title(loc="left") for ax in (first, second)] == ["Patterns", "Maps"]
        assert bar.get_ylabel() == "Similarity"
        np.testing.assert_array_equal(first.images[0].get_array(), matrix)
        for ax in (first, second):
            assert ax.images[0].get_clim() == (-1, 1)
            assert (ax.get_xlabel(), ax.get_ylabel()) == ("Component", "Component")
        render(figure)

    def test_distances_have_their_own_scale(self, render) -> None:
        matrix = similarity()
        figure = plot_similarity(
            {"Cosine": matrix, "Euclidean": 7 * (1 - matrix)}, distances=["Euclidean"]
        )
        cosine, euclidean = figure.axes[:2]
        assert cosine.images[0].get_clim() == (-1, 1)
        assert euclidean.images[0].get_clim() == (0, pytest.approx(7 * (1 - matrix.min())))
        labels = {ax.get_ylabel() or ax.get_xlabel() for ax in figure.axes[2:]}
        assert labels == {"Distance", "Similarity"}
        render(figure)

    def test_labels_in_the_colours_of_the_groups(self, render) -> None:
        figure = plot_similarity({"a": similarity()}, groups=GROUPS, labels=list("abcdef"))
        ticks = figure.axes[0].get_xticklabels()
        assert [tick.get_text() for tick in ticks] == list("abcdef")
        assert [to_hex(tick.get_color()) for tick in ticks] == [group_color(g) for g in GROUPS]
        render(figure)

    def test_nan(self, render) -> None:
        matrix = similarity()
        matrix[2] = matrix[:, 2] = np.nan
        render(plot_similarity({"a": matrix}))

    @pytest.mark.parametrize(
        ("matrices", "distances", "message"),
        [
            ({}, [], "matrices is empty"),
            ({"a": np.ones((2, 3))}, [], r"shape \(2, 3\); it must be \(2, 2\)"),
            ({"a": np.ones((2, 2)), "b": np.ones((3, 3))}, [], r"'b'\] has shape \(3, 3\)"),
            ({"a": np.full((2, 2), 1.4)}, [], r"outside \[-1, 1\]"),
            ({"a": np.ones((2, 2))}, ["b"], r"distances names \['b'\]"),
        ],
    )
    def test_bad_arguments(self, matrices: dict, distances: list[str], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            plot_similarity(matrices, distances=distances)


class TestPlotScatterTableau:
    def test_points_lie_in_their_cells(self, render) -> None:
        vectors = np.random.default_rng(0).random((3, 4, 25))
        vectors[1] *= 1000
        figure = plot_scatter_tableau(vectors, max_points=10**6)
        ax = figure.axes[0]
        points = ax.lines[0].get_xydata().reshape(3, 100, 2)
        flat = vectors.reshape(3, -1)
        for cell, (row, column) in zip(points, [(1, 0), (2, 0), (2, 1)], strict=True):
            assert np.abs(cell - [column, row]).max() <= 0.5
            # Downwards is larger y on this axis, but larger values are drawn higher.
            assert np.corrcoef(cell[:, 0], flat[column])[0, 1] == pytest.approx(1)
            assert np.corrcoef(cell[:, 1], flat[row])[0, 1] == pytest.approx(-1)
        render(figure)

    def test_coefficients(self) -> None:
        vectors = np.random.default_rng(0).normal(size=(4, 50))
        vectors[1, 3] = np.nan
        shown = plot_scatter_tableau(vectors).axes[0].images[0].get_array()
        expected = np.corrcoef(np.delete(vectors, 3, axis=1))
        upper = np.triu_indices(4, 1)
        np.testing.assert_allclose(shown[upper], expected[upper])
        assert shown.mask[np.tril_indices(4)].all()

    def test_constant_vector_has_no_coefficient(self, render) -> None:
        figure = plot_scatter_tableau(np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]))
        assert np.isnan(figure.axes[0].images[0].get_array().data[0, 1])
        render(figure)

    def test_twenty_patterns_are_thinned(self, render) -> None:
        vectors = np.random.default_rng(0).random((20, 128, 128))
        figure = plot_scatter_tableau(vectors, max_points=1000)
        render(figure)
        line = figure.axes[0].lines[0]
        assert len(line.get_xdata()) == 190 * 1000
        assert line.get_rasterized()

    def test_nothing_finite(self) -> None:
        with pytest.raises(ValueError, match="no element that is finite"):
            plot_scatter_tableau(np.full((2, 3), np.nan))

    def test_max_points(self) -> None:
        with pytest.raises(ValueError, match="max_points is 0"):
            plot_scatter_tableau(np.ones((2, 3)), max_points=0)


def test_many_labels_of_a_tableau_do_not_overlap():
    rows = np.random.default_rng(0).random((60, 9))
    figure = plot_scatter_tableau(rows, labels=[str(100 + number) for number in range(60)])
    figure.draw_without_rendering()
    ax = figure.axes[0]
    for axis, way in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        edges = sorted((getattr(box, f"{way}0"), getattr(box, f"{way}1")) for box in boxes)
        assert all(end < start + 1 for (_, end), (start, _) in pairwise(edges))
