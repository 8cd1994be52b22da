"""How atoms scatter fast electrons."""

from functools import cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.units import REST_ENERGY, electron_wavelength

# Atomic number of californium, the last element in the table.
_LAST = 98


def scattering_factor(element: str, frequency: NDArray[np.floating]) -> NDArray[np.float64]:
    """Electron scattering factor of a neutral atom, for the electron's rest mass.

    Parameters
    ----------
    element
        Symbol, H to Cf.
    frequency
        Spatial frequency ``q = 2 sin(theta) / lambda`` in 1/nm. The parametrisation holds up to
        40 / nm.

    Returns
    -------
    factor
        In nm, shape of `frequency`.

    Raises
    ------
    ValueError
        If the element is unknown.

    References
    ----------
    L.-M. Peng, G. Ren, S. L. Dudarev, M. J. Whelan, "Robust parameterization of elastic and
    absorptive electron atomic scattering factors", Acta Cryst. A52, 257 (1996).

    Examples
    --------
    >>> round(10 * float(scattering_factor("Cu", np.array(0.0))), 4)
    5.5991
    """
    heights, widths = _coefficients(element)
    squared = (np.asarray(frequency, dtype=float)[..., np.newaxis] / 20.0) ** 2
    return 0.1 * (heights * np.exp(-widths * squared)).sum(axis=-1)


def phase_factor(
    element: str, frequency: NDArray[np.floating], beam_energy: float, debye_waller: float = 0.0
) -> NDArray[np.float64]:
    """Fourier transform of the phase shift that one atom gives the electron wave.

    The interaction constant times the projected potential is ``gamma * lambda * f(q)``.

    Parameters
    ----------
    element
        Symbol.
    frequency
        Spatial frequency in 1/nm.
    beam_energy
        In kV.
    debye_waller
        Thermal factor B in nm^2, of ``exp(-B q^2 / 4)``.

    Returns
    -------
    phase
        In rad nm^2, shape of `frequency`.
    """
    gamma = 1 + beam_energy / REST_ENERGY
    damping = np.exp(-debye_waller * np.asarray(frequency) ** 2 / 4)
    return (
        gamma * electron_wavelength(beam_energy) * scattering_factor(element, frequency) * damping
    )


@cache
def _coefficients(element: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heights and widths of an atom's five Gaussians."""
    known = gemmi.Element(element)
    if not 0 < known.atomic_number <= _LAST:
        raise ValueError(f"element must be a symbol from H to Cf, got {element!r}")
    # Gemmi keeps the four decimals of the publication in single precision.
    published: NDArray[np.float64] = np.round(np.array(known.c4322.get_coefs(), float), 4)
    return published[:5], published[5:]
