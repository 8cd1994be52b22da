"""What to distrust in an analysis, and why."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.residual import position_excess, standing_out
from hs_nmfcluster.report.answer_cautions import of_phases, of_sizes, of_spacings
from hs_nmfcluster.report.cards import STABLE
from hs_nmfcluster.report.caution import Caution
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.subject import Factorization, Groups
from hs_nmfcluster.scan.corrections import in_words
from hs_nmfcluster.words import counted, named_components, named_groups

# Positions for each component, fewer of which cannot tell a pattern from noise.
_FEW_POSITIONS = 10
# Shares by which restarts may differ in their error, NMF may exceed PCA, and that are nothing.
_RESTARTS_AGREE, _NEAR_PCA, _NOTHING = 0.01, 0.02, 1e-6
# Pixels that a centre may be off the beam.
_CENTER_OFF = 4.0
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
    by_position = position_excess(nmf.position_mse, nmf.patterns.data, nmf.maps.data)
    missed = bool(standing_out(by_position).any())
    yield from _of_restarts(nmf, missed)
    # A PCA that leaves nothing has as many components as there are positions or pixels.
    if nmf.mse > (1 + _NEAR_PCA) * nmf.pca_mse > _NOTHING * nmf.mse:
        yield Caution(
            "Far above PCA",
            f"The error is {100 * (nmf.mse / nmf.pca_mse - 1):.2g} % above that of a PCA with as "
            "many components: non-negative patterns describe this scan poorly, or the restarts "
            "missed the best ones. Use more restarts.",
        )
    off = float(nmf.settings.get("center_off", 0.0))
    if off > _CENTER_OFF:
        yield Caution(
            "Centre off the beam",
            f"The centre was taken to be {off:.3g} px from where the mean pattern shows the beam. "
            "Rotations and spacings rest on it: see the mean pattern, and whether x and y were "
            "swapped.",
            serious=True,
        )
    put_right = nmf.settings.get("corrections")
    if put_right:
        yield Caution(
            "Scan put right",
            f"{in_words(put_right).capitalize()}: corrected while the scan was read. If that "
            "looks wrong to you, compare with an analysis without corrections.",
        )
    if missed:
        yield _of_residual(by_position, n_positions < _FEW_POSITIONS * nmf.n_components)
    if "estimated" in str(nmf.settings.get("center_from", "")):
        x, y = nmf.center
        yield Caution(
            "Estimated centre",
            f"The beam centre x = {x:.2f}, y = {y:.2f} px was estimated from the mean pattern. "
            "Rotations and spacings rest on it: check it in the mean pattern.",
        )


def _of_restarts(nmf: Factorization, missed: bool) -> Iterator[Caution]:
    """Say what the restarts tell; not to take fewer components where some structure is missed."""
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
            "Distrust these patterns, and groups that rest on them; more restarts"
            f"{'' if missed else ' or fewer components'} may help.",
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


def _of_residual(by_position: NDArray[np.float64], few_positions: bool) -> Caution:
    out = standing_out(by_position)
    advice = "measure more positions" if few_positions else "take more components"
    return Caution(
        "Structure left",
        f"{counted(int(out.sum()), 'position')} ({100 * out.mean():.2g} %) "
        f"{'is' if out.sum() == 1 else 'are'} described worse "
        f"than the noise of the others allows, up to {np.nanmax(by_position):.2g} times: a "
        f"phase there may be missed. See the residual; {advice}.",
        serious=True,
    )


def of_groups(groups: Groups) -> Iterator[Caution]:
    """Say what to distrust in a tree and its cut."""
    tree, kept = groups.tree, groups.kept
    falls = inversions(tree.linkage)
    above = falls[~kept[falls]]
    if above.size:
        yield Caution(
            "Inversions above the cut",
            f"{counted(above.size, 'merge')} above the cut joined at a smaller distance than what "
            "it holds: the order of the tree is not one of likeness there. Look at the patterns "
            "of these groups before you join any by hand.",
        )
    if groups.distance is not None:
        # Matrix stays together at any distance.
        of_crystals = kept & (tree.thresholds > 0)
        wide = int((tree.linkage[of_crystals, 2] > groups.distance).sum())
        if wide:
            yield Caution(
                "Groups wider than the cut",
                f"{counted(wide, 'merge')} within groups lie beyond the cut at "
                f"{groups.distance:.3g}: they stay because a later merge came down below it. "
                "Look whether the members of these groups are alike.",
            )
    yield from _of_cut(groups)
    if tree.uncertain.size:
        yield Caution(
            "Crystal or matrix",
            f"Whether {named_components(tree.uncertain).lower()} "
            f"{'shows' if tree.uncertain.size == 1 else 'show'} spots was a close call. Look at "
            "the patterns; more electrons or fewer components would tell.",
        )
    yield from _of_compounds(groups)
    crystals_in = np.bincount(groups.labels[tree.hosts < 0], minlength=len(groups))
    alone = [g for g in np.flatnonzero(crystals_in == 1).tolist() if g not in groups.matrix]
    if alone and len(groups) > 1:
        yield Caution(
            "Single components",
            f"{named_groups(alone)} {'holds' if len(alone) == 1 else 'hold'} one component each: "
            "nothing else in the scan confirms it. Look at the pattern, and whether its map lies "
            "where another group has a crystal.",
        )


def _of_compounds(groups: Groups) -> Iterator[Caution]:
    """Say which components are not one crystal on its zone axis."""
    found = groups.tree.compounds
    for component in np.flatnonzero(found.double):
        first, second = (int(part) for part in found.parts[component])
        both = str(first) if first == second else f"{first} and {second}"
        yield Caution(
            "Two crystals in one component",
            f"Component {component} shows the spots of {both}"
            f"{' at two angles' if first == second else ''} at once, as where crystals overlap. It "
            "counts as one; more components may part them.",
        )
    tilted = np.flatnonzero(found.tilted)
    if tilted.size:
        yield Caution(
            "Tilted crystals",
            f"{named_components(tilted)} {'shows' if tilted.size == 1 else 'show'} spots without "
            "their opposites: crystals off their zone axis, or a wrong beam centre. Their group "
            "is less sure than others; check the centre in the mean pattern.",
        )


def _of_cut(groups: Groups) -> Iterator[Caution]:
    """Say how sure the suggested cut is, or that another was chosen."""
    cut = groups.tree.suggest_cut()
    if not np.array_equal(groups.kept, groups.tree.thresholds <= cut.distance):
        yield Caution(
            "Cut by hand",
            f"The tree suggests {counted(cut.n_groups, 'group')} instead of {len(groups)}: "
            f"{cut.reason}.",
        )
        return
    if not cut.clear and groups.tree.crystalline.any():
        others = [other for other in (cut.coarser, cut.finer) if other is not None]
        compared = " and ".join(f"{counted(n, 'group')} {score:.2f}" for n, score in others)
        number = len(cut.border)
        noisy = number > groups.tree.crystalline.sum() / 8
        yield Caution(
            "Cut not clear",
            f"{counted(cut.n_groups, 'group')} score {cut.score:.2f}, {compared}"
            f"{f', and {number} of the crystals may as well belong elsewhere' if noisy else ''}. "
            "Look at the dendrogram and at other cuts of it.",
            serious=True,
        )
    if cut.border:
        yield Caution(
            "Components at the border",
            f"{named_components(cut.border)} may as well belong elsewhere, or "
            f"{'holds' if len(cut.border) == 1 else 'hold'} too much noise to tell: compare the "
            "patterns with those of their groups.",
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
