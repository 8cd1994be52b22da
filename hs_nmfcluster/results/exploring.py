"""What is at a position of a scan: components, group, angle, particle."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import dask
import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge.axes import pixel_size
from hs_nmfcluster.engine.sources import dense
from hs_nmfcluster.plotting.place import Place
from hs_nmfcluster.scan.local_maps import LocalMaps
from hs_nmfcluster.scan.units import format_units
from hs_nmfcluster.words import group_name, with_error

if TYPE_CHECKING:
    from hs_nmfcluster.plotting import MapExplorer

# Share of its brightest position at which a component is taken to be somewhere.
_PRESENT = 0.5


class _Groups(Protocol):
    """What is read of groups; `Groups` itself knows of this module."""

    @property
    def tree(self) -> Any:
        """The tree that was cut."""

    @property
    def labels(self) -> NDArray[np.intp]:
        """Group of each component."""

    @property
    def matrix(self) -> tuple[int, ...]:
        """Groups that hold no crystal."""

    @property
    def patterns(self) -> BaseSignal:
        """Average patterns."""

    @property
    def maps(self) -> BaseSignal | None:
        """Sums of the maps."""

    @property
    def _sizes(self) -> Any:
        """Particles of each group."""

    @property
    def _angles(self) -> Any:
        """Angle of each component."""


def explore(groups: _Groups, signal: BaseSignal | None) -> "MapExplorer":
    """Make an explorer of groups whose maps are images."""
    assert groups.maps is not None
    tree = groups.tree
    return plotting.MapExplorer(
        groups.maps.data,
        _place(groups, signal),
        _brightest(groups),
        map_pixel=pixel_size(groups.maps.axes_manager.signal_axes),
        pattern_pixel=pixel_size(tree.patterns.axes_manager.signal_axes),
        matrix=groups.matrix,
    )


def _brightest(groups: _Groups) -> tuple[int, int]:
    """Where the strongest crystal is the brightest."""
    crystals = np.flatnonzero(groups.tree.crystalline)
    scan = np.nan_to_num(np.asarray(groups.tree.maps.data[crystals[0] if crystals.size else 0]))
    row, column = np.unravel_index(np.argmax(scan), scan.shape)
    return int(row), int(column)


def _place(groups: _Groups, signal: BaseSignal | None) -> Callable[[int, int], Place]:
    tree = groups.tree
    maps = LocalMaps.known(tree.maps.data)
    peaks = np.array([np.nanmax(one.values, initial=0.0) for one in maps])
    spread = maps.means() / np.where(peaks > 0, peaks, 1.0)
    columns = tree.maps.data.shape[-1]
    patterns = tree.patterns.data
    pixel = pixel_size(tree.maps.axes_manager.signal_axes)

    def at(row: int, column: int) -> Place:
        there, values = maps.at(np.array([row * columns + column]))
        values = np.nan_to_num(values[0])
        clear = values > _PRESENT * peaks[there]
        # The least widespread of those that are clearly here, else the strongest.
        chosen = int(
            there[clear][spread[there[clear]].argmin()] if clear.any() else there[values.argmax()]
        )
        group = int(groups.labels[chosen])
        name = group_name(group) + (" (matrix)" if group in groups.matrix else "")
        units = format_units(pixel.units)
        words = [
            f"x = {column * abs(pixel.x):.4g}, y = {row * abs(pixel.y):.4g} {units}",
            f"component {chosen}, group {name}",
        ]
        angle = groups._angles.angles[chosen]
        if np.isfinite(angle):
            words.append(f"angle {angle:.1f}°")
        words += _particle_at(groups, row, column)
        shown: dict[str, NDArray] = {}
        if signal is not None:
            (frame,) = dask.compute(signal.data[row, column])
            shown["Measured"] = dense(frame).astype(float)
        shown["Components, added up"] = np.tensordot(values, patterns[there], 1)
        shown[f"Component {chosen}"] = patterns[chosen]
        shown[f"Group {name}"] = groups.patterns.data[group]
        return Place("; ".join(words), shown)

    return at


def _particle_at(groups: _Groups, row: int, column: int) -> list[str]:
    sizes = groups._sizes
    for group in sizes:
        for particle in group.particles:
            away = np.hypot(column * sizes.pixel.x - particle.x, row * sizes.pixel.y - particle.y)
            if away <= np.nanmax([particle.diameter / 2, 0.6 * sizes.pixel.x]):
                if not np.isfinite(particle.diameter):
                    return ["particle, too small to measure"]
                cut = ", cut by the edge" if particle.at_edge else ""
                diameter = with_error(particle.diameter, particle.sigma)
                return [f"particle of {diameter} {sizes.units}{cut}"]
    return []
