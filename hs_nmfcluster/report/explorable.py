"""What the script of a report works with: tree, patterns, map, so that all cuts can be seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import pixel_size
from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.plotting.tree_layout import tree_layout
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.layers import strongest
from hs_nmfcluster.report.measured import measured_patterns
from hs_nmfcluster.report.packing import finite, in_bytes, packed
from hs_nmfcluster.report.subject import Groups, Signal, Tree
from hs_nmfcluster.scan.binning import binned
from hs_nmfcluster.scan.units import PixelSize, format_units, inverse_nm_per
from hs_nmfcluster.words import distance_label

# Bytes that all patterns of components and groups may take, and pixels along their longer side.
_MOST_BYTES, _LARGEST = 3_000_000, 192
# Pixels along the longer side of the map; branches of the tree; groups with a pattern of their own.
_LONGEST, _MOST_LEAVES, MOST_GROUPS = 512, 120, 60


def explorable(findings: Findings) -> dict[str, Any] | None:
    """Gather what a reader explores; None without groups.

    Parameters
    ----------
    findings
        What is known.
    """
    groups = findings.groups
    if groups is None:
        return None
    tree = groups.tree
    found: dict[str, Any] = {
        "colors": plotting.group_colors(range(plotting.N_GROUP_COLORS)),
        "matrix_color": plotting.group_color(0, (0,)),
        "crystalline": tree.crystalline.astype(int).tolist(),
        "labels": groups.labels.tolist(),
        "thresholds": tree.thresholds.tolist(),
        "merges": tree.linkage[:, :2].astype(int).tolist(),
        "cut": groups.distance,
        "tree": _drawn_tree(tree),
        "patterns": _patterns(groups),
        "detector": _detector(tree, findings.beam_energy),
        "rotations": finite(np.round(groups.rotations, 2)),
        "map": None,
        "measured": None,
    }
    if tree.maps is not None:
        found["map"] = _map(tree)
        if findings.signal is not None:
            analysed = np.isfinite(tree.patterns.data).any(axis=0)
            found["measured"] = measured_patterns(findings.signal, findings.sizes, analysed)
    return found


def _drawn_tree(tree: Tree) -> dict[str, Any]:
    """Dendrogram whose leaves are components, or branches of very many, and what each holds."""
    linkage, leaves = tree.linkage, [[k] for k in range(len(tree))]
    if len(tree) > _MOST_LEAVES:
        kept = np.arange(len(linkage)) <= len(linkage) - _MOST_LEAVES
        leaves = [members.tolist() for members in cuts.members(linkage, kept)]
        linkage = cuts.condensed(linkage, kept)
    layout = tree_layout(linkage, last=[not tree.crystalline[own].any() for own in leaves])
    return {
        "x": layout.x.tolist(),
        "y": layout.y.tolist(),
        "children": layout.children.tolist(),
        "leaves": leaves,
        "order": layout.order,
        "inverted": layout.inverted,
        "label": distance_label(tree.metric),
    }


def _patterns(groups: Groups) -> dict[str, Any]:
    components = groups.tree.patterns
    averages = groups.patterns.data[:MOST_GROUPS]
    shape = components.data.shape[1:]
    number = len(components.data) + len(averages)
    side = min(_LARGEST, int(np.sqrt(_MOST_BYTES / number)))
    step = -(-max(shape) // side)
    pixel = pixel_size(components.axes_manager.signal_axes)
    of_components, brightest = _small(components.data, step)
    of_groups, _ = _small(averages, step)
    return {
        "components": packed(of_components),
        "groups": packed(of_groups),
        "brightest": brightest.tolist(),
        "step": step,
        "pixel": _scale(pixel, step),
    }


def _detector(tree: Tree, beam_energy: float | None) -> dict[str, Any]:
    """Gather what takes a pixel of a pattern to its scattering angle and spacing."""
    detector = tree.grid.detector
    return {
        "center": list(detector.center),
        "matrix": detector.matrix.tolist(),
        "units": format_units(detector.units),
        "per_nm": inverse_nm_per(detector.units, beam_energy),
    }


def _small(images: NDArray, step: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    return in_bytes(np.stack([binned(np.asarray(image, float), step) for image in images]))


def _map(tree: Tree) -> dict[str, Any]:
    maps: Signal = tree.maps
    found = strongest(maps.data, _LONGEST)
    return {
        "components": packed(found.components),
        "heights": packed(found.heights),
        "peaks": finite(np.round(found.peaks, 6)),
        "spread": finite(np.round(found.spread, 6)),
        "step": found.step,
        "shape": list((1, *maps.data.shape[1:])[-2:]),
        "pixel": _scale(pixel_size(maps.axes_manager.signal_axes), 1),
        "summed": maps.data.ndim > 3,
    }


def _scale(pixel: PixelSize, step: int) -> dict[str, Any]:
    units = format_units(pixel.units).replace(r"\$", "$") if pixel.calibrated else "px"
    x, y = (abs(pixel.x), abs(pixel.y)) if pixel.calibrated else (1.0, 1.0)
    return {"x": x * step, "y": y * step, "units": units, "aspect": pixel.aspect}
