"""Results on disk: whole, complete, and open to HyperSpy alone."""

import subprocess
import sys
from pathlib import Path

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from scans import assert_same, counts, decompose, signal

import hs_nmfcluster
from hs_nmfcluster import Factorization, LazyNMFDiffraction2D
from hs_nmfcluster.io import storage

EMPTY = np.empty((0, 0, 0))
SUFFIXES = [".hspy", ".zspy"]


def make(**kwargs):
    s = signal(counts())
    s.metadata.General.title = "glass, 5 Å/px"
    for axis in s.axes_manager.signal_axes:
        axis.scale, axis.units = 0.02, "1/nm"
    s.axes_manager[0].name, s.axes_manager[0].scale = "x", 1.5
    return decompose(s, **kwargs)


def _fail(_):
    raise RuntimeError("the disk broke")


class TestRoundTrip:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"restarts": 1},
            {"restarts": 12, "tolerance": 1e-2, "max_iterations": 50},
            {"signal_mask": "auto", "center": (4.25, 3.5)},
            {"navigation_mask": np.eye(5, 6, dtype=bool)},
            {"random_state": 2**63 - 1},
        ],
    )
    def test_nothing_is_lost(self, suffix, arguments, tmp_path):
        nmf = make(**arguments)
        nmf.save(tmp_path / f"nmf{suffix}")
        loaded = hs_nmfcluster.load(tmp_path / f"nmf{suffix}")
        assert type(loaded) is Factorization
        assert_same(loaded, nmf, rtol=0)
        assert [len(h) for h in loaded.history] == [len(h) for h in nmf.history]
        assert loaded.settings == nmf.settings
        assert type(loaded.patterns) is type(nmf.patterns)
        assert type(loaded.maps) is type(nmf.maps)
        for name in ("patterns", "maps"):
            one, two = getattr(loaded, name), getattr(nmf, name)
            assert one.axes_manager.as_dictionary() == two.axes_manager.as_dictionary()
            assert one.metadata.General.title == two.metadata.General.title
        assert loaded.detector_mask.dtype == bool
        assert repr(loaded) == repr(nmf)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("name", ["nmf [1]", "tilt [110] 100%", "a (b) {c} ~"])
    def test_any_name(self, suffix, name, tmp_path):
        folder = tmp_path / name
        folder.mkdir()
        nmf = make()
        nmf.save(folder / f"{name}{suffix}")
        assert_same(hs_nmfcluster.load(folder / f"{name}{suffix}"), nmf, rtol=0)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("before", ["x.tif", "x.hspy", "x.npy"])
    def test_after_its_signals_were_saved(self, suffix, before, tmp_path, caplog, capfd):
        """HyperSpy notes where a signal was saved as a path, which no file can hold."""
        nmf = make()
        nmf.maps.save(tmp_path / before)
        nmf.patterns.save(tmp_path / before, overwrite=True)
        nmf.save(tmp_path / f"nmf{suffix}")
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
        assert "could not write" not in capfd.readouterr().err
        assert_same(hs_nmfcluster.load(tmp_path / f"nmf{suffix}"), nmf, rtol=0)
        assert nmf.maps.tmp_parameters.filename == "x"

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("scan", [(30,), (1, 30), (2, 3, 5)])
    def test_scans_of_any_shape(self, suffix, scan, tmp_path):
        nmf = decompose(signal(counts().reshape(*scan, 7, 9)))
        nmf.save(tmp_path / f"nmf{suffix}")
        loaded = hs_nmfcluster.load(tmp_path / f"nmf{suffix}")
        assert_same(loaded, nmf, rtol=0)
        assert loaded.maps.axes_manager.as_dictionary() == nmf.maps.axes_manager.as_dictionary()

    def test_what_was_loaded_works(self, tmp_path):
        nmf = make()
        nmf.save(tmp_path / "nmf.hspy")
        loaded = hs_nmfcluster.load(tmp_path / "nmf.hspy")
        np.testing.assert_array_equal(loaded.model().data, nmf.model().data)
        loaded.plot().canvas.draw()
        loaded.plot_convergence().canvas.draw()
        tree = signal(counts()).hierarchical_cluster(loaded, show_progressbar=False)
        assert len(tree) == 3
        loaded.save(tmp_path / "again.zspy")
        assert_same(hs_nmfcluster.load(tmp_path / "again.zspy"), nmf, rtol=0)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("by", ["patterns", "maps"])
    def test_tree(self, suffix, by, tmp_path):
        s = signal(counts())
        tree = s.hierarchical_cluster(decompose(s), by=by, show_progressbar=False)
        tree.save(tmp_path / f"tree{suffix}")
        loaded = hs_nmfcluster.load(tmp_path / f"tree{suffix}")
        np.testing.assert_array_equal(loaded.linkage, tree.linkage)
        np.testing.assert_array_equal(loaded.similarity, tree.similarity)
        assert (loaded.by, loaded.metric) == (tree.by, tree.metric)
        one, two = loaded.cut(n_groups=2), tree.cut(n_groups=2)
        np.testing.assert_array_equal(one.labels, two.labels)
        np.testing.assert_allclose(one.rotations, two.rotations)
        np.testing.assert_allclose(one.patterns.data, two.patterns.data)

    def test_saving_changes_nothing(self, tmp_path):
        nmf = make()
        before = nmf.patterns.metadata.as_dictionary()
        nmf.save(tmp_path / "nmf.hspy")
        assert nmf.patterns.metadata.as_dictionary() == before
        assert [p.name for p in tmp_path.iterdir()] == ["nmf.hspy"]

    def test_loading_leaves_no_trace(self, tmp_path):
        make().save(tmp_path / "nmf.hspy")
        loaded = hs_nmfcluster.load(tmp_path / "nmf.hspy")
        assert not loaded.patterns.metadata.has_item(storage._NODE)


class TestOverwrite:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_yes_and_no(self, suffix, tmp_path):
        path = tmp_path / f"nmf{suffix}"
        first, second = make(), make(random_state=99)
        first.save(path)
        second.save(path, overwrite=False)
        assert_same(hs_nmfcluster.load(path), first, rtol=0)
        second.save(path, overwrite=True)
        assert_same(hs_nmfcluster.load(path), second, rtol=0)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_a_failed_write_leaves_the_old_file(self, suffix, tmp_path):
        path = tmp_path / f"nmf{suffix}"
        first = make()
        first.save(path)
        broken = LazyNMFDiffraction2D(da.ones((2, 7, 9)).map_blocks(_fail, dtype=float, meta=EMPTY))
        with pytest.raises(RuntimeError, match="disk"):
            storage.save(path, broken, "Factorization", {}, overwrite=True)
        assert_same(hs_nmfcluster.load(path), first, rtol=0)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]


class TestErrors:
    @pytest.mark.parametrize("name", ["nmf", "nmf.h5", "nmf.npz", "nmf.hspy.txt", ".hspy"])
    def test_suffix(self, name, tmp_path):
        with pytest.raises(ValueError, match=r"\.hspy or \.zspy"):
            make().save(tmp_path / name)
        assert not list(tmp_path.iterdir())

    def test_no_such_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no folder"):
            make().save(tmp_path / "missing" / "nmf.hspy")

    def test_no_such_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nothing\.hspy"):
            hs_nmfcluster.load(tmp_path / "nothing.hspy")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_not_ours(self, suffix, tmp_path):
        hs.signals.Signal2D(counts()).save(tmp_path / f"other{suffix}")
        with pytest.raises(ValueError, match="holds no result of hs_nmfcluster"):
            hs_nmfcluster.load(tmp_path / f"other{suffix}")

    def test_not_hyperspys(self, tmp_path):
        path = tmp_path / "text.txt"
        path.write_text("nothing")
        with pytest.raises(ValueError, match="holds no result of hs_nmfcluster"):
            hs_nmfcluster.load(path)

    def test_damaged(self, tmp_path):
        path = tmp_path / "cut.hspy"
        make().save(path)
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(ValueError, match="holds no result of hs_nmfcluster"):
            hs_nmfcluster.load(path)

    def test_text_is_taken_as_a_path(self, tmp_path):
        make().save(str(tmp_path / "nmf.hspy"))
        assert hs_nmfcluster.load(str(tmp_path / "nmf.hspy")).n_components == 3


class TestWithoutThisPackage:
    CODE = """
import sys
from pathlib import Path
import importlib.metadata as metadata

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "hs_nmfcluster":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Finder())
entry_points = metadata.entry_points

def others(**params):
    found = entry_points(**params)
    if not params:
        return found
    return metadata.EntryPoints(p for p in found if p.name != "hs_nmfcluster")

metadata.entry_points = others
import hyperspy.api as hs

for path in sys.argv[1:]:
    s = hs.load(path)
    print(type(s).__name__, *s.data.shape, s.axes_manager[-1].units)
"""

    def test_hyperspy_opens_the_files(self, tmp_path):
        paths = [tmp_path / f"nmf{suffix}" for suffix in SUFFIXES]
        for path in paths:
            make().save(path)
        done = subprocess.run(
            [sys.executable, "-c", self.CODE, *map(str, paths)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        # HyperSpy says on the same stream which package is missing.
        shown = [line for line in done.stdout.splitlines() if "WARNING" not in line]
        assert shown == ["Signal2D 3 7 9 1/nm"] * 2


class TestFilesOfTheFirstVersion:
    """Written before trees knew crystals from matrix, several scans, or where to stop comparing."""

    FILES = Path(__file__).parent / "files"

    def test_factorization(self):
        nmf = hs_nmfcluster.load(self.FILES / "factorization_of_the_first_version.hspy")
        assert nmf.mse == pytest.approx(1.9541344992171086, rel=1e-12)
        assert nmf.maps.data.shape == (3, 12, 14)

    def test_tree(self):
        tree = hs_nmfcluster.load(self.FILES / "tree_of_the_first_version.hspy")
        np.testing.assert_allclose(
            tree.linkage, [[0, 1, 0.01165576, 2], [2, 3, 0.58758284, 3]], atol=1e-8
        )
        turned = [99.74710751, 20.35892083, 40.61650092]
        np.testing.assert_allclose(tree.rotations[np.triu_indices(3, 1)], turned, atol=1e-8)
        assert tree.grid.detector.scale == (0.5, 0.5)
        groups = tree.cut(n_groups=2)
        assert groups.labels.tolist() == [0, 0, 1]
        assert "2 crystals" not in repr(tree)

    def test_it_is_saved_as_of_today(self, tmp_path):
        tree = hs_nmfcluster.load(self.FILES / "tree_of_the_first_version.hspy")
        tree.save(tmp_path / "tree.hspy")
        back = hs_nmfcluster.load(tmp_path / "tree.hspy")
        assert back.settings == tree.settings
        np.testing.assert_array_equal(back.linkage, tree.linkage)
