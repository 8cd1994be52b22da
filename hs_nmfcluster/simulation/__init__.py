"""Specimens whose truth is known."""

from hs_nmfcluster.simulation.crystal import ZRCU_B19, UnitCell
from hs_nmfcluster.simulation.glass import Glass
from hs_nmfcluster.simulation.instrument import Instrument
from hs_nmfcluster.simulation.linear import DEFAULT_FAMILIES, linear_mixture
from hs_nmfcluster.simulation.particles import Particle
from hs_nmfcluster.simulation.patterns import Halo, SpotFamily
from hs_nmfcluster.simulation.physical import nanocrystals_in_glass
from hs_nmfcluster.simulation.truth import Truth

__all__ = [
    "DEFAULT_FAMILIES",
    "ZRCU_B19",
    "Glass",
    "Halo",
    "Instrument",
    "Particle",
    "SpotFamily",
    "Truth",
    "UnitCell",
    "linear_mixture",
    "nanocrystals_in_glass",
]
