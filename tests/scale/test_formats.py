"""Every format that RosettaSciIO writes and reads lazily, and files that break."""

import shutil
import signal as signals
import subprocess
import sys
import textwrap

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from scans import assert_same, counts, decompose, tight

from hs_nmfcluster import LazyNMFDiffraction2D, NMFDiffraction2D
from hs_nmfcluster.cli import main
from hs_nmfcluster.engine.job import Job, ReadingError
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.compression import compress

SHAPE = (5, 6, 8, 8)
# Suffix, dtype, what writing and reading it takes.
FORMATS = {
    "HSPY": (".hspy", ">u2", {}, {}),
    "ZSPY": (".zspy", "u2", {}, {}),
    "Blockfile": (".blo", "u1", {"intensity_scaling": None}, {}),
    "numpy": (".npy", "u2", {}, {}),
    "PantaRhei": (".prz", "u2", {}, {}),
    "NeXus": (".nxs", "u2", {}, {}),
    "EMD (NCEM)": (".emd", "u2", {}, {}),
    "TVIPS": ("_000.tvips", "u2", {}, {"scan_shape": SHAPE[:2]}),
}


@pytest.mark.parametrize(("suffix", "dtype", "writing", "reading"), FORMATS.values(), ids=FORMATS)
class TestFormats:
    def test_round_trip_and_lazy_decomposition(self, tmp_path, suffix, dtype, writing, reading):
        data = counts(SHAPE, level=20.0).clip(0, 250).astype(dtype)
        s = NMFDiffraction2D(data)
        for axis in s.axes_manager.signal_axes:
            axis.scale, axis.units = 0.1, "1/nm"
        for axis in s.axes_manager.navigation_axes:
            axis.scale, axis.units = 1.0, "nm"
        path = tmp_path / f"scan{suffix}"
        s.save(path, **writing)
        # RosettaSciIO reads other numbers from its own .prz file when it does so lazily.
        loaded = hs.load(path, lazy=suffix != ".prz", **reading)
        loaded = loaded if loaded._lazy else loaded.as_lazy()
        if suffix in (".npy", ".emd"):
            # These formats do not know which axes are the detector's.
            loaded = loaded.transpose(signal_axes=2 if suffix == ".npy" else (0, 1))
        loaded.set_signal_type("nmf_diffraction")
        assert isinstance(loaded, LazyNMFDiffraction2D)
        np.testing.assert_array_equal(loaded.data.compute(), data)
        arguments = {"compression": "auto", "center": (0, 0)}
        eager = decompose(s, **arguments)
        assert_same(decompose(loaded, **arguments), eager, rtol=1e-5)
        anew = decompose(loaded, **arguments, **tight(loaded, 3, **arguments))
        assert anew.settings["data_in_memory"] is False
        assert_same(anew, eager, rtol=1e-5)


class TestBrokenFiles:
    @pytest.mark.parametrize("suffix", [".hspy", ".npy", ".blo"])
    def test_truncated(self, tmp_path, capsys, suffix):
        data = counts(SHAPE).clip(0, 250).astype("u1")
        path = tmp_path / f"scan{suffix}"
        NMFDiffraction2D(data).save(path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        folder = tmp_path / "out"
        assert main(["run", str(path), "-o", str(folder), "-k", "2", "-q"]) == 2
        assert "scan" in capsys.readouterr().err
        assert not list(folder.glob("*")) if folder.exists() else True

    def test_store_deleted_meanwhile(self, tmp_path):
        """Zarr reads what is missing as zeros; the run ends instead of going on with them."""
        path = tmp_path / "scan.zspy"
        NMFDiffraction2D(counts(SHAPE).astype("u2")).save(path)
        s = hs.load(path, lazy=True, signal_type="nmf_diffraction")
        reads = []

        def read(block):
            reads.append(1)
            if len(reads) == 8:
                shutil.rmtree(path)
            return block

        s.data = s.data.map_blocks(read, dtype=s.data.dtype, meta=np.empty((0,) * 4, s.data.dtype))
        same = da.from_array(counts(SHAPE).astype("u2"), chunks=s.data.chunks)
        limits = {"compression": "auto"}
        limits |= tight(LazyNMFDiffraction2D(same), 3, **limits)
        with pytest.raises(OSError, match=r"scan\.zspy' is gone"):
            decompose(s, **limits)

    def test_data_that_change(self):
        passes = []

        def read(block):
            passes.append(1)
            return block + (len(passes) > 1)

        data = da.from_array(counts(SHAPE), chunks=SHAPE)
        data = data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
        with pytest.raises(OSError, match="The data have changed while they were read"):
            compress(ScanMatrix.from_array(data), 3)

    def test_deleted_folder_is_named(self, tmp_path):
        folder = tmp_path / "scan.zspy"
        folder.mkdir()
        job = Job(source=str(folder))
        folder.rmdir()
        with pytest.raises(ReadingError, match=r"scan\.zspy' is gone"):
            job.visit(ScanMatrix.from_array(counts()), lambda *_: 0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signals, "SIGXFSZ"), reason="no limit on file sizes here")
class TestFullDisk:
    SCRIPT = """
        import resource, signal, sys
        sys.path.insert(0, {tests!r})
        import numpy as np
        from scans import counts, decompose, signal as scan
        from hs_nmfcluster.engine.checkpoint import Checkpoint

        nmf = decompose(scan(counts((9, 9, 32, 32))))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        for write in (
            lambda: nmf.save({folder!r} + "/result.hspy", overwrite=True),
            lambda: nmf.save({folder!r} + "/result.zspy", overwrite=True),
            lambda: Checkpoint({folder!r} + "/job", {{}}).keep("state", np.ones((99, 99))),
        ):
            try:
                write()
            except OSError as error:
                print("refused", error)
    """

    def test_leaves_what_was_there(self, tmp_path):
        from pathlib import Path

        import hs_nmfcluster
        from hs_nmfcluster.engine.checkpoint import Checkpoint

        before = decompose(NMFDiffraction2D(counts()))
        for suffix in (".hspy", ".zspy"):
            before.save(tmp_path / f"result{suffix}")
        Checkpoint(tmp_path / "job", {}).keep("state", 5)
        tests = str(Path(__file__).parents[1])
        script = textwrap.dedent(self.SCRIPT).format(tests=tests, folder=str(tmp_path))
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.stdout.count("refused") == 3, done.stdout + done.stderr
        for suffix in (".hspy", ".zspy"):
            assert_same(hs_nmfcluster.load(tmp_path / f"result{suffix}"), before)
        assert Checkpoint(tmp_path / "job", {}).recall("state") == 5
        assert not list(tmp_path.rglob(".writing-*"))
