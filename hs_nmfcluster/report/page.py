"""The report as one HTML file."""

import os
from datetime import UTC, datetime
from pathlib import Path

from hs_nmfcluster.files import may_overwrite, written_whole
from hs_nmfcluster.report.cautions import cautions
from hs_nmfcluster.report.figures import illustrations
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.markup import render
from hs_nmfcluster.report.tables import (
    group_rows,
    key_facts,
    provenance_rows,
    settings_rows,
)

_QUESTIONS = {
    "spacings": "Lattice spacings",
    "sizes": "Particle sizes",
    "orientation": "In-plane angles",
    "crystallinity": "Shares of the intensity",
}


def check_path(path: str | os.PathLike[str], overwrite: bool | None = None) -> bool:
    """Say whether a report may be written, before any long work.

    Parameters
    ----------
    path
        File ending in ``.html``.
    overwrite
        As in HyperSpy: None asks if the file exists.

    Raises
    ------
    ValueError
        Another ending.
    FileNotFoundError
        No such folder.
    """
    file = Path(path)
    if file.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"`path` must end in .html, got {file.name!r}.")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {os.fspath(file.parent)!r} to write into.")
    return not file.exists() or may_overwrite(file, overwrite)


def write_report(path: str | os.PathLike[str], findings: Findings) -> None:
    """Write a report; the file is whole or absent.

    Parameters
    ----------
    path
        File, replaced if there is one.
    findings
        What is known.
    """
    text = page(findings)
    with written_whole(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page(findings: Findings) -> str:
    """HTML of a report; text from files is escaped."""
    missing = {_QUESTIONS.get(name, name): why for name, why in findings.missing.items()}
    return render(
        "report.html.jinja",
        title=_title(findings),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        facts=key_facts(findings),
        cautions=cautions(findings),
        groups=group_rows(findings),
        missing=missing,
        figures=[one.embedded() for one in illustrations(findings)],
        settings=settings_rows(findings),
        provenance=provenance_rows(findings),
    )


def _title(findings: Findings) -> str:
    nmf = findings.factorization
    settings = {} if nmf is None else nmf.settings
    file = Path(str(settings.get("file") or "")).name
    return str(settings.get("title") or file or "Analysis of a 4D-STEM scan")
