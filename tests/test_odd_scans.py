"""Whatever a scan is called, measured in, shaped and chunked like: the command line takes it."""

import json
import string
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
import tifffile
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scans import counts

import hs_nmfcluster
from hs_nmfcluster.cli import main

UNITS = (
    "",
    "nm",
    "1/nm",
    "k_A^-1",
    "$A^{-1}$",
    "Å⁻¹",
    "mrad",
    "µm",
    "cm",
    "furlong",
    "$",
    "?/m",
    "%",
)
NAMES = st.text(
    string.ascii_letters + "0123456789 [](){}'&%#@!~^äé度-_+=,;", min_size=1, max_size=12
)
DTYPES = ("u1", "u2", ">u2", "i2", "i4", "u4", "f2", "f4", ">f8", "i8", "u8")


@st.composite
def odd_scans(draw):
    scan = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple))
    if np.prod(scan) < 6:
        scan = (*scan[:2], 6)
    shape = (*scan, draw(st.integers(8, 16)), draw(st.integers(8, 16)))
    data = counts(shape, k=2, level=20.0, seed=draw(st.integers(0, 99)))
    data = data.clip(0, 120) - draw(st.sampled_from([0, 0, 0, 9]))
    data = data.clip(0) if draw(st.booleans()) else data
    dtype = draw(st.sampled_from(DTYPES))
    data = data.clip(0) if "u" in dtype else data
    if draw(st.booleans()):
        # A blank frame, and one that no detector has seen.
        data.reshape(-1, *shape[-2:])[draw(st.integers(0, 2))] = 0
    s = hs.signals.Signal2D(data.astype(dtype))
    for axis in s.axes_manager._axes:
        axis.units = draw(st.sampled_from(UNITS))
        axis.scale = draw(st.sampled_from([1.0, 0.02, -1.5, 1e-9, 3e4]))
        axis.offset = draw(st.sampled_from([0.0, -4.0, 1e10]))
    # Axes of a detector in units that cannot be converted into each other are refused.
    columns, rows = s.axes_manager.signal_axes
    columns.units, columns.scale = rows.units, rows.scale
    s.metadata.General.title = draw(st.sampled_from(["", "glass $x$ <b>", "Å/2"]))
    name = draw(NAMES).strip(" .") or "scan"
    return s, tuple(draw(st.integers(1, n)) for n in shape), name


@pytest.mark.slow
@given(scan=odd_scans(), suffix=st.sampled_from([".hspy", ".zspy", ".npy", ".nxs"]))
@settings(max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_any_scan_goes_through(tmp_path_factory, scan, suffix):
    s, chunks, name = scan
    folder = tmp_path_factory.mktemp("odd") / name
    folder.mkdir()
    path, out = folder / f"{name}{suffix}", folder / "out"
    # Of .npy without a scan shape HyperSpy drops axes of length one.
    if suffix == ".npy" and s.data.ndim == 4 and 1 not in s.data.shape:
        np.save(path, s.data)
    else:
        path = path.with_suffix(".hspy" if suffix == ".npy" else suffix)
        s.save(path, **({} if suffix == ".nxs" else {"chunks": chunks}))
    with pytest.MonkeyPatch.context() as patched:
        for name in ("outputs.illustrations", "products.further_figures"):
            patched.setattr(f"hs_nmfcluster.cli.{name}", lambda _: iter(()))
        code = main(["run", str(path), "-o", str(out), "-q", "-k", "2", "--restarts", "1"])
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (code, summary["failed"]) == (0, {})
    assert {p.name for p in out.iterdir()} == set(summary["files"])
    nmf = hs_nmfcluster.load(out / "factorization.hspy")
    assert nmf.maps.data.shape == (2, *s.data.shape[:-2])
    assert nmf.patterns.data.shape == (2, *s.data.shape[-2:])
    np.testing.assert_allclose(
        hs.load([str(out / "mean_pattern.hspy")]).data,
        np.asarray(s.data, dtype="f8").mean(axis=tuple(range(s.data.ndim - 2))),
        rtol=1e-6,
    )
    for image in Path(out).glob("*.tif"):
        assert np.isfinite(tifffile.imread(image)).any()
