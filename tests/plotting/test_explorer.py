import gc
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.colors import to_hex

from hs_nmfcluster.plotting import group_color
from hs_nmfcluster.plotting.explorer import CutExplorer
from hs_nmfcluster.scan.units import PixelSize

from .specimen import maps, patterns

PIXEL = PixelSize(1.0, 1.0, "nm")
SCAN = (9, 7)
NUMBER = 14
# Component i + 1 joins all before it at a distance of (i + 1) / 20.
CHAIN = np.array(
    [[0 if i == 0 else NUMBER + i - 1, i + 1, (i + 1) / 20, i + 2] for i in range(NUMBER - 1)]
)


@dataclass
class ChainCut:
    """All components that join below the cut, and every other alone."""

    distance: float | None
    scan: tuple[int, ...] | None = None

    @property
    def labels(self) -> np.ndarray:
        assert self.distance is not None
        joined = int((CHAIN[:, 2] <= self.distance).sum())
        return np.maximum(np.arange(NUMBER) - joined, 0)

    @property
    def matrix(self) -> tuple[int, ...]:
        return ()

    def images(self) -> dict[str, Any]:
        n = int(self.labels.max()) + 1
        images: dict[str, Any] = {"patterns": patterns(n), "pattern_pixel": PIXEL}
        if self.scan is not None:
            images |= {"maps": maps(n, *self.scan), "aligned_maps": maps(n, *self.scan)}
            images["map_pixel"] = PIXEL
        return images


@pytest.fixture
def cuts() -> list[float]:
    """Places at which a cut was made, not remembered."""
    return []


@pytest.fixture
def explore(cuts: list[float]) -> Callable[..., CutExplorer[ChainCut]]:
    # Of maps as well as patterns only where they are looked at: drawing takes most of the time.
    def make(start: float = 0.575, scan: tuple[int, ...] | None = None) -> CutExplorer[ChainCut]:
        def cut_at(place: float) -> ChainCut:
            cuts.append(place)
            return ChainCut(place, scan)

        return CutExplorer(CHAIN, cut_at, start, thresholds=CHAIN[:, 2])

    return make


def mouse(figure: plt.Figure, name: str, x: float, y: float = 5.0, button: Any = 1) -> None:
    """Let the mouse do something at data coordinates of the dendrogram."""
    place = figure.axes[0].transData.transform((x, y))
    event = MouseEvent(name, figure.canvas, *place, button)
    figure.canvas.callbacks.process(name, event)


def press(figure: plt.Figure, x: float, **kwargs: Any) -> None:
    mouse(figure, "button_press_event", x, **kwargs)


def move(figure: plt.Figure, x: float, **kwargs: Any) -> None:
    mouse(figure, "motion_notify_event", x, **kwargs)


def release(figure: plt.Figure, x: float, **kwargs: Any) -> None:
    mouse(figure, "button_release_event", x, **kwargs)


def drag(figure: plt.Figure, start: float, stop: float) -> None:
    press(figure, start)
    move(figure, (start + stop) / 2)
    move(figure, stop)
    release(figure, stop)


def type_key(figure: plt.Figure, key: str) -> None:
    event = KeyEvent("key_press_event", figure.canvas, key)
    figure.canvas.callbacks.process("key_press_event", event)


def cut_line(figure: plt.Figure) -> float:
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "cut")
    return line.get_xdata()[0]


def panels(figure: plt.Figure, kind: str = "pattern") -> list[str]:
    labels = [ax.get_label() for ax in figure.axes]
    return [label for label in labels if label.startswith(kind) and label[-1].isdigit()]


class TestStatic:
    def test_panels(self, explore, render) -> None:
        figure = explore(scan=SCAN).figure
        labels = [ax.get_label() for ax in figure.axes]
        kinds = ("pattern", "sum of maps", "shift-corrected")
        drawn = [f"{kind} {group}" for group in range(3) for kind in kinds]
        assert labels == ["dendrogram", *drawn, "pattern scale", "map scale"]
        assert cut_line(figure) == 0.575
        render(figure)

    @pytest.mark.parametrize("scan", [None, (12,), (2, 9, 7)])
    @pytest.mark.parametrize("start", [pytest.param(0.01, marks=pytest.mark.slow), 0.575, 0.7])
    def test_any_scan(self, explore, render, scan, start: float) -> None:
        render(explore(start, scan).figure)

    def test_more_groups_than_are_drawn(self, explore, render) -> None:
        figure = explore(0.075).figure
        assert figure.get_suptitle() == "13 groups, the first 10 from the top"
        assert panels(figure) == [f"pattern {group}" for group in range(10)]
        render(figure)

    def test_repr(self, explore) -> None:
        assert repr(explore()).startswith("<CutExplorer: cut at 0.575 into 3 groups of 14 comp")
        assert "1 group of 14" in repr(explore(0.66))

    def test_bad_kind_leaves_no_figure(self) -> None:
        with pytest.raises(ValueError, match="kind is"):
            CutExplorer(CHAIN, ChainCut, 0.3, thresholds=CHAIN[:, 2], kind="angle")  # type: ignore[arg-type]
        assert plt.get_fignums() == []


class TestMouse:
    def test_drag(self, explore, render) -> None:
        explorer = explore(scan=SCAN)
        figure = explorer.figure
        drag(figure, 0.5, 0.48)
        assert explorer.distance == pytest.approx(0.48)
        assert explorer.groups.labels.max() == 4
        assert len(panels(figure)) == len(panels(figure, "sum of maps")) == 5
        assert cut_line(figure) == explorer.distance
        colors = [to_hex(text.get_color()) for text in figure.axes[0].get_yticklabels()]
        assert colors == [group_color(group) for group in explorer.groups.labels]
        render(figure)

    def test_click(self, explore) -> None:
        explorer = explore()
        press(explorer.figure, 0.62)
        release(explorer.figure, 0.62)
        assert explorer.distance == pytest.approx(0.62)
        assert panels(explorer.figure) == ["pattern 0", "pattern 1"]

    def test_groups_wait_for_the_release(self, explore, cuts) -> None:
        explorer = explore()
        press(explorer.figure, 0.5)
        move(explorer.figure, 0.22)
        assert cut_line(explorer.figure) == pytest.approx(0.22)
        assert explorer.distance == 0.575
        assert len(panels(explorer.figure)) == 3
        assert cuts == [0.575]

    @pytest.mark.parametrize("blit", [True, False])
    def test_cut_is_drawn_during_a_drag_and_saved_after_it(
        self, explore, blit: bool, monkeypatch
    ) -> None:
        figure = explore().figure
        monkeypatch.setattr(type(figure.canvas), "supports_blit", blit)
        press(figure, 0.5)
        dragged = np.array(figure.canvas.buffer_rgba()) if blit else None
        release(figure, 0.5)
        figure.canvas.draw()
        after = np.array(figure.canvas.buffer_rgba())
        column = round(figure.axes[0].transData.transform((0.5, 0))[0])
        reds = [after] if dragged is None else [after, dragged]
        for image in reds:
            strip = image[200:300, column - 2 : column + 3].astype(int)
            assert ((strip[..., 0] - strip[..., 1]) > 100).any(axis=1).all()

    def test_leaving_the_axes_keeps_the_last_place_inside(self, explore) -> None:
        explorer = explore()
        press(explorer.figure, 0.5)
        move(explorer.figure, 0.48)
        move(explorer.figure, 0.3, y=-4.0)
        release(explorer.figure, 0.3, y=-4.0)
        assert explorer.distance == pytest.approx(0.48)

    def test_drag_outside_changes_nothing(self, explore, cuts) -> None:
        explorer = explore()
        before, groups = list(explorer.figure.axes), explorer.groups
        press(explorer.figure, 1.2)
        move(explorer.figure, 0.3)
        release(explorer.figure, 0.3)
        assert explorer.distance == cut_line(explorer.figure) == 0.575
        assert explorer.groups is groups
        assert explorer.figure.axes == before
        assert cuts == [0.575]

    def test_movement_without_button_and_other_buttons(self, explore) -> None:
        explorer = explore()
        move(explorer.figure, 0.3)
        for action in press, move, release:
            action(explorer.figure, 0.3, button=3)
        assert explorer.distance == cut_line(explorer.figure) == 0.575

    def test_zooming_does_not_cut(self, explore) -> None:
        explorer = explore()
        explorer.figure.canvas.widgetlock(self)
        drag(explorer.figure, 0.5, 0.3)
        assert explorer.distance == 0.575

    def test_zoomed_view_stays(self, explore) -> None:
        explorer = explore()
        ax = explorer.figure.axes[0]
        ax.set_xlim(0.2, 0.6)
        drag(explorer.figure, 0.5, 0.3)
        assert explorer.distance == pytest.approx(0.3)
        assert ax.get_xlim() == (0.2, 0.6)

    def test_left_of_zero(self, explore) -> None:
        explorer = explore()
        drag(explorer.figure, 0.5, -0.003)
        assert 0 < explorer.distance < 0.001


class TestKeys:
    @pytest.mark.slow
    def test_every_cut_once(self, explore) -> None:
        explorer = explore(0.66)
        numbers = []
        for _ in range(NUMBER + 2):
            numbers.append(int(explorer.groups.labels.max()) + 1)
            type_key(explorer.figure, "left")
        assert numbers == [*range(1, NUMBER + 1), NUMBER, NUMBER]
        type_key(explorer.figure, "right")
        assert explorer.distance == pytest.approx(0.075)
        assert len(panels(explorer.figure)) == 10

    def test_other_keys(self, explore) -> None:
        explorer = explore()
        type_key(explorer.figure, "a")
        assert explorer.distance == 0.575

    def test_identical_components(self) -> None:
        linkage = np.array([[0, 1, -1e-16, 2], [2, 3, 1e-16, 3]])

        def cut_at(place: float) -> Any:
            assert place > 0
            return Three(place)

        class Three(ChainCut):
            labels = np.zeros(3, dtype=int)

        explorer = CutExplorer(linkage, cut_at, 0.05, thresholds=linkage[:, 2])
        for key in ("left", "right"):
            type_key(explorer.figure, key)
        assert explorer.distance == 0.05


class TestMemory:
    def test_cuts_are_made_once(self, explore, cuts) -> None:
        explorer = explore()
        drag(explorer.figure, 0.5, 0.48)
        drag(explorer.figure, 0.5, 0.58)
        drag(explorer.figure, 0.5, 0.47)
        assert len(cuts) == 2
        assert explorer.distance == pytest.approx(0.47)

    def test_groups_handed_out_stay_as_they_are(self, explore) -> None:
        explorer = explore()
        groups = explorer.groups
        drag(explorer.figure, 0.5, 0.56)
        assert (groups.distance, explorer.distance) == (0.575, pytest.approx(0.56))

    def test_figure_keeps_it_alive(self, explore) -> None:
        figure = explore().figure
        gc.collect()
        drag(figure, 0.5, 0.48)
        assert len(panels(figure)) == 5

    def test_figure_can_be_pickled(self, explore) -> None:
        copied = pickle.loads(pickle.dumps(explore(scan=SCAN).figure))
        assert len(panels(copied)) == 3
