"""A slab of glass with crystallites in it, as a phase grating of any extent.

The slab is made in square blocks, each from its own atoms only and always in the same way, so that
any part of it can be made at any time and comes out the same to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.simulation.chunks import position_generator
from hs_nmfcluster.simulation.crystal import UnitCell
from hs_nmfcluster.simulation.glass import Glass
from hs_nmfcluster.simulation.grating import PhaseGrating

#: Thickest layer (nm) cut from the cube in one piece.
LAYER_THICKNESS = 2.5
#: Least distance (nm) of the matrix' atoms from a crystallite's surface.
GAP = 0.1
#: Blocks kept in memory, a few MB each.
BLOCKS_KEPT = 128


@dataclass(frozen=True)
class Crystallite:
    """A sphere of crystal.

    Attributes
    ----------
    cell
        Its structure.
    rotation
        From the crystal's Cartesian frame into the specimen's, shape ``(3, 3)``.
    center
        ``(x, y, z)`` in nm; z from the entrance face.
    diameter
        In nm.
    offset
        Fractional coordinates of the cell that lie at the centre.
    """

    cell: UnitCell
    rotation: NDArray[np.float64]
    center: tuple[float, float, float]
    diameter: float
    offset: NDArray[np.float64]

    def atoms(self) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Symbols ``(n,)`` and positions ``(n, 3)`` in nm of its atoms."""
        elements, positions = self.cell.sphere(self.diameter, self.rotation, self.offset)
        return elements, positions + np.asarray(self.center)


@dataclass(frozen=True)
class Specimen:
    """A slab of glass with crystallites, without end in x and y.

    The glass is a stack of thin layers; each is a slice of one periodic cube of packed spheres,
    seen along one of the cube's axes, turned by its own random angle and shifted. The cube is
    used again and again, but the layers' periods have no common multiple, so that no part of
    the slab repeats another.

    Attributes
    ----------
    glass
        The matrix.
    thickness
        Of the slab in nm.
    crystallites
        They replace the glass.
    grating
        Grid and beam.
    seed
        Of the specimen.
    block
        Edge of a block in pixels.
    """

    glass: Glass
    thickness: float
    crystallites: Sequence[Crystallite]
    grating: PhaseGrating
    seed: int
    block: int = 384
    _blocks: dict[tuple[int, int], NDArray[np.complex64]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __getstate__(self) -> dict[str, Any]:
        # Blocks can be made anew; sending them to another process would take longer.
        return {**self.__dict__, "_blocks": {}}

    def transmission(self, left: int, top: int, size: int) -> NDArray[np.complex64]:
        """Transmission function of a square area.

        Parameters
        ----------
        left, top
            Grid position of the first column and row; any integers.
        size
            Edge of the area in pixels.

        Returns
        -------
        transmission
            Shape ``(size, size)``.
        """
        area = np.empty((size, size), dtype=np.complex64)
        edge = self.block
        for row in range(top // edge, (top + size - 1) // edge + 1):
            for column in range(left // edge, (left + size - 1) // edge + 1):
                y, x = row * edge - top, column * edge - left
                source = self._block(column, row)
                target = area[max(y, 0) : y + edge, max(x, 0) : x + edge]
                n_y, n_x = target.shape
                target[:] = source[max(-y, 0) :, max(-x, 0) :][:n_y, :n_x]
        return area

    def _block(self, column: int, row: int) -> NDArray[np.complex64]:
        key = (column, row)
        block = self._blocks.get(key)
        if block is None:
            block = self._made(column, row)
            if len(self._blocks) >= BLOCKS_KEPT:
                # Another thread may be making room too.
                self._blocks.pop(next(iter(list(self._blocks)), key), None)
            self._blocks[key] = block
        return block

    def _made(self, column: int, row: int) -> NDArray[np.complex64]:
        pixel, margin = self.grating.pixel, self.grating.margin
        corner = np.array([column, row]) * self.block
        low = (corner - margin) * pixel
        high = (corner + self.block + margin) * pixel
        elements, positions = self._atoms(low, high)
        grid = positions / pixel - corner
        atoms = {name: grid[elements == name] for name in np.unique(elements)}
        phase = self.grating.phase(atoms, self.block)
        return np.exp(1j * phase).astype(np.complex64)

    def _atoms(
        self, low: NDArray[np.floating], high: NDArray[np.floating]
    ) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        near = [
            crystallite
            for crystallite in self.crystallites
            if (np.array(crystallite.center[:2]) + crystallite.diameter > low).all()
            and (np.array(crystallite.center[:2]) - crystallite.diameter < high).all()
        ]
        parts = []
        for elements, positions in (self._layer(n, low, high) for n in range(self.n_layers)):
            free = np.ones(len(positions), dtype=bool)
            for crystallite in near:
                distance = np.linalg.norm(positions - crystallite.center, axis=1)
                free &= distance > crystallite.diameter / 2 + GAP
            parts.append((elements[free], positions[free, :2]))
        for crystallite in near:
            elements, positions = crystallite.atoms()
            parts.append((elements, positions[:, :2]))
        return (
            np.concatenate([elements for elements, _ in parts]),
            np.concatenate([positions for _, positions in parts]),
        )

    @property
    def n_layers(self) -> int:
        """Number of layers of glass."""
        return int(np.ceil(self.thickness / min(LAYER_THICKNESS, self.glass.edge)))

    @cached_property
    def _cube(self) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        return self.glass.pack(self.seed)

    def _layer(
        self, number: int, low: NDArray[np.floating], high: NDArray[np.floating]
    ) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        edge = self.glass.edge
        rng = position_generator(self.seed, number + 1, "structure")
        axes, start = rng.permutation(3), rng.uniform(0, edge)
        angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(0, edge, 2)
        height = self.thickness / self.n_layers
        elements, cube = self._cube
        depth = (cube[:, axes[2]] - start) % edge
        chosen = depth < height
        flat, depth = cube[chosen][:, axes[:2]], depth[chosen] + number * height

        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
        corners = (corners - shift) @ turn.T
        first = np.floor(corners.min(axis=0) / edge).astype(int)
        last = np.floor(corners.max(axis=0) / edge).astype(int)
        copies = np.stack(
            np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(first, last, strict=True))), axis=-1
        ).reshape(-1, 1, 2)
        placed = (copies * edge + flat).reshape(-1, 2) @ turn + shift
        inside = ((placed >= low) & (placed <= high)).all(axis=1)
        depths = np.tile(depth, len(copies))[inside]
        return (
            np.tile(elements[chosen], len(copies))[inside],
            np.column_stack([placed[inside], depths]),
        )
