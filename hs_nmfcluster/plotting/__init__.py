"""Figures of an analysis: arrays in, a Matplotlib figure out.

Every ``plot_*`` function makes a pyplot figure and returns it, so that scripts show it with
``plt.show()`` and save it with ``fig.savefig``. Functions that draw a single panel also take
``ax`` and then draw into it and return its figure. Panels are in ``fig.axes`` in drawing order,
and each can be told by ``ax.get_label()``.

Images are drawn as the arrays lie in memory: column to the right, row downwards. NaN means masked
and is drawn in grey. Pixel sizes are given as `PixelSize`.
"""

from hs_nmfcluster.plotting.components import plot_components, plot_convergence
from hs_nmfcluster.plotting.dendrogram import plot_dendrogram
from hs_nmfcluster.plotting.diagnosis import draw_spectrum, map_spectrum, plot_diagnosis
from hs_nmfcluster.plotting.groups import composite_map, plot_group_map, plot_groups
from hs_nmfcluster.plotting.polar import plot_polar
from hs_nmfcluster.plotting.rank import plot_rank_curves
from hs_nmfcluster.plotting.rank_patterns import plot_rank_patterns
from hs_nmfcluster.plotting.residual import plot_residual
from hs_nmfcluster.plotting.scan import plot_scan
from hs_nmfcluster.plotting.similarity import plot_scatter_tableau, plot_similarity
from hs_nmfcluster.plotting.style import group_color, group_colors
from hs_nmfcluster.scan.units import PixelSize
from hs_nmfcluster.words import group_name

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
