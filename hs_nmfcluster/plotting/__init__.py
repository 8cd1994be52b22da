"""Figures of an analysis: arrays in, a Matplotlib figure out.

Every ``plot_*`` function makes a pyplot figure and returns it, so that scripts show it with
``plt.show()`` and save it with ``fig.savefig``. Functions that draw a single panel also take
``ax`` and then draw into it and return its figure. Panels are in ``fig.axes`` in drawing order,
and each can be told by ``ax.get_label()``.

Images are drawn as the arrays lie in memory: column to the right, row downwards. NaN means masked
and is drawn in grey. Pixel sizes are given as `PixelSize`.

Matplotlib is loaded when one of these names is first used.
"""

from typing import TYPE_CHECKING

from hs_nmfcluster.lazy import lazy_names

if TYPE_CHECKING:
    from hs_nmfcluster.plotting.components import plot_components, plot_convergence
    from hs_nmfcluster.plotting.condition import plot_condition as plot_condition
    from hs_nmfcluster.plotting.crystallinity import plot_crystallinity as plot_crystallinity
    from hs_nmfcluster.plotting.dendrogram import plot_dendrogram
    from hs_nmfcluster.plotting.detection_limit import plot_detection_limit as plot_detection_limit
    from hs_nmfcluster.plotting.diagnosis import draw_spectrum, map_spectrum, plot_diagnosis
    from hs_nmfcluster.plotting.explorer import CutExplorer as CutExplorer
    from hs_nmfcluster.plotting.figures import off_screen as off_screen
    from hs_nmfcluster.plotting.groups import composite_map, plot_group_map, plot_groups
    from hs_nmfcluster.plotting.map_explorer import MapExplorer as MapExplorer
    from hs_nmfcluster.plotting.map_explorer import note_if_still as note_if_still
    from hs_nmfcluster.plotting.orientation import plot_orientation as plot_orientation
    from hs_nmfcluster.plotting.particles import plot_particles as plot_particles
    from hs_nmfcluster.plotting.polar import plot_polar
    from hs_nmfcluster.plotting.rank import plot_rank_curves
    from hs_nmfcluster.plotting.rank_patterns import plot_rank_patterns
    from hs_nmfcluster.plotting.residual import plot_residual
    from hs_nmfcluster.plotting.scan import plot_scan
    from hs_nmfcluster.plotting.series import plot_series as plot_series
    from hs_nmfcluster.plotting.similarity import plot_scatter_tableau, plot_similarity
    from hs_nmfcluster.plotting.spacings import plot_spacings as plot_spacings
    from hs_nmfcluster.plotting.style import N_GROUP_COLORS as N_GROUP_COLORS
    from hs_nmfcluster.plotting.style import group_color, group_colors
    from hs_nmfcluster.plotting.thumbnails import map_thumbnail as map_thumbnail
    from hs_nmfcluster.plotting.thumbnails import pattern_thumbnail as pattern_thumbnail
    from hs_nmfcluster.scan.units import PixelSize
    from hs_nmfcluster.words import group_name

# The names for users; the other lazy ones are for the results and the report.
__all__ = [
    "PixelSize",
    "composite_map",
    "draw_spectrum",
    "group_color",
    "group_colors",
    "group_name",
    "map_spectrum",
    "plot_components",
    "plot_convergence",
    "plot_dendrogram",
    "plot_diagnosis",
    "plot_group_map",
    "plot_groups",
    "plot_polar",
    "plot_rank_curves",
    "plot_rank_patterns",
    "plot_residual",
    "plot_scan",
    "plot_scatter_tableau",
    "plot_similarity",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "hs_nmfcluster.plotting.components": ("plot_components", "plot_convergence"),
        "hs_nmfcluster.plotting.condition": ("plot_condition",),
        "hs_nmfcluster.plotting.crystallinity": ("plot_crystallinity",),
        "hs_nmfcluster.plotting.dendrogram": ("plot_dendrogram",),
        "hs_nmfcluster.plotting.detection_limit": ("plot_detection_limit",),
        "hs_nmfcluster.plotting.diagnosis": ("draw_spectrum", "map_spectrum", "plot_diagnosis"),
        "hs_nmfcluster.plotting.explorer": ("CutExplorer",),
        "hs_nmfcluster.plotting.figures": ("off_screen",),
        "hs_nmfcluster.plotting.groups": ("composite_map", "plot_group_map", "plot_groups"),
        "hs_nmfcluster.plotting.map_explorer": ("MapExplorer", "note_if_still"),
        "hs_nmfcluster.plotting.orientation": ("plot_orientation",),
        "hs_nmfcluster.plotting.particles": ("plot_particles",),
        "hs_nmfcluster.plotting.polar": ("plot_polar",),
        "hs_nmfcluster.plotting.rank": ("plot_rank_curves",),
        "hs_nmfcluster.plotting.rank_patterns": ("plot_rank_patterns",),
        "hs_nmfcluster.plotting.residual": ("plot_residual",),
        "hs_nmfcluster.plotting.scan": ("plot_scan",),
        "hs_nmfcluster.plotting.series": ("plot_series",),
        "hs_nmfcluster.plotting.similarity": ("plot_scatter_tableau", "plot_similarity"),
        "hs_nmfcluster.plotting.spacings": ("plot_spacings",),
        "hs_nmfcluster.plotting.style": ("N_GROUP_COLORS", "group_color", "group_colors"),
        "hs_nmfcluster.plotting.thumbnails": ("map_thumbnail", "pattern_thumbnail"),
        "hs_nmfcluster.scan.units": ("PixelSize",),
        "hs_nmfcluster.words": ("group_name",),
    },
)
