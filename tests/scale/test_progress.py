"""One bar for a whole job: what it says, and when it is silent."""

import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import dask
import numpy as np
import pytest
from hyperspy.defaults_parser import preferences
from hypothesis import given
from hypothesis import strategies as st
from scans import assert_bar_ended, counts, decompose, signal, tight

from hs_nmfcluster.bridge.progress import PassBar


class TestBar:
    @pytest.mark.parametrize("compression", ["auto", None])
    @pytest.mark.parametrize("chunks", [None, (2, 4, 7, 9)])
    def test_passes_throughput_and_mse(self, capsys, compression, chunks):
        found = decompose(signal(counts(), chunks), compression=compression, show_progressbar=True)
        last = assert_bar_ended(capsys.readouterr().err, found)
        assert re.search(r"\d GB/s, maps of the best restart", last)

    @pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
    def test_under_every_scheduler(self, capsys, scheduler):
        s = signal(counts(), (2, 6, 7, 9))
        pool = {"pool": ProcessPoolExecutor(1)} if scheduler == "processes" else {}
        with dask.config.set(scheduler=scheduler, **pool):
            budget = tight(s, 3)
            capsys.readouterr()
            found = decompose(s, show_progressbar=True, **budget)
        assert found.settings["data_in_memory"] is False
        assert_bar_ended(capsys.readouterr().err, found)

    def test_mse_while_it_goes(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

        def read(block):
            time.sleep(0.15)
            return block

        s = signal(counts(), (5, 6, 7, 9))
        budget = tight(s, 3)
        s.data = s.data.map_blocks(read, dtype=s.data.dtype, meta=np.empty((0,) * 4, s.data.dtype))
        decompose(s, show_progressbar=True, **budget)
        assert re.search(r"MSE [\d.]+, 2 runs left", capsys.readouterr().err)

    def test_lines_are_printed_apart_from_it(self, capsys):
        decompose(signal(counts(), (5, 6, 7, 9)), print_info=True, show_progressbar=True)
        printed = capsys.readouterr().out
        assert [line.split(":")[0] for line in printed.strip().splitlines()] == [
            "Beam centre",
            "Detector mask",
            "Memory",
        ]

    def test_in_a_log_it_is_lines(self, capsys):
        decompose(signal(counts(), (1, 6, 7, 9)), print_info=True, show_progressbar=True)
        printed = capsys.readouterr()
        assert "\r" not in printed.out + printed.err
        assert printed.err.endswith("\n")
        assert all(line.startswith("ALS-NMF: ") for line in printed.err.splitlines())

    def test_in_a_terminal_it_is_one_line(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        decompose(signal(counts()), show_progressbar=True)
        assert capsys.readouterr().err.count("\r") > 1

    @pytest.mark.parametrize("terminal", [True, False])
    def test_nothing_is_left_of_it_where_a_scan_is_refused(self, capsys, monkeypatch, terminal):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
        data = counts().astype(float)
        data[0, 1, 2, 3] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            decompose(signal(data), show_progressbar=True)
        printed = capsys.readouterr().err
        assert ("ALS-NMF" in printed) == terminal
        assert "\n" not in printed
        assert not printed.rstrip("\r").rpartition("\r")[2].strip()

    @pytest.mark.parametrize("preferred", [True, False])
    def test_none_takes_the_preference(self, capsys, monkeypatch, preferred):
        monkeypatch.setattr(preferences.General, "show_progressbar", preferred)
        decompose(signal(counts()), show_progressbar=None)
        assert bool(capsys.readouterr().err) == preferred


class Bar:
    """A bar that takes down how far it was."""

    def __init__(self):
        self.n, self.shown, self.beside = 0.0, [], ""

    def update(self, part):
        self.n += part
        self.shown.append(self.n)

    def set_postfix_str(self, text, refresh):
        self.beside = text

    def refresh(self):
        pass


class TestForward:
    @given(
        steps=st.lists(
            st.one_of(
                st.integers(1, 300).map(lambda passes: ("expect", passes)),
                st.floats(1e-3, 1.0).map(lambda share: ("advance", share)),
            ),
            max_size=60,
        )
    )
    def test_never_back_and_full_in_the_end(self, steps):
        bar = Bar()
        watched = PassBar(bar)
        done = 0.0
        for kind, number in steps:
            if kind == "expect":
                watched.expect(number)
            else:
                watched.advance(number, 1, 1.0)
                done += number
        assert all(b >= a for a, b in zip(bar.shown, bar.shown[1:], strict=False))
        assert bar.n < 1
        watched.finish()
        assert bar.n == pytest.approx(1)
        assert f"pass {done:.1f} of about {done:.0f}" in bar.beside

    def test_even_where_passes_are_as_expected(self):
        bar = Bar()
        watched = PassBar(bar)
        watched.expect(4)
        for _ in range(8):
            watched.advance(0.5, 1, 1.0)
        assert bar.shown == pytest.approx([0.99 * i / 8 for i in range(1, 9)])

    def test_a_step_does_not_know_of_the_next(self):
        bar = Bar()
        watched = PassBar(bar, usual=10)
        for passes in (2, 3, 5):
            watched.expect(passes)
            for _ in range(passes):
                watched.advance(1.0, 1, 1.0)
        assert bar.shown == pytest.approx([0.99 * i / 10 for i in range(1, 11)])
