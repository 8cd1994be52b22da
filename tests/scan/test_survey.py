import dask.array as da
import numpy as np
import pytest
from scans import CHUNKS, counts

from hs_nmfcluster.scan.survey import survey


class TestSurvey:
    @pytest.mark.parametrize("dtype", ["u1", ">u2", ">u4", "i2", "f2", ">f4", "f8"])
    def test_equals_numpy(self, dtype):
        data = counts().astype(dtype)
        look = survey(data)
        wide = data.astype("f8")
        np.testing.assert_allclose(look.mean, wide.mean(axis=(0, 1)))
        np.testing.assert_array_equal(look.minimum, wide.min(axis=(0, 1)))
        np.testing.assert_array_equal(look.maximum, wide.max(axis=(0, 1)))
        assert not look.negative.any()
        assert not look.invalid.any()
        assert look.n_positions == 30

    @pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
    def test_invalid_and_negative(self, chunks):
        data = counts().astype("f4") - 2
        data[3, 1, 2, 5] = np.nan
        data[1, 4, 6, 8] = np.inf
        data[1, 5, 6, 8] = -np.inf
        look = survey(da.from_array(data, chunks=chunks))
        finite = np.isfinite(data)
        np.testing.assert_array_equal(look.invalid, (~finite).sum(axis=(0, 1)))
        np.testing.assert_array_equal(look.negative, (finite & (data < 0)).sum(axis=(0, 1)))
        np.testing.assert_allclose(
            look.mean, np.where(finite, data, 0).sum(axis=(0, 1)) / finite.sum(axis=(0, 1))
        )

    def test_mask(self):
        data = counts().astype("f4")
        left_out = np.zeros((5, 6), dtype=bool)
        left_out[:, 2:] = True
        data[0, 3] = np.nan
        look = survey(data, left_out)
        assert not look.invalid.any()
        assert look.n_positions == 10
        np.testing.assert_allclose(look.mean, data[:, :2].mean(axis=(0, 1)), rtol=1e-6)

    def test_sums_do_not_overflow(self):
        look = survey(np.full((300, 2, 2), 255, dtype="u1"))
        np.testing.assert_array_equal(look.total, 300 * 255)
        assert (survey(np.full((40, 2, 2), 6e4, dtype="f2")).mean > 5.9e4).all()


class TestLeading:
    """Singular vectors of the sums of neighbouring patterns."""

    def test_are_those_of_the_mean_patterns(self):
        data = np.random.default_rng(0).poisson(5.0, (6, 8, 9, 11))
        found = survey(data).blocks.leading(3)
        means = data.reshape(6, 4, 2, 99).mean(axis=2).reshape(24, 99)
        expected = np.linalg.svd(means)[2][:3]
        np.testing.assert_allclose(np.abs(found.reshape(3, 99) @ expected.T), np.eye(3), atol=1e-9)

    def test_fewer_than_asked_for_and_none(self):
        blocks = survey(np.outer(np.arange(1, 49), np.arange(99)).reshape(6, 8, 9, 11)).blocks
        assert len(blocks.leading(5)) == 1
        assert blocks.leading(0).shape == (0, 9, 11)

    def test_binned_sums_are_seen_on_the_detector(self):
        data = np.zeros((4, 4, 300, 301), np.float32)
        data[..., 299, 300] = 1.0
        found = survey(data).blocks.leading(2)
        assert found.shape == (1, 300, 301)
        assert abs(found[0, 299, 300]) == 1
