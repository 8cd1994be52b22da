"""The notebooks come with what they show. The build of the documentation runs them anew."""

import re

import pytest

nbformat = pytest.importorskip("nbformat")

NAMES = ("paper", "larger_than_memory", "pyxem")
PAPER_FIGURES = ("3", "4", "5", "6", "7", "S1", "S2", "S3", "S9")


@pytest.fixture
def notebook(request, project_root):
    path = project_root / "docs" / "tutorials" / f"{request.param}.ipynb"
    return nbformat.read(path, as_version=4)


def printed(notebook):
    """All that cells print."""
    return " ".join(
        str(output.get("text", "")) for cell in notebook.cells for output in cell.get("outputs", [])
    )


@pytest.mark.parametrize("notebook", NAMES, indirect=True)
class TestNotebook:
    def test_was_run_from_its_beginning_to_its_end(self, notebook):
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        kinds = {output.output_type for cell in cells for output in cell.outputs}
        assert kinds <= {"stream", "display_data", "execute_result"}
        assert "stream" in kinds

    def test_shows_nothing_of_the_machine_and_stays_small(self, notebook):
        stored = nbformat.writes(notebook)
        assert len(stored) < 1_500_000
        outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
        assert not [output for output in outputs if output.get("name") == "stderr"]
        assert not re.search(r"/(tmp|home|root|work|Users)/", stored)


@pytest.mark.parametrize("notebook", ["paper"], indirect=True)
def test_every_figure_of_the_paper(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert set(re.findall(r"Fig\. (S?\d)", text)) == set(PAPER_FIGURES)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", ["larger_than_memory"], indirect=True)
def test_text_does_not_contradict_its_output(notebook, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    stored = printed(notebook)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    said = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "others are read in every pass" in said
    for shown in (stored, printed(notebook)):
        assert "kept in memory: False" in shown
        assert "of data read in every pass" in shown
        assert "the same result: True" in shown
