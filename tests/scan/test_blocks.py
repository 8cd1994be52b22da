import dask.array as da
import numpy as np
import pytest
from scans import CHUNKS, counts

from hs_nmfcluster.scan.blocks import BlockLayout
from hs_nmfcluster.scan.survey import survey


class TestBlocksAndFrames:
    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_any_chunks_give_the_same(self, chunks):
        eager, lazy = survey(counts()), survey(da.from_array(counts(), chunks=chunks))
        np.testing.assert_array_equal(lazy.blocks.sums, eager.blocks.sums)
        np.testing.assert_array_equal(lazy.blocks.places, eager.blocks.places)
        np.testing.assert_array_equal(lazy.frames.totals, eager.frames.totals)
        np.testing.assert_allclose(lazy.frames.prints, eager.frames.prints, rtol=1e-13)
        np.testing.assert_array_equal(lazy.at_maximum, eager.at_maximum)

    def test_sums_are_those_of_the_patterns(self):
        data = counts()
        look = survey(data)
        np.testing.assert_array_equal(look.blocks.sums.sum(axis=0), data.sum(axis=(0, 1)))
        first = data[: look.blocks.layout.lines_each, : look.blocks.layout.columns_each]
        np.testing.assert_array_equal(look.blocks.sums[0], first.sum(axis=(0, 1)))
        np.testing.assert_array_equal(look.frames.totals, data.sum(axis=(2, 3)).ravel())
        np.testing.assert_allclose(look.variance, data.var(axis=(0, 1), ddof=1), rtol=1e-9)
        top = (data == data.max(axis=(0, 1))).sum(axis=(0, 1))
        np.testing.assert_array_equal(look.at_maximum, top)

    def test_large_patterns_are_binned(self):
        data = np.arange(2 * 3 * 300 * 500, dtype="u4").reshape(2, 3, 300, 500)
        blocks = survey(data).blocks
        assert blocks.layout.binning == 2
        binned = data.sum(axis=(0, 1)).reshape(150, 2, 250, 2).sum(axis=(1, 3))
        np.testing.assert_array_equal(blocks.sums.sum(axis=0), binned)

    def test_memory_does_not_grow_with_the_scan(self):
        for scan in [(2048, 2048), (10, 2048, 1), (10**6,), (3, 5)]:
            layout = BlockLayout(scan, (2048, 2048))
            n = len(np.unique(layout.blocks(np.arange(np.prod(scan)))))
            assert n * np.prod(layout.binned_shape) * 8 <= 33 * 2**20
