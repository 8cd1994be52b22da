import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from hs_nmfcluster.plotting import group_color, plot_components, plot_convergence
from hs_nmfcluster.scan.units import PixelSize

from .specimen import GROUPS, maps, patterns


def panels(figure: plt.Figure, kind: str) -> list[plt.Axes]:
    return [ax for ax in figure.axes if ax.get_label().startswith(f"{kind} ") and ax.has_data()]


class TestPlotComponents:
    @pytest.mark.parametrize("number", [1, 2, 7])
    def test_a_pair_for_each_component(self, number: int, render) -> None:
        images, scans = patterns(number), maps(number)
        figure = plot_components(images, scans)
        shown = [ax for ax in panels(figure, "pattern") if ax.images]
        shown_maps = [ax for ax in panels(figure, "map") if ax.images]
        assert len(shown) == len(shown_maps) == number
        for index in range(number):
            assert shown[index].texts[0].get_text() == str(index)
            np.testing.assert_array_equal(
                shown[index].images[0].get_array().filled(np.nan), images[index]
            )
            np.testing.assert_array_equal(shown_maps[index].images[0].get_array(), scans[index])
        render(figure)

    def test_all_patterns_share_one_scale_and_all_maps_another(self) -> None:
        figure = plot_components(patterns(), 100 * maps())
        drawn = [ax for ax in figure.axes if ax.images]
        tops = {ax.images[0].norm.vmax for ax in drawn if ax.get_label().startswith("pattern")}
        map_tops = {ax.images[0].norm.vmax for ax in drawn if ax.get_label().startswith("map")}
        assert len(tops) == len(map_tops) == 1
        assert tops != map_tops

    def test_linear_scaling_is_linear(self, render) -> None:
        figure = plot_components(patterns(), maps(), scaling="linear")
        norm = figure.axes[0].images[0].norm
        assert norm(0.25 * norm.vmax) == pytest.approx(0.25)
        render(figure)

    def test_small_patterns(self, render) -> None:
        render(plot_components(np.eye(8)[np.newaxis].repeat(2, 0), maps(2, 3, 5)))

    def test_scale_bars_once(self, render) -> None:
        pixel = PixelSize(0.1, 0.1, "1/nm")
        figure = plot_components(patterns(), maps(), pattern_pixel=pixel)
        with_bar = [ax.get_label() for ax in figure.axes if ax.lines and ax.images]
        assert with_bar == ["pattern 0"]
        assert figure.axes[0].texts[0].get_text() == "1 nm⁻¹"
        render(figure)

    def test_one_dimensional_scan(self, render) -> None:
        scans = maps(3, 11)
        figure = plot_components(patterns(3), scans, map_pixel=PixelSize(2, 2, "nm"))
        drawn = [ax for ax in figure.axes if ax.get_label().startswith("map")]
        assert len(drawn) == 3
        for ax, profile in zip(drawn, scans, strict=True):
            np.testing.assert_array_equal(ax.lines[0].get_xdata(), 2 * np.arange(11))
            np.testing.assert_array_equal(ax.lines[0].get_ydata(), profile)
            assert ax.get_xlabel() == "Position (nm)"
            assert ax.get_ylabel() == "Map (rel. units)"
        render(figure)

    def test_three_scan_axes_say_that_they_are_summed(self, render) -> None:
        scans = maps(2, 4, 5, 6)
        figure = plot_components(patterns(2), scans)
        np.testing.assert_allclose(figure.axes[1].images[0].get_array(), scans[0].sum(axis=0))
        assert (
            figure.axes[-1].get_ylabel() == "Map (rel. units)\nlow ones raised\nsum over 4 frames"
        )
        render(figure)

    def test_groups_frame_the_pairs(self) -> None:
        figure = plot_components(patterns(), maps(), groups=GROUPS)
        for index, group in enumerate(GROUPS):
            for ax in figure.axes[2 * index : 2 * index + 2]:
                assert to_hex(ax.spines["left"].get_edgecolor()) == group_color(group)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"patterns": np.ones((3, 4))}, r"patterns has shape \(3, 4\)"),
            ({"patterns": np.ones((0, 4, 4))}, "k >= 1"),
            ({"maps": np.ones((5, 4, 4))}, "maps: 5 given for 6 patterns"),
            ({"labels": ["a"]}, "labels: 1 given for 6"),
            ({"groups": [0]}, "groups: 1 given for 6"),
            ({"scaling": "log"}, "scaling is 'log'"),
        ],
    )
    def test_bad_arguments(self, arguments: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            plot_components(**({"patterns": patterns()} | arguments))


class TestPlotConvergence:
    HISTORY = ([9.0, 5.0, 4.5], [9.5, 4.0, np.nan], [80.0])

    def test_every_restart_and_the_best(self, render) -> None:
        figure = plot_convergence(self.HISTORY)
        (ax,) = figure.axes
        assert len(ax.lines) == 3
        best = ax.lines[-1]
        assert best.get_label() == "restart 1 (best)"
        np.testing.assert_array_equal(best.get_xydata(), [[1, 9.5], [2, 4.0]])
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Iteration", "MSE (counts²)")
        assert ax.get_yscale() == "log"
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend == ["restart 1 (best)", "other restarts"]
        render(figure)

    def test_given_best_and_axes(self) -> None:
        figure, ax = plt.subplots()
        assert plot_convergence(self.HISTORY, best=0, ax=ax, intensity_units="e") is figure
        assert ax.lines[-1].get_label() == "restart 0 (best)"
        assert ax.get_ylabel() == "MSE (e²)"

    @pytest.mark.parametrize("value", [0.0, 3.0])
    def test_constant(self, value: float, render) -> None:
        render(plot_convergence([[value, value], [value]]))

    def test_nothing_to_draw(self) -> None:
        with pytest.raises(ValueError, match="no finite MSE"):
            plot_convergence([[np.nan], []])

    def test_unknown_best(self) -> None:
        with pytest.raises(ValueError, match="best is 3"):
            plot_convergence(self.HISTORY, best=3)


def test_nothing_is_passed_over_in_a_map_larger_than_the_figure():
    scan = np.zeros((1, 1300, 1400))
    scan[0, 700, 901] = 1.0
    figure = plot_components(np.ones((1, 8, 8)), scan)
    ax = figure.axes[1]
    shown = ax.images[0].get_array()
    assert max(shown.shape) <= 700
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 1399.5), (1299.5, -0.5))
    row, column = np.unravel_index(np.argmax(shown), shown.shape)
    left, right, bottom, top = ax.images[0].get_extent()
    assert left + (right - left) * (column + 0.5) / shown.shape[1] == pytest.approx(901, abs=2)
    assert top + (bottom - top) * (row + 0.5) / shown.shape[0] == pytest.approx(700, abs=2)
