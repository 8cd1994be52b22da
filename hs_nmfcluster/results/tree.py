"""The result of hierarchical clustering."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from dask.utils import format_bytes
from hyperspy.defaults_parser import preferences
from hyperspy.external.progressbar import progressbar
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray
from scipy import sparse

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import detector_of, pixel_size, polar_stack
from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import Agglomeration, Progress
from hs_nmfcluster.clustering.alignable import Metric
from hs_nmfcluster.clustering.many import FEW
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.similarity import By, item_bytes, items_to_cluster, pairwise
from hs_nmfcluster.clustering.tree import Compared, Matrix, Plan, grow
from hs_nmfcluster.engine import memory
from hs_nmfcluster.io import storage
from hs_nmfcluster.plotting.choices import Kind, Scaling
from hs_nmfcluster.report.cards import tree_card
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.groups import Groups
from hs_nmfcluster.results.scans import TreeScan
from hs_nmfcluster.results.tree_inputs import center_of, checked_maps, checked_patterns
from hs_nmfcluster.scan.arguments import check_choice, check_positive, check_whole_number
from hs_nmfcluster.scan.detector import Detector
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
# Components from which on clustering takes seconds.
_MANY = 300
# Components whose similarities, or scatter plots, can be told apart in a figure.
_MOST_DRAWN, _MOST_SCATTERED = 400, 60
# Branches that an explorer can draw anew while a cut is dragged.
_MOST_EXPLORED = 300
# Parts of a sparse array.
_SPARSE = ("data", "indices", "indptr")


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
        2000 components only the nearest neighbours are compared; then it is sparse, and so are
        `rotations` and `shifts`. `compare` gives all pairs of some components.
    settings : dict
        Which pairs were compared (``"pairs"``), with how many neighbours each (``"n_neighbors"``),
        the memory in bytes that was set aside for it (``"memory_estimate"``), and the names of the
        scans (``"scans"``) where they are several.
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
        merges: Agglomeration,
        compared: Compared,
        settings: dict[str, Any],
        scans: Sequence[TreeScan] = (),
    ) -> None:
        self.patterns = patterns
        self.maps = maps
        self.by = by
        self.metric = metric
        self.grid = grid
        self.linkage = merges.linkage
        self.similarity = compared.similarity
        self.settings = settings
        self._merge_shifts = merges.shifts
        self._shifts = compared.shifts
        self._scans = tuple(scans)
        self.factorization: Factorization | None = None

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
            maps = checked_maps(maps, len(patterns.data))
        elif by == "maps":
            raise ValueError('`by="maps"` needs maps; these patterns have none.')
        grid = PolarGrid.covering(
            detector_of(patterns, center_of(patterns, center)),
            n_radial=n_radial,
            n_azimuthal=n_azimuthal,
            radial_range=radial_range,
        )
        data = patterns.data if maps is None or by == "patterns" else maps.data
        plan = planned(data, by, metric, grid, n_neighbors, max_memory)
        items = items_to_cluster(data, by, metric, grid)
        merges, compared = grow(items, plan, progress_of(show_progressbar, plan))
        return cls(
            patterns,
            maps,
            by=by,
            metric=metric,
            grid=grid,
            merges=merges,
            compared=compared,
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
        return (
            f"<ClusterTree of {len(self)} {self.by} by {self.metric}{among}: distances "
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

        Sparse as `similarity` where only neighbours were compared. None unless patterns were
        compared by cross-correlation.
        """
        return -self._shifts[0] if self._rotated else None

    @property
    def merge_rotations(self) -> NDArray[np.float64] | None:
        """Rotation of each merge, ``(n - 1,)`` degrees.

        By so much the second cluster of a row of `linkage` was rotated to lie on the first. None
        unless patterns were compared by cross-correlation.
        """
        return self._merge_shifts[:, 0] if self._rotated else None

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
        tree = type(self)(
            scan.patterns,
            scan.maps,
            by=self.by,
            metric=self.metric,
            grid=scan.grid,
            merges=Agglomeration(linkage, shifts),
            compared=Compared(own[0], tuple(own[1:])),
            settings={key: value for key, value in self.settings.items() if key != "scans"},
        )
        tree.factorization = scan.factorization
        return tree

    @property
    def _shifted(self) -> bool:
        return self.by == "maps" and self.metric == "cross_correlation"

    @property
    def _rotated(self) -> bool:
        return self.by == "patterns" and self.metric == "cross_correlation"

    def suggest_cut(self) -> cuts.SuggestedCut:
        """Cut where the tree itself falls apart most clearly, and why there.

        Returns
        -------
        SuggestedCut
            With ``distance``, ``n_groups`` and ``reason`` in words.

        Examples
        --------
        >>> tree.suggest_cut().n_groups
        2
        """
        return cuts.suggest(self.linkage)

    def cut(self, *, distance: float | None = None, n_groups: int | None = None) -> Groups:
        """Undo merges from the top; what is left are the groups.

        Parameters
        ----------
        distance
            From the root down, every merge at a larger distance is undone; a merge at or below
            it stays, with all it holds.
        n_groups
            Undo the last ``n_groups - 1`` merges of the sequence.

        Returns
        -------
        Groups
            Those of `suggest_cut` if neither is given.

        Raises
        ------
        ValueError
            If both are given, `distance` is not positive, or there are not so many components.

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
        distance = check_positive("distance", distance)
        return Groups(self, cuts.effective_distances(self.linkage) <= distance, distance)

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
        if len(self) > _MOST_EXPLORED:
            upper = np.arange(len(linkage)) <= len(linkage) - _MOST_EXPLORED
            leaves = [members[0] for members in cuts.members(linkage, upper)]
            linkage = cuts.condensed(linkage, upper)
        n = len(linkage) + 1
        along: dict[str, Any] = {
            "thresholds": cuts.effective_distances(self.linkage),
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
        return pairwise(items_to_cluster(data, by, metric, self.grid))[0]

    def _drawn(self, most: int) -> NDArray[np.intp]:
        """Components for a figure: all, or of many so many, evenly taken along the tree."""
        if len(self) <= most:
            return np.arange(len(self))
        return cuts.leaf_order(self.linkage)[np.linspace(0, len(self) - 1, most).astype(np.intp)]

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
        state: dict[str, Any] = {
            "by": self.by,
            "metric": self.metric,
            "linkage": self.linkage,
            "merge_shifts": self._merge_shifts,
            "settings": self.settings,
            "similarity": _stored(self.similarity),
            "shifts": {f"axis_{axis}": _stored(shifts) for axis, shifts in enumerate(self._shifts)},
            "radii": self.grid.radii,
            "angles": self.grid.angles,
            "radial_step": self.grid.radial_step,
            **_stored_frame(self.grid, self.maps),
        }
        state["scans"] = {
            f"scan_{number}": {
                "name": scan.name,
                "patterns": scan.patterns,
                **_stored_frame(scan.grid, scan.maps),
            }
            for number, scan in enumerate(self._scans)
        }
        storage.save(path, self.patterns, "ClusterTree", state, overwrite)

    @classmethod
    def _from_state(cls, patterns: BaseSignal, state: dict[str, Any]) -> Self:
        grid = _restored_grid(patterns, state, state)
        scans = [state["scans"][f"scan_{number}"] for number in range(len(state["scans"]))]
        # An array without elements may come back from a file in another shape.
        linkage = np.reshape(state["linkage"], (-1, 4))
        merge_shape = len(linkage), len(state["shifts"])
        shifts = [state["shifts"][f"axis_{axis}"] for axis in range(len(state["shifts"]))]
        return cls(
            patterns,
            state.get("maps"),
            by=state["by"],
            metric=state["metric"],
            grid=grid,
            merges=Agglomeration(linkage, np.reshape(state["merge_shifts"], merge_shape)),
            compared=Compared(_restored(state["similarity"]), tuple(map(_restored, shifts))),
            settings=state["settings"],
            scans=[
                TreeScan(
                    scan["name"],
                    scan["patterns"],
                    scan.get("maps"),
                    _restored_grid(scan["patterns"], scan, state),
                )
                for scan in scans
            ],
        )


def planned(
    data: NDArray,
    by: By,
    metric: Metric,
    grid: PolarGrid,
    n_neighbors: int | None,
    max_memory: int | str | None,
) -> Plan:
    """Which pairs of patterns or maps are compared, within the memory that there is.

    Raises
    ------
    TypeError, ValueError
        If `n_neighbors` is no whole number, or there is not so much memory.
    """
    if n_neighbors is not None:
        n_neighbors = check_whole_number("n_neighbors", n_neighbors)
    n_shifts = 0 if metric != "cross_correlation" else 1 if by == "patterns" else data.ndim - 1
    plan = Plan.of(len(data), item_bytes(data.shape, by, metric, grid), n_shifts, n_neighbors)
    budget = memory.read_budget(max_memory) or memory.default_budget()
    if plan.n_bytes > budget:
        few = plan.n_neighbors is None and len(data) > FEW
        raise ValueError(
            f"A tree of {len(data)} components takes up to {format_bytes(plan.n_bytes)}, but "
            f"{format_bytes(budget)} may be taken: give more as `max_memory`, fewer `n_radial` or "
            "`n_azimuthal`" + (", or a number as `n_neighbors`." if few else ".")
        )
    return plan


def _stored(matrix: Matrix) -> Any:
    """Take a sparse array to the parts that a file can hold."""
    if isinstance(matrix, np.ndarray):
        return matrix
    return {name: getattr(matrix, name) for name in _SPARSE}


def _restored(stored: Any) -> Matrix:
    if isinstance(stored, np.ndarray):
        return stored
    n = len(stored["indptr"]) - 1
    return sparse.csr_array(tuple(stored[name] for name in _SPARSE), shape=(n, n))


def _stored_frame(grid: PolarGrid, maps: BaseSignal | None) -> dict[str, Any]:
    """Take what a file holds of one scan beside its patterns."""
    detector = grid.detector
    frame: dict[str, Any] = {
        "center": list(detector.center),
        "scale": list(detector.scale),
        "units": detector.units,
    }
    return frame if maps is None else frame | {"maps": maps}


def _restored_grid(patterns: BaseSignal, frame: dict[str, Any], bins: dict[str, Any]) -> PolarGrid:
    detector = Detector(
        patterns.data.shape[-2:], tuple(frame["center"]), tuple(frame["scale"]), frame["units"]
    )
    return PolarGrid(detector, bins["radii"], bins["angles"], bins["radial_step"])


def progress_of(show: bool | None, plan: Plan) -> Progress:
    """Bar over the merges; a tree of a few components is made before one could be seen."""
    if plan.n < _MANY or not (preferences.General.show_progressbar if show is None else show):
        return iter
    taken = f"Clustering (up to {format_bytes(plan.n_bytes)})"

    def wrap(merges: Iterable[int]) -> Iterable[int]:
        return progressbar(merges, desc=taken, unit="merge")

    return wrap
