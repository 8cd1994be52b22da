"""Memory: read as given, estimated before the start, and kept to."""

import subprocess
import sys
import textwrap

import dask.array as da
import numpy as np
import pytest
from scans import counts, decompose, signal

from hs_nmfcluster.engine import memory
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.needs import factorization_needs, neighbourhood_needs


class TestReadBudget:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [(None, None), (10_000, 10_000), ("4 GB", 4 * 10**9), ("1.5 GiB", 3 * 2**29)],
    )
    def test_number_or_text(self, given, expected):
        assert memory.read_budget(given) == expected

    @pytest.mark.parametrize("given", ["much", "4 apples", "", 0, -5, "-1 GB"])
    def test_no_size(self, given):
        with pytest.raises(ValueError, match="`max_memory` must be a number of bytes or text"):
            decompose(signal(counts()), max_memory=given)

    @pytest.mark.parametrize("given", [True, [4], {}])
    def test_no_number(self, given):
        with pytest.raises(TypeError, match="`max_memory` must be"):
            decompose(signal(counts()), max_memory=given)


class TestNeeds:
    @staticmethod
    def needs(ranks=(20,), restarts=10, blocks=2, compressed=True, scan=(100, 100)):
        data = da.zeros((*scan, 64, 64), dtype="u2", chunks=(10, 10, -1, -1))
        matrix = ScanMatrix.from_array(data, chunk_bytes=2**20)
        return factorization_needs(
            matrix, ranks, restarts, compressed=compressed, blocks_at_a_time=blocks, threads=2
        )

    def test_grow_with_what_they_are_for(self):
        base = self.needs()
        assert self.needs(blocks=4).chunks == 2 * base.chunks
        assert self.needs(ranks=range(5, 31)).patterns > base.patterns
        assert self.needs(scan=(200, 100)).maps == 2 * base.maps
        assert self.needs(compressed=False).compressed == 0

    @pytest.mark.parametrize("rows", [5, 50])
    def test_products_of_all_restarts_with_a_block(self, rows):
        """The true MSE of all restarts is found from them in one pass."""
        data = da.zeros((rows, 100, 32, 32), dtype="u2")
        matrix = ScanMatrix.from_array(data)
        assert len(matrix.blocks) == 1
        needs = factorization_needs(
            matrix, (20,), 10_000, compressed=True, blocks_at_a_time=2, threads=2
        )
        maps = 10_000 * 20 * rows * 100 * np.dtype(np.float64).itemsize
        assert 2 * 3 * maps < needs.compressed < 2 * 5 * maps

    def test_compressed_scan_is_bounded(self):
        """Beyond some positions only a sample of them is explored."""
        large = self.needs(scan=(200, 200))
        assert self.needs(scan=(400, 400)).compressed == large.compressed
        assert self.needs().compressed < large.compressed

    def test_total_is_the_sum(self):
        needs = self.needs()
        parts = (needs.chunks, needs.patterns, needs.compressed, needs.maps)
        assert needs.total == sum(parts)
        assert "patterns" in str(needs)


class TestNeedsOfNeighbourhoods:
    @staticmethod
    def needs(side, size=None, n_components=None, blocks=2):
        chunks = (32, 32, -1, -1)
        data = da.zeros((side, side, 128, 128), dtype="u2", chunks=chunks)
        matrix = ScanMatrix.from_array(data, chunk_bytes=2**25)
        return neighbourhood_needs(matrix, size, n_components, blocks)

    def test_a_scan_larger_than_memory_fits(self):
        """What grows with the scan is what is found in it, not what is worked on."""
        large = self.needs(1024)
        assert large.total < 1e9
        assert large.chunks == self.needs(256).chunks
        # Patterns of windows are put aside; one crystal a window is in the result.
        assert large.patterns <= 2**26
        assert large.result < 2 * (2 * 1024**2 / 23**2) * 128**2 * 4
        assert large.total == large.chunks + large.patterns + large.maps
        assert self.needs(4096).total > self.needs(4096).result > large.chunks

    def test_grow_with_what_is_asked_for(self):
        base = self.needs(256, (20, 20), 6)
        assert self.needs(256, (20, 20), 12).result > base.result
        assert self.needs(256, (40, 40), 6).chunks > base.chunks
        assert self.needs(256, (20, 20), 6, blocks=4).chunks > 1.5 * base.chunks


class TestBudget:
    def test_too_small_a_one_is_refused_before_anything_is_read(self):
        def read(_):
            raise AssertionError("read")

        data = da.from_array(counts(), chunks=(2, 6, 7, 9))
        s = signal(counts(), (2, 6, 7, 9))
        s.data = data.map_blocks(read, dtype=data.dtype, meta=np.empty((0,) * 4, data.dtype))
        with pytest.raises(ValueError, match=r"`max_memory` is 1.00 kiB, but this takes up to"):
            decompose(s, max_memory=1024)

    def test_warns_of_more_than_is_free(self, monkeypatch, caplog):
        monkeypatch.setattr(memory, "free_memory", lambda: 1024)
        decompose(signal(counts(), (2, 6, 7, 9)))
        assert "1.00 kiB are free" in caplog.text

    def test_limit_of_this_process_counts(self):
        script = """
            import resource
            from hs_nmfcluster.engine import memory
            before = memory.free_memory()
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, hard))
            assert memory.free_memory() < min(before, 8 * 2**30)
        """
        pytest.importorskip("resource")
        subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)

    def test_says_what_it_takes(self, capsys):
        decompose(signal(counts(), (2, 6, 7, 9)), print_info=True)
        printed = capsys.readouterr().out
        assert "Memory: at most" in printed
        assert "of data kept in memory" in printed


@pytest.mark.slow
class TestPeak:
    SCRIPT = """
        from pathlib import Path
        import dask, dask.array as da, numpy as np
        from hs_nmfcluster import LazyNMFDiffraction2D

        def peak():
            # Not ru_maxrss, which begins at what the parent process took.
            status = dict(
                line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
            )
            return 1024 * int(status["VmHWM"].split()[0])

        rng = np.random.default_rng(0)
        S = rng.random((3, 48, 48)) ** 3

        def block(block_info=None):
            (y0, y1), (x0, x1) = block_info[None]["array-location"][:2]
            i = np.arange(y0, y1)[:, None] * 1000.0 + np.arange(x0, x1)
            maps = np.stack([1 + np.sin(i * (0.1 + k)) for k in range(3)], axis=-1)
            return np.tensordot(maps, S, 1) + 0.01 * (i % 7)[..., None, None]

        scan = ((20,) * 12, (20,) * 12)
        data = da.map_blocks(
            block, chunks=(*scan, (48,), (48,)), dtype=float, meta=np.empty((0,) * 4)
        )
        s = LazyNMFDiffraction2D(data)
        warm = LazyNMFDiffraction2D(data[:20, :20])
        settings = dict(restarts=3, max_iterations=1, signal_mask=None, random_state=0,
                        show_progressbar=False, print_info=False)
        with dask.config.set(num_workers=1):
            warm.decompose_als_nmf(3, compression=None, **settings)
            before = peak()
            nmf = s.decompose_als_nmf(3, max_memory={memory}, **settings)
        assert not nmf.settings["data_in_memory"]
        print(peak() - before, data.nbytes, nmf.settings["memory_estimate"])
    """

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
    def test_ten_times_smaller_than_the_scan(self):
        allowed = 100_000_000
        script = textwrap.dedent(self.SCRIPT).format(memory=allowed)
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        used, size, estimate = (int(number) for number in done.stdout.split())
        assert size > 10 * allowed
        assert used < estimate <= allowed
