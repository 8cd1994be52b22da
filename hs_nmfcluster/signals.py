"""The signal classes that HyperSpy hands out for ``signal_type="nmf_diffraction"``.

Thin methods: they turn signals into arrays and geometry, call the functions below, and turn
arrays into signals again.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from hyperspy.signals import LazySignal2D, Signal2D

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge import axes, learning_results
from hs_nmfcluster.bridge.checks import check_patterns, check_scan
from hs_nmfcluster.bridge.corrections import Asked, corrected
from hs_nmfcluster.bridge.masks import Mask, SignalMask, select
from hs_nmfcluster.bridge.progress import pass_progress
from hs_nmfcluster.bridge.running import Conduct, running
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.mapping import map_patterns, placed
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.random_numbers import draw_seed
from hs_nmfcluster.factorization import decomposition
from hs_nmfcluster.factorization.arguments import check_arguments, check_study_arguments
from hs_nmfcluster.factorization.constraints import Constraint
from hs_nmfcluster.materials.calibration import Known, known_spacings
from hs_nmfcluster.results.calibration import Calibration, calibrated
from hs_nmfcluster.results.confirmation import Confirmation, Split, confirm
from hs_nmfcluster.results.detection_limit import DetectionLimit
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.groups import Groups
from hs_nmfcluster.results.rank_study import RankStudy
from hs_nmfcluster.results.repeating import check_same_scan
from hs_nmfcluster.results.scan_condition import ScanCondition
from hs_nmfcluster.results.seeds import AskedParticles, checked_numbers, checked_pattern
from hs_nmfcluster.results.sowing import find_limit
from hs_nmfcluster.results.tree import ClusterTree
from hs_nmfcluster.scan import arguments as checks
from hs_nmfcluster.scan import masks
from hs_nmfcluster.scan.beam import estimate_beam_center
from hs_nmfcluster.scan.condition.inspection import inspect
from hs_nmfcluster.scan.condition.pixels import find_pixels
from hs_nmfcluster.scan.survey import Survey, sum_rows, survey_matrix

_logger = logging.getLogger(__name__)

Metric = Literal["cross_correlation", "correlation", "cosine", "euclidean"]


class NMFDiffraction2D(Signal2D):
    """Diffraction patterns of a scan (4D-STEM), for unsupervised analysis.

    Made by HyperSpy: ``hs.load(..., signal_type="nmf_diffraction")`` or
    ``s.set_signal_type("nmf_diffraction")``.

    Examples
    --------
    >>> import hs_nmfcluster, numpy as np
    >>> hs_nmfcluster.NMFDiffraction2D(np.zeros((3, 4, 8, 8), dtype="uint16"))
    <NMFDiffraction2D, title: , dimensions: (4, 3|8, 8)>
    """

    _signal_type = "nmf_diffraction"
    _factorization: Factorization | None = None

    def get_mean_pattern(
        self, *, corrections: Asked = None, show_progressbar: bool | None = None
    ) -> "NMFDiffraction2D":
        """Mean over all positions (the paper's Fig. 3b), in one pass over the data.

        Parameters
        ----------
        corrections
            As in :meth:`decompose_als_nmf`, but None by default: a mean is looked at to see what
            the data are. Then missing pixels are NaN, and it takes a second pass.
        show_progressbar
            Of lazy data; None takes HyperSpy's preference.

        Returns
        -------
        NMFDiffraction2D
            ``(|x, y)``, float64, in memory. NaN and infinite values are not counted.

        Raises
        ------
        TypeError, ValueError
            If this is not a scan of real patterns.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> s = hs_nmfcluster.NMFDiffraction2D(np.arange(6).reshape(3, 1, 2))
        >>> s.get_mean_pattern().data
        array([[2., 3.]])
        """
        check_scan(self)
        title = f"Mean pattern of {self.metadata.General.title}"
        return NMFDiffraction2D(
            self._mean_pattern(show_progressbar, corrections),
            axes=axes.signal_axes(self),
            metadata={"General": {"title": title}},
        )

    def estimate_beam_center(self, *, show_progressbar: bool | None = None) -> tuple[float, float]:
        """Sub-pixel position of the direct beam, from the mean pattern without bad pixels.

        Parameters
        ----------
        show_progressbar
            Of lazy data; None takes HyperSpy's preference.

        Returns
        -------
        tuple of float
            ``(x, y)`` in pixels; the middle of the detector where there is no beam to be seen.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> y, x = np.mgrid[:32, :32]
        >>> beam = np.exp(-((x - 14.2) ** 2 + (y - 17.6) ** 2) / 4)
        >>> s = hs_nmfcluster.NMFDiffraction2D(np.stack([beam, beam]))
        >>> [round(c, 3) for c in s.estimate_beam_center()]
        [14.2, 17.6]
        """
        check_patterns(self)
        look = self._survey(show_progressbar, "Mean pattern")
        return estimate_beam_center(look.mean, find_pixels(look).hidden)

    def inspect_scan(self, *, show_progressbar: bool | None = None) -> ScanCondition:
        """Find what is wrong with this scan, in one pass over the data.

        Dead, hot and noisy pixels, gaps between chips and their edges, a beam stop, rows that hold
        no electrons, saturation; blank, repeated and flyback patterns; a beam that moves; an
        ellipse where circles should be; pixels that respond differently. What is found stands
        above the noise of the data themselves, so that a good scan gives nothing.

        Parameters
        ----------
        show_progressbar
            Of lazy data; None takes HyperSpy's preference.

        Returns
        -------
        ScanCondition

        Raises
        ------
        TypeError, ValueError
            If this is not a scan of real patterns.

        Examples
        --------
        >>> from hs_nmfcluster.simulation import Instrument, linear_mixture
        >>> s, truth = linear_mixture((24, 24), (64, 64), n_particles=3, pixel_size=0.3,
        ...     instrument=Instrument(hot_pixels=5))
        >>> int(s.inspect_scan().corrections.bad_pixels.sum())
        5
        """
        check_scan(self)
        detector = axes.detector_of(self, (0.0, 0.0))
        condition = inspect(self._survey(show_progressbar, "Inspection"), detector.scale)
        return ScanCondition(
            condition,
            axes.pixel_size(self.axes_manager.signal_axes),
            axes.pixel_size(self.axes_manager.navigation_axes),
        )

    def calibrate(
        self,
        *line: Any,
        ring: Known | None = None,
        center: Sequence[float] | None = None,
        corrections: Asked = "auto",
        show_progressbar: bool | None = None,
        **of_line: Any,
    ) -> Calibration | None:
        """Calibrate the detector by rings of known spacing in the mean pattern.

        The signal axes get their scale in 1/nm and their zero at the beam, and the elliptical
        distortion is noted in the metadata, from where all that follows takes it.

        Without `ring` this is HyperSpy's calibration by a line of known length.

        Parameters
        ----------
        *line, **of_line
            As of HyperSpy's ``Signal2D.calibrate``, where there is no `ring`.
        ring
            Spacing in nm of a ring or of the halo, several of them, or a phase: a
            :class:`~hs_nmfcluster.materials.Cell`, a CIF file, or ``{name: one of these}``. Of
            several rings the one is taken for a single spacing that lies nearest to where
            calibrated axes put it, within 30 %, or that stands out most.
        center
            As in :meth:`get_detector_mask`.
        corrections
            As in :meth:`decompose_als_nmf`. A distortion that they give is taken instead of that
            of the rings.
        show_progressbar
            Of lazy data; None takes HyperSpy's preference.

        Returns
        -------
        Calibration or None
            With the uncertainties; None of a line.

        Raises
        ------
        TypeError, ValueError
            If `ring` is nothing that rings are known of; if no ring is found that fits.

        Examples
        --------
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> s, truth = linear_mixture((8, 8), (96, 96), n_particles=0, pixel_size=0.2)
        >>> calibration = s.calibrate(ring=0.24, show_progressbar=False)
        >>> s.axes_manager.signal_axes[0].units
        '1/nm'
        """
        if ring is None:
            super().calibrate(*line, **of_line)
            return None
        if line or of_line:
            given = ", ".join([*map(repr, line), *of_line])
            raise TypeError(f"`calibrate` by a `ring` takes nothing of a line, got {given}.")
        check_scan(self)
        d = known_spacings(ring)
        with self._job("Mean pattern", show_progressbar) as job:
            right = corrected(self, corrections, center, job)
        found = calibrated(right, d)
        for axis, scale, middle in zip(
            self.axes_manager.signal_axes, found.scale, found.center, strict=True
        ):
            axis.scale, axis.units, axis.offset = scale, "1/nm", -middle * scale
        axes.set_distortion(self, found.distortion)
        return found

    def get_detector_mask(
        self, inner: float, outer: float, center: Sequence[float] | None = None
    ) -> BaseSignal:
        """Detector mask that keeps a ring, for use as ``signal_mask``.

        Parameters
        ----------
        inner, outer
            Radii in the unit of the signal axes (pixels where these are not calibrated);
            pixels with ``inner ≤ r ≤ outer`` are kept.
        center
            Beam centre ``(x, y)`` in pixels. By default where both axes are zero, if that lies
            inside the detector, else estimated.

        Returns
        -------
        Signal2D
            Bool, **True = left out**, as in HyperSpy.

        Raises
        ------
        TypeError, ValueError
            If the radii are not numbers with ``0 ≤ inner < outer``, or the centre is off the
            detector.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> s = hs_nmfcluster.NMFDiffraction2D(np.ones((2, 5, 5)))
        >>> (~s.get_detector_mask(1, 2, center=(2, 2)).data).sum()
        np.int64(12)
        """
        left_out = ~self._ring(inner, outer, center)
        title = f"Detector mask, {inner:g} to {outer:g} kept"
        return Signal2D(
            left_out, axes=axes.signal_axes(self), metadata={"General": {"title": title}}
        )

    def get_virtual_image(
        self,
        inner: float,
        outer: float,
        center: Sequence[float] | None = None,
        *,
        corrections: Asked = None,
        show_progressbar: bool | None = None,
    ) -> BaseSignal:
        """Intensity in a ring at every position: a virtual bright or dark field (Fig. 3a).

        Parameters
        ----------
        inner, outer, center
            As in :meth:`get_detector_mask`.
        corrections
            As in :meth:`decompose_als_nmf`, but None by default. The ring then moves with the beam,
            and missing pixels count nothing.
        show_progressbar
            Of lazy data; None takes HyperSpy's preference.

        Returns
        -------
        Signal2D
            ``(|x, y)`` of the scan, float64, in memory; Signal1D for a one-dimensional scan.

        Raises
        ------
        TypeError, ValueError
            As :meth:`get_detector_mask`; if this is not a scan of real patterns.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> s = hs_nmfcluster.NMFDiffraction2D(np.ones((2, 3, 5, 5), dtype="uint8"))
        >>> s.get_virtual_image(0, 1, center=(2, 2)).data
        array([[5., 5., 5.],
               [5., 5., 5.]])
        """
        check_scan(self)
        checks.check_ring(inner, outer)
        image = np.full(axes.scan_shape(self), np.nan)
        with self._job("Virtual image", show_progressbar) as job:
            if corrections is None:
                matrix = ScanMatrix.from_array(self.data, None, ~self._ring(inner, outer, center))
            else:
                right = corrected(self, corrections, center, job)
                outside = ~right.detector.ring(inner, outer) | right.mending.missing
                how = right.mending
                matrix = ScanMatrix.from_array(
                    self.data, how.left_out, outside, placement=how.placement
                )
            image.ravel()[matrix.positions] = sum_rows(matrix, job)
        title = f"Virtual image {inner:g} to {outer:g} of {self.metadata.General.title}"
        return axes.scan_image(self, image, title)

    def polar_transform(
        self,
        *,
        n_radial: int | None = None,
        n_azimuthal: int = 360,
        radial_range: tuple[float, float] | None = None,
        center: Sequence[float] | None = None,
        corrections: Asked = None,
        lazy_output: bool | None = None,
        show_progressbar: bool | None = None,
    ) -> BaseSignal:
        """Patterns s′(r, φ) in polar coordinates around the beam, in which rotation is a shift.

        Parameters
        ----------
        n_radial
            Samples along r; default about one a pixel.
        n_azimuthal
            Samples of the full turn.
        radial_range
            ``(inner, outer)`` in the unit of the signal axes; default from 0 to the circle
            inscribed in the detector.
        center
            As in :meth:`get_detector_mask`.
        corrections
            As in :meth:`decompose_als_nmf`, but None by default. Then each pattern is taken around
            its own beam, without distortion; it takes a look at the scan first.
        lazy_output
            Whether the result is lazy; None: if this signal is.
        show_progressbar
            Of a lazy signal that is computed; None takes HyperSpy's preference.

        Returns
        -------
        Signal2D or LazySignal2D
            Navigation as here, signal axes r (rows, in the signal's unit) and phi (columns, in
            degrees, from the x towards the y axis). NaN where the
            detector, or the unmasked part of it, does not reach.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, or these are not real patterns.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> s = hs_nmfcluster.NMFDiffraction2D(np.ones((3, 9, 9), dtype="float32"))
        >>> s.polar_transform(n_azimuthal=90, center=(4, 4))
        <Signal2D, title: , dimensions: (3|90, 4)>
        """
        check_patterns(self)
        lazy = self._lazy if lazy_output is None else bool(lazy_output)
        source = self.data if self._lazy or not lazy else self.as_lazy().data
        if corrections is None:
            detector = axes.detector_of(self, axes.find_center(self, center)[0])
        else:
            check_scan(self)
            with self._job("Corrections", show_progressbar) as job:
                right = corrected(self, corrections, center, job)
            detector, how = right.detector, right.mending
            source = placed(source, how.placement, how.missing)
        grid = PolarGrid.covering(
            detector,
            n_radial=n_radial,
            n_azimuthal=n_azimuthal,
            radial_range=radial_range,
        )
        data = map_patterns(grid.transform, source, shape=(len(grid.radii), len(grid.angles)))
        polar = axes.polar_stack(self, data, grid)
        if self._lazy and not lazy:
            polar.compute(show_progressbar=show_progressbar)
        return polar

    @checks.called_otherwise(
        output_dimension="n_components",
        rank="n_components",
        k="n_components",
        algorithm="solver",
        tol="tolerance",
        max_iter="max_iterations",
        n_init="restarts",
        seed="random_state",
        mask="signal_mask",
    )
    def decompose_als_nmf(
        self,
        n_components: int | Literal["auto"] = "auto",
        *,
        tiles: Literal["auto"] | int | Sequence[int] | Sequence[Sequence[int]] | None = "auto",
        weighting: Literal["auto", "poisson"] | None = "auto",
        restarts: int | None = None,
        solver: Literal["als", "hals"] = "als",
        tolerance: float = 1e-4,
        max_iterations: int = 300,
        compression: Literal["auto"] | None = "auto",
        ridge: float = 0.0,
        navigation_mask: Mask | None = None,
        signal_mask: SignalMask = "auto",
        corrections: Asked = "auto",
        center: Sequence[float] | None = None,
        constraints: Constraint | Sequence[Constraint] | None = None,
        random_state: int | np.random.Generator | None = None,
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        on_interrupt: Literal["raise", "return"] = "raise",
        print_info: bool = True,
        show_progressbar: bool | None = None,
    ) -> Factorization:
        """Find the non-negative patterns and maps that a scan is made of.

        The factorization of Kimoto et al. (2024), all restarts together. By default the scan is
        compressed to its leading singular vectors in a few passes, all restarts converge in
        memory, and the best are polished on the data themselves. ``compression=None`` is the
        paper's procedure, steps 1 to 8 to the letter, in which an iteration is a pass. The
        result does not depend on chunks or scheduler.

        Parameters
        ----------
        n_components
            Number of components k; rather too many than too few, clustering merges them later.
            With `tiles` of each neighbourhood; ``"auto"``: as many as stand above its noise.
        tiles
            Size ``(x, y)`` in positions (a number: along each axis) of overlapping
            neighbourhoods of 25 positions or more, each of which is read once
            and factorized by itself, while what several of them find of one crystal becomes one
            component; or that and how many positions neighbours share, ``((x, y), (x, y))``.
            ``"auto"`` chooses it by the size of the particles, unless a number of
            components is named: that, like None, is the paper's factorization of the whole scan,
            in which the more crystals are lost the larger the scan is.
        weighting
            ``"poisson"`` weighs all data by their counting statistics (Keenan & Kotula, 2004),
            None weighs all alike. ``"auto"`` takes the former in neighbourhoods of data that are
            not negative, the latter, as in the paper, of a whole scan. The MSE is in counts.
        restarts
            Random starts, of which the one with the smallest MSE is taken; by default 10, of
            neighbourhoods 3.
        solver
            Update rule of ``compression=None``: ``"als"``, least squares of which negatives are
            set to zero, as in the paper, or ``"hals"``, non-negative least squares by coordinate
            descent. Compression always uses the latter: polishing by the former loses what the
            search has found.
        tolerance
            A restart has converged when its MSE changes by less than this share of itself. A
            smaller one lowers the MSE by fitting more noise: patterns get less like the true
            ones, and it takes more passes.
        max_iterations
            Iterations, of one pass each, after which a restart is stopped all the same.
        compression
            ``"auto"`` or None, see above.
        ridge
            Regularisation of the least-squares problems in units of their mean diagonal; the
            paper found that it does not help.
        navigation_mask
            Positions to leave out, **True = left out**: a signal of bool with the scan's axes, or
            a NumPy array in the order of ``s.data`` (rows, columns).
        signal_mask
            Pixels to leave out, likewise. ``"auto"`` leaves out the direct beam, ``"beam"``, and
            what lies beyond the inscribed circle, ``"corners"``; None keeps all pixels. Radii
            ``(inner, outer)``, in the unit of the axes, keep a ring; where one is None, beam or
            corners are left out. A list leaves out what any of its members does:
            ``["auto", mask]``. Where the beam moved, the mask moves with it.
        corrections
            What is put right about the patterns while they are read; the data themselves are never
            changed. ``"auto"``: what is found beyond doubt in the first look at the scan, as
            `inspect_scan` tells; None: nothing; else what `inspect_scan` returned, or a dictionary
            of some of ``bad_pixels`` and ``gain`` (of the detector, in the order of ``s.data``),
            ``left_out`` (positions), ``shifts`` (of the beam, (x, y) in pixels, one a position)
            and ``distortion`` (2 × 2, see `Corrections`). ``settings["corrections"]`` of the
            result says what was done.
        center
            Beam centre ``(x, y)`` in pixels. By default where both axes are zero, if that lies
            inside the detector, else estimated.
        constraints
            What is known beforehand, beyond the 2024 paper:
            :class:`~hs_nmfcluster.MapResolution`, that maps hold nothing finer than the probe
            resolves, :class:`~hs_nmfcluster.SmoothPatterns`, that patterns have no unnatural
            drops, or both in a list.
        random_state
            An integer makes the run repeatable; ``settings["random_state"]`` of the result
            holds the one that was used.
        max_memory
            Bytes, or text like ``"4 GB"``, that this may take; by default half of what is free.
            Lazy data that fit beside the computation are read once and kept, others are read in
            every pass; ``settings["data_in_memory"]`` says which it was.
        checkpoint
            Folder to keep the state in, after every pass and every minute of a long one. The
            same call goes on from there after whatever stopped it.
        on_interrupt
            What Ctrl-C does once there are patterns: ``"raise"`` KeyboardInterrupt, or
            ``"return"`` a result of what there is, which takes one more pass.
        print_info
            Whether to print which centre and mask were taken, and the memory for lazy data.
        show_progressbar
            None takes HyperSpy's preference.

        Returns
        -------
        Factorization
            Also written to ``learning_results``, for HyperSpy's own methods.

        Raises
        ------
        TypeError, ValueError
            Before any long work, if an argument or the data cannot be used: not a scan of real
            patterns, NaN or infinite values, no positive value, nothing left by the masks, more
            components than positions or pixels, more memory needed than `max_memory`, a
            checkpoint of another job.
        OSError
            If a chunk of the data cannot be read, naming it.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> rng = np.random.default_rng(0)
        >>> scan = (rng.random((30, 2)) @ rng.random((2, 64))).reshape(5, 6, 8, 8)
        >>> s = hs_nmfcluster.NMFDiffraction2D(scan)
        >>> nmf = s.decompose_als_nmf(2, restarts=3, signal_mask=None, random_state=0,
        ...                           print_info=False, show_progressbar=False)
        >>> nmf.patterns
        <NMFDiffraction2D, title: NMF patterns of scan, dimensions: (2|8, 8)>
        >>> nmf.maps
        <Signal2D, title: NMF maps of scan, dimensions: (2|6, 5)>
        """
        conduct = Conduct.checked(
            max_memory=max_memory,
            checkpoint=checkpoint,
            on_interrupt=on_interrupt,
            print_info=print_info,
            show_progressbar=show_progressbar,
        )
        arguments = check_arguments(
            n_components=n_components,
            tiles=tiles,
            weighting=weighting,
            restarts=restarts,
            solver=solver,
            compression=compression,
            tolerance=tolerance,
            max_iterations=max_iterations,
            ridge=ridge,
            seed=conduct.seed(random_state),
            constraints=constraints,
        )
        selection = select(
            self,
            arguments.n_components or 1,
            asked_by="n_components",
            navigation_mask=navigation_mask,
            signal_mask=signal_mask,
            center=center,
            corrections=corrections,
        )
        identity = (arguments.described(), selection.identity())
        with running(self, "ALS-NMF", *identity, conduct) as job:
            if arguments.tiles is None:
                whole = decomposition.decompose(axes.scan_of(self), arguments, selection, job)
                decomposition.report_convergence(whole, stopped=job.stopped)
                found, mean_square = Factorization._of(self, whole), whole.fit.mean_square
            else:
                parts = decomposition.decompose_in_tiles(
                    axes.scan_of(self), arguments, selection, job
                )
                found, mean_square = Factorization._of_tiles(self, parts), parts.mosaic.mean_square
        self._factorization = found
        learning_results.store(
            self,
            found.patterns.data,
            found.maps.data,
            mean_square,
            found.center,
            found.settings["solver"],
            weighted=found.settings["weighting"] == "poisson",
        )
        return found

    @checks.called_otherwise(
        n_components="ranks",
        output_dimension="ranks",
        tol="tolerance",
        n_init="restarts",
        seed="random_state",
        mask="signal_mask",
    )
    def estimate_number_of_components(
        self,
        ranks: Iterable[int] = range(5, 31),
        *,
        restarts: int = 10,
        weighting: Literal["auto", "poisson"] | None = "auto",
        tolerance: float = 1e-4,
        navigation_mask: Mask | None = None,
        signal_mask: SignalMask = "auto",
        corrections: Asked = "auto",
        center: Sequence[float] | None = None,
        constraints: Constraint | Sequence[Constraint] | None = None,
        random_state: int | np.random.Generator | None = None,
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        on_interrupt: Literal["raise", "return"] = "raise",
        print_info: bool = True,
        show_progressbar: bool | None = None,
    ) -> RankStudy:
        """Factorize at many numbers of components, beside PCA and noise (the paper's Fig. 4).

        All restarts of all ranks share at most 25 passes over the data; limited maps take more, two
        an iteration of polishing. It is the number of a factorization of the whole scan that is
        studied: neighbourhoods, which find more in a large scan, take theirs from their own
        singular values and need no study, see `decompose_als_nmf`.

        Parameters
        ----------
        ranks
            Numbers of components to try.
        restarts
            Starts of each: one from the singular vectors of the data, the others random.
        weighting
            As in :meth:`decompose_als_nmf`. Errors of weighted data are in units of their noise.
        tolerance, navigation_mask, signal_mask, corrections, center, constraints, random_state
            As in :meth:`decompose_als_nmf`.
        max_memory, checkpoint, on_interrupt, print_info
            As in :meth:`decompose_als_nmf`.
        show_progressbar
            None takes HyperSpy's preference.

        Returns
        -------
        RankStudy
            With :meth:`~hs_nmfcluster.RankStudy.plot`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`decompose_als_nmf`, for the largest of the ranks.

        Examples
        --------
        >>> import hs_nmfcluster, numpy as np
        >>> rng = np.random.default_rng(0)
        >>> scan = rng.poisson(9 * rng.random((30, 2)) @ rng.random((2, 64)))
        >>> s = hs_nmfcluster.NMFDiffraction2D(scan.reshape(5, 6, 8, 8))
        >>> study = s.estimate_number_of_components(range(1, 5), restarts=3, signal_mask=None,
        ...     random_state=0, print_info=False, show_progressbar=False)
        >>> bool((study.nmf_mse.min(axis=1) > 0.999999 * study.pca_mse).all())
        True
        """
        conduct = Conduct.checked(
            max_memory=max_memory,
            checkpoint=checkpoint,
            on_interrupt=on_interrupt,
            print_info=print_info,
            show_progressbar=show_progressbar,
        )
        arguments = check_study_arguments(
            ranks=ranks,
            weighting=weighting,
            restarts=restarts,
            tolerance=tolerance,
            seed=conduct.seed(random_state),
            constraints=constraints,
        )
        selection = select(
            self,
            max(arguments.ranks),
            asked_by="max(ranks)",
            navigation_mask=navigation_mask,
            signal_mask=signal_mask,
            center=center,
            corrections=corrections,
        )
        identity = (arguments.described(), selection.identity())
        with running(self, "Rank study", *identity, conduct) as job:
            found = decomposition.study_ranks(axes.scan_of(self), arguments, selection, job)
        return RankStudy._of(self, found)

    def hierarchical_cluster(
        self,
        factorization: Factorization | None = None,
        *,
        by: Literal["patterns", "maps"] = "patterns",
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
        """Order components by likeness of their patterns, whatever their in-plane rotation.

        The paper's steps a to d: the two most similar are rotated onto each other and
        integrated, until one is left. Components that show spots (crystals) and those that show
        none (matrix) are ordered apart, unless `crystals_first` is False.

        Parameters
        ----------
        factorization
            Whose components to cluster; by default the decomposition in ``learning_results``.
            A stack of patterns (one navigation axis) without either is clustered itself.
        by
            ``"patterns"``, or ``"maps"`` for likeness of the maps after a lateral shift (the
            paper's Fig. S3).
        metric
            ``"cross_correlation"``, the paper's; ``"correlation"``, ``"cosine"`` and
            ``"euclidean"`` are the ones that it compares with and know of no rotation or shift.
        n_radial, n_azimuthal, radial_range
            As in :meth:`polar_transform`.
        center
            Beam centre ``(x, y)`` in pixels; by default that of the decomposition.
        crystals_first
            Whether to tell crystals from matrix before clustering. False makes the paper's plain
            tree of all components (Fig. 7).
        mirror
            Whether crystals that lie upside down count as the same: patterns are then compared
            with each other's mirror images too.
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
            For a scan that has not been decomposed; for fewer than two patterns; for an
            argument that is out of range or of the wrong type; for a tree that takes more than
            `max_memory`.

        Examples
        --------
        >>> import hs_nmfcluster
        >>> s, truth = hs_nmfcluster.simulation.linear_mixture()  # doctest: +SKIP
        >>> s.decompose_als_nmf(20)  # doctest: +SKIP
        >>> groups = s.hierarchical_cluster().cut()  # doctest: +SKIP
        """
        factorization = self._last_factorization() if factorization is None else factorization
        patterns, maps, center = self._components(factorization, by, center)
        tree = ClusterTree.from_patterns(
            patterns,
            maps,
            by=by,
            metric=metric,
            n_radial=n_radial,
            n_azimuthal=n_azimuthal,
            radial_range=radial_range,
            center=center,
            crystals_first=crystals_first,
            mirror=mirror,
            n_neighbors=n_neighbors,
            max_memory=max_memory,
            show_progressbar=show_progressbar,
        )
        tree.factorization = factorization
        return tree

    def confirm_components(
        self,
        factorization: Factorization | None = None,
        *,
        share: float = 0.1,
        split: Split = "auto",
        random_state: int | np.random.Generator | None = None,
        show_progressbar: bool | None = None,
    ) -> Confirmation:
        """Say which crystals are real: there in electrons that had no part in finding them.

        The electrons of every pattern are divided by chance (binomial thinning). The same analysis
        is made of the larger part, and each crystal that it finds is looked for in the rest, where
        its pattern has to lie where its map says. Where the data are no counts of single electrons,
        every other position takes the place of the rest. Takes as long as the analysis and one pass
        more.

        What is asked here is whether noise alone would show such a thing. Speckle, which is in all
        of the electrons, is told from crystals before that, see `ClusterTree.evidence`.

        Parameters
        ----------
        factorization
            Whose components are in question; by default the decomposition in ``learning_results``.
        share
            Of the electrons that is held out, above 0 and below 1. To find takes more of them than
            to find again.
        split
            ``"electrons"``, ``"positions"``, or ``"auto"``: electrons where the data are counts.
        random_state
            An integer makes the run repeatable.
        show_progressbar
            None takes HyperSpy's preference.

        Returns
        -------
        Confirmation

        Raises
        ------
        TypeError, ValueError
            For a scan that has not been decomposed by `decompose_als_nmf`, a factorization of
            another scan, a share or a split that is not allowed, or electrons asked for of data
            that are no counts.

        Examples
        --------
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> s, truth = linear_mixture((20, 20), (48, 48), pixel_size=0.4, n_particles=2)
        >>> nmf = s.decompose_als_nmf(3, restarts=2, random_state=0, print_info=False)
        >>> s.confirm_components(show_progressbar=False).confirmed.tolist()
        [False, True, True]
        """
        check_scan(self)
        checks.check_choice("split", split, get_args(Split))
        share = checks.check_positive("share", share)
        if share >= 1:
            raise ValueError(f"`share` must be > 0 and < 1, got {share}.")
        return confirm(
            self,
            self._decomposed(factorization),
            share=share,
            split=split,
            seed=draw_seed(random_state),
            show_progressbar=show_progressbar,
        )

    def detection_limit(
        self,
        groups: Groups | None = None,
        *,
        diameters: Sequence[float] | None = None,
        fractions: Sequence[float] | None = None,
        pattern: Literal["groups"] | BaseSignal | np.ndarray = "groups",
        number: int | None = None,
        random_state: int | np.random.Generator | None = None,
        show_progressbar: bool | None = None,
    ) -> DetectionLimit:
        """Say how small and how weak a particle would have been found in this scan.

        Synthetic particles are planted in the matrix of the scan while it is read, the same
        analysis is made, and what comes back is counted, three times: from the second on around the
        diameter of which half was found. Each particle has the pattern of a group of crystals,
        turned at random; the electrons that it scatters come on top of those that are there, with
        their counting noise. The data are not changed, and not copied unless they are
        lazy and fit into memory. Takes less time than three analyses; of a scan of many
        neighbourhoods 4 × 4 stand for all.

        Parameters
        ----------
        groups
            Groups of crystals of this scan; by default those of the decomposition in
            ``learning_results`` at the suggested cut.
        diameters
            In the unit of `Groups.particle_sizes`: nm, or steps. By default from one step on, then
            around the limit.
        fractions
            Electrons that a particle scatters into its spots in its middle, over those that the
            matrix scatters into the analysed pixels. By default proportional to its diameter, so
            that it stands out of the noise as much as a crystal that was found, one of which is
            drawn for each.
        pattern
            ``"groups"``: of the groups of crystals in turn; or one pattern ``(n_v, n_u)``, of which
            the spots are taken.
        number
            Particles at a time; by default one for each 180 positions.
        random_state
            An integer makes the run repeatable.
        show_progressbar
            None takes HyperSpy's preference.

        Returns
        -------
        DetectionLimit

        Raises
        ------
        TypeError, ValueError
            For a scan that has not been decomposed by `decompose_als_nmf`; groups of several scans
            or of a scan of another shape; no crystal to take patterns or electrons from; a scan
            without two axes; an argument that is out of range.

        Examples
        --------
        >>> s.decompose_als_nmf()  # doctest: +SKIP
        >>> s.detection_limit().plot()  # doctest: +SKIP
        """
        check_scan(self)
        sizes, shares = (
            checked_numbers("diameters", diameters),
            checked_numbers("fractions", fractions),
        )
        planted = pattern if isinstance(pattern, str) else checked_pattern(self, pattern)
        if isinstance(planted, str):
            checks.check_choice("pattern", planted, ("groups",))
        if number is not None:
            checks.check_whole_number("number", number)
        nmf = self._decomposed(None if groups is None else groups.tree.factorization)
        if groups is None:
            groups = self.hierarchical_cluster(nmf, show_progressbar=show_progressbar).cut()
        asked = AskedParticles(sizes, shares, planted, number, draw_seed(random_state))
        return find_limit(self, groups, nmf, asked, show_progressbar)

    def plot_scan(
        self,
        inner: float = 0.0,
        outer: float | None = None,
        center: Sequence[float] | None = None,
        *,
        navigation_mask: Mask | None = None,
        signal_mask: SignalMask = None,
        corrections: Asked = None,
        show_progressbar: bool | None = None,
    ) -> Any:
        """Draw a virtual image and the mean pattern, with what is analysed of it (Fig. 3a, b).

        Parameters
        ----------
        inner, outer
            Ring of the virtual detector as in :meth:`get_virtual_image`; by default the direct
            beam, that is a bright field.
        center
            As in :meth:`get_detector_mask`.
        navigation_mask, signal_mask, corrections
            As in :meth:`decompose_als_nmf`: what they leave out is shaded, and what is corrected is
            drawn so.
        show_progressbar
            Of lazy data; None takes HyperSpy's preference.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> from hs_nmfcluster.simulation import linear_mixture
        >>> s, truth = linear_mixture((8, 8), (32, 32), pixel_size=0.6, n_particles=1)
        >>> figure = s.plot_scan(inner=3.5, outer=4.8)
        """
        check_scan(self)
        selection = select(
            self,
            1,
            asked_by="n_components",
            navigation_mask=navigation_mask,
            signal_mask=signal_mask,
            center=center,
            corrections=corrections,
        )
        with self._job("Mean pattern", show_progressbar) as job:
            right = corrected(self, corrections, center, job)
        outer = outer or masks.bright_field_radius(right.mean, right.detector)
        image = self.get_virtual_image(
            inner,
            outer,
            right.detector.center,
            corrections=right.corrections or None,
            show_progressbar=show_progressbar,
        )
        left_out = right.mending.left_out
        if selection.left_out is not None:
            left_out = selection.left_out | (False if left_out is None else left_out)
        return plotting.plot_scan(
            image.data,
            right.mean,
            map_pixel=axes.pixel_size(image.axes_manager.signal_axes),
            pattern_pixel=axes.pixel_size(self.axes_manager.signal_axes),
            center=right.detector.center,
            inner=inner or None,
            outer=outer,
            positions_left_out=left_out,
            pixels_left_out=selection.mask(right).array,
        )

    def _mean_pattern(
        self, show_progressbar: bool | None = None, corrections: Asked = None
    ) -> np.ndarray:
        check_patterns(self)
        if corrections is None:
            return self._survey(show_progressbar, "Mean pattern").mean
        with self._job("Mean pattern", show_progressbar) as job:
            return corrected(self, corrections, None, job).mean

    def _survey(self, show_progressbar: bool | None, name: str) -> Survey:
        with self._job(name, show_progressbar) as job:
            return survey_matrix(ScanMatrix.from_array(self.data), self.data.shape[-2:], job)

    @contextmanager
    def _job(self, name: str, show_progressbar: bool | None) -> Iterator[Job]:
        """Set up a single pass, with a bar if the data are lazy."""
        with pass_progress(show_progressbar if self._lazy else False, name) as bar:
            yield Job(bar)

    def _ring(
        self, inner: float, outer: float, center: Sequence[float] | None
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        checks.check_ring(inner, outer)
        check_patterns(self)
        position, _ = axes.find_center(self, center)
        return axes.detector_of(self, position).ring(inner, outer)

    def _last_factorization(self) -> Factorization | None:
        """Return what `decompose_als_nmf` gave, unless ``learning_results`` have changed since."""
        last = self._factorization
        if last is not None and isinstance(last.maps.data, da.Array):
            # Too large for ``learning_results``, which therefore say nothing of it.
            return last
        if last is None or not learning_results.match(self, last.patterns.data, last.maps.data):
            return None
        return last

    def _decomposed(self, factorization: Factorization | None) -> Factorization:
        """Take a factorization of this scan: the one given, or the last one."""
        found = self._last_factorization() if factorization is None else factorization
        if found is None:
            raise ValueError(
                "There is no decomposition: call `decompose_als_nmf` first, or hand over its "
                "result as `factorization`."
            )
        _check_factorization(found)
        check_same_scan(self, found)
        return found

    def _components(
        self,
        factorization: Factorization | None,
        by: str,
        center: Sequence[float] | None,
    ) -> tuple[BaseSignal, BaseSignal | None, Sequence[float]]:
        """Patterns and maps to cluster, and the beam centre."""
        if factorization is not None:
            _check_factorization(factorization)
            known = factorization.center if center is None else center
            return factorization.patterns, factorization.maps, known
        check_patterns(self)
        if learning_results.has_nmf(self):
            patterns, maps = learning_results.recall(self)
            if center is None:
                center = getattr(self.learning_results, "beam_center", None)
            position, _ = axes.find_center(self, center)
            return (
                axes.pattern_stack(self, patterns, position, "Decomposition patterns"),
                axes.map_stack(self, maps, "Decomposition maps"),
                position,
            )
        if self.axes_manager.navigation_dimension == 1 and by == "patterns":
            return self, None, axes.find_center(self, center)[0]
        raise ValueError(
            "There is no decomposition to cluster: call `decompose_als_nmf` first, or hand over "
            "its result as `factorization`. To cluster the patterns of a scan themselves, make "
            "them a stack with one navigation axis first: `s.unfold_navigation_space()`."
        )


class LazyNMFDiffraction2D(LazySignal2D, NMFDiffraction2D):
    """Diffraction patterns of a scan that need not fit in memory.

    The same methods as :class:`NMFDiffraction2D`, on dask arrays.

    Examples
    --------
    >>> import dask.array as da, hs_nmfcluster
    >>> hs_nmfcluster.LazyNMFDiffraction2D(da.zeros((3, 4, 8, 8), dtype="uint16"))
    <LazyNMFDiffraction2D, title: , dimensions: (4, 3|8, 8)>
    """


def _check_factorization(value: object) -> None:
    """Refuse what is not the result of a decomposition.

    Raises
    ------
    TypeError
        Naming what was given.
    """
    if not isinstance(value, Factorization):
        raise TypeError(
            "`factorization` must be the result of `decompose_als_nmf`, not "
            f"{type(value).__name__}."
        )
