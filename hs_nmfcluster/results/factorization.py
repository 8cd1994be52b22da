"""What a factorization found: patterns, maps and how far to trust them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge import axes
from hs_nmfcluster.clustering.alignable import Metric
from hs_nmfcluster.clustering.similarity import By
from hs_nmfcluster.engine.cutting import Placement
from hs_nmfcluster.factorization.decomposition import Decomposition, DecompositionInTiles
from hs_nmfcluster.factorization.fit import Fit
from hs_nmfcluster.factorization.stability import pattern_stability
from hs_nmfcluster.io import storage
from hs_nmfcluster.io.emd import save_emd
from hs_nmfcluster.report.cards import factorization_card
from hs_nmfcluster.results.diagnosis import Diagnosis, diagnose
from hs_nmfcluster.results.neighbourhoods import components_of
from hs_nmfcluster.results.residual import Residual, measure_residual
from hs_nmfcluster.results.tree import ClusterTree
from hs_nmfcluster.scan import local_maps
from hs_nmfcluster.scan.corrections import Corrections
from hs_nmfcluster.scan.local_maps import LocalMaps, lazy_model
from hs_nmfcluster.scan.mending import mend
from hs_nmfcluster.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CORRECTIONS = tuple(one.name for one in fields(Corrections))
_ARRAYS = ("restart_mse", "stability", "detector_mask", "position_mse")
_NUMBERS = ("mse", "pca_mse", "best_restart", "passes")
# Rows of the reconstruction that one chunk of it holds, about 64 MB of float64.
_MODEL_CHUNK = 8 * 2**20


@dataclass(eq=False, repr=False)
class Factorization:
    """Result of :meth:`~hs_nmfcluster.NMFDiffraction2D.decompose_als_nmf`.

    Parameters
    ----------
    patterns
        `NMFDiffraction2D` of the components' patterns S, ``(k | x, y)``, each of unit l2 norm,
        the component with the largest map first. Masked pixels are NaN; the axes are zero at
        the beam's centre.
    maps
        Signal2D (Signal1D for a one-dimensional scan) of the maps C, ``(k | scan)``, in the
        data's intensity unit. Masked positions are NaN. Lazy where they are so large that a
        cluster keeps them, or that neighbourhoods' maps would take more than 64 MB on the whole
        scan: ``maps.compute()`` fetches them.
    mse
        Mean square error ``‖X − C S‖² / (n_xy n_uv)`` over the positions and pixels kept.
    pca_mse
        MSE of an (uncentred) PCA of as many components, below which no factorization can come;
        NaN with ``compression=None``.
    restart_mse
        Smallest MSE of every restart.
    history
        MSE after every iteration on the data, one array a restart. With compression only the
        best restarts are polished; the others have the one value that they reached without.
    stability
        For each component, the mean correlation of its pattern with its counterpart in the
        other restarts: 1 = found again by all of them. NaN with a single restart. Of this search
        alone: with compression all starts share the leading singular vectors and most stop early,
        so that it cannot be compared with that among independent starts.
    detector_mask
        ``(n_v, n_u)``, True = left out.
    position_mse
        MSE of every position, ``scan_shape``; NaN where masked. High where the components
        leave something unexplained.
    center
        Beam centre ``(x, y)`` in pixels.
    best_restart
        Which restart this is.
    passes
        Passes over the data that it took.
    settings
        Every argument, what was derived from it, and versions.
    corrections
        What was put right about the scan while it was read; None: nothing.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((16, 16), (32, 32), pixel_size=0.6, n_particles=2)
    >>> nmf = s.decompose_als_nmf(3, restarts=3, random_state=0, print_info=False,
    ...                           show_progressbar=False)
    >>> nmf.patterns
    <NMFDiffraction2D, title: NMF patterns of Simulated linear mixture, dimensions: (3|32, 32)>
    >>> bool((nmf.stability > 0.9).all())
    True
    """

    patterns: BaseSignal
    maps: BaseSignal
    mse: float
    pca_mse: float
    restart_mse: NDArray[np.float64]
    history: list[NDArray[np.float64]]
    stability: NDArray[np.float64]
    detector_mask: NDArray[np.bool_]
    position_mse: NDArray[np.float64]
    center: tuple[float, float]
    best_restart: int
    passes: int
    settings: dict[str, Any]
    corrections: Corrections | None = None

    @classmethod
    def _of(cls, scan: BaseSignal, found: Decomposition) -> "Factorization":
        """Put the rows and columns that masks left out back in place."""
        result, prepared = found.fit, found.prepared
        detector_mask, center = prepared.mask.array, prepared.center
        scan_shape, k = axes.scan_shape(scan), len(result.patterns)
        patterns = np.full((k, detector_mask.size), np.nan)
        patterns[:, ~detector_mask.ravel()] = result.patterns
        maps, residual = _in_place(result, prepared.matrix.positions, scan_shape)
        n_pixels = result.patterns.shape[1]
        title = scan.metadata.General.title or "scan"
        stack = patterns.reshape(k, *detector_mask.shape)
        others = np.delete(result.restart_patterns, result.best, axis=0)
        return cls(
            patterns=axes.pattern_stack(
                scan, stack, center, f"NMF patterns of {title}", prepared.detector.distortion
            ),
            maps=axes.map_stack(scan, maps, f"NMF maps of {title}"),
            mse=result.mse,
            pca_mse=result.pca_mse,
            restart_mse=result.restart_mse,
            history=[np.array(mse) for mse in result.history],
            stability=pattern_stability(result.patterns, others),
            detector_mask=detector_mask,
            position_mse=residual / n_pixels,
            center=center,
            best_restart=result.best,
            passes=result.passes,
            settings=found.settings,
            corrections=prepared.corrected.corrections or None,
        )

    @classmethod
    def _of_tiles(cls, scan: BaseSignal, found: DecompositionInTiles) -> "Factorization":
        """Put components together from what the neighbourhoods found."""
        mosaic, prepared = found.mosaic, found.prepared
        detector_mask, center = prepared.mask.array, prepared.center
        components, matrix, residual = components_of(mosaic, ~detector_mask, prepared.detector)
        k, title = len(components.patterns), scan.metadata.General.title or "scan"
        patterns = components.patterns.reshape(k, *detector_mask.shape)
        large = components.maps.n_bytes > local_maps.DENSE_BYTES
        maps = components.maps.lazy() if large else components.maps.dense()
        position_mse = residual.reshape(components.maps.left_out.shape) / prepared.matrix.n_pixels
        position_mse[components.maps.left_out] = np.nan
        mse = float(np.nanmean(position_mse))
        return cls(
            patterns=axes.pattern_stack(
                scan, patterns, center, f"NMF patterns of {title}", prepared.detector.distortion
            ),
            maps=axes.map_stack(scan, maps, f"NMF maps of {title}"),
            mse=mse,
            pca_mse=np.nan,
            restart_mse=np.array([mse]),
            history=[np.array([mse])],
            stability=components.stability,
            detector_mask=detector_mask,
            position_mse=position_mse,
            center=center,
            best_restart=0,
            passes=mosaic.passes,
            settings=found.settings | {"matrix_components": np.flatnonzero(matrix).tolist()},
            corrections=prepared.corrected.corrections or None,
        )

    @property
    def n_components(self) -> int:
        """Number of components k."""
        return len(self.patterns.data)

    def __repr__(self) -> str:
        scan = " × ".join(str(n) for n in self.maps.data.shape[:0:-1])
        n_v, n_u = self.detector_mask.shape
        n_restarts = len(self.restart_mse)
        restarts = "1 restart" if n_restarts == 1 else f"best of {n_restarts} restarts"
        components = counted(self.n_components, "component")
        return (
            f"<Factorization: {components} of a {scan} scan, {n_u} × {n_v} pixels; "
            f"MSE {self.mse:.6g}, {restarts}, {self.passes} data passes>"
        )

    def _repr_html_(self) -> str:
        return factorization_card(self)

    def model(self, components: int | Sequence[int] | None = None) -> BaseSignal:
        """Lazy reconstruction of the scan, C S.

        Parameters
        ----------
        components
            Indices of the components to add up; None takes all.

        Returns
        -------
        LazyNMFDiffraction2D
            As large as the scan, float64; NaN where masked. Nothing is computed before it is
            used.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> s = hs_nmfcluster.NMFDiffraction2D(np.random.default_rng(0).random((4, 5, 8, 8)))
        >>> nmf = s.decompose_als_nmf(2, restarts=1, print_info=False, show_progressbar=False)
        >>> nmf.model()
        <LazyNMFDiffraction2D, title: NMF model, dimensions: (5, 4|8, 8)>
        """
        chosen = np.atleast_1d(np.arange(self.n_components) if components is None else components)
        patterns, maps = self.patterns.data[chosen], self.maps.data[chosen]
        k, shape = len(chosen), maps.shape[1:] + patterns.shape[1:]
        rows = max(1, _MODEL_CHUNK // patterns[0].size)
        if isinstance(maps, da.Array):
            data = lazy_model(LocalMaps.of(maps), patterns, rows)
        else:
            C = da.asarray(maps.reshape(k, -1).T).rechunk((rows, k))
            S = da.from_array(patterns.reshape(k, -1), chunks=-1)
            data = (C @ S).reshape(shape)
        scan_axes = [a | {"navigate": True} for a in self._scan_axes()]
        all_axes = [*scan_axes, *axes.signal_axes(self.patterns)]
        return axes.diffraction_signal(data, all_axes, "NMF model")

    def _scan_axes(self) -> list[axes.AxisDict]:
        manager = self.maps.axes_manager
        return [axes.axis_dict(a, navigate=True) for a in manager._axes[1:]]

    def plot(self, scaling: Literal["weak", "linear"] = "weak") -> "Figure":
        """Draw all pairs of pattern and map (the paper's Fig. 5).

        Parameters
        ----------
        scaling
            ``"weak"`` enhances low intensities, ``"linear"`` is the paper's Fig. S9.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = nmf.plot(scaling="linear")
        """
        return plotting.plot_components(
            self.patterns.data,
            self.maps.data,
            pattern_pixel=axes.pixel_size(self.patterns.axes_manager.signal_axes),
            map_pixel=axes.pixel_size(self.maps.axes_manager.signal_axes),
            scaling=scaling,
        )

    def plot_convergence(self) -> "Figure":
        """Draw the MSE of every restart against the iteration.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = nmf.plot_convergence()
        """
        return plotting.plot_convergence(self.history, best=self.best_restart)

    def hierarchical_cluster(
        self,
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
    ) -> ClusterTree:
        """Order the components by likeness; the scan itself is not needed.

        Parameters
        ----------
        by, metric, n_radial, n_azimuthal, radial_range
            As in :meth:`~hs_nmfcluster.NMFDiffraction2D.hierarchical_cluster`.
        center
            Beam centre ``(x, y)`` in pixels; by default that of the decomposition.
        crystals_first, mirror, n_neighbors, max_memory, show_progressbar
            As there.

        Returns
        -------
        ClusterTree

        Raises
        ------
        TypeError, ValueError
            For fewer than two components; for an argument that is out of range or of the wrong
            type; for a tree that takes more than `max_memory`.

        Examples
        --------
        >>> len(nmf.hierarchical_cluster(show_progressbar=False))
        3
        """
        tree = ClusterTree.from_patterns(
            self.patterns,
            self.maps,
            by=by,
            metric=metric,
            n_radial=n_radial,
            n_azimuthal=n_azimuthal,
            radial_range=radial_range,
            center=self.center if center is None else center,
            crystals_first=crystals_first,
            mirror=mirror,
            n_neighbors=n_neighbors,
            max_memory=max_memory,
            show_progressbar=show_progressbar,
        )
        tree.factorization = self
        return tree

    def residual(self, signal: BaseSignal, *, show_progressbar: bool | None = None) -> Residual:
        """See what the components leave of the scan, so that a missed phase shows.

        One pass over the data. Without the data, `position_mse` tells where, but not which
        pattern is left.

        Parameters
        ----------
        signal
            The scan that was factorized, lazy or not.
        show_progressbar
            None takes HyperSpy's preference.

        Returns
        -------
        Residual
            Mean residual over all and over the worst described positions; excess over the noise of
            every pixel and position.

        Raises
        ------
        ValueError
            If it is not the scan that was factorized.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> s = hs_nmfcluster.NMFDiffraction2D(np.random.default_rng(0).random((4, 5, 8, 8)))
        >>> nmf = s.decompose_als_nmf(2, restarts=1, print_info=False, show_progressbar=False)
        >>> bool(np.isclose(nmf.residual(s, show_progressbar=False).mse, nmf.mse))
        True
        """
        return measure_residual(
            signal,
            self.patterns,
            self.maps,
            self.position_mse,
            self.detector_mask,
            (self.mse, self.settings.get("mean_square")),
            self._placement(),
            show_progressbar,
        )

    def _placement(self) -> Placement | None:
        """Where the values of the corrected patterns come from."""
        if self.corrections is None:
            return None
        shape = self.detector_mask.shape
        left_out = np.isnan(self.position_mse)
        return mend(self.corrections, left_out, left_out.shape, shape, self.center).placement

    def diagnose(
        self, limit: float | None = None, *, spot_radius: float | None = None
    ) -> Diagnosis:
        """Say what is unnatural: holes in the patterns, and what no probe resolves in the maps.

        Parameters
        ----------
        limit
            Smallest resolvable distance in the unit of the scan axes, as of
            :class:`~hs_nmfcluster.MapResolution`; None leaves the maps out.
        spot_radius
            Radius of a spot in the unit of the detector's axes; None takes the direct beam's, as
            :class:`~hs_nmfcluster.SmoothPatterns` does.

        Returns
        -------
        Diagnosis

        Raises
        ------
        TypeError, ValueError
            If an argument is not a number above zero or has no effect on this scan, or neither
            is known.

        Examples
        --------
        >>> nmf.diagnose(limit=5.0).unresolved.shape
        (3,)
        """
        if spot_radius is None:
            spot_radius = self.settings.get("spot_radius") or None
        return diagnose(
            self.patterns,
            self.maps,
            self.detector_mask,
            self.center,
            limit=limit,
            spot_radius=spot_radius,
        )

    def save(self, path: str | os.PathLike[str], overwrite: bool | None = None) -> None:
        """Write everything into one file, which :func:`hs_nmfcluster.load` gives back.

        Parameters
        ----------
        path
            ``.hspy`` or ``.zspy``. HyperSpy alone opens the file too, as the patterns.
        overwrite
            As in HyperSpy: None asks if the file exists.

        Raises
        ------
        ValueError, FileNotFoundError
            Another suffix; no such folder.

        Examples
        --------
        >>> import hs_nmfcluster, tempfile
        >>> path = tempfile.mkdtemp() + "/nmf.hspy"
        >>> nmf.save(path)
        >>> hs_nmfcluster.load(path).n_components
        3
        """
        state = {name: getattr(self, name) for name in (*_ARRAYS, *_NUMBERS, "settings")}
        state |= {"maps": self.maps, "center": list(self.center)}
        state["history"] = {f"restart_{i}": mse for i, mse in enumerate(self.history)}
        if self.corrections is not None:
            made = ((name, getattr(self.corrections, name)) for name in _CORRECTIONS)
            state["corrections"] = {name: array for name, array in made if array is not None}
        storage.save(path, self.patterns, "Factorization", state, overwrite)

    def save_emd(self, path: str | os.PathLike[str]) -> None:
        """Write patterns and maps as EMD 1.0, to go on with them in py4DSTEM.

        Parameters
        ----------
        path
            File, for instance ``nmf.emd`` or ``nmf.h5``, replaced if there is one.

        Examples
        --------
        >>> import tempfile
        >>> nmf.save_emd(tempfile.mkdtemp() + "/nmf.emd")
        """
        save_emd(Path(path), {"patterns": self.patterns, "maps": self.maps})

    @classmethod
    def _from_state(cls, patterns: BaseSignal, state: dict[str, Any]) -> "Factorization":
        state = dict(state)
        history = state.pop("history")
        state["history"] = [np.asarray(history[f"restart_{i}"]) for i in range(len(history))]
        state["center"] = tuple(float(c) for c in state["center"])
        state["mse"], state["pca_mse"] = float(state["mse"]), float(state["pca_mse"])
        state["best_restart"], state["passes"] = int(state["best_restart"]), int(state["passes"])
        for name in _ARRAYS:
            state[name] = np.asarray(state[name])
        if state.get("corrections"):
            state["corrections"] = Corrections(
                **{name: np.asarray(array) for name, array in state["corrections"].items()}
            )
        return cls(patterns=patterns, **state)


def _in_place(
    result: Fit, positions: NDArray[np.int64], scan_shape: tuple[int, ...]
) -> tuple[Any, Any]:
    """Put maps ``(k, *scan_shape)`` and residual ``scan_shape`` in place; NaN where masked."""
    if isinstance(result.maps, da.Array):
        return da.moveaxis(result.maps, -1, 0), result.residual
    k = result.maps.shape[1]
    rows = np.full((k + 1, int(np.prod(scan_shape))), np.nan)
    rows[:k, positions], rows[k, positions] = result.maps.T, result.residual
    rows = rows.reshape(k + 1, *scan_shape)
    return rows[:-1], rows[-1]
