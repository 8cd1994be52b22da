"""The tables of an analysis."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.subject import Groups, Tabular
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.scan.local_maps import LocalMaps
from hs_nmfcluster.words import group_name

_MEMBERSHIP = ("membership", "other_group", "membership_of_other")
_OF_KIND = ("least_of_kind", "most_of_kind")
_SHIFTS = ("shift_x_px", "shift_y_px")


def tables(findings: Findings) -> Iterator[tuple[str, Callable[[], Table]]]:
    """Name the tables that can be made."""
    if findings.factorization is not None:
        yield "components", partial(_components, findings)
    if findings.groups is not None:
        if len(findings.groups.tree.scans) > 1:
            yield "components", partial(_components_of_scans, findings.groups)
        yield "groups", partial(_groups, findings)
    answers: dict[str, Tabular | None] = {
        "spacings": findings.spacings,
        "particles": findings.sizes,
        "orientations": findings.orientation,
        "crystallinity": findings.crystallinity,
        "phases": findings.phases,
    }
    for name, answer in answers.items():
        if answer is not None:
            yield name, answer._table


def _components(findings: Findings) -> Table:
    """One row a component: how strong, how sure, and where it belongs."""
    nmf, groups = findings.factorization, findings.groups
    if nmf is None:
        return Table((), ())
    strength = LocalMaps.known(nmf.maps.data).norms
    rows: list[dict[str, Any]] = [
        {"component": k, "strength": float(strength[k]), "stability": nmf.stability[k]}
        for k in range(nmf.n_components)
    ]
    columns = ["component", "strength", "stability"]
    if groups is not None:
        columns += ["group", *_MEMBERSHIP, "rotation_degrees"]
        for k, row in enumerate(rows):
            row |= _place(groups, k)
        if groups.shifts is not None:
            columns += _SHIFTS[: groups.shifts.shape[1]]
            for row, shift in zip(rows, groups.shifts, strict=True):
                row |= dict(zip(_SHIFTS, shift, strict=False))
    return Table(columns, rows)


def _components_of_scans(groups: Groups) -> Table:
    """One row a component: of which scan it is, its number there, and where it belongs."""
    tree = groups.tree
    first = np.searchsorted(tree.scan_of, tree.scan_of)
    rows = [
        {
            "component": k,
            "scan": tree.scans[scan].name,
            "component_of_scan": k - int(first[k]),
        }
        | _place(groups, k)
        for k, scan in enumerate(tree.scan_of)
    ]
    columns = ("component", "scan", "component_of_scan", "group", *_MEMBERSHIP, "rotation_degrees")
    return Table(columns, rows)


def _place(groups: Groups, component: int) -> dict[str, Any]:
    """Name the group of a component, say how surely it belongs there, and how it lies."""
    found = groups.membership
    neighbour = int(found.neighbour[component])
    return {
        "group": group_name(int(groups.labels[component])),
        "membership": found.own[component],
        "other_group": None if neighbour < 0 else group_name(neighbour),
        "membership_of_other": found.other[component],
        "rotation_degrees": groups.rotations[component],
    }


def _whole(numbers: NDArray[np.float64]) -> Iterator[int | None]:
    return (int(number) if np.isfinite(number) else None for number in numbers.round())


def _groups(findings: Findings) -> Table:
    """One row a group, with its components and what is known of it."""
    groups = findings.groups
    if groups is None:
        return Table((), ())
    columns = ["group", "kind", "components", *_OF_KIND]
    rows: list[dict[str, Any]] = [
        {
            "group": group_name(group),
            "kind": "matrix" if group in groups.matrix else "crystals",
            "components": " ".join(map(str, members)),
        }
        | dict(zip(_OF_KIND, _whole(groups.membership.limits[group]), strict=True))
        for group, members in enumerate(groups)
    ]
    if findings.spacings is not None:
        columns += ["spacings", "spacing_units"]
        for row, spacings in zip(rows, findings.spacings, strict=True):
            known = findings.spacings.calibrated
            values = [one.d if known else one.radius for one in spacings]
            units = "nm" if known else f"radius in {findings.spacings.units}"
            row |= {"spacings": " ".join(f"{v:.4g}" for v in values), "spacing_units": units}
    if findings.sizes is not None:
        columns += ["particles", "mean_diameter", "mean_diameter_sigma", "diameter_units"]
        for row, sizes in zip(rows, findings.sizes, strict=True):
            mean, error = sizes.mean
            row |= {"particles": len(sizes.particles), "mean_diameter": mean}
            row |= {"mean_diameter_sigma": error, "diameter_units": findings.sizes.units}
    if findings.phases is not None:
        columns.append("phase")
        for group, row in enumerate(rows):
            row["phase"] = findings.phases.verdict(group)
    return Table(columns, rows)
