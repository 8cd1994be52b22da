"""Non-negative matrix factorization and hierarchical clustering of 4D-STEM data, for HyperSpy.

The methods are those of the signal class `NMFDiffraction2D`, which HyperSpy hands out for
``signal_type="nmf_diffraction"``; nothing needs to be imported from here for that. Importing this
package is free: HyperSpy and NumPy are loaded when one of its names is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hs_nmfcluster.factorization.constraints import MapResolution, SmoothPatterns
    from hs_nmfcluster.io.storage import load
    from hs_nmfcluster.results.factorization import Factorization
    from hs_nmfcluster.results.groups import Groups
    from hs_nmfcluster.results.rank_study import RankStudy
    from hs_nmfcluster.results.tree import ClusterTree
    from hs_nmfcluster.signals import LazyNMFDiffraction2D, NMFDiffraction2D

__version__ = "0.1.0.dev0"

_MODULE_OF = {
    "ClusterTree": "hs_nmfcluster.results.tree",
    "Factorization": "hs_nmfcluster.results.factorization",
    "Groups": "hs_nmfcluster.results.groups",
    "LazyNMFDiffraction2D": "hs_nmfcluster.signals",
    "MapResolution": "hs_nmfcluster.factorization.constraints",
    "NMFDiffraction2D": "hs_nmfcluster.signals",
    "RankStudy": "hs_nmfcluster.results.rank_study",
    "SmoothPatterns": "hs_nmfcluster.factorization.constraints",
    "load": "hs_nmfcluster.io.storage",
}

__all__ = [
    "ClusterTree",
    "Factorization",
    "Groups",
    "LazyNMFDiffraction2D",
    "MapResolution",
    "NMFDiffraction2D",
    "RankStudy",
    "SmoothPatterns",
    "__version__",
    "load",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, so that tab completion shows those not yet imported too."""
    return sorted(set(globals()) | set(__all__))
