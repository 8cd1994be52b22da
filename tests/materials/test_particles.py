from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest
from scipy import special

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.materials.particles import (
    Particle,
    background_and_noise,
    find_particles,
    once_each,
    width_of_mean_particle,
)
from hs_nmfcluster.materials.sizes import GroupSizes
from hs_nmfcluster.results.sizes import ParticleSizes
from hs_nmfcluster.scan.units import PixelSize


def discs(positions, diameter=5.0, *, shape=(50, 60), blur=0.6, noise=0.0, level=0.2, seed=0):
    y, x = np.indices(shape)
    scan = np.full(shape, float(level))
    for u, v in positions:
        away = np.hypot(x - u, y - v)
        scan += special.erfc((away - diameter / 2) / blur / np.sqrt(2)) / 2
    return scan + noise * np.random.default_rng(seed).normal(size=shape)


class TestSegmentation:
    @pytest.mark.parametrize("diameter", [4.0, 6.5, 12.0])
    @pytest.mark.parametrize("noise", [0.0, 0.05])
    def test_diameter(self, diameter, noise):
        positions = [(12.3, 14.8), (40.1, 30.2)]
        found = find_particles(discs(positions, diameter, noise=noise))
        assert len(found) == 2
        for particle in found:
            assert particle.diameter == pytest.approx(diameter, rel=0.06)
            assert abs(particle.diameter - diameter) < 3 * max(particle.sigma, 0.1)
            distances = np.hypot(*(np.array(positions) - (particle.x, particle.y)).T)
            assert distances.min() < 0.15

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

    def test_constant_map(self):
        assert find_particles(np.ones((9, 9))) == []

    def test_steps_that_differ(self):
        y, x = np.indices((40, 80))
        away = np.hypot(0.5 * (x - 40), y - 20)
        (particle,) = find_particles(1.0 * (away < 5), scale=(0.5, 1.0))
        assert (particle.x, particle.y) == pytest.approx((20, 20))
        assert particle.diameter == pytest.approx(10, rel=0.05)

    def test_background(self):
        level, noise = background_and_noise(discs([(20, 20), (40, 20)], 9, noise=0.05))
        assert level == pytest.approx(0.2, abs=0.01)
        assert noise == pytest.approx(0.05, rel=0.15)


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


class TestGroupsOfParticles:
    def test_counts_and_diameters(self, groups, specimen, family):
        sizes = groups.particle_sizes()
        of_component = np.array(specimen.families)[specimen.particle_components]
        for name, group in zip(family, sizes, strict=True):
            assert len(group.particles) == (of_component == name).sum()
            if name != "amorphous":
                assert group.mean[0] == pytest.approx(7.0, rel=0.03)
                assert group.mean_width == pytest.approx(7.0, rel=0.03)
                np.testing.assert_allclose(group.diameters, 7.0, rtol=0.06)

    def test_positions(self, groups, specimen):
        found = [(p.x, p.y) for group in groups.particle_sizes() for p in group.particles]
        for position in 1.5 * specimen.particle_positions:
            assert np.hypot(*(np.array(found) - position).T).min() < 0.3

    def test_probe_is_removed_in_quadrature(self, groups, family):
        number = family.index("B")
        plain, less = groups.particle_sizes(), groups.particle_sizes(2.0)
        for one, other in zip(plain[number].particles, less[number].particles, strict=True):
            assert other.diameter == pytest.approx(np.sqrt(one.diameter**2 - 4))
        assert less[number].mean_width == pytest.approx(np.sqrt(plain[number].mean_width ** 2 - 4))
        assert groups.particle_sizes(50.0)[number].mean[0] == 0

    def test_sphere(self, groups, family):
        """Half of the squared thickness of a sphere is left at its radius over √2."""
        y, x = np.indices((60, 60))
        intensity = np.maximum(1 - np.hypot(x - 30, y - 30) ** 2 / 20.0**2, 0)
        (found,) = find_particles(intensity)
        assert found.diameter * np.sqrt(2) == pytest.approx(40, rel=0.06)
        number = family.index("A")
        disc, sphere = (groups.particle_sizes(shape=s)[number] for s in ("disc", "sphere"))
        np.testing.assert_allclose(sphere.diameters, np.sqrt(2) * disc.diameters)
        assert sphere.mean_width == pytest.approx(np.sqrt(2) * disc.mean_width)

    def test_pixels_where_the_scan_is_not_calibrated(self, remade, family):
        sizes = remade(scan_units="").particle_sizes()
        assert sizes.units == "px"
        assert "scan not calibrated" in repr(sizes)
        assert sizes[family.index("A")].mean[0] == pytest.approx(7 / 1.5, rel=0.03)

    def test_angstroms(self, remade, family):
        sizes = remade(scan_units="Å").particle_sizes()
        assert sizes[family.index("A")].mean[0] == pytest.approx(0.7, rel=0.03)

    def test_number_density_counts_the_edge_half(self, groups, family):
        sizes = groups.particle_sizes()
        number = family.index("C")
        n = sizes[number].effective_number
        density, error = sizes.number_density(number)
        assert density == pytest.approx(n / (48 * 52 * 1.5**2))
        assert error == pytest.approx(density / np.sqrt(n))

    def test_found_twice_counts_once(self):
        one = Particle(3.0, 4.0, 7.0, 0.1, False, 1.0, 0)
        other = Particle(13.0, 4.0, 7.0, 0.1, False, 1.0, 1)
        again = Particle(4.0, 4.0, 7.0, 0.1, False, 2.0, 1)
        assert once_each([one, other, again]) == [again, other]

    def test_repr(self, groups, family):
        line = repr(groups.particle_sizes()).splitlines()[1 + family.index("amorphous")]
        assert line.endswith("no particles")


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
    def test_dataframe(self, groups):
        pytest.importorskip("pandas")
        frame = groups.particle_sizes().to_dataframe()
        assert len(frame) == 14
        assert set(frame.units) == {"nm"}
        assert set(frame.component) <= set(range(len(groups.tree)))

    def test_signal(self, groups, family, tmp_path):
        sizes = groups.particle_sizes()
        signal = sizes.to_signal()
        signal.save(tmp_path / "particles.hspy")
        signal = hs.load(tmp_path / "particles.hspy")
        assert signal.data.max() == 14
        assert signal.data[family.index("amorphous")].max() == 0
        assert [axis.scale for axis in signal.axes_manager.signal_axes] == [1.5, 1.5]

    def test_histogram(self, groups):
        counts, edges = groups.particle_sizes().histogram([5, 6, 7, 8])
        assert counts.sum() == 14
        assert edges.tolist() == [5, 6, 7, 8]

    def test_figure(self, groups, family):
        figure = groups.particle_sizes().plot(bins=5)
        assert [ax.get_label() for ax in figure.axes][-1] == "histogram"
        assert len(figure.axes[family.index("amorphous")].patches) == 0


class TestDensity:
    def test_particles_at_the_edge_count_half(self):
        """Two of three particles lie inside: 2 + 1/2, over the area of the scan."""
        whole = Particle(5.0, 5.0, 3.0, 0.1, False, 1.0)
        cut = replace(whole, at_edge=True)
        maps = np.zeros((1, 10, 20)), PixelSize(0.5, 0.5, "nm")
        group = GroupSizes((whole, whole, cut), np.nan, np.nan)
        sizes = ParticleSizes((group,), "nm", 50.0, None, maps)
        density, error = sizes.number_density(0)
        assert density == pytest.approx(2.5 / 50)
        assert error == pytest.approx(np.sqrt(2.5) / 50)
