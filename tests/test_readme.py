"""What README and the first page of the documentation tell people to type, typed."""

import re
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from hs_nmfcluster.cli import main
from hs_nmfcluster.simulation import linear_mixture

MARKDOWN = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
RST = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:   .*\n|\n)+)", re.MULTILINE)
# What .ci/run does as it stands: it needs a fresh environment, or takes minutes.
IN_CI = ("pip install", "pytest", "sphinx-build", "hs-nmfcluster demo")


def blocks(path):
    """Yield the language and the text of each block of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from MARKDOWN.findall(text)
    else:
        for language, block in RST.findall(text):
            yield language, re.sub(r"^   ", "", block, flags=re.MULTILINE)


def commands(path):
    """Yield each command of a page."""
    for language, block in blocks(path):
        if language == "console":
            for line in block.strip().splitlines():
                yield from (part.strip() for part in line.removeprefix("$ ").split("&&"))


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A scan under the name that the pages use."""
    signal, _ = linear_mixture((20, 20), (40, 40), pixel_size=0.48, n_particles=3)
    path = tmp_path_factory.mktemp("scan") / "scan.hspy"
    signal.save(path)
    return path


@pytest.fixture
def here(scan, tmp_path, monkeypatch):
    (tmp_path / "scan.hspy").write_bytes(scan.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["README.md", "docs/start.rst"])
def page(request, project_root):
    return project_root / request.param


@pytest.mark.slow
class TestPages:
    def test_python(self, page, here, monkeypatch):
        # How well starts are told apart is looked at elsewhere; it takes most of the time.
        monkeypatch.setattr("hs_nmfcluster.factorization.exploration._EXPLORING_TOLERANCE", 0.1)
        smaller = partial(linear_mixture, (24, 24), (128, 128), n_particles=6)
        monkeypatch.setattr("hs_nmfcluster.simulation.linear_mixture", smaller)
        texts = [block for language, block in blocks(page) if language == "python"]
        assert texts
        names: dict = {}
        for text in texts:
            exec(compile(text, page.name, "exec"), names)
            plt.close("all")
        assert names["groups"].labels.size == len(names["tree"]) >= 2
        assert (here / "nmf.hspy").exists()
        assert list(here.glob("*.html"))

    def test_commands(self, page, here, few_figures):
        typed = [line for line in commands(page) if not line.startswith(IN_CI)]
        assert any(line.startswith("hs-nmfcluster run scan.hspy") for line in typed)
        assert any(line.startswith("hs-nmfcluster recut results") for line in typed)
        (here / "glass.hspy").write_bytes((here / "scan.hspy").read_bytes())
        # The same again of another file is known to work.
        for line in dict.fromkeys(line.replace("faulty", "glass") for line in typed):
            program, *arguments = line.split()
            assert program == "hs-nmfcluster"
            assert main(arguments) == 0, line
        assert (here / "results" / "summary.json").exists()


class TestCi:
    def test_runs_the_others(self, page, project_root):
        script = Path(project_root / ".ci" / "run").read_text(encoding="utf-8")
        left = [line for line in commands(page) if line.startswith(IN_CI)]
        assert left
        for line in left:
            known = re.sub(r"docs/_build", "", line).split(" -m ")[0].strip().replace("'", "")
            assert known.split()[0] in script.replace("'", "")
