"""The notebooks are committed without output. The build of the documentation runs them."""

import re

import pytest

nbformat = pytest.importorskip("nbformat")

NAMES = ("paper", "larger_than_memory", "pyxem")
PAPER_FIGURES = ("3", "4", "5", "6", "7", "S1", "S2", "S3", "S9")


@pytest.fixture
def notebook(request, project_root):
    path = project_root / "docs" / "tutorials" / f"{request.param}.ipynb"
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("notebook", NAMES, indirect=True)
class TestNotebook:
    def test_holds_no_output(self, notebook):
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.parametrize("notebook", ["paper"], indirect=True)
def test_every_figure_of_the_paper(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert set(re.findall(r"Fig\. (S?\d)", text)) == set(PAPER_FIGURES)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", ["larger_than_memory"], indirect=True)
def test_text_does_not_contradict_its_output(notebook, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    said = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    shown = " ".join(
        str(output.get("text", "")) for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "kept in memory: True" in shown
    assert "was read again in every pass" not in said
