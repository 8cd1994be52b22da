"""What all figures share: colours, units, fonts."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from hs_nmfcluster.words import ten_to_the

PATTERN_CMAP = "inferno"
MAP_CMAP = "viridis"
SIMILARITY_CMAP = "RdBu_r"
DISTANCE_CMAP = "viridis_r"
DIFFERENCE_CMAP = "RdBu_r"

# Inches: one and two columns of a journal page.
COLUMN_WIDTH = 3.5
PAGE_WIDTH = 7.2

# Points.
FONT_SIZE = 8.0
SMALL_FONT_SIZE = 7.0
LINE_WIDTH = 0.9

UNASSIGNED_COLOR = "#b8b8b8"
MATRIX_COLOR = "#707070"
MASKED_COLOR = "#8c8c8c"

# Okabe and Ito's colours (without yellow and black, which a white page and the text swallow) and
# six more, chosen so that every two, and each and the greys, stay well apart (CIELAB) to normal
# sight, protanopia and deuteranopia. Then, of colours that are neither pale nor dark, always the
# one that is farthest from all before it, distances of the colour-blind counted twice.
# fmt: off
_GROUP_COLORS = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9",
    "#781800", "#601860", "#78d878", "#4b2be0", "#303090", "#c04830",
    "#c060f0", "#a00040", "#b0a040", "#f000c0", "#a0c090", "#b02090",
    "#a08050", "#3060f0", "#704060", "#30d020", "#9000c0", "#d00000",
    "#40c0d0", "#008030", "#505080", "#d07070", "#306050", "#a070d0",
    "#80b060", "#706000", "#f090f0", "#5000f0", "#0060d0", "#707050",
    "#8030b0", "#a00020", "#809020", "#f06090", "#c05090", "#b0c050",
    "#60a0b0", "#c010f0", "#306070", "#703090", "#f070c0", "#f090a0",
    "#904050", "#505020", "#e09060", "#2090f0", "#00c0a0", "#c010d0",
    "#807090", "#905040", "#70b080", "#a050b0", "#809040", "#e0a0d0",
)
# fmt: on
#: Groups that have a colour of their own.
N_GROUP_COLORS = len(_GROUP_COLORS)
# Numbers beyond these are written without their power of a thousand.
_SMALL, _LARGE = 1e-2, 1e5


def figure_of(ax: Axes) -> Figure:
    """Outermost figure of `ax`, also if it lies in a subfigure."""
    figure = ax.figure
    while not isinstance(figure, Figure):
        figure = figure.figure
    return figure


def group_color(group: int, matrix: Collection[int] = ()) -> str:
    """Colour of a group, the same in every figure and table.

    Parameters
    ----------
    group
        Number of the group, 0, 1, ...; sixty colours, then again from the first. -1 means that
        a component is in no group.
    matrix
        Numbers of the groups that hold no crystal.

    Returns
    -------
    str
        Hexadecimal colour; grey for the matrix, a lighter grey for -1.

    Examples
    --------
    >>> from hs_nmfcluster.plotting import group_color
    >>> group_color(0)
    '#0072b2'
    """
    if group in matrix:
        return MATRIX_COLOR
    return UNASSIGNED_COLOR if group < 0 else _GROUP_COLORS[group % N_GROUP_COLORS]


def group_colors(groups: Iterable[int]) -> list[str]:
    """Colour of each of `groups`, see `group_color`.

    Parameters
    ----------
    groups
        Numbers of the groups; -1 means no group.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from hs_nmfcluster.plotting import group_colors
    >>> group_colors([0, -1])
    ['#0072b2', '#b8b8b8']
    """
    return [group_color(int(group)) for group in groups]


def escape(text: str) -> str:
    """`text` with dollars that Matplotlib does not read as mathematics."""
    return text.replace(r"\$", "$").replace("$", r"\$")


def power_of_ten(values: NDArray[np.floating]) -> tuple[float, str]:
    """Power of a thousand to take off large or small values, and its name before their unit.

    Beside an axis Matplotlib would write it where other text stands.

    Examples
    --------
    >>> power_of_ten(np.array([0.0, 2.5e6])), power_of_ten(np.array([4.2]))
    ((1000000.0, '10⁶ '), (1.0, ''))
    """
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max(initial=0.0))
    if largest == 0.0 or _SMALL <= largest < _LARGE:
        return 1.0, ""
    power = 3 * int(np.floor(np.log10(largest) / 3))
    return 10.0**power, f"{ten_to_the(power)} "


def tidy(ax: Axes, *, x: str = "", y: str = "", spines: Sequence[str] = ("left", "bottom")) -> None:
    """Label the axes of `ax`, set its fonts and keep only these spines."""
    ax.set_xlabel(x, fontsize=FONT_SIZE)
    ax.set_ylabel(y, fontsize=FONT_SIZE)
    ax.tick_params(which="both", labelsize=SMALL_FONT_SIZE, width=0.6)
    ax.tick_params(which="major", length=2.5)
    ax.tick_params(which="minor", length=1.5)
    ax.grid(False)
    for side, spine in ax.spines.items():
        spine.set_visible(side in spines)
        spine.set_linewidth(0.6)


def frame(ax: Axes, color: str, width: float = 1.8) -> None:
    """Draw the border of `ax` in `color`."""
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_edgecolor(color)
        spine.set_linewidth(width)


def outline(artist: Artist, color: str = "black", width: float = 1.5) -> None:
    """Give a line or text an outline, so that it can be read on any image."""
    artist.set_path_effects([withStroke(linewidth=width, foreground=color)])


def component_labels(labels: Sequence[str] | None, number: int) -> list[str]:
    """Make `labels` plain text, or 0, 1, ...; ValueError unless one is given for each component."""
    if labels is None:
        return [str(index) for index in range(number)]
    if len(labels) != number:
        raise ValueError(f"labels: {len(labels)} given for {number} components.")
    return [escape(str(label)) for label in labels]


def checked_groups(groups: Sequence[int] | None, number: int) -> list[int] | None:
    """Make `groups` a list; ValueError unless there is one for each component."""
    if groups is None:
        return None
    if len(groups) != number:
        raise ValueError(f"groups: {len(groups)} given for {number} components.")
    return [int(group) for group in groups]
