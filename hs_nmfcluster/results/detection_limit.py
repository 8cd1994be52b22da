"""How small and weak a particle would have been found in this scan, by this analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray
from scipy import ndimage, sparse

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import detector_of
from hs_nmfcluster.engine.mapping import changed
from hs_nmfcluster.materials.apertures import without_rings
from hs_nmfcluster.materials.particles import Particle
from hs_nmfcluster.materials.planting import (
    Planting,
    drawn_spots,
    footprint,
    planted,
    radius_of_spots,
    scattered_places,
    share_in_apertures,
)
from hs_nmfcluster.materials.recall import RecallFit, share_found
from hs_nmfcluster.materials.spots import Spots, find_spots
from hs_nmfcluster.report.cards import answer_card
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.groups import Groups
from hs_nmfcluster.results.repeating import counting, repeated
from hs_nmfcluster.results.sizes import ParticleSizes
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.words import counted, times

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_COLUMNS = (
    "x",
    "y",
    "diameter",
    "fraction",
    "pattern",
    "angle",
    "run",
    "found",
    "found_diameter",
    "found_fraction",
)
# A particle is found where something was found whose pattern correlates with its own by so much.
_ALIKE = 0.5
# Positions of the scan for each particle that is planted in it at a time: with more of them they
# would be harder to find than the specimen's own.
_POSITIONS_EACH = 120
# Analyses that are made; the later ones where the first has found the limit to lie.
_RUNS = 2
# Diameters of the first of them, from one step to so many, or to the largest that was found; and of
# the others, within this factor of the limit.
_SIZES, _STEPS, _WITHIN = 6, 8.0, 1.35
# Steps between particles.
_GAP = 2.0
# Neighbourhoods along each axis that a large scan is represented by.
_TILES = 4
# Share from which a scan holds hardly any particles that were not found.
_MOST = 0.95


@dataclass(frozen=True, eq=False)
class PlantedParticles:
    """Particles that were planted in a scan, and what came back of them, ``(n,)`` each.

    Attributes
    ----------
    x, y, diameter
        In the unit of the scan.
    fraction
        Electrons that each scatters into its spots in its middle, over those of the matrix in the
        analysed pixels.
    pattern
        Number of the pattern that it was given: of the group of crystals, or 0 of the one given.
    angle
        By which that was turned, in degrees.
    run
        Analysis that it was part of.
    found
        Whether a particle was found there with a pattern like it.
    found_diameter, found_fraction
        As they were found; NaN where not found, or not resolved.

    Examples
    --------
    >>> nothing, number = np.zeros(2), np.zeros(2, int)
    >>> two = PlantedParticles(*np.ones((4, 2)), number, nothing, number, nothing > 0,
    ...     nothing, nothing)
    >>> len(two)
    2
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    diameter: NDArray[np.float64]
    fraction: NDArray[np.float64]
    pattern: NDArray[np.int64]
    angle: NDArray[np.float64]
    run: NDArray[np.int64]
    found: NDArray[np.bool_]
    found_diameter: NDArray[np.float64]
    found_fraction: NDArray[np.float64]

    def __len__(self) -> int:
        return self.x.size

    def _some(self, chosen: NDArray[Any]) -> "PlantedParticles":
        """Return some of them."""
        return PlantedParticles(*(getattr(self, name)[chosen] for name in _COLUMNS))

    @classmethod
    def _together(cls, several: Sequence["PlantedParticles"]) -> "PlantedParticles":
        """Put those of several analyses together."""
        return cls(*(np.concatenate([getattr(s, name) for s in several]) for name in _COLUMNS))


@dataclass(frozen=True, eq=False, repr=False)
class DetectionLimit(Tabular):
    """Which synthetic particles were found in a scan.

    Made by :meth:`~hs_nmfcluster.NMFDiffraction2D.detection_limit`.

    Attributes
    ----------
    planted : PlantedParticles
        All particles that were planted.
    units : str
        Of diameters: ``"nm"``, or ``"px"``.
    fractions : tuple of float or None
        Those that were asked for; None where a particle scatters the more electrons the larger it
        is, as one of the crystals that were found does.
    false_positives : tuple of int
        Particles that each analysis found where there is none, neither planted nor found before.
    sample : tuple of int
        Size ``(x, y)`` in positions of the part of the scan that was analysed.
    found_in_scan : int
        Particles of crystals that the scan itself holds.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=2, dose=2e5)
    >>> nmf = s.decompose_als_nmf(random_state=0, print_info=False, show_progressbar=False)
    >>> limit = s.detection_limit(random_state=0, show_progressbar=False)
    >>> low, half, high = limit.diameter()
    >>> bool(1 < low < half < high < 10)
    True
    """

    planted: PlantedParticles
    units: str
    fractions: tuple[float, ...] | None
    false_positives: tuple[int, ...]
    sample: tuple[int, int]
    found_in_scan: int

    def diameter(
        self, recall: float = 0.5, fraction: float | None = None
    ) -> tuple[float, float, float]:
        """Diameter from which so many particles are found, between its limits (95 %).

        Parameters
        ----------
        recall
            Share of them.
        fraction
            One of `fractions`, where several were asked for.

        Returns
        -------
        tuple of float
            Lower limit, diameter, upper limit; infinite where some are lost whatever their size,
            so that this share is never reached.

        Examples
        --------
        >>> limit.diameter(0.9)[1] > limit.diameter(0.5)[1]
        True
        """
        return self._fit(fraction).diameter(recall)

    def recall(self, fraction: float | None = None) -> list[tuple[float, float, float, float, int]]:
        """Share of the particles that was found at each diameter.

        Parameters
        ----------
        fraction
            As of `diameter`.

        Returns
        -------
        list of tuple
            Diameter, lower limit (95 %, Wilson), share, upper limit, number of particles.

        Examples
        --------
        >>> all(low <= share <= high for _, low, share, high, _ in limit.recall())
        True
        """
        own = self._of(fraction)
        sizes = np.unique(own.diameter)
        return [
            (float(d), *share_found(own.found[own.diameter == d]), int((own.diameter == d).sum()))
            for d in sizes
        ]

    @property
    def size_bias(self) -> float:
        """Median of found over true diameter, minus 1, of those that are resolved."""
        return _median_ratio(self.planted.found_diameter, self.planted.diameter)

    @property
    def intensity_bias(self) -> float:
        """Median of found over true fraction, minus 1."""
        return _median_ratio(self.planted.found_fraction, self.planted.fraction)

    def _of(self, fraction: float | None) -> PlantedParticles:
        if self.fractions is None or (fraction is None and len(self.fractions) == 1):
            return self.planted
        if fraction not in self.fractions:
            raise ValueError(f"`fraction` must be one of {self.fractions}, got {fraction!r}.")
        return self.planted._some(self.planted.fraction == fraction)

    def _fit(self, fraction: float | None) -> RecallFit:
        own = self._of(fraction)
        return RecallFit.of(own.diameter, own.found)

    def __repr__(self) -> str:
        return f"<DetectionLimit: {self.in_words()}>"

    def _repr_html_(self) -> str:
        return answer_card("Detection limit", self.in_words(), [], self.plot)

    def in_words(self) -> str:
        """Say what would have been found, in one sentence for each fraction.

        Returns
        -------
        str

        Examples
        --------
        >>> limit.in_words().startswith("half of the particles of ")
        True
        """
        said = [self._sentence(fraction) for fraction in self.fractions or (None,)]
        where = f"{counted(len(self.planted), 'synthetic particle')} in {times(self.sample)}"
        false = sum(self.false_positives)
        return "; ".join([*said, f"{where} positions, {counted(false, 'false positive')}"])

    def _sentence(self, fraction: float | None) -> str:
        fit = self._fit(fraction)
        below, above = fit.bracketed
        share = "" if fraction is None else f"{100 * fraction:.2g} % of the electrons"
        taking = share and f" that scatter {share}"
        tried = self._of(fraction).diameter
        if not above:
            return f"particles{taking} are hardly found, up to {tried.max():.2g} {self.units}"
        (low, half, high), most = fit.diameter(), fit.diameter(_MOST)[1]
        said = (
            f"half of the particles{taking} of {half:.2g} {self.units} ({low:.2g} to {high:.2g}) "
            "would be found"
            if below
            else f"particles{taking} are found from {tried.min():.2g} {self.units} on"
        )
        if most > tried.max():
            reached = 100 * fit.recall(tried.max(keepdims=True))[1, 0]
            return f"{said}, {reached:.0f} % of the largest tried, {tried.max():.2g} {self.units}"
        said += f", {100 * _MOST:.0f} % of those of {most:.2g} {self.units}"
        if not self.found_in_scan:
            said += f": there are hardly any above {most:.2g} {self.units}"
        return said

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each synthetic particle.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> len(limit.to_dataframe()) == len(limit.planted)
        True
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        return Table.of(self.planted, *_COLUMNS)

    def plot(self) -> "Figure":
        """Draw recall against diameter, and the diameters as they were found.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = limit.plot()
        """
        curves = []
        for fraction in self.fractions or (None,):
            own = self._of(fraction)
            sizes = np.geomspace(own.diameter.min(), own.diameter.max(), 60)
            fit = self._fit(fraction)
            name = "" if fraction is None else f"{100 * fraction:.2g} %"
            curves.append((name, self.recall(fraction), sizes, fit.recall(sizes), fit.diameter()))
        return plotting.plot_detection_limit(
            curves,
            self.planted.diameter,
            self.planted.found_diameter,
            units=self.units,
        )


@dataclass(frozen=True)
class AskedParticles:
    """What is to be planted, as a user has asked for it; None where the scan is to tell.

    Attributes
    ----------
    diameters, fractions
        In the unit of particle sizes; shares of the electrons.
    pattern
        ``"groups"``, or one pattern ``(n_v, n_u)``.
    number
        Particles at a time.
    seed
        Of places, angles and electrons.
    """

    diameters: tuple[float, ...] | None
    fractions: tuple[float, ...] | None
    pattern: str | NDArray[np.floating]
    number: int | None
    seed: int


def find_limit(
    signal: BaseSignal,
    groups: Groups,
    nmf: Factorization,
    asked: AskedParticles,
    show_progressbar: bool | None,
) -> DetectionLimit:
    """Plant particles, make the analysis once more, and count what comes back, twice.

    See :meth:`~hs_nmfcluster.NMFDiffraction2D.detection_limit`.
    """
    field = _Field.of(signal, groups, nmf, asked, show_progressbar)
    rng = np.random.default_rng(asked.seed)
    diameters, runs, false = field.first_diameters(asked.diameters), [], []
    for run in range(_RUNS):
        sown = field.sow(diameters, asked.fractions, run, rng)
        reaped, wrong = field.reap(sown, asked.seed + run)
        runs.append(reaped)
        false.append(wrong)
        if asked.diameters is None:
            limit = RecallFit.of(*_sizes_and_found(runs)).diameter()[1]
            diameters = np.geomspace(limit / _WITHIN, limit * _WITHIN, _SIZES)
    return DetectionLimit(
        PlantedParticles._together(runs),
        field.sizes.units,
        asked.fractions,
        tuple(false),
        (
            int(np.ptp(np.nonzero(field.sample.any(axis=0))[0])) + 1,
            int(np.ptp(np.nonzero(field.sample.any(axis=1))[0])) + 1,
        ),
        len(field.known),
    )


def _sizes_and_found(
    runs: Sequence[PlantedParticles],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    together = PlantedParticles._together(runs)
    return together.diameter, together.found


@dataclass(frozen=True, eq=False)
class _Field:
    """A scan in which particles are planted.

    Attributes
    ----------
    signal, nmf
        The scan, and the factorization that is repeated.
    sizes
        Of the particles that it holds.
    known
        These, of all groups of crystals.
    sources
        Spots of the patterns to plant, and their radius in pixels, by number.
    detector
        Geometry of the scan's.
    per_thickness
        Fraction over diameter of each of the known particles, by number of the source.
    electrons
        Height of a particle's image by which it is a fraction: the mean number of electrons in the
        analysed pixels, times the share of a spot that an aperture holds, by number of the source.
    sample
        Positions that are analysed.
    number
        Particles at a time.
    gain
        As of a `Planting`.
    """

    signal: BaseSignal
    nmf: Factorization
    sizes: ParticleSizes
    known: tuple[Particle, ...]
    sources: dict[int, tuple[Spots, float]]
    detector: Detector
    per_thickness: dict[int, NDArray[np.float64]]
    electrons: dict[int, float]
    sample: NDArray[np.bool_]
    number: int
    gain: float
    show: bool | None

    @classmethod
    def of(
        cls,
        signal: BaseSignal,
        groups: Groups,
        nmf: Factorization,
        asked: AskedParticles,
        show: bool | None,
    ) -> "_Field":
        """Look at the scan and what was found in it."""
        sizes = groups._sizes
        if not isinstance(sizes, ParticleSizes):
            raise ValueError("A detection limit is of one scan, these groups are of several.")
        crystals = [g for g in range(len(groups)) if g not in groups.matrix]
        detector, straight = detector_of(nmf.patterns, nmf.center), groups.tree.grid.detector
        if isinstance(asked.pattern, str):
            found = {g: (groups.patterns.data[g], straight) for g in crystals}
        else:
            found = {0: (asked.pattern, detector)}
        limits = groups._arrays.limits
        spots = {n: find_spots(*one, radial_range=limits) for n, one in found.items()}
        sources = {
            n: (own, radius_of_spots(found[n][0], own, found[n][1]))
            for n, own in spots.items()
            if len(own)
        }
        if not sources:
            raise ValueError(
                "There is no crystal in these groups whose pattern could be planted: give a "
                "`pattern` and `fractions`."
                if isinstance(asked.pattern, str)
                else "`pattern` shows no spots, by which a particle would be found."
            )
        kept, skipped = ~nmf.detector_mask, np.isnan(nmf.position_mse)
        gain, mean = counting(signal, nmf, show)
        known = tuple(p for g in crystals for p in sizes[g].particles)
        # An aperture does not hold all of a spot.
        electrons = {
            number: float(mean[kept].sum()) * share_in_apertures(*source, detector)
            for number, source in sources.items()
        }
        per_thickness = {
            number: _per_thickness(
                [sizes[number].particles, known] if isinstance(asked.pattern, str) else [known],
                electrons[number],
            )
            for number in sources
        }
        if asked.fractions is None and not all(one.size for one in per_thickness.values()):
            raise ValueError(
                "No particle was measured that says how many electrons they take: give "
                "`fractions`, for instance [0.01, 0.05]."
            )
        sample = _sample(~skipped, nmf.settings)
        number = asked.number or max(int(sample.sum()) // _POSITIONS_EACH, 1)
        return cls(
            signal,
            nmf,
            sizes,
            known,
            sources,
            detector,
            per_thickness,
            electrons,
            sample,
            number,
            gain,
            show,
        )

    @property
    def step(self) -> float:
        """Step of the scan."""
        return float(np.sqrt(abs(self.sizes.pixel.x * self.sizes.pixel.y)))

    @property
    def _look(self) -> dict[str, Any]:
        """How particles of this scan look, as arguments of `Groups.particle_sizes`."""
        shape = self.sizes.shape if self.sizes.shape in ("disc", "sphere") else "auto"
        probe = self.sizes.probe_size if self.known and self.sizes.units == "nm" else None
        return {"shape": shape, "probe_size": probe}

    def first_diameters(self, asked: tuple[float, ...] | None) -> NDArray[np.float64]:
        """Diameters to begin with."""
        if asked is not None:
            return np.array(asked)
        found = [p.diameter for p in self.known if np.isfinite(p.diameter)]
        largest = max([_STEPS * self.step, *([float(np.median(found))] if found else [])])
        return np.geomspace(self.step, largest, _SIZES)

    def sow(
        self,
        diameters: NDArray[np.float64],
        fractions: tuple[float, ...] | None,
        run: int,
        rng: np.random.Generator,
    ) -> PlantedParticles:
        """Draw particles and places for them; those without a place are left out."""
        kinds = [(d, f) for d in diameters for f in fractions or (None,)]
        # Each kind as often as the others, but for one.
        order = np.concatenate([rng.permutation(len(kinds)) for _ in range(self.number)])
        chosen = [kinds[i] for i in order[: self.number]]
        sources = list(self.sources)
        pattern = np.array([sources[i % len(sources)] for i in range(self.number)])
        diameter = np.array([d for d, _ in chosen])
        fraction = np.array(
            [
                d * rng.choice(self.per_thickness[int(p)]) if f is None else f
                for (d, f), p in zip(chosen, pattern, strict=True)
            ]
        )
        places = scattered_places(self._free(), diameter / 2 / self.step, _GAP, rng)
        if np.isnan(places[:, 0]).all():
            raise ValueError(
                f"There is no room for a particle of {diameters.min():.3g} {self.sizes.units} or "
                f"more in {times(self.sample.shape[::-1])} positions beside those that are known: "
                "give smaller `diameters`, or a larger scan."
            )
        unknown = np.full(self.number, np.nan)
        drawn = PlantedParticles(
            places[:, 0] * self.sizes.pixel.x,
            places[:, 1] * self.sizes.pixel.y,
            diameter,
            fraction,
            pattern,
            rng.uniform(0, 360, self.number),
            np.full(self.number, run),
            np.zeros(self.number, bool),
            unknown,
            unknown.copy(),
        )
        return drawn._some(np.isfinite(places[:, 0]))

    def _free(self) -> NDArray[np.bool_]:
        """Positions of the sample without a known particle."""
        free = self.sample.copy()
        y, x = np.indices(free.shape)
        pixel = self.sizes.pixel
        for one in self.known:
            away = np.hypot(x * pixel.x - one.x, y * pixel.y - one.y)
            free &= away > np.fmax(one.diameter, self.step) / 2 + _GAP * self.step
        return free

    def reap(self, sown: PlantedParticles, seed: int) -> tuple[PlantedParticles, int]:
        """Make the analysis with particles planted, and see which were found."""
        patterns = self._patterns(sown)
        planting = self._planting(sown, patterns)
        data = changed(planted, self.signal.data, planting, seed)
        again = repeated(
            self.signal,
            self.nmf,
            data,
            left_out=~self.sample,
            more=len(sown),
            show_progressbar=self.show,
        )
        if again.n_components < 2:
            return sown, 0
        groups = again.hierarchical_cluster(show_progressbar=self.show).cut()
        sizes = groups.particle_sizes(**self._look)
        found = [
            p for g in range(len(groups)) if g not in groups.matrix for p in sizes[g].particles
        ]
        return self._compared(sown, patterns, again, found)

    def _compared(
        self,
        sown: PlantedParticles,
        patterns: NDArray[np.float64],
        again: Factorization,
        found: Sequence[Particle],
    ) -> tuple[PlantedParticles, int]:
        came_back = sown.found.copy()
        diameter, fraction = sown.found_diameter.copy(), sown.found_fraction.copy()
        false = 0
        for one in sorted(found, key=lambda p: -p.height):
            away = np.hypot(sown.x - one.x, sown.y - one.y)
            reach = np.maximum(np.fmax(sown.diameter, one.diameter) / 2, _GAP / 2 * self.step)
            near = np.flatnonzero(away <= reach)
            for number in near[np.argsort(away[near])]:
                own = again.patterns.data[one.component]
                if not came_back[number] and self._alike(own, patterns[number]):
                    came_back[number] = True
                    unit = self.electrons[int(sown.pattern[number])]
                    diameter[number], fraction[number] = one.diameter, one.height / unit
                    break
            false += not near.size and not self._is_known(one)
        return replace(
            sown, found=came_back, found_diameter=diameter, found_fraction=fraction
        ), false

    def _alike(self, first: NDArray[np.floating], second: NDArray[np.floating]) -> bool:
        kept = ~self.nmf.detector_mask
        a, b = (without_rings(p, kept, self.detector) for p in (first, second))
        return bool(a @ b > _ALIKE * np.linalg.norm(a) * np.linalg.norm(b))

    def _is_known(self, one: Particle) -> bool:
        return any(
            np.hypot(p.x - one.x, p.y - one.y)
            <= np.nan_to_num(np.fmax(p.diameter, one.diameter)) / 2 + _GAP * self.step
            for p in self.known
        )

    def _patterns(self, sown: PlantedParticles) -> NDArray[np.float64]:
        """Pattern of each particle on the scan's detector, of unit sum over the kept pixels."""
        kept = ~self.nmf.detector_mask
        drawn = []
        for number, angle in zip(sown.pattern.tolist(), sown.angle.tolist(), strict=True):
            spots, radius = self.sources[number]
            one = drawn_spots(spots.turned(angle), self.detector, radius)
            drawn.append(one / one[kept].sum())
        return np.array(drawn)

    def _planting(self, sown: PlantedParticles, patterns: NDArray[np.float64]) -> Planting:
        pixel, shape = self.sizes.pixel, self.sample.shape
        probe = self.sizes.probe_size if self.known else 0.0
        flat = np.arange(self.sample.size).reshape(shape)
        rows, columns, values = [], [], []
        for number in range(len(sown)):
            where, shares = footprint(
                (sown.x[number] / pixel.x, sown.y[number] / pixel.y),
                float(sown.diameter[number]),
                probe,
                (abs(pixel.x), abs(pixel.y)),
                (shape[0], shape[1]),
                sphere=self.sizes.shape != "disc",
            )
            rows.append(flat[where].ravel())
            columns.append(np.full(shares.size, number))
            values.append(sown.fraction[number] * shares.ravel())
        indices = (np.concatenate(rows), np.concatenate(columns))
        made = self.nmf.corrections
        return Planting(
            sparse.csr_array(
                (np.concatenate(values), indices), shape=(self.sample.size, len(sown))
            ),
            patterns,
            ~self.nmf.detector_mask,
            self.gain,
            None if made is None or made.shifts is None else made.shifts.reshape(-1, 2),
            None if made is None else made.gain,
        )


def _per_thickness(several: Sequence[Sequence[Particle]], electrons: float) -> NDArray[np.float64]:
    """Fraction over diameter of each of the first particles that were measured, ``(n,)``."""
    for particles in several:
        known = [
            p.height / electrons / p.diameter
            for p in particles
            if np.isfinite(p.diameter) and not p.at_edge and p.height > 0
        ]
        if known:
            return np.array(known)
    return np.empty(0)


def _sample(used: NDArray[np.bool_], settings: dict[str, Any]) -> NDArray[np.bool_]:
    """Part of a large scan that stands for all of it: where most of it is used."""
    tiles = settings["tiles"]
    if tiles is None:
        return used
    size = [_TILES * n for n in tiles[::-1]]
    if all(side >= n for side, n in zip(size, used.shape, strict=True)):
        return used
    share = ndimage.uniform_filter(used.astype(float), size, mode="constant")
    middle = np.unravel_index(share.argmax(), share.shape)
    inside = np.zeros_like(used)
    window = []
    for at, side, n in zip(middle, size, used.shape, strict=True):
        start = int(np.clip(at - side // 2, 0, max(n - side, 0)))
        window.append(slice(start, start + side))
    inside[tuple(window)] = True
    return inside & used


def checked_numbers(name: str, values: object) -> tuple[float, ...] | None:
    """Return some numbers above zero, or None.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    if values is None:
        return None
    given = np.atleast_1d(np.asarray(values))
    if given.dtype.kind not in "iuf" or given.ndim > 1 or not given.size:
        raise TypeError(f"`{name}` must be numbers > 0, got {values!r}.")
    if not ((given > 0) & np.isfinite(given)).all():
        raise ValueError(f"`{name}` must be numbers > 0, got {values!r}.")
    return tuple(float(value) for value in np.unique(given))


def checked_pattern(signal: BaseSignal, pattern: object) -> NDArray[np.float64]:
    """Return a pattern on the detector of a scan.

    Raises
    ------
    ValueError
        If it is of another shape.
    """
    values = np.asarray(getattr(pattern, "data", pattern), dtype=np.float64)
    if values.shape != signal.data.shape[-2:]:
        raise ValueError(
            f'`pattern` must be "groups" or a pattern of shape {signal.data.shape[-2:]} (array '
            f"order), got shape {values.shape}."
        )
    return values


def _median_ratio(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    ratios = (found / true)[np.isfinite(found)]
    return float(np.median(ratios) - 1) if ratios.size else np.nan
