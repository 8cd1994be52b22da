"""What to distrust in an analysis, and why."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering import cuts
from hs_nmfcluster.factorization.residual import position_excess, standing_out
from hs_nmfcluster.report.answer_cautions import of_phases, of_sizes, of_spacings
from hs_nmfcluster.report.cards import STABLE
from hs_nmfcluster.report.caution import Caution
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.subject import Factorization, Groups
from hs_nmfcluster.words import counted, named_components, named_groups

# Positions for each component, fewer of which cannot tell a pattern from noise.
_FEW_POSITIONS = 10
# Shares by which restarts may differ in their error, NMF may exceed PCA, and that are nothing.
_RESTARTS_AGREE, _NEAR_PCA, _NOTHING = 0.01, 0.02, 1e-6
# Pixels that a centre may be off the beam.
_CENTER_OFF = 4.0
# A cut is moved by this share to see whether the groups stay.
_CUT_MOVED = 0.1
# Distances that fall by less than this from one merge to the next are noise.
_INVERSION = 0.01


def cautions(findings: Findings) -> list[Caution]:
    """Collect what to distrust, the serious first.

    Parameters
    ----------
    findings
        What is known about the analysis.
    """
    found: list[Caution] = []
    if findings.factorization is not None:
        found += of_factorization(findings.factorization)
    if findings.groups is not None:
        found += of_groups(findings.groups)
    if findings.spacings is not None:
        found += of_spacings(findings.spacings)
    if findings.sizes is not None:
        found += of_sizes(findings.sizes)
    if findings.phases is not None:
        found += of_phases(findings.phases)
    return sorted(found, key=lambda caution: not caution.serious)


def of_factorization(nmf: Factorization) -> Iterator[Caution]:
    """Say what to distrust in a factorization."""
    n_positions = int(np.isfinite(nmf.position_mse).sum())
    if n_positions < _FEW_POSITIONS * nmf.n_components:
        yield Caution(
            "Few positions",
            f"{counted(n_positions, 'position')} for {counted(nmf.n_components, 'component')}: too "
            "few to tell patterns from noise. Take fewer components, or more positions.",
            serious=True,
        )
    most = nmf.settings.get("max_iterations")
    if most is not None and len(nmf.history[nmf.best_restart]) >= int(most):
        yield Caution(
            "Not converged",
            f"The best restart was stopped after {most} iterations while its error still fell. "
            "Raise max_iterations.",
            serious=True,
        )
    yield from _of_restarts(nmf)
    # A PCA that leaves nothing has as many components as there are positions or pixels.
    if nmf.mse > (1 + _NEAR_PCA) * nmf.pca_mse > _NOTHING * nmf.mse:
        yield Caution(
            "Far above PCA",
            f"The error is {100 * (nmf.mse / nmf.pca_mse - 1):.2g} % above that of a PCA with as "
            "many components: non-negative patterns describe this scan poorly, or the restarts "
            "missed the best ones.",
        )
    yield from _of_residual(nmf)
    off = float(nmf.settings.get("center_off", 0.0))
    if off > _CENTER_OFF:
        yield Caution(
            "Centre off the beam",
            f"The centre was taken to be {off:.3g} px from where the mean pattern shows the beam. "
            "Rotations and spacings rest on it: see the mean pattern, and whether x and y were "
            "swapped.",
            serious=True,
        )
    if "estimated" in str(nmf.settings.get("center_from", "")):
        x, y = nmf.center
        yield Caution(
            "Estimated centre",
            f"The beam centre x = {x:.2f}, y = {y:.2f} px was estimated from the mean pattern. "
            "Rotations and spacings rest on it: check it in the mean pattern.",
        )


def _of_restarts(nmf: Factorization) -> Iterator[Caution]:
    if np.isnan(nmf.stability).all():
        yield Caution(
            "Stability not known",
            "From a single restart nobody can tell which components return. Use ten.",
            serious=True,
        )
        return
    unstable = np.flatnonzero(nmf.stability < STABLE)
    if unstable.size:
        yield Caution(
            "Components that do not return",
            f"{named_components(unstable)} did not return in the other restarts (mean "
            f"correlation below {STABLE}): other starts share the same intensity out differently. "
            "Distrust these patterns, and groups that rest on them; more restarts or fewer "
            "components may help.",
            serious=unstable.size > nmf.n_components / 2,
        )
    best = nmf.restart_mse.min()
    spread = nmf.restart_mse.max() / best - 1 if best > 0 else 0.0
    if spread > _RESTARTS_AGREE:
        yield Caution(
            "Restarts differ",
            f"The errors of the restarts differ by {100 * spread:.2g} %: there are many local "
            "minima, and the best start may have been missed. Use more restarts.",
        )


def _of_residual(nmf: Factorization) -> Iterator[Caution]:
    by_position = position_excess(nmf.position_mse, nmf.patterns.data, nmf.maps.data)
    out = standing_out(by_position)
    if out.any():
        yield Caution(
            "Structure left",
            f"{counted(int(out.sum()), 'position')} ({100 * out.mean():.2g} %) "
            f"{'is' if out.sum() == 1 else 'are'} described worse "
            f"than the noise of the others allows, up to {np.nanmax(by_position):.2g} times: a "
            "phase there may be missed. See the residual; take more components.",
            serious=True,
        )


def of_groups(groups: Groups) -> Iterator[Caution]:
    """Say what to distrust in a tree and its cut."""
    linkage, kept = groups.tree.linkage, groups.kept
    falls = inversions(linkage)
    above = falls[~kept[falls]]
    if above.size:
        yield Caution(
            "Inversions above the cut",
            f"{counted(above.size, 'merge')} above the cut joined at a smaller distance than what "
            "it holds: the order of the tree is not one of likeness there, and a cut by distance "
            "is not the same as one by number of groups.",
        )
    if groups.distance is not None:
        yield from _of_cut(groups, groups.distance)
        wide = int((linkage[kept, 2] > groups.distance).sum())
        if wide:
            yield Caution(
                "Groups wider than the cut",
                f"{counted(wide, 'merge')} within groups lie beyond the cut at "
                f"{groups.distance:.3g}: they stay because a later merge came down below it.",
            )
    alone = [group for group in range(len(groups)) if len(groups[group]) == 1]
    if alone and len(groups) > 1:
        yield Caution(
            "Single components",
            f"{named_groups(alone)} {'holds' if len(alone) == 1 else 'hold'} one component each: "
            "nothing else in the scan confirms it.",
        )


def _of_cut(groups: Groups, distance: float) -> Iterator[Caution]:
    effective = cuts.effective_distances(groups.tree.linkage)
    moved = [distance * (1 - _CUT_MOVED), distance, distance * (1 + _CUT_MOVED)]
    more, _, fewer = (1 + int((effective > place).sum()) for place in moved)
    if fewer != more:
        yield Caution(
            "Sensitive cut",
            f"Moved by 10 % down or up, the cut leaves {more} or {fewer} groups instead of "
            f"{len(groups)}. Look at the dendrogram for a clearer gap.",
        )


def inversions(linkage: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find merges at a smaller distance than a merge that they hold, noise aside.

    Examples
    --------
    >>> inversions(np.array([[0, 1, 0.5, 2], [2, 3, 0.3, 3]])).tolist()
    [1]
    """
    n = len(linkage) + 1
    falls = [
        merge
        for merge, (first, second, distance, _) in enumerate(linkage)
        for cluster in (int(first), int(second))
        if cluster >= n and linkage[cluster - n, 2] > distance + _INVERSION
    ]
    return np.unique(np.array(falls, dtype=np.intp))
