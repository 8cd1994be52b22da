"""Every public name is on the API pages, with its parameters, what it returns and an example."""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

docscrape = pytest.importorskip("numpydoc.docscrape")

PAGES = Path(__file__).resolve().parents[1] / "docs" / "api"
PACKAGES = (
    "hs_nmfcluster",
    "hs_nmfcluster.materials",
    "hs_nmfcluster.plotting",
    "hs_nmfcluster.simulation",
)
DIRECTIVE = re.compile(r"^\.\. (auto\w+|currentmodule):: ([\w.]+)\n((?:   :.*\n)*)", re.MULTILINE)


def find(path):
    """Object of a dotted name."""
    parts = path.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for name in parts[n:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(path)


def on_the_pages():
    """Yield (dotted name, object, whether its methods are shown) of all that the pages show."""
    for page in sorted(PAGES.glob("*.rst")):
        module = ""
        for directive, name, options in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            members = ":no-members:" not in options
            if directive in ("currentmodule", "automodule"):
                module = name
            if directive == "automodule" and members:
                functions = inspect.getmembers(find(name), inspect.isroutine)
                classes = inspect.getmembers(find(name), inspect.isclass)
                for short, found in [*functions, *classes]:
                    if not short.startswith("_") and found.__module__ == name:
                        yield f"{name}.{short}", found, True
            elif directive in ("autoclass", "autofunction", "autodata"):
                full = name if name.startswith("hs_nmfcluster") else f"{module}.{name}"
                yield full, find(full), members


def methods(owner):
    """Public methods of our own, by name."""
    for name in dir(owner):
        found = inspect.getattr_static(owner, name)
        function = getattr(found, "__func__", found)
        ours = str(getattr(function, "__module__", "")).startswith("hs_nmfcluster")
        if not name.startswith("_") and inspect.isfunction(function) and ours:
            yield name, function


SHOWN = {name: (found, members) for name, found, members in on_the_pages()}
CALLABLE = {name: found for name, (found, _) in SHOWN.items() if callable(found)}
CALLABLE |= {
    f"{owner}.{name}": method
    for owner, (found, members) in SHOWN.items()
    if inspect.isclass(found) and members
    for name, method in methods(found)
}


def parameters(found):
    """Names in the signature."""
    given = inspect.signature(found).parameters
    return {name for name in given if name not in ("self", "cls") and not name.startswith("_")}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_shown(package):
    module = find(package)
    shown = [found for found, _ in SHOWN.values()]
    missing = [
        name
        for name in module.__all__
        if name != "__version__" and not any(getattr(module, name) is found for found in shown)
    ]
    assert not missing


def entries(doc, *sections):
    """Names in sections of a docstring, several of which may share an entry."""
    return {
        name.strip(" *")
        for section in sections
        for entry in doc[section]
        for name in entry.name.split(",")
    }


def is_record(found):
    """Whether a class has only fields: what makes it shows how to use it."""
    return inspect.isclass(found) and not any(methods(found))


@pytest.mark.parametrize("name", sorted(CALLABLE))
def test_docstring_is_complete(name):
    found = CALLABLE[name]
    doc = docscrape.NumpyDocString(inspect.getdoc(found) or "")
    assert doc["Summary"], f"{name} has no summary"
    documented = entries(doc, "Parameters", "Attributes")
    # The constructor of a class that others make is nobody's to call.
    if not inspect.isclass(found) or dataclasses.is_dataclass(found) or doc["Parameters"]:
        missing = parameters(found) - documented
        assert not missing, f"{name} does not document {missing}"
    if not inspect.isclass(found):
        unknown = entries(doc, "Parameters") - parameters(found)
        assert not unknown, f"{name} documents {unknown}, which it does not take"
        returns = inspect.signature(found).return_annotation is not None
        assert not returns or doc["Returns"] or doc["Yields"], f"{name}: what does it return?"
    if not is_record(found) and SHOWN.get(name, (found, True))[1]:
        assert doc["Examples"], f"{name} has no example"
