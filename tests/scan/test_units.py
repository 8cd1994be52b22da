import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_nmfcluster import NMFDiffraction2D
from hs_nmfcluster.bridge.axes import pixel_size
from hs_nmfcluster.plotting import plot_scan
from hs_nmfcluster.scan.units import PixelSize, canonical, format_units, inverse_nm_per, nm_per

# As people and vendors write them.
LENGTHS = {
    "nm": ("nm", " nm ", "nanometer", "nanometre", "[nm]", "$nm$"),
    "Å": ("Å", "A\u030a", "A", "ang", "Ang", "angstrom", "Angstroms", "Ångström", r"$\AA$"),
    "µm": ("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer"),
    "pm": ("pm", "picometer"),
}
FREQUENCIES = {
    "nm": (
        *("1/nm", "1 / nm", "nm^-1", "nm⁻¹", "nm-1", "nm**-1", "nm^{-1}", "/nm", "1/(nm)"),
        *("$nm^{-1}$", r"$\mathrm{nm}^{-1}$", "k_nm^-1", "[1/nm]", "nm^(-1)", "1/nanometers"),
    ),
    "Å": (
        *("1/Å", "1/A", "1/Ang", "1 / Å", "Å⁻¹", "Å^-1", "A^-1", "A-1", "1/angstrom"),
        *("$A^{-1}$", r"$\AA^{-1}$", "k_A^-1", "q_Ang^-1", "k_Å^-1"),
    ),
    "µm": ("1/um", "1/\u03bcm", "µm^-1"),
    "pm": ("1/pm", "pm^-1"),
}
NM = {"nm": 1.0, "Å": 0.1, "µm": 1000.0, "pm": 1e-3}


def spellings(table):
    return [(text, unit) for unit, texts in table.items() for text in texts]


class TestEverySpelling:
    @pytest.mark.parametrize(("text", "unit"), spellings(LENGTHS))
    def test_lengths(self, text, unit):
        assert nm_per(text) == pytest.approx(NM[unit])
        assert inverse_nm_per(text) is None
        assert canonical(text) == format_units(text) == unit

    @pytest.mark.parametrize(("text", "unit"), spellings(FREQUENCIES))
    def test_frequencies(self, text, unit):
        assert inverse_nm_per(text) == pytest.approx(1 / NM[unit])
        assert nm_per(text) is None
        assert canonical(text) == f"1/{unit}"
        assert format_units(text) == f"{unit}⁻¹"

    @pytest.mark.parametrize("text", ["", "px", "pixel", "pixels", "<undefined>", "1", "None"])
    def test_no_unit(self, text):
        assert format_units(text) == canonical(text) == "px"
        assert not PixelSize(0.5, 0.5, text).calibrated

    @pytest.mark.parametrize(
        "text", ["counts", "%", "?/m", "au", "a.u.", "eV", "1/px", "nm^-2", "1/mrad", "cups of tea"]
    )
    def test_what_is_something_else(self, text):
        assert nm_per(text) is inverse_nm_per(text, 300) is None

    @pytest.mark.parametrize(("text", "printed"), [("deg", "°"), ("°", "°"), ("mrad", "mrad")])
    def test_angles(self, text, printed):
        assert format_units(text) == printed
        assert inverse_nm_per(text) is None
        assert inverse_nm_per(text, 300) > 0

    @given(st.text(max_size=12))
    def test_any_text(self, text):
        assert canonical(canonical(text)) == canonical(text)
        number = nm_per(text)
        assert number is None or inverse_nm_per(text) is None
        assert isinstance(format_units(text), str)

    def test_two_spellings_are_one_unit(self):
        s = NMFDiffraction2D(np.ones((2, 3, 4, 4)))
        x, y = s.axes_manager.signal_axes
        x.scale = y.scale = 0.5
        x.units, y.units = "1 / nm", "nm^-1"
        assert pixel_size(s.axes_manager.signal_axes) == PixelSize(0.5, 0.5, "1/nm")

    @pytest.mark.parametrize("text", ["1 / nm", "k_nm^-1", "$nm^{-1}$"])
    def test_scale_bar(self, text):
        figure = plot_scan(np.ones((4, 4)), np.ones((9, 9)), pattern_pixel=PixelSize(1, 1, text))
        drawn = [t.get_text() for ax in figure.axes for t in ax.texts]
        assert any(t.endswith(" nm⁻¹") for t in drawn), drawn


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


@pytest.mark.parametrize(("x", "drawn"), [(0.5, True), (20.0, True), (1e-9, False), (3e4, False)])
def test_pixels_of_no_likely_shape(x, drawn):
    s = NMFDiffraction2D(np.ones((2, 3, 4, 4)))
    for axis, scale in zip(s.axes_manager.signal_axes, (x, 0.5), strict=True):
        axis.scale, axis.units = scale, "1/nm"
    expected = PixelSize(x, 0.5, "1/nm") if drawn else PixelSize()
    assert pixel_size(s.axes_manager.signal_axes) == expected
