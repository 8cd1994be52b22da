"""What is printed where signs are missing."""

import io
import os
import subprocess
import sys
import textwrap

import pytest

from hs_nmfcluster.words import say

LINE = "r ≤ 3 … 4 × 5 − 1 ± 2 Å⁻¹, 3 µm"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp932", "cp437", "latin-1", "utf-8"])
def test_every_line_is_printed(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    say(LINE, stream)
    stream.seek(0)
    printed = stream.read()
    assert printed.endswith("m\n")
    assert "?" not in printed
    assert (printed == LINE + "\n") == (encoding == "utf-8")


def test_what_has_no_counterpart_is_marked():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    say("scan 走査.mib", stream)
    stream.seek(0)
    assert stream.read() == "scan ??.mib\n"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp932"])
def test_a_script_whose_output_is_redirected(encoding):
    script = """
        import numpy as np, hs_nmfcluster
        y, x = np.mgrid[:32, :32]
        beam = 1000 * np.exp(-((x - 16) ** 2 + (y - 15) ** 2) / 4)
        data = np.random.default_rng(0).poisson(beam + 1, (4, 5, 32, 32))
        s = hs_nmfcluster.NMFDiffraction2D(data)
        s.decompose_als_nmf(2, restarts=1)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Detector mask: r <= " in done.stdout.decode(encoding)
