"""Maps limited to what the probe resolves, against closed forms."""

import pickle

import numpy as np
import pytest

from hs_nmfcluster.factorization.constraints.band_limit import BandLimit, low_pass, pass_band

SHAPE, STEPS, LIMIT = (20, 28), (0.5, 0.7), 2.5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def blobs(shape: tuple[int, ...], steps: tuple[float, ...], width: float) -> np.ndarray:
    """Two Gaussians, one of them cut by an edge; they hold next to nothing finer than `width`."""
    y, x = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(shape, steps, strict=True)), indexing="ij"
    )
    centers = ((3.0, 4.0), (8.0, x.max()))
    found = [
        np.exp(-((y - v) ** 2 + (x - u) ** 2) / (2 * (width / 2.355) ** 2)) for v, u in centers
    ]
    return np.stack(found).reshape(2, -1)


class TestPassBand:
    def test_periods_along_each_axis(self):
        band = pass_band((8, 10), (1.0, 2.0), 5.0)
        # The k-th of n cosines has the period 2 n step / k.
        assert np.flatnonzero(band[:, 0]).tolist() == [k for k in range(8) if k == 0 or 16 / k >= 5]
        assert np.flatnonzero(band[0]).tolist() == [k for k in range(10) if k == 0 or 40 / k >= 5]

    def test_is_a_disc(self):
        band = pass_band((64, 64), (1.0, 1.0), 4.0)
        assert band.mean() == pytest.approx(np.pi / 4 / 4, rel=0.05)

    def test_a_period_of_exactly_the_limit_is_kept(self):
        assert pass_band((10,), (0.1,), 0.5).sum() == 5


class TestLowPass:
    def test_is_a_projection(self, rng):
        band = pass_band(SHAPE, STEPS, LIMIT)
        maps = rng.random((3, *SHAPE))
        once = low_pass(maps, band)
        assert np.allclose(low_pass(once, band), once)
        assert abs(np.sum((maps - once) * once)) < 1e-9

    def test_does_not_wrap_around(self):
        band = pass_band((60,), (1.0,), 6.0)
        step = np.zeros((1, 60))
        step[0, 55:] = 1
        # Half a period away from the edge at 55, what rings has to have decayed as from a step,
        # not risen to the other edge's level as in a Fourier series.
        assert abs(low_pass(step, band)[0, :10]).max() < 0.02

    def test_cosines_pass_or_do_not(self):
        x = np.arange(40) + 0.5
        cosines = np.stack([np.cos(np.pi * k * x / 40) for k in (5, 35)])
        passed = low_pass(cosines, pass_band((40,), (1.0,), 4.0))
        assert np.allclose(passed, [cosines[0], 0 * x])


class TestBandLimit:
    def test_leaves_resolved_maps_alone(self):
        maps = blobs(SHAPE, STEPS, 2 * LIMIT)
        band = BandLimit.of_scan(SHAPE, STEPS, LIMIT)
        for limited in (band.fit(maps), band.limit(maps)):
            assert np.linalg.norm(limited - maps) < 0.02 * np.linalg.norm(maps)

    def test_removes_noise_beyond(self, rng):
        maps = blobs(SHAPE, STEPS, 2 * LIMIT)
        noise = 0.1 * rng.standard_normal(maps.shape)
        band = BandLimit.of_scan(SHAPE, STEPS, LIMIT)
        left = band.fit(maps + noise) - maps
        # What is left of white noise is its share within the band.
        assert np.mean(left**2) == pytest.approx(0.01 * band.band.mean(), rel=0.25)

    def test_not_negative_and_resolved(self, rng):
        band = BandLimit.of_scan(SHAPE, STEPS, LIMIT)
        limited = band.limit(rng.standard_normal((4, 560)))
        assert limited.min() >= 0
        beyond = np.sum((limited - band.fit(limited)) ** 2, axis=1)
        assert (beyond < 1e-3 * np.sum(limited**2, axis=1)).all()

    def test_positions_left_out(self, rng):
        maps = blobs(SHAPE, STEPS, 2 * LIMIT)
        keep = rng.random(560) > 0.3
        keep.reshape(SHAPE)[:, :3] = False
        positions = np.flatnonzero(keep)
        band = BandLimit.of_scan(SHAPE, STEPS, LIMIT, positions)
        for limited in (band.fit(maps[:, keep]), band.limit(maps[:, keep])):
            assert limited.shape == (2, len(positions))
            assert np.linalg.norm(limited - maps[:, keep]) < 0.04 * np.linalg.norm(maps[:, keep])

    def test_a_partial_scan_is_no_edge_of_zeros(self):
        # The last rows were never scanned: a constant map must stay constant up to there.
        positions = np.arange(12 * 28)
        band = BandLimit.of_scan(SHAPE, STEPS, LIMIT, positions)
        assert np.allclose(band.limit(np.ones((1, len(positions)))), 1)

    def test_a_line(self):
        x = np.arange(64)
        band = BandLimit.of_scan((64,), (1.0,), 8.0)
        rough = 2 + np.cos(2 * np.pi * x / 32) + np.cos(2 * np.pi * x / 2.5)
        left = band.fit(rough[None])[0] - 2 - np.cos(2 * np.pi * x / 32)
        # At the ends the mirror breaks the fast wave off.
        assert np.abs(left[4:-4]).max() < 0.1

    def test_a_series_of_scans_is_limited_scan_by_scan(self, rng):
        series = rng.random((1, 3 * 560))
        whole = BandLimit.of_scan((3, *SHAPE), STEPS, LIMIT).limit(series)
        single = BandLimit.of_scan(SHAPE, STEPS, LIMIT)
        parts = [single.limit(part[None]) for part in series.reshape(3, 560)]
        assert np.allclose(whole.reshape(3, 560), np.concatenate(parts))

    def test_masked_series_takes_nothing_from_another_scan(self):
        series = np.repeat([1.0, 5.0], 560)[None]
        keep = np.ones((2, *SHAPE), bool)
        keep[0, :, 20:] = False
        band = BandLimit.of_scan((2, *SHAPE), STEPS, LIMIT, np.flatnonzero(keep))
        assert np.allclose(band.limit(series[:, keep.ravel()]), series[:, keep.ravel()])

    def test_travels_to_workers(self, rng):
        band = BandLimit.of_scan(SHAPE, STEPS, LIMIT)
        maps = rng.random((1, 560))
        assert np.array_equal(pickle.loads(pickle.dumps(band)).limit(maps), band.limit(maps))

    def test_says_where_it_has_no_effect(self):
        with pytest.raises(ValueError, match=r"`limit` = 2 has no effect.* steps of 1.5 x 1.5"):
            BandLimit.of_scan((58, 58), (1.5, 1.5), 2.0)

    def test_says_where_nothing_is_left(self):
        with pytest.raises(ValueError, match=r"`limit` = 99 leaves nothing .* covers 10 x 19.6"):
            BandLimit.of_scan(SHAPE, STEPS, 99.0)
