"""Share of the scattered intensity in spots."""

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import add_color_bar, draw_image, draw_profile, drawable_maps
from hs_nmfcluster.plotting.style import COLUMN_WIDTH, MAP_CMAP, figure_of, tidy
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize

_LABEL = "Crystalline share of\nscattered intensity (%)"


def plot_crystallinity(share: ArrayLike, *, map_pixel: PixelSize = UNCALIBRATED) -> Figure:
    """Draw the share of the scattered intensity that crystals take.

    Parameters
    ----------
    share
        Shape ``scan_shape``, 0 to 1; NaN where not known. Of more than two scan axes the mean
        over the leading ones is shown.
    map_pixel
        Pixel size of the scan.

    Returns
    -------
    matplotlib.figure.Figure
        Panel "crystallinity", and the colour bar of an image.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting.crystallinity import plot_crystallinity
    >>> fig = plot_crystallinity(np.random.default_rng(0).random((5, 6)))
    """
    values = 100 * np.asarray(share, dtype=float)
    while values.ndim > 2:
        values = values.mean(axis=0)
    maps = drawable_maps(values[np.newaxis], map_pixel, "share")
    if not maps.are_images:
        ax = new_figure(COLUMN_WIDTH, 2.2).add_subplot(label="crystallinity")
        draw_profile(ax, maps.values[0], maps.pixel)
        tidy(ax, x=ax.get_xlabel(), y=_LABEL)
        return figure_of(ax)
    width = float(np.clip(maps.width, 0.5, 2.0))
    figure = new_figure(COLUMN_WIDTH + 0.6, COLUMN_WIDTH / width)
    axes = figure.subplots(1, 2, width_ratios=[1, 0.05])
    top = float(np.nanpercentile(values, 99.9)) if np.isfinite(values).any() else 0.0
    norm = Normalize(0.0, top or 1.0)
    draw_image(axes[0], maps.values[0], cmap=MAP_CMAP, norm=norm, pixel=maps.pixel)
    axes[0].set_label("crystallinity")
    add_color_bar(axes[1], norm, MAP_CMAP, _LABEL, relative=False)
    return figure
