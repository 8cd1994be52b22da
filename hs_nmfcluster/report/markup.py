"""HTML and what is embedded in it: templates that escape, pictures as data URIs.

Text that comes from files (titles, units, names) goes through templates, which escape it.
"""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

# Pixels of a thumbnail along its longer side.
_THUMBNAIL = 64


@dataclass(frozen=True)
class Picture:
    """One or more embedded images above each other.

    Parameters
    ----------
    sources
        Their data URIs.
    caption
        Short text below it.
    description
        For those who do not see it, and as a tooltip.
    color
        Of its frame; empty for none.
    """

    sources: tuple[str, ...]
    caption: str = ""
    description: str = ""
    color: str = ""


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("hs_nmfcluster.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tied"] = _tied
    return environment


def _tied(text: str) -> str:
    """Keep per cent signs and errors on the line of their numbers."""
    return text.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")


def render(template: str, **content: Any) -> str:
    """Fill in a template of ``templates/``; all text in `content` is escaped.

    Examples
    --------
    >>> "&lt;b&gt;" in render("card.html.jinja", title="<b>", summary="", facts=[], pictures=[])
    True
    """
    return _environment().get_template(template).render(**content)


def card(
    title: str,
    summary: str,
    facts: Sequence[tuple[str, str]] = (),
    pictures: Sequence[Picture] = (),
) -> str:
    """Small HTML page of a result, for notebooks.

    Parameters
    ----------
    title, summary
        What it is.
    facts
        Names and values.
    pictures
        From left to right.
    """
    return render("card.html.jinja", title=title, summary=summary, facts=facts, pictures=pictures)


def figure_uri(figure: "Figure", dpi: float = 100.0) -> str:
    """PNG of a figure as a data URI."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return _uri(stream.getvalue())


def pattern_uri(image: ArrayLike) -> str:
    """Thumbnail of a pattern ``(n_v, n_u)`` as a data URI; NaN is grey."""
    from hs_nmfcluster.plotting.style import PATTERN_CMAP

    return _thumbnail(np.asarray(image, dtype=float), PATTERN_CMAP)


def map_uri(scan: ArrayLike) -> str:
    """Thumbnail of a map ``scan_shape`` as a data URI; leading axes are summed."""
    from hs_nmfcluster.plotting.style import MAP_CMAP

    values = np.atleast_2d(np.asarray(scan, dtype=float))
    while values.ndim > 2:
        values = np.nansum(values, axis=0)
    if min(values.shape) == 1:
        # A line is shown as a band.
        values = np.repeat(values, max(1, max(values.shape) // 3), axis=int(values.shape[1] == 1))
    return _thumbnail(values, MAP_CMAP)


def _thumbnail(image: NDArray[np.float64], cmap: str) -> str:
    from matplotlib.image import imsave

    from hs_nmfcluster.plotting.panels import colormap, intensity_norm

    small = _binned(image, max(1, max(image.shape) // _THUMBNAIL))
    norm = intensity_norm(small)
    stream = io.BytesIO()
    imsave(stream, colormap(cmap)(norm(np.ma.masked_invalid(small)), bytes=True), format="png")
    return _uri(stream.getvalue())


def _binned(image: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Mean of blocks of pixels, those not measured left out."""
    rows, columns = (max(n // step, 1) for n in image.shape)
    blocks = image[: rows * step, : columns * step]
    blocks = blocks.reshape(rows, len(blocks) // rows, columns, -1)
    measured = np.isfinite(blocks)
    number = measured.sum(axis=(1, 3))
    total = np.where(measured, blocks, 0.0).sum(axis=(1, 3))
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode('ascii')}"
