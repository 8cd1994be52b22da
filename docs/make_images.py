"""Draw the pictures of the guide: those of the demo's specimen, and the report in a browser.

    python docs/make_images.py

The report is photographed where playwright and Chromium are; else its pictures stay as they are.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

import hs_nmfcluster
from hs_nmfcluster.simulation import linear_mixture

FOLDER = Path(__file__).parent / "images" / "guide"
QUIET: dict[str, Any] = {"random_state": 0, "print_info": False, "show_progressbar": False}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def save(name: str, figure: Any, dpi: int = 110) -> None:
    """Write a picture in 256 colours."""
    path = FOLDER / f"{name}.png"
    figure.savefig(path, dpi=dpi)
    Image.open(path).convert("RGB").quantize(256, kmeans=2).save(path, optimize=True)


def neighbourhoods(groups: Any, nmf: Any) -> Any:
    """Draw a scan and the neighbourhoods in which it was factorized."""
    figure = groups.plot_map()
    ax = figure.axes[0]
    columns, rows = nmf.settings["data_shape"][1::-1]
    for along, total in enumerate((columns, rows)):
        size, number = nmf.settings["tiles"][along], nmf.settings["tiles_numbers"][along]
        for i, start in enumerate(np.linspace(0, total - size, number).round()):
            aside = -3.0 - 1.6 * i
            place, span = (start - 0.5, aside), (size, 1.2)
            if along:
                place, span = place[::-1], span[::-1]
            ax.add_patch(Rectangle(place, *span, color="0.3", linewidth=0, clip_on=False))
    ax.set(xlim=(-8, columns - 0.5), ylim=(rows - 0.5, -8))
    return figure


def pictures() -> Iterator[tuple[str, Any]]:
    """Make all figures."""
    signal, _ = linear_mixture()
    nmf = signal.decompose_als_nmf(**QUIET)
    yield "scan", signal.plot_scan(signal_mask=nmf.detector_mask)
    groups = signal.hierarchical_cluster(nmf).cut()
    yield "neighbourhoods", neighbourhoods(groups, nmf)
    yield "components", groups.plot_components()
    yield "groups", groups.plot()
    yield "group_map", groups.plot_map()
    yield "similarity", groups.tree.plot_similarity()
    yield "spacings", groups.lattice_spacings().plot()
    yield "sizes", groups.particle_sizes().plot()
    yield "orientation", groups.orientation_map().plot()
    yield "crystallinity", groups.crystallinity().plot()
    yield "residual", nmf.residual(signal, show_progressbar=False).plot()
    yield "explore", groups.explore(signal).figure
    study = signal.estimate_number_of_components(range(4, 25, 2), restarts=3, **QUIET)
    yield "rank_study", study.plot()
    found = []
    for seed, particles in ((1, 6), (2, 12), (3, 20)):
        other, _ = linear_mixture(
            (40, 40), (64, 64), pixel_size=0.32, n_particles=particles, seed=seed
        )
        found.append(other.decompose_als_nmf(**QUIET))
    several = hs_nmfcluster.cluster(found, names=["1 min", "10 min", "100 min"]).cut()
    yield "several", several.particle_sizes().plot()
    limit = signal.detection_limit(groups, random_state=0, show_progressbar=False)
    yield "detection_limit", limit.plot()
    faulty = with_faults(signal)
    uncorrected = faulty.decompose_als_nmf(corrections=None, **QUIET)
    yield "uncorrected", faulty.hierarchical_cluster(uncorrected).cut().plot()
    nmf = faulty.decompose_als_nmf(**QUIET)
    corrected = faulty.hierarchical_cluster(nmf).cut()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        groups.report(path, signal=signal, study=study, show_progressbar=False)
        explored = ("#chips button >> nth=1", "#explore")
        photograph(path, {"report": (1300, 1050), "report_phone": (390, 844)}, *explored)
        corrected.report(path, signal=faulty, overwrite=True, show_progressbar=False)
        photograph(path, {"faulty": (1000, 550)}, "#corrections h2", "#corrections")


def with_faults(signal: Any) -> Any:
    """Make the scan of the guide's start that has two hot pixels and no calibration."""
    faulty = signal.deepcopy()
    faulty.data[..., 40, 88:90] = 60000
    for axis in faulty.axes_manager.signal_axes:
        axis.scale, axis.offset, axis.units = 1, 0, ""
    return faulty


def photograph(
    path: Path, sizes: dict[str, tuple[int, int]], pressed: str, at_the_top: str
) -> None:
    """Take pictures of a report, by name and size in pixels, where something was pressed."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        print("no browser: the pictures of the report stay as they are")
        return
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, (width, height) in sizes.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            page.locator(pressed).click()
            page.locator(at_the_top).evaluate("one => one.scrollIntoView()")
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures():
        save(name, figure)


if __name__ == "__main__":
    main()
