"""What a report holds, and that it holds it safely."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest

import hs_nmfcluster
from hs_nmfcluster import ClusterTree
from hs_nmfcluster.plotting import group_color
from hs_nmfcluster.report import Findings, check_path
from hs_nmfcluster.report.answer import answer
from hs_nmfcluster.report.figures import illustrations
from hs_nmfcluster.report.page import page
from hs_nmfcluster.words import group_name


class _Text(HTMLParser):
    """Text and tags of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.code = [], [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.code = tag in ("script", "style")
        self.attributes += attributes

    def handle_endtag(self, tag):
        self.code = False

    def handle_data(self, data):
        if not self.code:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


@pytest.fixture(scope="module")
def parsed(report):
    return _Text(report.read_text(encoding="utf-8"))


class TestContent:
    def test_settings_and_provenance(self, parsed, nmf):
        for name in ("restarts", "random state", "signal mask", "center from", "data shape"):
            assert name in parsed.text
        assert nmf.settings["signal_mask"] in parsed.text
        assert "(22.000, 20.000) px" in parsed.text
        for name, version in nmf.settings["versions"].items():
            assert f"{name} {version}" in parsed.text
        assert f"report by hs_nmfcluster {hs_nmfcluster.__version__}" in parsed.text
        assert "doi:10.1038/s41598-024-53289-5" in parsed.text

    def test_numbers(self, parsed, nmf):
        assert f"Mean square error {nmf.mse:.6g}" in parsed.text
        assert "Scan 14 × 12 positions, step 1.5 nm" in parsed.text
        assert "Patterns 44 × 40 pixels of 0.4 nm⁻¹" in parsed.text
        assert 'File scan<img src="x" onerror="alert(1)">.mib' in parsed.text
        assert "Voltage not in the file" in parsed.text

    def test_answer_comes_first(self, parsed, groups):
        said = answer(groups, groups.particle_sizes())
        assert parsed.text.index(said) < parsed.text.index("What to distrust")

    def test_groups(self, parsed, groups):
        for number, members in enumerate(groups):
            assert f"Group {group_name(number)}" in parsed.text
            assert ", ".join(map(str, members)) in parsed.text

    def test_answers(self, parsed, groups):
        spacings, sizes = groups.lattice_spacings(), groups.particle_sizes()
        angles, shares = groups.orientation_map(), groups.crystallinity()
        assert any(len(own) for own in spacings)
        for number in range(len(groups)):
            for line in spacings.describe(number):
                assert line in parsed.text
            assert sizes.describe(number) in parsed.text
            assert angles.describe(number).partition(" – ")[0] in parsed.text
            assert f"Share of intensity {100 * shares.share(number):.3g} %" in parsed.text

    def test_drawings(self, parsed, groups):
        sizes, angles = groups.particle_sizes(), groups.orientation_map()
        drawn = [dict([pair]).get("class") for pair in parsed.attributes]
        assert drawn.count("histogram") == sum(bool(len(group.diameters)) for group in sizes)
        assert drawn.count("rose") == sum(map(bool, angles.symmetry))

    def test_phases(self, parsed, groups):
        match = groups.match_phases({"one": [0.2, 0.15], "<b>other</b>": [0.21, 0.156]})
        for number in range(len(groups)):
            assert match.verdict(number) in parsed.text

    def test_groups_have_the_colors_of_the_figures(self, report, groups):
        html = report.read_text(encoding="utf-8")
        for number in range(len(groups)):
            style = "gm" if number in groups.matrix else f"g{number}"
            assert f'class="group {style}" id="group-{group_name(number)}"' in html
            color = group_color(number, groups.matrix)
            assert f".{style} {{ --c: {color}; }}" in html

    def test_figures(self, scan, groups):
        findings = Findings.of_groups(groups, signal=scan, show_progressbar=False)
        names = [one.name for one in illustrations(findings)]
        assert names == [
            "groups",
            "group_map",
            "dendrogram_distance",
            "spacings",
            "sizes",
            "orientation",
            "scan",
            "components",
            "residual",
            "convergence",
            "similarity",
        ]

    def test_study(self, scan, groups):
        study = scan.estimate_number_of_components(
            [1, 2, 3], restarts=2, random_state=0, print_info=False, show_progressbar=False
        )
        findings = Findings.of_groups(groups, study=study)
        assert "rank_study" in [one.name for one in illustrations(findings)]


class TestSafety:
    def test_text_from_the_file_is_escaped(self, parsed):
        # What the page works with, and what works with it.
        assert parsed.tags.count("script") == 2
        assert not any(name.startswith("on") for name, _ in parsed.attributes)
        assert '<script>alert("title")</script>' in parsed.text
        assert 'scan<img src="x" onerror="alert(1)">.mib' in parsed.text

    def test_nothing_from_outside(self, parsed, report):
        sources = [value for name, value in parsed.attributes if name == "src"]
        assert sources
        assert all(source.startswith("data:image/png;base64,") for source in sources)
        html = report.read_text(encoding="utf-8")
        # The name of SVG is no place.
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
        assert "url(" not in html

    def test_only_its_own_script_and_style_may_act(self, parsed, report):
        (policy,) = [v for n, v in parsed.attributes if n == "content" and "default-src" in v]
        assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
        assert "unsafe" not in policy
        html = report.read_text(encoding="utf-8")
        for tag in ("style", "script"):
            (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
            digest = b64encode(sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        assert not any(name == "style" for name, _ in parsed.attributes)


class TestWhatIsNotKnown:
    def test_without_factorization_and_maps(self, nmf, tmp_path):
        groups = ClusterTree.from_patterns(nmf.patterns).cut(n_groups=2)
        groups.report(tmp_path / "report.html")
        text = _Text((tmp_path / "report.html").read_text(encoding="utf-8")).text
        assert "Particle sizes: " in text
        assert "Analysis of a 4D-STEM scan" in text

    def test_factorization_alone(self, nmf):
        text = _Text(page(Findings(factorization=nmf))).text
        assert "Components" in text
        assert "Group i" not in text

    def test_loaded_tree_takes_a_factorization(self, groups, nmf, tmp_path):
        groups.tree.save(tmp_path / "tree.hspy")
        loaded = hs_nmfcluster.load(tmp_path / "tree.hspy").cut(n_groups=2)
        assert loaded.tree.factorization is None
        assert Findings.of_groups(loaded).factorization is None
        assert Findings.of_groups(loaded, factorization=nmf).factorization is nmf

    def test_scan_along_a_line(self, scan, tmp_path, monkeypatch):
        # Its figures are looked at in a browser.
        monkeypatch.setattr("hs_nmfcluster.report.page.illustrations", lambda _: [])
        line = scan.inav[:, 2]
        nmf = line.decompose_als_nmf(
            3, restarts=2, random_state=0, print_info=False, show_progressbar=False
        )
        path = tmp_path / "report.html"
        line.hierarchical_cluster(nmf).cut().report(path, signal=line, show_progressbar=False)
        assert "Particle sizes: " in _Text(path.read_text(encoding="utf-8")).text


class TestTreeKnowsItsFactorization:
    def test_handed_over(self, groups, nmf):
        assert groups.tree.factorization is nmf

    def test_from_learning_results(self, scan):
        scan = scan.deepcopy()
        assert scan._factorization is None
        nmf = scan.decompose_als_nmf(
            2, restarts=1, random_state=0, print_info=False, show_progressbar=False
        )
        assert scan.hierarchical_cluster().factorization is nmf
        scan.learning_results.factors = scan.learning_results.factors * 2
        assert scan.hierarchical_cluster().factorization is None


class TestFile:
    @pytest.mark.parametrize("name", ["report.pdf", "report", "report.hspy"])
    def test_other_endings(self, groups, tmp_path, name):
        with pytest.raises(ValueError, match=r"must end in \.html"):
            groups.report(tmp_path / name)

    def test_no_such_folder(self, groups, tmp_path):
        with pytest.raises(FileNotFoundError, match="no folder"):
            groups.report(tmp_path / "none" / "report.html")

    def test_overwrite(self, groups, tmp_path):
        path = tmp_path / "report.html"
        path.write_text("mine")
        groups.report(path, overwrite=False)
        assert path.read_text() == "mine"
        assert check_path(path, overwrite=True)

    def test_starts_as_html(self, report):
        assert report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")

    def test_another_scan_is_refused_before_anything_is_written(self, groups, scan, tmp_path):
        with pytest.raises(ValueError, match="`signal` must be the scan"):
            groups.report(tmp_path / "report.html", signal=scan.inav[:5])
        assert list(tmp_path.iterdir()) == []
        assert np.isfinite(groups.tree.similarity).all()
