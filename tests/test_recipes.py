"""The recipes of the page on contributing."""

import subprocess
import sys

import pytest


def run(project_root, name, folder):
    script = project_root / "docs" / "recipes" / f"{name}.py"
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestRecipes:
    def test_solver(self, project_root, tmp_path):
        mine, paper = (
            float(part.split()[-1]) for part in run(project_root, "solver", tmp_path).split(",")
        )
        assert mine == pytest.approx(paper, rel=0.01)

    def test_metric(self, project_root, tmp_path):
        families, groups = run(project_root, "metric", tmp_path).splitlines()
        assert families == "families: [0, 1, 1, 2, 2, 3, 3]"
        assert groups == "groups:   [[0], [1, 2], [3, 4], [5, 6]]"

    def test_phase_source(self, project_root, tmp_path):
        assert run(project_root, "phase_source", tmp_path) == (
            "none better than chance (ZrCu B19': 4 of 4 spacings)\n"
        )
