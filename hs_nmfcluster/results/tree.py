"""The result of hierarchical clustering."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import detector_of, polar_stack
from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.agglomeration import Agglomeration, Progress, agglomerate
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.similarity import pairwise
from hs_nmfcluster.io import storage
from hs_nmfcluster.results.groups import Groups
from hs_nmfcluster.results.tree_figures import TreeFigures
from hs_nmfcluster.results.tree_inputs import (
    By,
    Metric,
    center_of,
    checked_maps,
    checked_patterns,
    items_to_cluster,
)
from hs_nmfcluster.scan.arguments import check_choice, check_positive, check_whole_number
from hs_nmfcluster.words import counted

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hs_nmfcluster.results.factorization import Factorization

# Components from which on clustering takes seconds.
_MANY = 300


class ClusterTree(TreeFigures):
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
    """

    def __init__(
        self,
        patterns: "BaseSignal",
        maps: "BaseSignal | None",
        *,
        by: By,
        metric: Metric,
        grid: PolarGrid,
        merges: Agglomeration,
        similarity: NDArray[np.floating],
        shifts: NDArray[np.floating],
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
        self.factorization: Factorization | None = None

    @classmethod
    def from_patterns(
        cls,
        patterns: "BaseSignal",
        maps: "BaseSignal | None" = None,
        *,
        by: By = "patterns",
        metric: Metric = "cross_correlation",
        n_radial: int | None = None,
        n_azimuthal: int = 360,
        radial_range: tuple[float, float] | None = None,
        center: Sequence[float] | None = None,
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
        items = items_to_cluster(compared.data, by, metric, grid)
        similarity, shifts = pairwise(items)
        merges = agglomerate(items, similarity, _progress(show_progressbar, len(similarity)))
        return cls(
            patterns,
            maps,
            by=by,
            metric=metric,
            grid=grid,
            merges=merges,
            similarity=similarity,
            shifts=shifts,
        )

    def __len__(self) -> int:
        """Return the number of components."""
        return len(self.similarity)

    def __repr__(self) -> str:
        suggested = self.suggest_cut()
        return (
            f"<ClusterTree of {len(self)} {self.by} by {self.metric}: distances "
            f"{self.linkage[:, 2].min():.3f} … {self.linkage[:, 2].max():.3f}, suggested cut at "
            f"{suggested.distance:.3f} into {counted(suggested.n_groups, 'group')}>"
        )

    @property
    def polar_patterns(self) -> "BaseSignal":
        """The patterns in the bins of r and phi, ``(component | phi, r)`` (Fig. 6c)."""
        data = self.grid.transform(self.patterns.data)
        return polar_stack(self.patterns, data, self.grid)

    @property
    def rotations(self) -> NDArray[np.floating] | None:
        """Pairwise rotations, ``(n, n)`` degrees: pattern j is i rotated by ``rotations[i, j]``.

        None unless patterns were compared by cross-correlation.
        """
        return -self._shifts[..., 0] if self._rotated else None

    @property
    def merge_rotations(self) -> NDArray[np.float64] | None:
        """Rotation of each merge, ``(n - 1,)`` degrees.

        By so much the second cluster of a row of `linkage` was rotated to lie on the first. None
        unless patterns were compared by cross-correlation.
        """
        return self._merge_shifts[:, 0] if self._rotated else None

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
        (2, 3)
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
        3
        """
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
        storage.save(path, self.patterns, "ClusterTree", state, overwrite)

    @classmethod
    def _from_state(cls, patterns: "BaseSignal", state: dict[str, Any]) -> Self:
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
        )


def _progress(show: bool | None, n: int) -> Progress:
    """Bar over the merges; a tree of a few components is made before one could be seen."""
    from hyperspy.defaults_parser import preferences

    if n < _MANY or not (preferences.General.show_progressbar if show is None else show):
        return iter
    from hyperspy.external.progressbar import progressbar

    def wrap(merges: Iterable[int]) -> Iterable[int]:
        return progressbar(merges, desc="Clustering", unit="merge")

    return wrap
