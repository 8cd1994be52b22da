"""Pixels that are not known, however few are."""

import numpy as np
import pytest

from hs_nmfcluster.scan.filling import filled


@pytest.mark.parametrize("known", [1, 3, 200])
def test_as_few_as_are_known_fill_all(known):
    bad = np.ones(40 * 50, bool)
    bad[np.random.default_rng(0).permutation(bad.size)[:known]] = False
    bad = bad.reshape(40, 50)
    image = np.where(bad, np.nan, np.random.default_rng(1).uniform(2.0, 3.0, bad.shape))
    result = filled(image, bad)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result[~bad], image[~bad])
    assert image[~bad].min() - 1e-9 <= result.min() <= result.max() <= image[~bad].max() + 1e-9


def test_nearest_count_most():
    image = np.tile(np.linspace(0.0, 1.0, 30), (20, 1))
    bad = np.zeros(image.shape, bool)
    bad[5:9, 11:15] = True
    np.testing.assert_allclose(filled(image, bad), image, atol=0.05)
