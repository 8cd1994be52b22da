"""Figures and the report of groups of components."""

import os
from typing import TYPE_CHECKING, Any, cast

from hs_nmfcluster.bridge.axes import pixel_size
from hs_nmfcluster.clustering import cuts

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hs_nmfcluster.plotting.style import Scaling
    from hs_nmfcluster.plotting.tree_layout import Kind
    from hs_nmfcluster.results.factorization import Factorization
    from hs_nmfcluster.results.groups import Groups
    from hs_nmfcluster.results.rank_study import RankStudy
    from hs_nmfcluster.results.sizes import ParticleSizes
    from hs_nmfcluster.results.spacings import LatticeSpacings

_DISTANCES = {
    "cross_correlation": "Pseudo-distance (1 − cross-correlation)",
    "correlation": "Pseudo-distance (1 − correlation coefficient)",
    "cosine": "Pseudo-distance (1 − cosine similarity)",
    "euclidean": "Euclidean distance",
}


class GroupFigures:
    """What `Groups` draws; in all figures a group has one colour.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
    >>> patterns = signal.inav[:4, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:4, 0].__class__(truth.maps)
    >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
    """

    @property
    def _as_groups(self) -> "Groups":
        return cast("Groups", self)

    def _repr_html_(self) -> str:
        from hs_nmfcluster.report.cards import groups_card

        return groups_card(self._as_groups)

    def plot(self, scaling: "Scaling" = "weak") -> "Figure":
        """Draw each group in a row: pattern, summed map, shift-corrected map, members.

        Parameters
        ----------
        scaling
            ``"weak"`` enhances low intensities, ``"linear"`` does not.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = groups.plot(scaling="linear")
        """
        from hs_nmfcluster.plotting import plot_groups

        members = [group.tolist() for group in self._as_groups]
        return plot_groups(**self.images(), members=members, scaling=scaling)

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
        from hs_nmfcluster.plotting import plot_group_map

        maps = self._as_groups.maps
        if maps is None:
            raise ValueError("A map of the groups needs maps, which these groups have not.")
        return plot_group_map(maps.data, map_pixel=pixel_size(maps.axes_manager.signal_axes))

    def plot_components(self, scaling: "Scaling" = "weak") -> "Figure":
        """Draw all components, framed in the colours of their groups (the paper's Fig. 5).

        Parameters
        ----------
        scaling
            ``"weak"`` enhances low intensities, ``"linear"`` does not.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = groups.plot_components()
        """
        from hs_nmfcluster.plotting import plot_components

        tree = self._as_groups.tree
        maps: dict[str, Any] = {}
        if tree.maps is not None:
            maps["maps"] = tree.maps.data
            maps["map_pixel"] = pixel_size(tree.maps.axes_manager.signal_axes)
        return plot_components(
            tree.patterns.data,
            **maps,
            pattern_pixel=pixel_size(tree.patterns.axes_manager.signal_axes),
            scaling=scaling,
            groups=self._as_groups.labels.tolist(),
        )

    def plot_dendrogram(
        self,
        kind: "Kind" = "distance",
        *,
        insets: bool = True,
        scaling: "Scaling" = "weak",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Draw the tree and this cut through it, inversions as they are (the paper's Fig. 7).

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
        from hs_nmfcluster.plotting import plot_dendrogram

        groups = self._as_groups
        images = self.images() if insets and ax is None else {}
        return plot_dendrogram(
            groups.tree.linkage,
            kind=kind,
            groups=groups.labels.tolist(),
            cut=cuts.position(groups.tree.linkage, groups.kept, groups.distance, kind),
            distance_label=distance_label(groups.tree.metric),
            scaling=scaling,
            ax=ax,
            **images,
        )

    def images(self) -> dict[str, Any]:
        """Return what figures of the groups show, as arrays, with their pixel sizes.

        Returns
        -------
        dict
            Arguments of `plot_groups`.

        Examples
        --------
        >>> sorted(groups.images())
        ['aligned_maps', 'map_pixel', 'maps', 'pattern_pixel', 'patterns']
        """
        groups = self._as_groups
        maps = groups.tree.maps
        images = {
            "patterns": groups.patterns.data,
            "pattern_pixel": pixel_size(groups.tree.patterns.axes_manager.signal_axes),
        }
        if maps is not None and groups.maps is not None and groups.aligned_maps is not None:
            images["maps"] = groups.maps.data
            images["aligned_maps"] = groups.aligned_maps.data
            images["map_pixel"] = pixel_size(maps.axes_manager.signal_axes)
        return images

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        signal: "BaseSignal | None" = None,
        factorization: "Factorization | None" = None,
        study: "RankStudy | None" = None,
        spacings: "LatticeSpacings | None" = None,
        sizes: "ParticleSizes | None" = None,
        candidates: object = None,
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
        from hs_nmfcluster.report import Findings, check_path, write_report

        if not check_path(path, overwrite):
            return
        findings = Findings.of_groups(
            self._as_groups,
            signal=signal,
            factorization=factorization,
            study=study,
            spacings=spacings,
            sizes=sizes,
            candidates=candidates,
            show_progressbar=show_progressbar,
        )
        write_report(path, findings)


def distance_label(metric: str) -> str:
    """Label of the axis of a tree's distances."""
    return _DISTANCES[metric]
