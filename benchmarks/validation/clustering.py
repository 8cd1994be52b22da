"""Which components are the same crystal: our tree against methods that know of no rotation.

The components of one factorization of each specimen are grouped by every method. The adjusted
Rand index (ARI) compares the groups with the true families, over the components that are matched
with a true crystal. It is given at the method's own cut, where it has one; at the true number of
groups (families and matrix); and at the best of all numbers of groups, which a user cannot know.

    python benchmarks/validation/clustering.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import FULL, SMALL, Geometry, Table, factorize, found_labels, main, matched
from _common import mean_and_spread as spread_of
from numpy.typing import NDArray

from hs_nmfcluster.simulation import linear_mixture, nanocrystals_in_glass
from hs_nmfcluster.validation import adjusted_rand_index, recall_precision

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.results.tree import ClusterTree

Labels = NDArray[np.integer]
#: Labels at a number of groups, or at the method's own cut for None.
Method = Callable[[int | None], Labels | None]

SPECIMENS = {"linear_mixture": linear_mixture, "nanocrystals_in_glass": nanocrystals_in_glass}
CUTS = ("own cut", "true number", "best number")
METRICS = ("euclidean", "cosine", "correlation")


@dataclass(frozen=True)
class Settings:
    """What is clustered."""

    geometry: Geometry = SMALL
    specimens: Sequence[str] = tuple(SPECIMENS)
    n_components: int = 20
    restarts: int = 5
    seeds: int = 10


FULL_SETTINGS = Settings(FULL, restarts=10)


def study(settings: Settings) -> Table:
    """ARI of every method on both specimens, mean and spread over seeds."""
    found = [name for cut in CUTS for name in (cut, f"{cut} ±")]
    columns = ("specimen", "method", *found, "recall")
    rows = []
    for specimen in settings.specimens:
        recalls, scores = [], {}
        for seed in range(settings.seeds):
            recall, of_seed = _scores(settings, specimen, seed)
            recalls.append(recall)
            for method, values in of_seed.items():
                scores.setdefault(method, []).append(values)
        recall = spread_of(recalls)[0]
        for method, values in scores.items():
            numbers = [number for column in np.array(values).T for number in spread_of(column)]
            rows.append((specimen, method, *numbers, recall))
    return Table(columns, rows)


def _scores(settings: Settings, specimen: str, seed: int) -> tuple[float, dict[str, list[float]]]:
    """Recall, and ARI at the own cut, the true number and the best number by method."""
    signal, truth = SPECIMENS[specimen](**settings.geometry.arguments, seed=seed)
    found = factorize(signal, settings.n_components, settings.restarts, seed)
    match = matched(found, truth)
    families = found_labels(match, truth, settings.n_components)
    crystals = families > 0

    def score(labels: Labels | None) -> float:
        if labels is None:
            return np.nan
        return adjusted_rand_index(labels[crystals], families[crystals])

    results = {}
    for name, method in _methods(signal, found, seed):
        numbers = range(1, settings.n_components + 1)
        by_number = {number: score(method(number)) for number in numbers}
        at_true = by_number[len(truth.spacings) + 1]
        results[name] = [score(method(None)), at_true, max(by_number.values())]
    return recall_precision(match, truth.crystalline)[0], results


def _methods(signal: Any, found: Any, seed: int) -> Iterator[tuple[str, Method]]:
    """List all methods, by the name that the table shows."""
    tree = signal.hierarchical_cluster(found, show_progressbar=False)
    yield "cross-correlation tree (ours)", _cut(tree)
    for metric in METRICS:
        plain = signal.hierarchical_cluster(found, metric=metric, show_progressbar=False)
        yield f"{metric} tree", _cut(plain)
    yield "HyperSpy cluster_analysis (k-means)", _hyperspy(found, seed)
    polar = np.nan_to_num(tree.polar_patterns.data)
    spectrum = np.abs(np.fft.rfft(polar, axis=-1))[..., 1:]
    yield "k-means, r-phi", _kmeans(_rows(polar), seed)
    yield "agglomerative (Ward), r-phi", _ward(_rows(polar))
    yield "k-means, |FFT of r-phi|", _kmeans(_rows(spectrum), seed)
    yield "agglomerative (Ward), |FFT of r-phi|", _ward(_rows(spectrum))


def _cut(tree: "ClusterTree") -> Method:
    def labels(number: int | None) -> Labels:
        groups: Labels = (tree.cut() if number is None else tree.cut(n_groups=number)).labels
        return groups

    return labels


def _hyperspy(found: Any, seed: int) -> Method:
    """HyperSpy's clustering of the patterns as they are, masked pixels zero."""
    from hyperspy.signals import Signal2D

    stack = Signal2D(np.nan_to_num(found.patterns.data))

    def labels(number: int | None) -> Labels | None:
        if number is None:
            return None
        result = stack.cluster_analysis(
            "signal",
            preprocessing="norm",
            algorithm="kmeans",
            n_clusters=number,
            n_init=10,
            random_state=seed,
            return_info=True,
        )
        return np.asarray(result.labels_)

    return labels


def _kmeans(rows: NDArray[np.floating], seed: int) -> Method:
    from sklearn.cluster import KMeans

    def labels(number: int | None) -> Labels | None:
        if number is None:
            return None
        return np.asarray(KMeans(number, n_init=10, random_state=seed).fit_predict(rows))

    return labels


def _ward(rows: NDArray[np.floating]) -> Method:
    from sklearn.cluster import AgglomerativeClustering

    def labels(number: int | None) -> Labels | None:
        return None if number is None else AgglomerativeClustering(number).fit_predict(rows)

    return labels


def _rows(patterns: NDArray[np.floating]) -> NDArray[np.float64]:
    """Flat patterns of zero mean and unit length, as our own similarity compares them."""
    rows = patterns.reshape(len(patterns), -1).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=rows, where=norms > 0)


def figure(table: Table) -> "Figure":
    """Bars of the ARI at each cut, one panel a specimen."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import (
        FONT_SIZE,
        PAGE_WIDTH,
        SMALL_FONT_SIZE,
        group_color,
        tidy,
    )

    names = list(dict.fromkeys(table.column("specimen").tolist()))
    drawn = new_figure(PAGE_WIDTH, 3.6)
    panels = drawn.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for ax, name in zip(panels, names, strict=True):
        of_specimen = table.where(specimen=name)
        places = np.arange(len(of_specimen.rows))
        for index, cut in enumerate(CUTS):
            ax.barh(
                places + 0.27 * (index - 1),
                of_specimen.column(cut),
                0.25,
                xerr=of_specimen.column(f"{cut} ±"),
                error_kw={"linewidth": 0.7},
                color=group_color(index),
                label=cut,
            )
        ax.axvline(0, color="black", linewidth=0.6)
        ax.set_yticks(places, of_specimen.column("method"))
        ax.set_ylim(len(places) - 0.5, -0.5)
        ax.set_xlim(-0.25, 1.1)
        ax.set_title(name, fontsize=FONT_SIZE)
        tidy(ax, x="adjusted Rand index of the families")
    drawn.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
    )
    return drawn


if __name__ == "__main__":
    main(
        "clustering",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": FULL_SETTINGS},
        study,
        figure,
    )
