"""A dendrogram whose cut is dragged, beside the groups that it leaves."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import KeyEvent, MouseButton, MouseEvent
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Kind, Scaling
from hs_nmfcluster.plotting.dendrogram import plot_dendrogram
from hs_nmfcluster.plotting.figures import new_figure
from hs_nmfcluster.plotting.group_images import GroupImages
from hs_nmfcluster.plotting.map_explorer import note_if_still
from hs_nmfcluster.plotting.panels import scale_width
from hs_nmfcluster.plotting.style import FONT_SIZE
from hs_nmfcluster.plotting.tree_layout import tree_layout
from hs_nmfcluster.scan.units import UNCALIBRATED

# Inches.
_WIDTH = 9.0
_TREE_WIDTH = 3.2
_HEIGHTS = 5.2, 8.0
_LEAF_HEIGHT = 0.155
_ROWS = 5
_SHOWN = 10
# More leaves than this cannot be labelled on the highest figure.
_LABELLED = 60
# Cuts whose averages are kept in memory.
_REMEMBERED = 32
_CUT_COLOR = "#b00020"
# Below is room for a note.
_LAYOUT = ConstrainedLayoutEngine(
    w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0, rect=(0.0, 0.03, 1.0, 0.97)
)


class Cut(Protocol):
    """What a cut leaves; `hs_nmfcluster.Groups` is one."""

    distance: float | None

    @property
    def labels(self) -> NDArray[np.intp]:
        """Group of each component."""

    @property
    def matrix(self) -> tuple[int, ...]:
        """Numbers of the groups that hold no crystal."""

    def images(self) -> dict[str, Any]:
        """Return patterns and maps of the groups and their pixel sizes."""


G = TypeVar("G", bound=Cut)


class CutExplorer(Generic[G]):
    """Dendrogram with a cut to drag, beside the patterns and maps of the groups it leaves.

    A click or drag in the dendrogram moves the cut, the left and right keys take it to the next
    cut that leaves other groups. The groups are drawn when the mouse button is released. It works
    wherever Matplotlib takes mouse events (``%matplotlib widget`` or ``qt`` in a notebook);
    elsewhere the figure stays as it is. The figure keeps its explorer alive.

    Parameters
    ----------
    linkage
        SciPy's layout, shape ``(k - 1, 4)``.
    cut_at
        Makes the groups of a cut at a place along the axis of the dendrogram.
    start
        Where the first cut lies.
    thresholds
        A cut beyond i of these places keeps i merges; one for each merge of the tree, of which
        `linkage` may show the upper part.
    leaves
        For each leaf a component that it holds; by default leaves are the components.
    last, kind, distance_label, scaling
        See `plot_dendrogram`.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Panel "dendrogram", then for at most ten groups (linear scan: five) "pattern 0", "sum of
        maps 0", "shift-corrected 0" as far as there are any, then the colour bars.
    groups : Groups
        What the present cut leaves.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster import ClusterTree, NMFDiffraction2D
    >>> ramp = np.arange(9 * 9.0).reshape(9, 9)
    >>> s = NMFDiffraction2D(np.array([ramp, ramp.T[::-1], ramp % 2]))
    >>> explorer = ClusterTree.from_patterns(s, center=(4, 4)).explore()
    >>> len(explorer.groups)
    1
    """

    def __init__(
        self,
        linkage: ArrayLike,
        cut_at: Callable[[float], G],
        start: float,
        *,
        thresholds: ArrayLike,
        leaves: ArrayLike | None = None,
        last: ArrayLike | None = None,
        kind: Kind = "distance",
        distance_label: str = "Pseudo-distance",
        scaling: Scaling = "weak",
    ) -> None:
        number = len(np.atleast_1d(linkage)) + 1
        # The same at every cut, so that the tree lies still while the cut is dragged.
        below = np.zeros(number, dtype=bool) if last is None else last
        style: dict[str, Any] = {"kind": kind, "distance_label": distance_label, "last": below}
        self._draw_tree = partial(plot_dendrogram, linkage, **style)
        self._order = tree_layout(linkage, kind, below).order
        self._leaves = slice(None) if leaves is None else np.asarray(leaves, dtype=np.intp)
        self._cut_at = cut_at
        self._thresholds = np.sort(np.asarray(thresholds, dtype=float))
        self._number = len(self._thresholds) + 1
        self._scaling = scaling
        self._known: dict[int, G] = {}
        self._position = start
        # Where the cut is dragged to, and the figure without it.
        self._dragged: float | None = None
        self._background: Any = None

        height = float(np.clip(_LEAF_HEIGHT * self._number + 0.6, *_HEIGHTS))
        self.figure: Figure = new_figure(_WIDTH, height)
        # Laid out anew with the groups only: a drag must not wait for it.
        self.figure.set_layout_engine("none")
        halves = self.figure.add_gridspec(1, 2, width_ratios=[_TREE_WIDTH, _WIDTH - _TREE_WIDTH])
        self._ax: Axes = self.figure.add_subplot(halves[0], label="dendrogram")
        self._place: SubplotSpec = halves[1]
        self._draw_tree(ax=self._ax)
        left, right = self._ax.get_xlim()
        lowest, highest = self._steps()[[0, -1]]
        self._lowest = min(float(lowest), 1e-3 * right)
        self._ax.set_xlim(left, max(right, start, highest))
        self.groups: G = self._groups_at(start)
        self._draw()
        note_if_still(self.figure)
        self._connect()

    @property
    def distance(self) -> float | None:
        """Where the tree is cut; None along the sequence of merges."""
        return self.groups.distance

    def __repr__(self) -> str:
        where = "" if self.distance is None else f" at {self.distance:.3f}"
        return (
            f"<CutExplorer: cut{where} into {self._count(self._position)} of {self._number} "
            "components; drag the cut or press ← →, then go on with .groups>"
        )

    def _kept(self, position: float) -> int:
        """Count the merges that a cut keeps."""
        return int(np.searchsorted(self._thresholds, position, side="right"))

    def _count(self, position: float) -> str:
        groups = self._number - self._kept(position)
        return "1 group" if groups == 1 else f"{groups} groups"

    def _steps(self) -> NDArray[np.float64]:
        """Places of cuts, one for each number of groups that a cut can leave, ascending."""
        top = self._thresholds[-1]
        beyond = top + max(0.02 * top, 1e-4)
        edges = np.concatenate([[0.0], self._thresholds, [2 * beyond - top]])
        # A step that is rounding alone is no cut that anyone sees.
        seen = np.diff(edges) > 1e-6 * beyond
        return ((edges[:-1] + edges[1:]) / 2)[seen]

    def _groups_at(self, position: float) -> G:
        kept = self._kept(position)
        if kept not in self._known:
            if len(self._known) == _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[kept] = self._cut_at(position)
            return self._known[kept]
        # A copy has the averages that were made for the first one.
        groups = copy(self._known[kept])
        if groups.distance is not None:
            groups.distance = position
        return groups

    def _move_to(self, position: float) -> None:
        """Cut at `position`; draw the groups if they are others than before."""
        changed = self._kept(position) != self._kept(self._position)
        self._position = position
        self.groups = self._groups_at(position)
        if changed:
            self._draw()
        else:
            self._place_line(position)
        self.figure.canvas.draw_idle()

    def _draw(self) -> None:
        labels = self.groups.labels[self._leaves].tolist()
        for ax in self.figure.axes:
            if ax is not self._ax:
                ax.remove()
        view = self._ax.get_xlim(), self._ax.get_ylim()
        self._ax.clear()
        self._draw_tree(ax=self._ax, groups=labels, matrix=self.groups.matrix)
        self._ax.set(xlim=view[0], ylim=view[1])
        if self._number > _LABELLED:
            self._ax.set_yticks([])
        self._line = self._ax.axvline(color=_CUT_COLOR, linewidth=1.5, label="cut")
        across = self._ax.get_xaxis_transform()
        self._text = self._ax.text(0, 1, "", transform=across, fontsize=FONT_SIZE, va="bottom")
        self._text.set_color(_CUT_COLOR)
        # The tree must not move when the cut does.
        self._text.set_in_layout(False)
        self._place_line(self._position)
        self._draw_images([labels[leaf] for leaf in self._order])
        _LAYOUT.execute(self.figure)

    def _place_line(self, position: float) -> None:
        self._line.set_xdata([position, position])
        left, right = self._ax.get_xlim()
        self._text.set_x(position)
        self._text.set_horizontalalignment("left" if position < (left + right) / 2 else "right")
        self._text.set_text(f"{position:.3g}: {self._count(position)}")

    def _draw_images(self, in_order: list[int]) -> None:
        """Draw the groups as they follow each other in the tree, in one or two stacks."""
        no_maps = {"maps": None, "aligned_maps": None, "map_pixel": UNCALIBRATED}
        arrays = no_maps | self.groups.images()
        images = GroupImages.from_arrays(**arrays, scaling=self._scaling)
        found = list(dict.fromkeys(in_order))
        # Profiles have labels, for which ten groups leave no room.
        shown = found[: _ROWS if images.has_profiles else _SHOWN]
        note = f", the first {len(shown)} from the top" if len(shown) < len(found) else ""
        title = self._count(self._position) + note
        self.figure.suptitle(title, x=(_TREE_WIDTH + 0.4) / _WIDTH, ha="left", fontsize=FONT_SIZE)
        stacks = 1 if len(shown) <= _ROWS else 2
        rows = -(-len(shown) // stacks)
        scales = scale_width(images.note)
        space = _WIDTH - _TREE_WIDTH - scales
        high = (self.figure.get_figheight() - 0.5) / rows
        height = min(high, space / (stacks * sum(images.widths)))
        widths = [height * width for width in images.widths] * stacks
        rest = space - sum(widths) + 0.01
        grid = self._place.subgridspec(rows, len(widths) + 2, width_ratios=[*widths, scales, rest])
        for index, group in enumerate(shown):
            stack, row = divmod(index, rows)
            columns = range(stack * len(images.widths), (stack + 1) * len(images.widths))
            axes = [self.figure.add_subplot(grid[row, column]) for column in columns]
            images.draw(group, axes, first=row == 0)
        images.draw_scales(self.figure, grid[:, -2])

    def _connect(self) -> None:
        canvas: Any = self.figure.canvas
        for name, action in (
            ("button_press_event", self._press),
            ("motion_notify_event", self._drag),
            ("button_release_event", self._release),
            ("key_press_event", self._step),
            ("resize_event", lambda _: _LAYOUT.execute(self.figure)),
        ):
            # Matplotlib holds methods weakly; a partial object it holds, and so this object.
            canvas.mpl_connect(name, partial(action))

    def _place_of(self, event: MouseEvent) -> float | None:
        """Place of a cut at the mouse, None if it is not in the dendrogram."""
        if event.inaxes is not self._ax or event.xdata is None:
            return None
        # The axis begins left of zero, where no cut can be.
        return max(float(event.xdata), self._lowest)

    def _press(self, event: MouseEvent) -> None:
        canvas: Any = self.figure.canvas
        # Zooming and panning lock the canvas.
        if event.button != MouseButton.LEFT or canvas.widgetlock.locked():
            return
        place = self._place_of(event)
        if place is None:
            return
        self._dragged = place
        if canvas.supports_blit:
            self._line.set_animated(True)
            self._text.set_animated(True)
            canvas.draw()
            self._background = canvas.copy_from_bbox(self.figure.bbox)
        self._show_dragged(place)

    def _drag(self, event: MouseEvent) -> None:
        place = self._place_of(event)
        if self._dragged is not None and place is not None:
            self._dragged = place
            self._show_dragged(place)

    def _show_dragged(self, place: float) -> None:
        self._place_line(place)
        canvas: Any = self.figure.canvas
        if self._background is None:
            canvas.draw_idle()
            return
        canvas.restore_region(self._background)
        self._ax.draw_artist(self._line)
        self._ax.draw_artist(self._text)
        canvas.blit(self.figure.bbox)

    def _release(self, event: MouseEvent) -> None:
        if self._dragged is None or event.button != MouseButton.LEFT:
            return
        place, self._dragged, self._background = self._dragged, None, None
        self._line.set_animated(False)
        self._text.set_animated(False)
        self._move_to(place)

    def _step(self, event: KeyEvent) -> None:
        if event.key not in ("left", "right") or self._dragged is not None:
            return
        steps = self._steps()
        kept = np.searchsorted(self._thresholds, steps, side="right")
        now = self._kept(self._position)
        next_ones = steps[kept > now] if event.key == "right" else steps[kept < now][::-1]
        if next_ones.size:
            self._move_to(float(next_ones[0]))
