"""Candidate phases: tables of spacings, unit cells, CIF files.

Space groups and structure factors come from gemmi: one small compiled package without
dependencies, maintained for the wwPDB and CCP4, which reads any CIF,
knows every setting of every space group and computes structure factors with the scattering factors
of atoms for electrons (International Tables C, 4.3.2.2). These are used here, not those for
X-rays: light and heavy atoms, and the lowest reflections, weigh differently.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.scan.arguments import check_positive

# Reflections of one spacing within this share of it are one.
_SAME = 1e-6
# A reflection weaker than this share of the strongest is as good as forbidden.
_INVISIBLE = 1e-4


@dataclass(frozen=True)
class Reflections:
    """Reflections of one phase, the largest spacing first.

    Attributes
    ----------
    d
        Lattice spacings in nm, ``(n,)``.
    labels
        Miller indices, one representative of each set of equivalent ones; empty in plain tables.
    forbidden
        ``(n,)`` of bool: extinguished by a glide plane or screw axis, or without structure factor.
        Double diffraction may show them all the same.
    intensity
        Squared structure factors over the largest one, ``(n,)``; NaN where not known.
    """

    d: NDArray[np.float64]
    labels: tuple[str, ...]
    forbidden: NDArray[np.bool_]
    intensity: NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """Candidate phase given by its unit cell.

    Parameters
    ----------
    a, b, c
        Edges in nm; b and c equal a if not given.
    alpha, beta, gamma
        Angles in degrees.
    space_group
        Symbol (``"P 21/m"``, ``"P2_1/m"``) or number as a string.
    atoms
        ``(element, x, y, z)`` of the asymmetric unit. With them, structure factors are computed.

    Raises
    ------
    TypeError, ValueError
        If an edge or angle is not a positive number, or the angles make no cell.

    Examples
    --------
    >>> from hs_nmfcluster.materials.crystals import Cell
    >>> Cell(0.3262).reflections(0.2).d.round(4)
    array([0.3262, 0.2307])
    """

    a: float
    b: float | None = None
    c: float | None = None
    alpha: float = 90.0
    beta: float = 90.0
    gamma: float = 90.0
    space_group: str = "P1"
    atoms: Sequence[tuple[str, float, float, float]] = field(default=())

    def __post_init__(self) -> None:
        for name in ("a", "b", "c", "alpha", "beta", "gamma"):
            value = getattr(self, name)
            if value is not None:
                check_positive(name, value)
        if not np.linalg.det(self._metric) > 0:
            raise ValueError(
                f"The angles {self.alpha:g}, {self.beta:g}, {self.gamma:g}° make no unit cell."
            )

    @property
    def _edges(self) -> NDArray[np.float64]:
        b = self.a if self.b is None else self.b
        return np.array([self.a, b, self.a if self.c is None else self.c])

    @property
    def _metric(self) -> NDArray[np.float64]:
        """Metric tensor of the direct lattice."""
        cos = np.cos(np.deg2rad([self.alpha, self.beta, self.gamma]))
        cosines = np.array([[1, cos[2], cos[1]], [cos[2], 1, cos[0]], [cos[1], cos[0], 1]])
        return np.outer(self._edges, self._edges) * cosines

    def reflections(self, smallest: float) -> Reflections:
        """Reflections down to a smallest spacing in nm.

        Parameters
        ----------
        smallest
            Smallest spacing in nm.

        Returns
        -------
        Reflections

        Raises
        ------
        ValueError
            If the space group is not known.

        Examples
        --------
        >>> Cell(0.3262).reflections(0.2).labels
        ('(100)', '(110)')
        """
        indices, d = self.indices(smallest)
        if self.space_group.replace(" ", "") in ("P1", "1") and not self.atoms:
            unique = _one_a_spacing(d)
            return Reflections(
                d[unique],
                tuple(_label(indices[k]) for k in unique),
                np.zeros(unique.size, dtype=bool),
                np.full(unique.size, np.nan),
            )
        group = self._space_group()
        return with_symmetry(self._structure(group), group, indices, d)

    def indices(self, smallest: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return one of each pair of opposite hkl, and their spacings, the largest first.

        Parameters
        ----------
        smallest
            Smallest spacing in nm.

        Returns
        -------
        hkl : numpy.ndarray
            ``(n, 3)``.
        d : numpy.ndarray
            ``(n,)`` in nm.

        Examples
        --------
        >>> hkl, d = Cell(0.3262).indices(0.3)
        >>> hkl.tolist()
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
        """
        reach = np.floor(self._edges / smallest + 1e-9).astype(int)
        grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1)
        hkl = grid.reshape(-1, 3)
        # Ascending order puts each hkl after its opposite.
        hkl = hkl[len(hkl) // 2 + 1 :]
        inverse = np.linalg.inv(self._metric)
        d = 1 / np.sqrt(np.einsum("ni,ij,nj->n", hkl, inverse, hkl))
        kept = d >= smallest
        hkl, d = hkl[kept], d[kept]
        # Of equal spacings, the simplest indices first: (110), not (1-10) or (2-10).
        order = np.lexsort((*-hkl.T[::-1], np.abs(hkl).sum(axis=1), -np.round(d, 9)))
        return hkl[order], d[order]

    def _space_group(self) -> Any:
        """Gemmi's space group."""
        name = self.space_group.strip()
        if name.isdigit():
            group = gemmi.find_spacegroup_by_number(int(name))
        else:
            group = gemmi.find_spacegroup_by_name(name.replace("_", ""))
        if group is None:
            raise ValueError(f"`space_group` {self.space_group!r} is not known.")
        return group

    def _structure(self, group: Any) -> Any:
        """Gemmi's structure with all atoms of this cell, as of space group P1."""
        structure = gemmi.SmallStructure()
        a, b, c = (float(10 * edge) for edge in self._edges)
        structure.cell = gemmi.UnitCell(a, b, c, self.alpha, self.beta, self.gamma)
        for element, *position in self.atoms:
            images = [op.apply_to_xyz(position) for op in group.operations()]
            for image in _different(np.array(images) % 1.0):
                site = gemmi.SmallStructure.Site()
                site.label = site.type_symbol = element
                site.element = gemmi.Element(element)
                site.fract = gemmi.Fractional(*image)
                structure.add_site(site)
        return structure


def _different(positions: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Positions in a cell, each once."""
    kept: list[NDArray[np.float64]] = []
    for position in positions:
        apart = [np.abs((position - other + 0.5) % 1.0 - 0.5).max() for other in kept]
        if all(distance > 1e-4 for distance in apart):
            kept.append(position)
    return kept


def _one_a_spacing(d: NDArray[np.float64]) -> NDArray[np.intp]:
    """First of each run of equal spacings."""
    return np.flatnonzero(np.diff(d, prepend=np.inf) < -_SAME * d)


def with_symmetry(
    structure: Any, group: Any, indices: NDArray[np.int64], d: NDArray[np.float64]
) -> Reflections:
    """Reflections that the centring allows, one of each set of equivalent ones."""
    operations = group.operations()
    centring = np.array(operations.cen_ops) / 24.0
    allowed = (np.abs((indices @ centring.T + 0.5) % 1 - 0.5) < 1e-6).all(axis=1)
    indices, d = indices[allowed], d[allowed]
    kept, seen = [], set()
    for k, hkl in enumerate(indices.tolist()):
        if tuple(hkl) not in seen:
            kept.append(k)
            for op in operations.sym_ops:
                image = op.apply_to_hkl(hkl)
                seen |= {tuple(image), tuple(-i for i in image)}
    indices, d = indices[kept], d[kept]
    forbidden = np.array([operations.is_systematically_absent(h) for h in indices.tolist()], bool)
    intensity = _intensities(structure, indices)
    forbidden |= intensity < _INVISIBLE
    return Reflections(d, tuple(_label(h) for h in indices), forbidden, intensity)


def _intensities(structure: Any, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared structure factors over the largest; NaN without atoms."""
    if not len(structure.sites) or not len(indices):
        return np.full(len(indices), np.nan)
    calculator = gemmi.StructureFactorCalculatorE(structure.cell)
    factors = [calculator.calculate_sf_from_small_structure(structure, h) for h in indices.tolist()]
    squared = np.abs(factors) ** 2
    return np.asarray(squared / (squared.max() or 1.0))


def _label(hkl: Iterable[int]) -> str:
    """Write Miller indices: ``"(10-2)"``, with spaces where one has two digits."""
    parts = [str(int(index)) for index in hkl]
    apart = " " if any(len(part.lstrip("-")) > 1 for part in parts) else ""
    return f"({apart.join(parts)})"
