"""Masks: True = left out; signals have their axes, arrays are in the order of the data."""

import hyperspy.api as hs
import numpy as np
import pytest
from scans import counts, decompose, signal

from hs_nmfcluster.scan import masks
from hs_nmfcluster.scan.detector import Detector

CHUNKS = [None, (2, 4, 3, 9)]


def as_signal(array):
    return hs.signals.Signal2D(array)


def as_array(array):
    return array


def as_lazy_signal(array):
    return hs.signals.Signal2D(array).as_lazy()


def as_navigation_signal(array):
    return hs.signals.BaseSignal(array).transpose(navigation_axes=array.ndim)


FORMS = [as_signal, as_array, as_lazy_signal, as_navigation_signal]


class TestNavigationMask:
    @pytest.mark.parametrize("chunks", CHUNKS)
    @pytest.mark.parametrize("form", FORMS)
    def test_equals_cropped_scan(self, form, chunks):
        left_out = np.zeros((5, 6), dtype=bool)
        left_out[3:] = True
        found = decompose(signal(counts(), chunks), navigation_mask=form(left_out))
        # The first rows come first in the scan, so the crop starts from the same numbers.
        cropped = decompose(signal(counts()[:3]))
        np.testing.assert_allclose(found.patterns.data, cropped.patterns.data, rtol=1e-9)
        np.testing.assert_allclose(found.maps.data[:, :3], cropped.maps.data, rtol=1e-9, atol=1e-9)
        assert np.isnan(found.maps.data[:, 3:]).all()
        np.testing.assert_allclose(found.position_mse[:3], cropped.position_mse)
        assert np.isnan(found.position_mse[3:]).all()
        assert found.mse == pytest.approx(cropped.mse)

    @pytest.mark.parametrize("chunks", CHUNKS)
    @pytest.mark.parametrize("form", FORMS)
    def test_scattered_positions_have_no_influence(self, form, chunks):
        left_out = np.random.default_rng(1).random((5, 6)) < 0.3
        spoilt = counts().astype("f4")
        expected = decompose(signal(spoilt), navigation_mask=left_out)
        spoilt[left_out] = np.nan
        found = decompose(signal(spoilt, chunks), navigation_mask=form(left_out))
        np.testing.assert_array_equal(np.isnan(found.maps.data), np.stack([left_out] * 3))
        np.testing.assert_allclose(found.patterns.data, expected.patterns.data, rtol=1e-9)
        np.testing.assert_allclose(found.maps.data, expected.maps.data, rtol=1e-9, atol=1e-9)

    def test_one_dimensional_scan(self):
        left_out = np.arange(30) >= 20
        found = decompose(signal(counts().reshape(30, 7, 9)), navigation_mask=left_out)
        assert np.isnan(found.maps.data).sum() == 30

    @pytest.mark.parametrize("chunks", [None, (1, 2, 2, 4, 9)])
    def test_three_axes(self, chunks):
        left_out = np.zeros((2, 3, 5), dtype=bool)
        left_out[1, 2, 3:] = True
        s = signal(counts().reshape(2, 3, 5, 7, 9), chunks)
        for mask in (left_out, hs.signals.BaseSignal(left_out)):
            found = decompose(s, navigation_mask=mask)
            np.testing.assert_array_equal(np.isnan(found.maps.data[0]), left_out)

    def test_from_a_virtual_image(self):
        s = signal(counts())
        image = s.get_virtual_image(0, 3, center=(4, 3))
        found = decompose(s, navigation_mask=image < image.data.mean())
        np.testing.assert_array_equal(np.isnan(found.maps.data[0]), image.data < image.data.mean())


class TestSignalMask:
    @pytest.mark.parametrize("chunks", CHUNKS)
    @pytest.mark.parametrize("form", FORMS[:3])
    def test_equals_cropped_detector(self, form, chunks):
        left_out = np.zeros((7, 9), dtype=bool)
        left_out[:, 5:] = left_out[0] = True
        found = decompose(signal(counts(), chunks), signal_mask=form(left_out))
        cropped = decompose(signal(counts()[:, :, 1:, :5]))
        kept = found.patterns.data[:, 1:, :5]
        np.testing.assert_allclose(kept, cropped.patterns.data, rtol=1e-9)
        np.testing.assert_allclose(found.maps.data, cropped.maps.data, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(np.isnan(found.patterns.data), np.stack([left_out] * 3))
        np.testing.assert_array_equal(found.detector_mask, left_out)
        assert found.mse == pytest.approx(cropped.mse)
        assert found.settings["pixels_kept"] == 30

    @pytest.mark.parametrize("chunks", CHUNKS)
    def test_bad_pixels_have_no_influence(self, chunks):
        left_out = np.random.default_rng(2).random((7, 9)) < 0.3
        spoilt = counts().astype("f4")
        expected = decompose(signal(spoilt), signal_mask=left_out)
        spoilt[..., left_out] = np.inf
        found = decompose(signal(spoilt, chunks), signal_mask=left_out)
        np.testing.assert_allclose(found.patterns.data, expected.patterns.data, rtol=1e-9)

    def test_ring(self):
        s = signal(counts())
        ring = s.get_detector_mask(1, 3, center=(4, 3))
        found = decompose(s, signal_mask=ring)
        np.testing.assert_array_equal(found.detector_mask, ring.data)

    def test_several_together(self):
        s, y, x = signal(counts()), *np.indices((7, 9))
        mask = np.zeros((7, 9), dtype=bool)
        mask[3, 6] = mask[0] = True
        radius = np.hypot(x - 4, y - 3)
        for wanted, expected in (
            ((1.5, 2.5), (radius < 1.5) | (radius > 2.5)),
            ([(1.5, 9.0), mask], (radius < 1.5) | mask),
            ([mask, mask.T.T], mask),
            ([mask, None], mask),
        ):
            found = decompose(s, signal_mask=wanted, center=(4, 3))
            np.testing.assert_array_equal(found.detector_mask, expected)

    def test_with_what_is_found(self):
        """Whoever adds a mask, or names one radius, does not let the beam in."""
        y, x = np.indices((21, 23))
        radius = np.hypot(x - 11, y - 10)
        pattern = 10 + 5000 * np.exp(-(radius**2) / 2)
        s = signal(np.random.default_rng(0).poisson(pattern, (6, 5, 21, 23)))
        auto = decompose(s, signal_mask="auto").detector_mask
        mask = np.zeros((21, 23), dtype=bool)
        mask[4, 15] = True
        added = decompose(s, signal_mask=["auto", mask])
        np.testing.assert_array_equal(added.detector_mask, auto | mask)
        assert "given" in added.settings["signal_mask"]
        assert "direct beam" in added.settings["signal_mask"]
        outer = decompose(s, signal_mask=(None, 8.3)).detector_mask
        np.testing.assert_array_equal(outer, (auto & (radius < 9)) | (radius > 8.3))
        only_beam = decompose(s, signal_mask="beam").detector_mask
        np.testing.assert_array_equal(only_beam, auto & (radius < 9))

    def test_none_keeps_everything(self):
        assert not decompose(signal(counts()), signal_mask=None).detector_mask.any()


class TestBothMasks:
    @pytest.mark.parametrize("chunks", CHUNKS)
    def test_equals_cropped_data(self, chunks):
        no_rows, no_columns = np.zeros((5, 6), dtype=bool), np.zeros((7, 9), dtype=bool)
        no_rows[2:] = no_columns[:, :4] = True
        found = decompose(signal(counts(), chunks), navigation_mask=no_rows, signal_mask=no_columns)
        cropped = decompose(signal(counts()[:2, :, :, 4:]))
        np.testing.assert_allclose(found.patterns.data[..., 4:], cropped.patterns.data, rtol=1e-9)
        model = found.model().data.compute()
        np.testing.assert_allclose(
            model[:2, :, :, 4:], cropped.model().data.compute(), rtol=1e-9, atol=1e-9
        )
        assert np.isnan(model[2:]).all()
        assert np.isnan(model[..., :4]).all()


class TestDefaultMask:
    def pattern(self, center, shape=(80, 100), radius=5.0):
        y, x = np.indices(shape)
        r = np.hypot(x - center[0], y - center[1])
        return 1e4 * np.exp(-((r / radius) ** 8)) + 20 * np.exp(-((r - 20) ** 2) / 8) + 5

    @pytest.mark.parametrize("center", [(49.5, 39.5), (45.2, 41.7), (52.0, 33.3)])
    def test_leaves_out_beam_and_corners(self, center):
        detector = Detector((80, 100), center)
        mask = masks.default_detector_mask(self.pattern(center), detector)
        r = detector.radius()
        assert mask.array[r <= 5].all()
        assert mask.array[r > detector.inscribed_radius + 0.01].all()
        assert not mask.array[(r > 12) & (r <= detector.inscribed_radius)].any()

    def test_beam_is_left_out_whole(self):
        center = (49.5, 39.5)
        mask = masks.default_detector_mask(self.pattern(center), Detector((80, 100), center))
        kept = self.pattern(center)[~mask.array]
        assert kept.max() < 40

    def test_radii_in_words(self):
        detector = Detector((80, 100), (49.5, 39.5), scale=(0.1, 0.1), units="1/nm")
        text = masks.default_detector_mask(self.pattern((49.5, 39.5)), detector).description
        assert "39.5 px = 3.95 nm⁻¹" in text
        assert "direct beam" in text
        assert "corners" in text

    def test_no_beam(self):
        mask = masks.default_detector_mask(np.full((20, 20), 3.0), Detector((20, 20), (9.5, 9.5)))
        assert not mask.array[9:11, 9:11].any()
        assert mask.array[0, 0]

    def test_signal_only_in_the_corners(self):
        pattern = np.zeros((20, 20))
        pattern[0, 0] = 5
        mask = masks.default_detector_mask(pattern, Detector((20, 20), (9.5, 9.5)))
        assert not mask.array.any()
        assert mask.description.startswith("none")

    def test_used_by_default(self):
        data = np.random.default_rng(0).poisson(self.pattern((48.0, 40.0)) / 10, (3, 4, 80, 100))
        found = signal(data).decompose_als_nmf(
            2, restarts=1, max_iterations=3, print_info=False, show_progressbar=False
        )
        r = np.hypot(*(np.indices((80, 100)) - np.array([40.0, 48.0])[:, None, None]))
        assert found.detector_mask[r < 5].all()
        assert found.detector_mask[r > 41].all()
        assert not found.detector_mask[(r > 13) & (r < 38)].any()
        np.testing.assert_array_equal(np.isnan(found.patterns.data[0]), found.detector_mask)
