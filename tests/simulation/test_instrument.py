"""What a real instrument does to a simulated scan, against the perfect one."""

import numpy as np
import pytest

from hs_nmfcluster.scan.beam import estimate_beam_center
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation import Instrument, Truth, linear_mixture
from hs_nmfcluster.simulation.flaws import (
    bad_pixels,
    beam_shifts,
    distortion,
    frame_kinds,
    response,
    single_pixels,
)

SHAPE, PIXELS = (12, 16), (48, 40)
DETECTOR = Detector(PIXELS, (19.5, 23.5))


def simulate(instrument=None, noise=False, **more):
    return linear_mixture(
        SHAPE,
        PIXELS,
        pixel_size=0.4,
        n_particles=2,
        noise=noise,
        point_spread=0.8,
        instrument=instrument,
        dose=1e5,
        **more,
    )


class TestInstrument:
    def test_a_perfect_one_changes_nothing(self):
        for noise in (True, False):
            perfect, _ = simulate(noise=noise)
            same, truth = simulate(Instrument(), noise=noise)
            np.testing.assert_array_equal(same.data, perfect.data)
            assert truth.instrument == Instrument()

    def test_any_chunks_give_the_same(self):
        instrument = Instrument(
            hot_pixels=3, noisy_pixels=2, drift=1, blank=0.05, repeated=0.1, flyback=1, gain=5
        )
        eager, _ = simulate(instrument, noise=True)
        for chunks in (1, 3, (6, 5)):
            lazy, _ = simulate(instrument, noise=True, lazy=True, chunks=chunks)
            np.testing.assert_array_equal(lazy.data.compute(), eager.data)

    def test_truth_is_that_of_the_perfect_scan_and_is_kept(self, tmp_path):
        instrument = Instrument(hot_pixels=4, drift=2, course="jumps", saturation=90)
        signal, truth = simulate(instrument)
        np.testing.assert_array_equal(truth.maps, simulate()[1].maps)
        truth.save(tmp_path / "truth.npz")
        assert Truth.load(tmp_path / "truth.npz").instrument == instrument
        assert Truth.from_signal(signal).instrument == instrument

    def test_pixels(self):
        instrument = Instrument(hot_pixels=5, dead_pixels=7, noisy_pixels=3)
        hot, dead, noisy = single_pixels(instrument, PIXELS)
        assert (hot.sum(), dead.sum(), noisy.sum()) == (5, 7, 3)
        assert not (hot & dead | dead & noisy | hot & noisy).any()
        assert (hot[:, 1:] & hot[:, :-1]).any()
        (spoilt, _), (perfect, _) = simulate(instrument), simulate()
        changed = (spoilt.data != perfect.data).any(axis=(0, 1))
        np.testing.assert_array_equal(changed, bad_pixels(instrument, DETECTOR))
        assert (spoilt.data[..., dead] == 0).all()
        assert (spoilt.data[..., hot] > 9 * 1e5 / np.prod(PIXELS)).all()

    def test_cross_between_chips(self):
        (spoilt, _), (perfect, _) = simulate(Instrument(cross=2, edge=2.5)), simulate()
        assert (spoilt.data[..., 23:25, :] == 0).all()
        assert (spoilt.data[..., :, 19:21] == 0).all()
        ratio = spoilt.data[..., 22, 22:] / perfect.data[..., 22, 22:]
        np.testing.assert_allclose(ratio, 2.5, rtol=1e-5)

    def test_beam_stop_hides_the_beam(self):
        signal, _ = simulate(Instrument(beam_stop=5))
        stopped, perfect = signal.data[0, 0], simulate()[0].data[0, 0]
        assert stopped[23:25, 19:21].max() < 1e-3 * perfect[23:25, 19:21].max()
        np.testing.assert_allclose(stopped[:15], perfect[:15], rtol=1e-3)
        assert stopped[45, 19] < 0.1 * perfect[45, 19]

    @pytest.mark.parametrize("course", ["linear", "parabola", "jumps"])
    def test_beam_moves_by_what_it_says(self, course):
        instrument = Instrument(drift=3, course=course)
        signal, truth = simulate(instrument)
        shifts = beam_shifts(instrument, SHAPE)
        assert np.abs(shifts).max() == pytest.approx(3)
        np.testing.assert_allclose(shifts.mean(axis=(0, 1)), 0, atol=1e-12)
        for index in [(0, 0), (2, 5), (11, 15)]:
            found = np.array(estimate_beam_center(signal.data[index]))
            np.testing.assert_allclose(found - truth.center, shifts[index], atol=0.05)

    def test_ellipse_stretches_along_its_axis(self):
        spoilt, truth = simulate(Instrument(ellipse=6, ellipse_axis=20))
        y, x = np.indices(PIXELS)
        offsets = np.stack([x - 19.5, y - 23.5]).reshape(2, -1)
        near = np.hypot(*offsets) < 15

        def spread(data):
            weights = data[0, 0].ravel()[near]
            return (offsets[:, near] * weights) @ offsets[:, near].T / weights.sum()

        # What is blurred by D has moments D M Dᵀ, but for the edge of the window.
        values, vectors = np.linalg.eigh(spread(spoilt.data))
        axis = np.rad2deg(np.arctan2(vectors[1, 1], vectors[0, 1])) % 180
        assert axis == pytest.approx(20, abs=3)
        assert values[1] > values[0]
        np.testing.assert_allclose(np.linalg.det(distortion(truth.instrument)), 1)

    def test_gain_keeps_the_mean(self):
        instrument = Instrument(gain=10)
        sensitivity = response(instrument, PIXELS)
        assert sensitivity.mean() == pytest.approx(1)
        assert sensitivity.std() == pytest.approx(0.1, rel=0.1)
        (spoilt, _), (perfect, _) = simulate(instrument), simulate()
        np.testing.assert_allclose(spoilt.data, sensitivity * perfect.data, rtol=1e-5)

    def test_frames(self):
        instrument = Instrument(blank=0.1, repeated=0.1, flyback=2)
        signal, _ = simulate(instrument, noise=True)
        kinds = frame_kinds(instrument, SHAPE)
        assert (np.count_nonzero(kinds == 1), np.count_nonzero(kinds == 2)) == (19, 19)
        assert not signal.data[kinds == 1].any()
        assert set(np.unique(kinds[:, 2:])) <= {0, 1, 2}
        flat, kinds = signal.data.reshape(-1, *PIXELS), kinds.ravel()
        for position in np.flatnonzero(kinds == 2):
            source = np.flatnonzero(kinds[:position] != 2)[-1]
            np.testing.assert_array_equal(flat[position], flat[source])

    def test_camera(self):
        signal, _ = simulate(Instrument(saturation=100), noise=True)
        assert signal.data.max() == 100
        noisy, _ = simulate(Instrument(readout_noise=4), noise=True)
        assert noisy.data.dtype == np.int32
        assert noisy.data.min() < 0
        perfect, _ = simulate(noise=True)
        assert (noisy.data - perfect.data.astype(int)).std() == pytest.approx(4, rel=0.02)
        header, _ = simulate(Instrument(metadata_rows=2), noise=True)
        assert header.data[..., :2, :].mean() > 1000
        np.testing.assert_array_equal(header.data[..., 2:, :], perfect.data[..., 2:, :])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"drift": -1},
            {"course": "spiral"},
            {"blank": 0.6, "repeated": 0.5},
            {"saturation": 0},
        ],
    )
    def test_refuses(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Instrument(**wrong)

    def test_refuses_more_bad_pixels_than_there_are(self):
        with pytest.raises(ValueError, match="more than half of the 1920 pixels"):
            simulate(Instrument(hot_pixels=1000))
