"""Several scans in one tree."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.bridge import axes
from hs_nmfcluster.clustering.averages import on_detector
from hs_nmfcluster.clustering.frames import common_grids, in_one_unit, measured_range
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.scans import TreeScan, unique_names
from hs_nmfcluster.results.tree import ClusterTree
from hs_nmfcluster.results.tree_growth import grow_rotated, planned
from hs_nmfcluster.results.tree_inputs import checked_maps, checked_patterns, straightened
from hs_nmfcluster.scan.arguments import check_beam_energy


def cluster(
    factorizations: Sequence[Factorization],
    *,
    names: Sequence[str] | None = None,
    n_radial: int | None = None,
    n_azimuthal: int = 360,
    radial_range: tuple[float, float] | None = None,
    beam_energy: float | None = None,
    crystals_first: bool = True,
    n_neighbors: int | None = 32,
    max_memory: int | str | None = None,
    show_progressbar: bool | None = None,
) -> ClusterTree:
    """Cluster the components of several scans in one tree.

    Each scan keeps its own beam centre, calibration, pixel size and scan step: its patterns are
    brought into the same bins of r and φ around its own centre, in 1/nm, or in the unit that all
    scans have. Groups then span the scans, and say of each scan and of all together how many
    particles there are, how large, how oriented (`Groups.scans`).

    Parameters
    ----------
    factorizations
        One for each scan.
    names
        What the scans are called in tables and figures; by default their titles.
    n_radial, n_azimuthal, radial_range
        Bins of r and φ; by default bins of the coarsest pixel, between the radii where all scans
        are measured. The range is in 1/nm, or in the unit that all scans have.
    beam_energy
        In kV, for detector axes in mrad beside others in 1/nm.
    crystals_first, n_neighbors, max_memory, show_progressbar
        As of `NMFDiffraction2D.hierarchical_cluster`.

    Returns
    -------
    ClusterTree
        Its `scans` hold the patterns and maps of each. Its `patterns` are what one detector would
        have seen: those of all scans, where detectors and centres are alike, else interpolated.

    Raises
    ------
    TypeError, ValueError
        If there is no factorization, what is given is none, units cannot be compared (calibrated
        patterns beside others that are not), the scans are measured at no common radius, or an
        argument is out of its range.

    Examples
    --------
    >>> import hs_nmfcluster
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> options = {"restarts": 2, "random_state": 0, "print_info": False,
    ...            "show_progressbar": False}
    >>> found = []
    >>> for seed in (0, 1):
    ...     s, truth = linear_mixture((16, 16), (48, 48), pixel_size=0.4, n_particles=2, seed=seed)
    ...     found.append(s.decompose_als_nmf(3, **options))
    >>> tree = hs_nmfcluster.cluster(found, names=["1 min", "10 min"])
    >>> tree.scan_of.tolist()
    [0, 0, 0, 1, 1, 1]
    """
    given = _checked(factorizations)
    bins: dict[str, Any] = {
        "n_radial": n_radial,
        "n_azimuthal": n_azimuthal,
        "radial_range": radial_range,
    }
    if len(given) == 1:
        return _tree_of(
            given[0],
            bins
            | {
                "crystals_first": crystals_first,
                "n_neighbors": n_neighbors,
                "max_memory": max_memory,
                "show_progressbar": show_progressbar,
            },
        )
    titles = [nmf.settings.get("title") for nmf in given]
    if beam_energy is not None:
        check_beam_energy(beam_energy)
    called = unique_names(titles if names is None else _checked_names(names, given))
    straight = [straightened(nmf.patterns, nmf.center) for nmf in given]
    detectors = in_one_unit([detector for _, detector in straight], called, beam_energy)
    stacks = [patterns.data for patterns, _ in straight]
    ranges = [measured_range(*one) for one in zip(stacks, detectors, strict=True)]
    grids, common = common_grids(detectors, ranges, **bins)
    seen = _seen_by(common, stacks, grids)
    plan = planned(seen, "patterns", "cross_correlation", common, n_neighbors, max_memory)
    scans = [
        TreeScan(name, patterns, checked_maps(nmf.maps, nmf.n_components, whole=False), grid, nmf)
        for name, (patterns, _), nmf, grid in zip(called, straight, given, grids, strict=True)
    ]
    grown = grow_rotated(scans, plan, show_progressbar, crystals_first=crystals_first, mirror=False)
    title = f"NMF patterns of {len(given)} scans"
    return ClusterTree(
        axes.frame_stack(seen, common.detector, title, [patterns for patterns, _ in straight]),
        None,
        by="patterns",
        metric="cross_correlation",
        grid=common,
        grown=grown,
        settings=plan.settings | {"scans": list(called)},
        scans=scans,
    )


def _tree_of(nmf: Factorization, arguments: dict[str, Any]) -> ClusterTree:
    """Tree of a single scan, as the scan itself would make it."""
    tree = ClusterTree.from_patterns(nmf.patterns, nmf.maps, center=nmf.center, **arguments)
    tree.factorization = nmf
    return tree


def _checked(factorizations: Any) -> list[Factorization]:
    if isinstance(factorizations, Factorization):
        factorizations = [factorizations]
    try:
        given = list(factorizations)
    except TypeError:
        given = [factorizations]
    for number, nmf in enumerate(given):
        if not isinstance(nmf, Factorization):
            raise TypeError(
                "`factorizations` must be what `decompose_als_nmf` or `hs_nmfcluster.load` gave; "
                f"number {number} is {type(nmf).__name__}."
            )
    if sum(nmf.n_components for nmf in given) < 2:
        raise ValueError("At least 2 components are needed to cluster them.")
    for nmf in given:
        if nmf.n_components > 1:
            checked_patterns(nmf.patterns)
    return given


def _checked_names(names: Sequence[str], given: Sequence[Factorization]) -> list[str]:
    if isinstance(names, str) or len(names) != len(given):
        raise ValueError(f"`names` must be {len(given)}, one for each scan, got {names!r}.")
    return list(names)


def _seen_by(
    common: PolarGrid, stacks: Sequence[NDArray], grids: Sequence[PolarGrid]
) -> NDArray[np.float64]:
    """Patterns of all scans on one detector."""
    pairs = zip(stacks, grids, strict=True)
    return np.concatenate(
        [on_detector(stack, grid.detector, common.detector) for stack, grid in pairs]
    )
