"""Whatever a scan looks like, lazy or not, kept or read anew: the same result."""

import dask.array as da
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scans import assert_same, counts, decompose, tight

from hs_nmfcluster import LazyNMFDiffraction2D, NMFDiffraction2D

DTYPES = ("u1", ">u2", "i4", ">u4", "f4", ">f8")


@st.composite
def scans(draw):
    scan_shape = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple))
    if np.prod(scan_shape) < 4:
        scan_shape = (*scan_shape, 4)
    shape = (*scan_shape, draw(st.integers(2, 9)), draw(st.integers(2, 9)))
    data = counts(shape, k=2, level=20.0, seed=draw(st.integers(0, 99)))
    data = (data + 1).clip(0, 255).astype(draw(st.sampled_from(DTYPES)))
    chunks = tuple(draw(st.integers(1, n)) for n in shape)
    left_out = dark = None
    if draw(st.booleans()):
        left_out = np.zeros(scan_shape, bool)
        left_out.flat[draw(st.integers(0, left_out.size - 1))] = True
    if draw(st.booleans()):
        dark = np.zeros(shape[-2:], bool)
        dark.flat[draw(st.integers(0, dark.size - 1))] = True
    return data, chunks, left_out, dark


@pytest.mark.slow
@given(scan=scans(), compression=st.sampled_from(["auto", None]))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_lazy_equals_eager(scan, compression):
    data, chunks, left_out, dark = scan
    arguments = {
        "compression": compression,
        "max_iterations": 4,
        "navigation_mask": None if left_out is None else left_out,
        "signal_mask": None if dark is None else dark,
        "center": (0, 0),
    }
    eager = decompose(NMFDiffraction2D(data), 2, **arguments)
    lazy = LazyNMFDiffraction2D(da.from_array(data, chunks=chunks))
    kept = decompose(lazy, 2, **arguments)
    anew = decompose(lazy, 2, **arguments, **tight(lazy, 2, **arguments))
    assert kept.settings["data_in_memory"]
    assert not anew.settings["data_in_memory"]
    assert (kept.settings["reads_of_the_source"], kept.passes) == (1, eager.passes)
    assert anew.settings["reads_of_the_source"] == anew.passes
    for found in (kept, anew):
        assert_same(found, eager, rtol=1e-5)
