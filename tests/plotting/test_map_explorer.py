"""The map of the groups that is clicked."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseButton, MouseEvent

from hs_nmfcluster.plotting import MapExplorer
from hs_nmfcluster.plotting.place import Place


@pytest.fixture
def explorer():
    maps = np.random.default_rng(0).random((3, 7, 9))
    patterns = np.random.default_rng(1).random((7, 9, 8, 8))

    def at(row, column):
        return Place(f"row {row}", {"measured": patterns[row, column]})

    made = MapExplorer(maps, at, (2, 3))
    made.figure.canvas.draw()
    return made, patterns


def nowhere(row, column):
    return Place(f"nothing at {row}, {column}", {})


def shown(explorer):
    panel = next(ax for ax in explorer.figure.axes if ax.get_label() == "pattern 0")
    return np.asarray(panel.images[0].get_array())


def click(explorer, row, column, button=MouseButton.LEFT):
    ax = explorer.figure.axes[0]
    x, y = ax.transData.transform((column, row))
    canvas = explorer.figure.canvas
    event = MouseEvent("button_press_event", canvas, x, y, button)
    canvas.callbacks.process("button_press_event", event)


class TestMapExplorer:
    def test_begins_where_it_is_told(self, explorer):
        made, patterns = explorer
        assert made.position == (2, 3)
        np.testing.assert_array_equal(shown(made), patterns[2, 3])

    def test_click(self, explorer):
        made, patterns = explorer
        click(made, 5, 1)
        assert made.position == (5, 1)
        np.testing.assert_array_equal(shown(made), patterns[5, 1])
        assert made.figure.get_suptitle() == "row 5"

    def test_other_buttons_do_nothing(self, explorer):
        made, _ = explorer
        click(made, 5, 1, MouseButton.RIGHT)
        assert made.position == (2, 3)

    def test_arrow_keys_stay_in_the_scan(self, explorer):
        made, _ = explorer
        canvas = made.figure.canvas
        for key in ("right", "down", "left", "left", "left", "left", "left", "x"):
            canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", canvas, key))
        assert made.position == (3, 0)

    def test_a_figure_that_stands_still_says_so(self, explorer, monkeypatch):
        assert mpl.get_backend().lower() == "agg"
        said = [text.get_text() for text in explorer[0].figure.texts]
        assert any("%matplotlib widget" in text for text in said)
        monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "widget")
        live = MapExplorer(np.ones((1, 3, 3)), nowhere, (0, 0))
        assert not any("%matplotlib" in text.get_text() for text in live.figure.texts)

    def test_a_line_is_refused(self):
        with pytest.raises(ValueError, match="two axes"):
            MapExplorer(np.ones((2, 9)), nowhere, (0, 0))
