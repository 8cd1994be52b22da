import numpy as np
import pytest

from hs_nmfcluster.plotting import plot_rank_curves, plot_rank_patterns
from hs_nmfcluster.scan.units import PixelSize

from .specimen import patterns

RANKS = np.arange(5, 16)


def curves() -> tuple[np.ndarray, np.ndarray]:
    """MSE of four restarts, the last but one best, and of a PCA below them."""
    pca = 100.0 + 60.0 * np.exp(-(RANKS - 5) / 3)
    return pca[:, None] + 1.0 + np.array([3.0, 5.0, 0.0, 1.0]) * (RANKS[:, None] - 4), pca


def line(ax, name):
    return next(drawn for drawn in ax.lines if drawn.get_label() == name)


class TestPlotRankCurves:
    def test_every_restart_is_a_dot_and_the_best_a_line(self, render) -> None:
        nmf, pca = curves()
        figure = plot_rank_curves(RANKS, nmf, pca)
        (ax,) = figure.axes
        dots, best = line(ax, "NMF, every restart"), line(ax, "NMF, best")
        assert {*zip(*dots.get_data(), strict=True)} == {
            (rank, mse) for rank, of_rank in zip(RANKS, nmf, strict=True) for mse in of_rank
        }
        np.testing.assert_array_equal(best.get_ydata(), nmf[:, 2])
        np.testing.assert_array_equal(line(ax, "PCA").get_data(), [RANKS, pca])
        assert line(ax, "PCA").get_marker() == "s"
        assert ax.get_xlabel() == "Number of components"
        assert ax.get_ylabel() == "MSE (counts²)"
        render(figure)

    def test_noise_stability_and_range(self, render) -> None:
        nmf, pca = curves()
        stability = np.linspace(1.0, -0.1, RANKS.size)
        figure = plot_rank_curves(
            RANKS, nmf, pca, noise_mse=105.0, stability=stability, suggested=(8, 10)
        )
        errors, below = figure.axes
        assert [ax.get_label() for ax in figure.axes] == ["errors", "stability"]
        np.testing.assert_array_equal(line(errors, "counting noise").get_ydata(), 105.0)
        np.testing.assert_array_equal(below.lines[0].get_data(), [RANKS, stability])
        assert below.get_ylim()[0] <= -0.1
        assert errors.get_xlim() == below.get_xlim()
        for ax in figure.axes:
            box = ax.patches[0].get_extents().transformed(ax.transData.inverted())
            np.testing.assert_allclose([box.x0, box.x1], [7.5, 10.5])
        names = [text.get_text() for text in errors.get_legend().get_texts()]
        assert "suggested: 8 to 10" in names
        render(figure)

    def test_unknown_noise_and_stability_are_left_out(self, render) -> None:
        nmf, pca = curves()
        figure = plot_rank_curves(
            RANKS, nmf, pca, noise_mse=np.nan, stability=np.full(RANKS.size, np.nan)
        )
        (ax,) = figure.axes
        assert "counting noise" not in [drawn.get_label() for drawn in ax.lines]
        render(figure)

    def test_missing_restarts_are_left_out(self, render) -> None:
        nmf, pca = curves()
        nmf[3, 2] = np.nan
        figure = plot_rank_curves(RANKS, nmf, pca)
        ax = figure.axes[0]
        assert line(ax, "NMF, best").get_ydata()[3] == nmf[3, 3]
        assert line(ax, "NMF, every restart").get_xdata().size == nmf.size - 1
        render(figure)

    def test_one_number_of_components(self, render) -> None:
        figure = plot_rank_curves([4], [[3.0]], [2.5], stability=[0.9], suggested=(4, 4))
        assert figure.axes[0].get_xlim()[0] < 4 < figure.axes[0].get_xlim()[1]
        render(figure)

    def test_errors_over_decades_get_a_logarithmic_axis(self, render) -> None:
        pca = 10.0 ** -np.arange(RANKS.size)
        figure = plot_rank_curves(RANKS, 2 * pca[:, None], pca)
        assert figure.axes[0].get_yscale() == "log"
        render(figure)

    def test_perfect_fit(self, render) -> None:
        render(plot_rank_curves(RANKS, np.zeros((RANKS.size, 2)), np.zeros(RANKS.size)))

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"ranks": []}, "ranks"),
            ({"nmf_mse": np.ones(RANKS.size)}, "nmf_mse"),
            ({"nmf_mse": np.ones((3, 2))}, "nmf_mse"),
            ({"pca_mse": np.ones(3)}, "pca_mse"),
            ({"stability": np.ones(3)}, "stability"),
            (
                {"stability": np.ones(RANKS.size), "rotated_stability": np.ones(3)},
                "rotated_stability",
            ),
            ({"suggested": (9, 8)}, "suggested"),
        ],
    )
    def test_bad_arguments(self, change: dict, match: str) -> None:
        nmf, pca = curves()
        arguments = {"ranks": RANKS, "nmf_mse": nmf, "pca_mse": pca} | change
        with pytest.raises(ValueError, match=match):
            plot_rank_curves(**arguments)

    def test_stability_of_patterns_that_may_be_turned(self, render) -> None:
        nmf, pca = curves()
        stability, turned = np.linspace(1.0, 0.3, RANKS.size), np.linspace(1.0, 0.8, RANKS.size)
        figure = plot_rank_curves(
            RANKS, nmf, pca, stability=stability, rotated_stability=turned, suggested=(7, 9)
        )
        ax = figure.axes[1]
        np.testing.assert_array_equal(line(ax, "as they lie").get_ydata(), stability)
        np.testing.assert_array_equal(line(ax, "turned").get_ydata(), turned)
        assert [t.get_text() for t in ax.get_legend().get_texts()] == ["as they lie", "turned"]
        render(figure)


class TestPlotRankPatterns:
    @pytest.mark.parametrize(
        "ranks", [[1], [3, 8], range(2, 12), pytest.param(range(1, 30), marks=pytest.mark.slow)]
    )
    def test_a_panel_for_each_pattern(self, ranks, render) -> None:
        stacks = [patterns(min(5, rank)) for rank in ranks]
        figure = plot_rank_patterns(ranks, stacks, pattern_pixel=PixelSize(0.1, 0.1, "1/nm"))
        shown = {ax.get_label(): ax for ax in figure.axes if "pattern " in ax.get_label()}
        for rank, stack in zip(ranks, stacks, strict=True):
            for component, image in enumerate(stack):
                ax = shown.pop(f"{rank} components, pattern {component}")
                drawn = ax.images[0].get_array().filled(np.nan)
                np.testing.assert_array_equal(drawn, image)
                assert ax.get_title() == ("" if component else str(rank))
        assert set(shown) <= {"pattern scale"}
        render(figure)

    def test_every_row_is_named_once_a_band(self) -> None:
        figure = plot_rank_patterns([2, 4, 9], [patterns(2), patterns(4), patterns(5)])
        names = [text.get_text() for ax in figure.axes for text in ax.texts]
        assert sorted(names) == ["0", "1", "2", "3", "4"]

    def test_one_scale_that_shows_weak_features(self) -> None:
        figure = plot_rank_patterns([2, 3], [patterns(2), 3 * patterns(3)])
        norms = [ax.images[0].norm for ax in figure.axes if ax.images and "comp" in ax.get_label()]
        assert len({norm.vmax for norm in norms}) == 1
        assert norms[0](0.1 * norms[0].vmax) > 0.3

    def test_linear_scaling(self) -> None:
        norm = plot_rank_patterns([2], [patterns(2)], scaling="linear").axes[0].images[0].norm
        assert norm(0.25 * norm.vmax) == pytest.approx(0.25)

    def test_one_scale_bar(self) -> None:
        pixel = PixelSize(0.1, 0.1, "1/nm")
        figure = plot_rank_patterns([2, 3], [patterns(2), patterns(3)], pattern_pixel=pixel)
        assert sum("scale bar" in [d.get_label() for d in ax.lines] for ax in figure.axes) == 1

    @pytest.mark.parametrize(
        ("ranks", "stacks"),
        [
            ([], []),
            ([2], []),
            ([2], [np.ones((8, 8))]),
            ([2], [np.ones((0, 8, 8))]),
            ([2, 3], [np.ones((2, 8, 8)), np.ones((3, 8, 9))]),
        ],
    )
    def test_bad_arguments(self, ranks, stacks) -> None:
        with pytest.raises(ValueError, match="patterns"):
            plot_rank_patterns(ranks, stacks)
