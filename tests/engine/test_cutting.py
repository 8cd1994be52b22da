"""Rows whose values are taken from other pixels, against a plain loop."""

import sys

import cloudpickle
import dask
import dask.array as da
import numpy as np
import pytest

from hs_nmfcluster.engine.cutting import CHOICES, LEVELS, Cut, Placement
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix

SCAN, DETECTOR = (3, 5), (6, 7)
DATA = np.random.default_rng(0).integers(0, 999, (*SCAN, *DETECTOR)).astype(">u2")
KINDS = np.random.default_rng(1).integers(0, 3, 15)
DISPLACEMENTS = np.array([0, 8, -1])
REPLACED = (np.array([3]), np.array([5, 33, 41]), np.array([0]))


def placement(response=None):
    rng = np.random.default_rng(2)
    sources = tuple(rng.integers(0, 42, (1, CHOICES, len(one))) for one in REPLACED)
    return Placement(KINDS, DISPLACEMENTS, REPLACED, sources, response=response)


def rows_of(matrix):
    """Every row of a matrix, by position."""
    return Job().collect(matrix, _whole)


def _whole(rows, _):
    return np.asarray(rows[:])


class TestCut:
    def test_values_come_from_their_places(self):
        where = placement()
        rows = Cut(None, where)(DATA.reshape(15, 42), np.arange(15))
        assert rows.dtype == np.uint16
        for position, row in enumerate(rows):
            kind, pattern = KINDS[position], DATA.reshape(15, 42)[position]
            for pixel, value in enumerate(row):
                if pixel in REPLACED[kind]:
                    column = list(REPLACED[kind]).index(pixel)
                    assert value in pattern[where.sources[kind][0, :, column]]
                elif 0 <= pixel + DISPLACEMENTS[kind] < 42:
                    assert value == pattern[pixel + DISPLACEMENTS[kind]]

    def test_all_of_the_choices_are_taken(self):
        patterns = np.tile(np.arange(9), (200, 1))
        sources = np.array([[[1], [3], [5], [7]]])
        where = Placement(np.zeros(200, int), np.array([0]), (np.array([4]),), (sources,))
        taken, counts = np.unique(
            Cut(None, where)(patterns, np.arange(200))[:, 4], return_counts=True
        )
        assert taken.tolist() == [1, 3, 5, 7]
        assert counts.min() > 30

    @pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "f8"])
    def test_fractions_interpolate_on_average(self, dtype):
        """And each value is one of those around its place."""
        pattern = np.random.default_rng(4).integers(0, 120, 20 * 30).astype(dtype)
        n, chances = 4000, np.array([LEVELS // 4, 3 * LEVELS // 4], np.uint8)
        where = Placement(
            kinds=np.zeros(n, int),
            displacements=np.array([0]),
            replaced=(np.array([], int),),
            sources=(np.zeros((4, CHOICES, 0), int),),
            fractions=np.tile(chances, (n, 1)),
            row=30,
        )
        rows = Cut(None, where)(np.tile(pattern, (n, 1)), np.arange(n)).reshape(n, 20, 30)
        assert rows.dtype == pattern.dtype
        image, rows = pattern.astype(float), rows.astype(float)
        image = image.reshape(20, 30)
        around = [image[:-1, :-1], image[:-1, 1:], image[1:, :-1], image[1:, 1:]]
        weights = [0.75 * 0.25, 0.25 * 0.25, 0.75 * 0.75, 0.25 * 0.75]
        inside = rows[:, :-1, :-1]
        assert np.logical_or.reduce([inside == one for one in around]).all()
        expected = sum(w * one for w, one in zip(weights, around, strict=True))
        spread = sum(w * one**2 for w, one in zip(weights, around, strict=True)) - expected**2
        sigma = np.maximum(np.sqrt(spread / n), 1e-9)
        assert (np.abs(inside.mean(axis=0) - expected) < 6 * sigma).all()
        # Neighbours choose each for themselves.
        left = inside - expected
        together = np.mean(left[:, :, 1:] * left[:, :, :-1], axis=0)
        assert np.abs(together / (sigma[:, 1:] * sigma[:, :-1] * n)).max() < 6 / np.sqrt(n)

    def test_response_is_that_of_the_pixel_it_comes_from(self):
        response = np.linspace(0.5, 1.5, 42, dtype=np.float32)
        plain = Cut(None, placement())(
            (DATA / response.reshape(DETECTOR)).reshape(15, 42), np.arange(15)
        )
        rows = Cut(None, placement(response))(DATA.reshape(15, 42), np.arange(15))
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows, plain, rtol=1e-6)

    @pytest.mark.parametrize("response", [None, np.linspace(0.5, 1.5, 42, dtype=np.float32)])
    def test_same_however_the_data_lie(self, response):
        mask = np.random.default_rng(3).random(DETECTOR) < 0.3
        left_out = np.zeros(SCAN, bool)
        left_out[1, 2] = left_out[0, 0] = True
        where = placement(response)
        every = Cut(None, where)(DATA.reshape(15, 42), np.arange(15))
        expected = every[~left_out.ravel()][:, ~mask.ravel()]
        lazy = da.from_array(DATA, chunks=(2, 2, 6, 3))
        for data in (DATA, np.asfortranarray(DATA), lazy, lazy.rechunk((1, 5, 3, 7))):
            matrix = ScanMatrix.from_array(data, left_out, mask, placement=where)
            assert matrix.dtype == expected.dtype
            np.testing.assert_array_equal(rows_of(matrix), expected)
            held = Job().hold(ScanMatrix.from_array(data)) if data is lazy else None
            if held is not None:
                cut = held.cut_out(~left_out.ravel(), Cut(None, where).without(mask))
                assert (cut.n_pixels, cut.dtype) == (matrix.n_pixels, matrix.dtype)
                np.testing.assert_array_equal(rows_of(cut), expected)

    @pytest.mark.parametrize("response", [None, np.linspace(0.5, 1.5, 42, dtype=np.float32)])
    def test_same_if_moved_patterns_are_held(self, response):
        mask = np.random.default_rng(3).random(DETECTOR) < 0.3
        left_out = np.zeros(SCAN, bool)
        left_out[1, 2] = True
        where = placement(response)
        lazy = da.from_array(DATA, chunks=(2, 2, 6, 3))
        for data in (DATA, lazy):
            expected = ScanMatrix.from_array(data, left_out, mask, placement=where)
            held = Job().hold(ScanMatrix.from_array(data, left_out, placement=where))
            assert not held.is_lazy
            assert all(isinstance(block.rows, np.ndarray) for block in held.blocks)
            found = held.masked(mask)
            assert (found.n_pixels, found.dtype) == (expected.n_pixels, expected.dtype)
            np.testing.assert_array_equal(rows_of(found), rows_of(expected))
            np.testing.assert_array_equal(found.cut.pixels, expected.cut.pixels)

    @pytest.mark.slow
    def test_in_windows_and_by_processes(self, by_value):
        where = placement()
        every = Cut(None, where)(DATA.reshape(15, 42), np.arange(15))
        lazy = ScanMatrix.from_array(da.from_array(DATA, chunks=(1, 3, -1, -1)), placement=where)
        groups = [[np.array([0, 1, 5]), np.array([1, 6, 14])]]
        with dask.config.set(scheduler="processes"):
            windows = Job().visit(lazy.regrouped(groups), _as_list).rows
        np.testing.assert_array_equal(windows[0], every[[0, 1, 5]])
        np.testing.assert_array_equal(windows[1], every[[1, 6, 14]])


@pytest.fixture
def by_value():
    """Let processes take the functions of this module, which they cannot import."""
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    yield
    cloudpickle.unregister_pickle_by_value(module)


def _as_list(rows, _):
    return Windows([np.asarray(rows[:])])


class Windows:
    """Rows of windows, in their order."""

    def __init__(self, rows):
        self.rows = rows

    def __add__(self, other):
        return Windows(self.rows + other.rows)
