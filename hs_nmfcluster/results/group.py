"""One group of components, with what figures show of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.materials.particles import Particle
from hs_nmfcluster.materials.sizes import GroupSizes
from hs_nmfcluster.report.cards import listed
from hs_nmfcluster.report.markup import Picture, card, map_uri, pattern_uri
from hs_nmfcluster.words import group_name

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class _Whole(Protocol):
    """What a group reads of all groups; `Groups` itself knows of this class."""

    @property
    def matrix(self) -> tuple[int, ...]:
        """Numbers of the groups that hold no crystal."""

    @property
    def patterns(self) -> BaseSignal:
        """Average patterns."""

    @property
    def maps(self) -> BaseSignal | None:
        """Sums of the maps."""

    @property
    def aligned_maps(self) -> BaseSignal | None:
        """Averages of the maps."""

    @property
    def _sizes(self) -> Any:
        """Particles of each group."""


class Group:
    """One group of a cut, by its name in figures: ``groups["ii"]``.

    Wherever NumPy takes an array of indices it is that of its components.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((32, 32), (64, 64), n_particles=4, pixel_size=0.3)
    >>> patterns = signal.inav[:5, 0]
    >>> patterns.data = truth.patterns
    >>> maps = signal.T.inav[:5, 0].__class__(truth.maps)
    >>> groups = ClusterTree.from_patterns(patterns, maps, radial_range=(2, 8)).cut(n_groups=4)
    >>> group = groups["i"]
    >>> group.components.tolist(), len(group.particles)
    ([1, 2], 2)
    >>> group.pattern.data.shape, group.map.data.shape
    ((64, 64), (32, 32))
    """

    def __init__(self, groups: _Whole, number: int, components: NDArray[np.intp]) -> None:
        self._groups = groups
        self.number = number
        self.components = components

    @property
    def name(self) -> str:
        """What figures and tables call it."""
        return group_name(self.number)

    @property
    def is_matrix(self) -> bool:
        """Whether it holds no crystal."""
        return self.number in self._groups.matrix

    @property
    def color(self) -> str:
        """Its colour in all figures; grey for the matrix."""
        return plotting.group_color(self.number, self._groups.matrix)

    @property
    def pattern(self) -> BaseSignal:
        """Average pattern, the rotations corrected; one of `Groups.patterns`."""
        return self._groups.patterns.inav[self.number]

    @property
    def map(self) -> BaseSignal | None:
        """Sum of the maps, one of `Groups.maps`; None without maps."""
        return self._of(self._groups.maps)

    @property
    def aligned_map(self) -> BaseSignal | None:
        """Average map, the shifts corrected, one of `Groups.aligned_maps`; None without maps."""
        return self._of(self._groups.aligned_maps)

    @property
    def sizes(self) -> GroupSizes:
        """Its particles and their mean, of `Groups.particle_sizes` without arguments."""
        sizes: GroupSizes = self._groups._sizes[self.number]
        return sizes

    @property
    def particles(self) -> tuple[Particle, ...]:
        """Its particles, of `Groups.particle_sizes` without arguments."""
        return self.sizes.particles

    def tolist(self) -> list[int]:
        """Return its components as plain numbers.

        Returns
        -------
        list of int

        Examples
        --------
        >>> group.tolist()
        [1, 2]
        """
        numbers: list[int] = self.components.tolist()
        return numbers

    def __array__(self, dtype: "DTypeLike | None" = None, copy: bool | None = None) -> NDArray:
        return np.array(self.components, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        """Return the number of components."""
        return len(self.components)

    def __iter__(self) -> Iterator[int]:
        """Go through the components."""
        return iter(self.components)

    def __getitem__(self, index: Any) -> Any:
        """Return some of the components."""
        return self.components[index]

    def __repr__(self) -> str:
        kind = " (matrix)" if self.is_matrix else ""
        return f"<Group {self.name}{kind}: {listed(self.components)}>"

    def _repr_html_(self) -> str:
        sources = [pattern_uri(self.pattern.data)]
        if self.map is not None:
            sources.append(map_uri(self.map.data))
        picture = Picture(tuple(sources), self.name, f"group {self.name}", self.color)
        kind = "matrix" if self.is_matrix else ""
        facts = [("Components", listed(self.components))]
        return card(f"Group {self.name}", kind, facts, [picture])

    def _of(self, stack: BaseSignal | None) -> BaseSignal | None:
        if stack is None:
            return None
        # HyperSpy counts axes from the last: that of the groups is the first of the array.
        several = stack.axes_manager.navigation_dimension > 1
        return stack.inav[(..., self.number) if several else self.number]
