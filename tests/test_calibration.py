"""The scale and the ellipse of a detector from rings of known spacing."""

import hyperspy.api as hs
import numpy as np
import pytest

from hs_nmfcluster import NMFDiffraction2D
from hs_nmfcluster.materials import Cell
from hs_nmfcluster.scan.condition.ellipse import Ellipse
from hs_nmfcluster.scan.detector import Detector, as_distortion

GOLD = Cell(a=0.4078, space_group="Fm-3m", atoms=[("Au", 0, 0, 0)])
SCALE, SHAPE, CENTER = 0.135, (150, 160), (81.3, 72.6)
STRENGTH, AXIS = 0.03, 40.0


def rings(d=None, seed=0, strength=STRENGTH):
    """Counts of a ring pattern of gold, the beam in the middle."""
    d = GOLD.reflections(0.08).d if d is None else np.asarray(d)
    matrix = as_distortion(Ellipse(strength, AXIS, 0.0, 0.0).matrix)
    radius = Detector(SHAPE, CENTER, (SCALE, SCALE), "1/nm", matrix).radius()
    pattern = 30 * np.exp(-radius / 3) + 4e4 * np.exp(-((radius / SCALE / 1.6) ** 2))
    for number, one in enumerate(d):
        pattern += 40 / (1 + 0.2 * number) * np.exp(-(((radius - 1 / one) / SCALE / 1.5) ** 2))
    counts = np.random.default_rng(seed).poisson(pattern, (6, 7, *SHAPE))
    return NMFDiffraction2D(counts.astype("u2"))


def check(s, found):
    assert found.scale[0] == pytest.approx(SCALE, rel=2e-3)
    assert abs(found.scale[0] / SCALE - 1) < 5 * found.error + 5e-4
    assert found.ellipse == pytest.approx(STRENGTH, abs=0.003)
    assert found.ellipse_axis == pytest.approx(AXIS, abs=5)
    np.testing.assert_allclose(found.center, CENTER, atol=0.1)
    x, y = s.axes_manager.signal_axes
    assert x.units == y.units == "1/nm"
    assert x.scale == found.scale[0]
    np.testing.assert_allclose((-x.offset / x.scale, -y.offset / y.scale), found.center)


class TestCalibrate:
    def test_phase_from_scratch(self):
        s = rings()
        found = s.calibrate(ring=GOLD)
        check(s, found)
        assert len(found.d) >= 3
        np.testing.assert_allclose(found.measured, found.d, rtol=5e-3)
        assert "1/nm a pixel" in repr(found)

    @pytest.mark.parametrize("known", [0.2354, [0.2354, 0.2039]])
    def test_spacings(self, known):
        s = rings()
        check(s, s.calibrate(ring=known))

    def test_single_spacing_near_what_the_axes_say(self):
        s = rings()
        for axis in s.axes_manager.signal_axes:
            axis.scale, axis.units = 0.0125, "1/Å"
        found = s.calibrate(ring=0.1442)
        check(s, found)

    def test_ellipse_is_undone_afterwards(self):
        s = rings()
        s.calibrate(ring=GOLD)
        r_phi = s.polar_transform(radial_range=(3.9, 4.6), n_azimuthal=90)
        mean = r_phi.data.mean(axis=(0, 1))
        radii = r_phi.axes_manager["r"].axis
        middle = (mean * radii[:, None]).sum(axis=0) / mean.sum(axis=0)
        assert np.ptp(middle) < 0.03

    def test_kept_by_files(self, tmp_path):
        s = rings()
        found = s.calibrate(ring=GOLD)
        s.save(tmp_path / "scan.hspy")
        again = hs.load(tmp_path / "scan.hspy")
        np.testing.assert_array_equal(
            again.get_detector_mask(2, 4).data, s.get_detector_mask(2, 4).data
        )
        assert found.distortion is not None

    def test_no_ring_fits(self):
        s = rings()
        for axis in s.axes_manager.signal_axes:
            axis.scale, axis.units = SCALE, "1/nm"
        with pytest.raises(ValueError, match=r"No ring .* fits `ring` = 3 nm"):
            s.calibrate(ring=3.0)

    @pytest.mark.parametrize(
        ("ring", "error"), [(-1, ValueError), ("nowhere.cif", FileNotFoundError), ({}, ValueError)]
    )
    def test_bad_ring(self, ring, error):
        with pytest.raises(error):
            rings().calibrate(ring=ring)


class TestDifferentUnits:
    def test_are_converted(self):
        s = rings()
        x, y = s.axes_manager.signal_axes
        x.scale, x.units, y.scale, y.units = SCALE, "1/nm", SCALE / 10, "1/Å"
        same = rings()
        for axis in same.axes_manager.signal_axes:
            axis.scale, axis.units = SCALE, "1/nm"
        np.testing.assert_array_equal(
            s.get_detector_mask(2, 4, CENTER).data, same.get_detector_mask(2, 4, CENTER).data
        )

    def test_are_refused_where_unknown(self):
        s = rings()
        x, y = s.axes_manager.signal_axes
        x.scale, x.units, y.units = SCALE, "1/nm", "cups of tea"
        with pytest.raises(ValueError, match=r"'1/nm' and y in 'cups of tea'"):
            s.get_detector_mask(2, 4, CENTER)


class TestHyperSpysOwn:
    def test_a_line_of_known_length(self):
        s = rings()
        s.calibrate(x0=1, y0=1, x1=5, y1=1, new_length=2.0, units="nm", interactive=False)
        assert s.axes_manager.signal_axes[0].scale == pytest.approx(0.5)
        assert s.axes_manager.signal_axes[0].units == "nm"

    def test_not_both(self):
        with pytest.raises(TypeError, match="takes nothing of a line, got new_length"):
            rings().calibrate(ring=0.2, new_length=2.0)
