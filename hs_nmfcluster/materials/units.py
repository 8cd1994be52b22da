"""What the units of axes mean: lengths in nm, spatial frequencies in 1/nm."""

import re
import unicodedata

from hs_nmfcluster.simulation.scattering import electron_wavelength

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
_RAD_PER = {"mrad": 1e-3, "rad": 1.0}
_POWER = re.compile(r"^(?P<unit>\D+?)(\^|\*\*)?(\{?-1\}?|⁻¹)$")


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
