from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.materials.orientation import (
    compare,
    rotation_curve,
    rotational_symmetry,
    strongest_component,
)


def polar(order, *, angle=0.0, n=360, noise=0.0, width=3.0, seed=0):
    """Two rings of spots, the outer one rotated, both `order`-fold."""
    phi = np.arange(n) * 360 / n
    rows = []
    for turn in (0.0, 17.0):
        away = (phi - angle - turn + 180 / order) % (360 / order) - 180 / order
        rows.append(np.exp(-(away**2) / (2 * width**2)))
    pattern = np.stack([rows[0], np.full(n, 0.5), rows[1]])
    return pattern + noise * np.random.default_rng(seed).normal(size=pattern.shape)


class TestCorrelation:
    def test_naive(self):
        rng = np.random.default_rng(0)
        one, other = rng.random((2, 3, 24))
        curve = rotation_curve(one, other)
        for shift in range(24):
            moved = np.roll(other, shift, axis=1)
            a, b = (p - p.mean(axis=1, keepdims=True) for p in (one, moved))
            assert curve[shift] == pytest.approx(
                (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
            )

    def test_halo_says_nothing(self):
        assert (rotation_curve(np.ones((3, 8)), np.ones((3, 8))) == 0).all()

    def test_unmeasured_bins(self):
        pattern = polar(2)
        pattern[:, 100:120] = np.nan
        assert np.isfinite(rotation_curve(pattern, polar(2))).all()


class TestSymmetry:
    @pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
    @pytest.mark.parametrize("noise", [0.0, 0.15])
    @pytest.mark.parametrize("n", [180, 360, 500])
    def test_orders(self, order, noise, n):
        assert rotational_symmetry(polar(order, noise=noise, n=n)) == order

    def test_noise_has_none(self):
        assert rotational_symmetry(np.random.default_rng(0).random((9, 360))) == 1

    def test_rectangle_is_no_square(self):
        pattern = polar(4)
        pattern[0] *= 1 + 0.8 * np.cos(2 * np.deg2rad(np.arange(360)))
        pattern[2] *= 1 + 0.8 * np.cos(2 * np.deg2rad(np.arange(360) - 17))
        assert rotational_symmetry(pattern) == 2


class TestAngles:
    @pytest.mark.parametrize("order", [1, 2, 4, 6])
    def test_angle(self, order):
        angle = 0.31 * 360 / order
        found = compare(polar(order, angle=angle, noise=0.2), polar(order), order, near=angle + 2)
        assert found.angle == pytest.approx(angle, abs=0.3)
        assert 0.5 < found.confidence <= 1

    def test_sigma_is_the_scatter_of_the_angles(self):
        rng = np.random.default_rng(0)
        phi = np.arange(360.0)
        away = (phi - rng.uniform(0, 180, (16, 1)) + 90) % 180 - 90
        true = np.exp(-np.square(away / 3) / 2) * rng.uniform(0.5, 1, (16, 1))
        pulls = []
        for _ in range(100):
            noisy = np.roll(true, 5, axis=1) + rng.normal(scale=0.3, size=true.shape)
            found = compare(noisy, true, 2, near=5)
            pulls.append((found.angle - 5) / found.sigma)
        assert 0.75 < np.std(pulls) < 1.3
        assert abs(np.mean(pulls)) < 0.4

    def test_the_equivalent_nearest_to_what_was_known(self):
        found = compare(polar(4, angle=10), polar(4), 4, near=-170)
        assert found.angle == pytest.approx(-170, abs=0.1)

    def test_confidence_falls_with_noise(self):
        noisy = [compare(polar(2, noise=s), polar(2), 2, 0).confidence for s in (0, 0.5, 3)]
        assert noisy[0] > noisy[1] > noisy[2]

    @pytest.mark.parametrize("n", range(5, 60, 2))
    def test_a_single_peak_is_unmistakable(self, n):
        """With two samples at the bottom, nothing may lie between the flanks."""
        pattern = np.cos(np.arange(n) * 2 * np.pi / n)[None]
        assert compare(np.roll(pattern, 2, axis=1), pattern, 1, near=0).confidence == 1

    def test_nothing_to_compare(self):
        assert compare(np.ones((3, 360)), polar(2), 2, 0).confidence == 0

    def test_two_peaks_are_ambiguous(self):
        twins = polar(2) + polar(2, angle=60)
        assert compare(twins, polar(2), 2, 0).confidence < 0.1


class TestOrientationMap:
    def test_angles_modulo_symmetry(self, groups, specimen):
        found = groups.orientation_map()
        for number, members in enumerate(groups):
            family = specimen.families[members[0]]
            if family == "amorphous":
                assert found.symmetry[number] == 0
                assert np.isnan(found.angles[members]).all()
                continue
            assert found.symmetry[number] == specimen.symmetry[family]
            period = found.periods[number]
            true = specimen.angles[members] - specimen.angles[members[0]]
            errors = (found.angles[members] - true + period / 2) % period - period / 2
            assert np.abs(errors).max() < 0.2
            assert found.angles[members[0]] == 0
            assert (found.confidence[members] > 0.9).all()

    def test_no_angle_beyond_the_period(self, groups):
        """A fourfold pattern turned by 100° is one turned by 10°."""
        found = groups.orientation_map()
        periods = np.array(found.periods)[found.labels]
        known = np.isfinite(found.angles)
        assert (found.angles[known] < periods[known]).all()
        assert (periods[known] < 360).all()

    def test_noise(self, remade, specimen):
        groups = remade(noise=0.2)
        found = groups.orientation_map()
        errors, sigmas = [], []
        for number, members in enumerate(groups):
            if found.symmetry[number]:
                period = found.periods[number]
                true = specimen.angles[members] - specimen.angles[members[0]]
                errors += list((found.angles[members] - true + period / 2) % period - period / 2)
                sigmas += list(found.sigma[members])
        assert len(errors) == 9
        assert np.median(np.abs(errors)) < 1
        turned = np.array(sigmas) > 0
        assert turned.sum() == 9 - sum(order > 0 for order in found.symmetry)
        pulls = np.array(errors)[turned] / np.array(sigmas)[turned]
        assert 0.4 < np.sqrt(np.mean(np.square(pulls))) < 2

    def test_image(self, groups, specimen):
        found = groups.orientation_map()
        for place, k in zip(
            specimen.particle_positions.round().astype(int),
            specimen.particle_components,
            strict=True,
        ):
            assert found.angle_maps[groups.labels[k]][place[1], place[0]] == found.angles[k]
        covered = np.isfinite(found.angle_maps).sum() * 1.5**2
        assert covered == pytest.approx(14 * np.pi * 3.5**2, rel=0.1)

    def test_signal(self, groups, tmp_path):
        found = groups.orientation_map()
        for quantity in ("angle", "confidence"):
            path = tmp_path / f"{quantity}.hspy"
            found.to_signal(quantity).save(path)
            signal = hs.load(path)
            assert signal.axes_manager.signal_axes[0].units == "nm"
            np.testing.assert_array_equal(signal.data, getattr(found, f"{quantity}_maps"))
        with pytest.raises(ValueError, match="quantity"):
            found.to_signal("colour")

    def test_repr(self, groups, family):
        lines = repr(groups.orientation_map()).splitlines()[1:]
        assert "no spots, no angle" in lines[family.index("amorphous")]
        assert "4-fold pattern, modulo 90°" in lines[family.index("B")]

    def test_just_below_a_whole_turn_is_said_as_none(self, groups, family):
        angles, group = groups.orientation_map(), family.index("B")
        members = angles.labels == group
        turned = replace(angles, angles=np.where(members, 89.99, angles.angles))
        assert turned.describe(group).count(": 0.0°") == members.sum()
        assert "90.0°" not in turned.describe(group)

    def test_dataframe(self, groups):
        pytest.importorskip("pandas")
        frame = groups.orientation_map().to_dataframe()
        particles = groups.particle_sizes().to_dataframe()
        merged = particles.merge(frame, on=["component", "group"])
        assert len(merged) == 14
        assert merged.angle.notna().all()

    def test_figure(self, groups):
        figure = groups.orientation_map().plot()
        assert sum(ax.get_label().startswith("wheel") for ax in figure.axes) == 3

    def test_line_scan(self, groups, specimen):
        row = round(specimen.particle_positions[0, 1])
        line = hs.signals.Signal1D(groups.tree.maps.data[:, row])
        found = ClusterTree.from_patterns(groups.tree.patterns, line).cut(n_groups=4)
        angles = found.orientation_map()
        assert angles.angle_maps.shape == (4, 52)
        assert np.isfinite(angles.angle_maps).any()
        figure = angles.plot()
        assert len(figure.axes) == 6
        for ax in figure.axes[::2]:
            np.testing.assert_allclose(ax.get_xlim(), (0, 51))
            assert ax.lines[0].get_marker() == "."

    def test_no_maps(self, groups):
        tree = ClusterTree.from_patterns(groups.tree.patterns)
        with pytest.raises(ValueError, match="needs maps"):
            tree.cut(n_groups=2).orientation_map()

    def test_positions_belong_to_the_strongest(self):
        maps = np.zeros((2, 1, 9))
        maps[0, 0, 2:5], maps[1, 0, 4:7] = 2.0, 3.0
        owners = strongest_component(maps, np.zeros(2, int), np.ones(2, bool), 1)
        assert owners[0, 0].tolist() == [-1, -1, 0, 0, 1, 1, 1, -1, -1]
