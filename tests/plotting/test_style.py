import io
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from hs_nmfcluster.plotting import group_color, group_colors
from hs_nmfcluster.plotting.figures import new_figure, off_screen
from hs_nmfcluster.plotting.orientation import angle_colormap
from hs_nmfcluster.plotting.panels import (
    add_scale_bar,
    draw_image,
    drawable_maps,
    intensity_norm,
    round_length,
)
from hs_nmfcluster.scan.units import PixelSize, format_units
from hs_nmfcluster.words import group_name

from .specimen import vision

DEFICIENCIES = ["none", "protanopia", "deuteranopia"]


def least_apart(colors: list[str], deficiency: str) -> float:
    """Distance of those two that look the most alike, in CIELAB."""
    seen = [vision(color, deficiency) for color in colors]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))


class TestGroupColors:
    @pytest.mark.parametrize("deficiency", DEFICIENCIES)
    def test_stay_apart(self, deficiency: str) -> None:
        greys = [group_color(-1), group_color(0, matrix=[0])]
        normal = deficiency == "none"
        for number, least in ((12, 10), (36, 18 if normal else 8), (60, 13 if normal else 6)):
            assert least_apart([*greys, *group_colors(range(number))], deficiency) > least

    def test_are_seen_on_white_and_on_black(self) -> None:
        lightness = [vision(color, "none")[0] for color in group_colors(range(60))]
        assert min(lightness) > 20
        assert max(lightness) < 80

    def test_cycle(self) -> None:
        assert group_color(60) == group_color(0)

    def test_names(self) -> None:
        names = [group_name(group) for group in (0, 1, 2, 3, 4, 8, 13, 38, 48)]
        assert names == ["i", "ii", "iii", "iv", "v", "ix", "xiv", "xxxix", "xlix"]
        assert group_name(-1) == "–"


class TestIntensityNorm:
    def test_weak_raises_low_intensities(self) -> None:
        images = np.linspace(0, 1, 2001)
        weak, linear = intensity_norm(images), intensity_norm(images, "linear")
        assert weak.vmax == linear.vmax == pytest.approx(1, abs=2e-3)
        assert weak(0.01) > 5 * linear(0.01)
        assert weak(0.0) == linear(0.0) == 0

    @pytest.mark.parametrize("scaling", ["weak", "linear"])
    @pytest.mark.parametrize("images", [np.zeros(3), np.full(3, np.nan), -np.ones(3)])
    def test_without_intensity(self, images: np.ndarray, scaling: str) -> None:
        norm = intensity_norm(images, scaling)
        assert (norm.vmin, norm.vmax) == (0, 1)
        assert norm(0.0) == 0

    def test_ignores_nan_inf_and_a_hot_pixel(self) -> None:
        images = np.ones(5000)
        images[:3] = np.nan, np.inf, 1e6
        assert intensity_norm(images).vmax == 1

    def test_wrong_scaling(self) -> None:
        with pytest.raises(ValueError, match="scaling is 'log'"):
            intensity_norm(np.ones(2), "log")  # type: ignore[arg-type]


class TestScaleBar:
    @pytest.mark.parametrize(
        ("longest", "expected"),
        [(34.8, 20), (1, 1), (0.5, 0.5), (0.3, 0.2), (9.99, 5), (3e-9, 2e-9), (700, 500)],
    )
    def test_round_length(self, longest: float, expected: float) -> None:
        assert round_length(longest) == pytest.approx(expected)

    def test_length_and_unit(self) -> None:
        ax = new_figure(2, 2).add_subplot()
        draw_image(
            ax,
            np.ones((58, 58)),
            cmap="gray",
            norm=intensity_norm(np.ones(1)),
            pixel=PixelSize(1.5, 1.5, "nm"),
        )
        (bar,) = ax.lines
        assert ax.texts[0].get_text() == "20 nm"
        assert np.ptp(bar.get_xdata()) * 1.5 == pytest.approx(20)
        assert ax.get_xlim() == (-0.5, 57.5)

    @pytest.mark.parametrize("units", ["", "px", "<undefined>"])
    def test_nothing_without_calibration(self, units: str) -> None:
        ax = new_figure(2, 2).add_subplot()
        add_scale_bar(ax, PixelSize(2, 2, units), 10)
        assert not ax.lines
        assert not ax.texts

    def test_unequal_pixels(self) -> None:
        ax = new_figure(2, 2).add_subplot()
        norm = intensity_norm(np.ones(1))
        draw_image(ax, np.ones((4, 4)), cmap="gray", norm=norm, pixel=PixelSize(1, -3, "nm"))
        assert ax.get_aspect() == 3


class TestUnits:
    @pytest.mark.parametrize(
        ("units", "printed"),
        [("1/nm", "nm⁻¹"), ("$A^{-1}$", "Å⁻¹"), ("", "px"), ("mrad", "mrad"), ("um", "µm")],
    )
    def test_printed(self, units: str, printed: str) -> None:
        assert format_units(units) == printed

    def test_stray_dollars_are_drawn_literally(self, render) -> None:
        figure = new_figure(2, 2)
        ax = figure.add_subplot()
        norm = intensity_norm(np.ones(1))
        draw_image(ax, np.eye(9), cmap="gray", norm=norm, pixel=PixelSize(1, 1, "$\\frac$"))
        render(figure)


class TestDrawableMaps:
    def test_sum_over_leading_axes_keeps_unmeasured(self) -> None:
        values = np.random.default_rng(0).random((2, 3, 4, 5, 6))
        values[:, :, :, 0, 0] = np.nan
        values[0, 0, 0, 1, 1] = np.nan
        drawn = drawable_maps(values, PixelSize())
        assert drawn.note == "sum over 3 × 4 frames"
        np.testing.assert_allclose(drawn.values[1, 1:], values[1].sum(axis=(0, 1))[1:])
        assert np.isnan(drawn.values[:, 0, 0]).all()
        assert drawn.values[0, 1, 1] == pytest.approx(np.nansum(values[0, :, :, 1, 1]))

    @pytest.mark.parametrize(("shape", "step"), [((2, 1, 8), 1.0), ((2, 8, 1), 3.0), ((2, 8), 1.0)])
    def test_single_row_or_column_is_a_profile(self, shape: tuple[int, ...], step: float) -> None:
        drawn = drawable_maps(np.ones(shape), PixelSize(1, 3, "nm"))
        assert drawn.values.shape == (2, 8)
        assert not drawn.are_images
        assert drawn.pixel.x == step

    def test_no_scan_axis(self) -> None:
        with pytest.raises(ValueError, match=r"maps has shape \(3,\)"):
            drawable_maps(np.ones(3), PixelSize())


DRAW = """
from hs_nmfcluster.plotting.figures import new_figure

def draw():
    figure = new_figure(2, 3)
    figure.add_subplot()
    return figure
"""


class TestNewFigure:
    def test_is_known_to_pyplot_and_leaves_its_settings(self) -> None:
        before = mpl.rcParams.copy()
        figure = new_figure(2, 3)
        assert plt.gcf() is figure
        assert mpl.rcParams == before

    @pytest.mark.slow
    @pytest.mark.parametrize("cell", ["draw()", "draw();", "figure = draw()", "draw(); 1"])
    def test_notebook_shows_it_once(self, cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
        nbclient = pytest.importorskip("nbclient")
        nbformat = pytest.importorskip("nbformat")
        pytest.importorskip("ipykernel")
        monkeypatch.delenv("MPLBACKEND", raising=False)
        cells = [nbformat.v4.new_code_cell(code) for code in (DRAW, cell)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbclient.NotebookClient(notebook, kernel_name="python3").execute()
        outputs = [output.get("data", {}) for output in notebook.cells[1].outputs]
        assert sum("image/png" in data for data in outputs) == 1

    def test_off_screen_pyplot_does_not_know_it(self) -> None:
        before = plt.get_fignums()
        with off_screen():
            figure = new_figure(2, 3)
        assert plt.get_fignums() == before
        with pytest.raises(NotImplementedError):
            figure._ipython_display_()
        figure.add_subplot().set_title("seen")
        figure.savefig(io.BytesIO(), format="png")
        assert plt.fignum_exists(new_figure(2, 3).number)

    @pytest.mark.parametrize(
        ("suffix", "mark"), [("svg", b">Area</text>"), ("pdf", b"CIDFontType2")]
    )
    def test_text_stays_text(self, suffix: str, mark: bytes) -> None:
        before = mpl.rcParams.copy()
        figure = new_figure(2, 3)
        figure.add_subplot().set_title("Area")
        stream = io.BytesIO()
        figure.savefig(stream, format=suffix)
        assert mark in stream.getvalue()
        assert mpl.rcParams == before


class TestAngleColors:
    @pytest.mark.parametrize(
        ("deficiency", "most_uneven", "least_apart"),
        [("none", 2.0, 18), ("protanopia", 3.5, 10), ("deuteranopia", 3.5, 8)],
    )
    def test_equal_angles_look_equally_different(
        self, deficiency: str, most_uneven: float, least_apart: float
    ) -> None:
        colors = [to_hex(color) for color in angle_colormap()(np.arange(0, 360, 6))]
        seen = np.array([vision(color, deficiency) for color in colors])
        steps = np.linalg.norm(seen - np.roll(seen, 1, axis=0), axis=1)
        assert steps.max() < most_uneven * steps.min()
        # Every angle differs from all that are 30 degrees of colour or more away.
        for turn in range(5, 56):
            away = np.linalg.norm(seen - np.roll(seen, turn, axis=0), axis=1)
            assert away.min() > least_apart

    def test_no_color_is_cut_off(self) -> None:
        colors = angle_colormap()(np.arange(360))[:, :3]
        assert colors.min() > 0
        assert colors.max() < 1
