import numpy as np
import pytest
from matplotlib.patches import Ellipse

from hs_nmfcluster.plotting import map_spectrum, plot_diagnosis
from hs_nmfcluster.scan.units import PixelSize

from .specimen import maps, patterns


def panels(figure, line: str) -> list:
    return [ax for ax in figure.axes if ax.get_label().startswith(f"{line} ")]


class TestPlotDiagnosis:
    def test_lines(self, render) -> None:
        images, scans = patterns(3), maps(3)
        figure = plot_diagnosis(images, scans, filled=images + 0.1, limit=3.0)
        for line in ("pattern", "holes", "map", "spectrum"):
            assert len(panels(figure, line)) == 3
        shown = panels(figure, "holes")[1].images[0].get_array()
        assert np.allclose(shown.compressed(), 0.1)
        render(figure)

    def test_circle_of_the_resolution(self, render) -> None:
        pixel = PixelSize(0.5, 0.5, "nm")
        figure = plot_diagnosis(patterns(1), maps(1, 40, 60), limit=2.0, map_pixel=pixel)
        assert not panels(figure, "holes")
        (circle,) = [p for p in panels(figure, "spectrum")[0].patches if isinstance(p, Ellipse)]
        # A period of 2 nm is 4 steps: the 15th of 60 and the 10th of 40 frequencies.
        assert (circle.width / 2, circle.height / 2) == (15, 10)
        render(figure)

    def test_shapes_must_fit(self) -> None:
        with pytest.raises(ValueError, match="they must be"):
            plot_diagnosis(patterns(2), maps(3))
        with pytest.raises(ValueError, match="they must be"):
            plot_diagnosis(patterns(2), maps(2, 9))


class TestMapSpectrum:
    def test_constant_map(self) -> None:
        assert not map_spectrum(np.full((8, 9), 3.0)).any()

    def test_masked_positions_count_as_the_mean(self) -> None:
        image = np.random.default_rng(0).random((16, 16))
        image[3, 4] = np.nan
        assert np.isfinite(map_spectrum(image)).all()
