"""The figure of what a factorization leaves."""

import numpy as np
import pytest

from hs_nmfcluster.plotting import plot_residual
from hs_nmfcluster.scan.units import PixelSize

PIXEL = PixelSize(0.2, 0.2, "1/nm")


def images(scan=(9, 7), pattern=(20, 24)):
    rng = np.random.default_rng(0)
    pixels = rng.gamma(20, 0.05, pattern)
    pixels[:2] = np.nan
    return rng.gamma(20, 0.05, scan), pixels, rng.normal(size=pattern), rng.normal(size=pattern)


@pytest.mark.parametrize("scan", [(9, 7), (3, 40), (30,), (2, 3, 4), (1, 1)])
@pytest.mark.parametrize("pattern", [(20, 24), pytest.param((8, 64), marks=pytest.mark.slow)])
def test_draws_any_shape(scan, pattern, render):
    fig = plot_residual(*images(scan, pattern), n_worst=3, map_pixel=PIXEL, pattern_pixel=PIXEL)
    render(fig)
    labels = [ax.get_label() for ax in fig.axes]
    for name in ("position excess", "pattern excess", "mean residual", "worst residual"):
        assert name in labels


def test_differences_are_centred_on_zero():
    fig = plot_residual(*images())
    for ax in fig.axes:
        if ax.get_label().endswith("residual"):
            norm = ax.images[0].norm
            assert norm.vmin == -norm.vmax


def test_noise_does_not_fill_the_scale_of_the_excess():
    fig = plot_residual(np.ones((4, 5)), np.ones((8, 8)), np.zeros((8, 8)), np.zeros((8, 8)))
    norm = fig.axes[0].images[0].norm
    assert (norm.vmin, norm.vmax) == (0.5, 2.0)


def test_units(render):
    fig = plot_residual(*images(), pattern_pixel=PIXEL, intensity_units="e$^-$")
    render(fig)
    texts = [ax.get_xlabel() for ax in fig.axes]
    assert r"Residual (e\$^-\$)" in texts
    assert any(t.get_text().endswith("nm⁻¹") for ax in fig.axes for t in ax.texts)


def test_tiny_residuals_have_their_power_in_the_label(render):
    excess, pixels, mean, worst = images()
    fig = plot_residual(excess, pixels, 1e-13 * mean, 1e6 * worst)
    render(fig)
    texts = [ax.get_xlabel() for ax in fig.axes]
    assert "Residual (10⁻¹⁵ counts)" in texts
    assert "Residual (10⁶ counts)" in texts
    assert not any(ax.xaxis.get_offset_text().get_text() for ax in fig.axes)


def test_all_masked(render):
    nothing = np.full((8, 8), np.nan)
    render(plot_residual(np.full((4, 5), np.nan), nothing, nothing, nothing))


def test_refuses_stacks():
    with pytest.raises(ValueError, match="mean residual has shape"):
        plot_residual(np.ones((4, 5)), np.ones((8, 8)), np.ones((2, 8, 8)), np.ones((8, 8)))
