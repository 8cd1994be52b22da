"""The methods of `Groups` that answer questions about the specimen."""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from hs_nmfcluster.clustering.groups import Groups
    from hs_nmfcluster.materials.phases import PhaseMatch
    from hs_nmfcluster.materials.sizes import ParticleSizes
    from hs_nmfcluster.materials.spacings import LatticeSpacings


class GroupAnswers:
    """What `Groups` says about the specimen."""

    @property
    def _groups(self) -> "Groups":
        return cast("Groups", self)

    def lattice_spacings(
        self,
        *,
        background: int | None = None,
        radial_range: tuple[float, float] | None = None,
        threshold: float = 6.0,
        min_spots: int = 2,
        min_intensity: float = 0.02,
        camera_error: float = 0.0,
        beam_energy: float | None = None,
    ) -> "LatticeSpacings":
        """Measure the lattice spacings that each group's pattern shows (the paper's Fig. 7b).

        In the rotation-corrected pattern everything is looked for that stands out of its ring,
        so that a halo, which lies all around it, is no spot. A Gaussian is fitted to each spot, and
        spots at one radius make a ring. A group has spots only if most of its components carry
        them; otherwise the answer is "no spots" with the position of its halo, which is no lattice
        spacing.

        Parameters
        ----------
        background
            Number of an amorphous group whose radial profile, scaled, is subtracted. By default
            each pattern's own median over the azimuth.
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
        >>> [round(spacing.d, 3) for spacing in groups.lattice_spacings()[2]]
        [0.228, 0.161]
        """
        from hs_nmfcluster.materials.measure import lattice_spacings

        return lattice_spacings(
            self._groups,
            background=background,
            radial_range=radial_range,
            threshold=threshold,
            min_spots=min_spots,
            min_intensity=min_intensity,
            camera_error=camera_error,
            beam_energy=beam_energy,
        )

    def particle_sizes(
        self,
        probe_size: float | None = None,
        *,
        units: str | None = None,
        min_height: float = 0.3,
    ) -> "ParticleSizes":
        """Measure how large the particles of each group are, and how many there are.

        Two ways. (a) The paper's: the full width at half maximum of the shift-corrected map, the
        mean particle of the group. (b) Each particle of each component's map, outlined at half
        of its own height: the diameter of the circle of the same area. A particle that the edge of
        the scan cuts is counted, as half a particle in the number density, but not measured.

        Only maps of components whose patterns show spots hold particles; a particle that two
        components of a group share counts once.

        Parameters
        ----------
        probe_size
            Full width of the probe at half maximum in nm; removed in quadrature. This is right for
            particles about as large as the probe. The width at half height of a disc much larger
            than the probe is not broadened at all.
        units
            ``"nm"`` insists on nm, ``"px"`` gives scan pixels; by default nm if the scan's axes are
            calibrated, else pixels.
        min_height
            Least height of a particle in its map, as a share of the highest one there. What is
            lower is taken for what leaked from other components.

        Returns
        -------
        ParticleSizes

        Raises
        ------
        TypeError, ValueError
            If an argument is out of its range, nm are asked of a scan that is not calibrated, or
            there are no maps of a scan along two axes.

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
        [0, 2, 1, 1]
        """
        from hs_nmfcluster.materials.sizes import particle_sizes

        return particle_sizes(
            self._groups, probe_size=probe_size, units=units, min_height=min_height
        )

    def match_phases(
        self,
        candidates: object,
        *,
        spacings: "LatticeSpacings | None" = None,
        tolerance: float = 0.015,
    ) -> "PhaseMatch":
        """Compare the lattice spacings with known phases (the paper's discussion of Fig. 7).

        A spacing is explained by a reflection within two standard deviations, which hold the
        measurement's and `tolerance`. Phases are ranked by a score that rewards a match the more,
        the fewer reflections the phase has there (`hs_nmfcluster.materials.phases.explain`). Where
        several candidates explain as many spacings, they are *not distinguishable*.

        Parameters
        ----------
        candidates
            A mapping of names to plain tables ``[d, …]`` in nm, to `Cell` (edges in nm, space
            group) or to paths of CIF files; or a list of such mappings and paths. Tables and
            cells in P1 need no library, the others need gemmi (extra ``phases``).
        spacings
            What `lattice_spacings` gave, for instance with a corrected calibration. By default
            it is called without arguments.
        tolerance
            Relative uncertainty of the candidates' spacings (composition, strain) and of the
            camera constant.

        Returns
        -------
        PhaseMatch

        Raises
        ------
        TypeError, ValueError
            If there is no candidate, one is not understood, a CIF file does not parse, or the
            pattern's axes are not calibrated.
        ImportError
            If gemmi is needed and not installed.

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
        >>> match.verdict(2)
        'B2 (2 of 2 spacings)'
        """
        from hs_nmfcluster.materials.phases import match_phases

        if spacings is None:
            spacings = self.lattice_spacings()
        if not spacings.calibrated:
            raise ValueError(
                f"Phases need spacings in nm, but the pattern's axes are in {spacings.units!r}. "
                "Set their scale and units, or pass `spacings` that `LatticeSpacings.calibrate` "
                "has calibrated by a known ring."
            )
        measured = [[(spacing.d, spacing.sigma) for spacing in group] for group in spacings]
        return match_phases(measured, candidates, tolerance=tolerance)
