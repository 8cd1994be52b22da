"""A map of the groups in which a click shows what is there."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import KeyEvent, MouseButton, MouseEvent
from matplotlib.backends.registry import BackendFilter, backend_registry
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.groups import plot_group_map
from hs_nmfcluster.plotting.panels import bare, draw_image, drawable_maps, intensity_norm
from hs_nmfcluster.plotting.place import Place
from hs_nmfcluster.plotting.style import PATTERN_CMAP, SMALL_FONT_SIZE
from hs_nmfcluster.scan.units import UNCALIBRATED, PixelSize

# Inches; panels beside the map.
_WIDTH, _HEIGHT = 9.0, 4.2
_PANELS = 4
_ARROWS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
_HOW_TO = (
    "This figure stands still. For one to click in: pip install hs_nmfcluster[notebook], then "
    "%matplotlib widget, and call it again."
)


def note_if_still(figure: Figure) -> None:
    """Say below a figure how to get one that takes mouse events, where this one does not."""
    backend = plt.get_backend().lower()
    still = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    if backend in still or "inline" in backend:
        text = figure.text(
            0.005, 0.002, _HOW_TO, fontsize=SMALL_FONT_SIZE, color="0.35", va="bottom"
        )
        text.set_in_layout(False)


class MapExplorer:
    """Map of the groups beside the patterns of the position that was clicked.

    A click goes to a position, the arrow keys to the next one. It works wherever Matplotlib takes
    mouse events (``%matplotlib widget`` or ``qt`` in a notebook); elsewhere the figure says so,
    and `go_to` moves it.

    Parameters
    ----------
    maps
        Map of each group, ``(n_groups, n_y, n_x)``.
    at
        Says what is at a row and a column of the scan.
    start
        Row and column to begin with.
    map_pixel, pattern_pixel
        Pixel sizes of scan and detector.
    matrix
        Numbers of the groups that hold no crystal.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Panels "group map" and "pattern 0" to "pattern 3".
    position : tuple of int
        Row and column that are shown.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster.plotting import MapExplorer
    >>> from hs_nmfcluster.plotting.place import Place
    >>> maps = np.random.default_rng(0).random((2, 5, 6))
    >>> explorer = MapExplorer(maps, lambda row, column: Place("here", {"a": maps[0]}), (1, 2))
    >>> explorer.go_to(3, 4).position
    (3, 4)
    """

    def __init__(
        self,
        maps: ArrayLike,
        at: Callable[[int, int], Place],
        start: tuple[int, int],
        *,
        map_pixel: PixelSize = UNCALIBRATED,
        pattern_pixel: PixelSize = UNCALIBRATED,
        matrix: Collection[int] = (),
    ) -> None:
        scans = drawable_maps(maps, map_pixel)
        if not scans.are_images:
            raise ValueError("An explorer needs a scan along two axes, with more than one row.")
        self._shape = scans.values.shape[1:]
        self._at, self._pixel = at, pattern_pixel
        self.figure: Figure = new_figure(_WIDTH, _HEIGHT)
        layout: Any = self.figure.get_layout_engine()
        layout.set(rect=(0.0, 0.04, 1.0, 0.96))
        grid = self.figure.add_gridspec(2, 3, width_ratios=[2.1, 1, 1])
        self._ax: Axes = self.figure.add_subplot(grid[:, 0])
        plot_group_map(maps, map_pixel=map_pixel, matrix=matrix, legend=False, ax=self._ax)
        self._panels = [
            self.figure.add_subplot(grid[i // 2, 1 + i % 2], label=f"pattern {i}")
            for i in range(_PANELS)
        ]
        (self._mark,) = self._ax.plot([], [], "+", color="white", markersize=13, mew=3)
        (self._core,) = self._ax.plot([], [], "+", color="#b00020", markersize=11, mew=1.5)
        note_if_still(self.figure)
        self.position = start
        self.go_to(*start)
        canvas: Any = self.figure.canvas
        # Matplotlib holds methods weakly; a partial object it holds, and so this object.
        canvas.mpl_connect("button_press_event", partial(self._press))
        canvas.mpl_connect("key_press_event", partial(self._step))

    def __repr__(self) -> str:
        row, column = self.position
        return (
            f"<MapExplorer at row {row}, column {column}; click in the map or press an arrow key>"
        )

    def go_to(self, row: int, column: int) -> "MapExplorer":
        """Show what is at a position, the nearest one in the scan.

        Parameters
        ----------
        row, column
            Of the scan.

        Returns
        -------
        MapExplorer
            Itself.

        Examples
        --------
        >>> explorer.go_to(0, 99).position
        (0, 5)
        """
        row, column = (
            int(np.clip(at, 0, n - 1)) for at, n in zip((row, column), self._shape, strict=True)
        )
        self.position = row, column
        place = self._at(row, column)
        for mark in (self._mark, self._core):
            mark.set_data([column], [row])
        self.figure.suptitle(place.text, fontsize=SMALL_FONT_SIZE + 1, x=0.01, ha="left")
        shown = list(place.patterns.items())
        # As bright as what all of them show: a measured pattern has the direct beam besides.
        seen = np.isfinite([image for _, image in shown]).all(axis=0)
        for i, ax in enumerate(self._panels):
            ax.clear()
            bare(ax)
            if i < len(shown):
                title, image = shown[i]
                norm = intensity_norm(image[seen])
                draw_image(ax, image, cmap=PATTERN_CMAP, norm=norm, pixel=self._pixel)
                ax.set_title(title, fontsize=SMALL_FONT_SIZE)
        self.figure.canvas.draw_idle()
        return self

    def _press(self, event: MouseEvent) -> None:
        canvas: Any = self.figure.canvas
        # Zooming and panning lock the canvas.
        if event.inaxes is not self._ax or canvas.widgetlock.locked():
            return
        if event.button == MouseButton.LEFT and event.xdata is not None and event.ydata is not None:
            self.go_to(round(event.ydata), round(event.xdata))

    def _step(self, event: KeyEvent) -> None:
        if event.key in _ARROWS:
            down, right = _ARROWS[event.key]
            self.go_to(self.position[0] + down, self.position[1] + right)
