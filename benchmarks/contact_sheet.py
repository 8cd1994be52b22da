"""Draw every figure for the extremes, and put all on sheets to be looked at.

    python benchmarks/contact_sheet.py [FOLDER [CASE ...]]

Two and 200 components, one and 30 groups, a scan along a line, one that is not calibrated, one
along three axes, several scans together. Writes a sheet for each and says how large each figure is.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, NMFDiffraction2D, plotting
from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.figures import illustrations

SIDE = 48
COLUMNS = 4


def patterns(n: int, families: int, seed: int = 0) -> np.ndarray:
    """Spots of so many families at random angles, the first one a halo."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    halo = np.exp(-(((np.hypot(x, y) - 9) / 3) ** 2))
    found = [halo]
    for k in range(n - 1):
        family = k % families
        order, radius = (2, 4, 6)[family % 3], 7 + 13 * family / families
        image, start = 0.3 * halo, rng.uniform(0, 2 * np.pi)
        for turn in range(order):
            phi = start + 2 * np.pi * turn / order
            away = np.hypot(x - radius * np.cos(phi), y - radius * np.sin(phi))
            image = image + np.exp(-(away**2) / 2)
        found.append(image + 0.002 * rng.random(image.shape))
    return np.array(found)


def maps(n: int, scan: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """One particle of each component, the first one everywhere."""
    rng = np.random.default_rng(seed)
    grid = np.indices(scan)
    found = [np.full(scan, 3.0)]
    for _ in range(n - 1):
        middle = [rng.uniform(0, size - 1) for size in scan]
        away = np.sqrt(sum((g - m) ** 2 for g, m in zip(grid, middle, strict=True)))
        found.append(np.clip(4 - away, 0, None) * rng.uniform(1, 3))
    return np.array(found)


def measured(n: int, families: int, scan: tuple[int, ...], *, calibrated: bool) -> Any:
    """Simulate a scan with counting noise."""
    images, weights = patterns(n, families), maps(n, scan)
    expected = np.tensordot(weights, images, (0, 0)) * 30
    beam = 2000 * np.exp(-((np.indices((SIDE, SIDE)) - (SIDE - 1) / 2) ** 2).sum(axis=0) / 3)
    signal = NMFDiffraction2D(np.random.default_rng(2).poisson(expected + beam).astype("u2"))
    if calibrated:
        for axis in signal.axes_manager.signal_axes:
            axis.scale, axis.units, axis.offset = 0.3, "1/nm", -0.3 * (SIDE - 1) / 2
        for axis in signal.axes_manager.navigation_axes:
            axis.scale, axis.units = 1.5, "nm"
    return signal


def of_scan(n: int, families: int, scan: tuple[int, ...], *, calibrated: bool = True) -> Any:
    """Everything that can be drawn of a small scan that is decomposed."""
    signal = measured(n, families, scan, calibrated=calibrated)
    nmf = signal.decompose_als_nmf(n, restarts=3, random_state=0, print_info=False)
    study = signal.estimate_number_of_components(
        range(1, min(n, 5) + 1), restarts=2, random_state=0, print_info=False
    )
    groups = signal.hierarchical_cluster(nmf).cut()
    return Findings.of_groups(groups, signal=signal, study=study)


def of_several(number: int, scan: tuple[int, ...]) -> Any:
    """Everything that can be drawn of scans that share a tree."""
    found = []
    for k in range(number):
        signal = measured(4 + k % 3, 2, scan, calibrated=True)
        found.append(signal.decompose_als_nmf(4, restarts=2, random_state=k, print_info=False))
    names = [f"annealed for {10**k} min" for k in range(number)]
    return Findings.of_groups(hs_nmfcluster.cluster(found, names=names).cut())


def of_components(n: int, families: int, scan: tuple[int, ...]) -> Any:
    """Group components that are known, of which there may be many."""
    images = NMFDiffraction2D(patterns(n, families))
    for axis in images.axes_manager.signal_axes:
        axis.scale, axis.units, axis.offset = 0.3, "1/nm", -0.3 * (SIDE - 1) / 2
    stack = hs.signals.Signal2D(maps(n, scan))
    for axis in stack.axes_manager.signal_axes:
        axis.scale, axis.units = 1.5, "nm"
    tree = ClusterTree.from_patterns(images, stack, radial_range=(1.2, 6.6))
    n_groups = min(families + 1, n)
    return Findings.of_groups(tree.cut(n_groups=n_groups) if families > 1 else tree.cut())


CASES: dict[str, Callable[[], Any]] = {
    "2_components": lambda: of_components(2, 1, (20, 24)),
    "1_group": lambda: Findings.of_groups(of_components(4, 1, (20, 24)).tree.cut(n_groups=1)),
    "200_components_30_groups": lambda: of_components(200, 29, (60, 60)),
    "line": lambda: of_scan(4, 2, (40,)),
    "not_calibrated": lambda: of_scan(5, 2, (12, 16), calibrated=False),
    "3_axes": lambda: of_scan(4, 2, (2, 8, 10)),
    "several_scans": lambda: of_several(5, (14, 16)),
}


def detection_limit(signal: Any, groups: Any) -> Any:
    """Draw what would have been found."""
    return signal.detection_limit(
        groups, fractions=[0.05, 0.2], random_state=0, show_progressbar=False
    ).plot()


def figures(findings: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """All figures, those of the report first."""
    for one in illustrations(findings):
        yield one.name, one.draw
    groups, signal, nmf = findings.groups, findings.signal, findings.factorization
    yield "crystallinity", lambda: groups.crystallinity().plot()
    if signal is not None:
        yield "condition", lambda: signal.inspect_scan(show_progressbar=False).plot()
        yield "diagnosis", lambda: nmf.diagnose().plot()
        yield "rank_patterns", lambda: findings.study.plot_patterns(3)
        yield "detection_limit", lambda: detection_limit(signal, groups)
    yield "dendrogram_sequence", lambda: groups.plot_dendrogram(kind="sequence")
    yield "tree.explore", lambda: groups.tree.explore().figure
    yield "groups.explore", lambda: groups.explore().figure
    yield "polar", lambda: groups.tree.plot_polar(1)
    yield "scatter", groups.tree.plot_scatter_tableau


def sheet(name: str, findings: Any, folder: Path) -> None:
    """Draw all figures of a case, and one picture of them."""
    drawn = []
    for title, draw in figures(findings):
        try:
            with plotting.off_screen():
                figure = draw()
                path = folder / f"{name}_{title}.png"
                figure.savefig(path, dpi=100)
        except ValueError as reason:
            print(f"{name}: no {title}: {reason}")
            continue
        image = plt.imread(path)
        print(f"{name}: {title} {image.shape[1]} × {image.shape[0]} px")
        drawn.append((title, image))
    rows = -(-len(drawn) // COLUMNS)
    page, axes = plt.subplots(rows, COLUMNS, figsize=(5 * COLUMNS, 5 * rows), squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    for ax, (title, image) in zip(axes.ravel(), drawn, strict=False):
        ax.imshow(image)
        ax.set_title(f"{title}, {image.shape[1]} × {image.shape[0]}", fontsize=10)
    page.tight_layout()
    page.savefig(folder / f"sheet_{name}.png", dpi=80)
    plt.close("all")


def main() -> None:
    """Draw all cases, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("contact_sheet"))
    parser.add_argument("cases", nargs="*", metavar="case", help=", ".join(CASES))
    given = parser.parse_args()
    unknown = set(given.cases) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in given.cases or CASES:
        sheet(name, CASES[name](), given.folder)


if __name__ == "__main__":
    main()
