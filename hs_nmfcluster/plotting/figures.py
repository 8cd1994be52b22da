"""The figure that every drawing starts with: on screen or off, shown once, saved with its text."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Text stays text in vector formats, so that it can be searched, edited and set in other fonts.
_TEXT_AS_TEXT: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "ps.fonttype": 42}

_off_screen = ContextVar("_off_screen", default=False)


class NotebookFigure(Figure):
    """A figure that a notebook shows once, and whose text stays text in SVG and PDF files.

    Pyplot shows its figures at the end of a cell, or in a window; one that is also the cell's value
    would appear twice.
    """

    def _ipython_display_(self) -> None:
        if plt.fignum_exists(getattr(self, "number", -1)):
            if "inline" not in plt.get_backend():
                return
            plt.close(self)
        # IPython takes that for: show it as any other figure.
        raise NotImplementedError

    def savefig(self, fname: str | os.PathLike[str] | IO[bytes], **kwargs: Any) -> None:
        """Save as `matplotlib.figure.Figure.savefig` does, text as text."""
        with mpl.rc_context(_TEXT_AS_TEXT):
            super().savefig(fname, **kwargs)


def new_figure(width: float, height: float, *, compress: bool = False) -> Figure:
    """Pyplot figure of this size in inches, panels kept from overlapping.

    `compress` is for square panels with labels: without it their labels may leave the figure.
    """
    layout = ConstrainedLayoutEngine(
        w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0, compress=compress
    )
    if not _off_screen.get():
        return plt.figure(FigureClass=NotebookFigure, figsize=(width, height), layout=layout)
    figure = NotebookFigure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def off_screen() -> Iterator[None]:
    """Draw figures for files: pyplot does not know them, so no window opens and none stays open.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with off_screen():
    ...     figure = new_figure(3, 2)
    >>> plt.get_fignums()
    []
    """
    token = _off_screen.set(True)
    try:
        yield
    finally:
        _off_screen.reset(token)
