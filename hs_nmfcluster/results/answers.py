"""The methods of `Groups` that answer questions about the specimen."""

from typing import TYPE_CHECKING, Literal

from hs_nmfcluster.results.pattern_answers import PatternAnswers

if TYPE_CHECKING:
    from hs_nmfcluster.results.crystallinity import Crystallinity
    from hs_nmfcluster.results.orientation import OrientationMap
    from hs_nmfcluster.results.sizes import ParticleSizes


class GroupAnswers(PatternAnswers):
    """What `Groups` says about the specimen; here what needs the maps."""

    def particle_sizes(
        self,
        probe_size: float | None = None,
        *,
        units: str | None = None,
        min_height: float = 0.3,
        shape: Literal["disc", "sphere"] = "disc",
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
        shape
            ``"disc"`` takes the width at half height for the diameter, as the paper does.
            ``"sphere"`` divides it by √½: the diffracted intensity of a thin crystal grows with
            the square of its thickness, which in a sphere is down to half there (kinematic
            scattering, a probe smaller than the sphere).

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
        from hs_nmfcluster.results.measure_sizes import particle_sizes

        return particle_sizes(
            self._groups, probe_size=probe_size, units=units, min_height=min_height, shape=shape
        )

    def orientation_map(self) -> "OrientationMap":
        """Map the in-plane angle of each group's crystals.

        The rotation of each component recorded in the tree is refined against the average of its
        group, and given modulo the symmetry of the pattern, which is found from the average's own
        rotational autocorrelation. The zero is the first crystal of each group. Components without
        spots, and groups most of which are such, have no angle.

        A position shows the angle of the strongest component there whose map exceeds half of its
        height.

        Returns
        -------
        OrientationMap
            With the angles, and as confidence the sharpness of each correlation peak.

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
        (0, 2, 4, 6)
        """
        from hs_nmfcluster.results.orientation import orientation_map

        return orientation_map(self._groups)

    def crystallinity(self) -> "Crystallinity":
        """Share the scattered intensity at each position between the groups.

        What a component contributes is its map times the sum of its pattern beyond the direct
        beam. A group's share holds all of that, the halo that a factorization leaves in the pattern
        of a crystal included; the crystalline share only what lies in spots.

        Returns
        -------
        Crystallinity
            Shares per group and position, and that of all spots together.

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
        from hs_nmfcluster.results.crystallinity import crystallinity

        return crystallinity(self._groups)
