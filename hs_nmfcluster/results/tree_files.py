"""What a file holds of a tree beside its patterns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hyperspy.signal import BaseSignal
from scipy import sparse

from hs_nmfcluster.bridge.axes import detector_of
from hs_nmfcluster.clustering.agglomeration import Agglomeration
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.tree import Compared, Matrix
from hs_nmfcluster.materials.significance import SpotEvidence
from hs_nmfcluster.results.scans import TreeScan
from hs_nmfcluster.results.tree_growth import Grown
from hs_nmfcluster.scan.detector import Detector, as_distortion

# Parts of a sparse array.
_SPARSE = ("data", "indices", "indptr")
_EVIDENCE = ("significance", "crystalline", "uncertain")


def stored_growth(grown: Grown) -> dict[str, Any]:
    """Take how a tree has grown to what a file can hold."""
    merges, compared, evidence, hosts = grown
    stored: dict[str, Any] = {
        "linkage": merges.linkage,
        "merge_shifts": merges.shifts,
        "similarity": _stored(compared.similarity),
        "shifts": {f"axis_{axis}": _stored(one) for axis, one in enumerate(compared.shifts)},
    }
    if evidence is not None:
        stored |= {name: getattr(evidence, name) for name in _EVIDENCE}
        stored["hosts"] = hosts
    return stored


def restored_growth(stored: dict[str, Any]) -> Grown:
    """Undo `stored_growth`."""
    shifts = [stored["shifts"][f"axis_{axis}"] for axis in range(len(stored["shifts"]))]
    # An array without elements may come back from a file in another shape.
    linkage = np.reshape(stored["linkage"], (-1, 4))
    evidence = hosts = None
    if all(name in stored for name in _EVIDENCE):
        evidence = SpotEvidence(**{name: np.ravel(stored[name]) for name in _EVIDENCE})
        hosts = np.ravel(stored["hosts"])
    return Grown(
        Agglomeration(linkage, np.reshape(stored["merge_shifts"], (len(linkage), len(shifts)))),
        Compared(_restored(stored["similarity"]), tuple(map(_restored, shifts))),
        evidence,
        hosts,
    )


def completed(stored: dict[str, Any], patterns: BaseSignal) -> dict[str, Any]:
    """Add to the state of a tree what the first versions did not keep, as it was in them."""
    if "settings" in stored:
        return stored
    shifts, detector = stored["shifts"], detector_of(patterns, tuple(stored["center"]))
    n = len(np.atleast_2d(stored["similarity"]))
    by_axis = np.moveaxis(np.reshape(shifts, (n, n, -1)), -1, 0)
    return stored | {
        "settings": {"n_neighbors": None},
        "scans": {},
        "scale": list(detector.scale),
        "units": detector.units,
        "shifts": {f"axis_{axis}": one for axis, one in enumerate(by_axis)},
    }


def stored_scans(scans: Sequence[TreeScan]) -> dict[str, Any]:
    """Take several scans of a tree to what a file can hold."""
    return {
        f"scan_{number}": {
            "name": scan.name,
            "patterns": scan.patterns,
            **stored_frame(scan.grid, scan.maps),
        }
        for number, scan in enumerate(scans)
    }


def restored_scans(stored: dict[str, Any]) -> list[TreeScan]:
    """Undo `stored_scans`, of the whole state of a tree."""
    scans = [stored["scans"][f"scan_{number}"] for number in range(len(stored["scans"]))]
    return [
        TreeScan(
            scan["name"],
            scan["patterns"],
            scan.get("maps"),
            restored_grid(scan["patterns"], scan, stored),
        )
        for scan in scans
    ]


def stored_bins(grid: PolarGrid) -> dict[str, Any]:
    """Take the bins of r and phi to what a file can hold."""
    return {"radii": grid.radii, "angles": grid.angles, "radial_step": grid.radial_step}


def stored_frame(grid: PolarGrid, maps: BaseSignal | None) -> dict[str, Any]:
    """Take what a file holds of one scan beside its patterns."""
    detector = grid.detector
    frame: dict[str, Any] = {
        "center": list(detector.center),
        "scale": list(detector.scale),
        "units": detector.units,
    }
    if detector.distortion is not None:
        frame["distortion"] = np.array(detector.distortion)
    return frame if maps is None else frame | {"maps": maps}


def restored_grid(patterns: BaseSignal, frame: dict[str, Any], bins: dict[str, Any]) -> PolarGrid:
    """Undo `stored_frame` and `stored_bins`."""
    detector = Detector(
        patterns.data.shape[-2:],
        tuple(frame["center"]),
        tuple(frame["scale"]),
        frame["units"],
        as_distortion(frame.get("distortion")),
    )
    return PolarGrid(detector, bins["radii"], bins["angles"], bins["radial_step"])


def _stored(matrix: Matrix) -> Any:
    """Take a sparse array to its parts."""
    if isinstance(matrix, np.ndarray):
        return matrix
    return {name: getattr(matrix, name) for name in _SPARSE}


def _restored(stored: Any) -> Matrix:
    if not isinstance(stored, dict):
        return np.atleast_2d(stored)
    n = len(stored["indptr"]) - 1
    return sparse.csr_array(tuple(stored[name] for name in _SPARSE), shape=(n, n))
