"""Groups of components that a cut through a tree leaves."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import aperture, pixel_size
from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import follow
from hs_nmfcluster.clustering.alignable import RotatablePatterns, ShiftableMaps
from hs_nmfcluster.clustering.averages import aligned_average, rotated_average
from hs_nmfcluster.clustering.local_alignment import local_average, local_displacements
from hs_nmfcluster.clustering.membership import Membership, membership
from hs_nmfcluster.clustering.mirror import mirror_images, orientations
from hs_nmfcluster.clustering.separation import Separation, separation
from hs_nmfcluster.io import storage
from hs_nmfcluster.materials.crystallinity import measure_shares
from hs_nmfcluster.materials.group_arrays import GroupArrays
from hs_nmfcluster.materials.orientation import Angles, map_angles, measure_angles
from hs_nmfcluster.materials.phases import match_phases
from hs_nmfcluster.materials.profiles import narrowest_probe
from hs_nmfcluster.materials.sizes import GroupSizes, check_size_arguments, measure_particles
from hs_nmfcluster.materials.spacings import GroupRings, Profiles, measure_rings
from hs_nmfcluster.plotting.choices import Kind, Scaling
from hs_nmfcluster.report import Findings, check_path, subject, write_report
from hs_nmfcluster.report.cards import groups_card
from hs_nmfcluster.report.methods import methods_text
from hs_nmfcluster.report.summary import in_words
from hs_nmfcluster.results.crystallinity import Crystallinity
from hs_nmfcluster.results.exploring import explore
from hs_nmfcluster.results.group import Group
from hs_nmfcluster.results.orientation import OrientationMap
from hs_nmfcluster.results.pages import COMPONENTS, GROUPS, n_pages, page_of
from hs_nmfcluster.results.phases import PhaseMatch
from hs_nmfcluster.results.rank_study import RankStudy
from hs_nmfcluster.results.scans import (
    OrientationsByScan,
    SharesByScan,
    SizesByScan,
    TreeScan,
    sizes_by_scan,
)
from hs_nmfcluster.results.sizes import ParticleSizes, scan_scale
from hs_nmfcluster.results.spacings import LatticeSpacings
from hs_nmfcluster.scan.arguments import check_beam_energy, check_relative_error
from hs_nmfcluster.scan.local_maps import LocalMaps
from hs_nmfcluster.scan.units import PixelSize, inverse_nm_per
from hs_nmfcluster.words import counted, distance_label, group_name, group_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


T = TypeVar("T")

# Groups and leaves of a tree that a figure or a text shows.
_MOST_SHOWN, _MOST_LEAVES = 20, 60

_NO_MAPS = "{} maps, which these groups have not: cluster the components of a factorization."


class CutTree(subject.Tree, Protocol):
    """What groups read of the tree that was cut, beside what a report does.

    A protocol, since `ClusterTree` itself knows of the groups that it makes.
    """

    patterns: BaseSignal
    maps: BaseSignal | None

    @property
    def scans(self) -> tuple[TreeScan, ...]:
        """The scans whose components these are."""

    @property
    def scan_of(self) -> NDArray[np.intp]:
        """Number of the scan of each component."""

    def of_scan(self, number: int) -> "CutTree":
        """Return what is left of the tree in one scan."""

    @property
    def merge_rotations(self) -> NDArray[np.float64] | None:
        """Rotation of each merge."""

    @property
    def merge_mirrors(self) -> NDArray[np.bool_] | None:
        """Whether each merge mirrored."""

    @property
    def merge_shifts(self) -> NDArray[np.float64] | None:
        """Shift of each merge."""

    def _state(self) -> dict[str, Any]:
        """All but the patterns, as it is saved."""


class Groups:
    """Components that are the same crystal, only rotated and elsewhere.

    Made by `ClusterTree.cut`. Groups are numbered by their first component, the strongest, and
    those without crystals, the matrix, come last. Figures and tables call them i, ii, iii, …, and
    ``groups["ii"]`` is one of them. Iteration gives the components of each.

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
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
    >>> patterns = signal.inav[:4, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:4, 0].__class__(truth.maps)
    >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
    >>> len(groups), [members.tolist() for members in groups]
    (4, [[1], [2], [3], [0]])
    >>> groups.patterns.data.shape
    (4, 64, 64)
    """

    def __init__(
        self, tree: CutTree, kept: NDArray[np.bool_], distance: float | None = None
    ) -> None:
        self.tree = tree
        self.kept = kept
        self.distance = distance
        self._members = _matrix_last(cuts.members(tree.linkage, kept), tree.crystalline)
        # Of groups in one scan of several: what they are part of, and which components they hold.
        self._whole: tuple[Groups, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self._members)

    def __iter__(self) -> Iterator[NDArray[np.intp]]:
        """Go through the groups: indices of the components of each."""
        return iter(self._members)

    def __getitem__(self, group: int | str) -> Group:
        """Return one group, by its number or its name in figures, ``"ii"``."""
        number = range(len(self))[group_number(group, len(self))]
        return Group(self, number, self._members[number])

    def __repr__(self) -> str:
        where = "" if self.distance is None else f" (cut at {self.distance:.3f})"
        lines = [f"<{counted(len(self), 'group')} of {len(self.tree)} components{where}"]
        for number, members in enumerate(self._members[:_MOST_SHOWN]):
            more = ", …" if len(members) > _MOST_SHOWN else ""
            shown = ", ".join(map(str, members[:_MOST_SHOWN]))
            kind = " (matrix)" if number in self.matrix else ""
            name = group_name(number)
            where = self._in_scans(members)
            lines.append(f"  {name}: {len(members)} – {shown}{more}{kind}{where}")
        if len(self) > _MOST_SHOWN:
            lines.append(f"  … and {len(self) - _MOST_SHOWN} more")
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        return groups_card(self)

    @property
    def labels(self) -> NDArray[np.intp]:
        """Group of each component, ``(n,)``."""
        labels = np.empty(len(self.tree), dtype=np.intp)
        for number, members in enumerate(self):
            labels[members] = number
        return labels

    @property
    def matrix(self) -> tuple[int, ...]:
        """Numbers of the groups that hold no crystal; none in a plain tree."""
        if self._whole is not None:
            return self._whole[0].matrix
        crystalline = self.tree.crystalline
        return tuple(
            number for number, members in enumerate(self) if not crystalline[members].any()
        )

    @cached_property
    def separation(self) -> Separation:
        """How far each component lies from its own group and from the nearest other.

        In the relative distances of the tree (`ClusterTree.relative`): 1 means nothing but rings in
        common. NaN for components of the matrix, for parts of crystals, and in a tree of more than
        2000 components for those that are not among `ClusterTree.judged`; ``neighbour`` is the
        number of a group.
        """
        chosen, distances, _ = self.tree.relative.among(
            self.tree.crystalline & (self.tree.hosts < 0)
        )
        own, nearest = np.full((2, len(self.tree)), np.nan)
        neighbour = np.full(len(self.tree), -1)
        if chosen.size:
            numbers, labels = np.unique(self.labels[chosen], return_inverse=True)
            found = separation(distances, labels)
            own[chosen], nearest[chosen] = found.own, found.nearest
            neighbour[chosen] = np.where(found.neighbour < 0, -1, numbers[found.neighbour])
        return Separation(own, nearest, neighbour, self.labels)

    @cached_property
    def membership(self) -> Membership:
        """How surely each crystal is of its group's kind, and how many there are of each kind.

        From the distances of `separation`, and how far noise moves them. NaN as there; all of it
        where the tree did not compare patterns over their rotations, whose distances have no scale.

        Examples
        --------
        >>> groups.membership
        <Membership: sure of 3 of 3 crystals>
        >>> groups.membership.limits.tolist()
        [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [nan, nan]]
        """
        if self._whole is None:
            return self._membership(np.ones(len(self.tree), dtype=bool))
        whole, own = self._whole
        inside = np.zeros(len(whole.tree), dtype=bool)
        inside[own] = True
        found = whole._membership(inside)
        return Membership(found.own[own], found.other[own], found.neighbour[own], found.limits)

    def _membership(self, among: NDArray[np.bool_]) -> Membership:
        tree = self.tree
        crystals = tree.crystalline & (tree.hosts < 0) & (tree.merge_rotations is not None)
        return membership(tree.relative, crystals, self.labels, among)

    def summary(self, sizes: ParticleSizes | SizesByScan | None = None) -> str:
        """Say in words what was found, how surely, and what to do about what is not sure.

        Parameters
        ----------
        sizes
            What `particle_sizes` gave; by default it is called without arguments where there are
            maps.

        Returns
        -------
        str
            The answer in its first line, then one line for each group, then what to distrust.

        Examples
        --------
        >>> print(groups.summary().splitlines()[0])
        3 families of crystals (3 particles, 4.6... px), matrix; cut clear
        """
        missing: dict[str, str] = {}
        if sizes is None:
            try:
                sizes = self.particle_sizes()
            except ValueError as reason:
                missing["sizes"] = str(reason)
        return in_words(Findings(groups=self, sizes=sizes, missing=missing))

    def _in_scans(self, members: NDArray[np.intp]) -> str:
        """How many of some components come from each of several scans, in words."""
        if len(self.tree.scans) < 2:
            return ""
        counts = np.bincount(self.tree.scan_of[members], minlength=len(self.tree.scans))
        named = zip(self.tree.scans, counts, strict=True)
        return f" ({', '.join(f'{scan.name}: {count}' for scan, count in named)})"

    @cached_property
    def scans(self) -> "tuple[Groups, ...]":
        """The same groups in each of the scans whose components the tree holds.

        Their components are those of the scan, numbered as there, with its own patterns, maps and
        calibration; ``groups.scans[0].particle_sizes()`` is of this scan alone. Groups have the
        same numbers as here and lie the same way; some may be empty.
        """
        if len(self.tree.scans) < 2:
            return (self,)
        return tuple(self._in_scan(number) for number in range(len(self.tree.scans)))

    def _in_scan(self, number: int) -> "Groups":
        tree = self.tree
        chosen = np.flatnonzero(tree.scan_of == number)
        _, _, merges = cuts.restricted(tree.linkage, np.empty((len(tree.linkage), 0)), chosen)
        groups, labels = Groups(tree.of_scan(number), self.kept[merges], self.distance), self.labels
        groups._members = [np.flatnonzero(labels[chosen] == group) for group in range(len(self))]
        groups._whole = self, chosen
        return groups

    @property
    def _filled(self) -> list[int]:
        """Groups that have components in this scan."""
        return [group for group, members in enumerate(self) if members.size]

    def _for_all(self, of_filled: Iterable[T], empty: T) -> tuple[T, ...]:
        """One answer for each group: that of `_filled`, or that of an empty one."""
        answers = dict(zip(self._filled, of_filled, strict=True))
        return tuple(answers.get(group, empty) for group in range(len(self)))

    def _ask_scans(self, question: Callable[["Groups"], Any]) -> tuple[Any, ...]:
        """Fields of a `ByScan`: names, answers, components."""
        scan_of = self.tree.scan_of
        return (
            tuple(scan.name for scan in self.tree.scans),
            tuple(question(groups) for groups in self.scans),
            tuple(np.flatnonzero(scan_of == n).tolist() for n in range(len(self.scans))),
        )

    @cached_property
    def rotations(self) -> NDArray[np.float64]:
        """Rotation of each component against the first of its group, ``(n,)`` degrees.

        Positive from +x (columns) towards +y (rows), within ±180; a pattern with an m-fold axis
        has its rotation modulo 360/m. From the merges of the tree; where the tree compared maps,
        the patterns are rotated onto each other along the same merges. All zero for metrics that
        do not rotate patterns.
        """
        tree = self.tree
        if self._whole is not None:
            whole, components = self._whole
            return whole.rotations[components]
        if tree.by == "maps":
            polar = RotatablePatterns(tree.grid.transform(tree.patterns.data))
            shifts = follow(polar, tree.linkage, self.kept)
        elif tree.merge_rotations is None:
            return np.zeros(len(tree))
        elif tree.merge_mirrors is not None:
            return 180.0 - (180.0 - self._orientations[0]) % 360.0
        else:
            shifts = tree.merge_rotations[:, None]
        rotations = cuts.displacements(tree.linkage, shifts, self.kept)[:, 0]
        return 180.0 - (180.0 - rotations) % 360.0

    @cached_property
    def mirrored(self) -> NDArray[np.bool_]:
        """Which components are mirror images of the first of their group, ``(n,)``.

        Such a component is the first one, mirrored (y becomes −y), then rotated by `rotations`. All
        False unless the tree was made with ``mirror=True``.
        """
        if self.tree.by == "maps" or self.tree.merge_mirrors is None:
            return np.zeros(len(self.tree), dtype=bool)
        return self._orientations[1]

    @cached_property
    def _orientations(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        turns, flips = self.tree.merge_rotations, self.tree.merge_mirrors
        assert turns is not None
        assert flips is not None
        merges = np.stack([turns, flips.astype(np.float64)], axis=1)
        return orientations(self.tree.linkage, merges, self.kept)

    @cached_property
    def _unmirrored(self) -> tuple[NDArray, NDArray[np.float64]]:
        """Patterns of the components as the first of each group lies but for these rotations."""
        patterns, flipped = self.tree.patterns.data, self.mirrored
        if not flipped.any():
            return patterns, self.rotations
        patterns = np.array(patterns, dtype=np.float64)
        patterns[flipped] = mirror_images(patterns[flipped], self.tree.grid.detector)
        return patterns, np.where(flipped, -self.rotations, self.rotations)

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
            if tree.maps._lazy:
                return local_displacements(self._local_maps, tree.linkage, self.kept)[:, ::-1]
            shifts = follow(ShiftableMaps(tree.maps.data), tree.linkage, self.kept)
        elif tree.merge_shifts is None:
            return np.zeros((len(tree), tree.maps.data.ndim - 1))
        else:
            shifts = tree.merge_shifts
        return cuts.displacements(tree.linkage, shifts, self.kept)[:, ::-1]

    @cached_property
    def _local_maps(self) -> LocalMaps:
        """Maps of the components; lazy ones without their zeros."""
        assert self.tree.maps is not None
        return LocalMaps.known(self.tree.maps.data)

    @property
    def calibrated_shifts(self) -> NDArray[np.float64] | None:
        """`shifts` in the units of the scan axes."""
        if self.tree.maps is None or self.shifts is None:
            return None
        scales = [axis.scale for axis in self.tree.maps.axes_manager._axes[:0:-1]]
        return self.shifts * scales

    @cached_property
    def patterns(self) -> BaseSignal:
        """Average pattern of each group, the rotations corrected (the paper's Fig. 7b).

        Each group is seen as its first component lies. Parts of crystals that other components
        describe better (`ClusterTree.hosts`) do not count: their spots may lie beside those of the
        whole. A pixel that no component has measured is NaN.
        """
        detector = self.tree.grid.detector
        patterns, rotations = self._unmirrored
        averages = []
        for members in self:
            whole = members[self.tree.hosts[members] < 0]
            counting = whole if whole.size else members
            averages.append(rotated_average(patterns[counting], -rotations[counting], detector))
        return _stack(self.tree.patterns, np.stack(averages), "Rotation-corrected patterns")

    @cached_property
    def maps(self) -> BaseSignal | None:
        """Sum of the maps of each group, as they lie in the scan. None without maps."""
        if self.tree.maps is None:
            return None
        sums = [self._local_maps.added(members) for members in self]
        return _stack(self.tree.maps, np.stack(sums), "Maps of groups")

    @cached_property
    def aligned_maps(self) -> BaseSignal | None:
        """Average map of each group, the shifts corrected (maps ii′ and iii′ of Fig. 7b).

        What the maps have in common lies at the mean of its places in them, so that a particle at
        the rim of one scan is seen whole; positions that no component has measured are NaN. The
        matrix, which has no place, is not shifted.
        None without maps.
        """
        if self.tree.maps is None or self.shifts is None:
            return None
        # A matrix has no place of its own: its shifts are noise, and edges of frames would show.
        apart = np.where(np.isin(self.labels, self.matrix)[:, None], 0.0, self.shifts[:, ::-1])
        if self.tree.maps._lazy:
            averages = [local_average(self._local_maps, members, apart) for members in self]
        else:
            averages = [
                aligned_average(self.tree.maps.data[members], -apart[members]) for members in self
            ]
        return _stack(self.tree.maps, np.stack(averages), "Shift-corrected maps of groups")

    @property
    def pages(self) -> int:
        """Number of pages of the figure."""
        return n_pages(len(self), GROUPS)

    def plot(self, scaling: Scaling = "weak", *, page: int = 1) -> "Figure":
        """Draw each group in a row: pattern, summed map, shift-corrected map, members.

        Parameters
        ----------
        scaling
            ``"weak"`` enhances low intensities, ``"linear"`` does not.
        page
            Of 12 groups each, from 1; see `pages`.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = groups.plot(scaling="linear")
        """
        shown = page_of(len(self), page, GROUPS)
        members = [group.tolist() for group in self._members]
        return plotting.plot_groups(**self.images(), members=members, scaling=scaling, shown=shown)

    def plot_map(self) -> "Figure":
        """Draw where the groups are, all in one map, each in its colour.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If there are no maps.

        Examples
        --------
        >>> figure = groups.plot_map()
        """
        maps = self.maps
        if maps is None:
            self._refuse_several("A map of the groups is drawn")
            raise ValueError("A map of the groups needs maps, which these groups have not.")
        return plotting.plot_group_map(
            maps.data,
            map_pixel=pixel_size(maps.axes_manager.signal_axes),
            matrix=self.matrix,
        )

    @property
    def component_pages(self) -> int:
        """Number of pages of the figure of the components."""
        return n_pages(len(self.tree), COMPONENTS)

    def plot_components(self, scaling: Scaling = "weak", *, page: int = 1) -> "Figure":
        """Draw all components, framed in the colours of their groups (the paper's Fig. 5).

        Parameters
        ----------
        scaling
            ``"weak"`` enhances low intensities, ``"linear"`` does not.
        page
            Of 40 components each, the strongest first, from 1; see `component_pages`.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = groups.plot_components()
        """
        tree = self.tree
        shown = page_of(len(tree), page, COMPONENTS)
        own = slice(shown.start, shown.stop)
        maps: dict[str, Any] = {}
        if tree.maps is not None:
            lazy = tree.maps._lazy
            maps["maps"] = (
                self._local_maps.dense(own.start, own.stop) if lazy else tree.maps.data[own]
            )
            maps["map_pixel"] = pixel_size(tree.maps.axes_manager.signal_axes)
        return plotting.plot_components(
            tree.patterns.data[own],
            **maps,
            pattern_pixel=pixel_size(tree.patterns.axes_manager.signal_axes),
            scaling=scaling,
            labels=[str(component) for component in shown],
            groups=self.labels[own].tolist(),
            matrix=self.matrix,
        )

    def plot_dendrogram(
        self,
        kind: Kind = "distance",
        *,
        insets: bool = True,
        scaling: Scaling = "weak",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Draw the tree and this cut through it, inversions as they are (the paper's Fig. 7).

        Of more than 60 components, which would not fit a page, the groups alone are drawn, with
        how many they hold, and patterns and maps of no more than 20 groups.

        Parameters
        ----------
        kind
            Along the sequence of merges (Fig. 7a) or their distances (Fig. 7b).
        insets
            Draw patterns and maps of the groups at the side.
        scaling
            Of the insets: ``"weak"`` enhances low intensities, ``"linear"`` does not.
        ax
            Where to draw, then without insets.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = groups.plot_dendrogram(kind="sequence")
        """
        tree = self._drawn_tree(kind)
        shown = len(self) <= _MOST_SHOWN and tree["groups"] is not None
        images = self.images() if insets and ax is None and shown else {"matrix": self.matrix}
        return plotting.plot_dendrogram(
            **tree,
            kind=kind,
            distance_label=distance_label(self.tree.metric),
            scaling=scaling,
            ax=ax,
            **images,
        )

    def explore(self, signal: BaseSignal | None = None) -> "plotting.MapExplorer":
        """Click in the map of the groups and see what is there.

        Shows the patterns of the position's component and group, beside what all components
        together make of it, and says its angle and particle. The arrow keys go to the next
        position. In a notebook this needs ``%matplotlib widget`` (``pip install
        hs_nmfcluster[notebook]``) or ``qt``; on another backend the figure says so, and
        ``explorer.go_to(row, column)`` moves it.

        Parameters
        ----------
        signal
            The scan, to see the measured pattern too.

        Returns
        -------
        MapExplorer
            Its ``figure`` is the figure, its ``position`` the row and column that are shown.

        Raises
        ------
        ValueError
            If there are no maps of a scan along two axes, or `signal` is another scan.

        Examples
        --------
        >>> explorer = groups.explore()
        >>> explorer.go_to(3, 4).position
        (3, 4)
        """
        if self.tree.maps is None or self.maps is None:
            self._refuse_several("A map is explored")
            raise ValueError(_NO_MAPS.format("An explorer needs"))
        shape = self.tree.maps.data.shape[1:]
        if len(shape) != 2 or 1 in shape:
            raise ValueError(f"An explorer needs a scan along two axes; this one is {shape}.")
        if signal is not None and signal.data.shape[:-2] != shape:
            raise ValueError(
                f"`signal` must be the scan that was factorized, of the shape {shape}, got "
                f"{signal.data.shape[:-2]}."
            )
        return explore(self, signal)

    def _drawn_tree(self, kind: Kind) -> dict[str, Any]:
        """Tree whose leaves are components, or of very many the groups, or what holds these."""
        linkage, kept = self.tree.linkage, self.kept
        cut = cuts.position(linkage, kept, self.distance, kind)
        last = ~self.tree.crystalline
        if len(self.tree) <= _MOST_LEAVES:
            return {"linkage": linkage, "groups": self.labels.tolist(), "cut": cut, "last": last}
        colored = 1 < len(self) <= _MOST_LEAVES
        if not colored:
            kept = np.arange(len(kept)) <= len(kept) - _MOST_LEAVES
        branches = cuts.members(linkage, kept)
        return {
            "linkage": cuts.condensed(linkage, kept),
            "groups": [int(self.labels[own[0]]) for own in branches] if colored else None,
            "labels": [str(len(own)) for own in branches],
            "leaf_label": "Components in the branch",
            "last": [last[own].all() for own in branches],
            "cut": cut if kind == "distance" else None,
        }

    def images(self) -> dict[str, Any]:
        """Return what figures of the groups show, as arrays, with their pixel sizes.

        Returns
        -------
        dict
            Arguments of `plot_groups`.

        Examples
        --------
        >>> sorted(groups.images())
        ['aligned_maps', 'map_pixel', 'maps', 'matrix', 'pattern_pixel', 'patterns']
        """
        maps = self.tree.maps
        images = {
            "patterns": self.patterns.data,
            "pattern_pixel": pixel_size(self.tree.patterns.axes_manager.signal_axes),
            "matrix": self.matrix,
        }
        if maps is not None and self.maps is not None and self.aligned_maps is not None:
            images["maps"] = self.maps.data
            images["aligned_maps"] = self.aligned_maps.data
            images["map_pixel"] = pixel_size(maps.axes_manager.signal_axes)
        return images

    def save(self, path: str | os.PathLike[str], overwrite: bool | None = None) -> None:
        """Write the groups, with their tree, into one file that `hs_nmfcluster.load` gives back.

        Parameters
        ----------
        path
            ``.hspy`` or ``.zspy``. HyperSpy alone opens the file too, as the patterns that were
            clustered.
        overwrite
            As in HyperSpy: None asks if the file exists.

        Raises
        ------
        ValueError, FileNotFoundError
            Another suffix; no such folder.

        Examples
        --------
        >>> import hs_nmfcluster, tempfile
        >>> path = tempfile.mkdtemp() + "/groups.hspy"
        >>> groups.save(path)
        >>> len(hs_nmfcluster.load(path))
        4
        """
        state = {
            "tree": self.tree._state(),
            "kept": self.kept,
            "distance": np.nan if self.distance is None else self.distance,
        }
        storage.save(path, self.tree.patterns, "Groups", state, overwrite)

    def methods_text(self, factorization: subject.Factorization | None = None) -> str:
        """Write the paragraph for the methods section of a publication, from the settings.

        Parameters
        ----------
        factorization
            What the components come from; by default what the tree was made of
            (`ClusterTree.factorization`), which a loaded tree does not know.

        Returns
        -------
        str
            With numbers, seed, versions and citations.

        Examples
        --------
        >>> from hs_nmfcluster import ClusterTree
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
        >>> patterns = signal.inav[:4, 0]
        >>> patterns.data = truth.patterns
        >>> groups = ClusterTree.from_patterns(patterns, radial_range=(2, 8)).cut(n_groups=4)
        >>> groups.methods_text().splitlines()[-1]
        '[2] P. J. Rousseeuw, J. Comput. Appl. Math. 20, 53 (1987).'
        """
        return methods_text(Findings.of_groups(self, factorization=factorization))

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        signal: BaseSignal | None = None,
        factorization: subject.Factorization | None = None,
        study: RankStudy | None = None,
        spacings: LatticeSpacings | None = None,
        sizes: ParticleSizes | SizesByScan | None = None,
        candidates: object = None,
        detection_limit: subject.DetectionLimit | None = None,
        confirmation: subject.Trust | None = None,
        overwrite: bool | None = None,
        show_progressbar: bool | None = None,
    ) -> None:
        """Write everything that is known into one HTML file, and what to distrust.

        The file holds its figures and needs no network; it opens in any browser and prints well.

        Parameters
        ----------
        path
            File ending in ``.html``.
        signal
            The scan, for its virtual image and mean pattern and for what the components leave of
            it; four passes over the data.
        factorization
            What the components come from; by default what the tree was made of
            (`ClusterTree.factorization`), which a loaded tree does not know.
        study
            The study by which the number of components was chosen.
        spacings, sizes
            What `lattice_spacings` and `particle_sizes` gave, for instance calibrated or with the
            probe removed; by default they are called without arguments.
        candidates
            Phases to match with the spacings, as in `match_phases`.
        detection_limit, confirmation
            What `NMFDiffraction2D.detection_limit` and `confirm_components` gave.
        overwrite
            As in HyperSpy: None asks if the file exists.
        show_progressbar
            None takes HyperSpy's preference.

        Raises
        ------
        ValueError
            If `path` does not end in ``.html``; `signal` is not the scan that was factorized; as
            `match_phases`.
        FileNotFoundError
            If the folder does not exist.

        Examples
        --------
        >>> import numpy as np, tempfile
        >>> from hs_nmfcluster import ClusterTree, NMFDiffraction2D
        >>> ramp = np.arange(9 * 9.0).reshape(9, 9)
        >>> s = NMFDiffraction2D(np.array([ramp, ramp.T[::-1], ramp % 2]))
        >>> groups = ClusterTree.from_patterns(s, center=(4, 4)).cut(n_groups=2)
        >>> groups.report(tempfile.mkdtemp() + "/report.html")
        """
        if not check_path(path, overwrite):
            return
        findings = Findings.of_groups(
            self,
            signal=signal,
            factorization=factorization,
            study=study,
            spacings=spacings,
            sizes=sizes,
            candidates=candidates,
            detection_limit=detection_limit,
            confirmation=confirmation,
            show_progressbar=show_progressbar,
        )
        write_report(path, findings)

    @property
    def _sizes(self) -> ParticleSizes | SizesByScan:
        return self.particle_sizes()

    @cached_property
    def _arrays(self) -> GroupArrays:
        """What the answers are measured from."""
        return GroupArrays(
            tuple(self._members[group] for group in self._filled),
            *self._unmirrored,
            self.patterns.data[self._filled],
            self.tree.grid,
            None if self.tree.evidence is None else self.tree.crystalline,
            self.tree.hosts,
        )

    def _refuse_several(self, what: str) -> None:
        if len(self.tree.scans) > 1:
            raise ValueError(f"{what} of one scan, these groups are of several: see `scans`.")

    @cached_property
    def spot_shares(self) -> NDArray[np.float64]:
        """Share of each component's intensity that lies in spots, ``(n,)``.

        0 for components that show none of their own: an amorphous pattern, also in a group of
        crystals. Particles, angles and the crystalline share come from the others.
        """
        return self._arrays.spot_shares

    def lattice_spacings(
        self,
        *,
        background: int | str | None = None,
        radial_range: tuple[float, float] | None = None,
        threshold: float = 6.0,
        min_spots: int = 2,
        min_intensity: float = 0.02,
        camera_error: float = 0.0,
        beam_energy: float | None = None,
    ) -> LatticeSpacings:
        """Measure the lattice spacings that each group's pattern shows (the paper's Fig. 7b).

        In the rotation-corrected pattern everything is looked for that stands out of its ring,
        so that a halo, which lies all around it, is no spot. A Gaussian is fitted to each spot, and
        spots at one radius make a ring. A group has spots only if most of its components carry
        them; otherwise the answer is "no spots" with the position of its halo, which is no lattice
        spacing.

        Parameters
        ----------
        background
            Name or number of an amorphous group whose radial profile, scaled, is subtracted. By
            default each pattern's own median over the azimuth.
        radial_range
            ``(inner, outer)`` in the unit of the pattern's axes; by default what the tree compared,
            without the direct beam.
        threshold
            Least height of a spot over the noise at its radius, in standard deviations.
        min_spots
            Least number of spots on a ring. A thin crystal shows each reflection and its opposite.
        min_intensity
            Rings weaker than this share of the strongest one are taken for what leaked from
            other components.
        camera_error
            Relative uncertainty of the camera constant; it enters each sigma. See
            `LatticeSpacings.calibrate` for a ring that is known.
        beam_energy
            In kV, for axes in mrad.

        Returns
        -------
        LatticeSpacings
            In nm; radii in the unit of the axes where that is not understood as a reciprocal
            length, for instance pixels.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of its range.

        Examples
        --------
        >>> from hs_nmfcluster import ClusterTree, NMFDiffraction2D
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
        >>> patterns = signal.inav[: len(truth.patterns), 0]
        >>> patterns.data = truth.patterns
        >>> groups = ClusterTree.from_patterns(patterns, radial_range=(2, 8)).cut(n_groups=4)
        >>> [round(spacing.d, 3) for spacing in groups.lattice_spacings()["ii"]]
        [0.228, 0.161]
        """
        camera_error = check_relative_error("camera_error", camera_error)
        if beam_energy is not None:
            check_beam_energy(beam_energy)
        if isinstance(background, str):
            background = group_number(background, len(self))
        if background in self._filled:
            background = self._filled.index(background)
        elif isinstance(background, int) and 0 <= background < len(self):
            raise ValueError(
                f"`background` is group {group_name(background)}, without components here."
            )
        rings, profiles = measure_rings(
            self._arrays,
            background=background,
            radial_range=radial_range,
            threshold=threshold,
            min_spots=min_spots,
            min_intensity=min_intensity,
        )
        units = self.tree.grid.detector.units
        per_nm = inverse_nm_per(units, beam_energy)
        rings = self._for_all(rings, GroupRings(()))
        curves = (profiles.mean, profiles.maximum, profiles.background)
        unknown = np.full(profiles.radii.size, np.nan)
        profiles = Profiles(
            profiles.radii, *(np.array(self._for_all(curve, unknown)) for curve in curves)
        )
        return LatticeSpacings(rings, profiles, units, per_nm, camera_error, self.matrix)

    def match_phases(
        self,
        candidates: object,
        *,
        spacings: LatticeSpacings | None = None,
        tolerance: float = 0.015,
    ) -> PhaseMatch:
        """Compare the lattice spacings with known phases (the paper's discussion of Fig. 7).

        A spacing is explained by a reflection within two standard deviations, which hold the
        measurement's and `tolerance`. Phases are ranked by a score that rewards a match the more,
        the fewer reflections the phase has there: minus the logarithm of the chance that
        reflections as dense, but anywhere, match as well; a spacing left unexplained costs 1.3.
        The camera constant is one factor for all spacings, chosen for each phase within
        `LatticeSpacings.camera_error`. Where the spots of a group lie in several directions, a
        phase with a cell has to explain the angles between them too, by a zone axis
        (`PhaseMatch.zone_axis`): each direction left unexplained costs as much.

        What the best score is worth is asked of random spacings of the same number and errors:
        where a candidate explains them as well in more than 3 % of cases, *none is better than
        chance*. Where a phase explains the net of a group's spots whole, random nets are asked,
        and candidates that explain no more of these than it does. Candidates whose scores differ
        by less than 1 (odds of ten) are *not distinguishable*.

        Parameters
        ----------
        candidates
            A mapping of names to plain tables ``[d, …]`` in nm, to `Cell` (edges in nm, space
            group) or to paths of CIF files; or a list of such mappings and paths.
        spacings
            What `lattice_spacings` gave, for instance with a corrected calibration. By default
            it is called without arguments.
        tolerance
            Relative uncertainty of the candidates' spacings (composition, strain).

        Returns
        -------
        PhaseMatch

        Raises
        ------
        TypeError, ValueError
            If there is no candidate, one is not understood, a CIF file does not parse, or the
            pattern's axes are not calibrated.

        Examples
        --------
        >>> from hs_nmfcluster import ClusterTree
        >>> from hs_nmfcluster.materials import Cell
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
        >>> patterns = signal.inav[:4, 0]
        >>> patterns.data = truth.patterns
        >>> groups = ClusterTree.from_patterns(patterns, radial_range=(2, 8)).cut(n_groups=4)
        >>> match = groups.match_phases({"B2": Cell(0.3224), "other": [0.30, 0.24]})
        >>> match.verdict(1)
        'none better than chance (B2: 2 of 2 spacings)'
        >>> match.zone_axis("B2", 1)
        '[001]'
        """
        if spacings is None:
            spacings = self.lattice_spacings()
        if not spacings.calibrated:
            raise ValueError(
                f"Phases need spacings in nm, but the pattern's axes are in {spacings.units!r}. "
                "Set their scale and units, or pass `spacings` that `LatticeSpacings.calibrate` "
                "has calibrated by a known ring."
            )
        camera = spacings.camera_error
        measured = [
            [(one.d, float(np.sqrt(max(one.sigma**2 - (camera * one.d) ** 2, 0.0)))) for one in own]
            for own in spacings
        ]
        found = match_phases(
            measured,
            candidates,
            spots=spacings.spots,
            tolerance=tolerance,
            camera_error=camera,
        )
        return PhaseMatch(found.explanations, len(measured), found.chances, found.nets)

    def particle_sizes(
        self,
        probe_size: float | None = None,
        *,
        units: str | None = None,
        min_height: float = 0.15,
        shape: Literal["auto", "disc", "sphere"] = "auto",
    ) -> ParticleSizes | SizesByScan:
        """Measure how large the particles of each group are, and how many there are.

        Each crystal is looked for where the model, all components together, holds intensity in
        *its* spots. So parts into which the factorization split a crystal make one particle, and
        the floor of the maps makes none. An outline is fitted to each: an ellipse, whose profile
        is that of a disc or a sphere which the probe blurs. A particle that the edge of the scan
        cuts is counted, as half a particle in the number density, but not measured. Beside them
        stands the paper's measure: the full width at half maximum of the shift-corrected map.

        A place holds one particle, the one whose spots are the brightest. What has no spots has
        none.

        Parameters
        ----------
        probe_size
            Full width of the probe at half maximum in nm. By default the one is found with which
            the outlines of all particles are described best, and which is not narrower than
            diffraction lets it be, where the scan's metadata have beam energy and convergence
            angle (``Acquisition_instrument.TEM``).
        units
            ``"nm"`` insists on nm, ``"px"`` gives scan pixels; by default nm if the scan's axes are
            calibrated, else pixels.
        min_height
            Least height of a particle as a share of the usual one of its group, and of the
            highest of its crystal. What is lower is taken for what leaked from others.
        shape
            ``"disc"`` measures the width at half height, which the probe leaves as it is;
            ``"sphere"`` the width of a sphere whose intensity grows with its thickness, seen by a
            coherent probe and a factorization. ``"auto"`` takes a disc where that fits clearly
            better, else a sphere. A disc that imitates the profile of a sphere has some 0.8 times
            its diameter.

        Returns
        -------
        ParticleSizes or SizesByScan
            The latter of several scans: of each, and of all together.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of its range, nm are asked of a scan that is not calibrated,
            there are no maps of a scan along two axes, or one scan of several is calibrated and
            another is not.

        Examples
        --------
        >>> from hs_nmfcluster import ClusterTree
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> signal, truth = linear_mixture((32, 32), (64, 64), n_particles=4, pixel_size=0.3)
        >>> patterns, maps = signal.inav[:5, 0], signal.inav[:5, 0].T
        >>> patterns.data = truth.patterns
        >>> maps = maps.__class__(truth.maps)
        >>> for axis in maps.axes_manager.signal_axes:
        ...     axis.scale, axis.units = 1.5, "nm"
        >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
        >>> sizes = groups.particle_sizes()
        >>> [len(group.particles) for group in sizes]
        [2, 1, 1, 0]
        """
        probe_size, min_height = check_size_arguments(probe_size, min_height, shape)
        if len(self.tree.scans) > 1:
            asked: dict[str, Any] = {"units": units, "min_height": min_height, "shape": shape}
            return sizes_by_scan(
                *self._ask_scans(lambda groups: groups.particle_sizes(probe_size, **asked))
            )
        look = probe_size, min_height, shape, *scan_scale(self.tree.maps, units, probe_size)
        if look not in self._measured:
            self._measured[look] = self._measured_sizes(*look)
        return self._measured[look]

    @cached_property
    def _measured(self) -> dict[tuple[Any, ...], ParticleSizes]:
        """Sizes that were asked for, by how and on which scale."""
        return {}

    def _measured_sizes(
        self,
        probe_size: float | None,
        min_height: float,
        shape: Literal["auto", "disc", "sphere"],
        scale: tuple[float, float],
        unit: str,
    ) -> ParticleSizes:
        opened = aperture(self.tree.patterns) if unit == "nm" else None
        assert self.tree.maps is not None
        assert self.maps is not None
        assert self.aligned_maps is not None
        found, look = measure_particles(
            self._arrays,
            self._local_maps,
            self.aligned_maps.data[self._filled],
            scale=scale,
            probe_size=probe_size,
            narrowest_probe=None if opened is None else narrowest_probe(opened),
            min_height=min_height,
            shape=shape,
        )
        maps = np.asarray(self.maps.data, dtype=np.float64)
        area = maps[0].size * scale[0] * scale[1]
        pixel = PixelSize(scale[0], scale[1], unit)
        found = self._for_all(found, GroupSizes((), np.nan, np.nan))
        probe = look.probe * float(np.sqrt(scale[0] * scale[1]))
        return ParticleSizes(found, unit, area, probe, look.name, (maps, pixel))

    def orientation_map(self) -> OrientationMap | OrientationsByScan:
        """Map the in-plane angle of each group's crystals.

        The rotation of each component recorded in the tree is refined against the average of its
        group, and given modulo the symmetry of the pattern, which is found from the average's own
        rotational autocorrelation. The zero is the first crystal of each group. Components without
        spots, and groups most of which are such, have no angle.

        A position shows the angle of the strongest component there whose map exceeds half of its
        height.

        Returns
        -------
        OrientationMap or OrientationsByScan
            With the angles, and as confidence the sharpness of each correlation peak. Of several
            scans one for each; the zero is then the first crystal of the group in all of them.

        Raises
        ------
        ValueError
            If there are no maps.

        Examples
        --------
        >>> from hs_nmfcluster import ClusterTree
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> signal, truth = linear_mixture((32, 32), (64, 64), n_particles=4, pixel_size=0.3)
        >>> patterns = signal.inav[:5, 0]
        >>> patterns.data = truth.patterns
        >>> maps = signal.T.inav[:5, 0].__class__(truth.maps)
        >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
        >>> groups.orientation_map().symmetry
        (2, 4, 6, 0)
        """
        if len(self.tree.scans) > 1:
            return OrientationsByScan(*self._ask_scans(Groups.orientation_map))
        if self.tree.maps is None or self.maps is None:
            raise ValueError(_NO_MAPS.format("An orientation map needs"))
        found = self._angles
        if self._whole is not None:
            whole, components = self._whole
            found = whole._angles.of(components)
        return OrientationMap(*found, *map_angles(found, self._local_maps), self.maps)

    @cached_property
    def _angles(self) -> Angles:
        return measure_angles(self._arrays)

    def crystallinity(self) -> Crystallinity | SharesByScan:
        """Share the scattered intensity at each position between the groups.

        What a component contributes is its map times the sum of its pattern beyond the direct
        beam. A group's share holds all of that, the halo that a factorization leaves in the pattern
        of a crystal included; the crystalline share only what lies in spots, above their rings,
        where the crystals of `particle_sizes` are.

        Returns
        -------
        Crystallinity or SharesByScan
            Shares per group and position, and that of all spots together; of several scans one for
            each.

        Raises
        ------
        ValueError
            If there are no maps.

        Notes
        -----
        This looks like a volume fraction and **is none** (see the paper's Supplementary
        Section 7). What it misses and what it mixes up:

        * Crystals away from a low-index zone axis show no spots: they count as amorphous, and the
          share is a lower bound in that respect. So are crystals below the detection limit, some
          per cent of the intensity.
        * Intensity is not volume. It depends on structure factors and excitation errors; in
          dynamical scattering it is not even proportional to thickness.
        * A factorization shares intensity only up to what it cannot tell apart: part of the halo
          lies in the patterns of crystals, part of the spots in those of the matrix. The share of
          a group depends on it strongly, that of the spots less.
        * What is masked, or scattered beyond the detector, does not count. The background of the
          camera does.

        Compare positions and specimens measured in the same way, not absolute numbers.

        Examples
        --------
        >>> from hs_nmfcluster import ClusterTree
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> signal, truth = linear_mixture((32, 32), (64, 64), n_particles=4, pixel_size=0.3)
        >>> patterns = signal.inav[:5, 0]
        >>> patterns.data = truth.patterns
        >>> maps = signal.T.inav[:5, 0].__class__(truth.maps)
        >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
        >>> round(100 * groups.crystallinity().crystalline.max())
        5
        """
        if len(self.tree.scans) > 1:
            return SharesByScan(*self._ask_scans(Groups.crystallinity))
        if self.tree.maps is None or self.maps is None:
            raise ValueError(_NO_MAPS.format("Crystallinity needs"))
        found = measure_shares(self._arrays, self._local_maps)
        return Crystallinity(
            np.array(self._for_all(found.shares, 0 * found.shares[0])),
            found.crystalline,
            np.array(self._for_all(found.mean_shares, np.float64(0))),
            found.mean_crystalline,
            found.crystalline_error,
            np.array(self._for_all(found.crystalline_members, np.intp(0))),
            self.maps,
        )


def _matrix_last(
    groups: list[NDArray[np.intp]], crystalline: NDArray[np.bool_]
) -> list[NDArray[np.intp]]:
    return sorted(groups, key=lambda members: not crystalline[members].any())


def _stack(components: BaseSignal, data: NDArray, title: str) -> BaseSignal:
    """Signal like that of the components, with groups in their place."""
    axes = [{"name": "group", "size": len(data), "navigate": True}]
    axes += [axis.get_axis_dictionary() for axis in components.axes_manager._axes[1:]]
    metadata = components.metadata.as_dictionary()
    metadata["General"] = {"title": title}
    return type(components)(data, axes=axes, metadata=metadata)
