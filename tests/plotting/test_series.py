"""Particles against the scans of a series."""

import numpy as np
import pytest

from hs_nmfcluster.plotting import plot_series


def of(*values: float, error: float = 0.01) -> np.ndarray:
    """Values of one group and their error."""
    return np.array([[[value, error] for value in values]])


@pytest.mark.parametrize("diameters", [of(7.0, 7.0), of(7.0, np.nan), of(4.0, 9.0, error=1.0)])
def test_diameters_lie_within_their_axis(diameters: np.ndarray, render) -> None:
    figure = plot_series(["a", "b"], np.ones((1, 2, 2)), diameters, units="nm")
    low, high = figure.axes[1].get_ylim()
    known = diameters[np.isfinite(diameters[..., 0])]
    assert 0 <= low < (known[:, 0] - known[:, 1]).min() - 0.05 * (high - low)
    assert (known[:, 0] + known[:, 1]).max() + 0.05 * (high - low) < high
    assert high - low > 0.2 * np.nanmax(diameters)
    assert figure.axes[0].get_ylim()[0] == 0
    render(figure)


def test_no_particles(render) -> None:
    figure = plot_series(["a", "b"], np.zeros((2, 2, 2)), np.full((2, 2, 2), np.nan))
    assert figure.axes[1].get_ylim() == (0, 1)
    assert "No whole particles" in figure.axes[1].texts[0].get_text()
    render(figure)
