"""Arguments of a decomposition or a study, checked before the data are looked at."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from hs_nmfcluster.factorization.constraints import Constraint, check_constraints, describe
from hs_nmfcluster.factorization.updates import SOLVERS
from hs_nmfcluster.scan import arguments as checks

_COMPRESSIONS = ("auto", None)
_WEIGHTINGS = ("auto", "poisson", None)
# Starts where none are asked for: of the whole scan, and of each neighbourhood, which is searched
# more easily (recall was the same with ten).
_RESTARTS, _RESTARTS_IN_TILES = 10, 3


@dataclass(frozen=True)
class Arguments:
    """Checked arguments of a decomposition; ``random_state`` repeats it.

    Parameters
    ----------
    n_components
        Of the scan or of each neighbourhood; None where the data are to tell.
    tiles
        Size of the neighbourhoods in array order, ``"auto"``, or None for the whole scan at once.
    tiles_overlap
        Positions that neighbours share, in array order; None where the data are to tell.
    """

    n_components: int | None
    tiles: tuple[int, ...] | str | None
    weighting: str | None
    restarts: int
    solver: str
    compression: str | None
    tolerance: float
    max_iterations: int
    ridge: float
    random_state: int
    constraints: tuple[Constraint, ...] = ()
    tiles_overlap: tuple[int, ...] | None = None

    def described(self) -> dict[str, Any]:
        """Return them as numbers and text."""
        described = asdict(self) | {"constraints": describe(self.constraints)}
        if self.tiles_overlap is None:
            del described["tiles_overlap"]
        return described


def check_arguments(
    *,
    n_components: object,
    tiles: object,
    weighting: object,
    restarts: object,
    solver: object,
    compression: object,
    tolerance: object,
    max_iterations: object,
    ridge: object,
    seed: int,
    constraints: object = None,
) -> Arguments:
    """Check what needs no look at the data.

    A number of components without `tiles` is one factorization of the whole scan, the paper's.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    checks.check_choice("solver", solver, tuple(SOLVERS))
    checks.check_choice("compression", compression, _COMPRESSIONS)
    _check_weighting(weighting, constraints)
    automatic = isinstance(n_components, str) and n_components == "auto"
    if not automatic:
        checks.check_whole_number("n_components", n_components)
    windows, overlap = _check_tiles(tiles)
    if windows == "auto" and not automatic:
        windows = None
    if windows is None and automatic:
        raise ValueError(
            "`tiles=None` factorizes the whole scan at once: give `n_components`, for instance 20."
        )
    if windows is not None:
        _check_for_tiles(compression, constraints)
    if restarts is None:
        restarts = _RESTARTS if windows is None else _RESTARTS_IN_TILES
    return Arguments(
        None if automatic else int(n_components),  # type: ignore[call-overload]
        windows,
        None if weighting is None else str(weighting),
        checks.check_whole_number("restarts", restarts),
        str(solver),
        None if compression is None else "auto",
        checks.check_positive("tolerance", tolerance),
        checks.check_whole_number("max_iterations", max_iterations),
        checks.check_not_negative("ridge", ridge),
        seed,
        check_constraints(constraints),
        overlap,
    )


@dataclass(frozen=True)
class StudyArguments:
    """Checked arguments of a study of the number of components."""

    ranks: list[int]
    restarts: int
    weighting: str | None
    tolerance: float
    random_state: int
    constraints: tuple[Constraint, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return them as numbers and text."""
        return asdict(self) | {"constraints": describe(self.constraints)}


def check_study_arguments(
    *,
    ranks: Any,
    restarts: object,
    weighting: object,
    tolerance: object,
    seed: int,
    constraints: object = None,
) -> StudyArguments:
    """Check what needs no look at the data.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what was given and what is allowed.
    """
    _check_weighting(weighting, constraints)
    return StudyArguments(
        _check_ranks(ranks),
        checks.check_whole_number("restarts", restarts),
        None if weighting is None else str(weighting),
        checks.check_positive("tolerance", tolerance),
        seed,
        check_constraints(constraints),
    )


def _check_ranks(ranks: Any) -> list[int]:
    if not isinstance(ranks, Iterable):
        raise TypeError(f"`ranks` must be whole numbers like range(5, 31), got {ranks!r}.")
    checked = sorted({checks.check_whole_number("ranks", rank) for rank in ranks})
    if not checked:
        raise ValueError("`ranks` is empty: give one or more numbers of components, ascending.")
    return checked


def _check_weighting(weighting: object, constraints: object) -> None:
    checks.check_choice("weighting", weighting, _WEIGHTINGS)
    if weighting == "poisson" and constraints:
        raise ValueError(
            '`weighting="poisson"` and `constraints` do not go together: constraints are of maps '
            "and patterns in the data's own unit. Leave one of them out."
        )


def _check_tiles(
    tiles: object,
) -> tuple[tuple[int, ...] | str | None, tuple[int, ...] | None]:
    """Size of neighbourhoods and what they share, from HyperSpy's order (x, y) in array order."""
    if tiles is None:
        return None, None
    if isinstance(tiles, str):
        checks.check_choice("tiles", tiles, ("auto",))
        return tiles, None
    sizes: list[Any] = list(tiles) if isinstance(tiles, Iterable) else [tiles]
    shared: list[Any] | None = None
    if len(sizes) == 2 and all(isinstance(one, Iterable) for one in sizes):
        sizes, shared = (list(one) for one in sizes)
    if not 1 <= len(sizes) <= 2 or (shared is not None and len(shared) != len(sizes)):
        raise ValueError(
            '`tiles` must be "auto", None or a size (x, y) in positions, or that and how many of '
            f"them neighbours share, ((x, y), (x, y)), got {tiles!r}."
        )
    size = tuple(checks.check_whole_number("tiles", one, 2) for one in sizes[::-1])
    if shared is None:
        return size, None
    overlap = tuple(checks.check_whole_number("tiles", one, 0) for one in shared[::-1])
    if any(one > along // 2 for one, along in zip(overlap, size, strict=True)):
        raise ValueError(
            f"Neighbours may share half of their positions at most, got `tiles` {tiles!r}."
        )
    return size, overlap


def _check_for_tiles(compression: object, constraints: object) -> None:
    """Refuse what one factorization of the whole scan alone can do."""
    if compression is None:
        raise ValueError(
            "`compression=None` is the paper's procedure on the whole scan: give `n_components` "
            "and no `tiles`."
        )
    if constraints:
        raise ValueError(
            "`constraints` are of the whole scan's maps and patterns: give `n_components` and no "
            "`tiles`."
        )
