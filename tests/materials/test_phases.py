import math

import gemmi
import numpy as np
import pytest

from hs_nmfcluster.materials import Cell
from hs_nmfcluster.materials.crystals import candidates, from_cif, from_table
from hs_nmfcluster.materials.phases import _scores, explain, match_phases
from hs_nmfcluster.results.phases import PhaseMatch

B2_CIF = """data_B2
_cell_length_a 3.262
_cell_length_b 3.262
_cell_length_c 3.262
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Zr Zr 0 0 0
Cu Cu 0.5 0.5 0.5
"""

#: The candidates of the paper, which gives no cells. B2: Carvalho and Harris, J. Mater. Sci. 15
#: (1980) 1224. B19': ICSD 167596. Zr2Cu (MoSi2 type): Nevitt and Downey, Trans. AIME 224 (1962)
#: 195. AlCu2Zr (Heusler type): Meyer zu Reckendorf, Schmidt and Weiss, Z. Kristallogr. 186 (1989)
#: 193.
PAPER = {
    "ZrCu B2": Cell(0.3262, space_group="P m -3 m"),
    "ZrCu B19'": Cell(0.3278, 0.4161, 0.5245, beta=103.9, space_group="P2_1/m"),
    "Zr2Cu": Cell(0.32204, c=1.11832, space_group="I4/mmm"),
    "AlCu2Zr": Cell(0.6216, space_group="Fm-3m"),
}
B19 = PAPER["ZrCu B19'"]


def matched(groups, candidates, **options):
    found = match_phases(groups, candidates, **options)
    return PhaseMatch(found.explanations, len(groups), found.chances)


class TestCells:
    """Against closed forms; the structure factors against sums by hand."""

    def test_monoclinic(self):
        sin = math.sin(math.radians(103.9))
        cos = math.cos(math.radians(103.9))
        cell = Cell(0.3278, 0.4161, 0.5245, beta=103.9)
        found = dict(zip((r := cell.reflections(0.15)).labels, r.d, strict=True))
        for h, k, l in ((1, 1, 0), (1, 0, -2), (0, 2, 1)):  # noqa: E741
            a, b, c = h / 0.3278, k / 0.4161, l / 0.5245
            inverse = (a**2 + c**2 - 2 * a * c * cos) / sin**2 + b**2
            assert found[f"({h}{k}{l})"] == pytest.approx(inverse**-0.5)

    def test_hexagonal(self):
        r = Cell(0.3, c=0.5, gamma=120).reflections(0.14)
        assert r.d[r.labels.index("(110)")] == pytest.approx(0.15)

    def test_bounds(self):
        d = Cell(0.4, 0.5, 0.6, alpha=70, beta=80, gamma=100).reflections(0.1).d
        assert d.min() >= 0.1
        assert (np.diff(d) < 0).all()

    def test_paper_spacings_of_b19(self):
        found = dict(zip((r := B19.reflections(0.15)).labels, r.d.round(3), strict=True))
        assert [found[i] for i in ("(110)", "(10-2)", "(021)")] == [0.253, 0.227, 0.193]

    def test_screw_axis_forbids(self):
        r = B19.reflections(0.15)
        assert r.forbidden[r.labels.index("(010)")]
        assert not r.forbidden[r.labels.index("(020)")]

    def test_centring_leaves_no_reflection(self):
        labels = Cell(0.6216, space_group="Fm-3m").reflections(0.15).labels
        assert labels == ("(111)", "(200)", "(220)", "(311)", "(222)", "(400)")

    def test_structure_factors_of_b2(self):
        atoms = [("Zr", 0, 0, 0), ("Cu", 0.5, 0.5, 0.5)]
        r = Cell(0.3262, space_group="Pm-3m", atoms=atoms).reflections(0.15)
        factors = []
        for k, d in enumerate(r.d):
            s2 = 1 / (20 * d) ** 2
            zr, cu = (gemmi.Element(e).c4322.calculate_sf(s2) for e in ("Zr", "Cu"))
            factors.append(zr + cu * (-1) ** sum(int(i) for i in r.labels[k][1:-1]))
        expected = np.square(factors) / np.square(factors).max()
        np.testing.assert_allclose(r.intensity, expected, rtol=1e-3)

    def test_vanishing_structure_factor_is_forbidden(self):
        same = Cell(0.3, atoms=[("Fe", 0, 0, 0), ("Fe", 0.5, 0.5, 0.5)]).reflections(0.14)
        assert same.forbidden[same.labels.index("(100)")]
        assert not same.forbidden[same.labels.index("(110)")]

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"a": -0.3}, "`a`"),
            ({"a": 0.3, "beta": 0}, "`beta`"),
            ({"a": 0.3, "alpha": 20, "beta": 20, "gamma": 120}, "make no unit cell"),
        ],
    )
    def test_bad_cells(self, options, match):
        with pytest.raises(ValueError, match=match):
            Cell(**options)

    def test_unknown_space_group(self):
        with pytest.raises(ValueError, match=r"space_group.*'P99'"):
            Cell(0.3, space_group="P99").reflections(0.2)


class TestCandidates:
    def test_cif(self, tmp_path):
        path = tmp_path / "B2.cif"
        path.write_text(B2_CIF)
        r = from_cif(path, 0.15)
        assert r.labels == ("(100)", "(110)", "(111)", "(200)")
        np.testing.assert_allclose(r.d, 0.3262 / np.sqrt([1, 2, 3, 4]))
        assert r.intensity[1] == 1

    def test_atoms_of_a_cif_on_special_positions_count_once(self, tmp_path):
        """As of a cell whose space group makes 4, 4 and 8 atoms of its three."""
        path = tmp_path / "heusler.cif"
        text = B2_CIF.replace("3.262", "6.216").replace("P m -3 m", "F m -3 m")
        text = text.replace("Zr Zr 0 0 0\nCu Cu 0.5 0.5 0.5\n", "")
        path.write_text(text + "Al Al 0 0 0\nZr Zr 0.5 0.5 0.5\nCu Cu 0.25 0.25 0.25\n")
        atoms = [("Al", 0, 0, 0), ("Zr", 0.5, 0.5, 0.5), ("Cu", 0.25, 0.25, 0.25)]
        expected = Cell(0.6216, space_group="Fm-3m", atoms=atoms).reflections(0.1)
        found = from_cif(path, 0.1)
        np.testing.assert_allclose(found.intensity, expected.intensity, atol=1e-9)
        np.testing.assert_array_equal(found.forbidden, expected.forbidden)

    @pytest.mark.parametrize("text", ["rubbish", "", "data_x\n_cell_length_a 3\n"])
    def test_cif_that_does_not_parse(self, tmp_path, text):
        path = tmp_path / "bad.cif"
        path.write_text(text)
        with pytest.raises(ValueError, match=r"bad.cif' (does not parse|holds no)"):
            from_cif(path, 0.1)

    def test_cif_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no CIF file"):
            from_cif(tmp_path / "none.cif", 0.1)

    def test_mappings_and_paths(self):
        assert list(candidates([{"a": [0.2]}, "some/b.cif"])) == ["a", "b"]
        assert list(candidates({"a": [0.2]})) == ["a"]

    @pytest.mark.parametrize(
        ("given", "error", "match"),
        [
            ([], ValueError, "empty"),
            ({}, ValueError, "empty"),
            (3, TypeError, "candidates"),
            ([3], TypeError, "candidates"),
            ([{"a": [0.2]}, {"a": [0.3]}], ValueError, "same name"),
        ],
    )
    def test_bad_candidates(self, given, error, match):
        with pytest.raises(error, match=match):
            candidates(given)

    @pytest.mark.parametrize(
        ("table", "error"),
        [([], ValueError), ([-0.2], ValueError), (["a"], TypeError), (3, TypeError)],
    )
    def test_bad_tables(self, table, error):
        with pytest.raises(error, match="gold"):
            from_table("gold", table)


class TestExplanations:
    def test_score_is_the_chance_of_a_coincidence(self):
        """Reflections drawn at random are as near as often as the score says."""
        rng = np.random.default_rng(0)
        table = from_table("comb", 0.2 * np.exp(np.linspace(-0.06, 0.06, 4)))
        one = explain(0.2 * np.exp(-0.005), 1e-4, table, 0.01)
        distance = abs(math.log(one.d / one.calculated))
        positions = rng.uniform(-np.log(1.1), np.log(1.1), (20000, 4))
        chance = (np.abs(positions).min(axis=1) <= distance).mean()
        assert 10**-one.score == pytest.approx(chance, rel=0.15)

    def test_allowed_goes_before_forbidden(self):
        one = explain(0.4161, 0.001, B19.reflections(0.15), 0.005)
        assert (one.reflection, one.forbidden, one.explained) == ("(010)", True, False)
        assert one.score == 0

    def test_unexplained(self):
        one = explain(0.3, 0.001, from_table("gold", [0.2355]), 0.01)
        assert one.reflection is None
        assert one.score == pytest.approx(math.log10(0.05))


class TestPaper:
    """The discussion of Fig. 7: 0.259, 0.228 and 0.191 nm of groups ii to iv."""

    @pytest.fixture
    def match(self):
        groups = [[], [(0.259, 0.001)], [(0.228, 0.001)], [(0.191, 0.001)]]
        return matched(groups, PAPER)

    def test_b19_explains_all_and_no_other_does(self, match):
        assert match.ranking()[0] == "ZrCu B19'"
        assert match.unexplained("ZrCu B19'") == ()

    def test_table_of_the_paper(self, match):
        within = [{one.reflection, *one.others} for one in match.of("ZrCu B19'")]
        for label, labels in zip(("(110)", "(10-2)", "(021)"), within, strict=True):
            assert label in labels

    @pytest.mark.parametrize(
        ("phase", "unexplained"),
        [("ZrCu B2", (0.259,)), ("Zr2Cu", (0.259,)), ("AlCu2Zr", (0.259, 0.228))],
    )
    def test_what_the_others_leave_unexplained(self, match, phase, unexplained):
        assert match.unexplained(phase) == unexplained

    def test_three_spacings_are_explained_as_well_by_chance(self, match):
        assert match.chance() > 0.1
        assert match.best() == match.best(2) == ()
        assert match.verdict() == "none better than chance (ZrCu B19': 3 of 3 spacings)"
        assert match.verdict(0) == "no spots"

    def test_repr(self, match):
        assert "0.2590 nm: (002) at 0.2546 nm (+1.7 %); also (110)" in repr(match)

    def test_dataframe(self, match):
        pytest.importorskip("pandas")
        frame = match.to_dataframe()
        assert len(frame) == 12
        assert frame.phase.iloc[0] == "ZrCu B19'"


class TestVerdicts:
    """Against random spacings, and spacings of a phase."""

    B2 = PAPER["ZrCu B2"].reflections(0.1).d

    @pytest.mark.parametrize(
        "number", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 5))]
    )
    def test_random_spacings_have_no_phase(self, number):
        rng = np.random.default_rng(number)
        drawn = rng.uniform(0.1, 0.32, (40, number))
        named = [bool(matched([[(d, 0.002 * d) for d in row]], PAPER).best()) for row in drawn]
        assert sum(named) <= 4

    @pytest.mark.parametrize("number", [4, 6])
    def test_spacings_of_a_phase_have_it(self, number):
        rng = np.random.default_rng(number)
        d = self.B2[:number] * (1 + 0.003 * rng.normal(size=number))
        match = matched([[(one, 0.003 * one) for one in d]], PAPER)
        assert match.best(0) == match.best() == ("ZrCu B2",)
        assert match.verdict() == f"ZrCu B2 ({number} of {number} spacings)"

    def test_a_large_cell_explains_everything_and_says_nothing(self):
        d = [*self.B2[:6], 0.2481]
        cells = {**PAPER, "P1": Cell(1.0, 1.2, 1.5)}
        match = matched([[(one, 0.003 * one) for one in d]], cells)
        assert match.n_explained("P1") == 7
        assert match.best() == ("ZrCu B2",)

    def test_camera_constant_is_one_factor(self):
        """4 % off: none fits with the error of each spacing, one constant mends all."""
        d = 1.04 * self.B2[:5]
        given = [[(one, 0.002 * one) for one in d]]
        assert matched(given, PAPER, tolerance=0.003).n_explained("ZrCu B2") == 0
        match = matched(given, PAPER, tolerance=0.003, camera_error=0.03)
        assert match.best() == ("ZrCu B2",)
        assert {round(one.factor, 3) for one in match.of("ZrCu B2")} == {1.038}
        assert all(abs(one.deviation) < 0.5 for one in match.of("ZrCu B2"))

    def test_score_is_that_of_the_explanations(self):
        """The random ones are scored many at once, the measured one by one."""
        rng = np.random.default_rng(0)
        for phase in PAPER.values():
            reflections = phase.reflections(0.09)
            d = rng.uniform(0.1, 0.4, (1, 60))
            many = _scores(d, np.full(d.shape, 0.003), reflections)[0]
            one = [explain(value, 0.0, reflections, 0.003 / value).score for value in d[0]]
            np.testing.assert_allclose(many, one, atol=1e-9)


class TestGroups:
    def test_right_phase_of_each_group(self, groups, specimen, family):
        """Among tables of all families the true one has the highest score."""
        match = groups.match_phases(dict(specimen.spacings))
        for number, name in enumerate(family):
            if name == "amorphous":
                assert match.verdict(number) == "no spots"
            else:
                assert match.ranking(number)[0] == name

    def test_same_spacings_are_not_distinguishable(self, groups, family):
        twins = {"one": [0.228, 0.1612, 0.114], "other": [0.2285, 0.1615, 0.1142]}
        match = groups.match_phases(twins, tolerance=0.002)
        assert set(match.best(family.index("B"))) == {"one", "other"}
        assert "not distinguishable" in match.verdict(family.index("B"))

    def test_calibrated_by_hand(self, remade, family):
        groups = remade(pixel_size=1.0, units="")
        with pytest.raises(ValueError, match="spacings in nm"):
            groups.match_phases({"B": [0.228]})
        spacings = groups.lattice_spacings()
        ring = spacings[family.index("A")][0].radius
        match = groups.match_phases({"B": [0.228]}, spacings=spacings.calibrate(ring, 0.259))
        assert match.of("B", family.index("B"))[0].explained

    def test_bad_tolerance(self, groups):
        with pytest.raises(ValueError, match="tolerance"):
            groups.match_phases({"B": [0.228]}, tolerance=0)

    def test_empty_list(self, groups):
        with pytest.raises(ValueError, match="empty"):
            groups.match_phases([])
