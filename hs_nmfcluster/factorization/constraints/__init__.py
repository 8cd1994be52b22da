"""What is known beforehand of maps and patterns (Kimoto et al., Sci. Rep. 15, 2025)."""

from hs_nmfcluster.factorization.constraints.binding import (
    FREE,
    Constraints,
    bind,
    check_scan_axes,
    hole_filling,
    limit_maps,
)
from hs_nmfcluster.factorization.constraints.choices import (
    Constraint,
    MapResolution,
    SmoothPatterns,
    check_constraints,
    describe,
)

__all__ = [
    "FREE",
    "Constraint",
    "Constraints",
    "MapResolution",
    "SmoothPatterns",
    "bind",
    "check_constraints",
    "check_scan_axes",
    "describe",
    "hole_filling",
    "limit_maps",
]
