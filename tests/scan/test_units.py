import pytest

from hs_nmfcluster.scan.units import inverse_nm_per, nm_per


class TestInverseLengths:
    @pytest.mark.parametrize(
        ("units", "expected"),
        [
            ("1/nm", 1),
            ("1 / nm", 1),
            ("nm^-1", 1),
            ("nm⁻¹", 1),
            ("1/Å", 10),
            ("$A^{-1}$", 10),
            ("Å^-1", 10),
            (r"$\AA^{-1}$", 10),
            ("A-1", 10),
            ("1/pm", 1000),
        ],
    )
    def test_spellings(self, units, expected):
        assert inverse_nm_per(units) == pytest.approx(expected)

    @pytest.mark.parametrize("units", ["px", "", "nm", "mrad", "1/s", "<undefined>"])
    def test_what_is_none(self, units):
        assert inverse_nm_per(units) is None

    def test_scattering_angles(self):
        # Bragg: 1.9687 pm over 0.2 nm.
        assert 9.8435 * inverse_nm_per("mrad", 300) == pytest.approx(1 / 0.2, rel=1e-3)


class TestLengths:
    @pytest.mark.parametrize(
        ("units", "expected"),
        [
            ("nm", 1),
            ("Å", 0.1),
            ("µm", 1000),
            ("μm", 1000),
            ("pm", 1e-3),
            ("px", None),
            ("s", None),
        ],
    )
    def test_spellings(self, units, expected):
        assert nm_per(units) == expected
