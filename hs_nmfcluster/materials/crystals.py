"""Candidate phases: tables of spacings, unit cells, CIF files.

Space groups and structure factors come from gemmi: one small compiled package without
dependencies, maintained for the wwPDB and CCP4, which reads any CIF,
knows every setting of every space group and computes structure factors with the scattering factors
of atoms for electrons (International Tables C, 4.3.2.2). These are used here, not those for
X-rays: light and heavy atoms, and the lowest reflections, weigh differently.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
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
class Net:
    """All reflections of one phase as vectors, opposite and equivalent ones too.

    Attributes
    ----------
    indices
        Miller indices, ``(n, 3)``.
    vectors
        Reciprocal lattice vectors in 1/nm, ``(n, 3)``.
    basis
        Lattice vectors as rows, nm, ``(3, 3)``.
    """

    indices: NDArray[np.int64]
    vectors: NDArray[np.float64]
    basis: NDArray[np.float64]


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
        if not self._lattice.volume > 0:
            raise ValueError(
                f"The angles {self.alpha:g}, {self.beta:g}, {self.gamma:g}° make no unit cell."
            )

    @property
    def lengths(self) -> tuple[float, float, float]:
        """Edges ``(a, b, c)`` in nm."""
        return self.a, self.a if self.b is None else self.b, self.a if self.c is None else self.c

    @property
    def angles(self) -> tuple[float, float, float]:
        """``(alpha, beta, gamma)`` in degrees."""
        return self.alpha, self.beta, self.gamma

    @property
    def basis(self) -> NDArray[np.float64]:
        """Lattice vectors as rows, nm, shape ``(3, 3)``: a along x, b in the plane of x and y."""
        a, b, c = self.lengths
        alpha, beta, gamma = np.deg2rad(self.angles)
        x = np.cos(beta)
        y = (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
        return np.array(
            [
                [a, 0.0, 0.0],
                [b * np.cos(gamma), b * np.sin(gamma), 0.0],
                [c * x, c * y, c * np.sqrt(1 - x**2 - y**2)],
            ]
        )

    @property
    def reciprocal(self) -> NDArray[np.float64]:
        """Reciprocal lattice vectors as rows, 1/nm, shape ``(3, 3)``."""
        return np.asarray(np.linalg.inv(self.basis).T, dtype=np.float64)

    @property
    def _lattice(self) -> Any:
        """Gemmi's unit cell, in Å."""
        a, b, c = (10 * edge for edge in self.lengths)
        return gemmi.UnitCell(a, b, c, *self.angles)

    def spacing(self, indices: tuple[int, int, int]) -> float:
        """Lattice spacing of a set of planes.

        Parameters
        ----------
        indices
            Miller indices ``(h, k, l)``.

        Returns
        -------
        spacing
            In nm.

        Examples
        --------
        >>> round(Cell(0.3615).spacing((2, 2, 0)), 4)
        0.1278
        """
        return float(1 / np.linalg.norm(np.asarray(indices) @ self.reciprocal))

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
        # Of spacings that are the bound itself rounding must not leave out some.
        bound = smallest * (1 - _SAME)
        hkl = integer_triples(np.array(self.lengths) / bound)
        # Ascending order puts each hkl after its opposite.
        hkl = hkl[len(hkl) // 2 + 1 :]
        d = 1 / np.linalg.norm(hkl @ self.reciprocal, axis=1)
        kept = d >= bound
        hkl, d = hkl[kept], d[kept]
        # Of equal spacings, the simplest indices first: (110), not (1-10) or (2-10).
        order = np.lexsort((*-hkl.T[::-1], np.abs(hkl).sum(axis=1), -np.round(d, 9)))
        return hkl[order], d[order]

    def structure_factors(self, indices: NDArray[np.integer]) -> NDArray[np.complex128]:
        """Structure factors for electrons, of the atoms at rest.

        Parameters
        ----------
        indices
            Miller indices, ``(n, 3)``.

        Returns
        -------
        factors
            In nm, ``(n,)``.

        Examples
        --------
        >>> iron = Cell(0.2866, atoms=[("Fe", 0, 0, 0), ("Fe", 0.5, 0.5, 0.5)])
        >>> abs(iron.structure_factors(np.array([[1, 0, 0], [1, 1, 0]]))).round(3)
        array([0.   , 0.593])
        """
        return 0.1 * _structure_factors(self._structure(self._space_group()), indices)

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
        structure.cell = self._lattice
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
    allowed = ~operations.derive_symmorphic().systematic_absences(indices)
    indices, d = indices[allowed], d[allowed]
    asu = gemmi.ReciprocalAsu(group)
    equivalent = [asu.to_asu(hkl, operations)[0] for hkl in indices.tolist()]
    kept = np.sort(np.unique(np.reshape(equivalent, (-1, 3)), axis=0, return_index=True)[1])
    indices, d = indices[kept], d[kept]
    intensity = _intensities(structure, indices)
    forbidden = operations.systematic_absences(indices) | (intensity < _INVISIBLE)
    return Reflections(d, tuple(_label(h) for h in indices), forbidden, intensity)


def _intensities(structure: Any, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared structure factors over the largest; NaN without atoms."""
    if not len(structure.sites) or not len(indices):
        return np.full(len(indices), np.nan)
    squared = np.abs(_structure_factors(structure, indices)) ** 2
    return np.asarray(squared / (squared.max() or 1.0))


def _structure_factors(structure: Any, indices: NDArray[np.integer]) -> NDArray[np.complex128]:
    """Structure factors for electrons in Å."""
    calculator = gemmi.StructureFactorCalculatorE(structure.cell)
    return np.array(
        [calculator.calculate_sf_from_small_structure(structure, hkl) for hkl in indices.tolist()],
        dtype=np.complex128,
    )


def integer_triples(reach: NDArray[np.floating]) -> NDArray[np.int64]:
    """All triples of integers from minus to plus a reach along each axis, in ascending order.

    Examples
    --------
    >>> integer_triples(np.array([0.0, 1.2, 0.7])).tolist()
    [[0, -1, 0], [0, 0, 0], [0, 1, 0]]
    """
    ranges = [np.arange(-n, n + 1) for n in np.floor(reach).astype(np.int64)]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)


def _label(hkl: Iterable[int]) -> str:
    """Write Miller indices: ``"(10-2)"``, with spaces where one has two digits."""
    parts = [str(int(index)) for index in hkl]
    apart = " " if any(len(part.lstrip("-")) > 1 for part in parts) else ""
    return f"({apart.join(parts)})"


Candidate = Cell | str | PathLike[str] | Iterable[float]


def from_table(name: str, spacings: object) -> Reflections:
    """Reflections of a plain table of spacings in nm.

    Raises
    ------
    TypeError, ValueError
        If the table is empty or holds what is not a positive number.

    Examples
    --------
    >>> from_table("gold", [0.2039, 0.2355]).d
    array([0.2355, 0.2039])
    """
    if isinstance(spacings, str) or not isinstance(spacings, Iterable):
        raise TypeError(f"The candidate {name!r} must be a list of spacings, got {spacings!r}.")
    d = np.array([check_positive(f"spacings of {name}", value) for value in spacings])
    if d.size == 0:
        raise ValueError(f"The candidate {name!r} has no spacings.")
    d = np.sort(d)[::-1]
    return Reflections(d, ("",) * d.size, np.zeros(d.size, dtype=bool), np.full(d.size, np.nan))


def from_cif(path: str | PathLike[str], smallest: float) -> Reflections:
    """Reflections of the first structure in a CIF file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it does not parse, or holds no unit cell.
    """
    structure = _read_cif(path)
    return with_symmetry(structure, structure.spacegroup, *_plain_cell(structure).indices(smallest))


def _read_cif(path: str | PathLike[str]) -> Any:
    """Gemmi's structure of the first one in a CIF file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no CIF file {str(path)!r}.")
    try:
        blocks = list(gemmi.cif.read(str(path)))
        structures = [gemmi.make_small_structure_from_block(block) for block in blocks]
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"The CIF file {str(path)!r} does not parse: {error}.") from None
    found = [structure for structure in structures if structure.cell.is_crystal()]
    if not found:
        raise ValueError(f"The CIF file {str(path)!r} holds no unit cell (_cell_length_a …).")
    structure = found[0]
    if structure.spacegroup is None:
        raise ValueError(
            f"The CIF file {str(path)!r} holds no space group that is known "
            f"({structure.spacegroup_hm!r})."
        )
    # An atom on a special position is its own image: it must not count once for each operation.
    structure.change_occupancies_to_crystallographic()
    return structure


def _plain_cell(structure: Any) -> Cell:
    cell = structure.cell
    return Cell(cell.a / 10, cell.b / 10, cell.c / 10, cell.alpha, cell.beta, cell.gamma)


def candidates(given: object) -> dict[str, Candidate]:
    """Named candidates from a mapping, or a list of CIF files and mappings.

    Raises
    ------
    TypeError, ValueError
        If there is none, two have one name, or one is nothing that is understood.

    Examples
    --------
    >>> list(candidates([{"gold": [0.2355]}, "cells/B2.cif"]))
    ['gold', 'B2']
    """
    if isinstance(given, str | PathLike | Mapping):
        given = [given]
    if not isinstance(given, Iterable):
        raise TypeError(f"`candidates` must be a list or a mapping, got {given!r}.")
    named: list[tuple[str, Candidate]] = []
    for one in given:
        if isinstance(one, Mapping):
            named += [(str(name), value) for name, value in one.items()]
        elif isinstance(one, str | PathLike):
            named.append((Path(one).stem, Path(one)))
        else:
            raise TypeError(
                "Each of `candidates` must be the path of a CIF file or a mapping {name: spacings "
                f"or Cell or CIF file}}, got {one!r}."
            )
    if not named:
        raise ValueError("`candidates` is empty: name at least one phase.")
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise ValueError(f"Two of `candidates` have the same name: {', '.join(names)}.")
    return dict(named)


def reflections_of(name: str, candidate: Candidate, smallest: float) -> Reflections:
    """Reflections of a candidate down to a smallest spacing in nm.

    Raises
    ------
    TypeError, ValueError
        Naming the candidate, if it is nothing of which reflections can be made.
    """
    if isinstance(candidate, Cell):
        return candidate.reflections(smallest)
    if isinstance(candidate, str | PathLike):
        return from_cif(candidate, smallest)
    return from_table(name, candidate)


def net_of(candidate: Candidate, smallest: float) -> Net | None:
    """Reflections of a candidate as vectors, those that only double diffraction shows left out.

    Parameters
    ----------
    candidate, smallest
        As of `reflections_of`.

    Returns
    -------
    Net or None
        None of a plain table of spacings, which tells no angles.

    Examples
    --------
    >>> len(net_of(Cell(0.3262), 0.2).indices)
    18
    """
    if isinstance(candidate, str | PathLike):
        structure = _read_cif(candidate)
        cell, group = _plain_cell(structure), structure.spacegroup
    elif isinstance(candidate, Cell):
        cell, group = candidate, candidate._space_group()
        structure = cell._structure(group)
    else:
        return None
    half, _ = cell.indices(smallest)
    half = half[~group.operations().systematic_absences(half)]
    if len(structure.sites):
        half = half[_intensities(structure, half) >= _INVISIBLE]
    indices = np.concatenate([half, -half])
    return Net(indices, indices @ cell.reciprocal, cell.basis)
