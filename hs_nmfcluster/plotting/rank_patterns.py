"""Leading patterns at each number of components, the paper's Fig. 4b."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Scaling
from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.panels import (
    add_intensity_scales,
    annotate,
    draw_image,
    intensity_norm,
    scale_width,
)
from hs_nmfcluster.plotting.style import FONT_SIZE, PAGE_WIDTH, PATTERN_CMAP
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize

# Numbers of components side by side, beyond which they go on below.
_MOST_COLUMNS = 13
# Inches: highest panel of a pattern, space for the number above, space between bands.
_HIGHEST = 0.9
_HEADING = 0.2
_BAND_GAP = 0.1


def plot_rank_patterns(
    ranks: ArrayLike,
    patterns: Sequence[ArrayLike],
    *,
    pattern_pixel: PixelSize = UNCALIBRATED,
    scaling: Scaling = "weak",
) -> Figure:
    """Draw the leading patterns at each number of components, as the paper's Fig. 4b.

    A column for each number, the strongest pattern on top; many numbers continue in further
    bands below. All patterns share one intensity scale.

    Parameters
    ----------
    ranks
        Numbers of components, ``(n,)``.
    patterns
        For each of them some patterns ``(m, n_v, n_u)``, m of its own; NaN where masked.
    pattern_pixel
        Pixel size of the detector.
    scaling
        ``"weak"`` raises low intensities, ``"linear"`` does not.

    Returns
    -------
    matplotlib.figure.Figure
        Panels "5 components, pattern 0", ..., then the colour bar.

    Raises
    ------
    ValueError
        If there is no pattern, or lengths or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import plot_rank_patterns
    >>> fig = plot_rank_patterns([2, 4], [np.ones((2, 8, 8)), np.ones((4, 8, 8))])
    >>> fig.axes[0].get_label()
    '2 components, pattern 0'
    """
    numbers = np.asarray(ranks).ravel()
    stacks = _checked_stacks(numbers.size, patterns)
    most = max(len(stack) for stack in stacks)
    columns = -(-len(stacks) // -(-len(stacks) // _MOST_COLUMNS))
    _, rows, width = stacks[0].shape
    figure, grid = _pattern_grid(
        -(-len(stacks) // columns), columns, most, width / (rows * pattern_pixel.aspect)
    )
    norm = intensity_norm(np.concatenate([stack.ravel() for stack in stacks]), scaling)
    named = 0
    for index, (number, stack) in enumerate(zip(numbers, stacks, strict=True)):
        band, column = divmod(index, columns)
        named = named if column else 0
        for component, image in enumerate(stack):
            ax = figure.add_subplot(
                grid[band * (most + 2) + 1 + component, column],
                label=f"{number} components, pattern {component}",
            )
            # Away from the labels, which on small panels leave no space for the bar.
            corner = index == columns - 1 and component == 0
            draw_image(
                ax, image, cmap=PATTERN_CMAP, norm=norm, pixel=pattern_pixel, scale_bar=corner
            )
            if component >= named:
                annotate(ax, str(component))
                named = component + 1
            if component == 0:
                ax.set_title(str(number), fontsize=FONT_SIZE, pad=2.0)
    add_intensity_scales(figure, grid[:, -1], norm, None)
    figure.suptitle("Number of components", fontsize=FONT_SIZE)
    return figure


def _checked_stacks(number: int, patterns: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    stacks = [np.asarray(stack, dtype=float) for stack in patterns]
    if len(stacks) != number or not number:
        raise ValueError(f"patterns: {len(stacks)} stacks given for {number} ranks.")
    for stack in stacks:
        if stack.ndim != 3 or not len(stack) or stack.shape[1:] != stacks[0].shape[1:]:
            raise ValueError(
                f"patterns holds a stack of shape {stack.shape}; each must be (m, n_v, n_u) with "
                "m >= 1 and the same n_v, n_u."
            )
    return stacks


def _pattern_grid(bands: int, columns: int, most: int, aspect: float) -> tuple[Figure, GridSpec]:
    """Grid of bands, each a row for headings, `most` rows of patterns and one for the gap."""
    scales = scale_width()
    height = min((PAGE_WIDTH - scales) / (columns * aspect), _HIGHEST)
    heights = [_HEADING, *[height] * most, _BAND_GAP] * bands
    # The colour bar and its numbers need some height also beside a single pattern.
    figure = new_figure(columns * height * aspect + scales, max(sum(heights) + 0.25, 1.6))
    widths = [height * aspect] * columns + [scales]
    return figure, figure.add_gridspec(
        len(heights), len(widths), height_ratios=heights, width_ratios=widths
    )
