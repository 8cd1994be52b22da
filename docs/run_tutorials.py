"""Run the notebooks and store them with what they show, for readers who do not run them.

    python docs/run_tutorials.py [NAME ...]

The build of the documentation runs them anew. What progress bars and readers say on stderr is left
out; so are the large thumbnails of a result, which then is a line of text.
"""

import base64
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent / "tutorials"
# Characters of HTML.
MOST_HTML = 20_000


def small(png: str) -> str:
    """Put a picture, as base64, into 256 colours."""
    stream = io.BytesIO()
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    image.quantize(256, kmeans=2).save(stream, format="png", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def kept(outputs: list[Any]) -> list[Any]:
    """Make outputs what is stored of them; what is printed line by line is one."""
    found: list[Any] = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        if output.get("name") == "stdout" and found and found[-1].get("name") == "stdout":
            found[-1].text += output.text
            continue
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = small(data["image/png"])
        if len(data.get("text/html", "")) > MOST_HTML:
            del data["text/html"]
        found.append(output)
    return found


def main() -> None:
    """Run all notebooks, or those that are named."""
    for name in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.ipynb")):
        path = FOLDER / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        metadata = notebook.metadata
        with tempfile.TemporaryDirectory() as folder:
            where = {"metadata": {"path": folder}}
            NotebookClient(notebook, timeout=300, resources=where).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            if cell.cell_type == "code":
                cell.outputs = kept(cell.outputs)
        notebook.metadata = {
            "kernelspec": metadata.kernelspec,
            "language_info": {"name": "python"},
        }
        nbformat.write(notebook, path)
        print(f"{name}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
