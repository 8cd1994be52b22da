"""One HTML file that holds an analysis: settings, figures, tables, and what to distrust."""

from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.page import check_path, write_report

__all__ = ["Findings", "check_path", "write_report"]
