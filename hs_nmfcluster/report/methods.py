"""The paragraph for the methods section of a publication, from the settings that were used."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any, TypeAlias

from hs_nmfcluster.report.answer import is_suggested
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.subject import Groups, Sizes, Spacings
from hs_nmfcluster.scan.corrections import in_words
from hs_nmfcluster.words import counted, plurals, times

# Gives the number under which a source is cited.
Cite: TypeAlias = Callable[[str], str]

# What is cited, where it was used.
_PAPER = (
    "K. Kimoto, J. Kikkawa, K. Harano, O. Cretu, Y. Shibazaki, F. Uesugi, Sci. Rep. 14 (2024), "
    "doi:10.1038/s41598-024-53289-5"
)
_WEIGHTING = "M. R. Keenan, P. G. Kotula, Surf. Interface Anal. 36, 203 (2004)"
_SILHOUETTES = "P. J. Rousseeuw, J. Comput. Appl. Math. 20, 53 (1987)"


def methods_text(findings: Findings) -> str:
    """Say how a result was made, with numbers, versions, seeds and citations.

    Parameters
    ----------
    findings
        With groups; what is not known of the factorization is left out.
    """
    cited: list[str] = []

    def cite(source: str) -> str:
        if source not in cited:
            cited.append(source)
        return f"[{cited.index(source) + 1}]"

    sentences = []
    if findings.factorization is not None:
        settings = findings.factorization.settings
        sentences += [
            _data(settings),
            _factorization(settings, findings.factorization.n_components, cite),
        ]
    if findings.groups is not None:
        sentences.append(_tree(findings.groups, cite))
    if findings.spacings is not None:
        sentences += _spacings(findings.spacings)
    if findings.sizes is not None:
        sentences.append(_sizes(findings.sizes))
    if findings.factorization is not None:
        sentences.append(_versions(findings.factorization.settings))
    references = [f"[{number}] {source}." for number, source in enumerate(cited, 1)]
    return "\n".join([" ".join(sentences), "", *references])


def _data(settings: Mapping[str, Any]) -> str:
    *scan, n_v, n_u = settings["data_shape"]
    where = times(scan[::-1])
    left = settings["positions_kept"], settings["pixels_kept"]
    put_right = settings.get("corrections")
    corrected = f" Corrected while reading: {in_words(put_right)}." if put_right else ""
    return (
        f"A 4D-STEM scan of {where} positions with patterns of {n_u} × {n_v} pixels was analysed; "
        f"{left[0]} positions and {left[1]} pixels were used (detector mask: "
        f"{settings['signal_mask']}).{corrected}"
    )


def _factorization(settings: Mapping[str, Any], n_components: int, cite: Cite) -> str:
    paper, weighted = cite(_PAPER), ""
    if settings.get("weighting") == "poisson":
        weighted = f", weighted by counting statistics {cite(_WEIGHTING)}"
    how = (
        f"restarts: {settings['restarts']}, tolerance: {settings['tolerance']:g}, seed: "
        f"{settings['random_state']}"
    )
    found = counted(n_components, "component")
    if settings.get("tiles") is None or prod(settings["tiles_numbers"]) == 1:
        return (
            f"It was factorized by non-negative matrix factorization into {found} "
            f"{paper}{weighted} ({how})."
        )
    neighbourhoods = counted(prod(settings["tiles_numbers"]), "overlapping neighbourhood")
    each = "as many components each as stand above its noise"
    if settings.get("n_components") is not None:
        each = f"{counted(settings['n_components'], 'component')} each"
    return (
        f"It was factorized by non-negative matrix factorization {paper}{weighted} in "
        f"{neighbourhoods} of {times(settings['tiles'])} positions with {each} ({how}), which were "
        f"joined to {found}."
    )


def _tree(groups: Groups, cite: Cite) -> str:
    tree, paper = groups.tree, cite(_PAPER)
    crystals = [group for group in range(len(groups)) if group not in groups.matrix]
    compared = f"{tree.by} by {tree.metric.replace('_', '-')}"
    if tree.metric == "cross_correlation":
        compared = "patterns by their largest cross-correlation over in-plane rotations"
        if tree.by == "maps":
            compared = "maps by their largest cross-correlation over shifts"
    matrix = ""
    if groups.matrix:
        matrix = ", after components without significant spots had been set apart as matrix"
    if is_suggested(groups):
        suggested = tree.suggest_cut()
        how = f"distance {suggested.distance:.3f}, {'' if suggested.clear else 'not '}clear"
        where = f"where silhouettes are largest {cite(_SILHOUETTES)} ({how})"
    elif groups.distance is None:
        where = "by hand"
    else:
        where = f"by hand at a distance of {groups.distance:.3f}"
    return (
        f"Components were merged into a tree, comparing {compared} {paper}{matrix}; it was "
        f"cut {where} into {counted(len(crystals), 'group')} of crystals."
    )


def _spacings(spacings: Spacings) -> Iterator[str]:
    if spacings.calibrated:
        yield (
            "Lattice spacings are those of rings of spots of the groups' mean patterns (relative "
            f"error of the camera constant: {spacings.camera_error:g})."
        )


def _sizes(sizes: Sizes) -> str:
    return (
        "Diameters are those of circles of the same area as the particles in the maps, taken for "
        f"{plurals(sizes.shape)} seen by a probe of {sizes.probe_size:.2g} {sizes.units}."
    )


def _versions(settings: Mapping[str, Any]) -> str:
    versions = settings.get("versions", {})
    return f"Software: {', '.join(f'{name} {used}' for name, used in versions.items())}."
