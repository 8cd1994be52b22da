"""Chunks from HDF5 files and event data, whoever computes them and where."""

import os
import pickle
import subprocess
import sys
import textwrap

import dask
import dask.array as da
import h5py
import hyperspy.api as hs
import numpy as np
import pytest
import sparse
from scans import assert_same, counts, decompose, signal

from hs_nmfcluster import LazyNMFDiffraction2D
from hs_nmfcluster.engine.sources import StoredDataset, dense, plain

# Indexing compiles loops of sparse, which takes seconds.
SLOW = pytest.mark.slow


@pytest.fixture
def scan(tmp_path):
    data = counts().astype("u2")
    path = tmp_path / "scan.hspy"
    hs.signals.Signal2D(data).save(path, chunks=(2, 3, 7, 9))
    return path, data


def load(path):
    return hs.load([str(path)], lazy=True, signal_type="nmf_diffraction")


class TestStored:
    def test_same_data_and_chunks(self, scan):
        path, data = scan
        s = load(path)
        found = plain(s.data + 1)
        assert found.chunks == s.data.chunks
        np.testing.assert_array_equal(found.compute(scheduler="synchronous"), data + 1)

    def test_goes_through_a_pickle(self, scan):
        path, data = scan
        with h5py.File(path) as file:
            dataset = StoredDataset(next(iter(file["Experiments"].values()))["data"])
        again = pickle.loads(pickle.dumps(dataset))
        np.testing.assert_array_equal(again[1:3, :, 2], data[1:3, :, 2])
        assert (again.shape, again.dtype) == (data.shape, data.dtype)

    def test_file_in_memory_stays(self):
        with h5py.File("nowhere", "w", driver="core", backing_store=False) as file:
            dataset = file.create_dataset("data", data=counts())
            np.testing.assert_array_equal(plain(da.from_array(dataset)).compute(), counts())

    @pytest.mark.parametrize(
        "scheduler", ["synchronous", "threads", pytest.param("processes", marks=pytest.mark.slow)]
    )
    def test_every_scheduler(self, scan, scheduler):
        path, data = scan
        with dask.config.set(scheduler=scheduler):
            found = decompose(load(path))
            polar = load(path).polar_transform(center=(4, 3), lazy_output=False)
        assert_same(found, decompose(signal(data)))
        expected = signal(data).polar_transform(center=(4, 3))
        np.testing.assert_allclose(polar.data, expected.data)

    @pytest.mark.slow
    def test_relative_path_and_workers_elsewhere(self, scan, tmp_path):
        """It hung for ever, as the workers looked for the file in their own folder."""
        pytest.importorskip("distributed")
        _, data = scan
        script = f"""
            import os, sys
            import hyperspy.api as hs, numpy as np
            from distributed import Client, LocalCluster

            if __name__ == "__main__":
                s = hs.load("scan.hspy", lazy=True, signal_type="nmf_diffraction")
                cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
                with cluster, Client(cluster) as client:
                    client.run(os.chdir, {str(tmp_path.parent)!r})
                    nmf = s.decompose_als_nmf(2, restarts=1, signal_mask=None, random_state=0,
                                              print_info=False, show_progressbar=False)
                    polar = s.polar_transform(center=(4, 3), lazy_output=False)
                np.savez("found.npz", mse=nmf.mse, polar=polar.data)
        """
        (tmp_path / "script.py").write_text(textwrap.dedent(script))
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("\n") < 5, done.stderr
        found = np.load(tmp_path / "found.npz")
        s = signal(data)
        arguments = {"restarts": 1, "signal_mask": None, "random_state": 0}
        nmf = s.decompose_als_nmf(2, **arguments, print_info=False, show_progressbar=False)
        assert found["mse"] == pytest.approx(nmf.mse)
        np.testing.assert_allclose(found["polar"], s.polar_transform(center=(4, 3)).data)


class TestEvents:
    @pytest.mark.parametrize("chunks", [(2, 6, 7, 9), (2, 3, 4, 5)])
    @pytest.mark.parametrize("known", [True, pytest.param(False, marks=SLOW)])
    def test_sparse_chunks(self, tmp_path, chunks, known):
        data = counts()
        lazy = da.from_array(data, chunks=chunks).map_blocks(
            sparse.COO.from_numpy, meta=None if known else np.empty((0,) * 4, data.dtype)
        )
        assert isinstance(lazy._meta, np.ndarray) != known
        s = LazyNMFDiffraction2D(lazy)
        assert_same(decompose(s, checkpoint=tmp_path / "state"), decompose(signal(data)))
        np.testing.assert_allclose(s.get_mean_pattern().data, data.mean(axis=(0, 1)))
        polar = s.polar_transform(center=(4, 3), lazy_output=False)
        np.testing.assert_allclose(polar.data, signal(data).polar_transform(center=(4, 3)).data)

    @SLOW
    @pytest.mark.parametrize("kind", ["COO", "GCXS", "DOK"])
    def test_a_sparse_array_as_it_is(self, kind):
        data = counts()
        array = getattr(sparse, kind)(sparse.COO.from_numpy(data))
        s = LazyNMFDiffraction2D(da.from_array(array, chunks=(2, 6, 7, 9)))
        assert_same(decompose(s), decompose(signal(data)))

    def test_dense(self):
        array = np.arange(6).reshape(2, 3)
        np.testing.assert_array_equal(dense(sparse.COO.from_numpy(array)), array)
        assert dense(array) is array
