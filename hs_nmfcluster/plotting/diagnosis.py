"""What is unnatural in components: holes in patterns, what lies beyond the resolution in maps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import annotate, bare, draw_image, intensity_norm
from hs_nmfcluster.plotting.style import (
    FONT_SIZE,
    LINE_WIDTH,
    MAP_CMAP,
    PAGE_WIDTH,
    PATTERN_CMAP,
    component_labels,
)
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize

# Powers of ten that a spectrum shows.
_DECADES = 6
_LIMIT_COLOR = "#ff4d4d"


def map_spectrum(image: ArrayLike) -> NDArray[np.float64]:
    """Power spectrum of a map, its mean taken off, the zero frequency in the middle.

    The map fades out towards its edges (Hann window), whose jump would fill the spectrum.

    Parameters
    ----------
    image
        ``(n_y, n_x)``; NaN counts as the mean.

    Returns
    -------
    numpy.ndarray
        ``(n_y, n_x)``, 1 at its largest; 0 for a constant map.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(32)
    >>> wave = np.ones((32, 1)) * np.cos(2 * np.pi * 8 * x / 32)
    >>> [int(i) for i in np.argwhere(map_spectrum(wave) == 1)[0]]
    [16, 8]
    """
    values = np.asarray(image, dtype=float)
    values = np.nan_to_num(values - np.nanmean(values))
    window = np.multiply.outer(*(np.hanning(n + 2)[1:-1] for n in values.shape))
    power = np.abs(np.fft.fftshift(np.fft.fft2(values * window))) ** 2
    return power / power.max() if power.max() > 0 else power


def draw_spectrum(
    ax: Axes, image: ArrayLike, *, pixel: PixelSize = UNCALIBRATED, limit: float | None = None
) -> None:
    """Draw the spectrum of a map over six decades, with the circle of the resolution.

    Parameters
    ----------
    ax
        Where to.
    image
        ``(n_y, n_x)``.
    pixel
        Step of the scan.
    limit
        Smallest resolvable distance, in the unit of `pixel`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, numpy as np
    >>> figure, ax = plt.subplots()
    >>> draw_spectrum(ax, np.random.default_rng(0).random((24, 32)), limit=4.0)
    >>> [circle.get_label() for circle in ax.patches]
    ['resolution']
    """
    spectrum = np.log10(np.maximum(map_spectrum(image), 10.0**-_DECADES))
    n_y, n_x = spectrum.shape
    frequencies = PixelSize(1 / (n_x * abs(pixel.x)), 1 / (n_y * abs(pixel.y)))
    norm = Normalize(-_DECADES, 0)
    draw_image(ax, spectrum, cmap="gray", norm=norm, pixel=frequencies, scale_bar=False)
    if limit:
        width, height = (2 * n * abs(step) / limit for n, step in ((n_x, pixel.x), (n_y, pixel.y)))
        middle = (n_x // 2, n_y // 2)
        circle = Ellipse(middle, width, height, fill=False, color=_LIMIT_COLOR, linestyle="--")
        circle.set_linewidth(LINE_WIDTH)
        circle.set_label("resolution")
        ax.add_patch(circle)


def plot_diagnosis(
    patterns: ArrayLike,
    maps: ArrayLike,
    *,
    filled: ArrayLike | None = None,
    limit: float | None = None,
    pattern_pixel: PixelSize = UNCALIBRATED,
    map_pixel: PixelSize = UNCALIBRATED,
    labels: Sequence[str] | None = None,
) -> Figure:
    """Draw patterns, what is missing in their holes, maps, and the spectra of the maps.

    Parameters
    ----------
    patterns
        ``(k, n_v, n_u)``; NaN where masked.
    maps
        ``(k, n_y, n_x)``.
    filled
        The patterns without holes. On the scale of the patterns, the second line shows what they
        have more; None leaves it out.
    limit
        Smallest resolvable distance: a circle in the spectra.
    pattern_pixel, map_pixel
        Pixel sizes of detector and scan.
    labels
        One for each column; default 0, 1, ...

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If shapes or lengths do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> figure = plot_diagnosis(rng.random((3, 16, 16)), rng.random((3, 24, 32)), limit=4.0)
    """
    images, scans = np.asarray(patterns, dtype=float), np.asarray(maps, dtype=float)
    if images.ndim != 3 or scans.ndim != 3 or len(images) != len(scans) or not len(images):
        raise ValueError(
            f"patterns has shape {images.shape} and maps {scans.shape}; they must be (k, n_v, n_u) "
            "and (k, n_y, n_x), k >= 1."
        )
    names = component_labels(labels, len(images))
    holes = None if filled is None else np.asarray(filled, dtype=float) - images
    lines = ["pattern", *(["holes"] if holes is not None else []), "map", "spectrum"]
    width = min(PAGE_WIDTH, 1.5 * len(images))
    side = width / len(images)
    figure = new_figure(width + 0.3, len(lines) * side)
    panels = figure.subplots(len(lines), len(images), squeeze=False)
    norm, map_norm = intensity_norm(images), intensity_norm(scans)
    for index, name in enumerate(names):
        column = dict(zip(lines, panels[:, index], strict=True))
        for line, ax in column.items():
            ax.set_label(f"{line} {index}")
        first = index == 0
        draw_image(
            column["pattern"],
            images[index],
            cmap=PATTERN_CMAP,
            norm=norm,
            pixel=pattern_pixel,
            scale_bar=first,
        )
        annotate(column["pattern"], name)
        if holes is not None:
            draw_image(
                column["holes"],
                holes[index],
                cmap=PATTERN_CMAP,
                norm=norm,
                pixel=pattern_pixel,
                scale_bar=False,
            )
        draw_image(
            column["map"],
            scans[index],
            cmap=MAP_CMAP,
            norm=map_norm,
            pixel=map_pixel,
            scale_bar=first,
        )
        draw_spectrum(column["spectrum"], scans[index], pixel=map_pixel, limit=limit)
    for line, ax in zip(lines, panels[:, 0], strict=True):
        ax.set_ylabel(line, fontsize=FONT_SIZE)
        bare(ax)
    return figure
