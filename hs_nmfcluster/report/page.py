"""The report as one HTML file."""

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from hs_nmfcluster.files import may_overwrite, written_whole
from hs_nmfcluster.report.answer import answer
from hs_nmfcluster.report.cautions import cautions
from hs_nmfcluster.report.corrections import corrections
from hs_nmfcluster.report.explorable import explorable
from hs_nmfcluster.report.figures import Illustration, illustrations
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.markup import render
from hs_nmfcluster.report.packing import json_for_script
from hs_nmfcluster.report.page_tables import page_tables
from hs_nmfcluster.report.scan_facts import file_of, scan_rows
from hs_nmfcluster.report.tables import (
    SHARE,
    colors,
    group_rows,
    key_facts,
    provenance_rows,
    settings_rows,
)

# Nothing but what the page itself holds: its own style and script, and pictures in it.
_POLICY = (
    "default-src 'none'; img-src data:; style-src {style}; script-src {script}; base-uri 'none'; "
    "form-action 'none'"
)
_HISTOGRAMS = "Histograms of diameters share one scale."
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


def page(findings: Findings, figures: Iterable[Illustration] | None = None) -> str:
    """HTML of a report; text from files is escaped.

    Parameters
    ----------
    findings
        What is known.
    figures
        To show; all that can be drawn by default.
    """
    groups = findings.groups
    missing = {_QUESTIONS.get(name, name): why for name, why in findings.missing.items()}
    style, script = f"\n{_resource('page.css')}{colors()}\n", f"\n{_resource('page.js')}"
    content = explorable(findings)
    rows = group_rows(findings)
    return render(
        "report.html.jinja",
        policy=_POLICY.format(style=_hash(style), script=_hash(script)),
        style=Markup(style),
        script=Markup(script),
        explorable=None if content is None else Markup(json_for_script(content)),
        branches=content is not None and any(len(own) > 1 for own in content["tree"]["leaves"]),
        inverted=content is not None and bool(content["tree"]["inverted"]),
        title=_title(findings),
        answer="" if groups is None else answer(groups, findings.sizes),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        scan=scan_rows(findings),
        corrections=corrections(findings),
        facts=key_facts(findings),
        cautions=cautions(findings),
        groups=rows,
        more_groups=0 if groups is None else len(groups) - len(rows),
        histogram_note=_HISTOGRAMS if any(row.histogram for row in rows) else "",
        share_name=SHARE,
        missing=missing,
        tables=page_tables(findings),
        figures=list(illustrations(findings) if figures is None else figures),
        settings=settings_rows(findings),
        provenance=provenance_rows(findings),
    )


@cache
def _resource(name: str) -> str:
    return files("hs_nmfcluster.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{digest.decode('ascii')}'"


def _title(findings: Findings) -> str:
    nmf = findings.factorization
    settings = {} if nmf is None else nmf.settings
    return str(settings.get("title") or file_of(findings) or "Analysis of a 4D-STEM scan")
