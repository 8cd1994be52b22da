"""Specimens simulated from their atoms."""

import cloudpickle
import numpy as np
import pytest

from hs_nmfcluster.simulation import (
    Glass,
    Particle,
    Truth,
    UnitCell,
    nanocrystals_in_glass,
)
from hs_nmfcluster.simulation.crystal import ZRCU_B19
from hs_nmfcluster.simulation.grating import PhaseGrating
from hs_nmfcluster.simulation.optics import Microscope
from hs_nmfcluster.simulation.specimen import Specimen

GLASS = Glass(edge=2.5)
QUICK = {
    "scan_shape": (5, 7),
    "detector_shape": (28, 32),
    "pixel_size": 0.6,
    "convergence_angle": 1.5,
    "thickness": 5.0,
    "diameter": 3.0,
    "n_particles": 1,
    "glass": GLASS,
}


def centroid(pattern, x, y, radius):
    rows, columns = np.indices(pattern.shape)
    near = np.where(np.hypot(columns - x, rows - y) <= radius, pattern, 0)
    return np.array([(near * columns).sum(), (near * rows).sum()]) / near.sum()


class TestMicroscope:
    @pytest.mark.parametrize("center", [(31.5, 31.5), (20.3, 41.8)])
    def test_direct_beam(self, center):
        microscope = Microscope((64, 64), center, 0.2)
        pattern = microscope.pattern(np.ones((microscope.window,) * 2))
        assert pattern.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(centroid(pattern, *center, 64), center, atol=0.02)
        area = 1 / (pattern**2).sum() * 0.2**2
        assert area == pytest.approx(np.pi * microscope.disc_radius**2, rel=0.25)

    def test_probe_of_the_paper(self):
        microscope = Microscope((128, 128), (63.5, 63.5), 0.16)
        assert microscope.probe_width == pytest.approx(2.0, rel=0.02)
        line = np.abs(microscope.probe[microscope.window // 2]) ** 2
        above = np.flatnonzero(line >= line.max() / 2)
        width = (above[-1] - above[0]) * microscope.grid_pixel
        assert width == pytest.approx(microscope.probe_width, rel=0.05)

    def test_a_lattice_gives_spots_where_they_belong(self):
        microscope = Microscope((96, 80), (36.2, 50.7), 0.25, convergence_angle=1.0)
        g = np.array([3.1, -4.4])
        r = microscope.grid_pixel * np.arange(microscope.window)
        wave = 1 + 0.01j * np.cos(2 * np.pi * (g[0] * r + g[1] * r[:, np.newaxis]))
        pattern = microscope.pattern(wave)
        for sign in (1, -1):
            place = np.array(microscope.center) + sign * g / 0.25
            np.testing.assert_allclose(centroid(pattern, *place, 4), place, atol=0.05)

    def test_point_spread_keeps_the_electrons(self):
        sharp, soft = (
            Microscope((64, 64), (31.5, 31.5), 0.2, point_spread=spread) for spread in (0.0, 1.5)
        )
        wave = np.ones((sharp.window,) * 2)
        assert soft.pattern(wave).sum() == pytest.approx(sharp.pattern(wave).sum())
        assert soft.pattern(wave).max() < 0.7 * sharp.pattern(wave).max()


class TestSpecimen:
    @pytest.fixture(scope="class")
    @classmethod
    def specimen(cls):
        return Specimen(GLASS, 4.0, [], PhaseGrating(0.04, 300.0), seed=3, block=64)

    def test_any_part_comes_out_the_same(self, specimen):
        whole = specimen.transmission(-40, 10, 150)
        anew = Specimen(GLASS, 4.0, [], PhaseGrating(0.04, 300.0), seed=3, block=64)
        np.testing.assert_array_equal(anew.transmission(30, 60, 37), whole[50:87, 70:107])

    def test_blocks_join_without_seams(self, specimen):
        other = Specimen(GLASS, 4.0, [], PhaseGrating(0.04, 300.0), seed=3, block=100)
        np.testing.assert_allclose(
            specimen.transmission(-40, 10, 150), other.transmission(-40, 10, 150), atol=2e-3
        )

    def test_glass_does_not_repeat(self, specimen):
        period = round(GLASS.edge / 0.04)
        phase = np.angle(specimen.transmission(0, 0, 300))
        first, second = phase[:100, :100].ravel(), phase[:100, period : period + 100].ravel()
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.5

    def test_number_of_atoms(self, specimen):
        elements, positions = specimen._atoms(np.array([-7.0, 3.0]), np.array([8.0, 20.0]))
        assert len(elements) == pytest.approx(56 * 4.0 * 15 * 17, rel=0.03)
        assert positions[:, 0].min() < -6.9
        assert positions[:, 1].max() > 19.9


@pytest.mark.slow
class TestNanocrystalsInGlass:
    def test_same_for_every_chunking(self):
        eager = nanocrystals_in_glass(**QUICK)[0]
        for chunks in [(1, 7), (5, 2), None]:
            lazy = nanocrystals_in_glass(**QUICK, lazy=True, chunks=chunks)[0]
            assert lazy._lazy
            np.testing.assert_array_equal(lazy.data.compute(), eager.data)

    def test_graph_goes_to_other_processes(self):
        lazy = nanocrystals_in_glass(**QUICK, lazy=True)[0].data
        first = lazy.compute()
        sent = cloudpickle.dumps(lazy)
        # Blocks of the specimen that were made here stay here.
        assert len(sent) < 2e6
        np.testing.assert_array_equal(cloudpickle.loads(sent).compute(), first)

    def test_counts_are_poissonian(self):
        counts = nanocrystals_in_glass(**QUICK)[0].data
        expected = nanocrystals_in_glass(**QUICK, noise=False)[0].data
        residual = (counts - expected) / np.sqrt(expected)
        assert abs(residual.mean()) < 4 / np.sqrt(residual.size)
        assert residual.var() == pytest.approx(1, abs=0.05)

    def test_seed(self):
        same, again, other = (
            nanocrystals_in_glass(**QUICK, seed=seed, noise=False)[0].data for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(same, again)
        assert np.abs(same - other).max() > 0.1 * same.mean()

    def test_truth_goes_with_the_signal(self):
        signal, truth = nanocrystals_in_glass(**QUICK)
        loaded = Truth.from_signal(signal)
        np.testing.assert_array_equal(loaded.patterns, truth.patterns)
        assert truth.families == ("amorphous", "[001]")
        assert truth.symmetry == {"[001]": 2}
        assert 0 < truth.particle_fractions[0] < 1

    def test_any_part_of_a_huge_scan(self):
        arguments = {**QUICK, "scan_shape": (2000, 3000), "detector_shape": (128, 128)}
        arguments |= {"pixel_size": 0.15, "particles": (), "scan_step": 0.3, "lazy": True}
        signal = nanocrystals_in_glass(**arguments)[0]
        assert signal.data.nbytes > 1e11
        part = signal.inav[1500:1502, 900]
        part.compute(show_progressbar=False)
        assert (part.data.sum(axis=(1, 2)) > 0.9 * 1.5e6).all()

    @pytest.mark.parametrize("axis", [(0, 0, 1), (0, 1, 0)])
    def test_spots_lie_where_the_cell_puts_them(self, axis):
        name = "[" + "".join(map(str, axis)) + "]"
        _, truth = nanocrystals_in_glass(
            (3, 3),
            (128, 128),
            zone_axes=(axis,),
            mistilt=0.0,
            thickness=8.0,
            glass=GLASS,
            particles=[Particle(name, 25.0, (1, 1), 7.0)],
            lazy=True,
            center=(60.3, 66.1),
        )
        rotation = ZRCU_B19.orientation(axis, 25.0)
        vectors, _ = ZRCU_B19.zone(axis, 8.0, weakest=0.1)
        assert len(vectors) >= 8
        found = []
        for vector in vectors @ rotation.T:
            place = np.array(truth.center) + vector[:2] / 0.16
            offset = centroid(truth.patterns[1], *place, 3.5) - truth.center
            np.testing.assert_allclose(offset + truth.center, place, atol=0.15)
            found.append(1 / (0.16 * np.hypot(*offset)))
        expected = 1 / np.linalg.norm(vectors, axis=1)
        np.testing.assert_allclose(found, expected, rtol=5e-3)
        np.testing.assert_allclose(truth.spacings[name][0], expected.max(), rtol=0.3)

    def test_other_cells(self):
        copper = UnitCell(
            (0.3615,) * 3,
            (90.0,) * 3,
            ("Cu",) * 4,
            ((0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)),
        )
        _, truth = nanocrystals_in_glass(**QUICK, cell=copper, zone_axes=((0, 0, 1),), lazy=True)
        assert truth.symmetry == {"[001]": 4}
        np.testing.assert_allclose(truth.spacings["[001]"][:2], [0.18075, 0.12781], rtol=1e-5)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"thickness": 0.0}, "thickness must be positive"),
            ({"mistilt": -1.0}, "mistilt must be"),
            ({"zone_axes": ()}, "zone_axes must be"),
            ({"zone_axes": ((0, 0, 0),)}, "zone_axes must be"),
            ({"particles": [Particle("[777]", 0, (1, 1))]}, r"\[777\]"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            nanocrystals_in_glass(**{**QUICK, **arguments})


@pytest.mark.slow
class TestGlassPattern:
    """The halo and its speckle."""

    @pytest.fixture(scope="class")
    @classmethod
    def scan(cls):
        # Steps wider than the probe: every position sees other atoms.
        return nanocrystals_in_glass(
            (6, 6),
            (96, 96),
            particles=(),
            scan_step=4.0,
            thickness=10.0,
            pixel_size=0.2,
            noise=False,
            glass=Glass(edge=5.0),
        )

    @staticmethod
    def peak(frequency, intensity):
        top = (intensity > 0.75 * intensity.max()) & (np.abs(frequency - 4.1) < 0.8)
        curve = np.polynomial.Polynomial.fit(frequency[top], intensity[top], 3)
        fine = np.linspace(frequency[top].min(), frequency[top].max(), 500)
        return fine[curve(fine).argmax()]

    def test_halo_radius_follows_from_the_packing(self, scan):
        from hs_nmfcluster.simulation.scattering import scattering_factor

        signal, truth = scan
        mean = signal.data.mean(axis=(0, 1))
        rows, columns = np.indices(mean.shape)
        radius = np.hypot(columns - truth.center[0], rows - truth.center[1])
        ring = np.round(2 * radius).astype(int)
        counts = np.bincount(ring.ravel())
        used = np.flatnonzero(counts > 0)
        profile = np.bincount(ring.ravel(), mean.ravel())[used] / counts[used]
        found = self.peak(used * 0.1, np.where(used * 0.1 > 2, profile, 0))

        # Independently: |sum f exp(2 pi i q r)|^2 over all q that the periodic cube allows.
        elements, positions = Glass(edge=5.0).pack(seed=0)
        n = np.stack(np.meshgrid(*[np.arange(-30, 31)] * 3), axis=-1).reshape(-1, 3)
        q = np.linalg.norm(n, axis=1) / 5.0
        inside = (q > 3.0) & (q < 5.2)
        chosen = np.random.default_rng(0).permutation(np.flatnonzero(inside))[:6000]
        n, q = n[chosen], q[chosen]
        amplitude = np.zeros(len(q), dtype=complex)
        for name in np.unique(elements):
            waves = np.exp(2j * np.pi / 5.0 * (n @ positions[elements == name].T))
            amplitude += scattering_factor(name, q) * waves.sum(axis=1)
        intensity = np.abs(amplitude) ** 2 * np.exp(-0.005 * q**2 / 2)
        bins = np.round(q / 0.1).astype(int)
        counts = np.maximum(np.bincount(bins), 1)
        expected = self.peak(0.1 * np.arange(counts.size), np.bincount(bins, intensity) / counts)
        assert found == pytest.approx(expected, rel=0.005)

    def test_beam_is_far_above_the_halo(self, scan):
        signal, truth = scan
        mean = signal.data.mean(axis=(0, 1))
        assert mean.max() > 100 * mean[~truth.detector_mask].max()

    def test_speckle(self, scan):
        signal, _ = scan
        radius = 0.2 * np.hypot(*(np.indices((96, 96)) - 47.5))
        ring = np.abs(radius - 4.1) < 0.3
        values = signal.data[:, :, ring]
        # Fully coherent speckle would have a contrast of 1; a pixel averages over part of one.
        contrast = values.std(axis=(0, 1)) / values.mean(axis=(0, 1))
        assert 0.5 < contrast.mean() < 1.1
        first, second = values[0, 0], values[3, 4]
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.3

    def test_mean_matrix_is_the_truth(self, scan):
        signal, truth = scan
        keep = ~truth.detector_mask
        mean = signal.data.mean(axis=(0, 1))[keep] / 1.5e6
        difference = mean.sum() / truth.patterns[0][keep].sum() - 1
        assert abs(difference) < 0.03
