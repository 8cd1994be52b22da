"""A glass as a random dense packing of hard spheres."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hs_nmfcluster.simulation.chunks import position_generator


@dataclass(frozen=True)
class Glass:
    """An amorphous matrix of hard spheres.

    Attributes
    ----------
    composition
        Atomic fraction of each element.
    radii
        Half the least distance of two atoms of an element, nm. Together they fill 0.58 of space
        in the default glass, below the 0.64 of random close packing.
    density
        Atoms per nm^3.
    edge
        Edge in nm of the periodic cube that holds the packing.

    Examples
    --------
    >>> round(Glass().filling, 2)
    0.58
    """

    composition: Mapping[str, float] = field(
        default_factory=lambda: {"Zr": 0.5, "Cu": 0.4, "Al": 0.1}
    )
    radii: Mapping[str, float] = field(
        default_factory=lambda: {"Zr": 0.147, "Cu": 0.118, "Al": 0.132}
    )
    density: float = 56.0
    edge: float = 6.0

    def __post_init__(self) -> None:
        missing = sorted(set(self.composition) - set(self.radii))
        if missing:
            raise ValueError(f"radii must give every element of the composition, {missing} lack")
        if self.filling > 0.62:
            raise ValueError(
                f"radii and density fill {self.filling:.2f} of space; spheres at random can be "
                "packed to 0.62: take smaller radii or a lower density"
            )

    @property
    def filling(self) -> float:
        """Share of space that the spheres fill."""
        total = sum(self.composition.values())
        cubes = sum(share * self.radii[name] ** 3 for name, share in self.composition.items())
        return 4 / 3 * np.pi * self.density * cubes / total

    def pack(self, seed: int) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Pack the spheres at random into a periodic cube.

        Parameters
        ----------
        seed
            Seed of the specimen.

        Returns
        -------
        elements
            Symbols, shape ``(n,)``.
        positions
            In nm, within ``0 <= x < edge``, shape ``(n, 3)``.

        Examples
        --------
        >>> elements, positions = Glass(edge=1.5).pack(seed=0)
        >>> positions.shape == (len(elements), 3)
        True
        """
        shares = tuple(sorted(self.composition.items()))
        names = np.array([name for name, _ in shares])
        radii = tuple(self.radii[name] for name in names)
        kinds, positions = _packed(shares, radii, self.density, self.edge, seed)
        return names[kinds], positions


@lru_cache(maxsize=4)
def _packed(
    shares: tuple[tuple[str, float], ...],
    radii: tuple[float, ...],
    density: float,
    edge: float,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = position_generator(seed, 0, "structure")
    n_atoms = max(round(density * edge**3), 1)
    weights = np.array([share for _, share in shares])
    ends = np.round(np.cumsum(weights / weights.sum()) * n_atoms).astype(int)
    kinds = np.repeat(np.arange(len(shares)), np.diff(ends, prepend=0))
    positions = rng.uniform(0, edge, (n_atoms, 3))
    return kinds, push_apart(positions, np.array(radii)[kinds], edge)


def push_apart(
    positions: NDArray[np.floating],
    radii: NDArray[np.floating],
    edge: float,
    *,
    tolerance: float = 0.02,
    max_steps: int = 400,
) -> NDArray[np.float64]:
    """Move overlapping spheres apart until (nearly) none overlap.

    Parameters
    ----------
    positions
        In nm, shape ``(n, 3)``.
    radii
        In nm, shape ``(n,)``.
    edge
        Edge of the periodic cube in nm.
    tolerance
        Largest overlap left, as a share of the distance of contact.
    max_steps
        Steps after which the rest of the overlaps is left as it is.

    Returns
    -------
    positions
        Shape ``(n, 3)``.
    """
    positions = np.asarray(positions, dtype=np.float64) % edge
    skin = 0.2 * float(radii.max())
    moved = np.inf
    for _ in range(max_steps):
        # Pairs are looked up anew only when atoms may have come near that were not.
        if moved > skin / 2:
            tree = cKDTree(positions, boxsize=edge)
            first, second = tree.query_pairs(2 * radii.max() + skin, output_type="ndarray").T
            contact = radii[first] + radii[second]
            moved = 0.0
        apart = positions[second] - positions[first]
        apart -= edge * np.round(apart / edge)
        distance = np.maximum(np.sqrt(np.einsum("ij,ij->i", apart, apart)), 1e-9)
        overlap = np.maximum(contact - distance, 0.0)
        if (overlap <= tolerance * contact).all():
            break
        # Slightly more than contact: aiming at contact itself is approached ever more slowly.
        step = np.where(overlap > 0, 0.5 * (overlap + 0.005 * contact), 0.0)
        push = apart * (step / distance)[:, np.newaxis]
        motion = np.column_stack(
            [
                np.bincount(second, along, len(positions))
                - np.bincount(first, along, len(positions))
                for along in push.T
            ]
        )
        moved += float(np.abs(motion).max()) * np.sqrt(3)
        positions = (positions + motion) % edge
    return positions
