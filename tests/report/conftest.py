"""A report of a small analysis whose file calls itself a script, and a browser to open it in."""

import shutil
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hs_nmfcluster import NMFDiffraction2D

HOSTILE = '<script>alert("title")</script>'
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# As new, without the services that a browser calls at its start.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def crystals(shape=(12, 14), seed=0):
    """Two kinds of spots, at two places each, on a halo; units and title are hostile."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((40, 44))
    r = np.hypot(x - 22, y - 20)
    beam, halo = 4000 * np.exp(-(r**2) / 4), 20 * np.exp(-(((r - 9) / 3) ** 2))
    scan = np.broadcast_to(beam + halo, (*shape, 40, 44)).copy()
    for (row, column), angle in zip(
        [(2, 3), (8, 3), (3, 10), (9, 9)], (0.3, 1.2, 0, 0), strict=True
    ):
        spots = 12.0 if column == 3 else 16.0
        for turn in range(4 if column == 3 else 2):
            phi = angle + turn * np.pi / (2 if column == 3 else 1)
            spot = np.hypot(x - 22 - spots * np.cos(phi), y - 20 - spots * np.sin(phi))
            scan[row - 1 : row + 2, column - 1 : column + 2] += 150 * np.exp(-(spot**2) / 2)
    signal = NMFDiffraction2D(rng.poisson(scan).astype("u2"))
    signal.metadata.General.title = HOSTILE
    signal.metadata.General.original_filename = 'scan<img src="x" onerror="alert(1)">.mib'
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 0.4, "1/nm"
    for axis in signal.axes_manager.navigation_axes:
        axis.scale, axis.units = 1.5, "nm"
    return signal


@pytest.fixture(scope="session")
def scan():
    return crystals()


@pytest.fixture(scope="session")
def nmf(scan):
    return scan.decompose_als_nmf(
        5,
        restarts=3,
        center=(22, 20),
        corrections=None,
        random_state=0,
        print_info=False,
        show_progressbar=False,
    )


@pytest.fixture(scope="session")
def groups(scan, nmf):
    return scan.hierarchical_cluster(nmf).cut(n_groups=3)


@pytest.fixture(scope="session")
def report(scan, groups, tmp_path_factory):
    """Path of the whole report."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    candidates = {"one": [0.2, 0.15], "<b>other</b>": [0.21, 0.156]}
    before = plt.get_fignums()
    groups.report(path, signal=scan, candidates=candidates, show_progressbar=False)
    assert plt.get_fignums() == before
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium with an empty profile."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(_BROWSERS)} is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, headless=True, args=_FLAGS)
        yield opened
        opened.close()
