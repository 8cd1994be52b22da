"""Units of axes: what they mean (lengths in nm, frequencies in 1/nm), and how they are printed."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

#: Rest energy of the electron in keV.
REST_ENERGY = 510.99895
# Spelled as microscopes, readers and people spell them.
_NM_PER = {
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "Å": 0.1,
    "A": 0.1,
    "ang": 0.1,
    "angstrom": 0.1,
    "Angstrom": 0.1,
    "Ångström": 0.1,
    "pm": 1e-3,
    "um": 1e3,
    "\u00b5m": 1e3,
    "\u03bcm": 1e3,
    "micron": 1e3,
    "mm": 1e6,
    "m": 1e9,
}
_UNCALIBRATED = {"", "px", "pixel", "pixels", "<undefined>"}
_PRINTED = {"A": "Å", "um": "µm", "1/nm": "nm⁻¹", "1/A": "Å⁻¹", "1/Å": "Å⁻¹", "$A^{-1}$": "Å⁻¹"}
_PRINTED |= {"nm^-1": "nm⁻¹", "A^-1": "Å⁻¹", "$nm^{-1}$": "nm⁻¹", "deg": "°"}
_RAD_PER = {"mrad": 1e-3, "rad": 1.0}
_POWER = re.compile(r"^(?P<unit>\D+?)(\^|\*\*)?(\{?-1\}?|⁻¹)$")


@dataclass(frozen=True)
class PixelSize:
    """Size of an image's pixel.

    Parameters
    ----------
    x, y
        Size along a row and along a column, in `units`.
    units
        Unit of `x` and `y`; an empty string or ``"px"`` means not calibrated: no scale bar then.

    Examples
    --------
    >>> from hs_nmfcluster.scan.units import PixelSize
    >>> PixelSize(0.1, 0.1, "1/nm").calibrated, PixelSize().calibrated
    (True, False)
    """

    x: float = 1.0
    y: float = 1.0
    units: str = "px"

    @property
    def calibrated(self) -> bool:
        """Whether the size is a physical one."""
        return self.units.strip() not in _UNCALIBRATED

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width."""
        return abs(self.y / self.x)


#: A pixel of no known size.
UNCALIBRATED = PixelSize()


def nm_per(units: str) -> float | None:
    """Nanometres in a unit of length, None for what is no unit of length.

    Examples
    --------
    >>> nm_per("Å"), nm_per("px")
    (0.1, None)
    """
    return _NM_PER.get(_bare(units))


def inverse_nm_per(units: str, beam_energy: float | None = None) -> float | None:
    """Inverse nanometres in a unit of a pattern's axes, None where it is not understood.

    Parameters
    ----------
    units
        Reciprocal lengths as ``"1/nm"``, ``"nm^-1"``, ``"$A^{-1}$"``, ``"Å⁻¹"``; scattering
        angles in mrad or rad with the energy of the beam (Bragg's law for small angles,
        d = λ / θ).
    beam_energy
        In kV.

    Examples
    --------
    >>> inverse_nm_per("$A^{-1}$"), inverse_nm_per("px")
    (10.0, None)
    >>> round(inverse_nm_per("mrad", beam_energy=300), 4)
    0.5079
    """
    text = _bare(units)
    if text in _RAD_PER:
        return None if beam_energy is None else _RAD_PER[text] / electron_wavelength(beam_energy)
    power = _POWER.match(text)
    unit = text[2:] if text.startswith("1/") else power["unit"] if power else ""
    length = _NM_PER.get(unit)
    return None if length is None else 1.0 / length


def _bare(units: str) -> str:
    """Text of a unit without spaces, brackets and dollars."""
    text = unicodedata.normalize("NFC", units).replace(r"\AA", "Å").replace(r"\mathrm", "")
    return re.sub(r"[\s$()\[\]]", "", text)


def format_units(units: str) -> str:
    """Write `units` as in print: ``"1/nm"`` becomes "nm⁻¹"; a stray $ is kept literal."""
    units = units.strip()
    if units in _PRINTED:
        return _PRINTED[units]
    if units in _UNCALIBRATED:
        return "px"
    # Units come from files: Matplotlib would try to read what lies between dollars as mathematics.
    return units.replace("$", r"\$")


def electron_wavelength(beam_energy: float) -> float:
    """Relativistic wavelength of electrons.

    Parameters
    ----------
    beam_energy
        In kV.

    Returns
    -------
    wavelength
        In nm.

    Examples
    --------
    >>> round(1e3 * electron_wavelength(300.0), 4)
    1.9687
    """
    return float(1.23984198 / np.sqrt(beam_energy * (2 * REST_ENERGY + beam_energy)))
