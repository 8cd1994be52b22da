"""The report as a reader sees it, in a real browser."""

import re

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(params=[390, 1300], ids=["phone", "desktop"], scope="module")
def opened(request, browser, report):
    """The page at some width, only looked at, with all that it asked for and complained of."""
    context = browser.new_context(viewport={"width": request.param, "height": 844}, offline=True)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.goto(report.as_uri(), wait_until="load")
    yield page, asked, complaints
    context.close()


class TestInABrowser:
    def test_opens_without_complaints(self, opened):
        page, _, complaints = opened
        assert complaints == []
        assert page.locator("h1").inner_text() == '<script>alert("title")</script>'

    def test_asks_for_nothing_but_itself(self, opened, report):
        _, asked, _ = opened
        assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]

    def test_all_images_are_seen(self, opened):
        page, _, _ = opened
        images = page.evaluate(
            "[...document.images].map(i => [i.alt, i.complete, i.naturalWidth, i.naturalHeight,"
            " i.getBoundingClientRect().width, i.getBoundingClientRect().height,"
            " i.checkVisibility()])"
        )
        assert len(images) >= 10 + 2 * 3
        for alt, complete, *sizes, visible in images:
            assert complete, alt
            assert min(sizes) > 0, alt
            assert visible, alt

    def test_nothing_is_wider_than_the_page(self, opened):
        page, _, _ = opened
        width, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width <= inner
        beyond = page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll'))"
            ".filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)"
            ".map(e => e.outerHTML)"
        )
        assert beyond == []

    def test_no_element_is_made_of_text_from_the_file(self, opened):
        page, _, _ = opened
        assert page.evaluate("document.scripts.length") == 2
        assert page.evaluate("document.querySelectorAll('[onerror]').length") == 0
        assert page.evaluate("document.querySelectorAll('td b, li b').length") == 0

    def test_names_of_places_are_given_once(self, opened):
        page, _, _ = opened
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))

    def test_links_lead_to_places_in_the_page(self, opened):
        page, _, _ = opened
        links = page.evaluate(
            "[...document.links].filter(a => !a.download).map(a => [a.getAttribute('href'),"
            " document.querySelector(a.getAttribute('href')) !== null])"
        )
        assert len(links) >= 4
        assert all(found for _, found in links), links


def test_prints_to_pdf(browser, report, tmp_path):
    page = browser.new_page()
    page.goto(report.as_uri())
    # Also what is closed on the screen.
    before = page.evaluate("""() => {
        const tables = [...document.querySelectorAll("details table")];
        window.seen = 0;
        window.addEventListener("beforeprint", () => {
            window.seen = tables.filter((table) => table.checkVisibility()).length;
        });
        return tables.map((table) => table.checkVisibility());
    }""")
    assert not all(before)
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True, print_background=True)
    assert page.evaluate("window.seen") == len(before)
    page.close()
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    sheets = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 4 <= sheets <= 25
    assert len(printed) > 100_000
