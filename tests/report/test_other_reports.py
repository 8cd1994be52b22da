"""Reports of scans that are not as usual, opened in a browser: many components, a line, several."""

import numpy as np
import pytest
from hyperspy.signals import Signal2D

import hs_nmfcluster
from hs_nmfcluster import ClusterTree, NMFDiffraction2D
from hs_nmfcluster.report.explorable import explorable
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.page import write_report

pytestmark = pytest.mark.slow

MANY = 150


def many():
    """Groups of 150 crystals of three kinds in a large scan."""
    rng = np.random.default_rng(0)
    y, x = np.indices((24, 24)) - 11.5
    patterns, maps = [], np.zeros((MANY, 600, 700), np.float32)
    for k, scan in enumerate(maps):
        angles = rng.uniform(0, np.pi) + np.pi * np.arange(2)
        away = [np.hypot(x - r * np.cos(a), y - r * np.sin(a)) for a in angles for r in [5 + k % 3]]
        patterns.append(sum(np.exp(-(one**2)) for one in away) + 0.01 * rng.random(x.shape))
        row, column = rng.integers(0, 590), rng.integers(0, 690)
        scan[row : row + 10, column : column + 10] = rng.uniform(1, 2)
    tree = ClusterTree.from_patterns(NMFDiffraction2D(np.array(patterns)), center=(11.5, 11.5))
    tree.maps = Signal2D(maps)
    return tree.cut(n_groups=3)


def open_in(browser, path):
    """Open a page, move its cut, and say what it complained of."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri(), wait_until="load")
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator("#cut").evaluate("one => { one.value = 1; one.dispatchEvent(new Event('input')) }")
    return page, complaints


def test_many_components(browser, tmp_path, monkeypatch):
    groups = many()
    path = tmp_path / "report.html"
    # Figures take their time, and are looked at elsewhere.
    monkeypatch.setattr("hs_nmfcluster.report.page.illustrations", lambda _: [])
    write_report(path, Findings(groups=groups))
    assert path.stat().st_size < 10_000_000
    content = explorable(Findings(groups=groups))
    assert max(content["map"]["components"]["shape"]) <= 512
    page, complaints = open_in(browser, path)
    assert complaints == []
    leaves = page.locator("#tree .leaf")
    assert leaves.count() == 120
    names = leaves.evaluate_all("all => all.map(one => one.textContent)")
    in_branches = sum(int(name[1:-1]) if name.startswith("(") else 1 for name in names)
    assert in_branches == MANY
    assert "In brackets" in page.locator("#explore").inner_text()
    page.close()


def test_line(browser, scan, tmp_path):
    line = scan.inav[:, 2]
    nmf = line.decompose_als_nmf(
        3, restarts=2, random_state=0, print_info=False, show_progressbar=False
    )
    path = tmp_path / "report.html"
    line.hierarchical_cluster(nmf).cut().report(path, signal=line, show_progressbar=False)
    page, complaints = open_in(browser, path)
    assert complaints == []
    page.locator("#map").click(position={"x": 100, "y": 20})
    says = page.locator("#readout").inner_text()
    assert says.startswith("x = ")
    assert "y = " not in says
    page.close()


def test_several_scans(browser, nmf, tmp_path):
    groups = hs_nmfcluster.cluster([nmf, nmf], names=["<b>a</b>", "b"]).cut()
    path = tmp_path / "report.html"
    groups.report(path, show_progressbar=False)
    page, complaints = open_in(browser, path)
    assert complaints == []
    assert page.locator("#map-panel").is_hidden()
    assert "<b>a</b>, b" in page.locator("#scan-facts").inner_text()
    page.evaluate("document.querySelector('#cut-back').click()")
    page.locator("#chips button").first.click()
    number = sum(len(sizes["i"].particles) for sizes in groups.particle_sizes().scans)
    assert f"; {number} particles" in page.locator("#readout").inner_text()
    page.locator("#tree .leaf[data-leaf='0']").click()
    assert "component 0 (0 of <b>a</b>)" in page.locator("#readout").inner_text()
    page.close()


@pytest.mark.parametrize("signal_too", [False, True])
def test_measured_patterns_of_particles_alone(groups, scan, monkeypatch, signal_too):
    monkeypatch.setattr("hs_nmfcluster.report.measured._MOST_BYTES", 100_000)
    findings = Findings(
        groups=groups, sizes=groups.particle_sizes(), signal=scan if signal_too else None
    )
    measured = explorable(findings)["measured"]
    if not signal_too:
        assert measured is None
        return
    particles = sum(len(group.particles) for group in groups.particle_sizes())
    assert 0 < len(measured["places"]) <= particles
    assert measured["patterns"]["shape"][0] == len(measured["places"])
