"""How a tree grows from the components of one scan or several."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from dask.utils import format_bytes
from numpy.typing import NDArray

from hs_nmfcluster.bridge.progress import is_shown, step_progress
from hs_nmfcluster.clustering.agglomeration import Agglomeration, Progress
from hs_nmfcluster.clustering.alignable import Metric, RotatablePatterns
from hs_nmfcluster.clustering.apart import agglomerate_apart
from hs_nmfcluster.clustering.correlation import centered_patterns
from hs_nmfcluster.clustering.many import FEW
from hs_nmfcluster.clustering.places import find_hosts
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.similarity import (
    By,
    InBins,
    item_bytes,
    items_to_cluster,
    rotatable,
)
from hs_nmfcluster.clustering.tree import Compared, Plan, grow
from hs_nmfcluster.engine import memory
from hs_nmfcluster.materials.group_arrays import spot_limits
from hs_nmfcluster.materials.likeness import decided_by_likeness
from hs_nmfcluster.materials.significance import SpotEvidence, spot_evidence
from hs_nmfcluster.results.scans import TreeScan
from hs_nmfcluster.scan.arguments import check_whole_number
from hs_nmfcluster.scan.local_maps import LocalMaps

# Components from which on clustering takes seconds.
_MANY = 300
# Patterns of which radial profiles are taken together.
_AT_A_TIME = 64


class Grown(NamedTuple):
    """What is known of a tree as soon as it has grown.

    Attributes
    ----------
    merges, compared
        The record of the merges, and how alike components were before them.
    evidence, hosts
        As of `ClusterTree`.
    """

    merges: Agglomeration
    compared: Compared
    evidence: SpotEvidence | None = None
    hosts: NDArray[np.intp] | None = None


def grow_plain(
    data: NDArray, by: By, metric: Metric, grid: PolarGrid, plan: Plan, show: bool | None
) -> Grown:
    """Grow a tree of maps, or of patterns that are not rotated.

    Parameters
    ----------
    data, by, metric, grid
        As of `items_to_cluster`.
    plan
        Which pairs are compared.
    show
        Whether to show progress; None takes HyperSpy's preference.
    """
    return Grown(*grow(items_to_cluster(data, by, metric, grid), plan, _progress(show, plan)))


def grow_rotated(
    scans: Sequence[TreeScan], plan: Plan, show: bool | None, *, crystals_first: bool, mirror: bool
) -> Grown:
    """Grow a tree of patterns that are rotated onto each other.

    Parameters
    ----------
    scans
        Whose patterns they are.
    plan
        Which pairs are compared.
    show
        Whether to show progress; None takes HyperSpy's preference.
    crystals_first, mirror
        As of `ClusterTree.from_patterns`.
    """
    progress = _progress(show, plan)

    def items_of(some: NDArray[np.intp]) -> RotatablePatterns:
        return rotatable(in_bins(scans, some), mirror)

    everything = np.arange(plan.n)
    if not crystals_first:
        return Grown(*grow(items_of(everything), plan, progress))
    evidence, hosts = _crystals(scans)
    crystalline = evidence.crystalline
    if not crystalline.any() or (crystalline.all() and (hosts < 0).all()):
        return Grown(*grow(items_of(everything), plan, progress), evidence, hosts)
    profiles = _profiles(in_bins(scans, everything))
    found = agglomerate_apart(items_of, profiles, crystalline, hosts, plan, progress)
    return Grown(*found, evidence, hosts)


def in_bins(scans: Sequence[TreeScan], some: NDArray[np.intp]) -> InBins:
    """Polar patterns of some of the components, each around the centre of its scan.

    Parameters
    ----------
    scans
        Whose patterns they are.
    some
        Components, those of earlier scans first.
    """
    parts, first = [], 0
    for scan in scans:
        patterns = scan.patterns.data
        own = some[(some >= first) & (some < first + len(patterns))] - first
        # Not a copy where all are wanted.
        chosen = patterns if own.size == len(patterns) else patterns[own]
        parts.append((chosen, scan.grid))
        first += len(patterns)
    return InBins(*parts)


def _crystals(scans: Sequence[TreeScan]) -> tuple[SpotEvidence, NDArray[np.intp]]:
    """Which components are crystals, and which describe part of one, scan by scan."""
    found, hosts, first = [], [], 0
    for scan in scans:
        patterns, maps = scan.patterns.data, None
        if scan.maps is not None:
            maps = LocalMaps.known(scan.maps.data)
        parts = None if maps is None else [one.values for one in maps]
        limits = spot_limits(patterns, scan.grid)
        evidence = spot_evidence(patterns, scan.grid.detector, parts, radial_range=limits)
        evidence = decided_by_likeness(evidence, patterns, scan.grid)
        own = np.full(len(patterns), -1)
        if maps is not None:
            crystals = np.flatnonzero(evidence.crystalline)
            bins = InBins((patterns[crystals], scan.grid))
            of = find_hosts(bins, maps.some(crystals))
            own[crystals] = np.where(of < 0, -1, crystals[of] + first)
        found.append(evidence)
        hosts.append(own)
        first += len(patterns)
    return SpotEvidence.of_all(found), np.concatenate(hosts)


def _profiles(bins: InBins) -> NDArray[np.floating]:
    """Radial profile of each pattern, ``(n, n_radial)``, without NaN."""
    starts = range(0, bins.shape[0], _AT_A_TIME)
    parts = (bins[start : start + _AT_A_TIME] for start in starts)
    return np.concatenate([centered_patterns(part).mean(axis=-1) for part in parts])


def planned(
    data: NDArray,
    by: By,
    metric: Metric,
    grid: PolarGrid,
    n_neighbors: int | None,
    max_memory: int | str | None,
    *,
    mirror: bool = False,
) -> Plan:
    """Which pairs of patterns or maps are compared, within the memory that there is.

    Parameters
    ----------
    data
        The patterns or maps.
    by, metric, grid
        What is compared, and how.
    n_neighbors, max_memory, mirror
        As of `ClusterTree.from_patterns`.

    Raises
    ------
    TypeError, ValueError
        If `n_neighbors` is no whole number, or there is not so much memory.
    """
    if n_neighbors is not None:
        n_neighbors = check_whole_number("n_neighbors", n_neighbors)
    n_shifts = 0
    if metric == "cross_correlation":
        n_shifts = data.ndim - 1 if by == "maps" else 1 + mirror
    plan = Plan.of(len(data), item_bytes(data, by, metric, grid), n_shifts, n_neighbors)
    budget = memory.read_budget(max_memory) or memory.default_budget()
    if plan.n_bytes > budget:
        few = plan.n_neighbors is None and plan.n > FEW
        raise ValueError(
            f"A tree of {plan.n} components takes up to {format_bytes(plan.n_bytes)}, but "
            f"{format_bytes(budget)} may be taken: give more as `max_memory`, fewer `n_radial` or "
            "`n_azimuthal`" + (", or a number as `n_neighbors`." if few else ".")
        )
    return plan


def _progress(show: bool | None, plan: Plan) -> Progress:
    """Bar over the merges; a tree of a few components is made before one could be seen."""
    if plan.n < _MANY or not is_shown(show):
        return iter
    taken = f"Clustering (up to {format_bytes(plan.n_bytes)})"

    def wrap(merges: Iterable[int]) -> Iterable[int]:
        return step_progress(merges, show, taken, "merge")

    return wrap
