"""The tables of an analysis in a page: rounded to be read, whole to be downloaded."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hs_nmfcluster.report.data_tables import tables
from hs_nmfcluster.report.findings import Findings

_TITLES = {
    "groups": "Groups",
    "components": "Components",
    "spacings": "Lattice spacings",
    "particles": "Particles",
    "orientations": "In-plane angles",
    "crystallinity": "Shares of the intensity",
    "phases": "Phases",
}
# Rows that are shown, as the page's script does.
_ROWS = 300
# Of a number that is shown.
_DIGITS = 4


@dataclass(frozen=True)
class PageTable:
    """A table as a page shows it.

    Parameters
    ----------
    name, title
        Of its file, and in words.
    columns, rows
        As they are read.
    number
        Rows of the file.
    encoded
        The file, in base64.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    number: int
    encoded: str


def page_tables(findings: Findings) -> list[PageTable]:
    """Make all tables that a run writes.

    Parameters
    ----------
    findings
        What is known.
    """
    found = []
    for name, make in tables(findings):
        table = make()
        rows = [[_cell(row.get(key)) for key in table.columns] for row in table.rows[:_ROWS]]
        encoded = b64encode(table.csv().encode("utf-8")).decode("ascii")
        found.append(PageTable(name, _TITLES[name], table.columns, rows, len(table.rows), encoded))
    return sorted(found, key=lambda table: list(_TITLES).index(table.name))


def _cell(value: Any) -> str:
    # Only NaN is not itself.
    if value is None or value != value:
        return ""
    if not isinstance(value, float):
        return str(value)
    return np.format_float_positional(value, _DIGITS, fractional=False, trim="-")
