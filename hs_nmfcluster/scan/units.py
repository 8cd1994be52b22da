"""Units of axes: what they mean (lengths in nm, frequencies in 1/nm), and how they are printed."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from pint import get_application_registry

from hs_nmfcluster.scan.arguments import check_beam_energy

#: Rest energy of the electron in keV.
REST_ENERGY = 510.99895
_UNCALIBRATED = {"", "px", "pixel", "pixels", "<undefined>", "1", "None", "[]"}
# What stands around a unit in formulae and labels: TeX, brackets, the name of the quantity.
_MARKUP = re.compile(r"\\mathrm|\\rm|\\text|\\left|\\right|[\s$()\[\]{}~]")
_QUANTITY = re.compile(r"^[kqgsQ]_(?=\D)")
_SUPERSCRIPTS = str.maketrans("⁻¹²³−·", "-123-*")
# An exponent without a sign for it, as in nm-1.
_BARE_EXPONENT = re.compile(r"(?<=[^\W\d_])(?=-\d)")
# Of these pint knows none, or takes it for another unit: A for ampere.
_ANGSTROM = re.compile(r"(?<![^\W\d_])(A|Ang|ang|[ÅAa]ngstr[öo]e?m)s?(?![^\W\d_])")
_MICRON = re.compile(r"(?<![^\W\d_])(um|microns?|µ)(?![^\W\d_])")
# Longer than this in nm, a unit is of another world: au stands for arbitrary ones.
_LONGEST = 1e10


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
        return canonical(self.units) != "px"

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
    return _in(_understood(units), "nm")


def inverse_nm_per(units: str, beam_energy: float | None = None) -> float | None:
    """Inverse nanometres in a unit of a pattern's axes, None where it is not understood.

    Parameters
    ----------
    units
        Reciprocal lengths as ``"1/nm"``, ``"nm^-1"``, ``"$A^{-1}$"``, ``"Å⁻¹"``, ``"k_A^-1"``;
        scattering angles in mrad or rad with the energy of the beam (Bragg's law for small angles,
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
    unit = _understood(units)
    angle = _in(unit, "rad")
    if angle is not None:
        return None if beam_energy is None else angle / electron_wavelength(beam_energy)
    return _in(unit, "1/nm")


def ratio(units: str, other: str) -> float | None:
    """How many of another unit a unit is, None if that cannot be told.

    Examples
    --------
    >>> ratio("pm", "nm"), ratio("1/Å", "1/nm"), ratio("nm", "1/nm")
    (0.001, 10.0, None)
    """
    wanted = _understood(other)
    return None if wanted is None else _in(_understood(units), str(wanted))


def canonical(units: str) -> str:
    """Write a unit in one of many spellings as all others of it: lengths, frequencies, angles.

    Examples
    --------
    >>> canonical("$A^{-1}$"), canonical("1 / nm"), canonical("micron"), canonical("pixels")
    ('1/Å', '1/nm', 'µm', 'px')
    >>> canonical("cups of tea")
    'cups of tea'
    """
    units = units.strip()
    unit = _understood(units)
    if units in _UNCALIBRATED:
        return "px"
    if unit is not None and (_in(unit, "nm") or _in(unit, "rad")):
        return "deg" if str(unit) == "degree" else f"{unit:~P}"
    if unit is not None and _in(unit, "1/nm"):
        return f"1/{unit**-1:~P}"
    return units


def format_units(units: str) -> str:
    """Write `units` as in print: ``"1/nm"`` becomes "nm⁻¹"; a stray $ is kept literal."""
    known = canonical(units)
    if known == "deg":
        return "°"
    if known.startswith("1/") and _understood(known) is not None:
        return f"{known[2:]}⁻¹"
    # Units come from files: Matplotlib would try to read what lies between dollars as mathematics.
    return known.replace("$", r"\$")


def in_ascii(units: str) -> str:
    """Write a unit for files that know plain text only, as TIFF and programs that read it.

    Examples
    --------
    >>> in_ascii("Å⁻¹"), in_ascii("μm")
    ('1/Angstrom', 'um')
    """
    plain = canonical(units).replace("Å", "Angstrom").replace("µ", "u")
    return plain.encode("ascii", "ignore").decode("ascii")


@cache
def _understood(units: str) -> Any | None:
    """Parse a text by pint; None where it is no unit."""
    text = unicodedata.normalize("NFC", units).replace(r"\AA", "Å").replace("\u03bc", "µ")
    text = _QUANTITY.sub("", _MARKUP.sub("", text.translate(_SUPERSCRIPTS)))
    text = _MICRON.sub("µm", _ANGSTROM.sub("Å", _BARE_EXPONENT.sub("^", text)))
    if not text or text.strip() in _UNCALIBRATED:
        return None
    if text.startswith("/"):
        text = f"1{text}"
    try:
        unit = get_application_registry().parse_units(text)
    except Exception:  # whatever a parser raises on text that is no unit
        return None
    # Of printers, for pint: a length.
    return None if "pixel" in str(unit) else unit


def _in(unit: Any | None, other: str) -> float | None:
    """How many of another unit a unit is, None if it is of another kind."""
    if unit is None:
        return None
    registry = get_application_registry()
    wanted = registry.parse_units(other)
    if unit.dimensionality != wanted.dimensionality:
        return None
    # Angles have no dimension, as counts and percentages.
    if unit.dimensionless and not re.fullmatch(r"\w*(radian|degree)", str(unit)):
        return None
    number = float(f"{registry.Quantity(1.0, unit).to(wanted).magnitude:.12g}")
    return number if 1 / _LONGEST < number < _LONGEST else None


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

    Raises
    ------
    TypeError, ValueError
        If the energy is none, or in V.
    """
    beam_energy = check_beam_energy(beam_energy)
    return float(1.23984198 / np.sqrt(beam_energy * (2 * REST_ENERGY + beam_energy)))
