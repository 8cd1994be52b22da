"""What a reader can do with the report in a browser, and without its script."""

import csv
import io
import re
from contextlib import contextmanager

import numpy as np
import pytest

from hs_nmfcluster.cli.summary import summarise
from hs_nmfcluster.report import Findings, explorable
from hs_nmfcluster.report.data_tables import tables
from hs_nmfcluster.words import group_name, with_error

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def findings(scan, groups):
    candidates = {"one": [0.2, 0.15], "<b>other</b>": [0.21, 0.156]}
    return Findings.of_groups(groups, signal=scan, candidates=candidates, show_progressbar=False)


@pytest.fixture(scope="module")
def written(findings):
    """Text of the CSV files of the analysis."""
    return {name: make().csv() for name, make in tables(findings)}


@contextmanager
def opened_page(browser, report, width):
    """The page, whose script is ready; what it complains of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 844}, offline=True)
    opened = context.new_page()
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(report.as_uri(), wait_until="load")
    opened.wait_for_selector("html[data-ready]", state="attached")
    for details in opened.locator("details").all():
        details.evaluate("one => { one.open = true }")
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture(params=[390, 1300], ids=["phone", "desktop"])
def page(request, browser, report):
    with opened_page(browser, report, request.param) as opened:
        yield opened


@pytest.fixture
def folded(browser, groups, tmp_path, monkeypatch):
    """A page of a tree that is too large to be drawn leaf by leaf."""
    monkeypatch.setattr(explorable, "_MOST_LEAVES", 4)
    groups.report(tmp_path / "folded.html", show_progressbar=False)
    with opened_page(browser, tmp_path / "folded.html", 390) as opened:
        yield opened


def column(page, table, name):
    """Cells of a column as they are seen."""
    return page.evaluate(
        """([table, name]) => {
            const shown = document.querySelector(`table[data-name=${table}]`);
            const at = [...shown.tHead.rows[0].cells].findIndex(head => head.textContent === name);
            return [...shown.tBodies[0].rows].map(row => row.cells[at].textContent);
        }""",
        [table, name],
    )


def slide(page, step):
    page.locator("#cut").evaluate(
        "(one, step) => { one.value = step; one.dispatchEvent(new Event('input')) }", step
    )


def picture(page, element):
    return page.locator(element).evaluate("canvas => canvas.toDataURL()")


def press_particle(page, groups, number=0):
    """Click the middle of a particle in the map."""
    sizes = groups.particle_sizes()
    particle = [p for group in sizes for p in group.particles][number]
    _, rows, columns = groups.tree.maps.data.shape
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    x = (particle.x / sizes.pixel.x + 0.5) / columns * box["width"]
    y = (particle.y / sizes.pixel.y + 0.5) / rows * box["height"]
    page.locator("#map").click(position={"x": x, "y": y})
    return particle


class TestCut:
    def test_every_cut_sorts_the_components_as_the_package_does(self, page, groups):
        places = groups.tree.explore()._steps()
        assert page.locator("#cut").get_attribute("max") == str(len(places) - 1)
        for step, place in enumerate(places):
            slide(page, step)
            cut = groups.tree.cut(distance=float(place))
            expected = [group_name(group) for group in cut.labels]
            assert column(page, "components", "group") == expected
            assert page.locator("#chips button").count() == len(cut)
            kinds = ["matrix" if g in cut.matrix else "crystals" for g in range(len(cut))]
            assert column(page, "groups", "kind") == kinds

    def test_recolours_map_tree_and_tables_and_comes_back(self, page):
        before = picture(page, "#map"), page.locator("#tree").inner_html()
        particles = column(page, "particles", "group")
        slide(page, 0)
        assert picture(page, "#map") != before[0]
        assert page.locator("#tree").inner_html() != before[1]
        assert column(page, "particles", "group") != particles
        assert page.locator("#cut-note").is_visible()
        page.locator("#cut-back").click()
        assert picture(page, "#map") == before[0]
        assert column(page, "particles", "group") == particles
        assert page.locator("#cut-note").is_hidden()

    def test_tables_of_the_own_cut_say_so(self, page):
        note = page.locator("#table-spacings .own-cut")
        page.locator("#chips button").first.click()
        assert note.is_hidden()
        assert page.locator("table[data-name=spacings] tr.chosen").count()
        slide(page, 0)
        page.locator("#chips button").nth(1).click()
        assert note.is_visible()
        assert not page.locator("table[data-name=spacings] tr.chosen").count()
        assert page.locator("#table-particles .own-cut").is_hidden()

    def test_a_click_in_the_tree_moves_the_cut(self, page):
        box = page.locator("#tree svg").bounding_box()
        page.locator("#tree svg").click(position={"x": 0.98 * box["width"], "y": 4})
        slider = page.locator("#cut")
        assert slider.input_value() == slider.get_attribute("max")

    def test_by_keyboard(self, page):
        slide(page, 2)
        page.locator("#cut").focus()
        before = page.locator("#cut-says").inner_text()
        page.keyboard.press("ArrowLeft")
        assert page.locator("#cut-says").inner_text() != before


class TestLinks:
    def test_particle_to_pattern_component_group_angle_and_row(self, page, groups):
        particle = press_particle(page, groups)
        says = page.locator("#readout").inner_text()
        angle = groups.orientation_map().angles[particle.component]
        group = group_name(groups.labels[particle.component])
        for part in (
            "particle 1,",
            f"component {particle.component};",
            f"group {group};",
            f"angle {angle:.1f}°",
            "x = ",
            " nm;",
        ):
            assert part in says
        captions = page.locator("#patterns figcaption").all_inner_texts()
        assert [caption.split()[0] for caption in captions] == [
            "Measured",
            "Components",
            "Component",
            "Group",
        ]
        chosen = page.locator("table[data-name=particles] tr.chosen")
        assert chosen.count() == 1
        assert chosen.locator("td").nth(1).inner_text() == str(particle.component)

    def test_measured_pattern_is_that_of_the_position(self, page, groups, scan):
        particle = press_particle(page, groups)
        sizes = groups.particle_sizes()
        row, col = round(particle.y / sizes.pixel.y), round(particle.x / sizes.pixel.x)
        shown = page.evaluate(
            """() => {
                const canvas = document.querySelector('#patterns canvas');
                const {data} = canvas.getContext('2d')
                    .getImageData(0, 0, canvas.width, canvas.height);
                return [canvas.width, canvas.height, [...data].filter((_, i) => i % 4 === 0)];
            }"""
        )
        assert shown[:2] == [44, 40]
        # Red grows with intensity.
        seen = np.reshape(shown[2], (40, 44)).ravel()
        measured = scan.data[row, col].astype(float)
        # What is left out, as the beam is, is no brighter than the brightest pixel analysed.
        analysed = np.isfinite(groups.tree.patterns.data[0])
        assert measured[~analysed].max() > 10 * measured[analysed].max()
        measured = np.minimum(measured, measured[analysed].max()).ravel()
        assert np.corrcoef(seen, measured**0.45)[0, 1] > 0.95

    def test_leaf_lights_its_particles(self, page, groups):
        before = picture(page, "#map")
        page.locator("#tree [data-leaf='1']").click()
        assert "component 1;" in page.locator("#readout").inner_text()
        assert picture(page, "#map") != before
        assert page.locator("table[data-name=components] tr.chosen td").first.inner_text() == "1"

    def test_branch_lights_all_that_it_holds(self, folded, groups):
        leaves = folded.locator("#tree .leaf")
        assert leaves.count() == 4
        (number,) = [text for text in leaves.all_text_contents() if text.startswith("(")]
        before = picture(folded, "#map")
        leaves.filter(has_text="(").click()
        says = folded.locator("#readout").inner_text()
        assert says.startswith(f"branch of {number[1:-1]} components: ")
        held = [int(k) for k in says.split(": ")[1].split(";")[0].split(", ")]
        assert held == groups.tree.linkage[0, :2].astype(int).tolist()
        chosen = folded.locator("table[data-name=components] tr.chosen td:first-child")
        assert [int(k) for k in chosen.all_inner_texts()] == held
        assert picture(folded, "#map") != before

    def test_groups_are_named_beside_the_tree(self, page, groups):
        names = page.locator("#tree .name")
        assert sorted(names.all_text_contents()) == sorted(
            group_name(g) for g in range(len(groups))
        )
        names.filter(has_text="ii").last.click()
        pressed = page.locator("#chips button[aria-pressed=true]")
        assert pressed.count() == 1
        assert page.locator("#readout").inner_text().startswith("group ii")

    def test_leaf_by_keyboard(self, page):
        page.locator("#tree [data-leaf='2']").focus()
        page.keyboard.press("Enter")
        assert "component 2;" in page.locator("#readout").inner_text()

    def test_group_and_back(self, page, groups):
        before = picture(page, "#map")
        page.locator("#chips button").first.click()
        says = page.locator("#readout").inner_text()
        assert says.startswith(f"group i; {len(groups['i'])} component")
        mean = groups.particle_sizes()["i"].mean
        assert f"; {with_error(*mean)} nm across on average" in says
        assert picture(page, "#map") != before
        page.locator("#chips button").first.click()
        assert picture(page, "#map") == before

    def test_row_of_a_particle(self, page):
        page.locator("table[data-name=particles] tbody tr").nth(1).click()
        assert "particle 2," in page.locator("#readout").inner_text()

    def test_arrow_keys_walk_over_the_map(self, page):
        page.locator("#map").focus()
        page.keyboard.press("ArrowRight")
        first = page.locator("#readout").inner_text()
        page.keyboard.press("ArrowDown")
        assert first.startswith("x = ")
        assert page.locator("#readout").inner_text() != first

    def test_hover_says_values(self, page):
        page.locator("#map").hover()
        assert page.locator("#hover").inner_text().startswith("x = ")

    def test_hover_in_a_pattern_says_radius_and_spacing(self, page, groups):
        detector = groups.tree.grid.detector
        shown = page.locator("#patterns canvas").first
        box = shown.bounding_box()
        rows, columns = groups.tree.patterns.data.shape[1:]
        x, y = 34, 20
        shown.hover(
            position={
                "x": (x + 0.5) / columns * box["width"],
                "y": (y + 0.5) / rows * box["height"],
            }
        )
        r = float(np.hypot(*detector.offsets(np.array(x), np.array(y))))
        said = page.locator("#hover").inner_text()
        radius, spacing = (float(part) for part in re.findall(r"[0-9.]+(?= nm)", said))
        # The mouse goes to whole pixels of the screen.
        assert radius == pytest.approx(r, abs=0.1)
        assert spacing == pytest.approx(1 / radius, rel=0.01)
        assert said.endswith(" % of the brightest")

    def test_contrast_and_scale(self, page, groups):
        press_particle(page, groups)
        shown = "#patterns canvas >> nth=0"
        before = picture(page, shown), picture(page, "#map")
        page.locator("#scaling").select_option("1")
        linear = picture(page, shown)
        assert linear != before[0]
        page.locator("#brightest").evaluate(
            "one => { one.value = -1; one.dispatchEvent(new Event('input')) }"
        )
        assert picture(page, shown) != linear
        page.locator("#opacity").evaluate(
            "one => { one.value = 0.4; one.dispatchEvent(new Event('input')) }"
        )
        assert picture(page, "#map") != before[1]


class TestTables:
    def test_sorted_by_a_click_and_the_other_way_by_another(self, page):
        head = page.locator("table[data-name=particles] th button", has_text="height")
        head.click()
        up = [float(cell) for cell in column(page, "particles", "height")]
        assert up == sorted(up)
        head.click()
        assert [float(cell) for cell in column(page, "particles", "height")] == up[::-1]

    def test_downloads_are_the_files(self, page, written):
        for name, text in written.items():
            with page.expect_download() as download:
                page.locator(f"a[download='{name}.csv']").click()
            assert download.value.suggested_filename == f"{name}.csv"
            assert download.value.path().read_text(encoding="utf-8") == text

    def test_download_of_another_cut(self, page, groups):
        slide(page, 0)
        with page.expect_download() as download:
            page.locator("#table-components a[download]").click()
        assert download.value.suggested_filename.startswith("components_cut_")
        rows = csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8")))
        cut = groups.tree.cut(distance=float(groups.tree.explore()._steps()[0]))
        assert [row["group"] for row in rows] == [group_name(group) for group in cut.labels]


def test_summary_says_what_the_tables_do(findings, written):
    groups = summarise(findings)["groups"]
    rows = {name: list(csv.DictReader(io.StringIO(text))) for name, text in written.items()}
    spacings = [str(one["d_nm"]) for group in groups for one in group["spacings"]]
    assert spacings == [row["spacing"] for row in rows["spacings"] if row["spacing"]]
    assert spacings
    shares = [str(group["share_of_intensity"]) for group in groups]
    assert shares == [row["share"] for row in rows["crystallinity"]]
    particles = [row["group"] for row in rows["particles"]]
    assert [particles.count(group["name"]) for group in groups] == [
        group["particles"]["number"] for group in groups
    ]


def test_figures_enlarge(page):
    image = page.locator(".figures img").first
    image.click()
    enlarged = page.locator("dialog img")
    assert enlarged.bounding_box()["width"] > image.bounding_box()["width"]
    page.keyboard.press("Escape")
    assert enlarged.is_hidden()


class TestWithoutScript:
    @pytest.fixture
    def still(self, browser, report):
        context = browser.new_context(java_script_enabled=False, offline=True)
        page = context.new_page()
        page.goto(report.as_uri(), wait_until="load")
        yield page
        context.close()

    def test_is_complete(self, still, written, groups):
        assert still.locator("#explore").is_hidden()
        assert still.locator(".group").count() == len(groups)
        assert still.locator(".figures img").count() == 11
        for name, text in written.items():
            rows = still.locator(f"table[data-name={name}] tbody tr").count()
            assert rows == len(text.splitlines()) - 1

    def test_tables_can_be_downloaded(self, still, written):
        with still.expect_download() as download:
            still.locator("a[download='groups.csv']").click()
        assert download.value.path().read_text(encoding="utf-8") == written["groups"]
