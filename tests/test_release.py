"""What goes out with a release agrees with itself."""

import importlib.metadata
import re
import tomllib
from urllib.parse import urlsplit

import pytest
import yaml

import hs_nmfcluster

# Where conda's name of a package is not the index's.
CONDA_NAMES = {
    "dask": "dask-core",
    "hyperspy": "hyperspy-base",
    "matplotlib": "matplotlib-base",
    "msgpack": "msgpack-python",
}
NAME = re.compile(r"[\w-]+")
LINK = re.compile(r"https?://[^\s<>`\"'\])}]+")
TEXTS = ("*.md", "*.cff", "docs/**/*.rst", "docs/**/*.ipynb", "examples/*", "hs_nmfcluster/**/*.py")


@pytest.fixture(scope="module")
def project(project_root):
    return tomllib.loads((project_root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def recipe(project_root):
    text = (project_root / "conda.recipe" / "meta.yaml").read_text()
    text = re.sub(r"{%.*?%}", "", text, flags=re.DOTALL)
    return yaml.safe_load(re.sub(r"{{ (\w+) }}", r"\1", text))


def named(lines):
    """Conda's requirements as a mapping of name to version."""
    return {name: version for name, _, version in (line.partition(" ") for line in lines)}


def bounds(requirements):
    """Requirements of the index as a mapping of conda's names to lower bounds."""
    found = {}
    for line in requirements:
        name = NAME.match(line)[0]
        lower = re.search(r">=[\w.]+", line)
        found[CONDA_NAMES.get(name, name)] = lower[0] if lower else ""
    return found


class TestRecipe:
    def test_name_and_command(self, recipe, project):
        assert recipe["package"]["name"] == project["name"]
        assert recipe["about"]["summary"] == project["description"]
        assert recipe["about"]["license"] == project["license"]
        ((command, function),) = project["scripts"].items()
        assert recipe["build"]["entry_points"] == [f"{command} = {function}"]

    def test_requirements(self, recipe, project):
        run = named(recipe["requirements"]["run"])
        assert run["python"] == project["requires-python"]
        for name, lower in bounds(project["dependencies"]).items():
            assert run[name] == lower

    def test_extras_of_the_readers(self, recipe, project):
        (line,) = [line for line in project["dependencies"] if line.startswith("rosettasciio")]
        extras = re.search(r"\[(.*)\]", line)[1].split(",")
        needed = [
            requirement
            for requirement in importlib.metadata.requires("rosettasciio")
            if any(f"extra == '{e}'" in requirement.replace('"', "'") for e in extras)
        ]
        assert needed
        assert bounds(needed).keys() <= named(recipe["requirements"]["run"]).keys()

    def test_optional(self, recipe, project):
        optional = project["optional-dependencies"]
        assert named(recipe["requirements"]["run_constrained"]) == bounds(optional["distributed"])


class TestCitation:
    def test_software_and_paper(self, project_root, project):
        citation = yaml.safe_load((project_root / "CITATION.cff").read_text())
        assert citation["title"] == project["name"]
        assert citation["license"] == project["license"]
        # It would be a second place to keep.
        assert "version" not in citation
        (paper,) = citation["references"]
        assert paper["doi"] == "10.1038/s41598-024-53289-5"


class TestChangelog:
    def test_begins_with_this_version(self, project_root):
        text = (project_root / "CHANGELOG.md").read_text()
        first = re.search(r"^## (.*)$", text, re.MULTILINE)[1]
        assert hs_nmfcluster.__version__.removesuffix(".dev0") in first


class TestPython:
    def test_classifiers_begin_at_the_oldest(self, project):
        oldest = project["requires-python"].removeprefix(">=")
        versions = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
        assert versions[0] == oldest
        assert versions == sorted(versions, key=lambda version: int(version.split(".")[1]))


class TestLinks:
    """Links inside the documentation are checked by its build."""

    def test_files_that_texts_point_to(self, project_root):
        for path in project_root.glob("*.md"):
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
                if not target.startswith("http"):
                    assert (path.parent / target).exists(), f"{path.name}: {target}"

    def test_form(self, project_root):
        """Other sites cannot be reached from here; what cannot be an address, can be told."""
        links = {
            link.rstrip(".,;:\\")
            for pattern in TEXTS
            for path in project_root.glob(pattern)
            if path.is_file() and "gallery" not in path.relative_to(project_root).parts
            for link in LINK.findall(path.read_text(encoding="utf-8"))
        }
        assert len(links) > 5
        for link in links:
            parts = urlsplit(link)
            assert parts.scheme == "https", link
            assert re.fullmatch(r"([\w-]+\.)+[a-z]+", parts.netloc), link
            if parts.netloc == "doi.org":
                assert re.fullmatch(r"/10\.\d{4,}/\S+", parts.path), link
