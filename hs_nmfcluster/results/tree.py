"""The result of hierarchical clustering."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import detector_of, pixel_size, polar_stack
from hs_nmfcluster.bridge.progress import is_shown, step_progress
from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import Agglomeration, Progress, agglomerate
from hs_nmfcluster.clustering.alignable import Metric
from hs_nmfcluster.clustering.apart import agglomerate_apart
from hs_nmfcluster.clustering.compounds import Compounds, find_compounds
from hs_nmfcluster.clustering.correlation import centered_patterns
from hs_nmfcluster.clustering.mirror import consistent
from hs_nmfcluster.clustering.places import find_hosts
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.relative import Relative, relative_distances
from hs_nmfcluster.clustering.similarity import By, items_to_cluster, pairwise
from hs_nmfcluster.clustering.suggestion import SuggestedCut, suggest
from hs_nmfcluster.io import storage
from hs_nmfcluster.materials.group_arrays import spot_limits
from hs_nmfcluster.materials.significance import SpotEvidence, spot_evidence
from hs_nmfcluster.plotting.choices import Kind, Scaling
from hs_nmfcluster.report import subject
from hs_nmfcluster.report.cards import tree_card
from hs_nmfcluster.results.groups import Groups
from hs_nmfcluster.results.tree_inputs import center_of, checked_maps, checked_patterns
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
_EVIDENCE = ("significance", "crystalline", "uncertain")
# Components from which on clustering takes seconds.
_MANY = 300


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
    similarity : numpy.ndarray
        ``(n, n)`` before any merge. With ``metric="euclidean"`` it is 1 − distance.
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
        merges: Agglomeration,
        similarity: NDArray[np.floating],
        shifts: NDArray[np.floating],
        evidence: SpotEvidence | None = None,
        hosts: NDArray[np.intp] | None = None,
    ) -> None:
        self.patterns = patterns
        self.maps = maps
        self.by = by
        self.metric = metric
        self.grid = grid
        self.linkage = merges.linkage
        self.similarity = similarity
        self._merge_shifts = merges.shifts
        self._shifts = shifts
        self.evidence = evidence
        self.hosts = np.full(len(similarity), -1) if hosts is None else hosts
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
        show_progressbar
            None takes HyperSpy's preference.

        Returns
        -------
        ClusterTree

        Raises
        ------
        TypeError, ValueError
            If an argument is not among the allowed ones, there are fewer than two patterns, a
            pattern or map has no measured pixel or is infinite, or the centre is unknown.

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
        compared = patterns if maps is None or by == "patterns" else maps
        mirror = mirror and (by, metric) == ("patterns", "cross_correlation")
        items = items_to_cluster(compared.data, by, metric, grid, mirror)
        similarity, shifts = pairwise(items)
        shifts = consistent(shifts) if mirror else shifts
        progress = _progress(show_progressbar, len(similarity))
        evidence = None
        if crystals_first and (by, metric) == ("patterns", "cross_correlation"):
            evidence = spot_evidence(
                patterns.data,
                grid.detector,
                None if maps is None else maps.data,
                radial_range=spot_limits(patterns.data, grid),
            )
        hosts = np.full(len(similarity), -1)
        if evidence is not None and maps is not None:
            crystals = np.flatnonzero(evidence.crystalline)
            found = find_hosts(grid.transform(patterns.data[crystals]), maps.data[crystals])
            hosts[crystals] = np.where(found < 0, -1, crystals[found])
        plain = evidence is None or not evidence.crystalline.any()
        if evidence is None or plain or (evidence.crystalline.all() and (hosts < 0).all()):
            merges = agglomerate(items, similarity, progress)
        else:
            merges = agglomerate_apart(
                lambda some: items_to_cluster(patterns.data[some], by, metric, grid, mirror),
                similarity,
                centered_patterns(grid.transform(patterns.data)).mean(axis=-1),
                evidence.crystalline,
                hosts,
                progress,
            )
        return cls(
            patterns,
            maps,
            by=by,
            metric=metric,
            grid=grid,
            merges=merges,
            similarity=similarity,
            shifts=shifts,
            evidence=evidence,
            hosts=hosts,
        )

    def __len__(self) -> int:
        """Return the number of components."""
        return len(self.similarity)

    def __repr__(self) -> str:
        suggested = self.suggest_cut()
        kinds = ""
        if self.evidence is not None:
            n_crystals = int(self.evidence.crystalline.sum())
            kinds = f"{counted(n_crystals, 'crystal')}, {len(self) - n_crystals} matrix, "
        return (
            f"<ClusterTree of {len(self)} {self.by} by {self.metric}: {kinds}distances "
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
    def rotations(self) -> NDArray[np.floating] | None:
        """Pairwise rotations, ``(n, n)`` degrees: pattern j is i rotated by ``rotations[i, j]``.

        Where they were compared with mirror images too, j may be the mirror image of i so rotated
        (`mirrored`). None unless patterns were compared by cross-correlation.
        """
        if self.mirrored is not None:
            return np.where(self.mirrored, 1, -1) * self._shifts[..., 0]
        return -self._shifts[..., 0] if self._rotated else None

    @property
    def mirrored(self) -> NDArray[np.bool_] | None:
        """Which pairs are alike as mirror images, ``(n, n)``; None if that was not asked."""
        if not self._rotated or self._shifts.shape[-1] == 1:
            return None
        return self._shifts[..., 1] > 0

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
    def shifts(self) -> NDArray[np.floating] | None:
        """Pairwise shifts, ``(n, n, n_scan_axes)`` scan pixels in the order of the array's axes.

        Map j is map i shifted by ``shifts[i, j]``. None unless maps were compared by
        cross-correlation.
        """
        return -self._shifts if self._shifted else None

    @property
    def merge_shifts(self) -> NDArray[np.float64] | None:
        """Shift of each merge, ``(n - 1, n_scan_axes)`` scan pixels in the array's order.

        As `merge_rotations`; None unless maps were compared by cross-correlation.
        """
        return self._merge_shifts if self._shifted else None

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
    def relative(self) -> Relative:
        """Distances that a common halo does not move, and the noise of each pattern.

        In `distances`, ``(n, n)``, 1 means nothing but rings in common, 0 no difference beyond
        noise. Where patterns were not rotated, plain distances over the largest of them.
        """
        if self._rotated:
            return relative_distances(self.grid.transform(self.patterns.data), self.similarity)
        distances = np.clip(1.0 - self.similarity, 0.0, None)
        return Relative(distances / (distances.max() or 1.0), np.zeros(len(self)))

    @cached_property
    def compounds(self) -> Compounds:
        """Which crystals hold two crystals at once, and which are tilted, ``(n,)`` each.

        Returns
        -------
        Compounds
            False and 0 for the matrix, for parts of a crystal (`hosts`), and for patterns that
            were not compared over rotations.
        """
        n, chosen = len(self), np.flatnonzero(self.crystalline & (self.hosts < 0))
        found = Compounds(np.zeros(n, bool), np.full((n, 2), -1), np.zeros(n), np.zeros(n, bool))
        if self._rotated and self.evidence is not None and chosen.size:
            polar = self.grid.transform(self.patterns.data[chosen])
            of_chosen = find_compounds(polar, self.relative.noise[chosen])
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
        2
        """
        return self._suggested

    @cached_property
    def _suggested(self) -> SuggestedCut:
        return suggest(self.linkage, self.relative, self.crystalline, self.hosts)

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
        ``qt``); without such a backend the figure shows the suggested cut.

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
        n, suggested = len(self.linkage) + 1, self.suggest_cut()
        along: dict[str, Any] = {
            "thresholds": self.thresholds,
            "cut_at": lambda place: self.cut(distance=place),
            "start": suggested.distance,
        }
        if kind == "sequence":
            along = {
                "thresholds": np.arange(1, n),
                "cut_at": lambda place: self.cut(n_groups=max(n - int(place), 1)),
                "start": n - suggested.n_groups + 0.5,
            }
        return plotting.CutExplorer(
            self.linkage,
            kind=kind,
            distance_label=distance_label(self.metric),
            scaling=scaling,
            **along,
        )

    def compare(self, metric: Metric, by: By | None = None) -> NDArray[np.floating]:
        """Similarity of all components by any metric, without a new tree.

        Parameters
        ----------
        metric
            As in `from_patterns`.
        by
            ``"patterns"`` or ``"maps"``; by default what the tree compares.

        Returns
        -------
        numpy.ndarray
            ``(n, n)``; for ``"euclidean"`` 1 − distance.

        Raises
        ------
        ValueError
            If an argument is not among the allowed ones, or there are no maps.

        Examples
        --------
        >>> tree.compare("cosine").shape
        (4, 4)
        """
        by = self.by if by is None else by
        check_choice("by", by, get_args(By))
        check_choice("metric", metric, get_args(Metric))
        if (metric, by) == (self.metric, self.by):
            return self.similarity
        return pairwise(items_to_cluster(self._compared(by), by, metric, self.grid))[0]

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
        matrices = {_NAMES[name]: self.compare(name, by) for name in chosen}
        distances = [_NAMES["euclidean"]] if "euclidean" in chosen else []
        for name in distances:
            matrices[name] = 1.0 - matrices[name]
        return plotting.plot_similarity(matrices, distances=distances)

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
        return plotting.plot_scatter_tableau(self._compared(by), quantity=_QUANTITIES[by])

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
        detector = self.grid.detector
        state: dict[str, Any] = {
            "by": self.by,
            "metric": self.metric,
            "linkage": self.linkage,
            "merge_shifts": self._merge_shifts,
            "similarity": self.similarity,
            "shifts": self._shifts,
            "center": list(detector.center),
            "radii": self.grid.radii,
            "angles": self.grid.angles,
            "radial_step": self.grid.radial_step,
        }
        if self.maps is not None:
            state["maps"] = self.maps
        if self.evidence is not None:
            state |= {name: getattr(self.evidence, name) for name in _EVIDENCE}
            state["hosts"] = self.hosts
        return state

    @classmethod
    def _from_state(cls, patterns: BaseSignal, state: dict[str, Any]) -> Self:
        detector = detector_of(patterns, tuple(state["center"]))
        n = len(state["similarity"])
        return cls(
            patterns,
            state.get("maps"),
            by=state["by"],
            metric=state["metric"],
            grid=PolarGrid(detector, state["radii"], state["angles"], state["radial_step"]),
            # An array without elements may come back from a file in another shape.
            merges=Agglomeration(state["linkage"], np.reshape(state["merge_shifts"], (n - 1, -1))),
            similarity=state["similarity"],
            shifts=np.reshape(state["shifts"], (n, n, -1)),
            evidence=(
                SpotEvidence(**{name: np.asarray(state[name]) for name in _EVIDENCE})
                if all(name in state for name in _EVIDENCE)
                else None
            ),
            hosts=np.asarray(state["hosts"]) if "hosts" in state else None,
        )

    @classmethod
    def _cut_from_state(cls, patterns: BaseSignal, state: dict[str, Any]) -> Groups:
        """Give back groups, which are a tree and what was kept of it."""
        tree = cls._from_state(patterns, state["tree"])
        distance = float(state["distance"])
        kept = np.asarray(state["kept"], dtype=bool).ravel()
        return Groups(tree, kept, None if np.isnan(distance) else distance)


def _progress(show: bool | None, n: int) -> Progress:
    """Bar over the merges; a tree of a few components is made before one could be seen."""
    if n < _MANY or not is_shown(show):
        return iter

    def wrap(merges: Iterable[int]) -> Iterable[int]:
        return step_progress(merges, show, "Clustering", "merge")

    return wrap
