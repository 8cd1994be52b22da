"""The examples in the docstrings; those of a method go on from those of its class."""

import doctest
import importlib
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import hs_nmfcluster

FOLDER = Path(hs_nmfcluster.__file__).parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_names() -> list[str]:
    """Return the dotted name of every module of the package."""
    paths = (path.relative_to(FOLDER.parent).with_suffix("") for path in FOLDER.rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


@pytest.mark.slow
@pytest.mark.parametrize("name", module_names())
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    report: list[str] = []
    ran: dict[str, dict] = {}
    # A class comes before its methods.
    for example in sorted(doctest.DocTestFinder(exclude_empty=True).find(module)):
        owner = example.name.rpartition(".")[0]
        example.globs |= ran.get(owner, {})
        runner.run(example, out=report.append, clear_globs=False)
        ran[example.name] = example.globs
        plt.close("all")
    assert not runner.failures, "".join(report)
