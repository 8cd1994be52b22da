"""The result of hierarchical clustering."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray
from scipy import sparse

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import pixel_size, polar_stack
from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import Agglomeration
from hs_nmfcluster.clustering.alignable import Metric
from hs_nmfcluster.clustering.compounds import Compounds, find_compounds
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.relative import Relative, relative_distances
from hs_nmfcluster.clustering.similarity import By, items_to_cluster, pairwise, rotatable
from hs_nmfcluster.clustering.suggestion import SuggestedCut, suggest
from hs_nmfcluster.clustering.tree import Compared, Matrix
from hs_nmfcluster.io import storage
from hs_nmfcluster.plotting.choices import Kind, Scaling
from hs_nmfcluster.report import subject
from hs_nmfcluster.report.cards import tree_card
from hs_nmfcluster.results import tree_files
from hs_nmfcluster.results.groups import Groups
from hs_nmfcluster.results.scans import TreeScan
from hs_nmfcluster.results.tree_growth import Grown, grow_plain, grow_rotated, in_bins, planned
from hs_nmfcluster.results.tree_inputs import checked_maps, checked_patterns, straightened
from hs_nmfcluster.scan.arguments import check_choice, check_positive, check_whole_number
from hs_nmfcluster.words import counted, distance_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_METRICS: tuple[Metric, ...] = get_args(Metric)
_NAMES: dict[str, str] = {
    "cross_correlation": "Maximum cross-correlation",
    "correlation": "Correlation coefficient",
    "cosine": "Cosine similarity",
    "euclidean": "Euclidean distance",
}
_QUANTITIES = {"patterns": "intensity", "maps": "coefficient"}
# Components whose similarities, or scatter plots, can be told apart in a figure.
_MOST_DRAWN, _MOST_SCATTERED = 400, 60
# Components by which the cut through a very large tree is chosen.
_MOST_JUDGED = 1000
# Crystals of a very large tree that are looked at for being two in one.
_MOST_PARTED = 300
# Branches that an explorer can draw anew while a cut is dragged.
_MOST_EXPLORED = 300


class ClusterTree:
    """Tree of components, built by joining the two most similar ones again and again.

    Made by ``signal.hierarchical_cluster()``; loaded by `hs_nmfcluster.load`.

    Attributes
    ----------
    patterns : NMFDiffraction2D
        The patterns that were clustered, ``(component | x, y)``.
    maps : BaseSignal or None
        Their maps.
    by : str
        What was compared: ``"patterns"`` or ``"maps"``.
    metric : str
        How: ``"cross_correlation"`` (the paper's), ``"correlation"``, ``"cosine"`` or
        ``"euclidean"``.
    grid : PolarGrid
        Bins of r and phi in which patterns are compared.
    linkage : numpy.ndarray
        ``(n - 1, 4)`` in SciPy's layout. Distances are 1 − similarity; they may fall from one
        merge to the next, as integration averages noise out.
    similarity : numpy.ndarray or scipy.sparse.csr_array
        ``(n, n)`` before any merge. With ``metric="euclidean"`` it is 1 − distance. Of more than
        2000 components only the nearest neighbours are compared, crystals with crystals; then it is
        sparse, and so are `rotations` and `shifts`. `compare` gives all pairs of some components.
    settings : dict
        Which pairs were compared (``"pairs"``), with how many neighbours each (``"n_neighbors"``),
        and the memory in bytes that was set aside for it (``"memory_estimate"``).
    evidence : SpotEvidence or None
        How surely each component shows spots: ``significance`` in standard deviations,
        ``crystalline``, ``uncertain``. None for a plain tree.
    hosts : numpy.ndarray
        ``(n,)``: for a component that describes part of a crystal (its rim, a bent part), the one
        that describes it best; −1 for all others. Both are always in one group.
    factorization : Factorization or None
        Whose components these are, where that is known. `save` does not keep it.

    Examples
    --------
    >>> import numpy as np
    >>> from hs_nmfcluster import ClusterTree, NMFDiffraction2D
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> def spot(r, phi):
    ...     return np.exp(-((x - r * np.cos(phi)) ** 2 + (y - r * np.sin(phi)) ** 2) / 8)
    >>> s = NMFDiffraction2D(np.array([spot(8, 0.1), spot(15, 1.0), spot(8, 1.1)]))
    >>> tree = ClusterTree.from_patterns(s, center=(20, 20))
    >>> groups = tree.cut(n_groups=2)
    >>> groups.labels.tolist(), groups.rotations.round().tolist()
    ([0, 1, 0], [0.0, 0.0, 57.0])

    With maps, from which the figures take theirs:

    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
    >>> patterns = signal.inav[:4, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:4, 0].__class__(truth.maps)
    >>> tree = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8))
    """

    def __init__(
        self,
        patterns: BaseSignal,
        maps: BaseSignal | None,
        *,
        by: By,
        metric: Metric,
        grid: PolarGrid,
        grown: Grown,
        settings: dict[str, Any],
        scans: Sequence[TreeScan] = (),
    ) -> None:
        self.patterns = patterns
        self.maps = maps
        self.by = by
        self.metric = metric
        self.grid = grid
        self.linkage = grown.merges.linkage
        self.similarity = grown.compared.similarity
        self.settings = settings
        self._merge_shifts = grown.merges.shifts
        self._shifts = grown.compared.shifts
        self.evidence = grown.evidence
        n = len(self.linkage) + 1
        self.hosts = np.full(n, -1) if grown.hosts is None else grown.hosts
        self._scans = tuple(scans)
        self._whole: tuple[ClusterTree, NDArray[np.intp]] | None = None
        self.factorization: subject.Factorization | None = None

    @classmethod
    def from_patterns(
        cls,
        patterns: BaseSignal,
        maps: BaseSignal | None = None,
        *,
        by: By = "patterns",
        metric: Metric = "cross_correlation",
        n_radial: int | None = None,
        n_azimuthal: int = 360,
        radial_range: tuple[float, float] | None = None,
        center: Sequence[float] | None = None,
        crystals_first: bool = True,
        mirror: bool = False,
        n_neighbors: int | None = 32,
        max_memory: int | str | None = None,
        show_progressbar: bool | None = None,
    ) -> Self:
        """Cluster patterns, or the maps that belong to them.

        Parameters
        ----------
        patterns
            At least two patterns. NaN marks pixels that were not measured.
        maps
            One map for each pattern, its first axis the components. NaN marks positions that
            were not measured.
        by
            What to compare.
        metric
            ``"cross_correlation"``: patterns may be rotated, maps shifted. The others compare
            the pixels within the radial range as they are, for reference.
        n_radial, n_azimuthal, radial_range
            Bins of r and phi, see `PolarGrid.covering`.
        center
            Direct beam ``(x, y)`` in pixels; by default where both signal axes are zero.
        crystals_first
            Patterns that show spots join each other, those that show none (matrix) join each
            other by their radial profiles, and the last merge joins both. False makes the paper's
            plain tree of all (Fig. 7), as do other metrics and maps.
        mirror
            Compare each pattern also with the mirror images of the others: a crystal that lies
            upside down is then the same. `Groups.mirrored` tells which do.
        n_neighbors
            Of more than 2000 components each is compared with so many nearest neighbours only,
            until 2000 are left; None compares all with all, whatever time and memory it takes.
        max_memory
            Bytes, or text like ``"4 GB"``; by default half of what is free.
        show_progressbar
            None takes HyperSpy's preference.

        Returns
        -------
        ClusterTree

        Raises
        ------
        TypeError, ValueError
            If an argument is not among the allowed ones, there are fewer than two patterns, a
            pattern or map has no measured pixel or is infinite, the centre is unknown, or this
            takes more than `max_memory`.

        Notes
        -----
        Neighbours are looked for by what no rotation (or shift) changes: the amplitudes along φ at
        each radius, in their leading principal components. The highest correlation over all
        rotations is found for these pairs alone. A union is compared with the neighbours of both
        its parts, and whenever half of the components are left, neighbours are looked for anew.

        Examples
        --------
        >>> len(ClusterTree.from_patterns(s, center=(20, 20), radial_range=(5, 20)))
        3
        """
        check_choice("by", by, get_args(By))
        check_choice("metric", metric, get_args(Metric))
        patterns = checked_patterns(patterns)
        if maps is not None:
            maps = checked_maps(maps, len(patterns.data), whole=by == "maps")
        elif by == "maps":
            raise ValueError('`by="maps"` needs maps; these patterns have none.')
        patterns, detector = straightened(patterns, center)
        grid = PolarGrid.covering(
            detector,
            n_radial=n_radial,
            n_azimuthal=n_azimuthal,
            radial_range=radial_range,
        )
        rotated = (by, metric) == ("patterns", "cross_correlation")
        mirror = mirror and rotated
        data = patterns.data if maps is None or by == "patterns" else maps.data
        plan = planned(data, by, metric, grid, n_neighbors, max_memory, mirror=mirror)
        if rotated:
            scans = [TreeScan("", patterns, maps, grid)]
            grown = grow_rotated(
                scans, plan, show_progressbar, crystals_first=crystals_first, mirror=mirror
            )
        else:
            grown = grow_plain(data, by, metric, grid, plan, show_progressbar)
        return cls(
            patterns,
            maps,
            by=by,
            metric=metric,
            grid=grid,
            grown=grown,
            settings=plan.settings,
        )

    def __len__(self) -> int:
        """Return the number of components."""
        return len(self.linkage) + 1

    def __repr__(self) -> str:
        if not len(self.linkage):
            return f"<ClusterTree of a single component: {self.by} by {self.metric}>"
        suggested = self.suggest_cut()
        number = self.settings["n_neighbors"]
        among = "" if number is None else f" among {number} neighbours"
        kinds = ""
        if self.evidence is not None:
            n_crystals = int(self.evidence.crystalline.sum())
            kinds = f"{counted(n_crystals, 'crystal')}, {len(self) - n_crystals} matrix, "
        return (
            f"<ClusterTree of {len(self)} {self.by} by {self.metric}{among}: {kinds}distances "
            f"{self.linkage[:, 2].min():.3f} … {self.linkage[:, 2].max():.3f}, suggested cut at "
            f"{suggested.distance:.3f} into {counted(suggested.n_groups, 'group')}>"
        )

    def _repr_html_(self) -> str:
        return tree_card(self)

    @property
    def polar_patterns(self) -> BaseSignal:
        """The patterns in the bins of r and phi, ``(component | phi, r)`` (Fig. 6c)."""
        data = self.grid.transform(self.patterns.data)
        return polar_stack(self.patterns, data, self.grid)

    @property
    def rotations(self) -> Matrix | None:
        """Pairwise rotations, ``(n, n)`` degrees: pattern j is i rotated by ``rotations[i, j]``.

        Where they were compared with mirror images too, j may be the mirror image of i so rotated
        (`mirrored`). Sparse as `similarity` where only neighbours were compared. None unless
        patterns were compared by cross-correlation.
        """
        if not self._rotated:
            return None
        # What brings i onto j.
        turned = self._shifts[0].T
        return turned if isinstance(turned, np.ndarray) else turned.tocsr()

    @property
    def mirrored(self) -> Matrix | None:
        """Which pairs are alike as mirror images, ``(n, n)``; None if that was not asked.

        Sparse as `similarity` where only neighbours were compared.
        """
        return self._shifts[1] > 0 if self._rotated and len(self._shifts) > 1 else None

    @property
    def merge_rotations(self) -> NDArray[np.float64] | None:
        """Rotation of each merge, ``(n - 1,)`` degrees.

        By so much the second cluster of a row of `linkage` was rotated to lie on the first. None
        unless patterns were compared by cross-correlation.
        """
        return self._merge_shifts[:, 0] if self._rotated else None

    @property
    def merge_mirrors(self) -> NDArray[np.bool_] | None:
        """Whether the second cluster of each merge was mirrored first, ``(n - 1,)``.

        None unless patterns were compared with mirror images too.
        """
        return None if self.mirrored is None else self._merge_shifts[:, 1] > 0

    @property
    def shifts(self) -> NDArray[np.floating] | tuple[sparse.csr_array, ...] | None:
        """Pairwise shifts, ``(n, n, n_scan_axes)`` scan pixels in the order of the array's axes.

        Map j is map i shifted by ``shifts[i, j]``. Where only neighbours were compared, a sparse
        ``(n, n)`` for each axis. None unless maps were compared by cross-correlation.
        """
        if not self._shifted:
            return None
        if isinstance(self.similarity, np.ndarray):
            return np.stack([-shifts for shifts in self._shifts], axis=-1)
        return tuple(-shifts for shifts in self._shifts)

    @property
    def merge_shifts(self) -> NDArray[np.float64] | None:
        """Shift of each merge, ``(n - 1, n_scan_axes)`` scan pixels in the array's order.

        As `merge_rotations`; None unless maps were compared by cross-correlation.
        """
        return self._merge_shifts if self._shifted else None

    @property
    def scans(self) -> tuple[TreeScan, ...]:
        """The scans whose components these are, each with its own patterns and maps.

        Several in a tree that :func:`hs_nmfcluster.cluster` has made of several factorizations.
        There `patterns` are what one detector would have seen, and `maps` are None.
        """
        if self._scans:
            return self._scans
        name = self.patterns.metadata.General.title or "scan"
        return (TreeScan(name, self.patterns, self.maps, self.grid, self.factorization),)

    @property
    def scan_of(self) -> NDArray[np.intp]:
        """Number of the scan that each component comes from, ``(n,)``."""
        return np.repeat(np.arange(len(self.scans)), [len(s.patterns.data) for s in self.scans])

    def of_scan(self, number: int) -> Self:
        """Return what is left of the tree without the components of other scans.

        Parameters
        ----------
        number
            Number of the scan.

        Returns
        -------
        ClusterTree
            With the scan's own patterns and maps; merges at the distances that they have here.

        Examples
        --------
        >>> len(tree.of_scan(0))
        4
        """
        if not self._scans:
            return self
        scan, chosen = self.scans[number], np.flatnonzero(self.scan_of == number)
        linkage, shifts, _ = cuts.restricted(self.linkage, self._merge_shifts, chosen)
        own = [matrix[chosen][:, chosen] for matrix in (self.similarity, *self._shifts)]
        hosts = self.hosts[chosen]
        tree = type(self)(
            scan.patterns,
            scan.maps,
            by=self.by,
            metric=self.metric,
            grid=scan.grid,
            grown=Grown(
                Agglomeration(linkage, shifts),
                Compared(own[0], tuple(own[1:])),
                None if self.evidence is None else self.evidence.of(chosen),
                np.where(hosts < 0, -1, np.searchsorted(chosen, hosts)),
            ),
            settings={key: value for key, value in self.settings.items() if key != "scans"},
        )
        tree.factorization = scan.factorization
        tree._whole = self, chosen
        return tree

    @property
    def _shifted(self) -> bool:
        return self.by == "maps" and self.metric == "cross_correlation"

    @property
    def _rotated(self) -> bool:
        return self.by == "patterns" and self.metric == "cross_correlation"

    @property
    def crystalline(self) -> NDArray[np.bool_]:
        """Which components are grouped as crystals, ``(n,)``; all in a plain tree."""
        if self.evidence is None:
            return np.ones(len(self), dtype=bool)
        return self.evidence.crystalline

    @property
    def uncertain(self) -> NDArray[np.intp]:
        """Components of which it was a close call whether they show spots."""
        return np.flatnonzero([] if self.evidence is None else self.evidence.uncertain)

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Distance below which a cut undoes each merge, ``(n - 1,)``.

        0 within the matrix and within one crystal.
        """
        return cuts.thresholds(self.linkage, self.crystalline, self.hosts)

    @cached_property
    def judged(self) -> NDArray[np.intp]:
        """Components by whose distances a cut is suggested, in rising order.

        All; of more than 2000 components 1000 crystals, evenly taken along the tree.
        """
        if isinstance(self.similarity, np.ndarray):
            return np.arange(len(self))
        along = cuts.leaf_order(self.linkage)
        along = along[(self.crystalline & (self.hosts < 0))[along]]
        return np.sort(_evenly(along, _MOST_JUDGED))

    @cached_property
    def relative(self) -> Relative:
        """Distances that a common halo does not move, and the noise of each pattern.

        In `distances`, ``(n, n)``, 1 means nothing but rings in common, 0 no difference beyond
        noise. Where patterns were not rotated, plain distances over the largest of them. Of more
        than 2000 components these are of `judged`, named in `components`.
        """
        components, similarity = None, self.similarity
        if not isinstance(similarity, np.ndarray):
            components = self.judged
            similarity = self._compared_anew(components)
        if self._rotated:
            found = relative_distances(in_bins(self.scans, self.judged)[:], similarity)
            return found._replace(components=components)
        distances = np.clip(1.0 - similarity, 0.0, None)
        noise = np.zeros(len(distances))
        return Relative(distances / (distances.max(initial=0.0) or 1.0), noise, components)

    @cached_property
    def compounds(self) -> Compounds:
        """Which crystals hold two crystals at once, and which are tilted, ``(n,)`` each.

        Returns
        -------
        Compounds
            False and 0 for the matrix, for parts of a crystal (`hosts`), and for patterns that
            were not compared over rotations. Of more than 2000 components 300 crystals are looked
            at, evenly taken along the tree.
        """
        n = len(self)
        found = Compounds(np.zeros(n, bool), np.full((n, 2), -1), np.zeros(n), np.zeros(n, bool))
        if not self._rotated or self.evidence is None:
            return found
        chosen, _, noise = self.relative.among(self.crystalline & (self.hosts < 0))
        if self.relative.components is not None:
            some = _evenly(np.arange(chosen.size), _MOST_PARTED)
            chosen, noise = chosen[some], noise[some]
        if chosen.size:
            of_chosen = find_compounds(in_bins(self.scans, chosen)[:], noise)
            for every, own in zip(found, of_chosen, strict=True):
                every[chosen] = own
            found.parts[chosen] = np.where(of_chosen.parts < 0, -1, chosen[of_chosen.parts])
        return found

    def suggest_cut(self) -> SuggestedCut:
        """Cut where crystals are nearest to their own group beside the nearest other one.

        Returns
        -------
        SuggestedCut
            With ``distance``, ``n_groups``, ``reason`` in words, whether it is ``clear``, what
            the next ``coarser`` and ``finer`` cuts score, and components at the ``border``.

        Examples
        --------
        >>> tree.suggest_cut().n_groups
        4
        """
        return self._suggested

    @cached_property
    def _suggested(self) -> SuggestedCut:
        if self._whole is None:
            return suggest(self.linkage, self.relative, self.crystalline, self.hosts)
        # A cut goes through the tree of all scans.
        whole, own = self._whole
        suggested = whole.suggest_cut()
        border = np.flatnonzero(np.isin(own, suggested.border))
        return replace(suggested, border=tuple(border.tolist()))

    def cut(self, distance: float | None = None, *, n_groups: int | None = None) -> Groups:
        """Undo merges from the top; what is left are the groups.

        Parameters
        ----------
        distance
            From the root down, every merge at a larger distance is undone; a merge at or below
            it stays, with all it holds. Matrix stays together at any distance.
        n_groups
            Undo the last ``n_groups - 1`` merges of the sequence.

        Returns
        -------
        Groups
            Those of `suggest_cut` if neither is given.

        Raises
        ------
        ValueError
            If both are given, `distance` is not positive or is a whole number above one, which
            looks like a number of groups, or there are not so many components.

        Examples
        --------
        >>> len(tree.cut(distance=0.5)), len(tree.cut(n_groups=3))
        (4, 3)
        """
        if distance is not None and n_groups is not None:
            raise ValueError("Give either `distance` or `n_groups`, not both.")
        if n_groups is not None:
            n_groups = check_whole_number("n_groups", n_groups)
            if n_groups > len(self):
                raise ValueError(
                    f"`n_groups` must be at most {len(self)}, the number of components, got "
                    f"{n_groups}."
                )
            kept = np.arange(len(self.linkage)) < len(self) - n_groups
            return Groups(self, kept)
        if distance is None:
            distance = self.suggest_cut().distance
        if isinstance(distance, int) and distance > 1:
            raise ValueError(
                f"`distance` = {distance} is a whole number: `n_groups={distance}` cuts into as "
                f"many groups, `distance={distance}.0` at that distance."
            )
        distance = check_positive("distance", distance)
        return Groups(self, self.thresholds <= distance, distance)

    def plot(self, kind: Kind = "distance", **arguments: Any) -> "Figure":
        """Draw the tree: the same as `plot_dendrogram`.

        Parameters
        ----------
        kind
            As in `plot_dendrogram`.
        **arguments
            Likewise.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = tree.plot(n_groups=4)
        """
        return self.plot_dendrogram(kind, **arguments)

    def plot_dendrogram(
        self,
        kind: Kind = "distance",
        *,
        distance: float | None = None,
        n_groups: int | None = None,
        insets: bool = True,
        scaling: Scaling = "weak",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Draw the tree and a cut through it, inversions as they are (the paper's Fig. 7).

        Parameters
        ----------
        kind
            Along the sequence of merges (Fig. 7a) or their distances (Fig. 7b).
        distance, n_groups
            Where to cut, as in `cut`.
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
        >>> figure = tree.plot_dendrogram(kind="sequence", n_groups=4)
        """
        groups = self.cut(distance=distance, n_groups=n_groups)
        return groups.plot_dendrogram(kind, insets=insets, scaling=scaling, ax=ax)

    def explore(
        self, kind: Kind = "distance", *, scaling: Scaling = "weak"
    ) -> "plotting.CutExplorer[Groups]":
        """Choose the cut by hand: drag it in the dendrogram and see the groups change.

        A click or drag in the dendrogram moves the cut, the left and right keys take it to the
        next cut that leaves other groups. In a notebook this needs ``%matplotlib widget`` (or
        ``qt``); without such a backend the figure shows the suggested cut. Of more than 300
        components the 300 branches from the top are drawn.

        Parameters
        ----------
        kind
            As in `plot_dendrogram`.
        scaling
            Of the images: ``"weak"`` enhances low intensities, ``"linear"`` does not.

        Returns
        -------
        CutExplorer
            Its ``groups`` are those of the present cut, as from `cut`; ``distance`` is where it
            lies (None with ``kind="sequence"``), ``figure`` the figure.

        Raises
        ------
        ValueError
            If an argument is not among the allowed ones.

        Examples
        --------
        >>> explorer = tree.explore()
        >>> len(explorer.groups) == tree.suggest_cut().n_groups
        True
        """
        linkage, leaves, suggested = self.linkage, None, self.suggest_cut()
        last = ~self.crystalline
        if len(self) > _MOST_EXPLORED:
            upper = np.arange(len(linkage)) <= len(linkage) - _MOST_EXPLORED
            branches = cuts.members(linkage, upper)
            leaves = [members[0] for members in branches]
            last = np.array([last[members].all() for members in branches])
            linkage = cuts.condensed(linkage, upper)
        n = len(linkage) + 1
        along: dict[str, Any] = {
            "thresholds": self.thresholds[-len(linkage) :],
            "cut_at": lambda place: self.cut(distance=place),
            "start": suggested.distance,
        }
        if kind == "sequence":
            along = {
                "thresholds": np.arange(1, n),
                "cut_at": lambda place: self.cut(n_groups=max(n - int(place), 1)),
                "start": max(n - suggested.n_groups, 0) + 0.5,
            }
        return plotting.CutExplorer(
            linkage,
            leaves=leaves,
            last=last,
            kind=kind,
            distance_label=distance_label(self.metric),
            scaling=scaling,
            **along,
        )

    def compare(
        self,
        metric: Metric,
        by: By | None = None,
        components: Sequence[int] | NDArray[np.integer] | None = None,
    ) -> NDArray[np.floating]:
        """Similarity of all components by any metric, without a new tree.

        Parameters
        ----------
        metric
            As in `from_patterns`.
        by
            ``"patterns"`` or ``"maps"``; by default what the tree compares.
        components
            Indices of those to compare; None takes all.

        Returns
        -------
        numpy.ndarray
            ``(n, n)``; for ``"euclidean"`` 1 − distance.

        Raises
        ------
        ValueError
            If an argument is not among the allowed ones, there are no maps, or the matrix takes
            more than half of the free memory.

        Examples
        --------
        >>> tree.compare("cosine").shape
        (4, 4)
        """
        by = self.by if by is None else by
        check_choice("by", by, get_args(By))
        check_choice("metric", metric, get_args(Metric))
        known = (metric, by) == (self.metric, self.by)
        if known and components is None and isinstance(self.similarity, np.ndarray):
            return self.similarity
        data = self._compared(by)
        data = data if components is None else data[np.asarray(components)]
        planned(data, by, metric, self.grid, None, None)
        mirror = known and self.mirrored is not None
        return pairwise(items_to_cluster(data, by, metric, self.grid, mirror))[0]

    def _compared_anew(self, components: NDArray[np.intp]) -> NDArray[np.floating]:
        """Similarity of all pairs of some components, as the tree compares them."""
        if not self._rotated:
            return self.compare(self.metric, components=components)
        return pairwise(rotatable(in_bins(self.scans, components), self.mirrored is not None))[0]

    def _drawn(self, most: int) -> NDArray[np.intp]:
        """Components for a figure: all, or of many so many, evenly taken along the tree."""
        if len(self) <= most:
            return np.arange(len(self))
        return _evenly(cuts.leaf_order(self.linkage), most)

    def _compared(self, by: By) -> NDArray:
        if by == "patterns":
            return self.patterns.data
        if self.maps is None:
            raise ValueError('`by="maps"` needs maps; these patterns have none.')
        return self.maps.data

    def plot_similarity(
        self, metric: Metric | Sequence[Metric] = _METRICS, by: By | None = None
    ) -> "Figure":
        """Draw the similarity of all pairs (the paper's Figs. 6a, b, d, e and S2).

        Of more than 400 components 400 are drawn, taken evenly along the tree.

        Parameters
        ----------
        metric
            One or several.
        by
            ``"patterns"`` or ``"maps"``; by default what the tree compares.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = tree.plot_similarity(["cosine", "cross_correlation"])
        """
        chosen = [metric] if isinstance(metric, str) else list(metric)
        some = self._drawn(_MOST_DRAWN)
        components = some if len(some) < len(self) else None
        matrices = {_NAMES[name]: self.compare(name, by, components) for name in chosen}
        distances = [_NAMES["euclidean"]] if "euclidean" in chosen else []
        for name in distances:
            matrices[name] = 1.0 - matrices[name]
        labels = [str(component) for component in some]
        return plotting.plot_similarity(matrices, distances=distances, labels=labels)

    def plot_polar(self, component: int = 0) -> "Figure":
        """Draw one pattern beside what is compared of it, its polar form (Fig. 6c).

        Parameters
        ----------
        component
            Index of the pattern.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        IndexError
            If there is no such component.

        Examples
        --------
        >>> figure = tree.plot_polar(2)
        """
        pattern = self.patterns.data[component]
        return plotting.plot_polar(
            self.grid.transform(pattern),
            self.grid.radii,
            self.grid.angles,
            units=self.grid.detector.units,
            pattern=pattern,
            pattern_pixel=pixel_size(self.patterns.axes_manager.signal_axes),
        )

    def plot_scatter_tableau(self, by: By | None = None) -> "Figure":
        """Draw every component against every other, pixel by pixel (the paper's Fig. S1).

        Of more than 60 components 60 are drawn, taken evenly along the tree.

        Parameters
        ----------
        by
            ``"patterns"`` or ``"maps"``; by default what the tree compares.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = tree.plot_scatter_tableau(by="maps")
        """
        by = self.by if by is None else by
        check_choice("by", by, get_args(By))
        some = self._drawn(_MOST_SCATTERED)
        return plotting.plot_scatter_tableau(
            self._compared(by)[some],
            labels=[str(component) for component in some],
            quantity=_QUANTITIES[by],
        )

    def save(self, path: str | os.PathLike[str], overwrite: bool | None = None) -> None:
        """Save to a ``.hspy`` or ``.zspy`` file that HyperSpy opens as the patterns.

        Parameters
        ----------
        path
            File name.
        overwrite
            None asks if the file exists.

        Examples
        --------
        >>> import hs_nmfcluster, tempfile
        >>> path = tempfile.mkdtemp() + "/tree.hspy"
        >>> tree.save(path)
        >>> len(hs_nmfcluster.load(path))
        4
        """
        storage.save(path, self.patterns, "ClusterTree", self._state(), overwrite)

    def _state(self) -> dict[str, Any]:
        """All but the patterns, as it is saved."""
        compared = Compared(self.similarity, self._shifts)
        merges = Agglomeration(self.linkage, self._merge_shifts)
        return {
            "by": self.by,
            "metric": self.metric,
            "settings": self.settings,
            "scans": tree_files.stored_scans(self._scans),
            **tree_files.stored_bins(self.grid),
            **tree_files.stored_frame(self.grid, self.maps),
            **tree_files.stored_growth(Grown(merges, compared, self.evidence, self.hosts)),
        }

    @classmethod
    def _from_state(cls, patterns: BaseSignal, state: dict[str, Any]) -> Self:
        state = tree_files.completed(state, patterns)
        return cls(
            patterns,
            state.get("maps"),
            by=state["by"],
            metric=state["metric"],
            grid=tree_files.restored_grid(patterns, state, state),
            grown=tree_files.restored_growth(state),
            settings=state["settings"],
            scans=tree_files.restored_scans(state),
        )

    @classmethod
    def _cut_from_state(cls, patterns: BaseSignal, state: dict[str, Any]) -> Groups:
        """Give back groups, which are a tree and what was kept of it."""
        tree = cls._from_state(patterns, state["tree"])
        distance = float(state["distance"])
        kept = np.asarray(state["kept"], dtype=bool).ravel()
        return Groups(tree, kept, None if np.isnan(distance) else distance)


def _evenly(values: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """So many of the values at most, evenly taken."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(np.intp)]
