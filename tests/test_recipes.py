"""The recipes of the page on contributing."""

import runpy

import pytest


@pytest.fixture
def run(project_root, tmp_path, monkeypatch, capsys):
    """Run a recipe in a folder of its own, and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(name):
        runpy.run_path(str(project_root / "docs" / "recipes" / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


class TestRecipes:
    def test_solver(self, run):
        mine, paper = (float(part.split()[-1]) for part in run("solver").split(","))
        assert mine == pytest.approx(paper, rel=0.01)

    def test_metric(self, run):
        families, groups = run("metric").splitlines()
        assert families == "families: [0, 1, 1, 2, 2, 3, 3]"
        assert groups == "groups:   [[0], [1, 2], [3, 4], [5, 6]]"

    def test_phase_source(self, run):
        assert run("phase_source") == ("none better than chance (ZrCu B19': 4 of 4 spacings)\n")
