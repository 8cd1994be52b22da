import numpy as np
import pytest
from matplotlib.patches import Ellipse

from hs_nmfcluster.plotting import plot_scan
from hs_nmfcluster.scan.units import PixelSize


@pytest.fixture
def mean() -> np.ndarray:
    v, u = np.mgrid[:20, :24]
    return 1000 * np.exp(-((u - 11) ** 2 + (v - 9) ** 2) / 4) - 0.5


class TestPlotScan:
    def test_panels_and_units(self, mean: np.ndarray, render) -> None:
        image = np.random.default_rng(0).random((6, 8))
        figure = plot_scan(image, mean, map_pixel=PixelSize(1.5, 1.5, "nm"))
        virtual, virtual_bar, pattern, pattern_bar = figure.axes
        assert (virtual.get_label(), pattern.get_label()) == ("virtual image", "mean pattern")
        np.testing.assert_array_equal(virtual.images[0].get_array(), image)
        assert virtual_bar.get_ylabel() == "Intensity (counts)"
        assert pattern_bar.get_ylabel() == "Mean intensity (counts)"
        assert pattern_bar.get_yscale() == "log"
        render(figure)

    def test_what_is_left_out_is_shaded(self, mean: np.ndarray, render) -> None:
        pixels, positions = np.zeros((20, 24), bool), np.zeros((6, 8), bool)
        pixels[3, 5:9] = positions[2, 2] = True
        figure = plot_scan(
            np.random.default_rng(0).random((6, 8)),
            mean,
            positions_left_out=positions,
            pixels_left_out=pixels,
        )
        for ax, mask in ((figure.axes[0], positions), (figure.axes[2], pixels)):
            shown, veil = ax.images
            np.testing.assert_array_equal(veil.get_array()[..., 3] > 0, mask)
            assert veil.get_extent() == shown.get_extent()
        render(figure)

    def test_rings_are_the_radii(self, mean: np.ndarray, render) -> None:
        figure = plot_scan(
            np.ones((6, 8)),
            mean,
            pattern_pixel=PixelSize(0.1, 0.2, "1/nm"),
            center=(11, 9),
            inner=0.3,
            outer=0.9,
        )
        pattern = figure.axes[2]
        rings = [patch for patch in pattern.patches if isinstance(patch, Ellipse)]
        assert [(ring.width, ring.height) for ring in rings] == [
            pytest.approx((6, 3)),
            pytest.approx((18, 9)),
        ]
        assert all(ring.get_center() == (11, 9) for ring in rings)
        assert pattern.get_xlabel() == "Dotted: the virtual detector"
        assert figure.axes[0].get_title("left") == "Virtual image, 0.3 ≤ r ≤ 0.9 nm⁻¹"
        assert pattern.get_title("left") == "Mean pattern"
        render(figure)

    def test_one_dimensional_scan(self, mean: np.ndarray, render) -> None:
        profile = np.arange(7.0)
        figure = plot_scan(profile, mean, map_pixel=PixelSize(2, 2, "nm"), outer=5, center=(11, 9))
        ax = figure.axes[0]
        np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.c_[2 * profile, profile])
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Position (nm)", "Intensity (counts)")
        assert figure.axes[0].get_title("left") == "Bright field, r ≤ 5 px"
        render(figure)

    @pytest.mark.parametrize("value", [0.0, -1.0, 3.0, np.nan])
    def test_constant_pattern_and_image(self, value: float, render) -> None:
        render(plot_scan(np.full((4, 4), value), np.full((5, 5), value), center=(2, 2), inner=1))

    def test_three_scan_axes(self, mean: np.ndarray, render) -> None:
        figure = plot_scan(np.ones((3, 40, 5)), mean)
        assert figure.axes[1].get_ylabel() == "Intensity (counts), sum over 3 frames"
        render(figure)

    def test_rings_need_a_center(self, mean: np.ndarray) -> None:
        with pytest.raises(ValueError, match="center is not given"):
            plot_scan(np.ones((4, 4)), mean, inner=1)

    def test_wrong_pattern(self) -> None:
        with pytest.raises(ValueError, match=r"mean_pattern has shape \(3,\)"):
            plot_scan(np.ones((4, 4)), np.ones(3))
