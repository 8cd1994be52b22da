"""``s.inspect_scan()``: what a user sees of the state of a scan."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import hs_nmfcluster
from hs_nmfcluster.simulation import Instrument, linear_mixture


def simulate(instrument=None, **more):
    return linear_mixture(
        (20, 24), (48, 48), pixel_size=0.4, n_particles=3, instrument=instrument, **more
    )[0]


@pytest.fixture(scope="module")
def spoilt():
    instrument = Instrument(drift=2, ellipse=4, dead_pixels=10, blank=0.01, gain=8)
    return simulate(instrument)


class TestInspectScan:
    def test_says_what_is_wrong(self, spoilt):
        condition = spoilt.inspect_scan()
        assert isinstance(condition, hs_nmfcluster.ScanCondition)
        titles = [caution.title for caution in condition.cautions]
        assert titles[:2] == ["The beam moved", "Circles are ellipses"]
        assert {"Bad pixels (dead)", "Blank patterns"} <= set(titles)
        assert "10 pixels of 2304 count nothing" in repr(condition)
        assert "5 of 480 hold no electrons" in repr(condition)
        assert "The beam moved" in condition._repr_html_()

    def test_says_nothing_of_a_good_scan(self):
        condition = simulate().inspect_scan()
        assert condition.cautions == []
        assert "Nothing wrong found" in repr(condition)

    def test_lazy_gives_the_same(self, spoilt):
        eager = spoilt.inspect_scan().corrections
        lazy = spoilt.as_lazy()
        lazy.rechunk((7, 5, 48, 48))
        found = lazy.inspect_scan(show_progressbar=False).corrections
        for name in ("bad_pixels", "left_out"):
            np.testing.assert_array_equal(getattr(found, name), getattr(eager, name))
        for name in ("shifts", "distortion"):
            np.testing.assert_allclose(getattr(found, name), getattr(eager, name), atol=1e-9)

    def test_few_electrons(self):
        titles = [c.title for c in simulate(dose=100.0).inspect_scan().cautions]
        assert titles == ["Few electrons"]

    def test_figure(self, spoilt):
        figure = spoilt.inspect_scan().plot()
        labels = [ax.get_label() for ax in figure.axes]
        assert {"mean pattern", "bad pixels", "offset along x", "offset along y"} <= set(labels)
        images = {ax.get_label(): ax.get_images() for ax in figure.axes}
        assert int(np.sum(images["bad pixels"][1].get_array())) == 10
        assert figure.axes[0].patches
        plt.close(figure)

    @pytest.mark.parametrize("keep", [np.s_[0, :], np.s_[:2, :2]])
    def test_small_scans(self, spoilt, keep):
        part = spoilt.inav[keep]
        figure = part.inspect_scan().plot()
        plt.close(figure)

    def test_center_without_bad_pixels(self):
        spoilt = simulate(Instrument(hot_pixels=30, metadata_rows=3, cross=2, edge=2.5))
        np.testing.assert_allclose(spoilt.estimate_beam_center(), (23.5, 23.5), atol=0.3)

    def test_refuses_a_single_pattern(self, spoilt):
        with pytest.raises(ValueError, match="scan"):
            spoilt.inav[0, 0].inspect_scan()
