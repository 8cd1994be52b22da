"""Crystals as a simulation needs them: zones, orientations, and crystallites cut from them."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hs_nmfcluster.materials.crystals import Cell, integer_triples


class UnitCell(Cell):
    """A crystal structure of which all atoms are given.

    Everything that a `hs_nmfcluster.materials.Cell` can do, it can too: it may be a candidate
    phase, for instance.

    Parameters
    ----------
    lengths
        ``(a, b, c)`` in nm.
    angles
        ``(alpha, beta, gamma)`` in degrees.
    elements
        Symbol of each atom in the cell.
    positions
        Fractional coordinates of each atom.

    Examples
    --------
    >>> copper = UnitCell(
    ...     (0.3615,) * 3, (90.0,) * 3, ("Cu",) * 4,
    ...     ((0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)),
    ... )
    >>> round(copper.spacing((1, 1, 1)), 4)
    0.2087
    """

    def __init__(
        self,
        lengths: tuple[float, float, float],
        angles: tuple[float, float, float],
        elements: tuple[str, ...],
        positions: tuple[tuple[float, float, float], ...],
    ) -> None:
        if len(elements) != len(positions) or not elements:
            raise ValueError(
                "elements and positions must be equally many and at least one, got "
                f"{len(elements)} and {len(positions)}"
            )
        atoms = tuple((name, *place) for name, place in zip(elements, positions, strict=True))
        super().__init__(*lengths, *angles, atoms=atoms)

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbol of each atom in the cell."""
        return tuple(element for element, *_ in self.atoms)

    @property
    def positions(self) -> tuple[tuple[float, float, float], ...]:
        """Fractional coordinates of each atom."""
        return tuple((x, y, z) for _, x, y, z in self.atoms)

    def zone(
        self, axis: tuple[int, int, int], largest: float, *, weakest: float = 0.02
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Kinematical reflections of a zone axis.

        Parameters
        ----------
        axis
            Zone axis ``[u, v, w]``.
        largest
            Largest spatial frequency in 1/nm.
        weakest
            Smallest intensity that counts, as a share of the strongest of the zone.

        Returns
        -------
        vectors
            In the crystal's Cartesian frame, 1/nm, sorted by length, shape ``(m, 3)``.
        intensities
            Squared structure factors in nm^2, shape ``(m,)``.

        Raises
        ------
        ValueError
            If the zone has no reflection up to `largest`.

        Examples
        --------
        >>> vectors, *_ = copper.zone((0, 0, 1), 8.0)
        >>> len(vectors)
        8
        """
        indices = integer_triples(np.ceil(largest * np.array(self.lengths)))
        indices = indices[(indices @ np.asarray(axis) == 0) & indices.any(axis=1)]
        vectors = indices @ self.reciprocal
        lengths = np.linalg.norm(vectors, axis=1)
        order = np.argsort(lengths, kind="stable")[: np.count_nonzero(lengths <= largest)]
        indices, vectors = indices[order], vectors[order]
        if not len(vectors):
            raise ValueError(f"zone axis {axis} has no reflection up to {largest} / nm")
        intensities = np.abs(self.structure_factors(indices)) ** 2
        strong = intensities >= weakest * intensities.max()
        return vectors[strong], intensities[strong]

    def orientation(
        self, axis: tuple[int, int, int], angle: float, largest: float = 10.0
    ) -> NDArray[np.float64]:
        """Rotation that puts a zone axis along the beam.

        The shortest reflection of the zone then points `angle` degrees from +x towards +y.

        Parameters
        ----------
        axis
            Zone axis ``[u, v, w]``.
        angle
            In degrees.
        largest
            Spatial frequency in 1/nm up to which reflections are looked for.

        Returns
        -------
        rotation
            Shape ``(3, 3)``, for row vectors: ``turned = vector @ rotation.T``.

        Examples
        --------
        >>> copper.orientation((0, 0, 1), 0.0).shape
        (3, 3)
        """
        beam = np.asarray(axis) @ self.basis
        beam = beam / np.linalg.norm(beam)
        first = self.zone(axis, largest)[0][0]
        first = first / np.linalg.norm(first)
        to_lab = np.stack([first, np.cross(beam, first), beam])
        return _about_beam(angle) @ to_lab

    def symmetry(self, axis: tuple[int, int, int], largest: float = 10.0) -> int:
        """Order of the rotation axis of a zone's pattern: 6, 4 or 2.

        Parameters
        ----------
        axis
            Zone axis ``[u, v, w]``.
        largest
            Spatial frequency in 1/nm up to which reflections are compared.

        Returns
        -------
        order

        Examples
        --------
        >>> copper.symmetry((0, 0, 1)), copper.symmetry((1, 1, 1))
        (4, 6)
        """
        vectors, intensities = self.zone(axis, largest)
        flat = (vectors @ self.orientation(axis, 0.0, largest).T)[:, :2]
        tree = cKDTree(flat)
        for order in (6, 4):
            distance, partner = tree.query(flat @ _about_beam(360 / order)[:2, :2].T)
            same_place = distance < 2e-3 * np.linalg.norm(flat, axis=1)
            if same_place.all() and np.allclose(intensities[partner], intensities, rtol=0.02):
                return order
        return 2

    def sphere(
        self, diameter: float, rotation: NDArray[np.floating], offset: NDArray[np.floating]
    ) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Cut a crystallite.

        Parameters
        ----------
        diameter
            In nm.
        rotation
            From `orientation`.
        offset
            Fractional coordinates of the sphere's centre.

        Returns
        -------
        elements
            Symbols, shape ``(n,)``.
        positions
            Nanometres from the centre, shape ``(n, 3)``.

        Examples
        --------
        >>> elements, positions = copper.sphere(1.0, np.eye(3), np.zeros(3))
        >>> bool((np.linalg.norm(positions, axis=1) <= 0.5).all())
        True
        """
        reach = np.ceil(diameter / 2 * np.linalg.norm(self.reciprocal, axis=1)) + 1
        cells = integer_triples(reach)[:, np.newaxis]
        fractional = cells + np.asarray(self.positions) - offset
        positions = fractional.reshape(-1, 3) @ self.basis @ rotation.T
        inside = (positions**2).sum(axis=1) <= (diameter / 2) ** 2
        return np.tile(np.array(self.elements), len(cells))[inside], positions[inside]


#: B19' martensite of ZrCu, space group P2_1/m, with the cell of ICSD 167596 and the coordinates
#: of the isotypic NiTi (Kudoh, Tokonami, Miyazaki, Otsuka, Acta Metall. 33, 2049 (1985)).
ZRCU_B19 = UnitCell(
    (0.3278, 0.4161, 0.5245),
    (90.0, 103.9, 90.0),
    ("Zr", "Zr", "Cu", "Cu"),
    (
        (0.4176, 0.25, 0.2164),
        (0.5824, 0.75, 0.7836),
        (0.0372, 0.25, 0.6752),
        (0.9628, 0.75, 0.3248),
    ),
)


def _about_beam(angle: float) -> NDArray[np.float64]:
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
