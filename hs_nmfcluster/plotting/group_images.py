"""The images of groups that stand beside each other: rows of a figure, insets of a dendrogram."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.choices import Scaling
from hs_nmfcluster.plotting.panels import (
    DrawableMaps,
    add_intensity_scales,
    annotate,
    draw_image,
    draw_map,
    drawable_maps,
    intensity_norm,
)
from hs_nmfcluster.plotting.style import PATTERN_CMAP, SMALL_FONT_SIZE, frame, group_color
from hs_nmfcluster.scan.units import PixelSize
from hs_nmfcluster.words import group_name


@dataclass(frozen=True)
class GroupImages:
    """Images of the groups that stand beside each other in a figure.

    Parameters
    ----------
    patterns
        Shape ``(n_groups, n_v, n_u)``, or None.
    maps
        Maps by heading.
    pattern_pixel
        Pixel size of the detector.
    scaling
        Intensity scale, see `plot_components`.
    matrix
        Groups that hold no crystal: grey.
    """

    patterns: NDArray[np.float64] | None
    maps: dict[str, DrawableMaps]
    pattern_pixel: PixelSize
    scaling: Scaling
    matrix: Collection[int] = ()

    @classmethod
    def from_arrays(
        cls,
        patterns: ArrayLike | None,
        maps: ArrayLike | None,
        aligned_maps: ArrayLike | None,
        *,
        pattern_pixel: PixelSize,
        map_pixel: PixelSize,
        scaling: Scaling,
        matrix: Collection[int] = (),
    ) -> "GroupImages":
        """Check that all arrays hold as many groups."""
        images = None if patterns is None else np.asarray(patterns, dtype=float)
        if images is not None and images.ndim != 3:
            raise ValueError(f"patterns has shape {images.shape}; it must be (n_groups, n_v, n_u).")
        given = {"maps": ("Sum of maps", maps), "aligned_maps": ("Shift-corrected", aligned_maps)}
        drawable = {
            heading: drawable_maps(values, map_pixel, name)
            for name, (heading, values) in given.items()
            if values is not None
        }
        result = cls(images, drawable, pattern_pixel, scaling, matrix)
        lengths = {len(m.values) for m in drawable.values()}
        lengths |= set() if images is None else {len(images)}
        if len(lengths) > 1:
            raise ValueError(
                f"patterns, maps and aligned_maps hold different numbers of groups: {lengths}."
            )
        return result

    @property
    def number(self) -> int:
        """Number of groups."""
        if self.patterns is not None:
            return len(self.patterns)
        return max((len(m.values) for m in self.maps.values()), default=0)

    @property
    def widths(self) -> list[float]:
        """Widths of the panels of a row over their height."""
        widths = [m.width for m in self.maps.values()]
        if self.patterns is None:
            return widths
        _, rows, columns = self.patterns.shape
        return [columns / (rows * self.pattern_pixel.aspect), *widths]

    @property
    def has_profiles(self) -> bool:
        """Whether the maps are of a one-dimensional scan."""
        return any(not m.are_images for m in self.maps.values())

    @property
    def note(self) -> str:
        """What was done to the maps to draw them."""
        return next((m.note for m in self.maps.values() if m.note), "")

    def draw(self, group: int, axes: Sequence[Axes], *, first: bool) -> None:
        """Draw the images of `group` into `axes`, framed in its colour."""
        panels, color = iter(axes), group_color(group, self.matrix)
        if self.patterns is not None:
            ax = next(panels)
            image = self.patterns[group]
            draw_image(
                ax,
                image,
                cmap=PATTERN_CMAP,
                norm=intensity_norm(image, self.scaling),
                pixel=self.pattern_pixel,
                scale_bar=first,
            )
            _finish(ax, color, f"pattern {group}", "Pattern" if first else "")
        for heading, maps in self.maps.items():
            ax = next(panels)
            norm = intensity_norm(maps.values[group], self.scaling)
            draw_map(ax, maps, group, norm, scale_bar=first, color=color)
            grey = maps.are_images and np.isnan(maps.values).any()
            said = f"{heading}\n(grey: not\nmeasured)" if grey else heading
            _finish(ax, color, f"{heading.lower()} {group}", said if first else "")
        annotate(axes[0], group_name(group))

    def draw_scales(self, figure: Figure, place: SubplotSpec) -> None:
        """Draw the colour bars into `place` of a grid."""
        norm = None if self.patterns is None else intensity_norm(np.ones(1), self.scaling)
        has_maps = bool(self.maps) and not self.has_profiles
        map_norm = intensity_norm(np.ones(1), self.scaling) if has_maps else None
        add_intensity_scales(figure, place, norm, map_norm, self.note)


def _finish(ax: Axes, color: str, label: str, heading: str) -> None:
    ax.set_label(label)
    frame(ax, color)
    if heading:
        ax.set_title(heading, fontsize=SMALL_FONT_SIZE)
