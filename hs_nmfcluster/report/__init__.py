"""One HTML file that holds an analysis: settings, figures, tables, and what to distrust."""

from .findings import Findings
from .page import check_path, write_report

__all__ = ["Findings", "check_path", "write_report"]
