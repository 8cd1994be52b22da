"""Checks that every figure must pass."""

import io
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib import image as mpl_image
from matplotlib.figure import Figure


@pytest.fixture
def render() -> Callable[[Figure], np.ndarray]:
    """Draw a figure without any warning and with nothing outside of it; return its pixels."""

    def draw(figure: Figure) -> np.ndarray:
        stream = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Matplotlib 3.8 calls newer versions of pyparsing by old names.
            warnings.filterwarnings("ignore", message=r"'\w+' (argument is )?deprecated")
            figure.savefig(stream, format="png", dpi=figure.dpi)
        for ax in figure.axes:
            box = ax.get_tightbbox()
            beyond = np.maximum(figure.bbox.p0 - box.p0, box.p1 - figure.bbox.p1)
            assert beyond.max() < 2, f"{ax.get_label()!r} leaves the figure by {beyond} px"
        stream.seek(0)
        pixels = mpl_image.imread(stream)
        assert np.ptp(pixels[..., :3]) > 0.3
        return pixels

    return draw
