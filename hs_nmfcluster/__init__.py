"""Non-negative matrix factorization and hierarchical clustering of 4D-STEM data, for HyperSpy.

The methods are those of the signal class `NMFDiffraction2D`, which HyperSpy hands out for
``signal_type="nmf_diffraction"``; nothing needs to be imported from here for that. Importing this
package is free: HyperSpy and NumPy are loaded when one of its names is first used.
"""

from typing import TYPE_CHECKING

from hs_nmfcluster.lazy import lazy_names

if TYPE_CHECKING:
    from hs_nmfcluster.factorization.constraints import MapResolution, SmoothPatterns
    from hs_nmfcluster.io.reading import load_scan
    from hs_nmfcluster.io.storage import load
    from hs_nmfcluster.results.factorization import Factorization
    from hs_nmfcluster.results.groups import Groups
    from hs_nmfcluster.results.joining import cluster
    from hs_nmfcluster.results.rank_study import RankStudy
    from hs_nmfcluster.results.scan_condition import ScanCondition
    from hs_nmfcluster.results.tree import ClusterTree
    from hs_nmfcluster.signals import LazyNMFDiffraction2D, NMFDiffraction2D

__version__ = "0.1.0.dev0"

__all__ = [
    "ClusterTree",
    "Factorization",
    "Groups",
    "LazyNMFDiffraction2D",
    "MapResolution",
    "NMFDiffraction2D",
    "RankStudy",
    "ScanCondition",
    "SmoothPatterns",
    "__version__",
    "cluster",
    "load",
    "load_scan",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "hs_nmfcluster.factorization.constraints": ("MapResolution", "SmoothPatterns"),
        "hs_nmfcluster.io.reading": ("load_scan",),
        "hs_nmfcluster.io.storage": ("load",),
        "hs_nmfcluster.results.factorization": ("Factorization",),
        "hs_nmfcluster.results.groups": ("Groups",),
        "hs_nmfcluster.results.joining": ("cluster",),
        "hs_nmfcluster.results.rank_study": ("RankStudy",),
        "hs_nmfcluster.results.scan_condition": ("ScanCondition",),
        "hs_nmfcluster.results.tree": ("ClusterTree",),
        "hs_nmfcluster.signals": ("LazyNMFDiffraction2D", "NMFDiffraction2D"),
    },
)
