"""The methods of `Groups` that answer questions with its patterns."""

from functools import cached_property
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hs_nmfcluster.results.groups import Groups
    from hs_nmfcluster.results.phases import PhaseMatch
    from hs_nmfcluster.results.spacings import LatticeSpacings


class PatternAnswers:
    """What the patterns of `Groups` say about the specimen."""

    @property
    def _groups(self) -> "Groups":
        return cast("Groups", self)

    @cached_property
    def spot_shares(self) -> "NDArray[np.float64]":
        """Share of each component's intensity that lies in spots, ``(n,)``.

        0 for components that show none of their own: an amorphous pattern, also in a group of
        crystals. Particles, angles and the crystalline share come from the others.
        """
        from hs_nmfcluster.materials.members import own_spot_shares
        from hs_nmfcluster.results.measure_spacings import radii_of_interest

        tree = self._groups.tree
        limits = radii_of_interest(self._groups)
        return own_spot_shares(tree.patterns.data, tree.grid.detector, limits)

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
        from hs_nmfcluster.results.measure_spacings import lattice_spacings

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
        the fewer reflections the phase has there: minus the logarithm of the chance that
        reflections as dense, but anywhere, match as well; a spacing left unexplained costs 1.3.
        Where several candidates explain as many spacings, they are *not distinguishable*.

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
        from hs_nmfcluster.results.phases import match_phases

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
