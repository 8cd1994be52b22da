"""Products in parts against those in one."""

import numpy as np
import pytest

from hs_nmfcluster.engine.products import times

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("n", "n_pixels", "width"),
    [
        (1, 1, 1),
        (83, 12592, 20),  # parts of unequal size
        (64, 10007, 40),  # a prime number of pixels
        (5, 300000, 1),
        (2000, 30, 60),  # parts of a few pixels
        (30000, 1, 60),  # fewer pixels than parts
        (40, 5000, 65),  # too many vectors for parts
    ],
)
def test_parts_add_up(n, n_pixels, width):
    x, vectors = RNG.standard_normal((n, n_pixels)), RNG.standard_normal((n_pixels, width))
    np.testing.assert_allclose(times(x, vectors), x @ vectors, rtol=0, atol=1e-11 * n_pixels**0.5)


def test_some_of_the_rows_and_pixels_of_a_larger_array():
    x, vectors = RNG.standard_normal((100, 9000)), RNG.standard_normal((8000, 30))
    part = x[10:70, 500:8500]
    np.testing.assert_allclose(times(part, vectors), part @ vectors, rtol=0, atol=1e-10)


def test_no_rows():
    assert times(np.empty((0, 50)), np.ones((50, 3))).shape == (0, 3)
