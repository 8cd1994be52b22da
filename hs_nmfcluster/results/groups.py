"""Groups of components that a cut through a tree leaves."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import follow
from hs_nmfcluster.clustering.alignable import RotatablePatterns, ShiftableMaps
from hs_nmfcluster.clustering.averages import aligned_average, rotated_average
from hs_nmfcluster.results.answers import GroupAnswers
from hs_nmfcluster.results.group_figures import GroupFigures
from hs_nmfcluster.words import counted

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hs_nmfcluster.results.tree import ClusterTree


class Groups(GroupFigures, GroupAnswers):
    """Components that are the same crystal, only rotated and elsewhere.

    Made by `ClusterTree.cut`. Groups are numbered by their first component: group 0 holds
    component 0. Iteration gives the members of each group.

    Attributes
    ----------
    tree : ClusterTree
        The tree that was cut.
    kept : numpy.ndarray
        ``(n - 1,)`` of bool: merges of the tree's linkage that were not undone.
    distance : float or None
        Where the tree was cut, None if by number of groups.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster import ClusterTree, NMFDiffraction2D
    >>> ramp = np.arange(9 * 9.0).reshape(9, 9)
    >>> s = NMFDiffraction2D(np.array([ramp, ramp.T[::-1], ramp % 2]))
    >>> groups = ClusterTree.from_patterns(s, center=(4, 4)).cut(n_groups=2)
    >>> len(groups), [members.tolist() for members in groups]
    (2, [[0, 1], [2]])
    >>> groups.patterns.data.shape
    (2, 9, 9)
    """

    def __init__(
        self, tree: "ClusterTree", kept: NDArray[np.bool_], distance: float | None = None
    ) -> None:
        self.tree = tree
        self.kept = kept
        self.distance = distance
        self._members = cuts.members(tree.linkage, kept)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self._members)

    def __iter__(self) -> Iterator[NDArray[np.intp]]:
        """Go through the groups: indices of the components of each."""
        return iter(self._members)

    def __getitem__(self, group: int) -> NDArray[np.intp]:
        """Return the components of one group."""
        return self._members[group]

    def __repr__(self) -> str:
        where = "" if self.distance is None else f" (cut at {self.distance:.3f})"
        lines = [f"<{counted(len(self), 'group')} of {len(self.tree)} components{where}"]
        lines += [
            f"  {number}: {len(members)} – {', '.join(map(str, members))}"
            for number, members in enumerate(self)
        ]
        return "\n".join(lines) + ">"

    @property
    def labels(self) -> NDArray[np.intp]:
        """Group of each component, ``(n,)``."""
        labels = np.empty(len(self.tree), dtype=np.intp)
        for number, members in enumerate(self):
            labels[members] = number
        return labels

    @cached_property
    def rotations(self) -> NDArray[np.float64]:
        """Rotation of each component against the first of its group, ``(n,)`` degrees.

        Positive from +x (columns) towards +y (rows), within ±180; a pattern with an m-fold axis
        has its rotation modulo 360/m. From the merges of the tree; where the tree compared maps,
        the patterns are rotated onto each other along the same merges. All zero for metrics that
        do not rotate patterns.
        """
        tree = self.tree
        if tree.by == "maps":
            polar = RotatablePatterns(tree.grid.transform(tree.patterns.data))
            shifts = follow(polar, tree.linkage, self.kept)
        elif tree.merge_rotations is None:
            return np.zeros(len(tree))
        else:
            shifts = tree.merge_rotations[:, None]
        rotations = cuts.displacements(tree.linkage, shifts, self.kept)[:, 0]
        return 180.0 - (180.0 - rotations) % 360.0

    @cached_property
    def shifts(self) -> NDArray[np.float64] | None:
        """Shift of each component's map against the first of its group, ``(n, n_scan_axes)``.

        In scan pixels and in HyperSpy's order of the axes (x, y). Where the tree compared
        patterns, the maps are shifted onto each other along the same merges. None without maps,
        all zero for metrics that do not shift maps.
        """
        tree = self.tree
        if tree.maps is None:
            return None
        if tree.by == "patterns":
            shifts = follow(ShiftableMaps(tree.maps.data), tree.linkage, self.kept)
        elif tree.merge_shifts is None:
            return np.zeros((len(tree), tree.maps.data.ndim - 1))
        else:
            shifts = tree.merge_shifts
        return cuts.displacements(tree.linkage, shifts, self.kept)[:, ::-1]

    @property
    def calibrated_shifts(self) -> NDArray[np.float64] | None:
        """`shifts` in the units of the scan axes."""
        if self.tree.maps is None or self.shifts is None:
            return None
        scales = [axis.scale for axis in self.tree.maps.axes_manager._axes[:0:-1]]
        return self.shifts * scales

    @cached_property
    def patterns(self) -> "BaseSignal":
        """Average pattern of each group, the rotations corrected (the paper's Fig. 7b).

        Each group is seen as its first component lies. A pixel that no component has measured is
        NaN.
        """
        detector = self.tree.grid.detector
        averages = [
            rotated_average(self.tree.patterns.data[members], -self.rotations[members], detector)
            for members in self
        ]
        return _stack(self.tree.patterns, np.stack(averages), "Rotation-corrected patterns")

    @cached_property
    def maps(self) -> "BaseSignal | None":
        """Sum of the maps of each group, as they lie in the scan. None without maps."""
        if self.tree.maps is None:
            return None
        sums = [self.tree.maps.data[members].sum(axis=0) for members in self]
        return _stack(self.tree.maps, np.stack(sums), "Maps of groups")

    @cached_property
    def aligned_maps(self) -> "BaseSignal | None":
        """Average map of each group, the shifts corrected (maps ii′ and iii′ of Fig. 7b).

        What the maps have in common lies at the mean of its places in them, so that a particle at
        the rim of one scan is seen whole; positions that no component has measured are NaN.
        None without maps.
        """
        if self.tree.maps is None or self.shifts is None:
            return None
        averages = [
            aligned_average(self.tree.maps.data[members], -self.shifts[members, ::-1])
            for members in self
        ]
        return _stack(self.tree.maps, np.stack(averages), "Shift-corrected maps of groups")


def _stack(components: "BaseSignal", data: NDArray, title: str) -> "BaseSignal":
    """Signal like that of the components, with groups in their place."""
    axes = [{"name": "group", "size": len(data), "navigate": True}]
    axes += [axis.get_axis_dictionary() for axis in components.axes_manager._axes[1:]]
    metadata = components.metadata.as_dictionary()
    metadata["General"] = {"title": title}
    return type(components)(data, axes=axes, metadata=metadata)
