"""The package as it is installed, imported and found by HyperSpy."""

import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

import hs_nmfcluster
from hs_nmfcluster import plotting

CLASSES = ("NMFDiffraction2D", "LazyNMFDiffraction2D")


def run_python(code: str, folder: Path) -> str:
    """Run code in a fresh interpreter, away from the source folder."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestImport:
    def test_is_lazy(self, tmp_path):
        code = (
            "import sys; before = set(sys.modules); import hs_nmfcluster;"
            "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
        )
        loaded = set(run_python(code, tmp_path).split())
        assert "hs_nmfcluster" in loaded
        assert not loaded & {"dask", "hyperspy", "matplotlib", "numpy", "rsciio", "scipy"}

    def test_hyperspy_does_not_load_the_signals(self, tmp_path):
        code = (
            "import sys; import hyperspy.api;"
            "print(*(m for m in sys.modules if m.startswith('hs_nmfcluster.')))"
        )
        assert run_python(code, tmp_path).split() == []

    def test_neither_figures_nor_distributed_are_loaded_before_they_are_needed(self, tmp_path):
        """Matplotlib to import the signals; distributed, half a second, for data in memory."""
        code = (
            "import sys, numpy as np, hs_nmfcluster.signals;"
            "print('matplotlib' in sys.modules);"
            "data = np.random.default_rng(0).poisson(5, (6, 5, 12, 12));"
            "s = hs_nmfcluster.NMFDiffraction2D(data);"
            "s.decompose_als_nmf(2, restarts=2, show_progressbar=False, print_info=False);"
            "print('distributed' in sys.modules)"
        )
        assert run_python(code, tmp_path).split() == ["False", "False"]

    @pytest.mark.parametrize("name", [n for n in hs_nmfcluster.__all__ if n != "__version__"])
    def test_public_name(self, name):
        assert getattr(hs_nmfcluster, name).__name__ == name
        assert name in dir(hs_nmfcluster)

    @pytest.mark.parametrize("package", [hs_nmfcluster, plotting])
    def test_every_lazy_name_exists(self, package):
        for name in dir(package):
            getattr(package, name)

    def test_unknown_name(self):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = hs_nmfcluster.nothing

    def test_every_module(self):
        folder = Path(hs_nmfcluster.__file__).parent
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            if parts[-1] != "__main__":
                importlib.import_module(".".join(parts).removesuffix(".__init__"))


class TestNames:
    @pytest.mark.parametrize("name", ["hs_nmfcluster", "hs_nmfcluster.plotting"])
    def test_dir_shows_public_names_only(self, name):
        package = importlib.import_module(name)
        assert dir(package) == sorted(package.__all__)
        assert all(hasattr(package, public) for public in dir(package))


class TestRegistry:
    @pytest.fixture
    def registered(self):
        path = Path(hs_nmfcluster.__file__).parent / "hyperspy_extension.yaml"
        return yaml.safe_load(path.read_text())["signals"]

    def test_entry_point(self):
        (entry,) = (
            point
            for point in importlib.metadata.entry_points(group="hyperspy.extensions")
            if point.name == "hs_nmfcluster"
        )
        assert entry.load() is hs_nmfcluster

    def test_hyperspy_knows_the_classes(self, registered):
        from hyperspy.extensions import ALL_EXTENSIONS

        assert sorted(registered) == sorted(CLASSES)
        for name in CLASSES:
            assert ALL_EXTENSIONS["signals"][name] == registered[name]

    def test_entries_agree_with_the_classes(self, registered):
        for name, entry in registered.items():
            signal_class = getattr(importlib.import_module(entry["module"]), name)
            assert signal_class._signal_type == entry["signal_type"]
            assert signal_class._signal_dimension == entry["signal_dimension"]
            assert signal_class._lazy == entry["lazy"]

    def test_symbolic_link_at_the_root(self, project_root):
        link = project_root / "hyperspy_extension.yaml"
        real = project_root / "hs_nmfcluster" / "hyperspy_extension.yaml"
        assert link.read_bytes() == real.read_bytes()
        if (project_root / ".git").exists():
            assert link.readlink() == real.relative_to(project_root)


@pytest.fixture(scope="module")
def wheel(project_root, tmp_path_factory):
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(project_root / "hs_nmfcluster", source / "hs_nmfcluster")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project_root / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(
        [*command, "--outdir", str(folder), str(source)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


class TestDistribution:
    def test_holds_every_file_of_the_package(self, wheel, project_root):
        package = project_root / "hs_nmfcluster"
        expected = {
            path.relative_to(project_root).as_posix()
            for path in package.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        found = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert found == expected
        assert {"hs_nmfcluster/py.typed", "hs_nmfcluster/hyperspy_extension.yaml"} <= found

    def test_metadata(self, wheel):
        info = f"hs_nmfcluster-{hs_nmfcluster.__version__}.dist-info"
        entry_points = wheel.read(f"{info}/entry_points.txt").decode()
        assert "hs-nmfcluster = hs_nmfcluster.cli:main" in entry_points
        assert "[hyperspy.extensions]\nhs_nmfcluster = hs_nmfcluster" in entry_points
        assert b"GNU GENERAL PUBLIC LICENSE" in wheel.read(f"{info}/licenses/LICENSE")
        assert b"License-Expression: GPL-3.0-or-later" in wheel.read(f"{info}/METADATA")

    def test_version_from_one_place(self):
        assert importlib.metadata.version("hs_nmfcluster") == hs_nmfcluster.__version__

    def test_command_is_installed(self, tmp_path):
        command = Path(sys.executable).with_name("hs-nmfcluster" + ".exe" * (os.name == "nt"))
        done = subprocess.run(
            [str(command), "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "demo" in done.stdout


class TestPyxem:
    def test_there_and_back(self):
        pytest.importorskip("pyxem")
        import hyperspy.api as hs

        data = np.random.default_rng(0).poisson(3, (2, 3, 8, 10))
        s = hs.signals.Signal2D(data, metadata={"General": {"title": "scan"}})
        s.set_signal_type("electron_diffraction")
        s.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
        for axis, scale in zip(s.axes_manager.signal_axes, (0.02, 0.03), strict=True):
            axis.scale, axis.offset, axis.units = scale, -0.1, "1/nm"
        before = s.deepcopy()
        s.set_signal_type("nmf_diffraction")
        assert type(s).__name__ == "NMFDiffraction2D"
        s.set_signal_type("electron_diffraction")
        assert type(s) is type(before)
        assert s.axes_manager.as_dictionary() == before.axes_manager.as_dictionary()
        assert s.metadata.as_dictionary() == before.metadata.as_dictionary()
        np.testing.assert_array_equal(s.data, before.data)


class TestHouse:
    def test_docs_show_the_layers_of_the_contract(self, project_root):
        """The picture of the house cannot drift from what is enforced."""
        settings = tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))
        contracts = settings["tool"]["importlinter"]["contracts"]
        (contract,) = (contract for contract in contracts if contract["type"] == "layers")
        enforced = [re.split(r" [:|] ", layer) for layer in contract["layers"]]
        page = (project_root / "docs" / "contributing.rst").read_text(encoding="utf-8")
        rows = re.findall(r"^   \* - (``.*``)$", page, flags=re.MULTILINE)
        assert [re.findall(r"``(\w+)``", row) for row in rows] == enforced

    def test_root_explains_itself(self):
        root = Path(hs_nmfcluster.__file__).parent
        assert len(list(root.glob("*.py"))) <= 6
