"""How atoms scatter fast electrons."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.units import REST_ENERGY, electron_wavelength


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
    table = _peng_1996()
    if element not in table:
        raise ValueError(f"element must be one of {', '.join(table)}; got {element!r}")
    heights, widths = table[element]
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
def _peng_1996() -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    table = {}
    for line in Path(__file__).with_name("peng1996.csv").read_text().splitlines():
        if line.startswith(("#", "element")):
            continue
        symbol, *numbers = line.split(",")
        values = np.array(numbers, dtype=float)
        table[symbol] = (values[:5], values[5:])
    return table
