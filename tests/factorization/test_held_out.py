import numpy as np
import pytest
from scipy import stats

from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.held_out import (
    are_counts,
    counting_gain,
    every_other,
    expected_false,
    held_out_significance,
    likeness,
    thinned,
)
from hs_nmfcluster.scan.local_maps import LocalMaps
from hs_nmfcluster.scan.survey import survey


def test_parts_of_counts_know_nothing_of_each_other():
    counts = np.random.default_rng(0).poisson(6.0, (40, 20, 20)).astype(np.uint16)
    places = np.arange(40)
    held, rest = (thinned(counts, places, 3, 0.25, part) for part in (True, False))
    np.testing.assert_array_equal(held + rest, counts)
    assert held.dtype == rest.dtype == counts.dtype
    assert held.mean() == pytest.approx(1.5, rel=0.02)
    # Of Poisson counts: 16000 pairs, so that a correlation of 0.03 would stand out by four sigma.
    assert abs(np.corrcoef(held.ravel(), rest.ravel())[0, 1]) < 0.03
    np.testing.assert_array_equal(thinned(counts[7:9], places[7:9], 3, 0.25, True), held[7:9])


@pytest.mark.parametrize(("gain", "speckle"), [(1, 0.0), (1, 0.5), (5, 0.0), (5, 0.5)])
def test_single_electrons_are_told_from_scaled_ones(gain, speckle):
    rng = np.random.default_rng(1)
    rate = np.linspace(5, 60, 144).reshape(12, 12)
    rate = rate * (rng.gamma(1 / speckle, speckle, (400, 12, 12)) if speckle else 1)
    data = gain * rng.poisson(rate, (400, 12, 12))
    kept = np.ones((12, 12), bool)
    measured = counting_gain(survey(data), kept)
    assert measured == pytest.approx(gain, rel=0.3)
    assert are_counts(survey(data), kept, measured) == (gain == 1)
    assert not are_counts(survey(data + 0.5), kept, measured)


def test_noise_is_as_significant_as_normal_numbers_are():
    rng = np.random.default_rng(2)
    maps, templates = rng.random((300, 12, 14)), rng.standard_normal((300, 30))
    data = rng.poisson(2.0, (12, 14, 1, 30)) * rng.gamma(2.0, size=(12, 14, 1, 1))
    matrix = ScanMatrix.from_array(data)
    templates -= templates.mean(axis=1, keepdims=True)
    z = held_out_significance(matrix, templates, LocalMaps.known(maps), Job())
    assert stats.kstest(z, "norm").pvalue > 0.01


def test_significance_is_that_of_a_regression():
    rng = np.random.default_rng(3)
    maps, templates = rng.random((1, 6, 5)), rng.standard_normal((1, 9))
    data = rng.random((6, 5, 1, 9)) + np.multiply.outer(maps[0], templates)
    z = held_out_significance(ScanMatrix.from_array(data), templates, LocalMaps.known(maps), Job())
    fit = stats.linregress(maps.ravel(), (data[:, :, 0] @ templates[0]).ravel())
    t = fit.slope / fit.stderr
    assert z[0] == pytest.approx(stats.norm.isf(stats.t.sf(t, 28)), rel=2e-3)


def test_maps_at_other_positions_are_taken_from_the_neighbours():
    rng = np.random.default_rng(4)
    maps = np.zeros((1, 16, 16))
    maps[0, 4:10, 5:11] = 1
    data = rng.poisson(5 + 9 * np.multiply.outer(maps[0], np.eye(1, 9)))
    odd = every_other((16, 16))
    known = np.where(odd, np.nan, maps)
    matrix = ScanMatrix.from_array(data, ~odd)
    z = held_out_significance(matrix, np.eye(1, 9) - 1 / 9, LocalMaps.known(known), Job())
    assert z[0] > 6


def test_likeness_needs_the_pattern_and_the_place():
    patterns, maps = np.eye(2, 6), np.zeros((2, 4, 4))
    maps[0, :2], maps[1, 2:] = 1, 2
    same = likeness((patterns, patterns), (LocalMaps.of(maps), LocalMaps.known(maps)))
    np.testing.assert_allclose(same, np.eye(2))
    swapped = likeness((patterns, patterns[::-1]), (LocalMaps.of(maps), LocalMaps.of(maps)))
    np.testing.assert_allclose(swapped, 0)


def test_more_components_make_more_false_ones():
    few, many = expected_false(np.full(3, 3.0)), expected_false(np.full(300, 3.0))
    assert many[0] == pytest.approx(100 * few[0]) == pytest.approx(300 * stats.norm.sf(3.0))
