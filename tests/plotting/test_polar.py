import numpy as np
import pytest

from hs_nmfcluster.plotting import plot_polar
from hs_nmfcluster.scan.units import PixelSize


class TestPlotPolar:
    RADII = np.linspace(0.5, 2.0, 16)
    ANGLES = np.arange(0.0, 360.0, 4.0)

    def test_axes_in_units(self, render) -> None:
        values = np.random.default_rng(0).random((16, 90))
        figure = plot_polar(values, self.RADII, self.ANGLES, units="1/nm")
        ax = figure.axes[0]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Azimuth φ (°)", "Radius r (nm⁻¹)")
        assert ax.images[0].get_extent() == pytest.approx([-2, 358, 0.45, 2.05])
        np.testing.assert_array_equal(ax.images[0].get_array(), values)
        assert ax.images[0].origin == "lower"
        render(figure)

    def test_beside_the_pattern(self, render) -> None:
        figure = plot_polar(
            np.ones((16, 90)),
            self.RADII,
            self.ANGLES,
            pattern=np.eye(12),
            pattern_pixel=PixelSize(0.1, 0.1, "1/nm"),
        )
        labels = [ax.get_label() for ax in figure.axes[:2]]
        assert labels == ["pattern", "polar pattern"]
        render(figure)

    def test_wrong_shape(self) -> None:
        with pytest.raises(ValueError, match=r"radii and angles say \(16, 90\)"):
            plot_polar(np.ones((90, 16)), self.RADII, self.ANGLES)
