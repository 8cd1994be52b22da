"""What notebooks show of results: a few numbers and thumbnails, made in a fraction of a second."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.report.answer import answer
from hs_nmfcluster.report.markup import Picture, card, figure_uri, map_uri, pattern_uri
from hs_nmfcluster.report.subject import Factorization, Groups, RankStudy, Tree
from hs_nmfcluster.words import counted, group_name, times

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Thumbnails of one kind, and components that text lists.
_MOST_PICTURES, _MOST_LISTED = 12, 30
# Components that return with less than this correlation are not reproducible.
STABLE = 0.8


def factorization_card(nmf: Factorization) -> str:
    """HTML of a factorization: how good it is, and its leading components."""
    n_v, n_u = nmf.detector_mask.shape
    scan = times(nmf.maps.data.shape[:0:-1])
    pca = "" if np.isnan(nmf.pca_mse) else f" (PCA of as many components: {nmf.pca_mse:.6g})"
    facts = [
        ("Scan", f"{scan} positions, {times((n_u, n_v))} pixels"),
        ("MSE", f"{nmf.mse:.6g}{pca}"),
        ("Restarts", restarts_of(nmf)),
        ("Stability", stability_in_words(nmf.stability)),
        ("Data passes", str(nmf.passes)),
    ]
    shown = range(min(nmf.n_components, _MOST_PICTURES))
    pictures = []
    for i in shown:
        sources = [pattern_uri(nmf.patterns.data[i])]
        # What a cluster keeps is not fetched for a thumbnail.
        if not nmf.maps._lazy:
            sources.append(map_uri(nmf.maps.data[i]))
        pictures.append(Picture(tuple(sources), str(i), f"component {i}{_stable(nmf, i)}"))
    summary = counted(nmf.n_components, "component")
    if nmf.n_components > _MOST_PICTURES:
        summary += f", the first {_MOST_PICTURES} below"
    return card("Factorization", summary, facts, pictures)


def rank_card(study: RankStudy) -> str:
    """HTML of a study of the number of components: its suggestion and its curves."""
    low, high = study.suggested
    suggested = f"{low}" if low == high else f"{low} to {high}"
    facts = [
        ("Studied", f"{study.ranks[0]} to {study.ranks[-1]} components"),
        ("Restarts", f"{study.nmf_mse.shape[1]} of each"),
        ("Suggested", suggested),
        ("Why", "; ".join(study.suggestion.reasons)),
        ("Data passes", str(study.passes)),
    ]
    picture = Picture((_drawn(study.plot),), description="errors against the number of components")
    return card("RankStudy", f"suggests {suggested} components", facts, [picture])


def tree_card(tree: Tree) -> str:
    """HTML of a tree: its suggested cut and the dendrogram."""
    cut = tree.suggest_cut()
    distances = tree.linkage[:, 2]
    facts = [
        ("Compared", f"{tree.by} by {tree.metric}"),
        ("Distances", f"{distances.min(initial=2):.3f} to {distances.max(initial=0):.3f}"),
        ("Suggested cut", f"at {cut.distance:.3f} into {counted(cut.n_groups, 'group')}"),
        ("Why", cut.reason),
    ]
    drawn = _drawn(lambda: tree.plot_dendrogram(insets=False))
    picture = Picture((drawn,), description="dendrogram")
    return card("ClusterTree", f"of {counted(len(tree), 'component')}", facts, [picture])


def groups_card(groups: Groups) -> str:
    """HTML of groups: members, patterns and maps, each in the colour of its group."""
    shown = range(min(len(groups), _MOST_PICTURES))
    facts = [("Found", answer(groups))]
    facts += [(f"Group {group_name(g)}", listed(groups[g].components)) for g in shown]
    if len(groups) > _MOST_PICTURES:
        facts.append(("…", f"and {len(groups) - _MOST_PICTURES} more"))

    pictures = []
    for group in shown:
        sources = [pattern_uri(groups.patterns.data[group])]
        if groups.maps is not None:
            sources.append(map_uri(groups.maps.data[group]))
        name = group_name(group)
        pictures.append(
            Picture(
                tuple(sources), name, f"group {name}", plotting.group_color(group, groups.matrix)
            )
        )
    where = "" if groups.distance is None else f", cut at {groups.distance:.3f}"
    summary = f"{counted(len(groups), 'group')} of {counted(len(groups.tree), 'component')}{where}"
    return card("Groups", summary, facts, pictures)


def answer_card(
    title: str, summary: str, lines: Sequence[tuple[int, str]], draw: "Callable[[], Figure] | None"
) -> str:
    """HTML of an answer from groups: a line for each of them, and its figure.

    Parameters
    ----------
    title, summary
        What it is.
    lines
        Number of a group, and what is known of it.
    draw
        Draws the answer; None where nothing is to be drawn.

    Examples
    --------
    >>> "Group ii" in answer_card("Sizes", "in nm", [(1, "3 particles")], None)
    True
    """
    facts = [(f"Group {group_name(group)}", text) for group, text in lines[:_MOST_LISTED]]
    if len(lines) > _MOST_LISTED:
        facts.append(("…", f"and {len(lines) - _MOST_LISTED} more"))
    pictures = [] if draw is None else [Picture((_drawn(draw),), description=title)]
    return card(title, summary, facts, pictures)


def listed(members: Sequence[int] | NDArray[np.integer]) -> str:
    """Write the components of a group, the first thirty of many.

    Examples
    --------
    >>> listed([3]), listed([0, 2])
    ('1 component: 3', '2 components: 0, 2')
    """
    shown = ", ".join(str(int(member)) for member in members[:_MOST_LISTED])
    more = ", …" if len(members) > _MOST_LISTED else ""
    return f"{counted(len(members), 'component')}: {shown}{more}"


def restarts_of(nmf: Factorization) -> str:
    """Say how many restarts a factorization had, and how far apart they ended."""
    if nmf.settings.get("tiles") is not None:
        return f"{nmf.settings['restarts']} of each neighbourhood"
    return restarts_in_words(nmf.restart_mse)


def restarts_in_words(mse: NDArray[np.float64]) -> str:
    """Say how far the errors of the restarts lie apart.

    Examples
    --------
    >>> restarts_in_words(np.array([4.0, 4.2])), restarts_in_words(np.array([4.0]))
    ('best of 2, the worst 5 % above', '1')
    """
    if len(mse) == 1:
        return "1"
    best = mse.min()
    above = f"{100 * (mse.max() / best - 1):.2g} %" if best > 0 else f"{mse.max():.2g}"
    return f"best of {len(mse)}, the worst {above} above"


def stability_in_words(stability: NDArray[np.float64]) -> str:
    """Say how many components return in the other restarts.

    Examples
    --------
    >>> stability_in_words(np.array([0.99, 0.3]))
    '1 of 2 components returns in the other restarts (correlation ≥ 0.8), the least with 0.30'
    """
    if np.isnan(stability).all():
        return "not known from a single restart"
    stable = int((stability >= STABLE).sum())
    verb = "returns" if stable == 1 else "return"
    return (
        f"{stable} of {len(stability)} components {verb} in the other restarts (correlation ≥ "
        f"{STABLE}), the least with {np.nanmin(stability):.2f}"
    )


def _stable(nmf: Factorization, component: int) -> str:
    value = nmf.stability[component]
    return "" if np.isnan(value) else f", stability {value:.2f}"


def _drawn(draw: "Callable[[], Figure]") -> str:
    with plotting.off_screen():
        return figure_uri(draw())
