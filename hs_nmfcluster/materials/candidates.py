"""Candidate phases as users give them."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

import gemmi
import numpy as np

from hs_nmfcluster.materials.crystals import Cell, Reflections, with_symmetry
from hs_nmfcluster.scan.arguments import check_positive

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
    cell = structure.cell
    plain = Cell(cell.a / 10, cell.b / 10, cell.c / 10, cell.alpha, cell.beta, cell.gamma)
    return with_symmetry(structure, structure.spacegroup, *plain.indices(smallest))


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
