"""One bar for a whole job: what it says, and when it is silent."""

import re
import time

import dask
import numpy as np
import pytest
from hyperspy.defaults_parser import preferences
from scans import assert_bar_ended, counts, decompose, signal, tight


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
        with dask.config.set(scheduler=scheduler):
            budget = tight(s, 3)
            capsys.readouterr()
            found = decompose(s, show_progressbar=True, **budget)
        assert found.settings["data_in_memory"] is False
        assert_bar_ended(capsys.readouterr().err, found)

    def test_mse_while_it_goes(self, capsys):
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

    @pytest.mark.parametrize("preferred", [True, False])
    def test_none_takes_the_preference(self, capsys, monkeypatch, preferred):
        monkeypatch.setattr(preferences.General, "show_progressbar", preferred)
        decompose(signal(counts()), show_progressbar=None)
        assert bool(capsys.readouterr().err) == preferred
