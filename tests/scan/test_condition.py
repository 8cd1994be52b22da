"""What is found wrong with a scan, against what was done to it."""

import numpy as np
import pytest

from hs_nmfcluster.scan.condition.course import find_course
from hs_nmfcluster.scan.condition.ellipse import fit_ellipse, stretch
from hs_nmfcluster.scan.condition.frames import find_frames
from hs_nmfcluster.scan.condition.inspection import inspect
from hs_nmfcluster.scan.condition.sharpness import spot_spread
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.survey import survey
from hs_nmfcluster.simulation import (
    Instrument,
    Particle,
    SpotFamily,
    linear_mixture,
    nanocrystals_in_glass,
)
from hs_nmfcluster.simulation.flaws import frame_kinds, known_corrections

SCAN, PIXELS = (24, 28), (72, 80)


def simulate(instrument=None, dose=3e5, **more):
    """Scan and its truth: positions enough, at which a pixel counts some 50 electrons each."""
    signal, truth = linear_mixture(
        SCAN,
        PIXELS,
        pixel_size=0.25,
        n_particles=5,
        dose=dose,
        instrument=instrument,
        **{"seed": 4, **more},
    )
    detector = Detector(PIXELS, truth.center)
    right = known_corrections(instrument or Instrument(), SCAN, detector)
    return signal.data, right


def condition(instrument=None, dose=3e5, **more):
    data, right = simulate(instrument, dose, **more)
    return inspect(survey(data)), right


def assert_nothing(found):
    assert not found.pixels.bad.any()
    assert not found.frames.left_out.any()
    assert not found.course.moved
    assert found.ellipse is None or not found.ellipse.certain
    assert found.gain is None or not found.gain.certain
    corrections = found.corrections
    assert corrections.bad_pixels is corrections.shifts is corrections.gain is None
    assert corrections.left_out is corrections.distortion is None


class TestPerfectScan:
    @pytest.mark.parametrize(
        "seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))]
    )
    @pytest.mark.parametrize("dose", [0.03, 1, 30, 300])
    def test_crystals_in_a_matrix(self, dose, seed):
        assert_nothing(condition(dose=dose * np.prod(PIXELS), seed=seed)[0])

    @pytest.mark.parametrize("convergence", [0.2, 1.0, 3.0])
    def test_spots_of_any_size(self, convergence):
        assert_nothing(condition(convergence_angle=convergence)[0])

    @pytest.mark.parametrize("angle", [5.0, pytest.param(17.0, marks=pytest.mark.slow)])
    @pytest.mark.parametrize("convergence", [0.5, 2.0])
    def test_a_single_crystal(self, convergence, angle):
        family = SpotFamily("oblique", (0.3, 0.4), 75.0)
        everywhere = Particle("oblique", angle, (12, 12), 400.0, 0.6)
        found = condition(families=[family], particles=[everywhere], convergence_angle=convergence)[
            0
        ]
        assert_nothing(found)

    def test_without_noise(self):
        assert_nothing(condition(noise=False)[0])

    @pytest.mark.parametrize("data", [np.zeros((3, 4, 8, 8)), np.ones((5, 6, 6), "u2")])
    def test_nothing_to_be_seen(self, data):
        assert_nothing(inspect(survey(data)))


class TestPixels:
    @pytest.mark.parametrize("dose", [5e4, 3e5])
    def test_single_ones(self, dose):
        instrument = Instrument(hot_pixels=12, dead_pixels=20, noisy_pixels=6, seed=3)
        found, right = condition(instrument, dose)
        bad = found.pixels.bad
        assert bad[right.bad_pixels].mean() >= 0.95
        assert bad[~right.bad_pixels].mean() <= 1e-3
        assert np.hypot(*np.subtract(found.center, (39.5, 35.5))) < 0.3

    def test_cross_of_chips(self):
        for width in (2, 4):
            found, right = condition(Instrument(cross=width, edge=2.5))
            np.testing.assert_array_equal(found.pixels.bad, right.bad_pixels)
            assert np.hypot(*np.subtract(found.center, (39.5, 35.5))) < 0.3

    @pytest.mark.slow
    @pytest.mark.parametrize("hidden", [{"cross": 1, "edge": 2.5}, {"beam_stop": 7}])
    def test_spots_of_a_pixel_are_none_where_the_beam_is_hidden(self, hidden):
        instrument = Instrument(**hidden)
        signal, truth = nanocrystals_in_glass(
            (20, 20),
            (64, 64),
            pixel_size=0.32,
            angles_per_family=1,
            n_particles=3,
            instrument=instrument,
        )
        detector = Detector(truth.patterns.shape[1:], truth.center)
        right = known_corrections(instrument, (20, 20), detector).bad_pixels
        bad = inspect(survey(signal.data)).pixels.bad
        assert bad[right].mean() >= 0.95
        assert bad[~right].mean() <= 5e-3

    def test_rows_of_metadata(self):
        found, right = condition(Instrument(metadata_rows=3))
        np.testing.assert_array_equal(found.pixels.bad, right.bad_pixels)

    def test_beam_stop(self):
        found, right = condition(Instrument(beam_stop=6))
        assert found.pixels.stop[right.bad_pixels].mean() >= 0.95
        assert found.pixels.bad[~right.bad_pixels].mean() <= 2e-3
        assert np.hypot(*np.subtract(found.center, (39.5, 35.5))) < 0.5

    def test_saturation(self):
        data, _ = simulate()
        top = int(data.max()) // 2
        found = inspect(survey(np.minimum(data, top)))
        clipped = (data >= top).mean(axis=(0, 1)) > 0.05
        assert found.pixels.saturated[clipped].all()
        assert not found.pixels.saturated[~(data >= top).any(axis=(0, 1))].any()

    def test_spots_bring_something_to_the_pixels_beside_them(self):
        sigma = 0.8
        y, x = np.mgrid[-1:2, -1:2]
        # Averages over pixels, which a spot that lies between them spreads even more.
        fine = np.linspace(-0.5, 0.5, 21)
        inside = np.exp(
            -((x[..., None, None] + fine) ** 2 + (y[..., None, None] + fine[:, None]) ** 2)
            / (2 * sigma**2)
        ).mean(axis=(-1, -2))
        expected = (inside.sum() - inside[1, 1]) / 8 / inside[1, 1]
        assert spot_spread(sigma) == pytest.approx(expected, rel=0.05)


class TestFrames:
    def test_blank_repeated_and_flyback(self):
        instrument = Instrument(blank=0.02, repeated=0.02, flyback=2, hot_pixels=5, seed=1)
        found, _ = condition(instrument)
        kinds = frame_kinds(instrument, SCAN)
        for kind, flags in enumerate(
            (found.frames.blank, found.frames.repeated, found.frames.flyback), start=1
        ):
            np.testing.assert_array_equal(flags, kinds == kind)

    def test_grains_at_the_end_of_some_lines_are_no_flyback(self):
        first = np.repeat([3, 11, 4, 12, 5, 10, 3, 9], 8)
        bright = np.arange(64) < first[:, None]
        frames = survey(
            np.random.default_rng(0).poisson(20 + 4.0 * bright[..., None, None], (64, 64, 8, 8))
        ).frames
        assert not find_frames(frames, (64, 64)).left_out.any()
        late = 20 + 4.0 * (np.arange(64) < 2)[:, None, None]
        frames = survey(np.random.default_rng(0).poisson(late, (64, 64, 8, 8))).frames
        assert find_frames(frames, (64, 64)).flyback.sum() == 128

    def test_few_electrons_leave_patterns_blank_by_chance(self):
        data = np.random.default_rng(0).poisson(0.03, (20, 20, 10, 10))
        assert (data.sum(axis=(2, 3)) == 0).any()
        assert not find_frames(survey(data).frames, (20, 20)).left_out.any()

    def test_positions_that_were_not_looked_at_are_not_judged(self):
        data, _ = simulate(Instrument(blank=0.1))
        masked = np.zeros(SCAN, bool)
        masked[:8] = True
        found = inspect(survey(data, masked))
        assert not found.frames.left_out[:8].any()
        assert found.frames.left_out[8:].any()


class TestCourse:
    @pytest.mark.parametrize("course", ["linear", "parabola", "jumps"])
    @pytest.mark.parametrize("drift", [1.0, pytest.param(4.0, marks=pytest.mark.slow)])
    def test_of_the_beam(self, course, drift):
        found, right = condition(Instrument(drift=drift, course=course, seed=2))
        assert found.course.moved
        shifts = found.corrections.shifts
        assert np.sqrt(((shifts - right.shifts) ** 2).mean()) < 0.1
        assert (np.abs(shifts - right.shifts).max(axis=-1) < 0.2).mean() > 0.95

    def test_behind_a_stop(self):
        found, right = condition(Instrument(drift=2.0, beam_stop=6))
        assert np.abs(found.corrections.shifts - right.shifts).max() < 0.2

    def test_noise_is_no_course(self):
        data, _ = simulate()
        blocks = survey(data).blocks
        rng = np.random.default_rng(0)
        for _ in range(30):
            centers = rng.normal(0, 0.2, blocks.places.shape)
            course = find_course(centers, blocks.places, blocks.n_positions, blocks.layout)
            assert not course.moved


class TestEllipse:
    @pytest.mark.parametrize(
        ("strength", "axis"),
        [(1.0, 100.0), (6.0, 175.0), pytest.param(2.0, 30.0, marks=pytest.mark.slow)],
    )
    def test_of_a_scan(self, strength, axis):
        found, right = condition(Instrument(ellipse=strength, ellipse_axis=axis))
        assert found.ellipse.certain
        assert 100 * found.ellipse.strength == pytest.approx(strength, abs=0.3)
        assert abs((found.ellipse.axis - axis + 90) % 180 - 90) < 5
        np.testing.assert_allclose(found.corrections.distortion, right.distortion, atol=2e-3)

    def test_pixels_that_are_not_square(self):
        y, x = np.indices((96, 96))
        offsets = np.stack([(x - 50) * 1.1, (y - 45) / 1.1]).reshape(2, -1)
        seen = stretch(1 / 1.03, 40.0) @ offsets
        radius = np.hypot(*seen).reshape(x.shape)
        image = 100 * np.exp(-(((radius - 25) / 5) ** 2)) + 20 * np.exp(-radius / 15)
        nothing = np.zeros(x.shape, bool)
        found = fit_ellipse(image, nothing, (50.0, 45.0), (1.1, 1 / 1.1), 5.0)
        assert found.strength == pytest.approx(0.03, abs=0.002)
        assert found.axis == pytest.approx(40, abs=3)

    def test_is_not_seen_in_noise(self):
        noise = np.random.default_rng(0).poisson(5.0, (80, 80)).astype(float)
        found = fit_ellipse(noise, noise < 0, (39.5, 39.5), (1.0, 1.0), 5.0)
        assert found is None or not found.certain


class TestGain:
    def test_of_a_scan(self):
        found, right = condition(Instrument(gain=10))
        assert found.gain.certain
        assert found.gain.spread == pytest.approx(0.1, rel=0.15)
        left = right.gain / found.corrections.gain
        assert left.std() < 0.6 * right.gain.std()

    def test_few_electrons_do_not_tell_it(self):
        found, _ = condition(Instrument(gain=10), dose=300)
        assert found.corrections.gain is None


def test_all_together():
    instrument = Instrument(
        ellipse=2, drift=1, hot_pixels=12, dead_pixels=20, gain=5, blank=0.01, seed=8
    )
    found, right = condition(instrument)
    corrections = found.corrections
    assert corrections.bad_pixels[right.bad_pixels].mean() >= 0.95
    assert corrections.bad_pixels[~right.bad_pixels].mean() <= 1e-3
    np.testing.assert_array_equal(corrections.left_out, right.left_out)
    np.testing.assert_allclose(corrections.distortion, right.distortion, atol=2e-3)
    assert np.abs(corrections.shifts - right.shifts).max() < 0.2
