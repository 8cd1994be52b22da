"""The tables of a report: groups, settings, provenance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from hs_nmfcluster import plotting
from hs_nmfcluster.report.cards import listed, restarts_in_words, stability_in_words
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.markup import map_uri, pattern_uri
from hs_nmfcluster.report.subject import Tree
from hs_nmfcluster.scan.units import format_units
from hs_nmfcluster.words import counted, group_name, times

Row = tuple[str, str]


@dataclass(frozen=True)
class GroupRow:
    """What is known of one group, in words.

    Parameters
    ----------
    name, color
        As in the figures.
    images
        Data URIs of its pattern and map.
    facts
        Names and lines of text.
    """

    name: str
    color: str
    images: tuple[str, ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...]


def group_rows(findings: Findings) -> list[GroupRow]:
    """Write one row for each group."""
    groups = findings.groups
    if groups is None:
        return []
    rows = []
    for group in range(len(groups)):
        images = [pattern_uri(groups.patterns.data[group])]
        if groups.maps is not None:
            images.append(map_uri(groups.maps.data[group]))
        facts = [("Components", (listed(groups[group].components),)), *_facts(findings, group)]
        rows.append(
            GroupRow(
                group_name(group),
                plotting.group_color(group, groups.matrix),
                tuple(images),
                tuple(facts),
            )
        )
    return rows


def _facts(findings: Findings, group: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    spacings, sizes = findings.spacings, findings.sizes
    if spacings is not None:
        name = "Spacings (nm)" if spacings.calibrated else f"Radii ({format_units(spacings.units)})"
        yield name, spacings.describe(group)
    if sizes is not None:
        yield f"Particles ({format_units(sizes.units)})", (sizes.describe(group),)
    if findings.orientation is not None:
        yield "In-plane angles", (findings.orientation.describe(group),)
    if findings.phases is not None:
        yield "Phase", (findings.phases.verdict(group),)


def key_facts(findings: Findings) -> list[Row]:
    """Choose the numbers that stand at the top."""
    nmf, groups = findings.factorization, findings.groups
    rows: list[Row] = []
    if nmf is not None:
        n_v, n_u = nmf.detector_mask.shape
        scan = times(nmf.maps.data.shape[:0:-1])
        rows.append(("Scan", f"{scan} positions, patterns of {times((n_u, n_v))} pixels"))
        rows.append(("Components", str(nmf.n_components)))
    elif groups is not None:
        rows.append(("Components", str(len(groups.tree))))
    if groups is not None:
        where = "" if groups.distance is None else f" (cut at {groups.distance:.3g})"
        rows.append(("Groups", f"{len(groups)}{where}"))
    if nmf is not None:
        pca = "" if np.isnan(nmf.pca_mse) else f" (PCA of as many components: {nmf.pca_mse:.6g})"
        rows.append(("Mean square error", f"{nmf.mse:.6g}{pca}"))
        rows.append(("Restarts", restarts_in_words(nmf.restart_mse)))
        rows.append(("Stability", stability_in_words(nmf.stability)))
    if findings.residual is not None:
        share = 100 * findings.residual.share_left
        rows.append(("Left by the components", f"{share:.2g} % of the positions stand out"))
    return rows


def settings_rows(findings: Findings) -> list[Row]:
    """Every argument, and what was derived from it."""
    nmf, tree = findings.factorization, findings.tree
    rows: list[Row] = []
    if nmf is not None:
        skipped = ("versions", "title", "file")
        rows += [
            (_label(key), _value(value))
            for key, value in nmf.settings.items()
            if key not in skipped
        ]
        rows.append(("beam centre (x, y)", f"({nmf.center[0]:.3f}, {nmf.center[1]:.3f}) px"))
        kept = 100 * (1 - nmf.detector_mask.mean())
        rows.append(("pixels kept", f"{kept:.1f} % of the detector"))
        rows.append(("data passes", str(nmf.passes)))
    if tree is not None and findings.groups is not None:
        radii, angles = tree.grid.radii, tree.grid.angles
        units = format_units(tree.grid.detector.units)
        rows += [
            ("compared", f"{tree.by} by {_label(tree.metric)}, {_pairs(tree)}"),
            (
                "polar grid",
                f"r = {radii[0]:.4g} to {radii[-1]:.4g} {units} in {counted(len(radii), 'bin')}, "
                f"{len(angles)} angles",
            ),
        ]
        cut = findings.groups.distance
        how = "number of groups" if cut is None else f"distance {cut:.6g}"
        suggested = tree.suggest_cut()
        rows.append(("cut by", how))
        rows.append(("suggested cut", f"{suggested.distance:.6g}: {suggested.reason}"))
    return rows


def provenance_rows(findings: Findings) -> list[Row]:
    """Where the data and the numbers come from."""
    rows: list[Row] = []
    settings: Mapping[str, Any] = (
        {} if findings.factorization is None else findings.factorization.settings
    )
    for key in ("file", "title"):
        if settings.get(key):
            rows.append((key, str(settings[key])))
    rows += [(name, str(used)) for name, used in settings.get("versions", {}).items()]
    rows.append(("report by", f"hs_nmfcluster {version('hs_nmfcluster')}"))
    return rows


def _pairs(tree: Tree) -> str:
    number = tree.settings["n_neighbors"]
    return "all with all" if number is None else f"each with its {number} nearest neighbours"


def _label(key: str) -> str:
    return key.replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, list | tuple | np.ndarray):
        return times([int(n) for n in value]) if _whole(value) else ", ".join(map(str, value))
    return "none" if value is None else str(value)


def _whole(values: Any) -> bool:
    return len(values) > 0 and all(isinstance(value, int | np.integer) for value in values)
