from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest
from materials.spotted import groups_of, pattern_of
from scipy import ndimage, special

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.materials.crystal_maps import find_crystals
from hs_nmfcluster.materials.mean_particle import width_of_mean_particle
from hs_nmfcluster.materials.outlines import find_look
from hs_nmfcluster.materials.particles import Particle, find_particles, once_each
from hs_nmfcluster.materials.profiles import PROFILES
from hs_nmfcluster.materials.segments import background_and_noise, find_segments
from hs_nmfcluster.materials.sizes import GroupSizes, measure_particles
from hs_nmfcluster.results.sizes import ParticleSizes
from hs_nmfcluster.scan.units import PixelSize


def discs(positions, diameter=5.0, *, shape=(50, 60), blur=0.6, noise=0.0, level=0.2, seed=0):
    y, x = np.indices(shape)
    scan = np.full(shape, float(level))
    for u, v in positions:
        away = np.hypot(x - u, y - v)
        scan += special.erfc((away - diameter / 2) / blur / np.sqrt(2)) / 2
    return scan + noise * np.random.default_rng(seed).normal(size=shape)


def look_of(shapes, noise=0.003, seed=0, radius=4.0, narrowest=None):
    """What is said of particles of the profiles of some shapes, one after the other."""
    y, x = np.indices((60, 100))
    image, places = np.zeros((60, 100)), [(u, v) for v in (12, 32, 50) for u in (12, 36, 60, 85)]
    for (u, v), shape in zip(places, shapes, strict=True):
        away = np.hypot(x - u - 0.3, y - v + 0.2)
        image += PROFILES[shape](away / radius, radius / 1.33)
    noisy = image + noise * np.random.default_rng(seed).normal(size=image.shape)
    # A map is nowhere negative.
    return find_look(find_segments(np.maximum(noisy, 0.0)), narrowest=narrowest)


class TestLook:
    @pytest.mark.parametrize("shape", ["disc", "sphere"])
    def test_particles_of_one_shape(self, shape):
        look = look_of([shape] * 12)
        assert look.name == shape
        assert look.probe == pytest.approx(1.33, rel=0.1)

    def test_particles_that_do_not_agree_decide_nothing(self):
        look = look_of(["disc"] * 4 + ["sphere"] * 8)
        assert look.name == "disc or sphere"

    @pytest.mark.parametrize("shape", ["disc", "sphere"])
    def test_a_probe_is_not_narrower_than_diffraction_lets_it_be(self, shape):
        look = look_of([shape] * 12, noise=0.04, seed=3, radius=2.33, narrowest=1.33)
        assert look.name == shape
        assert look.probe >= 1.33
        if shape == "disc":
            assert look_of([shape] * 12, noise=0.04, seed=3, radius=2.33).name != shape

    def test_one_that_is_neither_changes_nothing(self):
        assert look_of(["disc"] * 11 + ["sphere"]).name == "disc"


class TestSegmentation:
    @pytest.mark.parametrize("diameter", [4.0, 6.5, 12.0])
    @pytest.mark.parametrize("noise", [0.0, 0.05])
    def test_diameter(self, diameter, noise):
        positions = [(12.3, 14.8), (40.1, 30.2)]
        found = find_particles(discs(positions, diameter, noise=noise), shape="disc")
        assert len(found) == 2
        for particle in found:
            assert particle.diameter == pytest.approx(diameter, rel=0.06)
            assert abs(particle.diameter - diameter) < 3 * max(particle.sigma, 0.02)
            distances = np.hypot(*(np.array(positions) - (particle.x, particle.y)).T)
            assert distances.min() < 0.15

    @pytest.mark.slow
    def test_count_of_many(self):
        x, y = np.meshgrid(np.arange(7, 55, 9), np.arange(6, 46, 9))
        positions = np.stack([x.ravel(), y.ravel()], axis=1) + 0.37
        found = find_particles(discs(positions, noise=0.08))
        assert len(found) == len(positions)
        assert not any(particle.at_edge for particle in found)

    def test_neighbours_two_pixels_apart(self):
        assert len(find_particles(discs([(20, 20), (27, 20)], 5.0))) == 2

    def test_edge_of_the_scan(self):
        found = find_particles(discs([(0.5, 20), (30, 20)]))
        assert sorted((round(p.x), p.at_edge) for p in found) == [(1, True), (30, False)]

    def test_edge_of_what_was_measured(self):
        scan = discs([(30, 20)])
        scan[:, 31:] = np.nan
        (particle,) = find_particles(scan)
        assert particle.at_edge

    def test_weak_ghosts_do_not_count(self):
        scan = discs([(20, 20)]) + 0.2 * discs([(40, 30)], level=0)
        assert len(find_particles(scan)) == 1
        assert len(find_particles(scan, min_height=0.1)) == 2

    @pytest.mark.parametrize("seed", range(10))
    def test_noise_holds_none(self, seed):
        assert find_particles(discs([], noise=0.1, seed=seed)) == []

    @pytest.mark.parametrize("seed", range(5))
    def test_speckle_holds_none(self, seed):
        """Sums of few exponential variates have far more high summits than noise."""
        grains = np.random.default_rng(seed).exponential(size=(60, 60))
        assert find_particles(ndimage.gaussian_filter(grains, 0.8)) == []

    @pytest.mark.parametrize("noise", [0.0, 0.1])
    def test_touching_discs_are_two(self, noise):
        scan = discs([(20, 20), (30, 20)], 10.0, noise=noise)
        found = find_particles(scan, shape="disc")
        assert len(found) == 2
        assert [p.diameter for p in found] == pytest.approx([10, 10], rel=0.06)

    @pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0])
    @pytest.mark.parametrize("seed", range(3))
    def test_an_elongated_one_is_one(self, ratio, seed):
        y, x = np.indices((50, 60))
        turned = (x - 30) * np.cos(0.5) + (y - 25) * np.sin(0.5)
        across = (y - 25) * np.cos(0.5) - (x - 30) * np.sin(0.5)
        away = 4 * (np.hypot(turned / ratio, across) / 4 - 1)
        ellipse = special.erfc(away / 0.8 / np.sqrt(2)) / 2
        ellipse += 0.05 * np.random.default_rng(seed).normal(size=ellipse.shape)
        (found,) = find_particles(ellipse, shape="disc")
        assert found.aspect_ratio == pytest.approx(ratio, rel=0.1)
        assert found.diameter == pytest.approx(8 * np.sqrt(ratio), rel=0.06)
        assert found.axis_angle == pytest.approx(np.rad2deg(0.5), abs=6)

    @pytest.mark.parametrize(
        "distance", [*(pytest.param(d, marks=pytest.mark.slow) for d in (16, 12)), 10.5]
    )
    def test_maps_that_particles_cover(self, distance):
        """From a third to two thirds of the map."""
        x, y = np.meshgrid(np.arange(8, 94, distance), np.arange(8, 94, distance))
        positions = np.stack([x.ravel(), y.ravel()], axis=1)
        found = find_particles(discs(positions, 10.0, shape=(100, 100), noise=0.05), shape="disc")
        assert len(found) == len(positions)
        assert np.mean([p.diameter for p in found]) == pytest.approx(10, rel=0.03)

    def test_what_is_narrower_than_the_probe_has_no_diameter(self):
        y, x = np.indices((40, 40))
        dot = np.exp(-((x - 20.3) ** 2 + (y - 19.6) ** 2) / (2 * 1.5**2))
        (found,) = find_particles(dot, probe_size=2.355 * 1.5, shape="disc")
        assert np.isnan([found.diameter, found.sigma, found.long_axis]).all()
        assert (found.x, found.y) == pytest.approx((20.3, 19.6), abs=0.05)

    def test_constant_map(self):
        assert find_particles(np.ones((9, 9))) == []

    def test_steps_that_differ(self):
        y, x = np.indices((40, 80))
        away = np.hypot(0.5 * (x - 40), y - 20)
        disc = special.erfc((away - 5) / 0.5 / np.sqrt(2)) / 2
        (particle,) = find_particles(disc, scale=(0.5, 1.0), shape="disc")
        assert (particle.x, particle.y) == pytest.approx((20, 20))
        assert particle.diameter == pytest.approx(10, rel=0.05)

    def test_background(self):
        level, noise = background_and_noise(discs([(20, 20), (40, 20)], 9, noise=0.05))
        assert level == pytest.approx(0.2, abs=0.01)
        assert noise == pytest.approx(0.05, rel=0.15)

    def test_background_is_a_tenth(self):
        rng = np.random.default_rng(0)
        scan = np.where(np.arange(4000) < 480, 0.0, rng.uniform(3, 5, 4000)).reshape(40, 100)
        level, noise = background_and_noise(scan + 0.1 * rng.normal(size=scan.shape))
        assert level == pytest.approx(0, abs=0.03)
        assert noise == pytest.approx(0.1, rel=0.2)


class TestLooks:
    """Shape and probe are found from the outlines, all particles together."""

    def drawn(self, shape, radius, probe, *, noise=0.02, seed=0):
        y, x = np.indices((60, 80))
        scan = noise * np.random.default_rng(seed).normal(size=x.shape)
        for u, v in [(15.2, 14.7), (40.6, 20.1), (62.3, 42.4), (20.8, 44.9)]:
            away = np.hypot(x - u, y - v)
            scan += PROFILES[shape](away / radius, radius / probe)
        return scan

    @pytest.mark.parametrize("shape", ["disc", "sphere"])
    @pytest.mark.parametrize("radius", [4.0, 6.0])
    def test_shape(self, shape, radius):
        found = find_particles(self.drawn(shape, radius, 1.4))
        assert [p.diameter for p in found] == pytest.approx([2 * radius] * 4, rel=0.02)

    @pytest.mark.parametrize("shape", ["disc", "sphere"])
    def test_a_probe_that_is_known(self, shape):
        scan = self.drawn(shape, 3.0, 2.0)
        found = find_particles(scan, shape=shape, probe_size=2.0)
        assert [p.diameter for p in found] == pytest.approx([6.0] * 4, rel=0.03)

    def test_errors_hold(self):
        pulls = []
        for seed in range(6):
            found = find_particles(self.drawn("disc", 3.0, 1.4, noise=0.1, seed=seed), shape="disc")
            pulls += [(p.diameter - 6.0) / p.sigma for p in found]
        assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.5


class TestCrystals:
    """Parts into which a factorization splits crystals."""

    def split(self):
        """Two crystals at one angle, of which one has a rim of its own; and one at another."""
        y, x = np.indices((30, 40))
        core = 1.0 * (np.hypot(x - 10, y - 15) < 3)
        rim = 1.0 * (np.hypot(x - 10, y - 15) < 5) - core
        other = 1.0 * (np.hypot(x - 25, y - 12) < 4)
        turned = 1.0 * (np.hypot(x - 32, y - 22) < 4)
        pair = pattern_of([(12.0, 0), (12.0, 180), (20.0, 90), (20.0, 270)], halo=0.2)
        weak = pattern_of([(12.0, 0), (12.0, 180), (20.0, 90), (20.0, 270)], height=0.5, halo=0.3)
        cross = pattern_of([(12.0, 40), (12.0, 220)], halo=0.2)
        groups = groups_of(pair, weak, cross, pattern_of([], halo=1.0))
        maps = np.stack([core + other, 2 * rim, turned, np.ones(x.shape)]) + 0.05
        return groups, maps

    def test_parts_of_one_crystal_are_one(self):
        groups, maps = self.split()
        crystals = find_crystals(groups, maps)
        assert [set(parts) for parts in crystals.parts] == [{0, 1}, {2}]
        sizes, _ = measure_particles(groups, maps, maps, scale=(1.0, 1.0), shape="disc")
        assert [len(group.particles) for group in sizes] == [2, 0, 1, 0]
        found = sorted(sizes[0].diameters)
        assert found == pytest.approx([8, 10], rel=0.06)

    def test_many_angles_stay_apart_where_apertures_cover_much_of_their_rings(self):
        y, x = np.indices((30, 60))
        maps = [1.0 * (np.hypot(x - 7 - 11 * n, y - 15) < 3.2) for n in range(5)]
        u, v = 8.0 * (np.indices((9, 9)).reshape(2, -1) - 4)
        r, angle = np.hypot(u, v), np.rad2deg(np.arctan2(v, u))
        net = [(a, b) for a, b in zip(r, angle, strict=True) if 0 < a < 30]
        turned = [[(a, b + 18.0 * n) for a, b in net] for n in range(5)]
        groups = groups_of(*(pattern_of(one, halo=0.1) for one in turned), pattern_of([], halo=1.0))
        every = np.stack([*maps, np.ones(x.shape)])
        assert sorted(find_crystals(groups, every).parts) == [(n,) for n in range(5)]
        sizes, _ = measure_particles(groups, every, every, scale=(1.0, 1.0), shape="disc")
        assert [len(group.particles) for group in sizes] == [1] * 5 + [0]

    def test_only_what_is_a_crystal_is_looked_at(self):
        groups, maps = self.split()
        chosen = replace(groups, crystalline=np.array([False, False, True, False]))
        sizes, _ = measure_particles(chosen, maps, maps, scale=(1.0, 1.0))
        assert [len(group.particles) for group in sizes] == [0, 0, 1, 0]

    def test_no_crystal(self):
        groups, maps = self.split()
        none = replace(groups, crystalline=np.zeros(4, dtype=bool))
        sizes, _ = measure_particles(none, maps, maps, scale=(1.0, 1.0))
        assert [len(group.particles) for group in sizes] == [0] * 4


class TestMeanParticle:
    @pytest.mark.parametrize("diameter", [3.0, 5.0, 11.0])
    def test_disc(self, diameter):
        scan = discs([(30.2, 24.6)], diameter, noise=0.02)
        width, sigma = width_of_mean_particle(scan, scale=(1.5, 1.5))
        assert width == pytest.approx(1.5 * diameter, rel=0.03)
        assert abs(width - 1.5 * diameter) < 2 * sigma

    def test_gaussian(self):
        y, x = np.indices((40, 40))
        scan = np.exp(-((x - 20) ** 2 + (y - 19.5) ** 2) / (2 * 2.0**2))
        assert width_of_mean_particle(scan)[0] == pytest.approx(2.355 * 2, rel=0.06)

    def test_none(self):
        assert np.isnan(width_of_mean_particle(np.zeros((9, 9)))).all()


class TestLimits:
    """95 % of the limits hold what they are limits of."""

    @pytest.mark.parametrize("number", [2, 4, 20])
    def test_of_the_mean_diameter(self, number):
        rng, held = np.random.default_rng(number), 0
        for _ in range(400):
            diameters = 7 + 0.5 * rng.standard_normal(number)
            own = tuple(Particle(0.0, 0.0, d, 0.05, False, 1.0) for d in diameters)
            low, high = GroupSizes(own, np.nan, np.nan).mean_limits
            held += low <= 7 <= high
        # 380 are expected, with a standard deviation of 4.4.
        assert 365 < held < 395

    def test_of_the_mean_diameter_hold_what_all_particles_share(self):
        own = tuple(Particle(0.0, 0.0, 7.0 + 0.001 * n, 0.001, False, 1.0) for n in range(50))
        low, high = GroupSizes(own, np.nan, np.nan, common_error=0.04).mean_limits
        assert high - low == pytest.approx(2 * 1.96 * 0.04 * 7.02, rel=0.01)
        assert np.isnan(GroupSizes((), np.nan, np.nan).mean_limits).all()

    @pytest.mark.parametrize("expected", [0.5, 3.0, 20.0])
    def test_of_the_number(self, expected):
        one = Particle(0.0, 0.0, 7.0, 0.1, False, 1.0)
        rng, held = np.random.default_rng(0), 0
        for n in rng.poisson(expected, 400):
            low, high = GroupSizes((one,) * n, np.nan, np.nan).number_limits
            held += low <= expected <= high
        assert held > 372

    def test_of_none_that_was_found(self):
        assert GroupSizes((), np.nan, np.nan).number_limits == pytest.approx((0, 3.689), abs=1e-3)


@pytest.fixture(scope="module")
def sizes(groups):
    return groups.particle_sizes()


class TestGroupsOfParticles:
    def test_counts_and_diameters(self, sizes, specimen, family):
        of_component = np.array(specimen.families)[specimen.particle_components]
        for name, group in zip(family, sizes, strict=True):
            assert len(group.particles) == (of_component == name).sum()
            if name != "amorphous":
                assert group.mean[0] == pytest.approx(7.0, rel=0.03)
                assert group.mean_width == pytest.approx(7.0, rel=0.03)
                np.testing.assert_allclose(group.diameters, 7.0, rtol=0.06)

    def test_positions(self, sizes, specimen):
        found = [(p.x, p.y) for group in sizes for p in group.particles]
        for position in 1.5 * specimen.particle_positions:
            assert np.hypot(*(np.array(found) - position).T).min() < 0.3

    def test_probe_and_shape_are_found(self, sizes):
        assert sizes.shape == "disc"
        assert sizes.probe_size == pytest.approx(2.0, rel=0.1)

    @pytest.mark.parametrize(("angle", "least"), [(0.4, 2.53), (None, 0.0), ("wide", 0.0)])
    def test_probe_is_not_narrower_than_diffraction_lets_it_be(self, groups, angle, least):
        tree = groups.tree
        patterns = tree.patterns.deepcopy()
        patterns.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 300.0)
        if angle is not None:
            patterns.metadata.set_item("Acquisition_instrument.TEM.convergence_angle", angle)
        told = ClusterTree.from_patterns(patterns, tree.maps).cut(n_groups=len(groups))
        probe = told.particle_sizes().probe_size
        assert probe >= least
        assert least or probe == pytest.approx(2.0, rel=0.1)

    def test_probe_larger_than_the_particles(self, groups, family):
        sizes = groups.particle_sizes(50.0)
        assert np.isnan(sizes[family.index("B")].mean[0])
        assert "too small to measure" in sizes.describe(family.index("B"))
        assert sizes.plot().axes

    def test_a_disc_taken_for_a_sphere(self, groups, family):
        disc, sphere = (groups.particle_sizes(shape=s) for s in ("disc", "sphere"))
        ratio = sphere[family.index("A")].mean[0] / disc[family.index("A")].mean[0]
        assert 1.15 < ratio < 1.35
        assert sphere[family.index("A")].mean[1] > 0.03 * sphere[family.index("A")].mean[0]

    def test_pixels_where_the_scan_is_not_calibrated(self, remade, family):
        sizes = remade(scan_units="").particle_sizes()
        assert sizes.units == "px"
        assert "scan not calibrated" in repr(sizes)
        assert sizes[family.index("A")].mean[0] == pytest.approx(7 / 1.5, rel=0.03)

    def test_angstroms(self, remade, family):
        sizes = remade(scan_units="Å").particle_sizes()
        assert sizes[family.index("A")].mean[0] == pytest.approx(0.7, rel=0.03)

    def test_number_density_counts_the_edge_half(self, sizes, family):
        number = family.index("C")
        n = sizes[number].effective_number
        density, error = sizes.number_density(number)
        assert density == pytest.approx(n / (48 * 52 * 1.5**2))
        assert error == pytest.approx(density / np.sqrt(n))

    def test_found_twice_counts_once(self):
        assert once_each([(4.0, 4.0, 3.5), (3.0, 4.0, 3.5), (13.0, 4.0, 3.5)]) == [0, 2]

    def test_once_each_as_by_comparing_all(self):
        rng = np.random.default_rng(0)
        places = [tuple(p) for p in rng.uniform(0, [100, 100, 6], (300, 3))]
        slow: list[int] = []
        for k, (x, y, r) in enumerate(places):
            others = [places[j] for j in slow]
            if all(np.hypot(x - u, y - v) > max(r, s) for u, v, s in others):
                slow.append(k)
        assert once_each(places) == slow

    def test_repr(self, sizes, family):
        assert "amorphous" in family
        assert repr(sizes).splitlines()[-1] == "  iv: no particles>"


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"probe_size": -2.0}, ValueError),
            ({"probe_size": "2 nm"}, TypeError),
            ({"min_height": 1.2}, ValueError),
            ({"units": "furlong"}, ValueError),
            ({"shape": "cube"}, ValueError),
        ],
    )
    def test_arguments(self, groups, options, error):
        with pytest.raises(error, match=next(iter(options))):
            groups.particle_sizes(**options)

    @pytest.mark.parametrize("options", [{"units": "nm"}, {"probe_size": 2.0}])
    def test_nm_of_a_scan_that_is_not_calibrated(self, remade, options):
        with pytest.raises(ValueError, match=r"needs calibrated scan axes.* 'px'"):
            remade(scan_units="").particle_sizes(**options)

    def test_no_maps(self, groups):
        tree = ClusterTree.from_patterns(groups.tree.patterns)
        with pytest.raises(ValueError, match="need maps"):
            tree.cut(n_groups=2).particle_sizes()

    def test_line_scan(self, groups):
        line = hs.signals.Signal1D(groups.tree.maps.data[:, 5])
        tree = ClusterTree.from_patterns(groups.tree.patterns, line)
        with pytest.raises(ValueError, match="scan along two axes"):
            tree.cut(n_groups=2).particle_sizes()

    @pytest.mark.parametrize("part", [np.s_[:, 5:6], np.s_[:, :, 7:8]])
    def test_line_scan_along_one_of_two_axes(self, groups, part):
        line = hs.signals.Signal2D(groups.tree.maps.data[part])
        tree = ClusterTree.from_patterns(groups.tree.patterns, line)
        with pytest.raises(ValueError, match=r"two axes; this one is a line of \d+ positions"):
            tree.cut(n_groups=2).particle_sizes()


class TestViews:
    def test_dataframe(self, sizes, groups):
        pytest.importorskip("pandas")
        frame = sizes.to_dataframe()
        assert len(frame) == 14
        assert set(frame.units) == {"nm"}
        assert set(frame.component) <= set(range(len(groups.tree)))

    def test_signal(self, sizes, family, tmp_path):
        signal = sizes.to_signal()
        signal.save(tmp_path / "particles.hspy")
        signal = hs.load(tmp_path / "particles.hspy")
        assert signal.data.max() == 14
        assert signal.data[family.index("amorphous")].max() == 0
        assert [axis.scale for axis in signal.axes_manager.signal_axes] == [1.5, 1.5]

    def test_histogram(self, sizes):
        counts, edges = sizes.histogram([5, 6, 7, 8])
        assert counts.sum() == 14
        assert edges.tolist() == [5, 6, 7, 8]

    def test_figure(self, sizes, family):
        figure = sizes.plot(bins=5)
        assert [ax.get_label() for ax in figure.axes][-1] == "histogram"
        assert len(figure.axes[family.index("amorphous")].patches) == 0


class TestDensity:
    def test_particles_at_the_edge_count_half(self):
        """Two of three particles lie inside: 2 + 1/2, over the area of the scan."""
        whole = Particle(5.0, 5.0, 3.0, 0.1, False, 1.0)
        cut = replace(whole, at_edge=True)
        maps = np.zeros((1, 10, 20)), PixelSize(0.5, 0.5, "nm")
        group = GroupSizes((whole, whole, cut), np.nan, np.nan)
        sizes = ParticleSizes((group,), "nm", 50.0, 1.0, "disc", maps)
        density, error = sizes.number_density(0)
        assert density == pytest.approx(2.5 / 50)
        assert error == pytest.approx(np.sqrt(2.5) / 50)
