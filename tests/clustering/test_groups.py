import hyperspy.api as hs
import numpy as np
import pytest

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, Groups, NMFDiffraction2D
from hs_nmfcluster.clustering.averages import aligned_average, rotated_average
from hs_nmfcluster.scan.detector import Detector

FAMILIES = np.array([1, 0, 1, 2, 0, 2, 1, 0, 2, 1, 0])


def specimen_of(draw, *, center=(30.3, 31.1), scale=(1.0, 1.0), shape=(64, 60)):
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 360, len(FAMILIES))
    geometry = {"center": center, "scale": scale, "shape": shape}
    patterns = NMFDiffraction2D(draw.family_patterns(FAMILIES, angles, **geometry))
    for axis, position, step in zip(patterns.axes_manager.signal_axes, center, scale, strict=True):
        axis.scale, axis.offset, axis.units = step, -position * step, "1/nm"
    return patterns, angles


@pytest.fixture(scope="module")
def specimen(draw):
    patterns, angles = specimen_of(draw)
    positions = np.random.default_rng(1).uniform((6, 6), (24, 19), (len(FAMILIES), 2))
    maps = hs.signals.Signal2D(np.array([draw.particle(p) for p in positions]))
    for axis, step in zip(maps.axes_manager.signal_axes, (1.5, 2.0), strict=True):
        axis.scale, axis.units = step, "nm"
    return patterns, maps, angles, positions


@pytest.fixture(scope="module")
def groups(specimen):
    return ClusterTree.from_patterns(*specimen[:2]).cut(n_groups=3)


class TestMembers:
    def test_numbered_by_first_component(self, groups):
        np.testing.assert_array_equal(groups.labels, [[1, 0, 2][f] for f in FAMILIES])

    def test_behaves_like_a_list_of_members(self, groups):
        assert len(groups) == 3
        assert [m.tolist() for m in groups] == [[0, 2, 6, 9], [1, 4, 7, 10], [3, 5, 8]]
        assert groups[2].tolist() == [3, 5, 8]

    def test_repr(self, groups):
        assert repr(groups).splitlines()[1] == "  i: 4 – 0, 2, 6, 9"


class TestRotations:
    @staticmethod
    def errors(groups, angles, draw):
        errors = np.empty(len(angles))
        for members in groups:
            period = draw.symmetry[FAMILIES[members[0]]]
            true = angles[members] - angles[members[0]]
            errors[members] = draw.wrapped(groups.rotations[members] - true, period)
        return np.abs(errors)

    def test_of_drawn_patterns(self, groups, specimen, draw):
        assert self.errors(groups, specimen[2], draw).max() < 0.1
        np.testing.assert_array_equal(groups.rotations[[0, 1, 3]], 0)
        assert np.abs(groups.rotations).max() <= 180

    def test_of_noisy_patterns(self, specimen, draw):
        noisy = specimen[0].deepcopy()
        noisy.data = np.random.default_rng(2).poisson(20 * noisy.data + 1).astype("u2")
        groups = ClusterTree.from_patterns(noisy).cut(n_groups=3)
        assert self.errors(groups, specimen[2], draw).max() < 0.7

    def test_on_pixels_that_are_not_square(self, draw):
        patterns, angles = specimen_of(draw, center=(30.0, 49.5), scale=(1.0, 0.6), shape=(100, 60))
        groups = ClusterTree.from_patterns(patterns).cut(n_groups=3)
        assert self.errors(groups, angles, draw).max() < 0.2

    def test_of_groups_of_maps(self, specimen, draw):
        maps = hs.signals.Signal2D(
            np.array([draw.particle((15, 12), width=1.5 + f) for f in FAMILIES])
        )
        groups = ClusterTree.from_patterns(specimen[0], maps, by="maps").cut(n_groups=3)
        np.testing.assert_array_equal(groups.labels, [[1, 0, 2][f] for f in FAMILIES])
        assert self.errors(groups, specimen[2], draw).max() < 0.1


class TestPatterns:
    def test_equal_the_first_of_the_group(self, groups, specimen):
        for pattern, members in zip(groups.patterns.data, groups, strict=True):
            first = specimen[0].data[members[0]]
            inside = np.isfinite(pattern) & groups.tree.grid.pixels
            # Bilinear interpolation lowers the peaks of spots a pixel wide.
            assert np.abs(pattern - first)[inside].max() < 0.2
            assert np.corrcoef(pattern[inside], first[inside])[0, 1] > 0.99

    def test_signal(self, groups, specimen):
        patterns = groups.patterns
        assert type(patterns) is NMFDiffraction2D
        assert patterns.axes_manager.navigation_axes[0].name == "group"
        for axis, expected in zip(
            patterns.axes_manager.signal_axes,
            specimen[0].axes_manager.signal_axes,
            strict=True,
        ):
            np.testing.assert_array_equal(axis.axis, expected.axis)
            assert axis.units == "1/nm"

    def test_masked_pixels_come_from_other_members(self, specimen, groups):
        masked = specimen[0].deepcopy()
        masked.data[:, :, 34:37] = np.nan
        patterns = ClusterTree.from_patterns(masked).cut(n_groups=3).patterns.data
        assert np.isfinite(patterns[:, 15:45, 34:37]).mean() > 0.9

    def test_beam_masked_in_all_stays_masked(self, specimen, groups):
        masked = specimen[0].deepcopy()
        radius = groups.tree.grid.detector.radius()
        masked.data[:, radius < 6] = np.nan
        patterns = ClusterTree.from_patterns(masked).cut(n_groups=3).patterns.data
        assert np.isnan(patterns[:, radius < 4.5]).all()
        assert np.isfinite(patterns[:, (radius > 7) & (radius < 28)]).all()

    def test_parts_of_crystals_do_not_count(self, specimen, groups):
        patterns = specimen[0].deepcopy()
        patterns.data[2] = np.roll(patterns.data[2], 1, axis=1)
        tree = ClusterTree.from_patterns(patterns)
        tree.hosts[2] = 0
        of_parts = tree.cut(n_groups=3)
        assert of_parts[0].tolist() == [0, 2, 6, 9]
        whole, detector = [0, 6, 9], tree.grid.detector
        expected = rotated_average(patterns.data[whole], -of_parts.rotations[whole], detector)
        np.testing.assert_allclose(of_parts.patterns.data[0], expected)
        np.testing.assert_allclose(of_parts.patterns.data[1:], groups.patterns.data[1:], atol=1e-6)


class TestRotatedAverage:
    @pytest.mark.parametrize("angle", [30.0, -125.4])
    def test_moves_spots_by_the_angle(self, draw, angle):
        net = [(12.0, 20.0), (18.0, 110.0)]
        geometry = {"shape": (90, 70), "center": (33.2, 46.7), "scale": (1.0, 0.8), "width": 3}
        detector = Detector((90, 70), (33.2, 46.7), scale=(1.0, 0.8))
        pattern, expected = (draw.spots(a, net, **geometry) for a in (0, angle))
        rotated = rotated_average(pattern[None], [angle], detector)
        inside = detector.ring(0, 25)
        np.testing.assert_allclose(rotated[inside], expected[inside], atol=0.03)

    def test_no_rotation_changes_nothing(self):
        patterns = np.random.default_rng(0).random((2, 8, 9))
        patterns[0, 3, 4] = np.nan
        average = rotated_average(patterns, [0.0, 0.0], Detector((8, 9), (4, 4)))
        np.testing.assert_allclose(average, np.nanmean(patterns, axis=0))


class TestMaps:
    def test_sums(self, groups, specimen):
        for total, members in zip(groups.maps.data, groups, strict=True):
            np.testing.assert_allclose(total, specimen[1].data[members].sum(axis=0))

    def test_shifts(self, groups, specimen):
        positions = specimen[3]
        for members in groups:
            true = (positions[members] - positions[members[0]])[:, ::-1]
            np.testing.assert_allclose(groups.shifts[members], true, atol=0.1)
        np.testing.assert_allclose(groups.calibrated_shifts, groups.shifts * [1.5, 2.0])

    def test_aligned_maps_show_one_particle(self, groups, specimen, draw):
        positions = specimen[3]
        for average, members in zip(groups.aligned_maps.data, groups, strict=True):
            first = positions[members[0]]
            offset = np.round((positions[members] - first).mean(axis=0))
            expected = draw.particle(first + offset)
            inside = np.isfinite(average)
            np.testing.assert_allclose(average[inside], expected[inside], atol=0.06)

    def test_signals(self, groups):
        for maps in (groups.maps, groups.aligned_maps):
            assert maps.axes_manager.navigation_axes[0].name == "group"
            assert [a.scale for a in maps.axes_manager.signal_axes] == [1.5, 2.0]

    @pytest.mark.parametrize("shape", [(40,), (3, 20, 18)])
    def test_other_scans(self, specimen, draw, shape):
        rng = np.random.default_rng(3)
        n = len(FAMILIES)
        if len(shape) == 1:
            x = np.arange(40)
            centers = rng.uniform(8, 30, (n, 1))
            maps = hs.signals.Signal1D(np.exp(-((x - centers) ** 2) / 8))
        else:
            centers = np.column_stack([np.ones(n), rng.uniform(5, 13, (n, 2))])
            data = np.zeros((n, *shape))
            for one, center in zip(data, centers, strict=True):
                one[1] = draw.particle(center[1:], shape=shape[1:])
            maps = hs.signals.Signal2D(data)
        groups = ClusterTree.from_patterns(specimen[0], maps).cut(n_groups=3)
        for members in groups:
            true = (centers[members] - centers[members[0]])[:, ::-1]
            np.testing.assert_allclose(groups.shifts[members], true, atol=0.15)
        assert groups.maps.data.shape == groups.aligned_maps.data.shape == (3, *shape)
        assert groups.plot().axes

    def test_masked_positions(self, specimen):
        maps = specimen[1].deepcopy()
        maps.data[:, :3, :3] = np.nan
        groups = ClusterTree.from_patterns(specimen[0], maps).cut(n_groups=3)
        assert np.isnan(groups.maps.data[:, :3, :3]).all()
        assert np.isfinite(groups.aligned_maps.data[:, 10:20, 8:15]).all()

    def test_maps_that_were_compared(self, specimen):
        tree = ClusterTree.from_patterns(*specimen[:2], by="maps")
        groups = tree.cut(n_groups=1)
        true = (specimen[3] - specimen[3][0])[:, ::-1]
        np.testing.assert_allclose(groups.shifts, true, atol=0.15)
        plain = ClusterTree.from_patterns(*specimen[:2], by="maps", metric="cosine").cut(n_groups=1)
        np.testing.assert_array_equal(plain.shifts, 0)

    def test_without_maps(self, specimen):
        groups = ClusterTree.from_patterns(specimen[0]).cut(n_groups=3)
        assert groups.maps is None
        assert groups.aligned_maps is None
        assert groups.shifts is None
        assert groups.calibrated_shifts is None
        assert groups.plot().axes


class TestAlignedAverage:
    def test_particle_at_the_rim_is_seen_whole(self, draw):
        positions = np.array([[1.0, 1.0], [15.0, 12.0], [20.0, 14.0]])
        maps = np.array([draw.particle(p) for p in positions])
        average = aligned_average(maps, positions[0] - positions)
        assert np.nanmax(average) == pytest.approx(1, abs=0.02)
        peak = np.unravel_index(np.nanargmax(average), average.shape)
        np.testing.assert_allclose(peak, positions.mean(axis=0), atol=0.6)

    def test_no_edge_where_a_flat_map_ends(self):
        y, x = np.indices((12, 14))
        particle = np.exp(-((y - 5) ** 2 + (x - 6) ** 2) / 4)
        average = aligned_average(
            np.stack([particle, np.full((12, 14), 7.0)]), np.array([[0.0, 0.0], [5.0, -6.0]])
        )
        rim = np.delete(average, slice(1, -1), axis=0)
        np.testing.assert_allclose(rim[np.isfinite(rim)], 3.5, atol=0.1)

    def test_constant(self):
        maps = np.full((2, 10, 10), 3.0)
        average = aligned_average(maps, np.array([[0.0, 0.0], [3.4, -2.0]]))
        np.testing.assert_allclose(average[np.isfinite(average)], 3)


class TestPlot:
    def test_rows(self, groups, tmp_path):
        figure = groups.plot()
        figure.savefig(tmp_path / "groups.png")
        assert len(figure.axes) >= 9
        assert groups.plot(scaling="linear").axes


@pytest.mark.slow
class TestSave:
    @pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
    @pytest.mark.parametrize("where", [{"n_groups": 3}, {"distance": 0.3}, {"n_groups": 1}])
    def test_round_trip(self, specimen, tmp_path, suffix, where):
        groups = ClusterTree.from_patterns(*specimen[:2]).cut(**where)
        groups.save(tmp_path / f"groups{suffix}")
        back = hs_nmfcluster.load(tmp_path / f"groups{suffix}")
        assert type(back) is Groups
        assert repr(back) == repr(groups)
        assert back.distance == groups.distance
        np.testing.assert_array_equal(back.kept, groups.kept)
        np.testing.assert_array_equal(back.rotations, groups.rotations)
        np.testing.assert_array_equal(back.shifts, groups.shifts)
        np.testing.assert_allclose(back.patterns.data, groups.patterns.data)
        assert repr(back.lattice_spacings()) == repr(groups.lattice_spacings())
        assert repr(back.particle_sizes()) == repr(groups.particle_sizes())
        assert len(back.tree.cut(n_groups=2)) == 2

    def test_hyperspy_opens_it(self, groups, tmp_path):
        groups.save(tmp_path / "groups.hspy")
        loaded = hs.load(tmp_path / "groups.hspy")
        np.testing.assert_array_equal(loaded.data, groups.tree.patterns.data)
