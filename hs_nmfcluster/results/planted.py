"""Particles that were planted in a scan, and what came back of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What is known of each.
COLUMNS = (
    "x",
    "y",
    "diameter",
    "fraction",
    "pattern",
    "angle",
    "run",
    "found",
    "found_diameter",
    "found_fraction",
)


@dataclass(frozen=True, eq=False)
class PlantedParticles:
    """Particles that were planted in a scan, and what came back of them, ``(n,)`` each.

    Attributes
    ----------
    x, y, diameter
        In the unit of the scan.
    fraction
        Electrons that each scatters into its spots in its middle, over those of the matrix in the
        analysed pixels.
    pattern
        Number of the pattern that it was given: of the group of crystals, or 0 of the one given.
    angle
        By which that was turned, in degrees.
    run
        Analysis that it was part of.
    found
        Whether a particle was found there with a pattern like it.
    found_diameter, found_fraction
        As they were found; NaN where not found, or not resolved.

    Examples
    --------
    >>> nothing, number = np.zeros(2), np.zeros(2, int)
    >>> two = PlantedParticles(*np.ones((4, 2)), number, nothing, number, nothing > 0,
    ...     nothing, nothing)
    >>> len(two)
    2
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    diameter: NDArray[np.float64]
    fraction: NDArray[np.float64]
    pattern: NDArray[np.int64]
    angle: NDArray[np.float64]
    run: NDArray[np.int64]
    found: NDArray[np.bool_]
    found_diameter: NDArray[np.float64]
    found_fraction: NDArray[np.float64]

    def __len__(self) -> int:
        return self.x.size

    def some(self, chosen: NDArray[Any]) -> "PlantedParticles":
        """Return some of them.

        Parameters
        ----------
        chosen
            Their indices, or whether each is one of them.

        Returns
        -------
        PlantedParticles

        Examples
        --------
        >>> len(two.some([1]))
        1
        """
        return PlantedParticles(*(getattr(self, name)[chosen] for name in COLUMNS))

    @classmethod
    def together(cls, several: Sequence["PlantedParticles"]) -> "PlantedParticles":
        """Put those of several analyses together.

        Parameters
        ----------
        several
            Of each.

        Returns
        -------
        PlantedParticles

        Examples
        --------
        >>> len(PlantedParticles.together([two, two]))
        4
        """
        return cls(*(np.concatenate([getattr(s, name) for s in several]) for name in COLUMNS))
