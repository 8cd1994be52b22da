"""A pattern in polar coordinates: the paper's Fig. 6c."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Scaling
from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import add_color_bar, colormap, draw_image, intensity_norm
from hs_nmfcluster.plotting.style import PAGE_WIDTH, PATTERN_CMAP, tidy
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize, format_units


def plot_polar(
    polar_pattern: ArrayLike,
    radii: ArrayLike,
    angles: ArrayLike,
    *,
    units: str = "px",
    pattern: ArrayLike | None = None,
    pattern_pixel: PixelSize = UNCALIBRATED,
    scaling: Scaling = "weak",
) -> Figure:
    """Draw a pattern over angle and radius, beside the pattern it was made from.

    Parameters
    ----------
    polar_pattern
        Shape ``(n_radial, n_azimuthal)``.
    radii, angles
        Samples of radius, in `units`, and of angle in degrees; both evenly spaced.
    units
        Unit of the radii.
    pattern
        The pattern in Cartesian coordinates; drawn at the left if given.
    pattern_pixel
        Pixel size of `pattern`.
    scaling
        Intensity scale, see `plot_components`.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "pattern" (if given), "polar pattern" and the colour bar.

    Raises
    ------
    ValueError
        If the shape does not fit `radii` and `angles`.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_polar
    >>> fig = plot_polar(np.ones((4, 8)), np.arange(1.0, 5.0), np.arange(8) * 45.0)
    """
    values = np.asarray(polar_pattern, dtype=float)
    r, phi = np.asarray(radii, dtype=float), np.asarray(angles, dtype=float)
    if values.shape != (r.size, phi.size):
        raise ValueError(
            f"polar_pattern has shape {values.shape}; radii and angles say {(r.size, phi.size)}."
        )
    norm = intensity_norm(values, scaling)
    widths = [1.7, 0.06]
    image = None
    if pattern is not None:
        image = np.asarray(pattern, dtype=float)
        widths.insert(0, image.shape[1] / (image.shape[0] * pattern_pixel.aspect))
    figure = new_figure(PAGE_WIDTH * min(1.0, 0.25 + sum(widths) / 3.6), 2.5)
    axes = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    if image is not None:
        draw_image(
            axes[0],
            image,
            cmap=PATTERN_CMAP,
            norm=intensity_norm(image, scaling),
            pixel=pattern_pixel,
        )
        axes[0].set_label("pattern")
    ax = axes[-2]
    ax.set_label("polar pattern")
    ax.imshow(
        np.ma.masked_invalid(values),
        cmap=colormap(PATTERN_CMAP),
        norm=norm,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(*_edges(phi), *_edges(r)),
    )
    tidy(ax, x="Azimuth φ (°)", y=f"Radius r ({format_units(units)})")
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 3, 4.5, 6, 9, 10]))
    add_color_bar(axes[-1], norm, PATTERN_CMAP, "Intensity (arb. units)")
    return figure


def _edges(samples: NDArray[np.float64]) -> tuple[float, float]:
    half = (samples[-1] - samples[0]) / max(samples.size - 1, 1) / 2 or 0.5
    return float(samples[0] - half), float(samples[-1] + half)
