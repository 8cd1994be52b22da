import json
import platform
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hs_nmfcluster.engine.checkpoint import Checkpoint, CheckpointError
from hs_nmfcluster.engine.merging import merge
from hs_nmfcluster.factorization.runs import Run, RunSums
from hs_nmfcluster.files import written_whole

IDENTITY = {"job": "ALS-NMF", "arguments": {"n_components": 3, "seed": 1}, "data": {"shape": [4]}}

arrays = hnp.arrays(
    st.sampled_from(["f8", "f4", "u2", "i8", "?"]), hnp.array_shapes(min_dims=1, max_dims=3)
)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text()
states = st.recursive(
    arrays | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b or (a != a and b != b)


class TestStates:
    @given(state=states)
    def test_round_trip(self, tmp_path_factory, state):
        checkpoint = Checkpoint(tmp_path_factory.mktemp("job"), IDENTITY)
        checkpoint.keep("state", state)
        assert_same(checkpoint.recall("state"), state)

    def test_own_classes(self, tmp_path):
        run = Run(np.eye(3), 4)
        run.record(2.5, 1e-5, 0.0)
        checkpoint = Checkpoint(tmp_path, IDENTITY)
        checkpoint.keep("state", (7, [run, RunSums(np.ones((2, 5)), np.eye(2), 3.0)]))
        number, (again, sums) = checkpoint.recall("state")
        assert number == 7
        assert (again.history, again.best_mse, again.stream) == ([2.5], 2.5, 4)
        np.testing.assert_array_equal(again.best_patterns, np.eye(3))
        assert merge(sums, sums).overlap == 6.0

    def test_none_before_it_is_kept(self, tmp_path):
        checkpoint = Checkpoint(tmp_path, IDENTITY)
        assert checkpoint.recall("state") is None
        checkpoint.keep("state", 1)
        checkpoint.forget("state")
        assert checkpoint.recall("state") is None

    @pytest.mark.parametrize(
        "name", ["os:system", "hs_nmfcluster.files:written_whole", "hs_nmfcluster.gone:Run"]
    )
    def test_runs_nothing_that_a_file_names(self, tmp_path, name):
        checkpoint = Checkpoint(tmp_path, IDENTITY)
        np.savez(tmp_path / "state.npz", tree=json.dumps({"class": name, "fields": {}}))
        with pytest.raises(CheckpointError, match="not known here"):
            checkpoint.recall("state")


class TestIdentity:
    def test_the_same_job_is_taken(self, tmp_path):
        Checkpoint(tmp_path / "new" / "folder", IDENTITY).keep("state", 5)
        assert Checkpoint(tmp_path / "new" / "folder", IDENTITY).recall("state") == 5

    def test_another_is_refused_with_the_difference(self, tmp_path):
        Checkpoint(tmp_path, IDENTITY)
        other = IDENTITY | {"arguments": {"n_components": 4, "seed": 1}}
        with pytest.raises(CheckpointError, match=r"arguments n_components was 3, is 4\."):
            Checkpoint(tmp_path, other)

    def test_a_folder_with_other_things_is_refused(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("x")
        with pytest.raises(CheckpointError, match="folder of its own"):
            Checkpoint(tmp_path, IDENTITY)

    def test_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(CheckpointError, match="folder of its own"):
            Checkpoint(tmp_path / "file", IDENTITY)

    def test_what_another_process_is_writing_is_left_alone(self, tmp_path):
        """Two jobs that share a folder: opening it must not take the other's file from under it."""
        with written_whole(tmp_path / "state.npz") as temporary:
            temporary.write_bytes(b"half")
            Checkpoint(tmp_path, IDENTITY)
            assert temporary.exists()
        assert (tmp_path / "state.npz").read_bytes() == b"half"

    def test_what_a_process_wrote_that_is_gone_is_removed(self, tmp_path):
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        gone = tmp_path / f".writing-{platform.node()}-{process.pid}-12ab"
        elsewhere = tmp_path / f".writing-elsewhere-{process.pid}-12ab"
        gone.mkdir()
        elsewhere.mkdir()
        Checkpoint(tmp_path, IDENTITY)
        assert not gone.exists()
        assert elsewhere.exists()

    @pytest.mark.parametrize("length", [0, 10, 100])
    def test_a_truncated_state_is_named(self, tmp_path, length):
        checkpoint = Checkpoint(tmp_path, IDENTITY)
        checkpoint.keep("compression", {"S": np.eye(20)})
        path = tmp_path / "compression.npz"
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(CheckpointError, match=r"state 'compression.npz'.* cannot be read"):
            checkpoint.recall("compression")

    def test_what_a_killed_job_was_writing_is_no_hindrance(self, tmp_path):
        (tmp_path / ".writing-1234").mkdir()
        Checkpoint(tmp_path, IDENTITY)
        assert not (tmp_path / ".writing-1234").exists()
