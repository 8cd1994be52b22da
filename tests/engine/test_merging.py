"""Results of blocks, put together: nothing is lost, nothing is counted twice."""

from dataclasses import dataclass

import numpy as np
import pytest

from hs_nmfcluster.engine.merging import Gathered, fold, merge


@dataclass(frozen=True)
class Sums:
    total: np.ndarray
    number: int


@dataclass(frozen=True)
class Extremes:
    highest: float

    def __add__(self, other):
        return Extremes(max(self.highest, other.highest))


def result(i):
    """What a task may return for block number i."""
    rows = Gathered([(np.array([i]), np.array([[10.0 * i, 1.0]]))])
    return i, [np.full(3, float(i)), Sums(np.array([2.0 * i]), 1)], Extremes(float(i)), rows


class TestMerge:
    @pytest.mark.parametrize("in_place", [False, True])
    def test_every_kind_of_result(self, in_place):
        merged = result(0)
        for i in (3, 1, 2):
            merged = merge(merged, result(i), in_place=in_place)
        total, (array, sums), extremes, rows = merged
        assert total == 6
        assert array.tolist() == [6, 6, 6]
        assert (sums.total.tolist(), sums.number) == ([12], 4)
        assert extremes.highest == 3
        assert rows.ordered(np.arange(4))[:, 0].tolist() == [0, 10, 20, 30]

    def test_changes_nothing_unless_it_may(self):
        a, b = result(1), result(2)
        merge(a, b)
        assert a[1][0].tolist() == [1, 1, 1]
        assert b[1][0].tolist() == [2, 2, 2]

    def test_in_the_memory_of_the_first(self):
        first = np.ones(4)
        assert fold(iter([first, np.ones(4), np.ones(4)])) is first
        assert first.tolist() == [3, 3, 3, 3]

    def test_results_of_different_make(self):
        with pytest.raises(ValueError, match="zip"):
            merge([1, 2], [1])
