"""An analysis written into one folder as it goes on: results, figures, numbers, report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hs_nmfcluster.bridge.progress import step_progress
from hs_nmfcluster.cli import products
from hs_nmfcluster.cli.folder import SUMMARY, OutputFolder
from hs_nmfcluster.cli.products import Product
from hs_nmfcluster.cli.steps import Steps
from hs_nmfcluster.cli.summary import as_json, summarise
from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.figures import illustrations

_TRACEBACKS = "failures.txt"


class Outputs:
    """Writes what is known as soon as it is; what cannot be written costs nothing else.

    Parameters
    ----------
    folder
        Where.
    about
        What the summary says of the run itself: of which file, how.
    steps
        Does the writing, file by file.
    kept
        Files of an earlier run that this one does not replace.
    """

    def __init__(
        self, folder: OutputFolder, about: Mapping[str, Any], steps: Steps, kept: Iterable[str] = ()
    ) -> None:
        self._folder = folder
        self._about = about
        self._steps = steps
        self._kept = list(kept)
        self._tried: set[str] = set(kept)
        self._cleared = False

    def keep(self, findings: Findings) -> None:
        """Write the results that are new."""
        found = self._steps("results", lambda: list(products.results(findings))) or []
        self._write(findings, [one for one in found if one.grows or one.name not in self._tried])

    def finish(
        self,
        findings: Findings,
        *,
        formats: Sequence[str],
        report: bool,
        emd: bool,
        show: bool | None,
    ) -> dict[str, Any]:
        """Draw the figures, write the report and what could not be done.

        Parameters
        ----------
        findings
            All that is known.
        formats
            Of the figures: ``"png"``, ``"svg"``, ``"pdf"``.
        report
            Whether to write ``report.html``.
        emd
            Whether to write ``results.emd``, for py4DSTEM.
        show
            Whether to show a bar while the figures are drawn.

        Returns
        -------
        dict
            The summary, with the names of the files.
        """
        if emd:
            self._write(findings, [products.emd(findings)])
        shown = self._steps("figures", lambda: list(illustrations(findings))) or []
        others = self._steps("figures", lambda: list(products.further_figures(findings))) or []
        figures = [products.of_figure(one, formats) for one in (*shown, *others)]
        self._announce(findings, [one for files in figures for one in files])
        for files in step_progress(figures, show and bool(figures), "Figures", "figure"):
            self._write_all(files)
        if report:
            # One that cannot be drawn is left out.
            names = [f"{one.name}.{formats[0]}" for one in shown]
            drawn = [
                one
                for one, name in zip(shown, names, strict=True)
                if self._steps(name, getattr, one, "drawn")
            ]
            self._write(findings, [products.report(findings, drawn)])
        if self._steps.tracebacks:
            text = "\n".join(self._steps.tracebacks)
            self._write(findings, [products.text_file(_TRACEBACKS, lambda: text)])
        return self._announce(findings, [])

    def _write(self, findings: Findings, new: Sequence[Product]) -> None:
        self._announce(findings, new)
        self._write_all(new)

    def _write_all(self, new: Sequence[Product]) -> None:
        for product in new:
            self._tried.add(product.name)
            self._steps(product.name, self._folder.write, product)
            if not self._cleared and product.name in self._folder.names:
                self._clear()

    def _clear(self) -> None:
        """Remove what an earlier run has left, as there is something in its place now."""
        self._cleared = True
        if self._folder.clear(self._kept):
            self._steps.say(f"The results of the run before in {self._folder.path} are replaced.")

    def _announce(self, findings: Findings, new: Sequence[Product]) -> dict[str, Any]:
        """Write the summary, with the names of what comes next, in case that is cut short."""
        known = [*self._kept, *self._folder.names, *sorted(self._folder.earlier)]
        names = [*known, *(one.name for one in new), SUMMARY]
        summary = {
            **self._about,
            **(self._steps("the numbers", summarise, findings) or {}),
            "failed": dict(self._steps.failed),
            "files": list(dict.fromkeys(names)),
        }
        text = self._steps("the numbers", as_json, summary) or "{}"
        self._steps(SUMMARY, self._folder.write, products.text_file(SUMMARY, lambda: text))
        return summary
