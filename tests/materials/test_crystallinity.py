import hyperspy.api as hs
import numpy as np
import pytest
from materials.spotted import groups_of as groups_of_patterns
from materials.spotted import pattern_of

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.materials.crystallinity import _with_cut_spots
from hs_nmfcluster.materials.segments import what_stands_out


@pytest.fixture(scope="module")
def shares(groups):
    return groups.crystallinity()


class TestShares:
    def test_add_up(self, shares):
        np.testing.assert_allclose(shares.shares.sum(axis=0), 1)
        assert shares.mean_shares.sum() == pytest.approx(1)
        assert (shares.crystalline >= 0).all()

    def test_spots_in_the_middle_of_particles(self, groups, specimen, shares):
        """Against the spots of the true patterns, drawn without halo."""
        ring = ~specimen.detector_mask
        halo = specimen.patterns[0] * ring
        maps = groups.tree.maps.data
        spots = np.where(ring, specimen.patterns, 0) / halo.max()
        halos = 0.3 * halo.sum() / halo.max() * (np.arange(len(spots)) > 0)
        intensity = spots.sum(axis=(1, 2))
        total = np.tensordot(intensity + halos, maps, axes=1)
        true = np.tensordot(intensity[1:], maps[1:], axes=1) / total
        for x, y in specimen.particle_positions.round().astype(int):
            assert shares.crystalline[y, x] == pytest.approx(true[y, x], rel=0.15)

    def test_the_floor_of_maps_is_no_crystal(self, groups, specimen):
        """Maps are not negative: all have a floor, here a tenth of their height."""
        tree = groups.tree
        raised = tree.maps.deepcopy()
        raised.data = raised.data + 0.1 * raised.data.max(axis=(1, 2), keepdims=True)
        found = ClusterTree.from_patterns(tree.patterns, raised).cut(n_groups=4).crystallinity()
        crystals = specimen.maps[specimen.crystalline].sum(axis=0)
        away = crystals < 1e-6 * crystals.max()
        assert found.crystalline[away].mean() < 1e-3
        assert found.crystalline[~away].max() > 0.03

    def test_share_of_the_scan(self, groups, specimen, shares):
        """Against the true spots and all that the components hold."""
        ring = ~specimen.detector_mask
        spots = np.where(ring, specimen.patterns, 0)[1:] / specimen.patterns[0][ring].max()
        maps = specimen.maps[1:] / specimen.maps.max()
        crystals = (spots.sum(axis=(1, 2)) * maps.sum(axis=(1, 2))).sum()
        patterns = np.nansum(groups.tree.patterns.data, axis=(1, 2))
        total = patterns @ groups.tree.maps.data.sum(axis=(1, 2))
        assert shares.mean_crystalline == pytest.approx(crystals / total, rel=0.12)
        assert abs(shares.mean_crystalline - crystals / total) < 2 * shares.crystalline_error

    def test_amorphous_matrix(self, shares, family):
        number = family.index("amorphous")
        assert shares.crystalline_members[number] == 0
        assert shares.mean_shares[number] > 0.9

    def test_repr(self, shares, family):
        assert "no volume fractions" in repr(shares)
        assert "no spots" in repr(shares).splitlines()[1 + family.index("amorphous")]


class TestInSpots:
    def test_what_others_leave_in_an_image_is_no_crystal(self):
        image = np.full((20, 40), 0.1)
        own = np.full_like(image, 0.01)
        image[5:12, 5:12] = own[5:12, 5:12] = 2.1
        # Of another crystal, in some of whose spots the first has its own.
        image[5:12, 25:32] = 1.1
        assert what_stands_out(image)[0].sum() == pytest.approx(49 * 3.0)
        assert what_stands_out(image, own=own)[0].sum() == pytest.approx(49 * 2.0)
        assert what_stands_out(image, own=image)[0].sum() == pytest.approx(49 * 3.0)

    @pytest.mark.parametrize(("radius", "expected"), [(None, 1.0), (39.5, 1.25)])
    def test_spots_that_the_edge_cuts_are_counted(self, radius, expected):
        """Two whole spots, and one of which half lies beyond the detector."""
        places = [(20.0, 0.0), (20.0, 180.0)] + [(radius, 90.0)] * (radius is not None)
        groups = groups_of_patterns(pattern_of(places, halo=0.3))
        assert _with_cut_spots(groups, 0) == pytest.approx(expected, abs=0.06)


class TestViews:
    def test_signals(self, shares, tmp_path):
        for what in ("groups", "crystalline"):
            shares.to_signal(what).save(tmp_path / f"{what}.hspy")
        groups = hs.load(tmp_path / "groups.hspy")
        crystalline = hs.load(tmp_path / "crystalline.hspy")
        np.testing.assert_allclose(groups.data, shares.shares)
        np.testing.assert_allclose(crystalline.data, shares.crystalline)
        assert crystalline.axes_manager.signal_axes[0].units == "nm"
        with pytest.raises(ValueError, match="what"):
            shares.to_signal("volume")

    def test_dataframe(self, shares):
        pytest.importorskip("pandas")
        assert len(shares.to_dataframe()) == 4

    def test_figure(self, shares):
        assert shares.plot().axes[0].get_label() == "crystallinity"

    def test_line_scan(self, groups):
        line = hs.signals.Signal1D(groups.tree.maps.data[:, 20])
        shares = ClusterTree.from_patterns(groups.tree.patterns, line).cut(n_groups=4)
        assert shares.crystallinity().to_signal("crystalline").data.shape == (52,)
        assert shares.crystallinity().plot().axes

    def test_frames(self, groups):
        maps = groups.tree.maps.data
        frames = hs.signals.Signal2D(np.stack([maps, 2 * maps], axis=1))
        found = ClusterTree.from_patterns(groups.tree.patterns, frames).cut(n_groups=4)
        shares = found.crystallinity()
        np.testing.assert_allclose(shares.shares[:, 0], shares.shares[:, 1])
        assert shares.to_signal("crystalline").data.shape == (2, 48, 52)
        assert found.orientation_map().plot().axes

    def test_no_maps(self, groups):
        tree = ClusterTree.from_patterns(groups.tree.patterns)
        with pytest.raises(ValueError, match="needs maps"):
            tree.cut(n_groups=2).crystallinity()
