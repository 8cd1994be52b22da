"""Figures of a tree of components."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.similarity import pairwise
from hs_nmfcluster.results.group_figures import distance_label
from hs_nmfcluster.results.tree_inputs import By, Metric, items_to_cluster
from hs_nmfcluster.scan.arguments import check_choice

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hs_nmfcluster.plotting.explorer import CutExplorer
    from hs_nmfcluster.plotting.style import Scaling
    from hs_nmfcluster.plotting.tree_layout import Kind
    from hs_nmfcluster.results.groups import Groups
    from hs_nmfcluster.results.tree import ClusterTree

_METRICS: tuple[Metric, ...] = get_args(Metric)
_NAMES: dict[str, str] = {
    "cross_correlation": "Maximum cross-correlation",
    "correlation": "Correlation coefficient",
    "cosine": "Cosine similarity",
    "euclidean": "Euclidean distance",
}
_QUANTITIES = {"patterns": "intensity", "maps": "coefficient"}


class TreeFigures:
    """What `ClusterTree` compares and draws.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
    >>> patterns = signal.inav[:4, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:4, 0].__class__(truth.maps)
    >>> tree = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8))
    """

    patterns: "BaseSignal"
    maps: "BaseSignal | None"
    by: By
    metric: Metric
    grid: PolarGrid
    linkage: NDArray[np.float64]
    similarity: NDArray[np.floating]

    def cut(self, *, distance: float | None = None, n_groups: int | None = None) -> "Groups":
        """See `ClusterTree.cut`."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        from hs_nmfcluster.report.cards import tree_card

        return tree_card(cast("ClusterTree", self))

    def plot_dendrogram(
        self,
        kind: "Kind" = "distance",
        *,
        distance: float | None = None,
        n_groups: int | None = None,
        insets: bool = True,
        scaling: "Scaling" = "weak",
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
        self, kind: "Kind" = "distance", *, scaling: "Scaling" = "weak"
    ) -> "CutExplorer[Groups]":
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
        from hs_nmfcluster.plotting.explorer import CutExplorer

        n, suggested = len(self.linkage) + 1, cuts.suggest(self.linkage)
        along: dict[str, Any] = {
            "thresholds": cuts.effective_distances(self.linkage),
            "cut_at": lambda place: self.cut(distance=place),
            "start": suggested.distance,
        }
        if kind == "sequence":
            along = {
                "thresholds": np.arange(1, n),
                "cut_at": lambda place: self.cut(n_groups=max(n - int(place), 1)),
                "start": n - suggested.n_groups + 0.5,
            }
        return CutExplorer(
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
        from hs_nmfcluster.plotting import plot_similarity

        chosen = [metric] if isinstance(metric, str) else list(metric)
        matrices = {_NAMES[name]: self.compare(name, by) for name in chosen}
        distances = [_NAMES["euclidean"]] if "euclidean" in chosen else []
        for name in distances:
            matrices[name] = 1.0 - matrices[name]
        return plot_similarity(matrices, distances=distances)

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
        from hs_nmfcluster.bridge.axes import pixel_size
        from hs_nmfcluster.plotting import plot_polar

        pattern = self.patterns.data[component]
        return plot_polar(
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
        from hs_nmfcluster.plotting import plot_scatter_tableau

        by = self.by if by is None else by
        check_choice("by", by, get_args(By))
        return plot_scatter_tableau(self._compared(by), quantity=_QUANTITIES[by])
