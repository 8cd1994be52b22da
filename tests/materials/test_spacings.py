import builtins

import hyperspy.api as hs
import numpy as np
import pytest

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.words import group_name


def pulls(groups, truth):
    """Relative error and error over sigma of every spacing, to the nearest true one."""
    errors, pulls = [], []
    for members, spacings in zip(groups, groups.lattice_spacings(), strict=True):
        true = np.array(truth.spacings.get(truth.families[members[0]], ()))
        for spacing in spacings:
            nearest = true[np.abs(true - spacing.d).argmin()]
            errors.append(abs(spacing.d / nearest - 1))
            pulls.append(abs(spacing.d - nearest) / spacing.sigma)
    return np.array(errors), np.array(pulls)


class TestSpacings:
    @pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
    def test_truth(self, specimen, remade, noise):
        errors, deviations = pulls(remade(noise=noise), specimen)
        assert errors.size == 8
        assert errors.max() < 1e-3
        assert (deviations < 2).all()

    def test_many_spots_do_not_average_what_pixels_leave(self, groups):
        pixel = groups.patterns.axes_manager.signal_axes[0].scale
        for ring in (ring for of_group in groups.lattice_spacings() for ring in of_group):
            assert ring.sigma / ring.d * ring.radius > 0.025 * pixel

    @pytest.mark.parametrize("off", [(0.3, 0.2), (-0.6, 0.7)])
    def test_wrong_beam_center(self, specimen, remade, off):
        errors, deviations = pulls(remade(off=off), specimen)
        assert errors.size == 8
        assert errors.max() < 5e-3
        assert (deviations < 2).mean() >= 0.9

    def test_amorphous_group_has_no_spots_but_a_halo(self, groups, family):
        spacings = groups.lattice_spacings()
        number = family.index("amorphous")
        assert spacings[number] == ()
        assert spacings.groups[number].halo.radius == pytest.approx(4.1, abs=0.05)
        assert "no spots; halo at 4." in repr(spacings)

    def test_number_of_spots_on_a_ring(self, groups, family):
        spacings = groups.lattice_spacings()
        counts = {name: [s.n_spots for s in spacings[k]] for k, name in enumerate(family)}
        assert counts == {"amorphous": [], "A": [2, 2, 4, 2], "B": [4, 4, 4], "C": [6]}

    def test_background_of_the_amorphous_group(self, groups, family):
        own = groups.lattice_spacings()
        other = groups.lattice_spacings(background=family.index("amorphous"))
        for first, second in zip(own, other, strict=True):
            assert [s.d for s in first] == pytest.approx([s.d for s in second], rel=5e-4)

    def test_spots_of_one_component_are_not_the_groups(self, remade):
        groups = remade()
        patterns = groups.tree.patterns.deepcopy()
        patterns.data[2:] = patterns.data[0]
        spacings = ClusterTree.from_patterns(patterns).cut(n_groups=1).lattice_spacings()
        assert spacings[0] == ()
        assert spacings.groups[0].exceptions == (1,)

    def test_which_components_have_spots(self, groups, specimen):
        np.testing.assert_array_equal(groups.spot_shares > 0, specimen.crystalline)

    def test_radial_range(self, groups, family):
        (spacing,) = groups.lattice_spacings(radial_range=(3, 5))[family.index("A")]
        assert spacing.d == pytest.approx(0.259, rel=1e-3)


class TestCalibration:
    def test_pixels_where_it_is_missing(self, remade, family):
        groups = remade(pixel_size=1.0, units="")
        spacings = groups.lattice_spacings()
        assert not spacings.calibrated
        assert "axes not calibrated: radii in px" in repr(spacings)
        first = spacings[family.index("A")][0]
        assert np.isnan(first.d)
        assert first.radius == pytest.approx(1 / 0.259 / 0.2, rel=1e-3)

    def test_known_ring(self, remade, family):
        spacings = remade(pixel_size=1.0, units="").lattice_spacings()
        ring = spacings[family.index("A")][0].radius
        calibrated = spacings.calibrate(ring, 0.259)
        assert calibrated[family.index("B")][0].d == pytest.approx(0.228, rel=1e-3)

    def test_known_spacing(self, groups, family):
        spacings = groups.lattice_spacings().calibrate(0.259, 0.2642, error=0.01)
        spacing = spacings[family.index("B")][0]
        assert spacing.d == pytest.approx(0.228 * 1.02, rel=1e-3)
        assert spacing.sigma == pytest.approx(0.01 * spacing.d, rel=0.01)

    def test_other_reciprocal_units(self, remade, family):
        spacings = remade(pixel_size=0.02, units="$A^{-1}$").lattice_spacings()
        assert spacings[family.index("B")][0].d == pytest.approx(0.228, rel=1e-3)

    def test_scattering_angles(self, remade, family):
        groups = remade(pixel_size=0.2 * 1.9687, units="mrad")
        assert not groups.lattice_spacings().calibrated
        spacings = groups.lattice_spacings(beam_energy=300)
        assert spacings[family.index("B")][0].d == pytest.approx(0.228, rel=1e-3)

    def test_camera_error(self, groups, family):
        spacing = groups.lattice_spacings(camera_error=0.02)[family.index("B")][0]
        assert spacing.sigma == pytest.approx(0.02 * 0.228, rel=0.01)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"background": 9}, ValueError),
            ({"beam_energy": 300e3}, ValueError),
            ({"beam_energy": "300"}, TypeError),
            ({"background": 1.5}, TypeError),
            ({"threshold": 0}, ValueError),
            ({"min_spots": 0}, ValueError),
            ({"min_intensity": 1.0}, ValueError),
            ({"camera_error": -0.1}, ValueError),
            ({"radial_range": (3, 1)}, ValueError),
            ({"camera_error": "1%"}, TypeError),
        ],
    )
    def test_arguments(self, groups, options, error):
        with pytest.raises(error, match=next(iter(options)).replace("radial_range", "radii")):
            groups.lattice_spacings(**options)

    @pytest.mark.parametrize(("measured", "known"), [(0, 1), (1, -1), ("a", 1)])
    def test_calibration(self, groups, measured, known):
        with pytest.raises((TypeError, ValueError), match=r"measured|known"):
            groups.lattice_spacings().calibrate(measured, known)


class TestViews:
    def test_dataframe(self, groups, family):
        pytest.importorskip("pandas")
        frame = groups.lattice_spacings().to_dataframe()
        assert len(frame) == 9
        halo = frame[frame.group == group_name(family.index("amorphous"))].iloc[0]
        assert halo.spots == 0
        assert np.isnan(halo.spacing)
        assert halo.halo_radius == pytest.approx(4.1, abs=0.05)

    def test_dataframe_without_pandas(self, groups, monkeypatch):
        import_ = builtins.__import__

        def no_pandas(name, *args, **kwargs):
            if name == "pandas":
                raise ImportError(name)
            return import_(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", no_pandas)
        with pytest.raises(ImportError, match="pip install pandas"):
            groups.lattice_spacings().to_dataframe()

    def test_signal_is_saved(self, groups, tmp_path):
        signal = groups.lattice_spacings().to_signal()
        signal.save(tmp_path / "profiles.hspy")
        again = hs.load(tmp_path / "profiles.hspy")
        np.testing.assert_allclose(again.data, signal.data)
        assert again.axes_manager["r"].units == "1/nm"

    def test_figure(self, groups, family):
        figure = groups.lattice_spacings().plot()
        texts = [text.get_text() for text in figure.axes[family.index("B")].texts]
        assert texts == ["0.228 nm", "0.161 nm", "0.114 nm"]
