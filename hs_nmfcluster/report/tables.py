"""The tables of a report: groups, settings, provenance."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from dask.utils import format_bytes

from hs_nmfcluster import plotting
from hs_nmfcluster.report.answer import number_of_kind
from hs_nmfcluster.report.cards import listed, restarts_of, stability_in_words
from hs_nmfcluster.report.drawings import Histogram, Rose, histograms, roses
from hs_nmfcluster.report.explorable import MOST_GROUPS
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.markup import map_uri, pattern_uri
from hs_nmfcluster.report.subject import Tree
from hs_nmfcluster.scan.units import format_units
from hs_nmfcluster.words import counted, group_name, percent, times, with_error

Row = tuple[str, str]
#: What the share of the intensity is called.
SHARE = "Share of intensity"
# Pixels of a thumbnail's longer side, at most twice as many.
_THUMBNAIL = 128
# Settings that are written as 3 × 4.
_SHAPES = ("data_shape", "tiles", "tiles_numbers", "tiles_overlap")


@dataclass(frozen=True)
class GroupRow:
    """What is known of one group, in words.

    Parameters
    ----------
    name
        As in the figures.
    style
        Class of the page's style that has its colour.
    kind
        ``"matrix"``, or nothing.
    images
        Data URIs of its pattern and map.
    facts
        Names and lines of text.
    share
        Of the scattered intensity; None where that is not known.
    histogram, rose
        Of its diameters and angles, as far as there are any.
    """

    name: str
    style: str
    kind: str
    images: tuple[str, ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    share: float | None
    histogram: Histogram | None
    rose: Rose | None


def group_style(group: int, matrix: Collection[int]) -> str:
    """Class of the page's style that has a group's colour, see `colors`.

    Examples
    --------
    >>> group_style(13, [14]), group_style(14, [14])
    ('g13', 'gm')
    """
    return "gm" if group in matrix else f"g{group % plotting.N_GROUP_COLORS}"


def colors() -> str:
    """Rules of style for the colours of groups; one of an element itself a page may not have."""
    own = plotting.group_colors(range(plotting.N_GROUP_COLORS))
    rules = [f".g{group} {{ --c: {color}; }}" for group, color in enumerate(own)]
    return "\n".join([*rules, f".gm {{ --c: {plotting.group_color(0, (0,))}; }}"])


def group_rows(findings: Findings) -> list[GroupRow]:
    """Write one row for each group, of very many the first."""
    groups = findings.groups
    if groups is None:
        return []
    shown = min(len(groups), MOST_GROUPS)
    sizes, orientation, crystallinity = (
        findings.sizes,
        findings.orientation,
        findings.crystallinity,
    )
    unknown: list[Any] = [None] * len(groups)
    drawn = unknown if sizes is None else histograms(sizes)
    turned = unknown if orientation is None else roses(orientation)
    rows = []
    for group in range(shown):
        images = [pattern_uri(groups.patterns.data[group], _THUMBNAIL)]
        if groups.maps is not None:
            images.append(map_uri(groups.maps.data[group], _THUMBNAIL))
        facts: list[tuple[str, tuple[str, ...]]] = [
            ("Components", (listed(groups[group].components),))
        ]
        number = number_of_kind(groups, group)
        if number:
            facts.append(("Crystals of this kind (90 %)", (number,)))
        facts += _facts(findings, group)
        rows.append(
            GroupRow(
                group_name(group),
                group_style(group, groups.matrix),
                "matrix" if group in groups.matrix else "",
                tuple(images),
                tuple(facts),
                None if crystallinity is None else crystallinity.share(group),
                drawn[group],
                turned[group],
            )
        )
    return rows


def _facts(findings: Findings, group: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    spacings, sizes, orientation = findings.spacings, findings.sizes, findings.orientation
    if findings.crystallinity is not None:
        yield SHARE, (percent(findings.crystallinity.share(group)),)
    if spacings is not None:
        name = "Spacings (nm)" if spacings.calibrated else f"Radii ({format_units(spacings.units)})"
        yield name, spacings.describe(group)
    if sizes is not None:
        yield f"Particles ({format_units(sizes.units)})", (sizes.describe(group),)
    if orientation is not None:
        order = orientation.symmetry[group]
        text = f"{order}-fold pattern, modulo {360 / order:g}°" if order else "no spots, no angle"
        yield "In-plane angles", (text,)
    if findings.phases is not None:
        yield "Phase", (findings.phases.verdict(group),)


def key_facts(findings: Findings) -> list[Row]:
    """Choose the numbers that stand at the top."""
    nmf, groups = findings.factorization, findings.groups
    rows: list[Row] = []
    if nmf is not None:
        rows.append(("Components", str(nmf.n_components)))
    elif groups is not None:
        rows.append(("Components", str(len(groups.tree))))
    if groups is not None:
        where = "" if groups.distance is None else f" (cut at {groups.distance:.3g})"
        rows.append(("Groups", f"{len(groups)}{where}"))
    if findings.crystallinity is not None:
        share, error = (100 * value for value in findings.crystallinity.in_spots)
        rows.append(("Crystallinity", f"{with_error(share, error)} % of the intensity in spots"))
    if findings.detection_limit is not None:
        rows.append(("Detection limit", findings.detection_limit.in_words()))
    if findings.confirmation is not None:
        rows.append(("Confirmation", findings.confirmation.in_words()))
    if nmf is not None:
        pca = "" if np.isnan(nmf.pca_mse) else f" (PCA of as many components: {nmf.pca_mse:.6g})"
        rows.append(("Mean square error", f"{nmf.mse:.6g}{pca}"))
        rows.append(("Restarts", restarts_of(nmf)))
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
            (_label(key), _setting(key, value))
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
        known = findings.source if key == "file" and findings.source else settings.get(key)
        if known:
            rows.append((key, str(known)))
    rows += [(name, str(used)) for name, used in settings.get("versions", {}).items()]
    rows.append(("report by", f"hs_nmfcluster {version('hs_nmfcluster')}"))
    return rows


def _pairs(tree: Tree) -> str:
    number = tree.settings["n_neighbors"]
    return "all with all" if number is None else f"each with its {number} nearest neighbours"


def _label(key: str) -> str:
    return key.replace("_", " ")


def _setting(key: str, value: Any) -> str:
    if key in _SHAPES and isinstance(value, list | tuple | np.ndarray):
        return times([int(n) for n in value])
    if key == "memory_estimate" and value is not None:
        return format_bytes(int(value))
    return _value(value)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(map(_value, value))
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)
