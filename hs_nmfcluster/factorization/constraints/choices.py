"""What is known beforehand of maps and patterns, as a user chooses it.

The constraints of Kimoto et al. (Sci. Rep. 15, 2025, 10.1038/s41598-025-23541-7): maps hold nothing
that the probe cannot resolve, patterns have no peaks downwards.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from hs_nmfcluster.scan.arguments import check_positive


@dataclass(frozen=True)
class MapResolution:
    """Maps hold nothing finer than the probe resolves.

    A probe of convergence semi-angle α makes data whose spatial frequencies along the scan end at
    2 α / λ, whatever the specimen: the amplitude holds none beyond α / λ, and the intensity is its
    square. What a map holds beyond is noise. Such maps have to be seen whole: an iteration on the
    data takes two passes instead of one.

    Parameters
    ----------
    limit
        Smallest resolvable distance in the unit of the scan axes: λ / (2 α), which is nearly the
        full width at half maximum of a diffraction-limited probe, or that width itself. A scan
        whose steps are wider than about half of it holds nothing finer, and is refused.

    Raises
    ------
    TypeError, ValueError
        If `limit` is not a finite number above zero.

    Examples
    --------
    >>> MapResolution(2.0)
    MapResolution(limit=2.0)
    """

    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", check_positive("limit", self.limit))


@dataclass(frozen=True)
class SmoothPatterns:
    """Patterns have no holes narrower than the direct beam's own disk: no unnatural drops.

    Where a crystal has its spots, NMF leaves dark holes in the patterns of other components. No
    diffraction makes them. They are filled to their rim; spots, slopes and rings stay. Needs no
    extra pass.

    Parameters
    ----------
    spot_radius
        Radius of a spot, in the unit of the detector's axes. None takes the direct beam's, from
        the mean pattern.

    Raises
    ------
    TypeError, ValueError
        If `spot_radius` is neither None nor a finite number above zero.

    Examples
    --------
    >>> SmoothPatterns()
    SmoothPatterns(spot_radius=None)
    """

    spot_radius: float | None = None

    def __post_init__(self) -> None:
        if self.spot_radius is not None:
            radius = check_positive("spot_radius", self.spot_radius)
            object.__setattr__(self, "spot_radius", radius)


Constraint: TypeAlias = MapResolution | SmoothPatterns


def check_constraints(constraints: object) -> tuple[Constraint, ...]:
    """Return constraints as given, one or several or None, as a tuple.

    Raises
    ------
    TypeError, ValueError
        If there is something else among them, or two of a kind.

    Examples
    --------
    >>> check_constraints(MapResolution(2))
    (MapResolution(limit=2.0),)
    """
    if constraints is None:
        return ()
    one = isinstance(constraints, MapResolution | SmoothPatterns)
    chosen = (constraints,) if one else constraints
    allowed = "`MapResolution(...)`, `SmoothPatterns(...)` or a list of both"
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise TypeError(f"`constraints` must be {allowed}, got {constraints!r}.")
    for constraint in chosen:
        if not isinstance(constraint, MapResolution | SmoothPatterns):
            raise TypeError(f"`constraints` must be {allowed}; {constraint!r} is neither.")
    if len({type(constraint) for constraint in chosen}) < len(chosen):
        raise ValueError(f"`constraints` must be {allowed}, one of each kind; got {constraints!r}.")
    return tuple(chosen)


def describe(constraints: Sequence[Constraint]) -> dict[str, Any] | None:
    """Describe constraints by numbers under their names; None where there are none.

    Examples
    --------
    >>> describe([MapResolution(2)])
    {'MapResolution': {'limit': 2.0}}
    """
    return {type(c).__name__: asdict(c) for c in constraints} or None
