"""The figures of a report, with what they show and what to look for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from hs_nmfcluster import plotting
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.markup import figure_png, png_uri
from hs_nmfcluster.report.subject import Groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Sharp in print at the width of a page.
_DPI = 200
# CSS pixels an inch, at which the figures' text is about as large as the page's.
_SCREEN_DPI = 120
# Pages of a figure of very many groups or components.
_MOST_PAGES = 4


@dataclass(frozen=True)
class Illustration:
    """A figure that is not drawn yet.

    Parameters
    ----------
    name
        Of its file, and of its place in the report.
    title, caption
        What it shows, and how to read it.
    draw
        Draws it.
    """

    name: str
    title: str
    caption: str
    draw: "Callable[..., Figure]"

    def figure(self) -> "Figure":
        """Draw it, unseen by pyplot."""
        with plotting.off_screen():
            return self.draw()

    @cached_property
    def drawn(self) -> "Drawn":
        """Its picture, drawn once for all files that hold it."""
        figure = self.figure()
        return Drawn(figure_png(figure, _DPI), round(_SCREEN_DPI * figure.get_size_inches()[0]))


@dataclass(frozen=True)
class Drawn:
    """A figure that is drawn.

    Parameters
    ----------
    png
        The picture.
    width
        On a screen that is wide enough, in CSS pixels.
    """

    png: bytes
    width: int

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return png_uri(self.png)


def illustrations(findings: Findings) -> Iterator[Illustration]:
    """Name all figures that can be drawn of an analysis, in the order of a report."""
    groups = findings.groups
    if groups is not None:
        yield from _of_groups(groups)
    yield from _of_answers(findings)
    yield from _of_components(findings)
    if groups is not None:
        yield Illustration(
            "similarity",
            "Similarity of the components",
            "Of all pairs, by four measures. Only the maximum cross-correlation knows that "
            "patterns may be rotated; blocks that it alone shows are one crystal at several "
            "in-plane angles.",
            groups.tree.plot_similarity,
        )


def _pages(illustration: Illustration, paged: Any) -> Iterator[Illustration]:
    """One illustration a page, the first under its own name; of very many pages the first."""
    pages = min(getattr(paged, "pages", 1), _MOST_PAGES)
    yield illustration
    for page in range(2, pages + 1):
        yield replace(
            illustration,
            name=f"{illustration.name}_{page}",
            title=f"{illustration.title}, page {page}",
            draw=partial(illustration.draw, page=page),
        )


def _of_groups(groups: Groups) -> Iterator[Illustration]:
    yield from _pages(
        Illustration(
            "groups",
            "Groups",
            "For each group the rotation-corrected average pattern, the sum of its maps, and the "
            "average of its maps shifted onto each other. Every image has its own scale; low "
            "intensities are raised.",
            groups.plot,
        ),
        groups,
    )
    if groups.maps is not None:
        yield Illustration(
            "group_map",
            "Where the groups are",
            "The maps of all groups over each other, each as opaque as it is strong there.",
            groups.plot_map,
        )
    yield Illustration(
        "dendrogram_distance",
        "Tree and cut",
        "Components join from left to right in the order of their distance. The dashed line is "
        "the cut; arrows mark merges at a smaller distance than what they hold.",
        groups.plot_dendrogram,
    )


def _of_answers(findings: Findings) -> Iterator[Illustration]:
    if findings.spacings is not None:
        yield from _pages(
            Illustration(
                "spacings",
                "Radial profiles and spacings",
                "Maximum over the azimuth (coloured) and mean (black) of each group's pattern. "
                "Spots raise only the maximum, a halo raises both.",
                findings.spacings.plot,
            ),
            findings.spacings,
        )
    if findings.sizes is not None:
        yield from _pages(
            Illustration(
                "sizes",
                "Particles",
                "Outlines at half height in the maps of the groups, and the diameters of whole "
                "particles. Dashed ones are cut by the edge and not counted in the histogram.",
                findings.sizes.plot,
            ),
            findings.sizes,
        )
    if findings.detection_limit is not None:
        yield Illustration(
            "detection_limit",
            "Detection limit",
            "Share of synthetic particles, planted in this scan, that the analysis found, with "
            "limits of 95 %; shaded: the diameter of which half are found. Right: diameters as "
            "they were found.",
            findings.detection_limit.plot,
        )
    if findings.orientation is not None and any(findings.orientation.symmetry):
        yield from _pages(
            Illustration(
                "orientation",
                "In-plane angles",
                "Angle of each crystal against the first one of its group, modulo the symmetry of "
                "its pattern.",
                findings.orientation.plot,
            ),
            findings.orientation,
        )


def _of_components(findings: Findings) -> Iterator[Illustration]:
    groups, nmf, signal = findings.groups, findings.factorization, findings.signal
    if signal is not None:
        center = None if nmf is None else nmf.center
        mask = None if nmf is None else nmf.detector_mask
        yield Illustration(
            "scan",
            "Scan",
            "Virtual bright field, and mean pattern on a logarithmic scale. Dotted: the virtual "
            "detector around the beam centre that was used; see whether it sits on the beam. "
            "Shaded: what was left out.",
            lambda: signal.plot_scan(center=center, signal_mask=mask, show_progressbar=False),
        )
    if groups is not None:
        yield Illustration(
            "components",
            "Components",
            "Pattern and map of every component, the strongest first, framed in the colour of "
            "its group. All patterns share one scale, all maps another; low intensities are "
            "raised.",
            groups.plot_components,
        )
        for page in range(2, min(groups.component_pages, _MOST_PAGES) + 1):
            yield Illustration(
                f"components_{page}",
                f"Components, page {page}",
                "As before, the weaker ones. Scales are those of the page.",
                partial(groups.plot_components, page=page),
            )
    elif nmf is not None:
        caption = "Pattern and map of every component."
        yield Illustration("components", "Components", caption, nmf.plot)
    if findings.residual is not None:
        yield Illustration(
            "residual",
            "What the components leave",
            "a, b: squared residual over intensity, in units of its median; about 1 where only "
            "noise is left. c: mean residual. d: mean residual where the scan is described worst: "
            "spots here are a phase that was missed.",
            findings.residual.plot,
        )
    # Neighbourhoods have no course that all of them share.
    if nmf is not None and nmf.settings.get("tiles") is None:
        yield Illustration(
            "convergence",
            "Convergence",
            "Error of every restart. Those that end well above the best one found another, worse "
            "minimum; after compression only the best are taken further.",
            nmf.plot_convergence,
        )
    if findings.study is not None:
        yield Illustration(
            "rank_study",
            "Number of components",
            "Error of NMF and PCA, and how well components return in other restarts, against "
            "their number. " + "; ".join(findings.study.suggestion.reasons) + ".",
            findings.study.plot,
        )
