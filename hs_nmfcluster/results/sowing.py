"""Particles that are planted in a scan, the analysis that is made once more, and what came back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray
from scipy import sparse

from hs_nmfcluster.bridge.axes import detector_of
from hs_nmfcluster.engine.mapping import changed
from hs_nmfcluster.materials.apertures import without_rings
from hs_nmfcluster.materials.brightness import Brightness
from hs_nmfcluster.materials.particles import Particle
from hs_nmfcluster.materials.planting import (
    Planting,
    planted,
    scattered_places,
    share_in_apertures,
)
from hs_nmfcluster.materials.recall import RecallFit
from hs_nmfcluster.materials.spots import Spots
from hs_nmfcluster.results.detection_limit import DetectionLimit
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.groups import Groups
from hs_nmfcluster.results.planted import PlantedParticles
from hs_nmfcluster.results.repeating import counting, repeated
from hs_nmfcluster.results.seeds import (
    GAP,
    AskedParticles,
    drawn_pattern,
    footprint_of,
    free_positions,
    per_thickness_of,
    sample_of,
    sources_of,
)
from hs_nmfcluster.results.sizes import ParticleSizes
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.words import times

# A particle is found where something was found whose pattern correlates with its own by so much.
_ALIKE = 0.5
# Positions of the scan for each particle that is planted in it at a time: with more of them they
# would be harder to find than the specimen's own.
_POSITIONS_EACH = 180
# Analyses that are made; the later ones where those before have found the limit to lie.
_RUNS = 3
# Diameters of the first of them, from one step to so many, or to the largest that was found; and of
# the others, within this factor of the limit.
_SIZES, _STEPS, _WITHIN = 6, 8.0, 1.35


def find_limit(
    signal: BaseSignal,
    groups: Groups,
    nmf: Factorization,
    asked: AskedParticles,
    show_progressbar: bool | None,
) -> DetectionLimit:
    """Plant particles, make the analysis once more, and count what comes back, three times.

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
        PlantedParticles.together(runs),
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
    together = PlantedParticles.together(runs)
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
        Fraction over diameter of a particle as bright as each of the known ones, by number of the
        source.
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
        limits = groups._arrays.limits
        own = sources_of({g: groups.patterns.data[g] for g in crystals}, straight, limits)
        sources = own
        if not isinstance(asked.pattern, str):
            sources = sources_of({0: asked.pattern}, detector, limits)
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
        sample = sample_of(~skipped, nmf.settings)
        brightness = Brightness(
            groups._local_maps,
            nmf.patterns.data,
            mean,
            kept,
            detector,
            gain,
            nmf.settings["weighting"] == "poisson",
        )
        free = free_positions(~skipped, known, sizes.pixel)
        measured = {
            g: per_thickness_of(
                sizes, g, drawn_pattern(own[g], 0.0, detector, kept), brightness, free
            )
            for g in own
        }
        every = np.concatenate([np.empty(0), *measured.values()])
        per_thickness = {
            n: every if sources is not own or not measured[n].size else measured[n] for n in sources
        }
        # An aperture does not hold all of a spot.
        electrons = {
            number: float(mean[kept].sum()) * share_in_apertures(*source, detector)
            for number, source in sources.items()
        }
        if asked.fractions is None and not all(one.size for one in per_thickness.values()):
            raise ValueError(
                "No particle was measured that says how many electrons they take: give "
                "`fractions`, for instance [0.01, 0.05]."
            )
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
        free = free_positions(self.sample, self.known, self.sizes.pixel)
        places = scattered_places(free, diameter / 2 / self.step, GAP, rng)
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
        return drawn.some(np.isfinite(places[:, 0]))

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
            reach = np.maximum(np.fmax(sown.diameter, one.diameter) / 2, GAP / 2 * self.step)
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
            <= np.nan_to_num(np.fmax(p.diameter, one.diameter)) / 2 + GAP * self.step
            for p in self.known
        )

    def _patterns(self, sown: PlantedParticles) -> NDArray[np.float64]:
        """Pattern of each particle on the scan's detector, of unit sum over the kept pixels."""
        kept, numbers = ~self.nmf.detector_mask, zip(sown.pattern, sown.angle, strict=True)
        drawn = [
            drawn_pattern(self.sources[int(n)], angle, self.detector, kept) for n, angle in numbers
        ]
        return np.array(drawn)

    def _planting(self, sown: PlantedParticles, patterns: NDArray[np.float64]) -> Planting:
        flat = np.arange(self.sample.size).reshape(self.sample.shape)
        rows, columns, values = [], [], []
        for number in range(len(sown)):
            place = float(sown.x[number]), float(sown.y[number])
            where, shares = footprint_of(
                self.sizes, place, float(sown.diameter[number]), self.sample.shape
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
