"""Zone axes from the angles between spots: of nets made by hand, turned, mirrored, with noise."""

import numpy as np
import pytest

from hs_nmfcluster.materials.crystals import Cell, net_of
from hs_nmfcluster.materials.phases import match_phases
from hs_nmfcluster.materials.spots import Spots
from hs_nmfcluster.materials.zones import count_directions, find_zone
from hs_nmfcluster.results.phases import PhaseMatch

CELLS = {
    "fcc": Cell(0.408, space_group="F m -3 m", atoms=[("Au", 0, 0, 0)]),
    "bcc": Cell(0.2866, space_group="I m -3 m", atoms=[("Fe", 0, 0, 0)]),
    "orthorhombic": Cell(0.33, 0.45, 0.42),
    "monoclinic": Cell(0.34, 0.41, 0.53, beta=104.0, space_group="P 1 21/m 1"),
}
AXES = [(0, 0, 1), (0, 1, 1), (1, 1, 1), (1, 1, 2), (0, 1, 2)]


def seen_along(cell, axis, *, seed=0, noise=0.01, smallest=0.1):
    """The twelve innermost reflections of a zone, turned and mirrored at random, one left out."""
    rng = np.random.default_rng(seed)
    reciprocal = np.linalg.inv(cell.basis).T
    hkl = net_of(cell, smallest).indices
    hkl = hkl[hkl @ axis == 0]
    vectors = hkl @ reciprocal
    beam = np.array(axis) @ cell.basis
    first = vectors[0] / np.linalg.norm(vectors[0])
    second = np.cross(beam / np.linalg.norm(beam), first)
    z = (vectors @ first + 1j * vectors @ second) * np.exp(2j * np.pi * rng.random())
    z = z.conj() if rng.random() < 0.5 else z
    z = z[np.argsort(np.abs(z), kind="stable")[:12]][:-1]
    z = z + noise * (rng.standard_normal(len(z)) + 1j * rng.standard_normal(len(z)))
    return Spots(z.real, z.imag, np.full(len(z), noise), 1 / np.abs(z), np.ones(len(z)))


def same_family(label, axis):
    found = sorted(abs(int(index)) for index in label.strip("[]").replace("-", ""))
    return found == sorted(axis)


class TestFindZone:
    @pytest.mark.parametrize("axis", AXES)
    @pytest.mark.parametrize("name", ["fcc", "bcc"])
    def test_of_cubic_phases_up_to_symmetry(self, name, axis):
        spots = seen_along(CELLS[name], axis, seed=len(name) + sum(axis), smallest=0.075)
        zone = find_zone(spots, net_of(CELLS[name], 0.075))
        assert zone.indexed.all()
        assert same_family(zone.label, axis)

    @pytest.mark.parametrize("axis", AXES)
    def test_of_a_low_symmetry(self, axis):
        cell = CELLS["monoclinic"]
        zone = find_zone(seen_along(cell, axis), net_of(cell, 0.1))
        assert np.abs(zone.axis).tolist() == list(axis)
        assert zone.indexed.all()
        assert zone.deviation < 0.01

    def test_indices_are_those_of_the_spots(self):
        cell = CELLS["orthorhombic"]
        spots = seen_along(cell, (0, 0, 1))
        zone = find_zone(spots, net_of(cell, 0.1))
        measured = [cell.spacing(tuple(hkl)) for hkl in zone.indices]
        np.testing.assert_allclose(measured, 1 / spots.radius, rtol=0.02)

    def test_stray_spots_are_not_indexed(self):
        spots = seen_along(CELLS["fcc"], (0, 1, 1))
        strayed = Spots(
            *(
                np.append(getattr(spots, name), value)
                for name, value in zip(
                    ("x", "y", "sigma", "intensity", "reach"),
                    (1.7, 0.4, 0.01, 0.01, 1.0),
                    strict=True,
                )
            )
        )
        zone = find_zone(strayed, net_of(CELLS["fcc"], 0.1))
        assert zone.indexed.tolist() == [True] * len(spots) + [False]

    def test_a_pair_of_spots_is_no_net(self):
        pair = Spots(np.array([3.0, -3.0]), np.zeros(2), *np.full((3, 2), 0.01))
        assert count_directions(pair) == 1
        assert find_zone(pair, net_of(CELLS["fcc"], 0.1)) is None

    def test_directions_are_counted_across_180_degrees(self):
        angles = np.deg2rad([0.2, 179.9, 90.0, 270.1])
        spots = Spots(np.cos(angles), np.sin(angles), *np.full((3, 4), 0.001))
        assert count_directions(spots) == 2


class TestInPhases:
    """Two phases with the same spacings, told apart by the angles between the spots."""

    #: Two right angles, and two angles of 60°, between reflections of one length.
    SQUARE = Cell(0.3262, 0.3262, 0.5)
    RHOMB = Cell(0.3262 * 2 / 3**0.5, 0.3262 * 2 / 3**0.5, 0.5, gamma=120.0)

    def match(self, cell):
        spots = seen_along(cell, (0, 0, 1), smallest=0.3)
        d = float(1 / spots.radius.mean())
        found = match_phases(
            [[(d, 0.001)]], {"square": self.SQUARE, "rhomb": self.RHOMB}, spots=[spots]
        )
        return PhaseMatch(found.explanations, 1, found.chances, found.nets)

    @pytest.mark.parametrize(("name", "other"), [("SQUARE", "RHOMB"), ("RHOMB", "SQUARE")])
    def test_angles_decide(self, name, other):
        match = self.match(getattr(self, name))
        right, wrong = name.lower(), other.lower()
        assert match.n_explained(right) == match.n_explained(wrong) == 1
        assert match.ranking(0)[0] == right
        assert match.zone_axis(right, 0) == "[001]"
        assert match.zone_axis(wrong, 0) is None
        assert match.score(right, 0) - match.score(wrong, 0) > 1

    def test_nets_of_several_groups_name_a_phase(self):
        cell = CELLS["monoclinic"]
        spots = [seen_along(cell, axis) for axis in ((0, 0, 1), (0, 1, 0), (1, 1, 1))]
        spacings = [[(1 / r, 0.004 / r) for r in np.unique(one.radius.round(1))] for one in spots]
        found = match_phases(spacings, {"other": CELLS["orthorhombic"], "it": cell}, spots=spots)
        match = PhaseMatch(found.explanations, 3, found.chances, found.nets)
        assert match.best() == ("it",)
        assert match.chance() < 0.01
        assert [match.zone_axis("it", group) for group in range(3)] == ["[001]", "[010]", "[111]"]
        assert "it along [111]" in match.verdict(2)

    @pytest.mark.slow
    def test_random_nets_name_none(self):
        named = 0
        for seed in range(12):
            rng = np.random.default_rng(seed)
            first, second = (
                rng.uniform(2.5, 4),
                rng.uniform(3, 5) * np.exp(1j * rng.uniform(1, 1.5)),
            )
            n, m = np.mgrid[-3:4, -3:4]
            z = (n * first + m * second).ravel()
            z = z[(np.abs(z) > 0.1) & (np.abs(z) < 8)]
            spots = Spots(z.real, z.imag, np.full(len(z), 0.03), 1 / np.abs(z), np.ones(len(z)))
            spacings = [(1 / r, 0.004 / r) for r in np.unique(np.abs(z).round(4))]
            found = match_phases([spacings], CELLS, spots=[spots])
            named += bool(PhaseMatch(found.explanations, 1, found.chances, found.nets).best())
        assert named == 0

    def test_a_table_of_spacings_has_no_angles(self):
        spots = seen_along(self.SQUARE, (0, 0, 1))
        found = match_phases([[(0.3262, 0.001)]], {"table": [0.3262]}, spots=[spots])
        assert found.nets == {}
