"""An analysis written into one folder: results, figures, numbers, report."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from hyperspy.signal import BaseSignal

from hs_nmfcluster import plotting
from hs_nmfcluster.files import written_whole
from hs_nmfcluster.io import storage
from hs_nmfcluster.report import Findings, write_report
from hs_nmfcluster.report.cautions import cautions
from hs_nmfcluster.report.figures import Illustration, illustrations

FIGURE_FORMATS = ("png", "svg", "pdf")
_DPI = 200


def write(
    findings: Findings,
    folder: Path,
    *,
    formats: Sequence[str] = ("png",),
    report: bool = False,
) -> dict[str, Any]:
    """Write figures, results and ``summary.json``; every file is whole or absent.

    Parameters
    ----------
    findings
        What the analysis found.
    folder
        An existing folder.
    formats
        Of the figures: ``"png"``, ``"svg"``, ``"pdf"``.
    report
        Whether to write ``report.html`` too.

    Returns
    -------
    dict
        The summary, with the names of the files.
    """
    names = _write_results(findings, folder)
    for figure in [*illustrations(findings), *_further_figures(findings)]:
        names += _write_figure(figure, folder, formats)
    if report:
        write_report(folder / "report.html", findings)
        names.append("report.html")
    summary = summarise(findings) | {"files": [*names, "summary.json"]}
    _write_text(folder / "summary.json", as_json(summary))
    return summary


def _write_results(findings: Findings, folder: Path) -> list[str]:
    """Write what HyperSpy opens."""
    nmf, tree, groups = findings.factorization, findings.tree, findings.groups
    names = []
    signals: dict[str, BaseSignal | None] = {}
    if findings.signal is not None:
        signals["mean_pattern"] = findings.signal.get_mean_pattern(show_progressbar=False)
    if nmf is not None:
        signals["maps"] = nmf.maps
        nmf.save(folder / "factorization.hspy", overwrite=True)
        names.append("factorization.hspy")
    if tree is not None and groups is not None:
        signals["group_patterns"] = groups.patterns
        signals["group_maps"] = groups.maps
        signals["group_aligned_maps"] = groups.aligned_maps
        tree.save(folder / "tree.hspy", overwrite=True)
        names.append("tree.hspy")
    for name, signal in signals.items():
        if signal is not None:
            storage.save_whole(signal, folder / f"{name}.hspy")
            names.append(f"{name}.hspy")
    return names


def _further_figures(findings: Findings) -> list[Illustration]:
    """Name the figures that a report leaves out."""
    nmf, groups = findings.factorization, findings.groups
    further = []
    if nmf is not None:
        further.append(
            Illustration("components_linear", "", "", lambda: nmf.plot(scaling="linear"))
        )
    if groups is not None:
        further.append(
            Illustration(
                "dendrogram_sequence", "", "", lambda: groups.plot_dendrogram(kind="sequence")
            )
        )
    return further


def _write_figure(figure: Illustration, folder: Path, formats: Sequence[str]) -> list[str]:
    with plotting.off_screen():
        drawn = figure.draw()
    names = [f"{figure.name}.{suffix}" for suffix in dict.fromkeys(formats)]
    for name in names:
        with written_whole(folder / name) as temporary:
            drawn.savefig(temporary, dpi=_DPI)
    return names


def summarise(findings: Findings) -> dict[str, Any]:
    """Put the numbers of an analysis into one dictionary for JSON."""
    nmf, tree, groups = findings.factorization, findings.tree, findings.groups
    summary: dict[str, Any] = {"hs_nmfcluster": version("hs_nmfcluster")}
    if nmf is not None:
        summary |= {
            "settings": nmf.settings,
            "center_px": nmf.center,
            "mse": nmf.mse,
            "pca_mse": nmf.pca_mse,
            "restart_mse": nmf.restart_mse,
            "stability": nmf.stability,
            "data_passes": nmf.passes,
        }
    if findings.residual is not None:
        summary["positions_standing_out"] = findings.residual.share_left
    if tree is not None and groups is not None:
        summary["tree"] = tree.settings
        summary["merges"] = [
            {"first": int(a), "second": int(b), "distance": d} for a, b, d, _ in tree.linkage
        ]
        summary["groups"] = [_summary_of_group(findings, group) for group in range(len(groups))]
    summary["cautions"] = [vars(caution) for caution in cautions(findings)]
    summary["not_measured"] = dict(findings.missing)
    return summary


def _summary_of_group(findings: Findings, group: int) -> dict[str, Any]:
    groups, spacings, sizes = findings.groups, findings.spacings, findings.sizes
    if groups is None:
        return {}
    members = groups[group]
    summary: dict[str, Any] = {
        "components": members,
        "rotations_degrees": groups.rotations[members],
    }
    names = groups.tree.settings.get("scans")
    if names is not None:
        summary["scans"] = [names[scan] for scan in groups.tree.scan_of[members]]
    if spacings is not None:
        summary["spacings"] = [
            {
                "d_nm": spacing.d,
                "sigma_nm": spacing.sigma,
                "radius": spacing.radius,
                "radius_units": spacings.units,
                "spots": spacing.n_spots,
            }
            for spacing in spacings[group]
        ]
    if sizes is not None:
        mean, error = sizes[group].mean
        summary["particles"] = {
            "number": len(sizes[group].particles),
            "at_edge": sizes[group].n_at_edge,
            "mean_diameter": mean,
            "error": error,
            "units": sizes.units,
        }
    if findings.phases is not None:
        summary["phase"] = findings.phases.verdict(group)
    return summary


def as_json(summary: dict[str, Any]) -> str:
    """Write a summary as JSON, which has no NaN: what is not known is null."""
    return json.dumps(_plain(summary), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_name(name: str) -> str:
    """Name of a scan as that of a folder.

    Examples
    --------
    >>> file_name("300 °C / 10 min")
    '300_°C_10_min'
    """
    return re.sub(r"[^\w.°+-]+", "_", name).strip("._") or "scan"


def make_folder(folder: str | os.PathLike[str]) -> Path:
    """Make the output folder and see that it can be written, before any long work.

    Raises
    ------
    ValueError
        If it cannot be made or written.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(
            f"The output folder {str(path)!r} cannot be written: {error.strerror}."
        ) from error
    return path
