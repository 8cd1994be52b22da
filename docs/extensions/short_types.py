"""Types in signatures as they are written in the source: ``NDArray[float64]``."""

import re

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_EXPANDED = re.compile(r"~?numpy\.ndarray\[tuple\[[^\]]*\], ~?numpy\.dtype\[~?([\w.]+)\]\]")


def shorten(
    app: Sphinx,
    what: str,
    name: str,
    found: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Undo that Python spells the alias ``NDArray`` out."""
    return tuple(
        text and _EXPANDED.sub(lambda m: f"NDArray[{m[1].rpartition('.')[2]}]", text)
        for text in (signature, returns)
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen to autodoc."""
    app.connect("autodoc-process-signature", shorten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
