"""Types in signatures as they are written in the source: ``NDArray[float64]``."""

import re

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

# Protocols, of which a reader knows the class.
_CLASSES = {
    "Factorization": "hs_nmfcluster.Factorization",
    "DetectionLimit": "hs_nmfcluster.results.detection_limit.DetectionLimit",
    "Trust": "hs_nmfcluster.results.confirmation.Confirmation",
}
_PROTOCOL = re.compile(rf"hs_nmfcluster\.report\.subject\.({'|'.join(_CLASSES)})\b")
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
    """Undo that Python spells the alias ``NDArray`` out, and name classes instead of protocols."""
    return tuple(text and _shortened(text) for text in (signature, returns))


def _shortened(text: str) -> str:
    text = _EXPANDED.sub(lambda m: f"NDArray[{m[1].rpartition('.')[2]}]", text)
    return _PROTOCOL.sub(lambda m: _CLASSES[m[1]], text)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen to autodoc."""
    app.connect("autodoc-process-signature", shorten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
