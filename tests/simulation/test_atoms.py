"""Atoms, their scattering, and the phase grating that they make."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hs_nmfcluster.materials import Cell
from hs_nmfcluster.scan.units import electron_wavelength
from hs_nmfcluster.simulation.crystal import ZRCU_B19, UnitCell
from hs_nmfcluster.simulation.glass import Glass
from hs_nmfcluster.simulation.grating import PhaseGrating
from hs_nmfcluster.simulation.scattering import phase_factor, scattering_factor

COPPER = UnitCell(
    (0.3615,) * 3,
    (90.0,) * 3,
    ("Cu",) * 4,
    ((0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)),
)
PUBLISHED = {
    "Al": (0.239, 0.6573, 1.2011, 2.5586, 1.2312, 0.3138, 2.1063, 10.4163, 34.4552, 98.5344),
    "Cu": (0.4314, 1.3208, 1.5236, 1.4671, 0.8562, 0.2694, 1.9223, 7.3474, 28.9892, 90.6246),
    "Zr": (0.6719, 1.4684, 3.1668, 3.9557, 2.892, 0.3036, 2.1249, 8.9236, 36.8458, 108.2049),
}


class TestScattering:
    @pytest.mark.parametrize(("kilovolts", "picometres"), [(80, 4.1757), (200, 2.5079)])
    def test_wavelength(self, kilovolts, picometres):
        assert 1e3 * electron_wavelength(kilovolts) == pytest.approx(picometres, rel=1e-4)

    @pytest.mark.parametrize("element", ["Al", "Cu", "Zr"])
    def test_as_published(self, element):
        """The rows of Table 1 of Peng, Ren, Dudarev & Whelan, Acta Cryst. A52, 257 (1996)."""
        heights, widths = np.reshape(PUBLISHED[element], (2, 5))
        frequency = np.linspace(0, 30, 7)
        squared = (frequency[:, None] / 20) ** 2
        expected = 0.1 * (heights * np.exp(-widths * squared)).sum(axis=1)
        np.testing.assert_array_equal(scattering_factor(element, frequency), expected)

    def test_far_out_is_rutherford_scattering(self):
        # Mott-Bethe: f -> Z / (8 pi^2 a0 s^2) as the electrons of the atom stop screening.
        s = 1.9
        bohr = 0.529177
        expected = 40 / (8 * np.pi**2 * bohr * s**2)
        found = 10 * scattering_factor("Zr", np.array(20 * s))
        assert expected > found > 0.75 * expected

    def test_unknown_element(self):
        with pytest.raises(ValueError, match="'Xx'"):
            scattering_factor("Xx", np.zeros(1))


class TestUnitCell:
    def test_spacings_of_the_paper(self):
        # Fig. 7 and its discussion: d110, d102, d021 of the B19' structure.
        found = [ZRCU_B19.spacing(hkl) for hkl in [(1, 1, 0), (1, 0, -2), (0, 2, 1)]]
        np.testing.assert_allclose(found, [0.254, 0.227, 0.193], rtol=6e-3)

    def test_monoclinic_closed_form(self):
        a, b, c = ZRCU_B19.lengths
        beta = np.deg2rad(103.9)
        for h, k, m in [(1, 0, 0), (1, 2, -1), (0, 2, 1), (2, 1, 3)]:
            squared = (h**2 / a**2 + m**2 / c**2 - 2 * h * m * np.cos(beta) / (a * c)) / np.sin(
                beta
            ) ** 2 + k**2 / b**2
            assert ZRCU_B19.spacing((h, k, m)) == pytest.approx(squared**-0.5)

    def test_extinctions(self):
        lengths = np.linalg.norm(COPPER.zone((0, 0, 1), 8.5)[0], axis=1)
        np.testing.assert_allclose(np.unique(lengths.round(6)) * 0.3615, [2, 8**0.5], rtol=1e-5)
        vectors, _ = ZRCU_B19.zone((0, 0, 1), 8.0)
        assert not np.isclose(np.linalg.norm(vectors, axis=1), 1 / 0.4161).any()

    @pytest.mark.parametrize(("axis", "order"), [((0, 0, 1), 4), ((1, 1, 1), 6), ((1, 1, 0), 2)])
    def test_symmetry(self, axis, order):
        assert COPPER.symmetry(axis) == order

    @pytest.mark.parametrize("axis", [(0, 0, 1), (0, 1, 0), (1, 1, 1)])
    def test_orientation(self, axis):
        rotation = ZRCU_B19.orientation(axis, 30.0)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        beam = np.array(axis) @ ZRCU_B19.basis @ rotation.T
        np.testing.assert_allclose(beam[:2], 0, atol=1e-12)
        first = ZRCU_B19.zone(axis, 10.0)[0][0] @ rotation.T
        assert np.rad2deg(np.arctan2(first[1], first[0])) == pytest.approx(30)

    def test_sphere(self):
        elements, positions = ZRCU_B19.sphere(6.0, np.eye(3), np.array([0.1, 0.2, 0.3]))
        assert np.linalg.norm(positions, axis=1).max() <= 3.0
        density = len(positions) / (np.pi / 6 * 6.0**3)
        assert density == pytest.approx(4 / np.linalg.det(ZRCU_B19.basis), rel=0.01)
        assert (elements == "Zr").mean() == pytest.approx(0.5, abs=0.01)
        nearest = cKDTree(positions).query(positions, k=2)[0][:, 1]
        assert nearest.min() > 0.26

    def test_is_the_cell_that_its_space_group_makes(self):
        """All four atoms, or one of each element and P2_1/m."""
        atoms = [("Zr", 0.4176, 0.25, 0.2164), ("Cu", 0.0372, 0.25, 0.6752)]
        short = Cell(0.3278, 0.4161, 0.5245, beta=103.9, space_group="P2_1/m", atoms=atoms)
        hkl, _ = short.indices(0.1)
        found = ZRCU_B19.structure_factors(hkl)
        np.testing.assert_allclose(found, short.structure_factors(hkl), atol=1e-12)
        assert dict(zip((r := ZRCU_B19.reflections(0.2)).labels, r.forbidden, strict=True))["(010)"]

    def test_no_reflections(self):
        with pytest.raises(ValueError, match="no reflection"):
            ZRCU_B19.zone((0, 0, 1), 1.0)

    def test_atoms_must_have_positions(self):
        with pytest.raises(ValueError, match="equally many"):
            UnitCell((1, 1, 1), (90, 90, 90), ("Cu",), ())


class TestGlass:
    def test_no_atoms_overlap(self):
        glass = Glass(edge=3.0)
        elements, positions = glass.pack(seed=1)
        assert len(elements) == 56 * 27
        assert (elements == "Zr").mean() == pytest.approx(0.5, abs=1e-3)
        radii = np.array([glass.radii[name] for name in elements])
        apart = positions[:, np.newaxis] - positions
        apart -= 3.0 * np.round(apart / 3.0)
        distance = np.linalg.norm(apart, axis=2) + 9 * np.eye(len(radii))
        assert (distance / (radii[:, np.newaxis] + radii)).min() > 0.979

    def test_seed(self):
        first, again, other = (Glass(edge=2.0).pack(seed)[1] for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.allclose(first, other)

    def test_too_dense(self):
        with pytest.raises(ValueError, match="of space"):
            Glass(density=70.0)

    def test_unknown_radius(self):
        with pytest.raises(ValueError, match="Pd"):
            Glass(composition={"Pd": 1.0})


class TestPhaseGrating:
    def test_equals_a_sum_over_atoms(self):
        pixel, n = 0.03, 64
        grating = PhaseGrating(pixel, 300.0)
        rng = np.random.default_rng(4)
        atoms = {"Zr": rng.uniform(20, 44, (5, 2)), "Cu": rng.uniform(20, 44, (4, 2))}
        found = np.fft.fft2(grating.phase(atoms, n)) * pixel**2
        q = np.fft.fftfreq(n, pixel)
        expected = np.zeros((n, n), dtype=complex)
        for element, points in atoms.items():
            factor = phase_factor(element, np.hypot(q[:, None], q), 300.0, grating.debye_waller)
            for x, y in points * pixel:
                expected += factor * np.exp(-2j * np.pi * (q * x + q[:, None] * y))
        low = np.hypot(q[:, None], q) < 8
        difference = np.abs(found - expected)[low].max()
        assert difference < 0.01 * np.abs(expected).max()

    def test_atoms_beyond_the_edge_count_as_if_inside(self):
        grating = PhaseGrating(0.03, 300.0)
        atoms = {"Zr": np.array([[-3.2, 10.6], [40.1, 66.9], [30.0, 30.0]])}
        large = grating.phase({"Zr": atoms["Zr"] + 40}, 160)
        small = grating.phase(atoms, 64)
        np.testing.assert_allclose(small, large[40:104, 40:104], atol=1e-3 * large.max())
