"""The numbers of an analysis as JSON."""

import json
from importlib.metadata import version
from typing import Any

import numpy as np

from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.answer import answer, unsure_components
from hs_nmfcluster.report.cautions import cautions
from hs_nmfcluster.report.methods import methods_text
from hs_nmfcluster.report.subject import Groups
from hs_nmfcluster.words import group_name


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
    if "factorization" in findings.missing:
        summary["answer"] = f"Nothing found. {findings.missing['factorization']}"
    if tree is not None and groups is not None:
        summary["tree"] = tree.settings
        summary["merges"] = [
            {"first": int(a), "second": int(b), "distance": d} for a, b, d, _ in tree.linkage
        ]
        summary["answer"] = answer(groups, findings.sizes)
        summary["methods"] = methods_text(findings)
        summary["cut"] = _summary_of_cut(groups)
        if findings.crystallinity is not None:
            share, error = findings.crystallinity.in_spots
            summary["crystallinity"] = {"share_in_spots": share, "error": error}
        summary["groups"] = [_summary_of_group(findings, group) for group in range(len(groups))]
    summary["cautions"] = [vars(caution) for caution in cautions(findings)]
    summary["not_measured"] = dict(findings.missing)
    return summary


def _summary_of_cut(groups: Groups) -> dict[str, Any]:
    suggested = groups.tree.suggest_cut()
    evidence = groups.tree.evidence
    return {
        "distance": groups.distance,
        "suggested": vars(suggested),
        "spot_significance": None if evidence is None else evidence.significance,
        "not_sure_about": unsure_components(groups),
    }


def _summary_of_group(findings: Findings, group: int) -> dict[str, Any]:
    groups, spacings, sizes = findings.groups, findings.spacings, findings.sizes
    if groups is None:
        return {}
    members = groups[group].components
    summary: dict[str, Any] = {
        "name": group_name(group),
        "matrix": group in groups.matrix,
        "components": members,
        "membership": groups.membership.own[members],
        "least_and_most_of_kind": groups.membership.limits[group],
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
            "aspect_ratio": sizes[group].aspect_ratio,
            "shape": sizes.shape,
            "probe_size": sizes.probe_size,
        }
    if findings.crystallinity is not None:
        summary["share_of_intensity"] = findings.crystallinity.share(group)
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
