"""The whole analysis of one scan, written into one folder: what the command line runs."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hs_nmfcluster import checks, storage
from hs_nmfcluster.files import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hs_nmfcluster.clustering.groups import Groups
    from hs_nmfcluster.clustering.tree import ClusterTree
    from hs_nmfcluster.factorization.result import Factorization
    from hs_nmfcluster.signals import NMFDiffraction2D

DEFAULT_COMPONENTS = 20


@dataclass(frozen=True)
class Options:
    """What can be chosen about an analysis; radii in the signal's unit, centre in pixels."""

    n_components: int | None = None
    restarts: int = 10
    center: tuple[float, float] | None = None
    inner: float | None = None
    outer: float | None = None
    distance: float | None = None
    n_groups: int | None = None
    random_state: int = 0
    show_progressbar: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """Everything that an analysis found; no tree from a single component."""

    factorization: "Factorization"
    tree: "ClusterTree | None"
    groups: "Groups | None"


def analyse(signal: "NMFDiffraction2D", options: Options, say: Callable[[str], None]) -> Outcome:
    """Decompose a scan, order its components and cut the tree.

    Parameters
    ----------
    signal
        The scan.
    options
        Choices; without a number of components 20 are taken, or as many as the data allow.
    say
        Takes each line of what there is to say.

    Returns
    -------
    Outcome

    Raises
    ------
    TypeError, ValueError
        As the methods that it calls.
    """
    _check_cut(options)
    nmf = _decompose(signal, options, say)
    say(repr(nmf))
    if nmf.n_components < 2:
        say("A single component is not clustered.")
        return Outcome(nmf, None, None)
    tree = signal.hierarchical_cluster(
        nmf, center=options.center, show_progressbar=options.show_progressbar
    )
    say(repr(tree))
    groups = tree.cut(distance=options.distance, n_groups=options.n_groups)
    say(repr(groups))
    return Outcome(nmf, tree, groups)


def _check_cut(options: Options) -> None:
    """Refuse what the tree would refuse, before the long work that makes it."""
    if options.distance is not None:
        checks.check_positive("distance", options.distance)
    if options.n_groups is not None:
        most = options.n_components or DEFAULT_COMPONENTS
        if checks.check_whole_number("n_groups", options.n_groups) > most:
            raise ValueError(
                f"`n_groups` must be at most {most}, the number of components, got "
                f"{options.n_groups}."
            )


def _ring_mask(signal: "NMFDiffraction2D", options: Options) -> Any:
    if options.inner is None and options.outer is None:
        return "auto"
    inner = 0.0 if options.inner is None else options.inner
    outer = np.inf if options.outer is None else options.outer
    return signal.get_detector_mask(inner, outer, options.center)


def _decompose(
    signal: "NMFDiffraction2D", options: Options, say: Callable[[str], None]
) -> "Factorization":
    def decompose(n_components: int) -> "Factorization":
        return signal.decompose_als_nmf(
            n_components,
            restarts=options.restarts,
            center=options.center,
            signal_mask=_ring_mask(signal, options),
            random_state=options.random_state,
            show_progressbar=options.show_progressbar,
        )

    if options.n_components is not None:
        return decompose(options.n_components)
    n_components = DEFAULT_COMPONENTS
    while True:
        try:
            return decompose(n_components)
        except checks.TooManyComponentsError as error:
            n_components = error.allowed
            say(f"Components: {n_components}, as many as the data allow")


def write(signal: "NMFDiffraction2D", outcome: Outcome, folder: Path) -> list[str]:
    """Write figures, results and ``summary.json``; every file is whole or absent.

    Parameters
    ----------
    signal
        The scan.
    outcome
        What :func:`analyse` returned.
    folder
        An existing folder.

    Returns
    -------
    list of str
        Names of the files.
    """
    nmf, tree, groups = outcome.factorization, outcome.tree, outcome.groups
    figures: dict[str, Callable[[], Figure]] = {
        "scan": lambda: signal.plot_scan(center=nmf.center),
        "components": nmf.plot,
        "components_linear": lambda: nmf.plot(scaling="linear"),
        "convergence": nmf.plot_convergence,
    }
    signals = {"mean_pattern": signal.get_mean_pattern(), "maps": nmf.maps}
    if tree is not None and groups is not None:
        figures["similarity"] = tree.plot_similarity
        figures["dendrogram_sequence"] = lambda: tree.plot_dendrogram(kind="sequence")
        figures["dendrogram_distance"] = lambda: tree.plot_dendrogram(kind="distance")
        figures["groups"] = groups.plot
        signals["group_patterns"] = groups.patterns
        signals["group_maps"] = groups.maps
        signals["group_aligned_maps"] = groups.aligned_maps
        tree.save(folder / "tree.hspy", overwrite=True)
    nmf.save(folder / "factorization.hspy", overwrite=True)
    for name, result in signals.items():
        storage.save_whole(result, folder / f"{name}.hspy")
    for name, draw in figures.items():
        _write_figure(draw(), folder / f"{name}.png")
    summary = summarise(outcome)
    _write_text(folder / "summary.json", json.dumps(summary, indent=2, default=_plain) + "\n")
    names = ["factorization.hspy", *(["tree.hspy"] if tree is not None else [])]
    names += [f"{name}.hspy" for name in signals] + [f"{name}.png" for name in figures]
    return [*names, "summary.json"]


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Put the numbers of an analysis into one dictionary for JSON."""
    nmf, tree, groups = outcome.factorization, outcome.tree, outcome.groups
    summary: dict[str, Any] = {
        "hs_nmfcluster": version("hs_nmfcluster"),
        "settings": nmf.settings,
        "center_px": nmf.center,
        "mse": nmf.mse,
        "restart_mse": nmf.restart_mse,
        "stability": nmf.stability,
        "data_passes": nmf.passes,
    }
    if tree is not None and groups is not None:
        summary["merges"] = [
            {"first": int(a), "second": int(b), "distance": d} for a, b, d, _ in tree.linkage
        ]
        summary["groups"] = [
            {"components": members, "rotations_degrees": groups.rotations[members]}
            for members in groups
        ]
    return summary


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        # JSON has no NaN: what is not known is null.
        return [None if v != v else v for v in value.tolist()]
    return value.item()


def _write_figure(figure: "Figure", path: Path) -> None:
    from matplotlib import pyplot

    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=200)
    pyplot.close(figure)


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_folder(folder: str | os.PathLike[str]) -> Path:
    """Make the output folder and see that it can be written, before any long work.

    Raises
    ------
    ValueError
        If it cannot be made or written.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(
            f"The output folder {str(path)!r} cannot be written: {error.strerror}."
        ) from error
    return path
