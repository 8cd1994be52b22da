"""HTML and what is embedded in it: templates that escape, pictures as data URIs.

Text that comes from files (titles, units, names) goes through templates, which escape it.
"""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import ArrayLike

from hs_nmfcluster import plotting

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Pixels along the longer side of a thumbnail, at most twice as many.
_SIZE = 64


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
def _environment() -> Environment:
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


def figure_png(figure: "Figure", dpi: float = 100.0) -> bytes:
    """PNG of a figure."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def figure_uri(figure: "Figure", dpi: float = 100.0) -> str:
    """PNG of a figure as a data URI."""
    return png_uri(figure_png(figure, dpi))


def pattern_uri(image: ArrayLike, size: int = _SIZE) -> str:
    """Thumbnail of a pattern ``(n_v, n_u)`` as a data URI; NaN is grey."""
    return png_uri(plotting.pattern_thumbnail(image, size))


def map_uri(scan: ArrayLike, size: int = _SIZE) -> str:
    """Thumbnail of a map ``scan_shape`` as a data URI; leading axes are summed."""
    return png_uri(plotting.map_thumbnail(scan, size))


def png_uri(png: bytes) -> str:
    """PNG as a data URI."""
    return f"data:image/png;base64,{b64encode(png).decode('ascii')}"
